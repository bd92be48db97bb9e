import { describe, expect, it } from 'vitest';
import { parseIpv4, Secret } from '../../src/engine/spec.ts';
import { type Desired, desired } from '../../src/reconciler/desired.ts';
import { fileSecretKey, type Snapshot } from '../../src/reconciler/resources.ts';
import { doc, resolved, secretDoc, secretText, snapshot, told } from './declare.ts';

const tunnel = (spec: object = {}, name = 't') => doc('Tunnel', name, { remoteAddress: '192.0.2.9', ...spec });
const session = (spec: object = {}, name = 's') => doc('Session', name, { tunnel: 't', ...spec });
const gateway = (spec: object = {}) => doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }], ...spec });
const peer = (name: string, spec: object = {}) => doc('PeerProfile', name, spec);
const ppp = (name: string, spec: object) => doc('PppProfile', name, spec);
const pool = (name: string, ...ranges: string[]) => doc('AddressPool', name, { ranges });
const subscriber = (name: string, spec: object = {}) =>
  doc('Subscriber', name, { userName: name, passwordRef: { name: 'passwords', key: 'all' }, ...spec });
const passwords = secretDoc('passwords', { all: 'geheim', empty: '' });

describe('mistakes between documents', () => {
  it.each([
    ['a Session without its Tunnel', [session()], 'Session/s: spec.tunnel: Tunnel/t does not exist'],
    [
      'a Tunnel without an address',
      [doc('Tunnel', 't')],
      'Tunnel/t: spec.remoteAddress: is missing: give it here or in the TunnelProfile',
    ],
    ['a missing TunnelProfile', [tunnel({ profile: 'x' })], 'Tunnel/t: spec.profile: TunnelProfile/x does not exist'],
    [
      'a missing PeerProfile',
      [tunnel({ peerProfile: 'x' })],
      'Tunnel/t: spec.peerProfile: PeerProfile/x does not exist',
    ],
    [
      'a missing SessionProfile',
      [tunnel(), session({ profile: 'x' })],
      'Session/s: spec.profile: SessionProfile/x does not exist',
    ],
    [
      'a missing PppProfile',
      [tunnel(), session({ pppProfile: 'x' })],
      'Session/s: spec.pppProfile: PppProfile/x does not exist',
    ],
    [
      'a missing Secret',
      [tunnel({ secretRef: { name: 'x', key: 'k' } })],
      'Tunnel/t: spec.secretRef: Secret/x does not exist',
    ],
    [
      'a missing key',
      [tunnel({ secretRef: { name: 'passwords', key: 'k' } }), passwords],
      'Tunnel/t: spec.secretRef: Secret/passwords has no key k; it has all, empty',
    ],
    [
      'an empty secret',
      [tunnel({ secretRef: { name: 'passwords', key: 'empty' } }), passwords],
      'Tunnel/t: spec.secretRef: the secret is empty',
    ],
    [
      'hideAvps without a secret',
      [tunnel({ hideAvps: true })],
      'Tunnel/t: spec.hideAvps: needs a secret: give secretRef or secretFile',
    ],
    [
      'a challenge without a secret',
      [tunnel({ authMode: 'challenge' })],
      'Tunnel/t: spec.authMode: needs a secret: give secretRef or secretFile',
    ],
    [
      'a missing pool',
      [gateway(), peer('p', { pppProfile: 'x' }), ppp('x', { ipv4: { pool: 'y' } })],
      'PeerProfile/p: spec.ipv4.pool: AddressPool/y does not exist',
    ],
    [
      'authentication without a method',
      [gateway(), peer('p', { pppProfile: 'x' }), ppp('x', { auth: { pap: false, chap: false, mschapv2: false } })],
      'PeerProfile/p: spec.auth: peers must authenticate themselves, but every method is off: turn one on, or set none to true',
    ],
    [
      'two Sessions with one interface',
      [tunnel(), session({ interfaceName: 'i' }, 'a'), session({ interfaceName: 'i' }, 'b')],
      'Session/b: spec.interfaceName: Session/a has the same interfaceName',
    ],
    [
      'a Session with the shared interface',
      [gateway(), tunnel(), session({ interfaceName: 'l2tp0' })],
      "Session/s: spec.interfaceName: is the interface that accepted calls share (the TunnelProfile's interfaceName)",
    ],
    [
      'overlapping pools',
      [pool('a', '10.0.0.0/24'), pool('b', '10.1.0.0/24', '10.0.0.200-10.0.1.9')],
      'AddressPool/b: spec.ranges: 10.0.0.200-10.0.1.9 overlaps 10.0.0.0-10.0.0.255 of AddressPool/a',
    ],
    [
      'overlapping ranges of one pool',
      [pool('a', '10.0.0.0/24', '10.0.0.7')],
      'AddressPool/a: spec.ranges[1]: 10.0.0.7 overlaps 10.0.0.0-10.0.0.255 in the same pool',
    ],
    [
      'an exclusion of nothing',
      [doc('AddressPool', 'a', { ranges: ['10.0.0.0/24'], exclude: ['10.0.1.0/24'] })],
      "AddressPool/a: spec.exclude[0]: 10.0.1.0/24 lies in none of the pool's ranges",
    ],
    [
      'two Subscribers with one name',
      [subscriber('a'), subscriber('b', { userName: 'a' }), passwords],
      'Subscriber/b: spec.userName: Subscriber/a has the same userName',
    ],
    [
      'two Subscribers with one address',
      [subscriber('a', { ipv4: '10.0.0.1' }), subscriber('b', { ipv4: '10.0.0.1' }), passwords],
      'Subscriber/b: spec.ipv4: Subscriber/a has the same ipv4',
    ],
    [
      'a second Gateway',
      [gateway(), doc('Gateway', 'h')],
      'Gateway/h: metadata.name: one prol2tpd takes one Gateway, and Gateway/g is in force; delete one of the two',
    ],
    [
      'PeerProfiles with the same match',
      [
        gateway(),
        peer('a', { match: { hostName: 'LAC', addresses: ['10.0.0.0/8', '192.0.2.0/24'] } }),
        peer('b', { match: { hostName: 'lac', addresses: ['192.0.2.77/24'] } }),
      ],
      'PeerProfile/b: spec.match: PeerProfile/a and PeerProfile/b fit the same peers; make one of them narrower',
    ],
    [
      'PeerProfiles that both fit everyone',
      [gateway(), peer('a'), peer('b')],
      'PeerProfile/b: spec.match: PeerProfile/a and PeerProfile/b fit the same peers; make one of them narrower',
    ],
  ])('%s', (_, documents, error) => {
    expect(told(resolved(...documents))).toEqual([error]);
  });

  it('leave the others alone', () => {
    const { state } = resolved(tunnel(), tunnel({ profile: 'x' }, 'u'), session(), session({ tunnel: 'v' }, 'w'));
    expect([...state.tunnels.keys()]).toEqual(['t']);
    expect([...state.sessions.keys()]).toEqual(['s']);
  });

  it('are told where the name is written, though it is inherited', () => {
    const { errors } = resolved(tunnel({ profile: 'p' }), doc('TunnelProfile', 'p', { pppProfile: 'x' }), session());
    expect(errors.map(String)).toEqual(['a.yaml:9:8: Session/s: spec.pppProfile: PppProfile/x does not exist']);
  });

  it('are not seen in PeerProfiles that differ in host name or prefix', () => {
    const match = { addresses: ['10.0.0.0/8'] };
    const { errors } = resolved(
      gateway(),
      peer('a', { match }),
      peer('b', { match: { ...match, hostName: 'x' } }),
      peer('c', { match: { addresses: ['10.0.0.0/9'] } }),
      peer('d'),
    );
    expect(errors).toEqual([]);
  });
});

describe('the last good spec', () => {
  const over = (before: Desired, ...documents: string[]) => desired(snapshot(...documents), before);

  it('stays for a resource that lost something it refers to', () => {
    const before = resolved(tunnel({ profile: 'p' }), doc('TunnelProfile', 'p', { mtu: 1400 }), session());
    const after = over(before, tunnel({ profile: 'p' }), session());
    expect(told(after)).toContain('Tunnel/t: spec.profile: TunnelProfile/p does not exist');
    expect(after.state.tunnels.get('t')).toBe(before.state.tunnels.get('t'));
  });

  it('stays for settings and subscribers too', () => {
    const start = [gateway(), peer('p', { pppProfile: 'x' }), ppp('x', { ipv4: { pool: 'y' } })];
    const before = resolved(...start, pool('y', '10.0.0.0/24'), subscriber('a'), passwords);
    const after = over(before, ...start, subscriber('a'), pool('y', '10.0.0.0/24', '10.0.0.9'));
    expect(told(after)).toHaveLength(2);
    expect(after.state).toEqual(before.state);
    expect(after.state.gateway).toBe(before.state.gateway);
    expect(after.state.aaa).toBe(before.state.aaa);
  });

  it('stays for a document that became wrong, where its source did not see to that', () => {
    const before = resolved(tunnel({ mtu: 1400 }), session());
    const after = over(before, tunnel({ mtu: 'wide' }), session());
    expect(after.state).toEqual(before.state);
    expect(after.errors).toHaveLength(1);
  });

  it('goes with the document', () => {
    const before = resolved(tunnel({ profile: 'p' }), doc('TunnelProfile', 'p', {}));
    expect(over(before).state.tunnels.size).toBe(0);
  });

  it('of who was there first is stronger than a newcomer with a better name', () => {
    const before = resolved(tunnel(), session({ interfaceName: 'i' }, 'b'));
    const after = over(before, tunnel(), session({ interfaceName: 'i' }, 'a'), session({ interfaceName: 'i' }, 'b'));
    expect([...after.state.sessions.keys()]).toEqual(['b']);
    expect(told(after)).toEqual(['Session/a: spec.interfaceName: Session/b has the same interfaceName']);
  });

  it('stays for a session that wants what another has', () => {
    const before = resolved(tunnel(), session({ interfaceName: 'i' }, 'a'), session({ interfaceName: 'j' }, 'b'));
    const after = over(before, tunnel(), session({ interfaceName: 'i' }, 'a'), session({ interfaceName: 'i' }, 'b'));
    expect(after.state.sessions.get('b')?.interfaceName).toBe('j');
  });

  it('is the very object where nothing changed, for quick comparison', () => {
    const documents = [gateway(), peer('p'), tunnel(), session(), subscriber('a'), passwords];
    const before = resolved(...documents);
    const { state } = over(before, ...documents);
    expect(state.gateway).toBe(before.state.gateway);
    expect(state.aaa).toBe(before.state.aaa);
    expect(state.tunnels.get('t')).toBe(before.state.tunnels.get('t'));
    expect(state.sessions.get('s')).toBe(before.state.sessions.get('s'));
  });
});

describe('who may open tunnels', () => {
  const peers = (found: Desired) => found.state.gateway.peers.map(({ name, match }) => ({ name, match }));
  const everyone = [{ name: 'default', match: { hostName: undefined, addresses: [] } }];

  it('everyone, where the Gateway listens and no PeerProfile is declared', () => {
    expect(peers(resolved(gateway()))).toEqual(everyone);
  });

  it('nobody, where there is no Gateway, no listener or no will', () => {
    expect(peers(resolved())).toEqual([]);
    expect(peers(resolved(doc('Gateway', 'g')))).toEqual([]);
    expect(peers(resolved(gateway({ acceptTunnels: false })))).toEqual([]);
    expect(resolved().state.gateway.listen).toEqual([]);
  });

  it('nobody, while a document is wrong that may have been the PeerProfile', () => {
    expect(peers(resolved(gateway(), peer('p', { role: 'friend' })))).toEqual([]);
    expect(peers(resolved(gateway(), 'kind: ['))).toEqual([]);
    expect(peers(resolved(gateway(), 'kind: PeerPofile'))).toEqual([]);
    expect(peers(resolved(gateway(), tunnel({ mtu: 'x' })))).toEqual(everyone);
  });

  it('still everyone, when it was so before a document became wrong', () => {
    expect(peers(desired(snapshot(gateway(), 'kind: ['), resolved(gateway())))).toEqual(everyone);
  });

  it('whom PeerProfiles fit, once there is one', () => {
    expect(peers(resolved(gateway(), peer('p', { match: { addresses: ['10.0.0.0/8'] } })))).toEqual([
      { name: 'p', match: { hostName: undefined, addresses: ['10.0.0.0/8'] } },
    ]);
  });
});

describe('PPP', () => {
  const server = (spec: object) => resolved(gateway(), peer('p'), ppp('default', spec)).state.gateway.peers[0].ppp;

  it('asks peers for authentication as server, unless none', () => {
    expect(server({})).toMatchObject({ role: 'server', authenticatePeer: true });
    expect(server({ auth: { none: true } }).authenticatePeer).toBe(false);
    expect(server({ authenticatePeer: false }).authenticatePeer).toBe(false);
  });

  it('logs in as client with the Session’s own name', () => {
    const login = { userName: 'u', passwordRef: { name: 'passwords', key: 'all' } };
    const client = resolved(tunnel(), session(login), passwords).state.sessions.get('s')?.ppp;
    expect(client).toMatchObject({ role: 'client', authenticatePeer: false, userName: 'u', localName: 'prol2tp' });
    expect(secretText(client?.password)).toBe('geheim');
  });

  it('orders the methods by strength', () => {
    expect(server({}).authMethods).toEqual(['mschapv2', 'chap', 'pap']);
    expect(server({ auth: { chap: false } }).authMethods).toEqual(['mschapv2', 'pap']);
  });

  it('bounds mtu and mru by the tunnel', () => {
    expect(server({})).toMatchObject({ mtu: 1460, mru: 1460 });
    expect(server({ mtu: 1400, mru: 1500 })).toMatchObject({ mtu: 1400, mru: 1460 });
  });

  it('turns units, addresses and identifiers into numbers', () => {
    const spec = server({
      chapRestart: '1500ms',
      lcpEcho: { interval: '1m' },
      ipv4: { local: '10.0.0.1', dns: ['10.0.0.2'] },
      ipv6: { enabled: true, interfaceId: '1:0:0:ffff' },
    });
    expect(spec).toMatchObject({ chapRestartMs: 1500, echoIntervalMs: 60_000, echoFailures: 5 });
    expect(spec.ipv4).toMatchObject({ local: 0x0a000001, dns: [0x0a000002] });
    expect(spec.ipv6).toMatchObject({ enabled: true, interfaceId: 0x0001_0000_0000_ffffn });
  });
});

describe('secrets', () => {
  const withFile = (content: Secret | string): Snapshot => ({
    ...snapshot(tunnel({ profile: 'p' }), doc('TunnelProfile', 'p', { secretFile: 'x.secret' })),
    secrets: {
      documents: new Map(),
      files: new Map([[fileSecretKey('TunnelProfile/p', 'x.secret'), content]]),
    },
  });

  it('are read from files of the profile that names them, and make tunnels ask for a challenge', () => {
    const { state, errors } = desired(withFile(new Secret('s3cret')));
    expect(errors).toEqual([]);
    expect(secretText(state.tunnels.get('t')?.parameters.secret)).toBe('s3cret');
    expect(state.tunnels.get('t')?.parameters.authMode).toBe('challenge');
  });

  it('that cannot be read are an error of who needs them', () => {
    const found = desired(withFile('x.secret cannot be read: EACCES'));
    expect(told(found)).toEqual(['Tunnel/t: spec.secretFile: x.secret cannot be read: EACCES']);
    expect(found.state.tunnels.size).toBe(0);
  });

  it('never appear in what is shown', () => {
    const found = resolved(tunnel({ secretRef: { name: 'passwords', key: 'all' } }), passwords);
    const { state, explain, resources, errors } = found;
    const shown = JSON.stringify([[...state.tunnels.values()], explain('Tunnel/t'), resources, errors]);
    expect(shown).not.toContain('geheim');
    expect(shown).toContain('[secret]');
  });
});

describe('pools and devices', () => {
  const ip = (text: string) => parseIpv4(text) ?? 0;

  it('keep our own, fixed and edge addresses from being given out', () => {
    const { aaa } = resolved(
      doc('AddressPool', 'a', { ranges: ['10.0.0.0/24'], exclude: ['10.0.0.0/29', '10.0.0.250-10.0.1.99'] }),
      ppp('x', { ipv4: { local: '10.0.0.8' } }),
      ppp('y', { ipv4: { remote: '10.0.0.100' } }),
      subscriber('a', { ipv4: '10.0.0.102' }),
      passwords,
    ).state;
    expect(aaa.pools[0].exclude).toEqual([
      { first: ip('10.0.0.0'), last: ip('10.0.0.8') },
      { first: ip('10.0.0.100'), last: ip('10.0.0.100') },
      { first: ip('10.0.0.102'), last: ip('10.0.0.102') },
      { first: ip('10.0.0.250'), last: ip('10.0.0.255') },
    ]);
  });

  it('give the edges of ranges and of /31 out', () => {
    const { aaa } = resolved(pool('a', '10.0.0.1-10.0.0.2', '10.0.0.8/31', '10.0.0.7/32')).state;
    expect(aaa.pools[0].exclude).toEqual([]);
  });

  it('are one device for each interfaceName of peers that may call', () => {
    const { devices } = resolved(
      gateway(),
      peer('a', { tunnelProfile: 'wide', pppProfile: 'a' }),
      peer('b', { match: { hostName: 'b' }, tunnelProfile: 'wide', pppProfile: 'b' }),
      peer('c', { match: { hostName: 'c' }, pppProfile: 'c' }),
      peer('d', { match: { hostName: 'd' }, tunnelProfile: 'd', role: 'lns' }),
      doc('TunnelProfile', 'wide', { interfaceName: 'l2tp1', mtu: 9000 }),
      doc('TunnelProfile', 'd', { interfaceName: 'l2tp9' }),
      ppp('a', { mtu: 1400, ipv4: { local: '10.0.0.1', pool: 'a' } }),
      ppp('b', { mtu: 1420, ipv4: { local: '10.0.0.1', pool: 'b' } }),
      ppp('c', { ipv4: { local: '10.9.0.1', remote: '10.9.0.2' } }),
      pool('a', '10.0.0.0/25'),
      pool('b', '10.0.0.128/25', '10.1.0.1-10.1.0.2'),
      subscriber('s', { ipv4: '10.8.0.1' }),
      subscriber('t', { ipv4: '10.0.0.77' }),
      passwords,
    ).state;
    expect([...devices.values()]).toEqual([
      { name: 'l2tp0', mtu: 1460, addresses: ['10.9.0.1'], routes: ['10.8.0.1/32', '10.9.0.2/32'] },
      {
        name: 'l2tp1',
        mtu: 1420,
        addresses: ['10.0.0.1'],
        routes: ['10.0.0.0/24', '10.1.0.1/32', '10.1.0.2/32'],
      },
    ]);
  });

  it('are no device where nobody may call', () => {
    expect(resolved(gateway({ acceptTunnels: false }), peer('p')).state.devices.size).toBe(0);
    expect(resolved(peer('p')).state.devices.size).toBe(0);
  });

  it.each([[[]], [[peer('p')]]])('stay for those who are connected when no more tunnels are accepted', (peers) => {
    const before = resolved(gateway(), ...peers);
    const after = desired(snapshot(gateway({ acceptTunnels: false }), ...peers), before);
    expect(before.state.devices.size).toBe(1);
    expect(after.state.devices).toEqual(before.state.devices);
    expect(after.state.gateway.peers).toEqual(before.state.gateway.peers);
    const ended = desired(snapshot(gateway({ acceptTunnels: false, listen: [] }), ...peers), after);
    expect(ended.state.devices.size).toBe(0);
  });
});

it('bounds of back-off come from the Gateway', () => {
  expect(resolved().redialBounds).toEqual({ tunnelMs: 300_000, sessionMs: 60_000 });
  expect(resolved(gateway({ tunnelPersistPendTimeout: '5s' })).redialBounds.tunnelMs).toBe(5000);
});
