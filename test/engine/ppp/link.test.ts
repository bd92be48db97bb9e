import { describe, expect, it } from 'vitest';
import type { AuthenticateAnswer } from '../../../src/engine/aaa.ts';
import { type PppEffect, type PppEvent, PppLink } from '../../../src/engine/ppp/link.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { checkAgainst, Pair, packet, seededRandom } from './pair.ts';
import { METHODS } from './policies.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';

const IPV6 = { ipv6: { enabled: true, dns: [] } };

function opened(client = clientSpec(), server = serverSpec()): Pair {
  const pair = new Pair(client, server).open().run(2000);
  expect(pair.client.hasIpv4 && pair.server.hasIpv4).toBe(true);
  return pair;
}

describe('two links', () => {
  it.each(METHODS)('open IPv4 with %s', (method) => {
    const dns = [ADDRESSES.dns1, ADDRESSES.dns2];
    const server = serverSpec({ authMethods: [method], ipv4: { dns, wins: [], defaultRoute: false, proxyArp: false } });
    const pair = opened(clientSpec(), server);
    expect(pair.client.link.view()).toMatchObject({ phase: 'network', user: 'bob', auth: method });
    expect(pair.server.link.view()).toMatchObject({ phase: 'network', user: 'bob', auth: method });
    expect(pair.client.network?.ipv4).toEqual({ local: ADDRESSES.client, remote: ADDRESSES.server, dns });
    expect(pair.server.network?.ipv4).toEqual({ local: ADDRESSES.server, remote: ADDRESSES.client, dns });
    expect(pair.now).toBeLessThan(20);
    expect(pair.client.link.deadline()).toBeUndefined();
    expect(pair.server.link.deadline()).toBeUndefined();
  });

  it('take one name server where there is one', () => {
    const server = serverSpec({ ipv4: { dns: [ADDRESSES.dns2], wins: [], defaultRoute: false, proxyArp: false } });
    expect(opened(clientSpec(), server).client.network?.ipv4?.dns).toEqual([ADDRESSES.dns2]);
  });

  it('open without authentication', () => {
    const pair = opened(clientSpec(), serverSpec({ authenticatePeer: false }));
    expect(pair.server.link.view()).toMatchObject({ user: undefined, auth: undefined });
    expect(pair.server.authentications).toBe(0);
  });

  it.each(METHODS)('authenticate each other with %s', (method) => {
    const client = clientSpec({ authenticatePeer: true, authMethods: [method] });
    const server = serverSpec({ authMethods: [method], userName: 'lns', password: new Secret('hunter2') });
    const pair = opened(client, server);
    expect(pair.client.authentications).toBe(1);
    expect(pair.server.authentications).toBe(1);
  });

  it('open IPv6 beside IPv4', () => {
    const pair = opened(clientSpec(IPV6), serverSpec({ ipv6: { enabled: true, interfaceId: 0x10n, dns: [] } }));
    expect(pair.client.network?.ipv6?.remoteInterfaceId).toBe(0x10n);
    expect(pair.client.network?.ipv6?.localInterfaceId).toBe(pair.server.network?.ipv6?.remoteInterfaceId);
  });

  it.each([0x10n, 1n, 2n, 0xffffffffffffffffn])('part when both want the same interface identifier', (interfaceId) => {
    const ipv6 = { enabled: true, interfaceId, dns: [] };
    const pair = opened(clientSpec({ ipv6 }), serverSpec({ ipv6 }));
    const ids = pair.client.network?.ipv6;
    expect(ids).toBeDefined();
    expect(ids?.localInterfaceId).not.toBe(ids?.remoteInterfaceId);
    expect(pair.server.network?.ipv6?.localInterfaceId).toBe(ids?.remoteInterfaceId);
  });

  it('go on with IPv4 when only one speaks IPv6', () => {
    for (const pair of [opened(clientSpec(IPV6)), opened(clientSpec(), serverSpec(IPV6))]) {
      expect(pair.client.hasIpv6 || pair.server.hasIpv6).toBe(false);
      expect([...pair.client.notices, ...pair.server.notices]).toEqual(['ppp: the peer rejected IPV6CP']);
    }
  });

  it('settle MRU and compression', () => {
    const pair = opened(clientSpec({ mru: 1400, mtu: 1450 }), serverSpec({ mru: 1460, pfc: false }));
    expect(pair.client.network).toMatchObject({ mtu: 1450, acfc: true, pfc: false });
    expect(pair.server.network).toMatchObject({ mtu: 1400, acfc: true, pfc: false });
    expect(pair.server.link.view().peerMru).toBe(1400);
  });

  it('agree on the strongest method that both allow', () => {
    const pair = opened(clientSpec({ authMethods: ['chap', 'pap'] }));
    expect(pair.server.link.view().auth).toBe('chap');
    expect(opened(clientSpec({ authMethods: ['pap'] })).client.link.view().auth).toBe('pap');
  });

  it('open by themselves after both have been silent', () => {
    const pair = new Pair(clientSpec(), serverSpec());
    pair.cut = true;
    pair.open().run(5000);
    pair.cut = false;
    pair.run(10_000);
    expect(pair.client.hasIpv4 && pair.server.hasIpv4).toBe(true);
  });
});

describe('a refusal', () => {
  it('names the methods that do not meet', () => {
    const pair = new Pair(clientSpec({ authMethods: ['pap'] }), serverSpec({ authMethods: ['mschapv2'] })).open().run();
    const reason = 'the peer refused MS-CHAPv2, offered PAP, which PppProfile/default forbids';
    expect(pair.server.down).toEqual({ reason, failed: true });
    expect(pair.client.down?.failed).toBe(true);
  });

  it('comes to a profile that demands authentication and allows none', () => {
    const pair = new Pair(clientSpec(), serverSpec({ authMethods: [] })).open().run();
    expect(pair.server.down?.reason).toBe('the peer must authenticate itself, but PppProfile/default allows no method');
    expect(pair.client.hasIpv4).toBe(false);
  });

  it('comes to a peer that sends our own challenge back', () => {
    const common = {
      authMethods: ['chap'],
      authenticatePeer: true,
      userName: 'lns',
      password: new Secret('x'),
    } as const;
    const pair = new Pair(clientSpec(common), serverSpec(common)).open();
    while (pair.server.link.view().phase !== 'authenticate') pair.step(100);
    pair.dropAll();
    const challenge = pair.server.sent.findLast((frame) => frame[2] === 0xc2 && frame[4] === 1) ?? new Uint8Array();
    const sent = pair.server.sent.length;
    expect(pair.inject('server', challenge).server.sent.length).toBe(sent);
    challenge[12] ^= 1;
    expect(pair.inject('server', challenge).server.sent.length).toBe(sent + 1);
  });

  it('comes to a client that has no password', () => {
    const pair = new Pair(clientSpec({ password: undefined }), serverSpec()).open().run();
    expect(pair.server.down).toEqual({
      reason: 'the peer refuses to authenticate itself, which PppProfile/default demands',
      failed: true,
    });
    expect(pair.client.down?.reason).toBe(
      'the peer wants us to authenticate ourselves, and we have no user name and password',
    );
  });

  it.each(METHODS)('comes to a wrong password with %s', (method) => {
    const server = serverSpec({ authMethods: [method] });
    const pair = new Pair(clientSpec({ password: new Secret('wrong') }), server).open().run();
    expect(pair.server.down).toEqual({ reason: 'authentication failed: wrong password', failed: true });
    expect(pair.server.notices).toEqual(['authFailed: user "bob": wrong password']);
    expect(pair.client.down?.reason).toMatch(
      /^the peer refused our user name or password: .*authentication failed( \(error 691\))?$/,
    );
    expect(JSON.stringify([pair.server, pair.client])).not.toContain('hunter2');
  });

  it('of whoever knows the users is told in the log only', () => {
    const judge = () => ({ verdict: 'reject', message: 'session limit reached' }) as const;
    const pair = new Pair(clientSpec(), serverSpec(), { judge }).open().run();
    expect(pair.server.down?.reason).toBe('authentication failed: session limit reached');
    expect(pair.client.down?.reason).not.toContain('session limit');
  });

  it('meets a server that cannot prove itself (RFC 2759 5)', () => {
    const judge = () => ({ verdict: 'accept', grant: {}, authenticatorResponse: `S=${'0'.repeat(40)}` }) as const;
    const pair = new Pair(clientSpec(), serverSpec({ authMethods: ['mschapv2'] }), { judge }).open().run();
    expect(pair.client.down?.reason).toBe('the peer could not prove that it knows our password');
    expect(pair.client.hasIpv4).toBe(false);
  });

  it('of an address ends the link', () => {
    const pair = new Pair(clientSpec(), serverSpec(), { allocate: () => ({ refused: { ipv4: 'the pool is empty' } }) });
    pair.open().run();
    expect(pair.server.down?.reason).toBe('no IPv4 address for the peer: the pool is empty');
    expect(pair.client.down?.reason).toBe('the peer terminated LCP');
    expect(pair.client.hasIpv4).toBe(false);
  });

  it('of an address leaves IPv6', () => {
    const pair = new Pair(clientSpec(IPV6), serverSpec(IPV6), { allocate: () => ({ refused: { ipv4: 'none left' } }) });
    pair.open().run();
    expect(pair.server.down).toBeUndefined();
    expect([pair.client.hasIpv4, pair.client.hasIpv6, pair.server.hasIpv6]).toEqual([false, true, true]);
    expect(pair.server.notices).toContain('ppp: no IPv4 address for the peer: none left');
  });
});

describe("the peer's address", () => {
  it.each([
    ['the grant', 0x0a0a0a0a, 0xc0a80505, 0xc0a80505],
    ['the profile', 0x0a0a0a0a, undefined, 0x0a0a0a0a],
    ['the pool', undefined, undefined, ADDRESSES.client],
  ])('comes from %s', (_from, remote, granted, expected) => {
    const server = serverSpec({ ipv4: { remote, dns: [], wins: [], defaultRoute: false, proxyArp: false } });
    const pair = new Pair(clientSpec(), server, { judge: () => checkAgainst('hunter2', granted) }).open().run();
    expect(pair.client.network?.ipv4?.local).toBe(expected);
    expect(pair.server.network?.ipv4?.remote).toBe(expected);
  });

  it('comes from the pool that is granted, instead of the profile', () => {
    const ipv4 = { remote: 0x0a0a0a0a, dns: [], wins: [], defaultRoute: false, proxyArp: false };
    const judge = () => ({ verdict: 'check', secret: new Secret('hunter2'), grant: { pool: 'homes' } }) as const;
    const pair = new Pair(clientSpec(), serverSpec({ ipv4 }), { judge }).open().run();
    expect(pair.client.network?.ipv4?.local).toBe(ADDRESSES.client);
  });

  it('is not what the client wishes, unless the server says so', () => {
    const client = clientSpec({ ipv4: { local: 0x01020304, dns: [], wins: [], defaultRoute: false, proxyArp: false } });
    expect(opened(client).client.network?.ipv4?.local).toBe(ADDRESSES.client);
  });

  it('waits for the pool, and the link with it', () => {
    const server = new PppLink(serverSpec({ authenticatePeer: false }), seededRandom(1), ADDRESSES.server);
    const client = new PppLink(clientSpec(), seededRandom(2), 0);
    let asked = 0;
    const settle = (link: PppLink, other: PppLink, effects: ReturnType<PppLink['handle']>): void => {
      for (const effect of effects) {
        if (effect.effect === 'allocate') asked++;
        if (effect.effect !== 'frame') continue;
        const event = { event: 'frame', bytes: effect.frame, start: 0, end: effect.frame.length } as const;
        settle(other, link, other.handle(event, 1));
      }
    };
    client.handle({ event: 'open' }, 0);
    settle(server, client, server.handle({ event: 'open' }, 0));
    settle(client, server, client.handle({ event: 'tick' }, 3000));
    expect(server.view().phase).toBe('network');
    expect(server.view().ipv4).toBeUndefined();
    settle(server, client, server.handle({ event: 'allocated', answer: { ipv4: ADDRESSES.client } }, 4000));
    settle(client, server, client.handle({ event: 'tick' }, 9000));
    expect(asked).toBe(1);
    expect(client.view().ipv4?.local).toBe(ADDRESSES.client);
  });
});

describe('an open link', () => {
  it.each(['client', 'server'] as const)('closes when the %s wants it', (side) => {
    const pair = opened().close(side).run();
    expect(pair[side].down).toEqual({ reason: 'enough', failed: false });
    const other = pair[side === 'client' ? 'server' : 'client'];
    expect(other.down).toEqual({ reason: 'the peer terminated LCP', failed: false });
    expect(other.network?.ipv4).toBeUndefined();
    expect(pair[side].network?.ipv4).toBeUndefined();
  });

  it('closes towards a silent peer too', () => {
    const pair = opened();
    pair.cut = true;
    const from = pair.now;
    pair.close('server').run();
    expect(pair.server.down).toEqual({ reason: 'enough', failed: false });
    expect(pair.now - from).toBe(9000);
  });

  it('ends when echoes stay unanswered', () => {
    const pair = opened(clientSpec(), serverSpec({ echoIntervalMs: 10_000, echoFailures: 3 }));
    pair.run(100_000);
    expect(pair.server.down).toBeUndefined();
    pair.cut = true;
    pair.run(100_000);
    expect(pair.server.down).toEqual({ reason: 'the peer left 3 echo requests unanswered', failed: true });
  });

  it.each(METHODS)('is renegotiated at the wish of the peer, with %s', (method) => {
    const pair = opened(clientSpec(IPV6), serverSpec({ ...IPV6, authMethods: [method] }));
    const [authentications, allocations] = [pair.server.authentications, pair.server.allocations];
    // What a restarted peer sends: an LCP Configure-Request without options.
    pair.inject('server', packet(0xc021, 1, 77));
    expect(pair.server.network?.ipv4).toBeUndefined();
    expect(pair.server.network?.ipv6).toBeUndefined();
    expect(pair.server.link.view().phase).toBe('establish');
    pair.run(30_000);
    expect(pair.server.authentications).toBe(authentications + 1);
    expect(pair.server.allocations).toBe(allocations + 1);
    expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
    expect(pair.client.network?.ipv4?.local).toBe(ADDRESSES.client);
    expect([pair.client.hasIpv6, pair.server.hasIpv6]).toEqual([true, true]);
  });

  it('loses one network protocol and keeps the other', () => {
    const pair = opened(clientSpec(IPV6), serverSpec(IPV6));
    pair.inject('server', packet(0x8057, 5, 9)).run();
    expect(pair.server.down).toBeUndefined();
    expect([pair.server.hasIpv4, pair.server.hasIpv6]).toEqual([true, false]);
    pair.inject('server', packet(0x8021, 5, 9)).run();
    expect(pair.server.down).toEqual({ reason: 'the peer terminated IPCP', failed: true });
  });

  it.each(['chap', 'mschapv1', 'mschapv2', 'eap'] as const)('challenges again with %s', (method) => {
    const server = serverSpec({ authMethods: [method], chapIntervalMs: 60_000 });
    const pair = opened(clientSpec(), server);
    pair.run(200_000);
    expect(pair.server.authentications).toBe(4);
    expect(pair.server.hasIpv4 && pair.client.hasIpv4).toBe(true);
    pair.cut = true;
    pair.run(600_000);
    const asked = method === 'eap' ? 'EAP requests' : 'CHAP challenges';
    expect(pair.server.down?.reason).toBe(`authentication failed: the peer does not answer ${asked}`);
  });

  it.each(['chap', 'mschapv1', 'mschapv2', 'eap'] as const)(
    'stays while nobody judges later answers, with %s',
    (method) => {
      const away = { verdict: 'reject', message: 'no RADIUS server answers', undecided: true } as const;
      let answer: AuthenticateAnswer = checkAgainst('hunter2');
      const server = serverSpec({ authMethods: [method], chapIntervalMs: 60_000 });
      const pair = new Pair(clientSpec(), server, { judge: () => answer }).open().run();
      answer = away;
      pair.run(200_000);
      expect(pair.server.authentications).toBeGreaterThan(3);
      expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
      expect(pair.server.notices.at(-1)).toContain('nobody judges its answer: no RADIUS server answers');
      answer = checkAgainst('another');
      pair.run(90_000);
      expect(pair.server.down?.reason).toContain('wrong password');
    },
  );

  it.each(['chap', 'mschapv1', 'mschapv2', 'eap'] as const)('stays when a verdict does not come, with %s', (method) => {
    const { server, client } = opened(clientSpec(), serverSpec({ authMethods: [method], chapIntervalMs: 60_000 }));
    const both = (from: PppLink, to: PppLink, effects: PppEffect[], now: number): PppEffect[] => {
      const answers = effects.flatMap((effect) => {
        if (effect.effect !== 'frame') return [];
        return to.handle({ event: 'frame', bytes: effect.frame, start: 0, end: effect.frame.length }, now);
      });
      const rest = effects.filter(({ effect }) => effect !== 'frame');
      return answers.length === 0 ? rest : [...rest, ...both(to, from, answers, now)];
    };
    const tick = (): PppEffect[] => {
      const now = server.link.deadline() ?? 0;
      return both(server.link, client.link, server.link.handle({ event: 'tick' }, now), now);
    };
    expect(tick().map(({ effect }) => effect)).toEqual(['authenticate']);
    expect(tick()).toMatchObject([{ effect: 'notice' }]);
    const late = { event: 'authenticated', answer: { verdict: 'reject', message: 'no' } } as const;
    expect(server.link.handle(late, 0)).toEqual([]);
    expect(server.link.view()).toMatchObject({ phase: 'network', user: 'bob', failure: undefined });
    expect(tick().map(({ effect }) => effect)).toEqual(['authenticate']);
  });

  it('rejects protocols that it does not speak, and keeps still about user packets', () => {
    const pair = opened();
    const sent = pair.server.sent.length;
    pair.inject('server', packet(0x80fd, 1, 1, [18, 6, 0, 0, 0, 1]));
    expect(pair.server.sent.at(-1)?.slice(4, 18)).toEqual(
      Uint8Array.of(8, 1, 0, 16, 0x80, 0xfd, 1, 1, 0, 10, 18, 6, 0, 0),
    );
    pair.inject('server', packet(0x8057, 1, 1)).inject('server', Uint8Array.of(0x21, 0x45, 0, 0));
    pair.inject('server', packet(0xc023, 1, 9, [0, 0]));
    expect(pair.server.sent.length).toBe(sent + 2);
    expect(pair.run().client.hasIpv4).toBe(true);
  });

  it.each([
    [0x8021, 'the peer rejected IPCP'],
    [0xc021, 'the peer rejected LCP'],
  ])('ends when the peer rejects protocol %i', (protocol, reason) => {
    const pair = opened();
    pair.cut = true;
    pair.inject('client', packet(0xc021, 8, 1, [protocol >> 8, protocol & 255, 1, 1, 0, 4])).run();
    expect(pair.client.down).toEqual({ reason, failed: true });
    expect(pair.client.network?.ipv4).toBeUndefined();
  });

  it('forgets its authenticator', () => {
    const pair = opened();
    expect(Reflect.get(pair.server.link, 'authentication')).toBeUndefined();
  });
});

describe('a peer that says nothing', () => {
  it('to Configure-Requests', () => {
    const pair = new Pair(clientSpec(), serverSpec());
    pair.cut = true;
    pair.open().run();
    expect(pair.client.down).toEqual({ reason: 'the peer does not answer LCP Configure-Requests', failed: true });
    expect(pair.client.sent.length).toBe(10);
    expect(pair.now).toBe(30_000);
  });

  it.each([
    ['pap', 'the peer does not answer PAP requests', 'authentication failed: the peer sends no PAP request'],
    ['chap', 'the peer sends no CHAP challenge', 'authentication failed: the peer does not answer CHAP challenges'],
  ] as const)('in %s', (method, clientReason, serverReason) => {
    const pair = new Pair(clientSpec(), serverSpec({ authMethods: [method] })).open();
    while (pair.client.link.view().phase !== 'authenticate' || pair.server.link.view().phase !== 'authenticate') {
      pair.step(100);
    }
    pair.dropAll();
    pair.cut = true;
    pair.run();
    expect(pair.client.down?.reason).toBe(clientReason);
    expect(pair.server.down?.reason).toBe(serverReason);
  });
});

describe('a question to the world', () => {
  const bringUp = (handle: (event: PppEvent) => PppEffect[], effects: PppEffect[]): PppEffect[] => {
    const requests = effects.flatMap((effect) =>
      effect.effect === 'frame' && effect.frame[4] === 1 ? [effect.frame] : [],
    );
    return requests.flatMap((frame) => {
      const ack = frame.slice();
      ack[4] = 2;
      return handle({ event: 'frame', bytes: ack, start: 0, end: ack.length });
    });
  };

  it('about an address is asked again at once after a renegotiation: the first one is moot', () => {
    const server = new PppLink(serverSpec({ authenticatePeer: false }), seededRandom(3), ADDRESSES.server);
    const handle = (event: PppEvent): PppEffect[] => server.handle(event, 1);
    const request = packet(0xc021, 1, 1);
    const open = handle({ event: 'open' });
    handle({ event: 'frame', bytes: request, start: 0, end: request.length });
    expect(bringUp(handle, open).map(({ effect }) => effect)).toEqual(['allocate']);
    const again = handle({ event: 'frame', bytes: request, start: 0, end: request.length });
    expect(bringUp(handle, again).map(({ effect }) => effect)).toEqual(['allocate']);
    expect(handle({ event: 'allocated', answer: { ipv4: 5 } }).map(({ effect }) => effect)).toEqual(['frame']);
  });

  it('is asked of a server without proof where somebody else than us knows what the peer gets', () => {
    const server = new PppLink(serverSpec({ authenticatePeer: false, aaa: 'radius' }), seededRandom(3), 1);
    const handle = (event: PppEvent): PppEffect[] => server.handle(event, 1);
    const request = packet(0xc021, 1, 1);
    const open = handle({ event: 'open' });
    handle({ event: 'frame', bytes: request, start: 0, end: request.length });
    expect(bringUp(handle, open)).toEqual([{ effect: 'authenticate', credentials: { method: 'none' } }]);
    const granted = handle({ event: 'authenticated', answer: { verdict: 'accept', grant: { ipv4: 7, pool: 'x' } } });
    expect(granted).toMatchObject([{ effect: 'allocate', ipv4: { fixed: 7, pool: 'x' } }]);
  });

  it('ends the link when the answer is no', () => {
    const server = new PppLink(serverSpec({ authenticatePeer: false, aaa: 'radius' }), seededRandom(3), 1);
    const handle = (event: PppEvent): PppEffect[] => server.handle(event, 1);
    const request = packet(0xc021, 1, 1);
    const open = handle({ event: 'open' });
    handle({ event: 'frame', bytes: request, start: 0, end: request.length });
    bringUp(handle, open);
    handle({ event: 'authenticated', answer: { verdict: 'reject', message: 'no RADIUS server answers' } });
    expect(server.view()).toMatchObject({ phase: 'terminate', failure: 'not let in: no RADIUS server answers' });
  });
});

describe('a link that is over', () => {
  it('does nothing more', () => {
    const link = new PppLink(clientSpec(), seededRandom(1), 0);
    expect(link.handle({ event: 'close', reason: 'no need' }, 0)).toEqual([
      { effect: 'down', reason: 'no need', failed: false, cause: { code: 1, protocol: 0, direction: 0 } },
    ]);
    expect(link.handle({ event: 'open' }, 1)).toEqual([]);
    expect(link.deadline()).toBeUndefined();
    expect(link.view()).toMatchObject({ phase: 'dead', failure: 'no need' });
  });
});
