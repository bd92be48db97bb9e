import { describe, expect, it } from 'vitest';
import common from '../../schemas/common.json' with { type: 'json' };
import sessionProfile from '../../schemas/sessionprofile.json' with { type: 'json' };
import { quirkNames } from '../../src/engine/quirks.ts';
import { withRelayed } from '../../src/engine/relayed-avps.ts';
import type { SessionType } from '../../src/engine/spec.ts';
import { traceCategories } from '../../src/engine/trace.ts';
import { messageRows, type SentAvps } from '../../src/engine/wire/message-table.ts';
import { sessionChange } from '../../src/reconciler/mutability.ts';
import { doc, resolved, secretDoc, secretText, told } from './declare.ts';

const tunnel = (spec: object = {}, name = 't') => doc('Tunnel', name, { remoteAddress: '192.0.2.9', ...spec });
const session = (spec: object = {}, name = 's') => doc('Session', name, { tunnel: 't', ...spec });
const gateway = (spec: object = {}) => doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }], ...spec });
const profile = (spec: object, name = 'default') => doc('SessionProfile', name, spec);
const passwords = secretDoc('passwords', { all: 'geheim', hex: '00ff10', odd: 'geheim' });

describe('the words of the schemas are those of the engine:', () => {
  it('quirks', () => {
    expect(common.$defs.quirk.enum).toEqual([...quirkNames]);
  });

  it('trace categories', () => {
    expect(common.$defs.traceCategory.enum).toEqual([...traceCategories]);
  });

  it('types of calls', () => {
    const types: Record<SessionType, true> = {
      lacIncoming: true,
      lacOutgoing: true,
      lnsIncoming: true,
      lnsOutgoing: true,
    };
    expect(sessionProfile.properties.spec.properties.type.enum).toEqual(Object.keys(types));
  });

  it('AVPs that a switched call may take along', () => {
    const relayed = (type: 'ICRQ' | 'ICCN' | 'OCRQ' | 'OCCN'): string[] => {
      const { 2: second, 3: third } = messageRows[type];
      const all = [second, third].flatMap((content) => {
        return content ? [...content.required, ...content.expected, ...content.optional] : [];
      });
      const relay = { call: Object.fromEntries(all.map((name) => [name, 'relayed'])), treatments: {} };
      const own: object = Object.fromEntries(all.map((name) => [name, 'own']));
      const sent = Object.entries(withRelayed(type, own as SentAvps<typeof type>, relay));
      return sent.flatMap(([name, value]) => (value === 'relayed' ? [name] : []));
    };
    const names = new Set((['ICRQ', 'ICCN', 'OCRQ', 'OCCN'] as const).flatMap(relayed));
    expect(common.$defs.avpName.enum).toEqual([...names].sort());
  });
});

describe('a call', () => {
  it.each([
    ['lacIncoming', 'client'],
    ['lacOutgoing', 'client'],
    ['lnsIncoming', 'server'],
    ['lnsOutgoing', 'server'],
  ] as const)('of type %s is PPP %s', (type, role) => {
    const login = { userName: 'u', passwordRef: { name: 'passwords', key: 'all' } };
    const found = resolved(tunnel(), session({ type, calledNumber: '1', ...login }), passwords);
    expect(told(found)).toEqual([]);
    const spec = found.state.sessions.get('s');
    expect(spec?.parameters.type).toBe(type);
    expect(spec?.ppp).toMatchObject({ role, authenticatePeer: role === 'server', userName: 'u' });
  });

  it('takes its type and its values from a profile too', () => {
    const values = {
      type: 'lnsIncoming',
      reorderTimeout: '50ms',
      minimumBps: 1,
      maximumBps: 2,
      usePppProxy: true,
      dscp: 46,
      trace: ['fsm'],
    };
    const { state, explain } = resolved(tunnel(), profile(values), session({ dscp: 18 }));
    expect(state.sessions.get('s')?.parameters).toMatchObject({
      type: 'lnsIncoming',
      reorderTimeoutMs: 50,
      minimumBps: 1,
      maximumBps: 2,
      usePppProxy: true,
      dscp: 18,
      trace: ['fsm'],
    });
    expect(explain('Session/s')).toMatchObject({
      type: { value: 'lnsIncoming', from: 'SessionProfile/default' },
      dscp: { value: 18, from: 'Session/s' },
    });
  });

  it('without a word about them is as before there were choices', () => {
    const { state } = resolved(gateway(), tunnel(), session());
    expect(state.sessions.get('s')).toMatchObject({
      proxy: undefined,
      parameters: {
        type: 'lacIncoming',
        reorderTimeoutMs: 0,
        minimumBps: 0,
        maximumBps: 0,
        usePppProxy: false,
        forward: undefined,
        dscp: 0,
        trace: [],
      },
    });
    expect(state.tunnels.get('t')?.parameters).toMatchObject({
      idleTimeoutMs: 0,
      allowPppProxy: false,
      controlDscp: 0,
      trace: [],
    });
    expect(state.gateway).toMatchObject({ requestRateLimit: { perPeer: 0, total: 0 }, pppoeServers: [] });
    expect(state.gateway.peers[0].quirks).toEqual([]);
  });

  it('that an LNS awaits or places gets its addresses from a pool that must exist', () => {
    const ppp = doc('PppProfile', 'default', { ipv4: { pool: 'p' } });
    const message = 'Session/s: spec.ipv4.pool: AddressPool/p does not exist';
    expect(told(resolved(tunnel(), ppp, session({ type: 'lnsIncoming' })))).toEqual([message]);
    expect(told(resolved(tunnel(), ppp, session()))).toEqual([]);
  });

  it('to a number needs one', () => {
    expect(told(resolved(tunnel(), session({ type: 'lnsOutgoing' })))).toEqual([
      'Session/s: spec.calledNumber: is missing: a call of type lnsOutgoing needs the number that the LAC is to call',
    ]);
  });

  it('out of no possible speed is a mistake, told where the least one is given', () => {
    const outgoing = session({ type: 'lnsOutgoing', calledNumber: '1', maximumBps: 64_000 });
    expect(told(resolved(tunnel(), profile({ minimumBps: 128_000 }), outgoing))).toEqual([
      'Session/s: spec.minimumBps: no line has at least 128000 and at most 64000 bit/s',
    ]);
    expect(told(resolved(tunnel(), profile({ minimumBps: 64_000 }), outgoing))).toEqual([]);
  });

  it.each([
    ['lacIncoming', 'only calls that come in can go on: those of type lacIncoming begin here'],
    ['lnsOutgoing', 'only calls that come in can go on: those of type lnsOutgoing begin here'],
    ['lnsIncoming', undefined],
    ['lacOutgoing', undefined],
  ])('of type %s with a forward of its own', (type, message) => {
    const spec = { type, calledNumber: '1', forward: { tunnels: ['u'] } };
    const expected = message === undefined ? [] : [`Session/s: spec.forward: ${message}`];
    expect(told(resolved(tunnel(), tunnel({}, 'u'), session(spec)))).toEqual(expected);
    // Of a profile that waiting calls share it is no mistake.
    const shared = profile({ forward: { tunnels: ['u'] } });
    expect(told(resolved(tunnel(), tunnel({}, 'u'), shared, session({ type, calledNumber: '1' })))).toEqual([]);
  });

  it('whose line gets another speed stays up (RFC 5515 4)', () => {
    const at = (tx: number) => resolved(tunnel(), session({ connectSpeed: { tx } })).state.sessions.get('s');
    const [before, after] = [at(64_000), at(128_000)];
    expect(after && sessionChange(before, after).asks).toBe('live');
  });
});

describe('tunnels, peers and the Gateway', () => {
  it('have limits, marks and traces', () => {
    const values = { idleTimeout: '10m', allowPppProxy: true, controlDscp: 48, trace: ['transport'] };
    const { state } = resolved(
      gateway({ requestRateLimit: { total: 9 } }),
      tunnel(values),
      doc('PeerProfile', 'p', { quirks: ['tunnelIdZero'], tunnelProfile: 'x' }),
      doc('TunnelProfile', 'x', values),
    );
    const parameters = { idleTimeoutMs: 600_000, allowPppProxy: true, controlDscp: 48, trace: ['transport'] };
    expect(state.tunnels.get('t')?.parameters).toMatchObject(parameters);
    expect(state.gateway.peers[0]).toMatchObject({ quirks: ['tunnelIdZero'], tunnel: parameters });
    expect(state.gateway.requestRateLimit).toEqual({ perPeer: 0, total: 9 });
  });
});

describe('what names a document that is wrong', () => {
  it('is not told that there is none', () => {
    const wrong = { nonsense: 1 };
    const found = resolved(
      session({ profile: 'p', tunnel: 't', passwordRef: { name: 'q', key: 'k' } }),
      doc('Tunnel', 't', wrong),
      profile(wrong, 'p'),
      'apiVersion: v1\nkind: Secret\nmetadata: {name: q}\nstringData: 5',
      doc('PppoeServer', 'e', { interface: 'eth1', sessionProfile: 'p' }),
      gateway(),
      profile({ forward: { tunnels: ['t'] } }),
    );
    const named = told(found).filter((line) => !line.includes('there is no such field') && !line.startsWith('Secret/'));
    expect(named.join('\n')).not.toMatch(/does not exist|nowhere/);
    expect(named).toContain('Session/s: spec.profile: SessionProfile/p has an error');
    expect(named).toContain('Session/s: spec.tunnel: Tunnel/t has an error');
    expect(named).toContain('Session/s: spec.passwordRef: Secret/q has an error');
    expect(named).toContain('PppoeServer/e: spec.sessionProfile: SessionProfile/p has an error');
    expect(named).toContain('PeerProfile/default: spec.forward.tunnels[0]: Tunnel/t has an error');
  });
});

describe('forward', () => {
  const rules = [
    { realm: 'ISP.example', tunnels: ['t', 'u'] },
    { calledNumber: '0800*', plugin: 'chooser', tunnels: ['u'] },
    { realm: 'own.example' },
  ];
  const plugins = [{ name: 'chooser', module: 'chooser' }];

  it('comes to rules, the last for everything else', () => {
    const forward = { rules, tunnels: ['u'], avps: { callingNumber: 'drop' } };
    const found = resolved(gateway({ plugins }), tunnel(), tunnel({}, 'u'), profile({ forward }));
    expect(told(found)).toEqual([]);
    expect(found.state.gateway.peers[0].session.forward).toEqual({
      rules: [
        { aaa: false, realm: 'isp.example', tunnels: ['t', 'u'] },
        { aaa: false, calledNumber: '0800*', plugin: 'chooser', tunnels: ['u'] },
        { aaa: false, realm: 'own.example', tunnels: [] },
        { aaa: false, tunnels: ['u'] },
      ],
      avps: { callingNumber: 'drop' },
    });
  });

  it('is taken whole from the nearest that gives it, and shared by its calls', () => {
    const { state, explain } = resolved(
      tunnel(),
      tunnel({}, 'u'),
      profile({ forward: { rules: [{ tunnels: ['u'] }] } }),
      profile({ forward: { tunnels: ['t'] } }, 'near'),
      session({ profile: 'near', type: 'lnsIncoming' }),
      session({ profile: 'near', type: 'lnsIncoming' }, 'r'),
      session({ profile: 'near' }, 'placed'),
    );
    const forward = state.sessions.get('s')?.parameters.forward;
    expect(forward).toEqual({ rules: [{ aaa: false, tunnels: ['t'] }], avps: {} });
    expect(state.sessions.get('r')?.parameters.forward).toBe(forward);
    expect(state.sessions.get('placed')?.parameters.forward).toBeUndefined();
    expect(explain('Session/s')?.forward).toEqual({ value: { tunnels: ['t'] }, from: 'SessionProfile/near' });
  });

  it.each([
    [
      'a Tunnel that there is not',
      { rules: [{ tunnels: ['t'] }, { tunnels: ['t', 'isp-1'] }] },
      'PeerProfile/default: spec.forward.rules[1].tunnels[1]: Tunnel/isp-1 does not exist; did you mean isp-a?',
    ],
    [
      'one for the rest',
      { tunnels: ['nowhere'] },
      'PeerProfile/default: spec.forward.tunnels[0]: Tunnel/nowhere does not exist',
    ],
    [
      'a plugin that there is not',
      { rules: [{ plugin: 'x' }] },
      'PeerProfile/default: spec.forward.rules[0].plugin: the Gateway has no plugin x; it has chooser',
    ],
    [
      'what local users have none of',
      { rules: [{ aaa: true, tunnels: ['t'] }] },
      'PeerProfile/default: spec.forward.rules[0].aaa: Subscribers name no tunnels, and the aaa of these calls is local (built-in): give their PppProfile another',
    ],
    [
      'both a plugin and the AAA',
      { rules: [{ aaa: true, plugin: 'chooser' }] },
      'SessionProfile/default: spec.forward.rules[0]: give only one of plugin and aaa',
    ],
  ])('to %s is a mistake', (_, forward, error) => {
    const found = resolved(gateway({ plugins }), tunnel(), tunnel({}, 'isp-a'), profile({ forward }));
    expect(told(found)).toEqual([error]);
    expect(found.errors[0].at).toMatchObject({ file: 'a.yaml', line: expect.any(Number) });
  });

  it('that the AAA names begins as TunnelProfile default says', () => {
    const aaa = doc('PppProfile', 'default', { aaa: 'chooser' });
    const base = [
      gateway({ plugins }),
      aaa,
      doc('TunnelProfile', 'default', { helloInterval: '7s', secretRef: { name: 'passwords', key: 'all' } }),
      passwords,
    ];
    const asked = resolved(...base, profile({ forward: { rules: [{ realm: 'X.example', aaa: true }] } }));
    expect(told(asked)).toEqual([]);
    const { gateway: found } = asked.state;
    expect(found.peers[0].session.forward?.rules).toMatchObject([{ realm: 'x.example', aaa: true, tunnels: [] }]);
    expect(found.grantedTunnels).toMatchObject({ helloIntervalMs: 7000, authMode: 'challenge' });
    expect(secretText(found.grantedTunnels.secret)).toBe('geheim');
    expect(resolved(...base).state.gateway.grantedTunnels).toMatchObject({
      helloIntervalMs: 60_000,
      secret: undefined,
    });
  });

  it('that the AAA names need not have the secret of the default', () => {
    const found = resolved(
      gateway({ plugins }),
      doc('PppProfile', 'default', { aaa: 'chooser' }),
      doc('TunnelProfile', 'default', { authMode: 'challenge' }),
      doc('TunnelProfile', 'own', { authMode: 'none' }),
      doc('PeerProfile', 'p', { match: { hostName: 'x' }, tunnelProfile: 'own' }),
      profile({ forward: { rules: [{ aaa: true }] } }),
    );
    expect(told(found)).toEqual([]);
  });

  it('with a mistyped AVP is told so', () => {
    const found = resolved(gateway(), profile({ forward: { avps: { calingNumber: 'drop', callingNumber: 'dropp' } } }));
    expect(told(found)).toEqual([
      'SessionProfile/default: spec.forward.avps.calingNumber: there is no such field; did you mean callingNumber?',
      'SessionProfile/default: spec.forward.avps.callingNumber: must be one of relay, drop, regenerate; did you mean drop?',
    ]);
  });
});

describe('what a LAC tells of its client', () => {
  const response = { responseRef: { name: 'passwords', key: 'hex' } };

  it('comes to AVPs', () => {
    const proxyAuth = { type: 'chap', name: 'alice', id: 7, challenge: '0aFF', ...response };
    const proxyLcp = { initialReceived: '0104', lastSent: '0506', lastReceived: '03' };
    const found = resolved(tunnel(), session({ proxyAuth, proxyLcp }), passwords);
    expect(told(found)).toEqual([]);
    const proxy = found.state.sessions.get('s')?.proxy;
    expect(proxy).toMatchObject({
      initialReceivedLcpConfReq: Uint8Array.of(1, 4),
      lastSentLcpConfReq: Uint8Array.of(5, 6),
      lastReceivedLcpConfReq: Uint8Array.of(3),
      proxyAuthenType: 2,
      proxyAuthenName: 'alice',
      proxyAuthenId: 7,
      proxyAuthenChallenge: Uint8Array.of(10, 255),
    });
    expect(proxy?.proxyAuthenResponse?.reveal()).toEqual(Uint8Array.of(0, 255, 16));
    expect(JSON.stringify([...found.state.sessions.values(), found.explain('Session/s')])).not.toContain('00ff10');
  });

  it('is a password as it is with PAP', () => {
    const proxyAuth = { type: 'pap', name: 'a', id: 1, responseRef: { name: 'passwords', key: 'all' } };
    const proxy = resolved(tunnel(), session({ proxyAuth }), passwords).state.sessions.get('s')?.proxy;
    expect([proxy?.proxyAuthenType, secretText(proxy?.proxyAuthenResponse)]).toEqual([3, 'geheim']);
  });

  it.each([
    ['none', {}, []],
    ['text', {}, ['needs name', 'needs responseRef or responseFile']],
    ['pap', { name: 'a' }, ['needs id', 'needs responseRef or responseFile']],
    ['chap', { name: 'a', ...response }, ['needs id', 'needs challenge']],
  ])('of type %s is whole', (type, more, missing) => {
    const found = resolved(tunnel(), session({ proxyAuth: { type, ...more } }), passwords);
    expect(told(found)).toEqual(missing.map((what) => `Session/s: spec.proxyAuth: type ${type} ${what}`));
  });

  it('with a response that is no octets is a mistake that does not show it', () => {
    const proxyAuth = {
      type: 'chap',
      name: 'a',
      id: 1,
      challenge: '00',
      responseRef: { name: 'passwords', key: 'odd' },
    };
    expect(told(resolved(tunnel(), session({ proxyAuth }), passwords))).toEqual([
      'Session/s: spec.proxyAuth.responseRef: a CHAP response must be octets in hexadecimal',
    ]);
  });

  it('with a Secret that is missing says where it is named', () => {
    const proxyAuth = { type: 'pap', name: 'a', id: 1, responseRef: { name: 'x', key: 'k' } };
    expect(told(resolved(tunnel(), session({ proxyAuth })))).toEqual([
      'Session/s: spec.proxyAuth.responseRef: Secret/x does not exist',
    ]);
  });

  it('is told in calls of type lacIncoming only', () => {
    const message = "only a LAC tells it: the call's type is lnsIncoming, not lacIncoming";
    const proxyAuth = { type: 'none' };
    expect(told(resolved(tunnel(), session({ type: 'lnsIncoming', proxyAuth })))).toEqual([
      `Session/s: spec.proxyAuth: ${message}`,
    ]);
    expect(told(resolved(tunnel(), session({ type: 'lnsIncoming', proxyLcp: { lastSent: '00' } })))).toEqual([
      `Session/s: spec.proxyLcp: ${message}`,
    ]);
  });
});
