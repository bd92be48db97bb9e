import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RadiusAuthentication } from '../../../src/aaa/radius/authentication.ts';
import type { Attributes } from '../../../src/aaa/radius/dictionary.ts';
import type { AnswerType } from '../../../src/aaa/radius/packet.ts';
import { RadiusSessions } from '../../../src/aaa/radius/sessions.ts';
import type { AuthenticateAnswer, AuthenticateRequest, CallFacts, Credentials } from '../../../src/engine/aaa.ts';
import { parseIpv4, parseIpv6, type RadiusSpec, Secret } from '../../../src/engine/spec.ts';
import { InstantClock, instantly, silent, VirtualServers } from './virtual-servers.ts';

const session = (7 << 16) | 9;
const octets = (count: number, value: number) => new Uint8Array(count).fill(value);

const call: CallFacts = {
  port: '7/9',
  avps: { calledNumber: '5551212', callingNumber: '5550100', txConnectSpeedBps: 2_000_000, rxConnectSpeedBps: 512_000 },
  tunnel: {
    local: { address: '192.0.2.1', port: 1701 },
    remote: { address: '192.0.2.9', port: 1701 },
    ours: 'lns.example',
    peers: 'lac.example',
  },
};

const spec: RadiusSpec = {
  servers: ['192.0.2.100', '192.0.2.101'].map((address) => ({
    address,
    authPort: 1812,
    acctPort: 1813,
    coaPort: 0,
    secret: new Secret('between us'),
    timeoutMs: 1_000,
    retries: 0,
  })),
  nasIdentifier: 'our-nas',
  nasAddress: '192.0.2.1',
  interimIntervalMs: 0,
  deadTimeMs: 10_000,
};

/** Questions to two servers of which the second one is silent, and what comes of them. */
class Scene {
  readonly clock = new InstantClock();
  readonly servers = new VirtualServers(this.clock);
  readonly sessions = new RadiusSessions('5f3a');
  readonly radius = new RadiusAuthentication(this.sessions, this.clock, this.servers.open);
  /** What the server answers next. */
  answer: { type: AnswerType; attributes: Attributes } = { type: 'accessAccept', attributes: {} };
  readonly answers: AuthenticateAnswer[] = [];

  constructor() {
    const [first, second] = spec.servers.map((server) => ({ ...server, port: server.authPort }));
    this.servers.set(first, { ...instantly, answer: () => this.answer });
    this.servers.set(second, silent);
    this.radius.configure(spec);
  }

  ask(credentials: Credentials, more: Partial<AuthenticateRequest> = {}): void {
    const request = { session, aaa: 'radius', user: 'alice', credentials, call, ...more };
    this.radius.authenticate(request, (answer) => this.answers.push(answer));
  }

  /** Asks, and tells what came of it. */
  verdict(credentials: Credentials, more: Partial<AuthenticateRequest> = {}): AuthenticateAnswer | undefined {
    const before = this.answers.length;
    this.ask(credentials, more);
    this.clock.run();
    expect(this.answers.length).toBe(before + 1);
    return this.answers.at(-1);
  }

  /** The last Access-Request. */
  get asked(): Attributes {
    const last = this.servers.at('192.0.2.100').at(-1);
    if (!last) throw new Error('nothing was asked');
    return last.packet.attributes;
  }
}

const pap: Credentials = { method: 'pap', password: new Secret('open sesame') };

describe('an Access-Request', () => {
  it('tells who asks, of whom, and where the call comes from', () => {
    const scene = new Scene();
    scene.ask(pap);
    scene.clock.run();
    expect({ ...scene.asked, userPassword: undefined }).toEqual({
      userName: 'alice',
      nasIdentifier: 'our-nas',
      nasIpAddress: 0xc0000201,
      nasPort: session,
      nasPortId: '7/9',
      nasPortType: 5,
      serviceType: 2,
      framedProtocol: 1,
      calledStationId: '5551212',
      callingStationId: '5550100',
      connectInfo: '2000000/512000',
      tunnelType: [{ tag: 0, value: 3 }],
      tunnelMediumType: [{ tag: 0, value: 1 }],
      tunnelClientEndpoint: [{ tag: 0, value: '192.0.2.9' }],
      tunnelServerEndpoint: [{ tag: 0, value: '192.0.2.1' }],
      tunnelClientAuthId: [{ tag: 0, value: 'lac.example' }],
      tunnelServerAuthId: [{ tag: 0, value: 'lns.example' }],
      acctSessionId: '5f3a-000001',
    });
    expect(scene.asked.userPassword?.equals(pap.password)).toBe(true);
  });

  it('of a PPPoE session tells of no tunnel, and over IPv6 so of addresses', () => {
    const scene = new Scene();
    scene.radius.configure({ ...spec, nasAddress: '2001:db8::1' });
    scene.verdict(pap, { call: { port: 'access/3', avps: { agentCircuitId: 'dslam 1/2' } } });
    expect(scene.asked).toMatchObject({
      nasPortType: 32,
      agentCircuitId: 'dslam 1/2',
      nasIpv6Address: parseIpv6('2001:db8::1'),
    });
    expect(scene.asked.tunnelType).toBeUndefined();
    const far = { address: '2001:db8::9', port: 1701 };
    scene.verdict(pap, { call: { ...call, tunnel: { local: far, remote: far, ours: 'a' } } });
    expect(scene.asked.tunnelMediumType).toEqual([{ tag: 0, value: 2 }]);
    expect(scene.asked.tunnelClientAuthId).toBeUndefined();
  });

  const challenge = octets(16, 1);
  const newPassword1 = Uint8Array.from({ length: 1_114 }, (_, i) => i >>> 3);
  const newPassword2 = Uint8Array.from({ length: 582 }, (_, i) => i >>> 3);
  const lmCounts = newPassword1.slice();
  lmCounts.set([0, 3], 1_112);
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');

  it.each<[Credentials, Attributes]>([
    [{ method: 'none' }, { serviceType: 10 }],
    [
      { method: 'chap', identifier: 5, challenge, response: octets(16, 2) },
      { chapPassword: Uint8Array.of(5, ...octets(16, 2)), chapChallenge: challenge },
    ],
    [
      {
        method: 'mschapv1',
        identifier: 6,
        challenge: octets(8, 1),
        response: { lm: octets(24, 0), nt: octets(24, 3), useNt: true },
      },
      { msChapChallenge: octets(8, 1), msChapResponse: Uint8Array.of(6, 1, ...octets(24, 0), ...octets(24, 3)) },
    ],
    [
      { method: 'mschapv2', identifier: 7, challenge, peerChallenge: octets(16, 4), response: octets(24, 5) },
      {
        msChapChallenge: challenge,
        msChap2Response: Uint8Array.of(7, 0, ...octets(16, 4), ...octets(8, 0), ...octets(24, 5)),
      },
    ],
    [
      { method: 'mschapv1NewPassword', identifier: 8, challenge: octets(8, 1), data: newPassword1 },
      {
        msChapChallenge: octets(8, 1),
        msChapCpw2: Uint8Array.of(
          6,
          8,
          ...newPassword1.slice(516, 532),
          ...newPassword1.slice(1_048, 1_064),
          ...newPassword1.slice(1_064, 1_114),
        ),
        msChapNtEncPw: { identifier: 8, octets: newPassword1.slice(0, 516) },
      },
    ],
    [
      { method: 'mschapv1NewPassword', identifier: 8, challenge: octets(8, 1), data: lmCounts },
      { msChapLmEncPw: { identifier: 8, octets: newPassword1.slice(532, 1_048) } },
    ],
    [
      { method: 'mschapv2NewPassword', identifier: 9, challenge, data: newPassword2 },
      {
        msChapChallenge: challenge,
        msChap2Cpw: Uint8Array.of(7, 9, ...newPassword2.slice(516)),
        msChapNtEncPw: { identifier: 9, octets: newPassword2.slice(0, 516) },
      },
    ],
    [
      { method: 'eap', packet: octets(600, 2) },
      { eapMessage: octets(600, 2), framedMtu: 1_400 },
    ],
  ])('holds what was answered by $method', (credentials, wanted) => {
    const scene = new Scene();
    scene.verdict(credentials);
    expect(scene.asked).toMatchObject(wanted);
    // RFC 2548 2.1.7, 2.3.4: with type and length they have 86 and 70 octets.
    const { msChapCpw2, msChap2Cpw } = scene.asked;
    expect([undefined, 2 * 84]).toContain(hex(msChapCpw2)?.length);
    expect([undefined, 2 * 68]).toContain(hex(msChap2Cpw)?.length);
  });

  it('of a caller without a name has its number for one', () => {
    const scene = new Scene();
    scene.verdict({ method: 'none' }, { user: undefined });
    expect(scene.asked.userName).toBe('5550100');
  });

  it.each<[Credentials, string]>([
    [
      { method: 'pap', password: new Secret('x'.repeat(129)) },
      'a password of more than 128 octets, which RADIUS takes',
    ],
    [
      { method: 'chap', identifier: 5, challenge: octets(254, 1), response: octets(16, 2) },
      '254 octets, more than an attribute takes',
    ],
    [{ method: 'eap', packet: octets(4_500, 2) }, 'more attributes than a RADIUS packet takes'],
  ])('with too much in it is a reject in words', (credentials, message) => {
    const scene = new Scene();
    scene.ask(credentials);
    expect(scene.answers).toEqual([{ verdict: 'reject', message }]);
    expect(scene.servers.at('192.0.2.100')).toEqual([]);
  });

  it('never cuts a name', () => {
    const scene = new Scene();
    scene.ask(pap, { user: 'ü'.repeat(127) });
    expect(scene.answers).toEqual([
      { verdict: 'reject', message: "the user's name has more than 253 octets, which RADIUS takes" },
    ]);
    scene.verdict(pap, { user: 'x'.repeat(253) });
    expect(scene.asked.userName?.length).toBe(253);
  });
});

describe('an Access-Accept', () => {
  const accept = (attributes: Attributes, credentials: Credentials = pap) => {
    const scene = new Scene();
    scene.answer = { type: 'accessAccept', attributes };
    const verdict = scene.verdict(credentials);
    return { scene, verdict };
  };
  const grantOf = (attributes: Attributes) => {
    const { verdict } = accept(attributes);
    return verdict?.verdict === 'accept' ? verdict.grant : verdict;
  };
  const ip = (text: string) => parseIpv4(text) ?? Number.NaN;
  const ip6 = (text: string) => parseIpv6(text) ?? -1n;

  it.each<[string, Attributes, object]>([
    ['nothing', {}, {}],
    ['an address', { framedIpAddress: ip('10.0.0.7') }, { ipv4: ip('10.0.0.7') }],
    ['an address that we choose', { framedIpAddress: 0xfffffffe, framedPool: 'gold' }, { pool: 'gold' }],
    ['an address that the user chooses', { framedIpAddress: 0xffffffff }, {}],
    [
      'a network',
      { framedIpAddress: ip('10.0.1.9'), framedIpNetmask: ip('255.255.255.248') },
      { ipv4: ip('10.0.1.9'), routes: ['10.0.1.8/29'] },
    ],
    [
      'the mask of one address',
      { framedIpAddress: ip('10.0.1.9'), framedIpNetmask: ip('255.255.255.255') },
      { ipv4: ip('10.0.1.9') },
    ],
    ['a mask without an address', { framedIpNetmask: ip('255.255.255.0') }, {}],
    [
      'routes',
      {
        framedRoute: [
          '192.168.1.0/24 192.168.1.1 1 2 -1 3 400',
          '10.1.2.3',
          '172.16.0.0 0.0.0.0 1',
          '192.168.7.0',
          '10.1.2.3/9',
          '0.0.0.0/0',
          '0.0.0.0',
        ],
        framedIpv6Route: ['2000:0:0:106::/64 2000::106:a00:20ff:fe99:a998 1', '2001:db8::ff/120', '2001:db8::1'],
      },
      {
        routes: [
          '192.168.1.0/24',
          '10.0.0.0/8',
          '172.16.0.0/16',
          '192.168.7.0/24',
          '10.0.0.0/9',
          '0.0.0.0/0',
          '0.0.0.0/0',
          '2000:0:0:106::/64',
          '2001:db8::/120',
          '2001:db8::1/128',
        ],
      },
    ],
    [
      'IPv6',
      {
        framedIpv6Prefix: [{ address: ip6('2001:db8:1::'), length: 64 }],
        delegatedIpv6Prefix: [{ address: ip6('2001:db8:100::'), length: 56 }],
        framedIpv6Pool: 'links',
        delegatedIpv6PrefixPool: 'homes',
        framedInterfaceId: 7n,
        dnsServerIpv6Address: [ip6('2001:db8::53')],
      },
      {
        prefix: { high: 0x20010db8_00010000n, length: 64 },
        delegated: { high: 0x20010db8_01000000n, length: 56 },
        prefixPool: 'links',
        delegationPool: 'homes',
        interfaceId: 7n,
        dns6: [ip6('2001:db8::53')],
      },
    ],
    [
      'name servers and an MTU',
      { msPrimaryDnsServer: ip('10.0.0.53'), msSecondaryDnsServer: ip('10.0.0.54'), framedMtu: 1_400 },
      { dns: [ip('10.0.0.53'), ip('10.0.0.54')], mtu: 1_400 },
    ],
    ['what is no name server and no MTU', { msPrimaryDnsServer: 0, framedMtu: 20 }, {}],
    [
      'times and a filter',
      { sessionTimeout: 3_600, idleTimeout: 60, acctInterimInterval: 300, filterId: ['strict', 'other'] },
      { sessionTimeoutMs: 3_600_000, idleTimeoutMs: 60_000, interimIntervalMs: 300_000, filter: 'strict' },
    ],
    ['interim updates too often', { acctInterimInterval: 5 }, { interimIntervalMs: 60_000 }],
    ['no interim updates', { acctInterimInterval: 0 }, { interimIntervalMs: 0 }],
    [
      'rates of WISPr before others',
      { wisprBandwidthMaxDown: 8_000_000, wisprBandwidthMaxUp: 1_000_000, mikrotikRateLimit: '1/1' },
      { rate: { txBps: 8_000_000, rxBps: 1_000_000 } },
    ],
    ['one rate of WISPr', { wisprBandwidthMaxDown: 5_000 }, { rate: { txBps: 5_000, rxBps: 0 } }],
    ['no rate', { wisprBandwidthMaxDown: 0, wisprBandwidthMaxUp: 0 }, { rate: 'none' }],
    ['rates of MikroTik', { mikrotikRateLimit: '512k/2M 1M/4M' }, { rate: { txBps: 2_000_000, rxBps: 512_000 } }],
    ['one rate of MikroTik', { mikrotikRateLimit: '1G' }, { rate: { txBps: 1e9, rxBps: 1e9 } }],
    ['rates of Ascend', { ascendXmitRate: 4_000, ascendDataRate: 1_000 }, { rate: { txBps: 4_000, rxBps: 1_000 } }],
    ['one rate of Ascend', { ascendDataRate: 1_000 }, { rate: { txBps: 1_000, rxBps: 1_000 } }],
    [
      'tunnels, the preferred one first',
      {
        tunnelType: [
          { tag: 1, value: 3 },
          { tag: 2, value: 3 },
          { tag: 3, value: 1 },
        ],
        tunnelMediumType: [
          { tag: 1, value: 1 },
          { tag: 2, value: 2 },
          { tag: 4, value: 4 },
        ],
        tunnelPreference: [
          { tag: 1, value: 20 },
          { tag: 2, value: 10 },
        ],
        tunnelServerEndpoint: [
          { tag: 0, value: 'last.example' },
          { tag: 1, value: '198.51.100.1' },
          { tag: 2, value: 'lns.example' },
          { tag: 3, value: '198.51.100.3' },
          { tag: 4, value: '198.51.100.4' },
          { tag: 5, value: '\0' },
        ],
        tunnelClientEndpoint: [
          { tag: 1, value: '192.0.2.1' },
          { tag: 2, value: 'a name' },
        ],
        tunnelClientAuthId: [{ tag: 1, value: 'our-lac' }],
        tunnelAssignmentId: [{ tag: 1, value: 'shared' }],
        tunnelPrivateGroupId: [{ tag: 1, value: 'blue' }],
      },
      {
        tunnels: [
          { remoteAddress: 'lns.example' },
          {
            remoteAddress: '198.51.100.1',
            localAddress: '192.0.2.1',
            hostName: 'our-lac',
            assignmentId: 'shared',
            privateGroupId: 'blue',
          },
          { remoteAddress: 'last.example' },
        ],
      },
    ],
    ['the service that we offer', { serviceType: 2, framedProtocol: 1 }, {}],
  ])('grants %s', (_what, attributes, wanted) => {
    expect(grantOf(attributes)).toEqual(wanted);
  });

  it('gives the secret of a tunnel', () => {
    const grant = grantOf({
      tunnelServerEndpoint: [{ tag: 1, value: '198.51.100.1' }],
      tunnelPassword: [{ tag: 1, value: new Secret('tunnels only') }],
    });
    expect(grant).toMatchObject({ tunnels: [{ secret: expect.any(Secret) }] });
    expect(inspect(grant, { depth: 9 })).not.toContain('tunnels only');
  });

  it.each<[string, Attributes]>([
    ['Service-Type 1 is not offered here, only Framed (2)', { serviceType: 1 }],
    ['Framed-Protocol 2 is not offered here, only PPP (1)', { framedProtocol: 2 }],
    [
      'Tunnel-Type 1, 13 is not L2TP',
      {
        tunnelType: [
          { tag: 1, value: 1 },
          { tag: 2, value: 13 },
        ],
      },
    ],
    ['Framed-Route "nowhere" begins with no network', { framedRoute: ['nowhere'] }],
    ['Framed-Route "10.0.0.0/33" begins with no network', { framedRoute: ['10.0.0.0/33'] }],
    ['Framed-IPv6-Route "::/129 ::1" begins with no network', { framedIpv6Route: ['::/129 ::1'] }],
    ['Framed-IP-Netmask 255.0.255.0 is no mask', { framedIpAddress: 1, framedIpNetmask: 0xff00ff00 }],
    [
      'Framed-IPv6-Prefix 2001:db8::/96 is not of 1 to 64 bits',
      { framedIpv6Prefix: [{ address: ip6('2001:db8::'), length: 96 }] },
    ],
    [
      '2 times Delegated-IPv6-Prefix: a link has one',
      {
        delegatedIpv6Prefix: [
          { address: 0n, length: 8 },
          { address: 0n, length: 9 },
        ],
      },
    ],
    ['Mikrotik-Rate-Limit "fast" is no rate', { mikrotikRateLimit: 'fast' }],
  ])('is a reject where %s', (words, attributes) => {
    expect(grantOf(attributes)).toEqual({
      verdict: 'reject',
      message: `RADIUS grants what cannot be given: ${words}`,
    });
  });

  it('gives the authenticator response and keys of MS-CHAPv2', () => {
    const credentials: Credentials = {
      method: 'mschapv2',
      identifier: 1,
      challenge: octets(16, 1),
      peerChallenge: octets(16, 1),
      response: octets(24, 1),
    };
    const said = `S=${'0A'.repeat(20)}`;
    const { verdict } = accept(
      {
        msChap2Success: Uint8Array.of(1, ...Buffer.from(said)),
        msMppeSendKey: new Secret(octets(16, 5)),
        msMppeRecvKey: new Secret(octets(16, 6)),
      },
      credentials,
    );
    expect(verdict).toMatchObject({
      verdict: 'accept',
      authenticatorResponse: said,
      mppeKeys: { send: octets(16, 5), receive: octets(16, 6) },
    });
  });

  it('gives the start key of MS-CHAPv1 as RFC 3079 A.3 has it', () => {
    const credentials: Credentials = {
      method: 'mschapv1',
      identifier: 1,
      challenge: Uint8Array.from(Buffer.from('102db5df085d3041', 'hex')),
      response: { lm: octets(24, 0), nt: octets(24, 0), useNt: true },
    };
    // PasswordHashHash of "clientPass".
    const keys = Buffer.concat([octets(8, 0), Buffer.from('41c00c584bd2d91c4017a2a12fa59f3f', 'hex')]);
    const { verdict } = accept({ msChapMppeKeys: new Secret(keys) }, credentials);
    const start = Uint8Array.from(Buffer.from('a8947850cfc0acc1d1789fb62ddcddb0', 'hex'));
    expect(verdict).toMatchObject({ mppeKeys: { send: start, receive: start } });
  });

  it('names the user and classes that accounting tells', () => {
    const { scene } = accept({ userName: 'alice@real.example', class: [Uint8Array.of(1), Uint8Array.of(2)] });
    expect(scene.sessions.get(session)).toEqual({
      acctSessionId: '5f3a-000001',
      user: 'alice@real.example',
      classes: [Uint8Array.of(1), Uint8Array.of(2)],
    });
    scene.radius.release(session);
    expect(scene.sessions.size).toBe(0);
  });
});

describe('no', () => {
  it('comes with words for the operator and for the peer', () => {
    const scene = new Scene();
    scene.answer = { type: 'accessReject', attributes: {} };
    expect(scene.verdict(pap)).toMatchObject({ verdict: 'reject', message: 'rejected by RADIUS' });
    scene.answer = {
      type: 'accessReject',
      attributes: {
        replyMessage: ['account', 'expired'],
        msChapError: Uint8Array.of(9, ...Buffer.from('E=648 R=0 V=3 M=expired')),
      },
    };
    expect(scene.verdict(pap)).toMatchObject({
      verdict: 'reject',
      message: 'rejected by RADIUS: account expired',
      reply: 'account expired',
      msChapError: 'E=648 R=0 V=3 M=expired',
    });
  });

  it('is what a question back means to PAP', () => {
    const scene = new Scene();
    scene.answer = { type: 'accessChallenge', attributes: { replyMessage: ['token?'], state: Uint8Array.of(1) } };
    expect(scene.verdict(pap)).toEqual({
      verdict: 'reject',
      message: 'RADIUS asks something back that pap has no way to ask: token?',
    });
  });

  it('is what silence means, and the secret is in no word', () => {
    const scene = new Scene();
    for (const server of spec.servers) scene.servers.set({ ...server, port: 1812 }, silent);
    const verdict = scene.verdict(pap);
    expect(verdict).toEqual({
      verdict: 'reject',
      message: 'no RADIUS server answers: 192.0.2.100, 192.0.2.101',
      undecided: true,
    });
    scene.radius.configure({ ...spec, servers: spec.servers.map((server) => ({ ...server, authPort: 0 })) });
    scene.ask(pap);
    expect(scene.answers.at(-1)).toMatchObject({ message: 'there is no RADIUS server to ask', undecided: true });
    expect(scene.radius.view('192.0.2.100', 1812)).toBeUndefined();
  });
});

describe('EAP', () => {
  const identity = Uint8Array.of(2, 1, 0, 10, 1, ...Buffer.from('alice'));
  const response = Uint8Array.of(2, 2, 0, 6, 4, 7);
  const challenge = {
    type: 'accessChallenge',
    attributes: { eapMessage: octets(300, 3), state: octets(8, 9) },
  } as const;

  it('goes on with the State that the server gave, until it ends', () => {
    const scene = new Scene();
    scene.answer = challenge;
    expect(scene.verdict({ method: 'eap', packet: identity })).toEqual({ verdict: 'challenge', eap: octets(300, 3) });
    expect(scene.asked.state).toBeUndefined();
    scene.answer = { type: 'accessAccept', attributes: { eapMessage: Uint8Array.of(3, 2, 0, 4) } };
    expect(scene.verdict({ method: 'eap', packet: response })).toMatchObject({
      verdict: 'accept',
      eap: Uint8Array.of(3, 2, 0, 4),
    });
    expect(scene.asked.state).toEqual(octets(8, 9));
    scene.verdict({ method: 'eap', packet: response });
    expect(scene.asked.state).toBeUndefined();
  });

  it('begins anew with an identity', () => {
    const scene = new Scene();
    scene.answer = challenge;
    scene.verdict({ method: 'eap', packet: identity });
    scene.verdict({ method: 'eap', packet: identity });
    expect(scene.asked.state).toBeUndefined();
  });

  it('does not go on with another server', () => {
    const scene = new Scene();
    scene.answer = challenge;
    scene.verdict({ method: 'eap', packet: identity });
    scene.servers.set({ ...spec.servers[0], port: 1812 }, silent);
    expect(scene.verdict({ method: 'eap', packet: response })).toEqual({
      verdict: 'reject',
      message: 'no RADIUS server answers: 192.0.2.100',
      undecided: true,
    });
    expect(scene.servers.at('192.0.2.101')).toEqual([]);
  });

  it('ends with a failure for the peer', () => {
    const scene = new Scene();
    scene.answer = { type: 'accessReject', attributes: { eapMessage: Uint8Array.of(4, 2, 0, 4) } };
    expect(scene.verdict({ method: 'eap', packet: identity })).toMatchObject({
      verdict: 'reject',
      eap: Uint8Array.of(4, 2, 0, 4),
    });
  });
});

describe('a session', () => {
  it('that asks anew has one question open, and nothing that is said to an earlier one counts', () => {
    const scene = new Scene();
    scene.servers.set({ ...spec.servers[0], port: 1812 }, silent);
    for (let again = 0; again < 100; again++) scene.ask(pap);
    scene.clock.run();
    expect(scene.answers).toHaveLength(1);
    expect(scene.radius.view('192.0.2.100', 1812)?.timeouts).toBe(1);
  });

  it('that is released gets no answer, and another one under its key is another one', () => {
    const scene = new Scene();
    scene.ask(pap);
    scene.ask(pap);
    scene.radius.release(session);
    scene.clock.run();
    expect(scene.answers).toEqual([]);
    expect(scene.sessions.size).toBe(0);
    scene.verdict(pap);
    expect(scene.asked.acctSessionId).toBe('5f3a-000002');
  });
});
