import { describe, expect, it } from 'vitest';
import { ChapAuthenticator } from '../../../../src/engine/ppp/auth/chap-authenticator.ts';
import type { ChapMethod } from '../../../../src/engine/ppp/auth/chap-kinds.ts';
import { ChapLogin } from '../../../../src/engine/ppp/auth/chap-login.ts';
import { mschapv1Key, mschapv2Keys } from '../../../../src/engine/ppp/auth/mppe-keys.ts';
import { challengeResponse, ntPasswordHash } from '../../../../src/engine/ppp/auth/ms-chap-digests.ts';
import { readMsChapFailure } from '../../../../src/engine/ppp/auth/ms-chap-failure.ts';
import { authenticatorResponse, ntResponse } from '../../../../src/engine/ppp/auth/mschapv2.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';
import { checkAgainst, packet, seededRandom } from '../pair.ts';
import { clientSpec, serverSpec } from '../specs.ts';
import { hear, said, take, text } from './talk.ts';

const CHAP = 0xc223;
const PASSWORD = new Secret('hunter2');

/** An authenticator that has challenged, and its challenge. */
class Bench {
  readonly chap: ChapAuthenticator;
  identifier: number;
  challenge: Uint8Array;

  constructor(method: ChapMethod, mppe: 'none' | 'optional' | 'required' = 'none') {
    this.chap = new ChapAuthenticator(serverSpec({ mppe }), seededRandom(1), method);
    const [frame] = take((out) => this.chap.start(0, out));
    this.identifier = frame[5];
    this.challenge = frame.slice(9, 9 + frame[8]);
  }

  answer(answer: Parameters<ChapAuthenticator['answer']>[0]): Uint8Array {
    const frames = take((out) => this.chap.answer(answer, 100, out));
    expect(frames.length).toBe(1);
    return frames[0];
  }

  /** Responds with anything and is refused; the peer goes on under the next identifier. */
  refused(method: ChapMethod, msChapError: string): Uint8Array {
    const value = method === 'mschapv1' ? v1Value(PASSWORD, this.challenge) : new Uint8Array(49).fill(2);
    hear(this.chap, packet(CHAP, 2, this.identifier, [49, ...value, ...text('bob')]));
    expect(this.chap.state).toBe('asking');
    const frame = this.answer({ verdict: 'reject', message: 'no', msChapError });
    expect([frame[4], frame[5]]).toEqual([4, this.identifier]);
    this.identifier = (this.identifier + 1) & 255;
    return frame;
  }
}

function v1Value(password: Secret, challenge: Uint8Array, useNt = 1): Uint8Array {
  const nt = challengeResponse(challenge, ntPasswordHash(password));
  return Uint8Array.of(...new Array(24).fill(0), ...nt, useNt);
}

describe('MS-CHAPv1 (RFC 2433)', () => {
  it('challenges with 8 octets and passes who answers with the NT response', () => {
    const bench = new Bench('mschapv1', 'required');
    expect(bench.challenge.length).toBe(8);
    const value = v1Value(PASSWORD, bench.challenge);
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...value, ...text('bob')]));
    expect(bench.chap.credentials()).toEqual({
      method: 'mschapv1',
      identifier: bench.identifier,
      challenge: bench.challenge,
      response: { lm: new Uint8Array(24), nt: value.slice(24, 48), useNt: true },
    });
    const success = bench.answer(checkAgainst('hunter2'));
    expect(success).toEqual(packet(CHAP, 3, bench.identifier));
    const key = mschapv1Key(PASSWORD, bench.challenge);
    expect(bench.chap).toMatchObject({ state: 'passed', timerAt: 0, mppeKeys: { send: key, receive: key } });
  });

  it.each([
    ['a wrong password', (challenge: Uint8Array) => v1Value(new Secret('wrong'), challenge)],
    ['an NT response that does not count', (challenge: Uint8Array) => v1Value(PASSWORD, challenge, 0)],
    [
      "LAN Manager's response alone",
      (challenge: Uint8Array) =>
        Uint8Array.of(...challengeResponse(challenge, ntPasswordHash(PASSWORD)), ...new Array(24).fill(0), 0),
    ],
  ])('refuses %s', (_name, value) => {
    const bench = new Bench('mschapv1');
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...value(bench.challenge), ...text('bob')]));
    const failure = bench.answer(checkAgainst('hunter2'));
    expect([failure[4], failure[5]]).toEqual([4, bench.identifier]);
    expect(said(failure)).toMatch(/^E=691 R=0 C=[0-9A-F]{16} V=2 M=authentication failed$/);
    expect(bench.chap).toMatchObject({ state: 'failed', timerAt: 0, mppeKeys: undefined });
  });

  it('answers a challenge of 8 octets only, without an LM response', () => {
    const chap = new ChapLogin(clientSpec({ mppe: 'optional' }), seededRandom(1), 'mschapv1');
    expect(hear(chap, packet(CHAP, 1, 5, [16, ...new Array(16).fill(9)]))).toEqual([]);
    const challenge = new Uint8Array(8).fill(9);
    const [response] = hear(chap, packet(CHAP, 1, 5, [8, ...challenge]));
    expect(response).toEqual(packet(CHAP, 2, 5, [49, ...v1Value(PASSWORD, challenge), ...text('bob')]));
    hear(chap, packet(CHAP, 3, 5, text('hello')));
    expect(chap.state).toBe('passed');
    expect(chap.mppeKeys?.send).toEqual(mschapv1Key(PASSWORD, challenge));
  });
});

describe("MS-CHAPv2's keys", () => {
  it('belong together at both ends', () => {
    const bench = new Bench('mschapv2', 'optional');
    const login = new ChapLogin(clientSpec({ mppe: 'optional' }), seededRandom(2), 'mschapv2');
    const [response] = hear(login, packet(CHAP, 1, bench.identifier, [16, ...bench.challenge]));
    hear(bench.chap, response);
    hear(login, bench.answer(checkAgainst('hunter2')));
    expect([bench.chap.state, login.state]).toEqual(['passed', 'passed']);
    expect(bench.chap.mppeKeys).toEqual(mschapv2Keys(PASSWORD, response.slice(33, 57), true));
    expect(login.mppeKeys).toEqual({ send: bench.chap.mppeKeys?.receive, receive: bench.chap.mppeKeys?.send });
  });

  it('are those of whoever judged', () => {
    const bench = new Bench('mschapv2', 'optional');
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...new Array(49).fill(2), ...text('bob')]));
    const mppeKeys = { send: new Uint8Array(16).fill(1), receive: new Uint8Array(16).fill(2) };
    bench.answer({ verdict: 'accept', grant: {}, authenticatorResponse: 'S=A', mppeKeys });
    expect(bench.chap.mppeKeys).toBe(mppeKeys);
  });
});

describe('a Failure of whoever knows the users', () => {
  it('is passed on as it is, and its R=1 lets the peer try again (RFC 2759 6)', () => {
    const bench = new Bench('mschapv2');
    const error = `E=691 R=1 C=${'0A'.repeat(16)} V=3 M=once more`;
    const failure = bench.refused('mschapv2', error);
    expect(said(failure)).toBe(error);
    expect(bench.chap).toMatchObject({ state: 'waiting', failure: undefined, timerAt: 60_100 });
    // Who missed it and asks again gets it again, and is not judged again.
    const old = packet(CHAP, 2, failure[5], [49, ...new Array(49).fill(2), ...text('bob')]);
    expect(hear(bench.chap, old)).toEqual([failure]);
    expect(bench.chap.state).toBe('waiting');

    const exchange = {
      authenticatorChallenge: new Uint8Array(16).fill(10),
      peerChallenge: new Uint8Array(16).fill(7),
      user: 'alice',
      password: PASSWORD,
    };
    const nt = ntResponse(exchange);
    const value = [...exchange.peerChallenge, ...new Array(8).fill(0), ...nt, 0];
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...value, ...text('alice')]));
    expect(bench.chap).toMatchObject({ state: 'asking', user: 'alice' });
    const success = bench.answer(checkAgainst('hunter2'));
    expect([success[4], success[5]]).toEqual([3, bench.identifier]);
    expect(said(success)).toBe(`${authenticatorResponse(exchange, nt)} M=welcome`);
    expect(bench.chap).toMatchObject({ state: 'passed', timerAt: 0 });
  });

  it('ends the third try, whatever it says, and tells the peer', () => {
    const bench = new Bench('mschapv2');
    const error = 'E=691 R=1 V=3';
    expect(said(bench.refused('mschapv2', error))).toBe(error);
    expect(said(bench.refused('mschapv2', error))).toBe(error);
    expect(said(bench.refused('mschapv2', error))).toBe('E=691 R=0 V=3');
    expect(bench.chap).toMatchObject({ state: 'failed', failure: { reason: 'no' }, timerAt: 0 });
  });

  it('gives no second try to who fails a later challenge', () => {
    const bench = new Bench('mschapv1');
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...v1Value(PASSWORD, bench.challenge), 66]));
    bench.answer(checkAgainst('hunter2'));
    const [next] = take((out) => bench.chap.tick(1000, out));
    bench.identifier = next[5];
    bench.challenge = next.slice(9, 17);
    expect(said(bench.refused('mschapv1', 'E=691 R=1 V=2'))).toBe('E=691 R=0 V=2');
    expect(bench.chap.state).toBe('failed');
  });

  it('waits for the second try, but not for ever', () => {
    const bench = new Bench('mschapv1');
    bench.refused('mschapv1', 'E=691 R=1 V=2');
    expect(take((out) => bench.chap.tick(bench.chap.timerAt, out))).toEqual([]);
    expect(bench.chap).toMatchObject({ state: 'failed', failure: { reason: 'no', cause: { code: 16, direction: 1 } } });
  });

  it('names the next challenge, or means the last one and 23 more (RFC 2433 8)', () => {
    for (const [error, next] of [
      ['E=691 R=1 V=2', (last: Uint8Array) => Uint8Array.of(last[0] + 23, ...last.slice(1))],
      ['E=691 C=0102030405060708 R=1', () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
      ['E=691 C=01020304 R=1', (last: Uint8Array) => Uint8Array.of(last[0] + 23, ...last.slice(1))],
    ] as const) {
      const bench = new Bench('mschapv1');
      bench.refused('mschapv1', error);
      bench.challenge = next(bench.challenge);
      hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...v1Value(PASSWORD, bench.challenge), 66]));
      bench.answer(checkAgainst('hunter2'));
      expect(bench.chap.state).toBe('passed');
    }
  });

  it('is no text for the other methods', () => {
    const chap = new ChapAuthenticator(serverSpec(), seededRandom(1), 'chap');
    const [challenge] = take((out) => chap.start(0, out));
    hear(chap, packet(CHAP, 2, challenge[5], [16, ...new Array(16).fill(2), ...text('bob')]));
    const answer = { verdict: 'reject', message: 'no', msChapError: 'E=691 R=1 V=2', reply: 'R=1, sorry' } as const;
    expect(said(take((out) => chap.answer(answer, 0, out))[0])).toBe('R=1, sorry');
    expect(chap.state).toBe('failed');
  });

  it('bears the words for the peer when it has no error of its own', () => {
    const bench = new Bench('mschapv2');
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...new Array(49).fill(2), ...text('bob')]));
    const frame = bench.answer({ verdict: 'reject', message: 'no credit', reply: 'Please pay.' });
    expect(readMsChapFailure(said(frame))).toMatchObject({
      error: 691,
      retry: false,
      version: 3,
      message: 'Please pay.',
    });
    expect(bench.chap.failure?.reason).toBe('no credit');
  });
});

describe('an expired password', () => {
  const NEW_PASSWORD = {
    mschapv1: { code: 6, octets: 1114, method: 'mschapv1NewPassword', error: 'E=648 R=0 V=2' },
    mschapv2: {
      code: 7,
      octets: 582,
      method: 'mschapv2NewPassword',
      error: `E=648 R=0 C=${'0A'.repeat(16)} V=3 M=old`,
    },
  } as const;
  const each = ['mschapv1', 'mschapv2'] as const;

  it.each(each)('may be changed with %s (RFC 2433 10, RFC 2759 7)', (method) => {
    const { code, octets, error } = NEW_PASSWORD[method];
    const bench = new Bench(method);
    const failure = bench.refused(method, error);
    expect(said(failure)).toBe(error);
    const data = Uint8Array.from({ length: octets }, (_, i) => i);
    // Neither another try nor half a change, nor one under the old identifier.
    hear(bench.chap, packet(CHAP, 2, bench.identifier, [49, ...new Array(49).fill(2), ...text('bob')]));
    hear(bench.chap, packet(CHAP, code, bench.identifier, [...data.slice(1)]));
    expect(hear(bench.chap, packet(CHAP, code, failure[5], [...data]))).toEqual([failure]);
    expect(bench.chap.state).toBe('waiting');
    hear(bench.chap, packet(CHAP, code, bench.identifier, [...data]));
    expect(bench.chap).toMatchObject({ state: 'asking', user: 'bob' });
    expect(bench.chap.credentials()).toEqual({
      method: NEW_PASSWORD[method].method,
      identifier: bench.identifier,
      challenge: method === 'mschapv1' ? bench.challenge : new Uint8Array(16).fill(10),
      data,
    });
    const success = bench.answer({ verdict: 'accept', grant: {}, authenticatorResponse: 'S=12 M=changed' });
    expect(success).toEqual(packet(CHAP, 3, bench.identifier, method === 'mschapv1' ? [] : text('S=12 M=changed')));
    expect(bench.chap.state).toBe('passed');
  });

  it.each(each)('cannot be changed with %s where the password is ours', (method) => {
    const bench = new Bench(method);
    bench.refused(method, NEW_PASSWORD[method].error);
    const { code, octets } = NEW_PASSWORD[method];
    hear(bench.chap, packet(CHAP, code, bench.identifier, new Array(octets).fill(1)));
    expect(readMsChapFailure(said(bench.answer(checkAgainst('hunter2'))))).toMatchObject({ error: 709, retry: false });
    expect(bench.chap).toMatchObject({ state: 'failed', failure: { reason: 'the password cannot be changed here' } });
  });

  it('that cannot be changed after all is the end', () => {
    const bench = new Bench('mschapv2');
    bench.refused('mschapv2', NEW_PASSWORD.mschapv2.error);
    hear(bench.chap, packet(CHAP, 7, bench.identifier, new Array(582).fill(1)));
    const frame = bench.answer({ verdict: 'reject', message: 'too short', msChapError: 'E=648 R=1 V=3' });
    expect(said(frame)).toBe('E=648 R=0 V=3');
    expect(bench.chap.state).toBe('failed');
  });

  it('is not changed by the packet that shows it (RFC 2433 9)', () => {
    const bench = new Bench('mschapv1');
    bench.refused('mschapv1', 'E=648 R=0 V=2');
    const [frame] = hear(bench.chap, packet(CHAP, 5, bench.identifier, new Array(68).fill(1)));
    expect([frame[4], frame[5]]).toEqual([4, bench.identifier]);
    expect(readMsChapFailure(said(frame))).toMatchObject({ error: 709, retry: false });
    expect(bench.chap.state).toBe('failed');
  });

  it('is not changed unasked', () => {
    for (const error of ['E=691 R=1 V=3', undefined]) {
      const bench = new Bench('mschapv2');
      if (error !== undefined) bench.refused('mschapv2', error);
      expect(hear(bench.chap, packet(CHAP, 7, bench.identifier, new Array(582).fill(1)))).toEqual([]);
      expect(bench.chap.state).toBe('waiting');
    }
  });
});

describe('a refused client says why in words', () => {
  it.each([
    ['E=646 R=0', 'logon is restricted at this hour (error 646)'],
    ['R=0 V=3 E=647', 'the account is disabled (error 647)'],
    ['V=3 C=0102 E=648 R=0', 'the password has expired (error 648)'],
    ['E=649 R=0 V=3 M=ask Jo, not E=691', 'no permission to dial in (error 649): ask Jo, not E=691'],
    ['E=691 R=1 V=3 M=authentication failed', 'authentication failed (error 691)'],
    ['E=709', 'the password could not be changed (error 709)'],
    ['E=12345', '(error 12345)'],
    ['E=99999999999', 'E=99999999999'],
    ['go away', 'go away'],
  ])('%s', (failure, words) => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'mschapv2');
    hear(chap, packet(CHAP, 1, 5, [16, ...new Array(16).fill(9)]));
    hear(chap, packet(CHAP, 4, 5, text(failure)));
    expect(chap.failure?.reason).toBe(`the peer refused our user name or password: ${words}`);
  });

  it('if there are any', () => {
    const chap = new ChapLogin(clientSpec(), seededRandom(1), 'mschapv2');
    hear(chap, packet(CHAP, 1, 5, [16, ...new Array(16).fill(9)]));
    hear(chap, packet(CHAP, 4, 5));
    expect(chap.failure?.reason).toBe('the peer refused our user name or password');
  });
});
