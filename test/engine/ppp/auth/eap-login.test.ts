import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EapLogin } from '../../../../src/engine/ppp/auth/eap-login.ts';
import { mschapv2Keys } from '../../../../src/engine/ppp/auth/mppe-keys.ts';
import { authenticatorResponse, ntResponse } from '../../../../src/engine/ppp/auth/mschapv2.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';
import { packet, seededRandom } from '../pair.ts';
import { clientSpec } from '../specs.ts';
import { hear, take, text } from './talk.ts';

const EAP = 0xc227;
const CHALLENGE = new Uint8Array(16).fill(9);

const fresh = (changes = {}): EapLogin => new EapLogin(clientSpec(changes), seededRandom(1));
const request = (id: number, data: readonly number[]): Uint8Array => packet(EAP, 1, id, data);
const md5Challenge = (id: number): Uint8Array => request(id, [4, 16, ...CHALLENGE, ...text('lns')]);
const msChallenge = (id: number): Uint8Array => request(id, [26, 1, id, 0, 24, 16, ...CHALLENGE, ...text('lns')]);

/** The EAP-MSCHAPv2 packet that carries a text. */
function ms(id: number, op: number, words: string): Uint8Array {
  return request(id, [26, op, 5, 0, 4 + words.length, ...text(words)]);
}

/** Answers an EAP-MSCHAPv2 challenge; what its Success has to say. */
function answered(eap: EapLogin): { proof: string; nt: Uint8Array } {
  const [frame] = hear(eap, msChallenge(5));
  const peerChallenge = frame.slice(14, 30);
  const exchange = {
    authenticatorChallenge: CHALLENGE,
    peerChallenge,
    user: 'bob',
    password: new Secret('hunter2'),
  };
  const nt = ntResponse(exchange);
  const value = [...peerChallenge, ...new Array(8).fill(0), ...nt, 0];
  expect(frame).toEqual(packet(EAP, 2, 5, [26, 2, 5, 0, 57, 49, ...value, ...text('bob')]));
  return { proof: authenticatorResponse(exchange, nt), nt };
}

describe('the EAP login', () => {
  it('says who we are, and a copy to a copy (RFC 3748 4.1, 5.1)', () => {
    const eap = fresh();
    const answer = packet(EAP, 2, 7, [1, ...text('bob')]);
    expect(hear(eap, request(7, [1, ...text('Who?')]))).toEqual([answer]);
    expect(hear(eap, request(7, [1]))).toEqual([answer]);
    expect(hear(eap, request(8, [1]))).toEqual([packet(EAP, 2, 8, [1, ...text('bob')])]);
    expect(eap.state).toBe('waiting');
  });

  it('names what it can do when it is asked for something else (RFC 3748 5.3.1)', () => {
    const eap = fresh();
    expect(hear(eap, request(1, [13, 0x20]))).toEqual([packet(EAP, 2, 1, [3, 26, 4])]);
    expect(hear(eap, request(2, [254, 0, 0, 0, 0, 0, 0, 4]))).toEqual([packet(EAP, 2, 2, [3, 26, 4])]);
    expect(hear(eap, md5Challenge(3))[0][8]).toBe(4);
    // RFC 3748 2.1: no more of that once a method has begun.
    expect(hear(eap, request(4, [13, 0x20]))).toEqual([]);
    expect(hear(eap, msChallenge(5))).toEqual([]);
    expect(hear(eap, request(6, [1]))).toEqual([]);
    // But another challenge of the same type.
    expect(hear(eap, md5Challenge(7))[0].slice(5, 9)).toEqual(Uint8Array.of(7, 0, 25, 4));
  });

  it('does not begin a second method', () => {
    const eap = fresh();
    answered(eap);
    expect(hear(eap, md5Challenge(6))).toEqual([]);
    expect(hear(eap, msChallenge(7))).toEqual([]);
  });

  it('heeds nothing that is no request in order', () => {
    const eap = fresh();
    for (const frame of [
      request(1, []),
      request(1, [0]),
      request(1, [3, 4]),
      packet(EAP, 2, 1, [1]),
      packet(EAP, 9, 1, [1]),
      request(1, [1, 2, 3]).slice(0, -1),
      request(1, [4]),
      request(1, [4, 0]),
      request(1, [4, 17, ...CHALLENGE]),
      request(1, [26, 1, 1]),
      request(1, [26, 1, 1, 0, 24, 8, ...CHALLENGE]),
      request(1, [26, 1, 1, 0, 99, 16, ...CHALLENGE]),
      request(1, [26, 3, 1, 0, 4]),
      request(1, [26, 4, 1, 0, 4]),
    ]) {
      expect(hear(eap, frame)).toEqual([]);
    }
    expect(eap.state).toBe('waiting');
  });

  it('confirms a notification, and remembers it in a refusal (RFC 3748 5.2)', () => {
    const eap = fresh();
    hear(eap, request(1, [1]));
    expect(hear(eap, request(2, [2, ...text('pay first')]))).toEqual([packet(EAP, 2, 2, [2])]);
    hear(eap, packet(EAP, 4, 2));
    expect(eap.failure).toMatchObject({
      reason: 'the peer refused our user name or password: pay first',
      cause: { code: 16, protocol: EAP, direction: 2 },
    });
  });

  it('waits for its peer as long as it would try itself', () => {
    for (const [frames, reason] of [
      [[], 'the peer sends no EAP request'],
      [[md5Challenge(1)], 'the peer gives no EAP verdict'],
    ] as const) {
      const eap = fresh();
      eap.start(0);
      for (const frame of frames) hear(eap, frame, 0);
      expect(eap.timerAt).toBe(30_000);
      eap.tick();
      expect(eap).toMatchObject({ state: 'failed', timerAt: 0, failure: { reason, cause: { code: 13 } } });
    }
  });
});

describe('EAP-MD5 as the client', () => {
  it('answers with the digest, and takes the verdict (RFC 3748 5.4)', () => {
    const digest = createHash('md5').update(Uint8Array.of(3)).update('hunter2').update(CHALLENGE).digest();
    for (const [code, state] of [
      [3, 'passed'],
      [4, 'failed'],
    ] as const) {
      const eap = fresh();
      hear(eap, request(2, [1]));
      expect(hear(eap, md5Challenge(3))).toEqual([packet(EAP, 2, 3, [4, 16, ...digest, ...text('bob')])]);
      hear(eap, packet(EAP, code, 9));
      expect(eap.state).toBe('waiting');
      hear(eap, packet(EAP, code, 3));
      expect(eap).toMatchObject({ state, timerAt: 0 });
    }
  });

  it('takes a verdict of those who count on', () => {
    const eap = fresh();
    hear(eap, md5Challenge(255));
    hear(eap, packet(EAP, 3, 0));
    expect(eap.state).toBe('passed');
  });

  it("infers a lost Success from a network protocol's packet (RFC 3748 3.4)", () => {
    const eap = fresh();
    hear(eap, request(2, [1]));
    eap.onNetwork();
    expect(eap.state).toBe('waiting');
    hear(eap, md5Challenge(3));
    eap.onNetwork();
    expect(eap).toMatchObject({ state: 'passed', timerAt: 0 });
  });

  it('does it all again when asked again, and stays when the verdict is missing', () => {
    const eap = fresh();
    for (const first of [10, 20, 30]) {
      hear(eap, request(first, [1]));
      hear(eap, md5Challenge(first + 1));
      hear(eap, packet(EAP, 3, first + 1));
      expect(eap).toMatchObject({ state: 'passed', timerAt: 0 });
      // A late copy is nothing new.
      expect(hear(eap, md5Challenge(first + 1))).toEqual([]);
    }
    // Some go without the Identity the second time.
    expect(hear(eap, md5Challenge(40)).length).toBe(1);
    eap.tick();
    expect(eap).toMatchObject({ state: 'passed', timerAt: 0 });
    expect(hear(eap, request(50, [1])).length).toBe(1);
    hear(eap, packet(EAP, 4, 50));
    expect(eap.state).toBe('failed');
  });
});

describe('EAP-MSCHAPv2 as the client', () => {
  it('passes when both know the password', () => {
    const eap = fresh({ mppe: 'optional' });
    hear(eap, request(4, [1]));
    const { proof, nt } = answered(eap);
    expect(hear(eap, ms(6, 3, `${proof} M=hello`))).toEqual([packet(EAP, 2, 6, [26, 3])]);
    expect(eap.state).toBe('waiting');
    // RFC 3748 4.2: after that only Success is possible.
    hear(eap, packet(EAP, 4, 6));
    expect(eap.state).toBe('waiting');
    hear(eap, packet(EAP, 3, 6));
    expect(eap.state).toBe('passed');
    expect(eap.mppeKeys).toEqual(mschapv2Keys(new Secret('hunter2'), nt, false));
  });

  it('passes when the Success does not come (RFC 3748 4.2)', () => {
    const eap = fresh();
    hear(eap, ms(6, 3, answered(eap).proof));
    eap.tick();
    expect(eap).toMatchObject({ state: 'passed', timerAt: 0 });
  });

  it.each([
    ['at once', []],
    ['after the Identity', [request(1, [1])]],
    ['before the peer has proved itself', [request(1, [1]), msChallenge(5)]],
  ])('heeds no Success %s, nor a network protocol', (_when, frames) => {
    const eap = fresh();
    for (const frame of frames) hear(eap, frame);
    for (const id of [0, 1, 5, 6, 255]) hear(eap, packet(EAP, 3, id));
    eap.onNetwork();
    expect(eap.state).toBe('waiting');
  });

  it.each(['', 'S=', `S=${'0'.repeat(40)}`])('ends when the peer proves itself by %j', (proof) => {
    const eap = fresh();
    answered(eap);
    expect(hear(eap, ms(6, 3, proof))).toEqual([packet(EAP, 2, 6, [26, 4])]);
    expect(eap.failure).toMatchObject({
      reason: 'the peer could not prove that it knows our password',
      cause: { code: 16, direction: 1 },
    });
    hear(eap, packet(EAP, 3, 6));
    expect(eap.state).toBe('failed');
  });

  it('says in words why it was refused', () => {
    const eap = fresh();
    answered(eap);
    expect(hear(eap, ms(6, 4, `E=647 R=0 C=${'0'.repeat(32)} V=3 M=ask Jo`))).toEqual([packet(EAP, 2, 6, [26, 4])]);
    expect(eap).toMatchObject({
      state: 'failed',
      failure: { reason: 'the peer refused our user name or password: the account is disabled (error 647): ask Jo' },
    });
    expect(take((out) => eap.receive(msChallenge(9), 4, 33, 0, out))).toEqual([]);
  });

  it('may come to a Failure at once', () => {
    const eap = fresh();
    answered(eap);
    hear(eap, packet(EAP, 4, 5));
    expect(eap.failure?.reason).toBe('the peer refused our user name or password');
  });
});
