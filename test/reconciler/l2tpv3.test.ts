import { describe, expect, it } from 'vitest';
import { desired } from '../../src/reconciler/desired.ts';
import { plan } from '../../src/reconciler/plan.ts';
import { doc, resolved, secretDoc, secretText, snapshot, told } from './declare.ts';
import { nothing, sessionView, tunnelView } from './fake-live.ts';

const gateway = (spec: object = {}) => doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }], ...spec });
const tunnel = (spec: object = {}, name = 't') =>
  doc('Tunnel', name, { remoteAddress: '192.0.2.9', version: 'v3', ...spec });
const session = (spec: object = {}, name = 's') => doc('Session', name, { tunnel: 't', ...spec });
const profile = (name: string, spec: object) => doc('TunnelProfile', name, spec);
const ethernet = (name: string, spec: object) => doc('EthernetProfile', name, spec);
const ids = { localTunnelId: 3000, remoteTunnelId: 4000 };
const fixed = { static: { localSessionId: 1000, remoteSessionId: 2000 } };
const fixedTunnel = (spec: object = {}, name = 't') =>
  doc('Tunnel', name, { remoteAddress: '192.0.2.9', encapsulation: 'ip', static: ids, ...spec });

const theTunnel = (...documents: string[]) => resolved(...documents).state.tunnels.get('t');
const theSession = (...documents: string[]) => resolved(...documents).state.sessions.get('s');

describe('the version is', () => {
  const version = (...documents: string[]) => resolved(...documents).explain('Tunnel/t')?.version;
  const plain = doc('Tunnel', 't', { remoteAddress: '192.0.2.9' });

  it('v2 in a tunnel that we dial, where nobody says another', () => {
    expect(version(plain)).toEqual({ value: 'v2', from: 'built-in' });
    expect(theTunnel(plain)?.parameters.version).toBe('v2');
  });

  it('auto in tunnels that peers open', () => {
    const { state, explain } = resolved(gateway(), doc('PeerProfile', 'p', {}));
    expect(state.gateway.peers[0].tunnel.version).toBe('auto');
    expect(explain('PeerProfile/p')?.['tunnel.version']).toEqual({ value: 'auto', from: 'built-in' });
  });

  it('v3 in a static tunnel', () => {
    expect(version(fixedTunnel())).toEqual({ value: 'v3', from: 'built-in' });
  });

  it('that of a profile, for both', () => {
    const far = profile('default', { version: 'v3' });
    expect(version(plain, far)).toEqual({ value: 'v3', from: 'TunnelProfile/default' });
    expect(resolved(gateway(), doc('PeerProfile', 'p', {}), far).state.gateway.peers[0].tunnel.version).toBe('v3');
  });
});

describe('a tunnel over IP', () => {
  it('has no ports', () => {
    const spec = theTunnel(tunnel({ encapsulation: 'ip' }), profile('default', { remotePort: 1800, localPort: 1800 }));
    expect(spec).toMatchObject({ encapsulation: 'ip', remotePort: 0, localPort: 0 });
  });

  it.each([
    [
      'of version v2',
      [doc('Tunnel', 't', { remoteAddress: '192.0.2.9', encapsulation: 'ip' })],
      'Tunnel/t: spec.encapsulation: ip needs version v3, and version is v2: only L2TPv3 runs directly over IP',
    ],
    [
      'of version auto, as its profile says',
      [tunnel({ profile: 'p', version: 'auto' }), profile('p', { encapsulation: 'ip' })],
      'Tunnel/t: spec.encapsulation: ip needs version v3, and version is auto: only L2TPv3 runs directly over IP',
    ],
    [
      'with a port',
      [tunnel({ encapsulation: 'ip', localPort: 1701 })],
      'Tunnel/t: spec.localPort: IP has no ports: take it out, or say encapsulation: udp',
    ],
  ])('%s is a mistake', (_, documents, message) => {
    expect(told(resolved(...documents))).toEqual([message]);
  });
});

describe('a listener', () => {
  it('over UDP or over IP, with the path’s MTU or not', () => {
    const listen = [{ address: '192.0.2.1' }, { address: '2001:db8::1', encapsulation: 'ip', pmtuDiscovery: true }];
    expect(resolved(gateway({ listen })).state.gateway.listen).toEqual([
      { address: '192.0.2.1', port: 1701, encapsulation: 'udp', pmtuDiscovery: false },
      { address: '2001:db8::1', port: 0, encapsulation: 'ip', pmtuDiscovery: true },
    ]);
  });

  it('over IP has no port; with one all listeners stay as they were', () => {
    const before = resolved(gateway());
    const wrong = snapshot(gateway({ listen: [{ address: '192.0.2.1', port: 1701, encapsulation: 'ip' }] }));
    const after = desired(wrong, before);
    expect(told(after)).toEqual([
      'Gateway/g: spec.listen[0].port: IP has no ports: take it out, or say encapsulation: udp',
    ]);
    expect(after.state.gateway.listen).toEqual(before.state.gateway.listen);
  });
});

describe('the router id is', () => {
  const routerId = (spec: object) => resolved(gateway(spec)).state.gateway.routerId;

  it('as declared', () => {
    expect(routerId({ routerId: 7 })).toBe(7);
    expect(routerId({ routerId: '192.0.2.1' })).toBe(0xc0000201);
  });

  it('else made from the host name: always the same, and another for another', () => {
    const one = routerId({ hostName: 'left.example.net' });
    expect(one).toBe(routerId({ hostName: 'left.example.net' }));
    expect(one).not.toBe(routerId({ hostName: 'right.example.net' }));
    expect(one).toBeGreaterThan(0);
    const shown = resolved(gateway({ hostName: 'left.example.net' })).explain('Gateway/g')?.routerId;
    expect(shown).toEqual({ value: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/), from: 'built-in' });
  });
});

describe('secrets and digests', () => {
  const secrets = secretDoc('x', { old: 'alt', new: 'neu' });
  const ref = (key: string) => ({ name: 'x', key });

  it('are two while they are being changed', () => {
    const parameters = theTunnel(
      tunnel({ secretRef: ref('new'), digest: 'hmac-sha1' }),
      profile('default', { secondSecretRef: ref('old') }),
      secrets,
    )?.parameters;
    expect(secretText(parameters?.secret)).toBe('neu');
    expect(secretText(parameters?.secondSecret)).toBe('alt');
    expect(parameters?.digest).toBe('hmac-sha1');
  });

  it('are hmac-md5 where nobody says another', () => {
    expect(theTunnel(tunnel())?.parameters.digest).toBe('hmac-md5');
  });

  it('do not begin with the second', () => {
    expect(told(resolved(tunnel({ secondSecretRef: ref('old') }), secrets))).toEqual([
      'Tunnel/t: spec.secondSecretRef: stands beside the secret: give secretRef or secretFile too',
    ]);
  });
});

describe('a static tunnel', () => {
  it('needs no secret, whatever profiles say, and always persists', () => {
    const { state, errors, explain } = resolved(
      fixedTunnel(),
      profile('default', { authMode: 'challenge', hideAvps: true }),
    );
    expect(errors).toEqual([]);
    expect(state.tunnels.get('t')).toMatchObject({ persist: true, static: ids, parameters: { authMode: 'none' } });
    expect(explain('Tunnel/t')?.persist).toEqual({ value: true, from: 'built-in' });
  });

  it.each([
    [{ persist: true }, 'persist', 'means nothing in a static tunnel, which has no control connection: take it out'],
    [
      { secretFile: 's' },
      'secretFile',
      'means nothing in a static tunnel, which has no control connection: take it out',
    ],
    [{ digest: 'none' }, 'digest', 'means nothing in a static tunnel, which has no control connection: take it out'],
    [
      { version: 'auto', encapsulation: 'udp', localPort: 9 },
      'static',
      'needs version v3, and version is auto: say version: v3 here',
    ],
    [
      { encapsulation: 'udp' },
      'localPort',
      'is missing: nobody tells the peer of a static tunnel to which port it sends',
    ],
  ])('with %j is a mistake', (spec, field, message) => {
    expect(told(resolved(fixedTunnel(spec)))).toEqual([`Tunnel/t: spec.${field}: ${message}`]);
  });

  it('names the profile that gives another version', () => {
    const far = profile('default', { version: 'v2' });
    expect(told(resolved(fixedTunnel({ encapsulation: 'udp', localPort: 9 }), far))).toEqual([
      'Tunnel/t: spec.static: needs version v3, and TunnelProfile/default gives version v2: say version: v3 here',
    ]);
  });

  it('has an id of its own', () => {
    expect(told(resolved(fixedTunnel(), fixedTunnel({}, 'u')))).toEqual([
      'Tunnel/u: spec.static.localTunnelId: Tunnel/t has the same localTunnelId',
    ]);
  });
});

describe('a static session', () => {
  it('has ids and cookies, which nothing shows', () => {
    const cookies = { localCookie: '0011223344556677', remoteCookie: 'DEADBEEF' };
    const found = resolved(fixedTunnel(), session({ pseudowire: 'ethernet', static: { ...fixed.static, ...cookies } }));
    expect(found.errors).toEqual([]);
    const spec = found.state.sessions.get('s');
    expect(spec?.static).toMatchObject(fixed.static);
    expect([...(spec?.static?.localCookie?.reveal() ?? [])]).toEqual([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]);
    expect([...(spec?.static?.remoteCookie?.reveal() ?? [])]).toEqual([0xde, 0xad, 0xbe, 0xef]);
    const shown = JSON.stringify(found.explain('Session/s'));
    expect(shown).not.toMatch(/0011223344556677|DEADBEEF/);
    const before = sessionView(spec as NonNullable<typeof spec>, 'established');
    const after = resolved(
      fixedTunnel(),
      session({ pseudowire: 'ethernet', static: { ...fixed.static, ...cookies, remoteCookie: '0badcafe' } }),
    ).state;
    const upTunnel = tunnelView(after.tunnels.get('t') as NonNullable<ReturnType<typeof theTunnel>>, 'established');
    const steps = plan(after, { ...nothing, tunnels: new Map([['t', upTunnel]]), sessions: new Map([['s', before]]) });
    expect(steps.find(({ action }) => action === 'closeSession')?.reason).toBe(
      'static.remoteCookie changed: call is placed again',
    );
  });

  it('may stand in a tunnel with a control connection', () => {
    const found = resolved(tunnel({ version: 'v3' }), session(fixed));
    expect(found.errors).toEqual([]);
    expect(found.state.sessions.get('s')?.static).toEqual(fixed.static);
  });

  it('may carry PPP', () => {
    const found = resolved(
      fixedTunnel(),
      session({ ...fixed, type: 'lnsIncoming' }),
      doc('AddressPool', 'p', { ranges: ['10.0.0.0/24'] }),
    );
    expect(found.errors).toEqual([]);
    expect(found.state.sessions.get('s')).toMatchObject({ static: fixed.static, ppp: { role: 'server' } });
  });

  it.each([
    [
      'whose tunnel may be of L2TPv2',
      [tunnel({ version: 'auto' }), session(fixed)],
      'Session/s: spec.static: needs L2TPv3: give Tunnel/t version v3, or take this one out',
    ],
    [
      'that has no ids',
      [fixedTunnel(), session()],
      'Session/s: spec.static: is missing: Tunnel/t is static, and so must its sessions be',
    ],
    [
      'that would tell the peer something',
      [fixedTunnel(), session({ ...fixed, remoteEndId: 'x' })],
      'Session/s: spec.remoteEndId: means nothing in a static session, whose peer is told nothing: take it out',
    ],
    [
      'that somebody would ask for',
      [fixedTunnel(), session({ ...fixed, type: 'lnsOutgoing' })],
      "Session/s: spec.type: nobody asks for a static session, so that none is lnsOutgoing: give lacIncoming, or for PPP's server lnsIncoming",
    ],
    [
      'with the id of another',
      [fixedTunnel(), session({ ...fixed }), session({ ...fixed }, 'u')],
      'Session/u: spec.static.localSessionId: Session/s has the same localSessionId 1000',
    ],
  ])('%s is a mistake', (_, documents, message) => {
    expect(told(resolved(...documents))).toEqual([message]);
  });
});

describe('a pseudowire', () => {
  it.each([
    [
      'in a tunnel of version v2',
      [tunnel({ version: 'v2' }), session({ pseudowire: 'ethernet' })],
      'Session/s: spec.pseudowire: ethernet pseudowires need L2TPv3, and Tunnel/t has version v2: give it version: v3 or auto',
    ],
    [
      'in a tunnel of version v2, as the profile says',
      [tunnel({ version: 'v2' }), session({ profile: 'p' }), doc('SessionProfile', 'p', { pseudowire: 'hdlc' })],
      'Session/s: spec.pseudowire: hdlc pseudowires need L2TPv3, and Tunnel/t has version v2: give it version: v3 or auto',
    ],
    [
      'of PPP with a cookie in a tunnel of version v2',
      [tunnel({ version: 'v2' }), session({ cookieLength: 4 })],
      'Session/s: spec.cookieLength: only L2TPv3 has it, and Tunnel/t has version v2: give it version: v3 or auto',
    ],
    [
      'of PPP with an EthernetProfile',
      [tunnel(), session({ ethernetProfile: 'default' })],
      'Session/s: spec.ethernetProfile: is for pseudowires ethernet and vlan, and this one is ppp: take it out, or say another pseudowire',
    ],
    [
      'of Ethernet with a login',
      [tunnel(), session({ pseudowire: 'vlan', userName: 'alice' })],
      'Session/s: spec.userName: is for pseudowires ppp, and this one is vlan: take it out, or say another pseudowire',
    ],
    [
      'of Ethernet with a circuit',
      [tunnel(), session({ pseudowire: 'ethernet', circuit: { dlci: 16 } })],
      'Session/s: spec.circuit: is for pseudowires hdlc, frameRelay and ATM, and this one is ethernet: take it out, or say another pseudowire',
    ],
    [
      'of HDLC with a DLCI',
      [tunnel(), session({ pseudowire: 'hdlc', circuit: { dlci: 16 } })],
      'Session/s: spec.circuit.dlci: is for frameRelay, and the pseudowire of Session/s is hdlc',
    ],
    [
      'with numbers that have no room',
      [tunnel(), session({ pseudowire: 'ethernet', dataSequencing: 'all' })],
      'Session/s: spec.dataSequencing: all needs l2SpecificSublayer: default, which holds the numbers',
    ],
    [
      'with a socket too long for one',
      [tunnel(), session({ pseudowire: 'hdlc' }, 'x'.repeat(100))],
      `Session/${'x'.repeat(100)}: spec.circuit.socket: /run/prol2tp/${'x'.repeat(100)}.circuit is too long for a socket, whose path has at most 107 octets: give a shorter one`,
    ],
    [
      'of VLAN without the VLAN whose tag is to be stripped',
      [tunnel(), session({ pseudowire: 'vlan', ethernetProfile: 'e' }), ethernet('e', { vlanAction: 'strip' })],
      'Session/s: spec.vlanAction: strip needs a vlanId',
    ],
    [
      'of a bridge with addresses',
      [
        tunnel(),
        session({ pseudowire: 'ethernet', ethernetProfile: 'e' }),
        ethernet('e', { bridge: 'br0', addresses: ['192.0.2.1/24'] }),
      ],
      'Session/s: spec.addresses: a device with bridge has none: take them out, give addresses: [] in a nearer profile, or give them to the bridge itself',
    ],
    [
      'of Ethernet with a VLAN',
      [tunnel(), session({ pseudowire: 'ethernet', ethernetProfile: 'e' }), ethernet('e', { vlanId: 7 })],
      'Session/s: spec.vlanId: is for pseudowire vlan, and that of Session/s is ethernet, which carries every tag as it is',
    ],
    [
      'with an EthernetProfile that is not there',
      [tunnel(), session({ pseudowire: 'ethernet', ethernetProfile: 'e' })],
      'Session/s: spec.ethernetProfile: EthernetProfile/e does not exist',
    ],
  ])('%s is a mistake', (_, documents, message) => {
    expect(told(resolved(...documents))).toEqual([message]);
  });

  it('of Ethernet is attached as the nearest EthernetProfile says', () => {
    const documents = [
      tunnel({ ethernetProfile: 'far' }),
      session({ pseudowire: 'ethernet', ethernetProfile: 'near', interfaceName: 'mine' }),
      ethernet('near', {
        attach: { interface: 'eth1' },
        interfaceName: 'pw0',
        macAddress: '02:AB:00:00:00:01',
        addresses: [],
      }),
      ethernet('far', { mtu: 1300 }),
      ethernet('default', { mtu: 1400, bridge: 'br0', addresses: ['192.0.2.1/24'] }),
    ];
    const { state, errors, explain } = resolved(...documents);
    expect(errors).toEqual([]);
    expect(state.sessions.get('s')?.ethernet).toEqual({
      interfaceName: 'mine',
      mtu: 1300,
      macAddress: '02:ab:00:00:00:01',
      bridge: undefined,
      attach: 'eth1',
      vlanId: undefined,
      vlanAction: 'keep',
      addresses: [],
    });
    expect(explain('Session/s')).toMatchObject({
      'ethernet.attach.interface': { value: 'eth1', from: 'EthernetProfile/near' },
      'ethernet.mtu': { value: 1300, from: 'EthernetProfile/far' },
      'ethernet.addresses': { value: [], from: 'EthernetProfile/near' },
    });
    expect(explain('Session/s')).not.toHaveProperty('ethernet.bridge');
    expect(explain('Session/s')?.remoteEndId).toEqual({ value: 's', from: 'built-in' });
  });

  it.each([
    [{ vlanId: 7 }, { vlanId: 7, vlanAction: 'strip' }],
    [
      { vlanId: 7, vlanAction: 'rewrite' },
      { vlanId: 7, vlanAction: 'rewrite' },
    ],
    [{ vlanAction: 'keep' }, { vlanAction: 'keep' }],
    [{}, { vlanAction: 'keep' }],
  ])('of VLAN with %j', (spec, expected) => {
    const found = resolved(tunnel(), session({ pseudowire: 'vlan' }), ethernet('default', spec));
    expect(found.errors).toEqual([]);
    expect(found.state.sessions.get('s')?.ethernet).toMatchObject(expected);
  });

  it('of Ethernet does not mind what PPP profiles say', () => {
    const spec = (papRestart: string) =>
      theSession(tunnel(), session({ pseudowire: 'ethernet' }), doc('PppProfile', 'default', { papRestart }));
    expect(spec('1s')).toEqual(spec('2s'));
  });

  it('of a circuit has a socket by its name, where none is given', () => {
    expect(theSession(tunnel(), session({ pseudowire: 'atmCellVcc', circuit: { vpi: 1, vci: 32 } }))?.circuit).toEqual({
      socket: '/run/prol2tp/s.circuit',
      dlci: undefined,
      vpi: 1,
      vci: 32,
      maxCells: 1,
    });
    const profiled = [
      session({ pseudowire: 'frameRelay', profile: 'p' }),
      doc('SessionProfile', 'p', { circuit: { dlci: 16 } }),
    ];
    expect(theSession(tunnel(), ...profiled)?.circuit?.dlci).toBe(16);
  });

  it.each([
    [undefined, undefined],
    ['site-7', 'site-7'],
    [700, '0x000002bc'],
    ['0x000002BC', '0x000002bc'],
    ['0x61', 'a'],
  ])('is named %j as %j to both ends', (remoteEndId, expected) => {
    expect(theSession(tunnel(), session({ remoteEndId }))?.remoteEndId).toBe(expected);
    const frames = theSession(tunnel(), session({ remoteEndId, pseudowire: 'ethernet' }));
    expect(frames?.remoteEndId).toBe(expected ?? 's');
  });

  it.each([
    [
      'socket',
      [
        session({ pseudowire: 'hdlc', circuit: { socket: '/run/x' } }),
        session({ pseudowire: 'hdlc', circuit: { socket: '/run/x' } }, 'u'),
      ],
      'Session/u: spec.circuit.socket: Session/s has the same socket /run/x',
    ],
    [
      'interface',
      [
        session({ pseudowire: 'ethernet' }),
        session({ pseudowire: 'ethernet' }, 'u'),
        ethernet('default', { attach: { interface: 'eth1' } }),
      ],
      'Session/u: spec.ethernetProfile: Session/s has the same attach.interface eth1',
    ],
    [
      'device',
      [
        session({ interfaceName: 'pw0' }),
        session({ pseudowire: 'ethernet' }, 'u'),
        ethernet('default', { interfaceName: 'pw0' }),
      ],
      'Session/u: spec.ethernetProfile: Session/s has the same interfaceName',
    ],
    [
      'name for both ends',
      [session({ pseudowire: 'ethernet' }), session({ pseudowire: 'ethernet', remoteEndId: 's' }, 'u')],
      'Session/u: spec.remoteEndId: Session/s has the same remoteEndId s in Tunnel/t',
    ],
  ])('has its %s alone', (_, documents, message) => {
    expect(told(resolved(tunnel(), ...documents))).toEqual([message]);
  });
});

describe('a PeerProfile', () => {
  const brings = (pseudowire: string) => doc('SessionProfile', 'p', { pseudowire });
  const peer = doc('PeerProfile', 'p', { sessionProfile: 'p', ethernetProfile: 'e' });

  it('lets peers bring Ethernet pseudowires, which join its bridge and share no device', () => {
    const { state, errors, explain } = resolved(gateway(), peer, brings('ethernet'), ethernet('e', { bridge: 'br0' }));
    expect(errors).toEqual([]);
    const [spec] = state.gateway.peers;
    expect(spec.session.pseudowire).toBe('ethernet');
    expect(spec.ethernet).toMatchObject({ bridge: 'br0', vlanAction: 'keep' });
    expect([...state.devices.keys()]).toEqual([]);
    expect(explain('PeerProfile/p')?.['ethernet.bridge']).toEqual({ value: 'br0', from: 'EthernetProfile/e' });
  });

  it('cannot let them bring circuits, each of which has a socket of its own', () => {
    expect(told(resolved(gateway(), peer, brings('hdlc'), ethernet('e', {})))).toEqual([
      'PeerProfile/p: spec.pseudowire: PeerProfile/p cannot take hdlc pseudowires as peers bring them, because each has a circuit of its own: declare a Tunnel and a Session of type lnsIncoming for each, and give PeerProfile/p a SessionProfile with ppp, ethernet or vlan',
    ]);
  });
});
