import { beforeEach, describe, expect, test } from 'vitest';
import { Subscribers } from '../../src/aaa/subscribers.ts';
import type { AllocateAnswer, AuthenticateAnswer, Credentials } from '../../src/engine/aaa.ts';
import { type AaaSpec, noCounters, Secret } from '../../src/engine/spec.ts';

const password = new Secret('sesame');
const spec: AaaSpec = {
  pools: [
    {
      name: 'home',
      ranges: [{ first: 0x0a000001, last: 0x0a0000fe }],
      exclude: [],
      prefixes: [],
      delegationLength: 64,
      excludePrefixes: [],
    },
  ],
  subscribers: [
    { name: 'ann', userName: 'ann@isp', password, ipv4: 0xc0000201, routes: [], sessionLimit: 0 },
    { name: 'bob', userName: 'bob@isp', password, routes: [], sessionLimit: 1 },
  ],
};

let aaa: Subscribers;
beforeEach(() => {
  aaa = new Subscribers();
  aaa.configure(spec);
});

const wrong: Credentials = { method: 'pap', password: new Secret('wrong') };

function authenticate(user: string, session = 1, credentials = wrong): AuthenticateAnswer[] {
  const answers: AuthenticateAnswer[] = [];
  const call = { port: '1/1', avps: {} };
  aaa.authenticate({ session, aaa: 'local', user, credentials, call }, (answer) => answers.push(answer));
  return answers;
}

function allocate(session: number, user?: string): AllocateAnswer[] {
  const answers: AllocateAnswer[] = [];
  aaa.allocate({ session, aaa: 'local', user, ipv4: { pool: 'home' } }, (answer) => answers.push(answer));
  return answers;
}

const full = "the user's limit of 1 session is reached";
const FULL = [{ refused: { ipv4: full } }];

describe('authentication', () => {
  test('has the link check a subscriber, and grants the fixed address', () => {
    expect(authenticate('ann@isp')).toEqual([{ verdict: 'check', secret: password, grant: { ipv4: 0xc0000201 } }]);
  });

  test('grants all that is declared for a subscriber', () => {
    const prefix = { high: 0x2001_0db8_0000_0001n, length: 64 };
    const delegated = { high: 0x2001_0db8_0001_0000n, length: 56 };
    const more = { prefix, delegated, routes: ['192.0.2.0/24'], rate: { txBps: 2e6, rxBps: 1e6 }, filter: 'closed' };
    aaa.configure({ ...spec, subscribers: [{ name: 'cid', userName: 'cid', password, sessionLimit: 0, ...more }] });
    expect(authenticate('cid')).toEqual([{ verdict: 'check', secret: password, grant: more }]);
  });

  test('leaves EAP to the link, grants nothing to one who proves nothing, and changes no password', () => {
    const eap = { method: 'eap', packet: new Uint8Array(5) } as const;
    expect(authenticate('bob@isp', 1, eap)).toEqual([{ verdict: 'check', secret: password, grant: {} }]);
    expect(authenticate('ann@isp', 1, { method: 'none' })).toEqual([{ verdict: 'accept', grant: {} }]);
    const challenge = new Uint8Array(8);
    const change = { method: 'mschapv2NewPassword', identifier: 1, challenge, data: new Uint8Array(582) } as const;
    expect(authenticate('ann@isp', 1, change)).toEqual([
      { verdict: 'reject', message: "a declared subscriber's password is changed where it is declared" },
    ]);
  });

  test('tells an unknown user what it tells a wrong password', () => {
    expect(authenticate('eve')).toEqual([{ verdict: 'reject', message: 'wrong password' }]);
    expect(authenticate('__proto__')).toEqual([{ verdict: 'reject', message: 'wrong password' }]);
  });

  test('asks an unknown user too for the proof that comes after an EAP identity, which nobody has', () => {
    const identity: Credentials = { method: 'eap', packet: Uint8Array.of(2, 0, 0, 8, 1, 101, 118, 101) };
    const [answer] = authenticate('eve', 1, identity);
    expect(answer).toMatchObject({ verdict: 'check', grant: {} });
    for (const guess of ['', 'sesame', 'eve']) {
      expect('secret' in answer && answer.secret.equals(new Secret(guess))).toBe(false);
    }
  });

  test('follows the declared subscribers', () => {
    aaa.configure({ ...spec, subscribers: [] });
    expect(authenticate('ann@isp')[0].verdict).toBe('reject');
  });
});

describe('the session limit', () => {
  test('counts a session that has asked for nothing, once it carries packets', () => {
    const call = { port: '1/1', avps: {} };
    aaa.account({ session: 1, aaa: 'local', user: 'bob@isp', call, event: 'start', sessionMs: 0 }, noCounters);
    expect(allocate(2, 'bob@isp')).toEqual(FULL);
  });

  test('counts sessions that asked for an address, and frees the place on release', () => {
    expect(allocate(1, 'bob@isp')).toEqual([{ ipv4: 0x0a000001 }]);
    expect(allocate(2, 'bob@isp')).toEqual(FULL);
    aaa.release(1);
    expect(allocate(2, 'bob@isp')).toEqual([{ ipv4: 0x0a000001 }]);
  });

  test('rejects at the door when it is reached, but not the session that has the place', () => {
    allocate(1, 'bob@isp');
    expect(authenticate('bob@isp', 2)).toEqual([{ verdict: 'reject', message: full }]);
    expect(authenticate('bob@isp', 1)[0].verdict).toBe('check');
    aaa.release(1);
    expect(authenticate('bob@isp', 2)[0].verdict).toBe('check');
  });

  test('does not count a session twice that asks again', () => {
    allocate(1, 'bob@isp');
    expect(allocate(1, 'bob@isp')).toEqual([{ ipv4: 0x0a000001 }]);
    aaa.release(1);
    aaa.release(1);
    allocate(2, 'bob@isp');
    expect(allocate(3, 'bob@isp')).toEqual(FULL);
  });

  test('counts sessions that were refused an address until they are gone: they may go on with IPv6', () => {
    aaa.configure({ ...spec, pools: [] });
    expect(allocate(1, 'bob@isp')).toEqual([{ refused: { ipv4: 'AddressPool home does not exist' } }]);
    expect(authenticate('bob@isp', 2)).toEqual([{ verdict: 'reject', message: full }]);
    aaa.release(1);
    expect(authenticate('bob@isp', 2)[0].verdict).toBe('check');
  });

  test('is not used up by attempts to authenticate', () => {
    for (let attempt = 0; attempt < 10; attempt++) authenticate('bob@isp');
    expect(allocate(2, 'bob@isp')).toEqual([{ ipv4: 0x0a000001 }]);
  });

  test('follows a session whose user becomes another', () => {
    allocate(1, 'bob@isp');
    allocate(1, 'ann@isp');
    expect(allocate(2, 'bob@isp')).toEqual([{ ipv4: 0x0a000002 }]);
  });

  test('does not bind users without one, nor those who are not known', () => {
    for (let session = 1; session <= 20; session++) {
      expect(allocate(session, session % 2 ? 'ann@isp' : undefined)).toEqual([{ ipv4: 0x0a000000 + session }]);
    }
  });

  test('survives reconfiguring', () => {
    allocate(1, 'bob@isp');
    aaa.configure({ ...spec });
    expect(allocate(2, 'bob@isp')).toEqual(FULL);
    expect(aaa.pools()).toEqual([{ name: 'home', total: 254, used: 1, prefixes: { total: 0, used: 0 }, refused: 0 }]);
  });
});
