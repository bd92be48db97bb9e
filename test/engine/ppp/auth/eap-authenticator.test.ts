import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AuthenticateAnswer } from '../../../../src/engine/aaa.ts';
import { EapAuthenticator } from '../../../../src/engine/ppp/auth/eap-authenticator.ts';
import { mschapv2Keys } from '../../../../src/engine/ppp/auth/mppe-keys.ts';
import { authenticatorResponse, ntResponse } from '../../../../src/engine/ppp/auth/mschapv2.ts';
import type { PppSpec } from '../../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';
import { checkAgainst, packet, seededRandom } from '../pair.ts';
import { serverSpec } from '../specs.ts';
import { hear, take, text } from './talk.ts';

const EAP = 0xc227;

/** An EAP packet as whoever knows the users has it: without PPP's header. */
const eap = (code: number, identifier: number, data: readonly number[] = []): Uint8Array =>
  packet(EAP, code, identifier, data).slice(4);

/** An authenticator, what it said last, and a peer that answers it. */
class Bench {
  readonly eap: EapAuthenticator;
  last = new Uint8Array();

  constructor(changes: Partial<PppSpec> = {}) {
    this.eap = new EapAuthenticator(serverSpec(changes), seededRandom(1));
    this.keep(take((out) => this.eap.start(0, out)));
  }

  private keep(frames: Uint8Array[]): Uint8Array[] {
    this.last = new Uint8Array(frames.at(-1) ?? this.last);
    return frames;
  }

  get identifier(): number {
    return this.last[5];
  }

  /** The peer's Response to our last packet. */
  respond(data: readonly number[]): Uint8Array[] {
    return this.keep(hear(this.eap, packet(EAP, 2, this.identifier, data)));
  }

  answer(answer: AuthenticateAnswer, now = 100): Uint8Array[] {
    return this.keep(take((out) => this.eap.answer(answer, now, out)));
  }

  tick(): Uint8Array[] {
    return this.keep(take((out) => this.eap.tick(this.eap.timerAt, out)));
  }

  /** The peer says who it is, and we have its password. */
  known(user = 'bob'): this {
    this.respond([1, ...text(user)]);
    this.answer(checkAgainst('hunter2'));
    return this;
  }

  /** The data of a right answer to the EAP-MSCHAPv2 challenge that we sent last. */
  msChapV2(password = 'hunter2', name = 'bob'): number[] {
    const exchange = {
      authenticatorChallenge: this.last.slice(14, 30),
      peerChallenge: new Uint8Array(16).fill(7),
      user: name,
      password: new Secret(password),
    };
    const value = [...exchange.peerChallenge, ...new Array(8).fill(0), ...ntResponse(exchange), 0];
    return [26, 2, this.last[10], 0, 4 + 1 + 49 + name.length, 49, ...value, ...text(name)];
  }

  /** The same for the MD5-Challenge. */
  md5(password = 'hunter2', name = 'bob'): number[] {
    const hash = createHash('md5').update(this.last.subarray(5, 6)).update(password).update(this.last.slice(10, 26));
    return [4, 16, ...hash.digest(), ...text(name)];
  }
}

describe('the EAP authenticator', () => {
  it('asks who the peer is, and hands its whole answer on', () => {
    const bench = new Bench();
    const { identifier } = bench;
    expect(bench.last).toEqual(packet(EAP, 1, identifier, [1]));
    expect(bench.respond([1, ...text('bob')])).toEqual([]);
    expect(bench.eap).toMatchObject({ state: 'asking', user: 'bob' });
    expect(bench.eap.credentials()).toEqual({ method: 'eap', packet: eap(2, identifier, [1, ...text('bob')]) });
    // Once: the next one is asked when this one is answered.
    expect(bench.respond([1, ...text('eve')])).toEqual([]);
    expect(bench.eap.user).toBe('bob');
  });

  it('repeats the very same request, and gives up without a word (RFC 3748 4.1, 4.3)', () => {
    const bench = new Bench({ chapMaxChallenge: 3 });
    const first = bench.last;
    expect(bench.eap.timerAt).toBe(3000);
    expect([bench.tick(), bench.tick(), bench.tick()]).toEqual([[first], [first], []]);
    expect(bench.eap).toMatchObject({
      state: 'failed',
      timerAt: 0,
      failure: { reason: 'the peer does not answer EAP requests', cause: { code: 13, protocol: EAP, direction: 0 } },
    });
  });

  it('gives up when nobody answers for the user', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    expect(bench.eap.timerAt).toBe(30_100);
    expect(bench.tick()).toEqual([]);
    expect(bench.eap.failure?.reason).toBe('nobody answers for the user');
  });

  it('heeds nothing that is no answer to its request', () => {
    const bench = new Bench();
    const { identifier } = bench;
    const wrong = [
      packet(EAP, 2, (identifier + 1) & 255, [1, 66]),
      packet(EAP, 2, identifier, []),
      packet(EAP, 2, identifier, [4, 66]),
      packet(EAP, 2, identifier, [3, 26]),
      packet(EAP, 1, identifier, [1, 66]),
      packet(EAP, 3, identifier, []),
      packet(EAP, 5, identifier, [1, 66]),
      packet(EAP, 2, identifier, [1, ...new Array(256).fill(66)]),
      packet(EAP, 2, identifier, [1, 66]).slice(0, -1),
    ];
    for (const frame of wrong) expect(hear(bench.eap, frame)).toEqual([]);
    expect(bench.eap.state).toBe('waiting');
    // What stands behind the packet is padding.
    hear(bench.eap, Uint8Array.of(...packet(EAP, 2, identifier, [1, 66]), 1, 2, 3));
    expect(bench.eap).toMatchObject({ state: 'asking', user: 'B' });
  });

  it('asks who the peer is again after the interval, under another identifier', () => {
    const bench = new Bench({ chapIntervalMs: 60_000 }).known();
    bench.respond(bench.msChapV2());
    bench.respond([26, 3]);
    expect(bench.eap).toMatchObject({ state: 'passed', timerAt: 60_100 });
    const before = bench.identifier;
    bench.tick();
    expect(bench.last).toEqual(packet(EAP, 1, (before + 1) & 255, [1]));
    bench.known();
    bench.respond(bench.msChapV2('wrong'));
    bench.respond([26, 4]);
    expect(bench.eap.state).toBe('failed');
  });
});

describe('EAP-MSCHAPv2 of our own', () => {
  it('passes who knows the password and believes that we do', () => {
    const bench = new Bench({ mppe: 'optional' }).known();
    const challenge = bench.last;
    const { identifier } = bench;
    expect(challenge.slice(0, 14)).toEqual(
      Uint8Array.of(0xff, 3, 0xc2, 0x27, 1, identifier, 0, 5 + 4 + 1 + 16 + 3, 26, 1, identifier, 0, 24, 16),
    );
    expect([...challenge.slice(30)]).toEqual(text('lns'));
    expect(challenge.length).toBe(33);

    const response = bench.msChapV2();
    bench.respond(response);
    const nt = Uint8Array.from(response.slice(30, 54));
    const exchange = {
      authenticatorChallenge: challenge.slice(14, 30),
      peerChallenge: new Uint8Array(16).fill(7),
      user: 'bob',
      password: new Secret('hunter2'),
    };
    const proof = text(`${authenticatorResponse(exchange, nt)} M=welcome`);
    expect(bench.last).toEqual(
      packet(EAP, 1, (identifier + 1) & 255, [26, 3, identifier, 0, 4 + proof.length, ...proof]),
    );
    expect(bench.eap.state).toBe('waiting');
    expect(bench.respond([26, 3])).toEqual([packet(EAP, 3, (identifier + 1) & 255)]);
    expect(bench.eap).toMatchObject({ state: 'passed', timerAt: 0, failure: undefined });
    expect(bench.eap.mppeKeys).toEqual(mschapv2Keys(exchange.password, nt, true));
    // A copy of the last Response means that the Success may have been lost.
    expect(bench.respond([26, 3])).toEqual([packet(EAP, 3, (identifier + 1) & 255)]);
  });

  it.each([
    ['a wrong password', 'wrong', 'bob', 'wrong password'],
    ["somebody else's name", 'hunter2', 'eve', '"eve" answers for it'],
  ])('refuses %s', (_what, password, name, reason) => {
    const bench = new Bench().known();
    const id = bench.identifier;
    bench.respond(bench.msChapV2(password, name));
    const { last } = bench;
    expect([last[4], last[8], last[9], last[10]]).toEqual([1, 26, 4, id]);
    expect(Buffer.from(last.slice(13)).toString()).toMatch(/^E=691 R=0 C=[0-9A-F]{32} V=3 M=authentication failed$/);
    // Whatever it says to that.
    expect(bench.respond([26, 99])).toEqual([packet(EAP, 4, last[5])]);
    expect(bench.eap).toMatchObject({ state: 'failed', failure: { reason, cause: { code: 16, direction: 1 } } });
  });

  it.each([
    ['DOMAIN\\bob', 'bob'],
    ['bob', 'DOMAIN\\bob'],
  ])('takes %j and %j for the same user', (identity, name) => {
    const bench = new Bench().known(identity);
    bench.respond(bench.msChapV2('hunter2', name));
    expect(bench.last[9]).toBe(3);
  });

  it('heeds no answer whose lengths or identifiers do not fit', () => {
    const bench = new Bench().known();
    const right = bench.msChapV2();
    const changed = (at: number, value: number) => right.map((octet, i) => (i === at ? value : octet));
    for (const data of [
      [26],
      [26, 2],
      [26, 2, right[2], 0, 4],
      changed(1, 3),
      changed(2, right[2] ^ 1),
      changed(4, right[4] + 1),
      changed(4, 20),
      changed(5, 48),
      changed(5, 0),
      changed(5, 200),
    ]) {
      expect(bench.respond(data)).toEqual([]);
    }
    expect(bench.eap.state).toBe('waiting');
    bench.respond(right);
    // Nor a Success of the peer's own, nor another try.
    expect(bench.respond(right)).toEqual([]);
    expect(bench.respond([4, 16, ...new Array(16).fill(0)])).toEqual([]);
    expect(bench.respond([3, 4])).toEqual([]);
    expect(bench.respond([26, 3])[0][4]).toBe(3);
  });

  it('ends when the peer does not believe that we know its password', () => {
    const bench = new Bench().known();
    bench.respond(bench.msChapV2());
    expect(bench.respond([26, 4])[0][4]).toBe(4);
    expect(bench.eap.failure?.reason).toBe('the peer does not believe that we know its password');
  });
});

describe('EAP-MD5 of our own', () => {
  it('comes when the peer would rather have it (RFC 3748 5.3.1)', () => {
    const bench = new Bench().known();
    const { identifier } = bench;
    bench.respond([3, 13, 4, 25]);
    expect(bench.last.slice(0, 10)).toEqual(
      Uint8Array.of(0xff, 3, 0xc2, 0x27, 1, (identifier + 1) & 255, 0, 5 + 1 + 16 + 3, 4, 16),
    );
    expect([...bench.last.slice(26)]).toEqual(text('lns'));
    expect(bench.respond(bench.md5())).toEqual([packet(EAP, 3, (identifier + 1) & 255)]);
    expect(bench.eap.state).toBe('passed');
  });

  it.each([
    ['a wrong password', 'wrong', 'bob', 4, 'wrong password'],
    ["somebody else's name", 'hunter2', 'eve', 4, '"eve" answers for it'],
    ['no name', 'hunter2', '', 3, undefined],
  ])('judges %s', (_what, password, name, code, reason) => {
    const bench = new Bench().known();
    bench.respond([3, 4]);
    bench.respond(bench.md5(password, name));
    expect(bench.last[4]).toBe(code);
    expect(bench.eap.failure?.reason).toBe(reason);
  });

  it('heeds no value of a wrong length', () => {
    const bench = new Bench().known();
    bench.respond([3, 4]);
    for (const data of [[4], [4, 0], [4, 16, 1], [4, 15, ...new Array(15).fill(1)], [26, 2]]) {
      expect(bench.respond(data)).toEqual([]);
    }
    expect(bench.eap.state).toBe('waiting');
  });

  it.each([
    [[3, 0], 'offered no other'],
    [[3], 'offered no other'],
    [[3, 200, 0, 99], 'offered EAP type 200, EAP type 99'],
    [[3, 13, 25], 'offered EAP-TLS, PEAP'],
    [[3, 26], 'offered EAP-MSCHAPv2'],
  ])('is all that we have besides: a Nak %j is the end', (nak, offered) => {
    const bench = new Bench().known();
    expect(bench.respond(nak)[0][4]).toBe(4);
    expect(bench.eap.failure).toMatchObject({
      reason: `the peer refused EAP-MSCHAPv2, ${offered}`,
      cause: { code: 15, direction: 1 },
    });
  });

  it('is not left again', () => {
    const bench = new Bench().known();
    bench.respond([3, 4]);
    expect(bench.respond([3, 26])[0][4]).toBe(4);
    expect(bench.eap.failure?.reason).toBe('the peer refused EAP-MD5, offered EAP-MSCHAPv2');
  });
});

describe('EAP that passes through (RFC 3748 2.3)', () => {
  it('goes to and fro unread until there is a verdict', () => {
    const bench = new Bench({ mppe: 'optional' });
    bench.respond([1, ...text('bob')]);
    for (const round of [1, 2, 3]) {
      const request = eap(1, 100 + round, [13, round, 0, 0xff]);
      const [frame] = bench.answer({ verdict: 'challenge', eap: request });
      expect(frame.slice(4)).toEqual(request);
      expect(bench.eap).toMatchObject({ state: 'waiting', timerAt: 3100 });
      expect(bench.tick()).toEqual([frame]);
      // Of any type, and only to this very request.
      hear(bench.eap, packet(EAP, 2, 99 + round, [13, 9]));
      expect(bench.eap.state).toBe('waiting');
      const data = round === 2 ? [3, 25] : [13, round];
      bench.respond(data);
      expect(bench.eap.credentials()).toEqual({ method: 'eap', packet: eap(2, 100 + round, data) });
      expect(bench.respond([13, 77])).toEqual([]);
    }
    const mppeKeys = { send: new Uint8Array(16), receive: new Uint8Array(16) };
    // What the judge says of it is what counts, not the packet that it adds.
    const answer = { verdict: 'accept', grant: {}, eap: eap(4, 9), mppeKeys } as const;
    expect(bench.answer(answer)).toEqual([packet(EAP, 3, 103)]);
    expect(bench.eap).toMatchObject({ state: 'passed', timerAt: 0, mppeKeys });
  });

  it('ends with a Failure', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    const { identifier } = bench;
    const frames = bench.answer({ verdict: 'reject', message: 'no such user', eap: eap(4, identifier) });
    expect(frames).toEqual([packet(EAP, 4, identifier)]);
    expect(bench.eap.failure?.reason).toBe('no such user');
    expect(bench.respond([1, ...text('bob')])).toEqual(frames);
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['a Success', eap(3, 1)],
    ['a request without a type', eap(1, 1)],
    ['half a request', eap(1, 1, [13, 1, 2]).slice(0, -1)],
    ['more than a request', Uint8Array.of(...eap(1, 1, [13]), 0)],
    ['a request that is too long', eap(1, 1, new Array(3000).fill(13))],
  ])('refuses the user when it is to pass on %s', (_what, packet) => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    expect(bench.answer({ verdict: 'challenge', eap: packet })[0][4]).toBe(4);
    expect(bench.eap.failure?.reason).toBe('whoever knows the users sent no EAP request');
  });

  it('takes no packet of the peer that would not fit RADIUS', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    bench.answer({ verdict: 'challenge', eap: eap(1, 1, [13]) });
    bench.respond(new Array(2997).fill(13));
    expect(bench.eap.state).toBe('waiting');
    bench.respond(new Array(2996).fill(13));
    expect(bench.eap.state).toBe('asking');
  });

  it('does not go on for ever', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    for (let round = 0; round < 100; round++) {
      expect(bench.answer({ verdict: 'challenge', eap: eap(1, round, [13]) })[0][4]).toBe(1);
      bench.respond([13, round]);
    }
    expect(bench.answer({ verdict: 'challenge', eap: eap(1, 200, [13]) })[0][4]).toBe(4);
    expect(bench.eap.failure?.reason).toBe('EAP does not end after 100 requests');
  });

  it('ends after three minutes', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    const more = { verdict: 'challenge', eap: eap(1, 1, [13]) } as const;
    expect(bench.answer(more, 180_000)[0][4]).toBe(1);
    bench.respond([13]);
    expect(bench.answer(more, 180_001)[0][4]).toBe(4);
    expect(bench.eap.failure?.reason).toBe('EAP does not end within 180 seconds');
  });

  it('does not turn into a method of ours (RFC 3748 2.1)', () => {
    const bench = new Bench();
    bench.respond([1, ...text('bob')]);
    bench.answer({ verdict: 'challenge', eap: eap(1, 1, [13]) });
    bench.respond([13]);
    expect(bench.answer(checkAgainst('hunter2'))[0][4]).toBe(4);
    expect(bench.eap.state).toBe('failed');
  });
});
