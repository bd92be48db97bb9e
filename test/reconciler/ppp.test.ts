import { describe, expect, it } from 'vitest';
import type { PppSpec } from '../../src/engine/spec.ts';
import { plan } from '../../src/reconciler/plan.ts';
import { doc, resolved, secretDoc, told } from './declare.ts';
import { nothing, sessionView, tunnelView } from './fake-live.ts';

const peer = doc('PeerProfile', 'p', { match: { hostName: 'x' }, pppProfile: 'x' });
const ppp = (spec: object, name = 'x') => doc('PppProfile', name, spec);
const gateway = (spec: object = {}) => doc('Gateway', 'g', { listen: [{ address: '192.0.2.2' }], ...spec });
const secrets = secretDoc('s', { k: 'geheim' });
const radius = { servers: [{ address: '192.0.2.50', secretRef: { name: 's', key: 'k' } }] };
const ipv6Pool = (name: string, delegationLength?: number) =>
  doc('AddressPool', name, { ipv6: { prefixes: [`2001:db8:${name.length}::/48`], delegationLength } });

function specOf(...documents: string[]): PppSpec {
  const found = resolved(gateway({ radius }), peer, secrets, ...documents);
  expect(told(found)).toEqual([]);
  return found.state.gateway.peers[0].ppp;
}

describe('PPP values', () => {
  it('are what every call gets where nobody says', () => {
    expect(specOf(ppp({}))).toMatchObject({
      profile: 'default',
      aaa: 'local',
      authMethods: ['mschapv2', 'chap', 'pap'],
      idleTimeoutMs: 0,
      maxConnectMs: 0,
      interimIntervalMs: 0,
      rate: undefined,
      filter: undefined,
      mssClamp: true,
      mppe: 'none',
      ipv4: { proxyArp: false },
      ipv6: { prefixPool: undefined, delegationPool: undefined, dns: [] },
    });
  });

  it('are numbers, and name the profile that says how to authenticate', () => {
    const spec = specOf(
      ppp({
        aaa: 'radius',
        idleTimeout: '10m',
        maxConnectTime: '24h',
        interimInterval: '300s',
        rateLimit: { tx: '100M', rx: '64k' },
        mssClamp: false,
        ipv4: { proxyArp: true },
        ipv6: { enabled: true, prefixPool: 'links', delegationPool: 'nets', dns: ['2001:db8::53'] },
      }),
      ppp({ auth: { eap: true, mschapv1: true, pap: false }, mppe: 'required', rateLimit: { rx: 7 } }, 'default'),
      ipv6Pool('links'),
      ipv6Pool('nets', 56),
    );
    expect(spec).toMatchObject({
      profile: 'default',
      aaa: 'radius',
      authMethods: ['eap', 'mschapv2', 'chap', 'mschapv1'],
      idleTimeoutMs: 600_000,
      maxConnectMs: 86_400_000,
      interimIntervalMs: 300_000,
      rate: { txBps: 100_000_000, rxBps: 64_000 },
      mssClamp: false,
      mppe: 'required',
      ipv4: { proxyArp: true },
      ipv6: { prefixPool: 'links', delegationPool: 'nets', dns: [0x2001_0db8_0000_0000_0000_0000_0000_0053n] },
    });
    expect(specOf(ppp({ auth: { chap: false } }), ppp({ auth: { pap: false } }, 'default')).profile).toBe('x');
  });

  it('route the pools of links and of delegations to the device that calls share', () => {
    const { state } = resolved(
      gateway({ radius }),
      peer,
      secrets,
      ppp({ aaa: 'radius', ipv6: { enabled: true, prefixPool: 'links', delegationPool: 'nets' } }),
      ipv6Pool('links'),
      ipv6Pool('nets', 56),
      ipv6Pool('only-radius'),
      doc('AddressPool', 'gold', { ranges: ['10.7.0.0/24'] }),
    );
    expect(state.devices.get('l2tp0')?.routes).toEqual(['10.7.0.0/24', '2001:db8:4::/47', '2001:db8:11::/48']);
  });
});

describe('PPP values that cannot work', () => {
  const at = 'PeerProfile/p: spec';
  it.each<[object, string[], string[]]>([
    [{ aaa: 'radius' }, [], [`${at}.aaa: there are no RADIUS servers: give the Gateway radius.servers`]],
    [{ aaa: 'users' }, [], [`${at}.aaa: the Gateway has no plugin users; known here: local, radius`]],
    [{ aaa: 'locl' }, [], [`${at}.aaa: the Gateway has no plugin locl; did you mean local?`]],
    [
      { mppe: 'required', auth: { mschapv2: false } },
      [],
      [`${at}.mppe: the keys come from MS-CHAP or EAP: turn on auth.mschapv2, auth.eap or auth.mschapv1`],
    ],
    [{ mppe: 'required', auth: { mschapv2: false, eap: true } }, [], []],
    [
      { ipv6: { enabled: true, prefixPool: 'nets', delegationPool: 'nets' } },
      [ipv6Pool('nets', 56)],
      [`${at}.ipv6.prefixPool: AddressPool/nets gives prefixes of /56, and a link's own is a /64`],
    ],
    [
      { ipv6: { enabled: true, prefixPool: 'v4', delegationPool: 'none' } },
      [doc('AddressPool', 'v4', { ranges: ['10.0.0.0/24'] })],
      [
        `${at}.ipv6.prefixPool: AddressPool/v4 has no IPv6 prefixes: give it ipv6.prefixes`,
        `${at}.ipv6.delegationPool: AddressPool/none does not exist`,
      ],
    ],
    [
      { ipv4: { pool: 'nets' } },
      [ipv6Pool('nets')],
      [`${at}.ipv4.pool: AddressPool/nets has no IPv4 addresses: give it ranges`],
    ],
    [
      { ipv6: { delegationPool: 'nets' } },
      [ipv6Pool('nets')],
      [`${at}.ipv6.delegationPool: nobody gets a prefix, because IPv6 is off: set ipv6.enabled to true`],
    ],
    [{ ipv6: { enabled: false, delegationPool: 'nets' } }, [ipv6Pool('nets')], []],
  ])('%j', (spec, documents, expected) => {
    expect(told(resolved(gateway(), peer, ppp(spec), ...documents))).toEqual(expected);
  });

  it('of calls that are dialled concern no AAA and no pool', () => {
    const found = resolved(
      doc('Tunnel', 't', { remoteAddress: '192.0.2.1', pppProfile: 'x' }),
      doc('Session', 's', { tunnel: 't' }),
      ppp({ aaa: 'radius', ipv6: { prefixPool: 'none' } }),
    );
    expect(told(found)).toEqual([]);
  });

  it('a plugin is no built-in aaa', () => {
    const plugins = [{ name: 'radius', module: './x.mjs' }];
    expect(told(resolved(gateway({ plugins })))).toEqual([
      'Gateway/g: spec.plugins[0].name: radius is what profiles call an aaa that is no plugin',
    ]);
    const users = gateway({ plugins: [{ name: 'users', module: './x.mjs' }] });
    expect(told(resolved(users, peer, ppp({ aaa: 'users' })))).toEqual([]);
  });
});

describe('a call that is up', () => {
  const documents = (spec: object) => [
    doc('Tunnel', 't', { remoteAddress: '192.0.2.1' }),
    doc('Session', 's', { tunnel: 't', pppProfile: 'x' }),
    gateway({ filters: [{ name: 'web', rules: [] }] }),
    ppp(spec),
  ];
  const before = resolved(...documents({ idleTimeout: '5m', rateLimit: { tx: '50M' } })).state;
  const steps = (spec: object) => {
    const { state } = resolved(...documents(spec));
    const [tunnel, session] = [before.tunnels.get('t'), before.sessions.get('s')];
    if (!tunnel || !session) throw new Error('nothing is declared');
    const observed = {
      ...nothing,
      gateway: state.gateway,
      aaa: state.aaa,
      devices: new Map(
        [...state.devices].map(([name, own]) => [name, { name, owner: 'Gateway', spec: own, gaps: [] }]),
      ),
      tunnels: new Map([['t', tunnelView(tunnel, 'established')]]),
      sessions: new Map([['s', sessionView(session, 'established')]]),
    };
    return plan(state, observed).map(({ action, reason }) => `${action}: ${reason}`);
  };

  it('gets other limits in place', () => {
    expect(
      steps({ idleTimeout: '10m', rateLimit: { tx: '100M', rx: '1G' }, filter: 'web', maxConnectTime: '1h' }),
    ).toEqual([
      'modifySession: ppp.idleTimeout 5m -> 10m, ppp.maxConnectTime 0 -> 1h, ppp.rateLimit.tx 50M -> 100M, ppp.rateLimit.rx 0 -> 1G, and 1 more',
    ]);
    expect(steps({ idleTimeout: '5m' })).toEqual(['modifySession: ppp.rateLimit removed']);
  });

  it('is placed again for anything else', () => {
    const limits = { idleTimeout: '5m', rateLimit: { tx: '50M' } };
    expect(steps({ ...limits, mppe: 'optional' })).toEqual([
      'closeSession: ppp.mppe none -> optional: call is placed again',
    ]);
    expect(steps(limits)).toEqual([]);
  });
});
