import { describe, expect, it } from 'vitest';
import type { AuthenticateAnswer } from '../../../../src/engine/aaa.ts';
import { type AgreedMethods, Authentication } from '../../../../src/engine/ppp/auth/authentication.ts';
import type { PppEffect } from '../../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';
import { checkAgainst, Pair, packet, seededRandom } from '../pair.ts';
import { clientSpec, serverSpec } from '../specs.ts';
import { take, text } from './talk.ts';

const CHAP = 0xc223;
const EAP = 0xc227;

const EAP_ONLY = { authMethods: ['eap'] } as const;

class Bench {
  readonly auth: Authentication;
  readonly first: Uint8Array[];

  constructor(agreed: AgreedMethods, spec: PppSpec = clientSpec({ mppe: 'optional' })) {
    this.auth = new Authentication(spec, seededRandom(1), agreed, undefined, 0);
    this.first = take((out) => this.auth.start(0, out));
  }

  hear(frame: Uint8Array): Uint8Array[] {
    const protocol = (frame[2] << 8) | frame[3];
    return take((out) => this.auth.receive(protocol, frame, 4, frame.length, 0, out));
  }

  answer(answer: AuthenticateAnswer): Uint8Array[] {
    return take((out) => this.auth.asking?.answer(answer, 0, out));
  }
}

describe('our own challenge', () => {
  const md5 = (id: number, value: Uint8Array) => packet(EAP, 1, id, [4, 16, ...value, ...text('us')]);
  const ms = (id: number, value: Uint8Array) => packet(EAP, 1, id, [26, 1, id, 0, 21, 16, ...value]);
  const chap = (id: number, value: Uint8Array) => packet(CHAP, 1, id, [16, ...value]);

  it.each([
    ['chap', 'chap', chap],
    ['chap', 'eap', md5],
    ['mschapv2', 'mschapv2', chap],
    ['mschapv2', 'eap', ms],
  ] as const)('of %s is not answered for its sender as %s', (authenticatorMethod, loginMethod, reflect) => {
    const bench = new Bench({ authenticatorMethod, loginMethod });
    const [id, value] = [bench.first[0][5], bench.first[0].slice(9, 25)];
    expect(bench.hear(reflect(id, value))).toEqual([]);
    value[3] ^= 1;
    expect(bench.hear(reflect(id, value)).length).toBe(1);
  });

  it.each([
    ['a method of our own', checkAgainst('hunter2'), 'chap', chap],
    ['a method of our own, in EAP', checkAgainst('hunter2'), 'eap', ms],
    ['somebody who knows the users', undefined, 'eap', md5],
  ] as const)('of EAP, by %s, is not answered either', (_whose, answer, loginMethod, reflect) => {
    const bench = new Bench({ authenticatorMethod: 'eap', loginMethod });
    bench.hear(packet(EAP, 2, bench.first[0][5], [1, ...text('bob')]));
    const foreign = md5(77, new Uint8Array(16).fill(5)).slice(4);
    const [frame] = bench.answer(answer ?? { verdict: 'challenge', eap: foreign });
    const value = answer === undefined ? frame.slice(10, 26) : frame.slice(14, 30);
    expect(bench.hear(reflect(frame[5], value))).toEqual([]);
    value[3] ^= 1;
    expect(bench.hear(reflect(frame[5], value)).length).toBe(1);
  });
});

describe('the keys for MPPE', () => {
  it('are of whoever was asked for proof, and gone with what is settled', () => {
    const server = new Bench(
      { authenticatorMethod: 'mschapv2', loginMethod: undefined },
      serverSpec({ mppe: 'optional' }),
    );
    const client = new Bench({ authenticatorMethod: undefined, loginMethod: 'mschapv2' });
    server.hear(client.hear(server.first[0])[0]);
    expect([server.auth.mppeKeys, client.auth.mppeKeys]).toEqual([undefined, undefined]);
    client.hear(server.answer(checkAgainst('hunter2'))[0]);
    expect([server.auth.passed, client.auth.passed]).toEqual([true, true]);
    const keys = server.auth.mppeKeys;
    expect(keys?.send.length).toBe(16);
    expect(client.auth.mppeKeys).toEqual({ send: keys?.receive, receive: keys?.send });
    expect(server.auth.settle()).toBe(false);
    expect(server.auth.mppeKeys).toBeUndefined();
  });
});

describe('a refusal that leaves the peer another try', () => {
  it.each(['E=691 R=1 V=3', 'E=648 R=0 V=3'])('is why the link ends when it goes instead: %s', (msChapError) => {
    const judge = () => ({ verdict: 'reject', message: 'the account is gone', msChapError }) as const;
    const pair = new Pair(clientSpec(), serverSpec(), { judge }).open().run();
    expect(pair.server.down).toEqual({ reason: 'authentication failed: the account is gone', failed: true });
    expect(pair.server.cause).toEqual([16, CHAP, 1]);
    expect(pair.server.notices).toContain('authFailed: user "bob": the account is gone');
    expect(pair.client.cause).toEqual([16, CHAP, 2]);
  });

  it('is forgotten when the peer begins anew', () => {
    const answers: AuthenticateAnswer[] = [
      { verdict: 'reject', message: 'the account is gone', msChapError: 'E=691 R=1 V=3' },
      checkAgainst('hunter2'),
    ];
    const pair = new Pair(clientSpec(), serverSpec(), { judge: () => answers.shift() ?? checkAgainst('') }).open();
    while (pair.server.authentications === 0) pair.step(10_000);
    pair.dropAll();
    pair.inject('server', packet(0xc021, 1, 77)).run(60_000);
    expect(pair.server.down).toBeUndefined();
    expect(pair.server.authentications).toBe(2);
    expect(pair.server.hasIpv4).toBe(true);
  });
});

describe('a link with EAP', () => {
  it('tells why it let nobody in although the answer to that was lost', () => {
    const pair = new Pair(clientSpec({ ...EAP_ONLY, password: new Secret('wrong') }), serverSpec(EAP_ONLY)).open();
    while (!pair.server.sent.some((frame) => frame[3] === 0x27 && frame[8] === 26 && frame[9] === 4)) pair.step(10_000);
    pair.dropAll();
    pair.inject('server', packet(0xc021, 5, 1)).run();
    expect(pair.server.down).toEqual({ reason: 'authentication failed: wrong password', failed: true });
  });

  it('opens although every Success is lost', () => {
    const pair = new Pair(clientSpec(EAP_ONLY), serverSpec(EAP_ONLY)).open();
    while (pair.server.link.view().phase !== 'network') pair.step(10_000);
    // What is on its way now is the Success, and what comes with it.
    expect(pair.server.sent.some((frame) => frame[3] === 0x27 && frame[4] === 3)).toBe(true);
    pair.dropAll();
    expect(pair.client.link.view().phase).toBe('authenticate');
    pair.run(4000);
    expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
  });

  it('asks whoever knows the users as often as it wants', () => {
    let questions = 0;
    const judge = (user: string, effect: PppEffect): AuthenticateAnswer => {
      expect(user).toBe('bob');
      const packet =
        effect.effect === 'authenticate' && effect.credentials.method === 'eap' && effect.credentials.packet;
      if (!packet) throw new Error('no EAP');
      questions++;
      const next = (packet[1] + 1) & 255;
      const eap = Uint8Array.of(1, next, 0, 22, 4, 16, ...new Array(16).fill(questions));
      // The third answer passes for right.
      return questions < 4
        ? { verdict: 'challenge', eap: questions < 3 ? Uint8Array.of(1, next, 0, 5, 2) : eap }
        : accept;
    };
    const accept = { verdict: 'accept', grant: {} } as const;
    const pair = new Pair(clientSpec(EAP_ONLY), serverSpec(EAP_ONLY), { judge }).open().run(10_000);
    expect(questions).toBe(4);
    expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
  });

  it('is ended by another user at a later challenge, with the cause of EAP', () => {
    const spec = serverSpec({ ...EAP_ONLY, chapIntervalMs: 60_000 });
    const pair = new Pair(clientSpec(EAP_ONLY), spec).open().run(5000);
    expect(pair.server.hasIpv4).toBe(true);
    pair.cut = true;
    pair.run(60_000);
    const asked = pair.server.sent.findLast((frame) => frame[3] === 0x27);
    pair.inject('server', packet(EAP, 2, asked?.[5] ?? 0, [1, ...text('eve')])).run();
    expect(pair.server.down?.reason).toBe('authentication failed: another user answers a later challenge');
    expect(pair.server.cause).toEqual([16, EAP, 1]);
  });

  it('keeps nothing of the authentication once it is open', () => {
    const pair = new Pair(clientSpec(EAP_ONLY), serverSpec(EAP_ONLY)).open().run(5000);
    expect(Reflect.get(pair.server.link, 'authentication')).toBeUndefined();
  });

  it('does not show the password', () => {
    const client = clientSpec({ ...EAP_ONLY, password: new Secret('wrong-57') });
    const pair = new Pair(client, serverSpec(EAP_ONLY)).open().run();
    expect(pair.server.down?.reason).toBe('authentication failed: wrong password');
    expect(JSON.stringify([pair.client, pair.server])).not.toMatch(/hunter2|wrong-57/);
  });
});
