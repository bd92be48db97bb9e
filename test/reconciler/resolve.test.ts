import ipaddr from 'ipaddr.js';
import { describe, expect, it, vi } from 'vitest';
import { doc, resolved } from './declare.ts';

const tunnel = (spec: object = {}) => doc('Tunnel', 't', { remoteAddress: '192.0.2.9', ...spec });
const session = (spec: object = {}) => doc('Session', 's', { tunnel: 't', ...spec });
const profile = (name: string, spec: object) => doc('TunnelProfile', name, spec);
const peer = (spec: object, name = 'p') => doc('PeerProfile', name, spec);

/** The field's value and origin in Tunnel t. */
function tunnelField(field: string, ...documents: string[]) {
  return resolved(...documents).explain('Tunnel/t')?.[field];
}

describe('tunnel values come from', () => {
  const mtu = (value: number) => ({ mtu: value });
  const peers = peer({ match: { addresses: ['192.0.2.0/24'] }, tunnelProfile: 'of-peer' });

  it.each([
    ['the Tunnel', [tunnel({ mtu: 1001, profile: 'named' })], 1001, 'Tunnel/t'],
    ['the TunnelProfile it names', [tunnel({ profile: 'named' })], 1002, 'TunnelProfile/named'],
    ["its peer's TunnelProfile", [tunnel()], 1003, 'TunnelProfile/of-peer'],
  ])('%s', (_, documents, value, from) => {
    const others = [profile('named', mtu(1002)), profile('of-peer', mtu(1003)), profile('default', mtu(1004)), peers];
    expect(tunnelField('mtu', ...documents, ...others)).toEqual({ value, from });
  });

  it('TunnelProfile default', () => {
    expect(tunnelField('mtu', tunnel(), profile('default', mtu(1004)))).toEqual({
      value: 1004,
      from: 'TunnelProfile/default',
    });
  });

  it('the built-in values when nobody says anything', () => {
    expect(tunnelField('mtu', tunnel())).toEqual({ value: 1460, from: 'built-in' });
    expect(tunnelField('hostName', tunnel())).toEqual({ value: 'prol2tp', from: 'built-in' });
  });

  it("the Gateway's hostName after all profiles", () => {
    const gateway = doc('Gateway', 'g', { hostName: 'here' });
    expect(tunnelField('hostName', tunnel(), gateway)).toEqual({ value: 'here', from: 'Gateway/g' });
    expect(tunnelField('hostName', tunnel(), gateway, profile('default', { hostName: 'there' }))?.value).toBe('there');
  });

  it('every layer for its own fields', () => {
    const fields = resolved(
      tunnel({ profile: 'named', persist: true }),
      profile('named', { maxRetries: 7 }),
      profile('default', { maxRetries: 8, helloInterval: '10s' }),
    ).explain('Tunnel/t');
    expect(fields).toMatchObject({
      remoteAddress: { value: '192.0.2.9', from: 'Tunnel/t' },
      persist: { value: true, from: 'Tunnel/t' },
      maxRetries: { value: 7, from: 'TunnelProfile/named' },
      helloInterval: { value: '10s', from: 'TunnelProfile/default' },
      receiveWindow: { value: 10, from: 'built-in' },
    });
  });

  it('the nearest layer that gives a secret in either form, as a whole', () => {
    const near = tunnel({ secretFile: 'near' });
    const far = profile('default', { secretRef: { name: 'far', key: 'k' } });
    const fields = resolved(near, far).explain('Tunnel/t');
    expect(fields?.secretFile).toEqual({ value: 'near', from: 'Tunnel/t' });
    expect(fields).not.toHaveProperty('secretRef');
  });
});

describe("a dialled tunnel's PeerProfile is", () => {
  const profiles = ['a', 'b', 'c'].map((name, at) => profile(name, { mtu: 1001 + at }));
  const find = (...documents: string[]) => tunnelField('mtu', ...documents, ...profiles)?.from;

  it('the one with the longest prefix', () => {
    const wide = peer({ match: { addresses: ['192.0.0.0/16'] }, tunnelProfile: 'a' }, 'wide');
    const close = peer({ match: { addresses: ['10.0.0.0/8', '192.0.2.8/29'] }, tunnelProfile: 'b' }, 'close');
    const everyone = peer({ tunnelProfile: 'c' }, 'everyone');
    expect(find(tunnel(), wide, close, everyone)).toBe('TunnelProfile/b');
    expect(find(tunnel(), wide, everyone)).toBe('TunnelProfile/a');
    expect(find(tunnel({ remoteAddress: 'lns.example' }), wide, close, everyone)).toBe('TunnelProfile/c');
  });

  it.each([
    ['2001:db8:1::9', 'TunnelProfile/b'],
    ['2001:db8:2::9', 'TunnelProfile/a'],
    ['2001:DB8:1:0::9', 'TunnelProfile/b'],
    ['fe80::1%eth0', 'TunnelProfile/d'],
    ['10.0.0.9', 'TunnelProfile/c'],
  ])('fits %s by the longest prefix of its family', (remoteAddress, from) => {
    const peers = [
      peer({ match: { addresses: ['2001:db8::/32'] }, tunnelProfile: 'a' }, 'wide'),
      peer({ match: { addresses: ['2001:db8:1::/48'] }, tunnelProfile: 'b' }, 'close'),
      peer({ match: { addresses: ['0.0.0.0/0'] }, tunnelProfile: 'c' }, 'ipv4'),
      peer({ match: { addresses: ['fe80::/10'] }, tunnelProfile: 'd' }, 'link-local'),
    ];
    expect(find(tunnel({ remoteAddress }), ...peers, profile('d', { mtu: 1004 }))).toBe(from);
  });

  it('found without a look at each of many for each of many tunnels', () => {
    const count = 100;
    const documents = Array.from({ length: count }, (_, index) => [
      peer({ match: { addresses: [`10.0.0.${index}`] } }, `p${index}`),
      doc('Tunnel', `t${index}`, { remoteAddress: `10.0.0.${index}` }),
    ]).flat();
    const looks = vi.spyOn(ipaddr.IPv4, 'networkAddressFromCIDR');
    expect(resolved(...documents).usedBy.get('PeerProfile/p7')).toBe(1);
    expect(looks.mock.calls.length).toBeLessThan(10 * count);
    looks.mockRestore();
  });

  it('none that asks for a host name, which is not known before dialling', () => {
    expect(find(tunnel(), peer({ match: { hostName: '*' }, tunnelProfile: 'a' }))).toBe('built-in');
  });

  it('the one that the tunnel or its profile names', () => {
    const fitting = peer({ match: { addresses: ['192.0.2.9'] }, tunnelProfile: 'a' }, 'fitting');
    const named = peer({ match: { hostName: 'x' }, tunnelProfile: 'b' }, 'named');
    expect(find(tunnel({ peerProfile: 'named' }), fitting, named)).toBe('TunnelProfile/b');
    expect(find(tunnel({ profile: 'c' }), profile('c', { peerProfile: 'named' }), fitting, named)).toBe(
      'TunnelProfile/b',
    );
  });
});

describe('session values come from', () => {
  const says = (name: string, value: string) => doc('SessionProfile', name, { privateGroupId: value });
  const all = [says('own', '2'), says('of-tunnel', '3'), says('of-peer', '4'), says('default', '5')];
  const bySession = session({ profile: 'own' });
  const byTunnel = tunnel({ sessionProfile: 'of-tunnel' });
  const byPeer = peer({ match: { addresses: ['192.0.2.9'] }, sessionProfile: 'of-peer' });

  it.each([
    ['the Session', [session({ privateGroupId: '1', profile: 'own' }), byTunnel, byPeer], '1', 'Session/s'],
    ['the SessionProfile it names', [bySession, byTunnel, byPeer], '2', 'SessionProfile/own'],
    ["the tunnel's", [session(), byTunnel, byPeer], '3', 'SessionProfile/of-tunnel'],
    ["the peer's", [session(), tunnel(), byPeer], '4', 'SessionProfile/of-peer'],
    ['default', [session(), tunnel()], '5', 'SessionProfile/default'],
  ])('%s', (_, documents, value, from) => {
    const { explain } = resolved(...documents, ...all);
    expect(explain('Session/s')?.privateGroupId).toEqual({ value, from });
  });

  it("a profile that the tunnel's TunnelProfile names, nearer than the peer's and farther than the tunnel's", () => {
    const viaProfile = [tunnel({ profile: 'n' }), profile('n', { sessionProfile: 'of-tunnel' })];
    expect(resolved(session(), ...viaProfile, byPeer, ...all).explain('Session/s')?.privateGroupId.from).toBe(
      'SessionProfile/of-tunnel',
    );
  });

  it('a profile that TunnelProfile default names only after the peer has been asked', () => {
    const farthest = profile('default', { sessionProfile: 'of-tunnel' });
    const from = (...more: string[]) =>
      resolved(session(), tunnel(), farthest, ...more, ...all).explain('Session/s')?.privateGroupId.from;
    expect(from(byPeer)).toBe('SessionProfile/of-peer');
    expect(from()).toBe('SessionProfile/of-tunnel');
  });

  it('connectSpeed.tx for rx where nobody says rx', () => {
    const speed = (spec: object) =>
      resolved(tunnel(), session(spec)).state.sessions.get('s')?.parameters.connectSpeedBps;
    expect(speed({})).toEqual({ tx: 1_000_000, rx: 1_000_000 });
    expect(speed({ connectSpeed: { tx: 64_000 } })).toEqual({ tx: 64_000, rx: 64_000 });
    expect(speed({ connectSpeed: { rx: 64_000 } })).toEqual({ tx: 1_000_000, rx: 64_000 });
  });
});

describe('PPP values come from', () => {
  const says = (name: string, n: number) => doc('PppProfile', name, { papMaxRequests: n });
  const all = [
    says('of-session', 2),
    says('of-profile', 3),
    says('of-tunnel', 4),
    says('of-peer', 5),
    says('default', 6),
  ];
  const bySession = session({ pppProfile: 'of-session', profile: 'sp' });
  const sessionProfile = doc('SessionProfile', 'sp', { pppProfile: 'of-profile' });
  const byTunnel = tunnel({ pppProfile: 'of-tunnel' });
  const byPeer = peer({ match: { addresses: ['192.0.2.9'] }, pppProfile: 'of-peer' });

  it.each([
    ['the profile that the Session names', [bySession, byTunnel, byPeer], 2],
    ['the one that its SessionProfile names', [session({ profile: 'sp' }), byTunnel, byPeer], 3],
    ["the tunnel's", [session(), byTunnel, byPeer], 4],
    ["the peer's", [session(), tunnel(), byPeer], 5],
    ['default', [session(), tunnel()], 6],
  ])('%s', (_, documents, value) => {
    const { state, explain } = resolved(...documents, sessionProfile, ...all);
    expect(state.sessions.get('s')?.ppp.papMaxRequests).toBe(value);
    expect(explain('Session/s')?.['ppp.papMaxRequests'].value).toBe(value);
  });

  it('nested objects field by field', () => {
    const { explain } = resolved(
      session({ pppProfile: 'near' }),
      tunnel(),
      doc('PppProfile', 'near', { lcp: { retransmit: '1s' }, ipv4: { dns: ['192.0.2.1'] } }),
      doc('PppProfile', 'default', { lcp: { maxConfigNaks: 3 }, ipv4: { dns: ['192.0.2.2', '192.0.2.3'] } }),
    );
    expect(explain('Session/s')).toMatchObject({
      'ppp.lcp.retransmit': { value: '1s', from: 'PppProfile/near' },
      'ppp.lcp.maxConfigNaks': { value: 3, from: 'PppProfile/default' },
      'ppp.lcp.maxConfigRequests': { value: 10, from: 'built-in' },
      'ppp.ipv4.dns': { value: ['192.0.2.1'], from: 'PppProfile/near' },
    });
  });

  it('one layer for the peer’s address, fixed or from a pool', () => {
    const pool = doc('AddressPool', 'far', { ranges: ['10.0.0.0/24'] });
    const { state, errors } = resolved(
      doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }),
      peer({ pppProfile: 'near' }),
      doc('PppProfile', 'near', { ipv4: { remote: '10.9.9.9' } }),
      doc('PppProfile', 'default', { ipv4: { pool: 'far' } }),
      pool,
    );
    expect(errors).toEqual([]);
    expect(state.gateway.peers[0].ppp.ipv4).toMatchObject({ remote: 0x0a090909, pool: undefined });
  });
});

describe('profiles named default', () => {
  it('exist without being declared', () => {
    const { errors } = resolved(
      tunnel({ profile: 'default', peerProfile: 'default', sessionProfile: 'default', pppProfile: 'default' }),
      session({ profile: 'default', pppProfile: 'default' }),
    );
    expect(errors).toEqual([]);
  });

  it('count who uses them, as all profiles do', () => {
    const { usedBy } = resolved(
      tunnel({ profile: 'n' }),
      session(),
      profile('n', {}),
      profile('unused', {}),
      doc('PppProfile', 'default', {}),
    );
    expect(Object.fromEntries(usedBy)).toEqual({ 'TunnelProfile/n': 1, 'PppProfile/default': 1 });
  });
});
