import { describe, expect, it } from 'vitest';
import { type PlaneDevice, Secret, type SessionSpec, type TunnelSpec } from '../../src/engine/spec.ts';
import type { DesiredState, ObservedState } from '../../src/reconciler/live.ts';
import { sessionChange, sessionMutability, tunnelChange, tunnelMutability } from '../../src/reconciler/mutability.ts';
import { impact, objectOf, plan } from '../../src/reconciler/plan.ts';
import { doc, resolved, secretDoc } from './declare.ts';
import { nothing, sessionView, tunnelView } from './fake-live.ts';

const tunnelDoc = (spec: object = {}, name = 't') => doc('Tunnel', name, { remoteAddress: '192.0.2.1', ...spec });
const sessionDoc = (spec: object = {}, name = 's') => doc('Session', name, { tunnel: 't', ...spec });

function stateOf(...documents: string[]): DesiredState {
  const { state, errors } = resolved(...documents);
  expect(errors).toEqual([]);
  return state;
}

const tunnelIn = (state: DesiredState, name = 't') => state.tunnels.get(name) as TunnelSpec;
const sessionIn = (state: DesiredState, name = 's') => state.sessions.get(name) as SessionSpec;

/** A world in which the settings and devices of a state are in force. */
function settled(state: DesiredState, more: Partial<ObservedState> = {}): ObservedState {
  const devices = new Map(
    [...state.devices].map(([name, spec]): [string, PlaneDevice] => [name, { name, owner: 'Gateway', spec, gaps: [] }]),
  );
  return { ...nothing, gateway: state.gateway, aaa: state.aaa, devices, ...more };
}

function steps(state: DesiredState, observed: ObservedState): string[] {
  return plan(state, observed).map((action) => `${action.action} ${objectOf(action)}: ${action.reason}`);
}

describe('the order of a plan', () => {
  it('is settings, devices, closing, tunnels, calls', () => {
    const state = stateOf(
      doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }),
      tunnelDoc(),
      tunnelDoc({}, 'u'),
      sessionDoc(),
      sessionDoc({ tunnel: 'u' }, 'v'),
    );
    const old = stateOf(tunnelDoc({}, 'old'), tunnelDoc({}, 'u'), sessionDoc({ tunnel: 'u' }, 'gone'));
    const observed = {
      ...nothing,
      tunnels: new Map([
        ['old', tunnelView(tunnelIn(old, 'old'), 'established', { sessions: { established: 1, total: 1 } })],
        ['u', tunnelView(tunnelIn(old, 'u'), 'established')],
      ]),
      sessions: new Map([['gone', sessionView(sessionIn(old, 'gone'), 'established')]]),
    };
    expect(steps(state, observed)).toEqual([
      'configureAaa AAA: first configuration',
      'configureGateway Gateway: first configuration',
      'configureDevice Device/l2tp0: declared',
      'closeSession Session/gone: no longer declared',
      'closeTunnel Tunnel/old: no longer declared, 1 call drops',
      'openTunnel Tunnel/t: declared',
      'openSession Session/v: declared',
    ]);
    expect(impact(plan(state, observed), observed)).toEqual({ tunnels: ['old'], sessions: ['gone'] });
  });

  it('is empty where everything is as it should be', () => {
    const state = stateOf(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }), tunnelDoc(), sessionDoc());
    const observed = settled(state, {
      tunnels: new Map([['t', tunnelView(tunnelIn(state), 'established')]]),
      sessions: new Map([['s', sessionView(sessionIn(state), 'established')]]),
    });
    expect(steps(state, observed)).toEqual([]);
  });
});

describe('settings', () => {
  it('are told by what differs', () => {
    const before = stateOf(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }));
    const after = stateOf(
      doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }], tunnelEstablishTimeout: '1h' }),
      doc('PeerProfile', 'p', { match: { hostName: 'x' } }),
      doc('AddressPool', 'a', { ranges: ['10.0.0.0/24'] }),
    );
    expect(steps(after, settled(before))).toEqual([
      'configureAaa AAA: pools.a added',
      'configureGateway Gateway: tunnelEstablishTimeout 2m -> 1h, peers.default removed, peers.p added',
    ]);
  });

  it('do not change when only the order of writing or an absent field differs', () => {
    const state = stateOf(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }));
    const again = structuredClone(state.gateway);
    expect(steps(state, { ...settled(state), gateway: { ...again } })).toEqual([]);
  });
});

describe('devices', () => {
  const state = stateOf(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] }), tunnelDoc(), sessionDoc());
  const shared = settled(state).devices.get('l2tp0') as PlaneDevice;
  const own: PlaneDevice = { name: 'own', owner: 'Session/s', gaps: [] };
  const world = (...devices: PlaneDevice[]) =>
    settled(state, {
      devices: new Map(devices.map((device) => [device.name, device])),
      tunnels: new Map([['t', tunnelView(tunnelIn(state), 'established')]]),
      sessions: new Map([['s', sessionView(sessionIn(state), 'established')]]),
    });

  it.each<[string, PlaneDevice[], string[]]>([
    ['are made', [], ['configureDevice Device/l2tp0: declared']],
    [
      'are changed',
      [{ ...shared, spec: { name: 'l2tp0', mtu: 1300, addresses: ['10.0.0.1'], routes: [] } }],
      ['configureDevice Device/l2tp0: mtu 1300 -> 1460, addresses [10.0.0.1] -> []'],
    ],
    [
      'are repaired',
      [{ ...shared, gaps: ['down', 'address 10.0.0.1/32 missing'] }],
      ['repairDevice Device/l2tp0: down, address 10.0.0.1/32 missing'],
    ],
    [
      'are removed',
      [shared, { ...shared, name: 'l2tp7' }],
      ['removeDevice Device/l2tp7: no PeerProfile uses it any more'],
    ],
    ['of sessions are left alone', [shared, own], []],
    ['of sessions are repaired', [shared, { ...own, gaps: ['down'] }], ['repairDevice Device/own: down']],
    [
      'of pseudowires that peers brought are repaired',
      [shared, { ...own, owner: 'Session/70001/80001', gaps: ['down'] }],
      ['repairDevice Device/own: down'],
    ],
    ['of sessions that end are left alone', [shared, { ...own, owner: 'Session/old', gaps: ['down'] }], []],
  ])('%s', (_, devices, expected) => {
    expect(steps(state, world(...devices))).toEqual(expected);
  });
});

describe('a tunnel', () => {
  const state = stateOf(tunnelDoc());
  const persistent = stateOf(tunnelDoc({ persist: true }));
  const failure = { atMs: 0, message: 'no answer' };
  const world = (view: ReturnType<typeof tunnelView>) => settled(state, { tunnels: new Map([['t', view]]) });

  it.each([
    ['idle', []],
    ['waitReply', []],
    ['waitConnect', []],
    ['established', []],
    ['closing', []],
    ['closed', ['openTunnel Tunnel/t: dialled again after: no answer']],
  ] as const)('that persists and is %s', (at, expected) => {
    expect(steps(persistent, world(tunnelView(tunnelIn(persistent), at, { failure })))).toEqual(expected);
  });

  it('that does not persist is dialled once', () => {
    expect(steps(state, settled(state))).toEqual(['openTunnel Tunnel/t: declared']);
    expect(steps(state, world(tunnelView(tunnelIn(state), 'closed', { failure })))).toEqual([]);
  });

  it('that ended is dialled again when its spec changes', () => {
    const before = tunnelIn(stateOf(tunnelDoc({ helloInterval: '60s' })));
    const after = stateOf(tunnelDoc({ helloInterval: '30s' }));
    expect(steps(after, world(tunnelView(before, 'closed')))).toEqual(['openTunnel Tunnel/t: helloInterval 1m -> 30s']);
  });

  it('is changed in place where that is possible', () => {
    const after = stateOf(tunnelDoc({ helloInterval: '30s', maxRetries: 7, persist: true }));
    expect(steps(after, world(tunnelView(tunnelIn(state), 'established')))).toEqual([
      'modifyTunnel Tunnel/t: helloInterval 1m -> 30s, maxRetries 5 -> 7, persist false -> true',
    ]);
  });

  it('is re-established where it is not', () => {
    const after = stateOf(tunnelDoc({ remoteAddress: '192.0.2.9', maxRetries: 7 }));
    const view = tunnelView(tunnelIn(state), 'established', { sessions: { established: 2, total: 3 } });
    expect(steps(after, world(view))).toEqual([
      'closeTunnel Tunnel/t: maxRetries 5 -> 7, remoteAddress 192.0.2.1 -> 192.0.2.9: tunnel is re-established, 2 calls drop',
    ]);
    expect(steps(after, world(tunnelView(tunnelIn(state), 'waitReply')))[0]).toMatch(
      /^closeTunnel .*: tunnel is re-est/,
    );
  });

  it('never tells a secret', () => {
    const withSecret = (text: string) =>
      stateOf(tunnelDoc({ secretRef: { name: 'x', key: 'k' } }), secretDoc('x', { k: text }));
    const view = tunnelView(tunnelIn(withSecret('alt')), 'established');
    expect(steps(withSecret('neu'), world(view))).toEqual([
      'closeTunnel Tunnel/t: secret changed: tunnel is re-established',
    ]);
    expect(steps(withSecret('alt'), world(view))).toEqual([]);
  });

  it.each([
    ['drains', { drain: true }],
    ['allows no local tunnels', { allowLocalTunnels: false }],
  ])('is not dialled, and not closed to be re-established, while the Gateway %s', (_, spec) => {
    const after = stateOf(
      doc('Gateway', 'g', spec),
      tunnelDoc({ remoteAddress: '192.0.2.9', persist: true }),
      sessionDoc(),
    );
    expect(steps(after, settled(after))).toEqual([]);
    const open = tunnelView(tunnelIn(state), 'established');
    expect(steps(after, settled(after, { tunnels: new Map([['t', open]]) }))).toEqual([]);
    const closed = tunnelView(tunnelIn(state), 'closed');
    expect(steps(after, settled(after, { tunnels: new Map([['t', closed]]) }))).toEqual([]);
  });
});

describe('a session', () => {
  const state = stateOf(tunnelDoc(), sessionDoc());
  const world = (
    tunnel: Parameters<typeof tunnelView>[1] | undefined,
    session: ReturnType<typeof sessionView> | undefined,
    wanted = state,
  ) =>
    settled(wanted, {
      tunnels: new Map(tunnel ? [['t', tunnelView(tunnelIn(wanted), tunnel)]] : []),
      sessions: new Map(session ? [['s', session]] : []),
    });

  it('waits for its tunnel', () => {
    expect(steps(state, world('waitReply', undefined))).toEqual([]);
    expect(steps(state, world('established', undefined))).toEqual(['openSession Session/s: declared']);
  });

  it('is placed again when it ended in a tunnel that persists', () => {
    const persistent = stateOf(tunnelDoc({ persist: true }), sessionDoc());
    const ended = sessionView(sessionIn(persistent), 'closed', { failure: { atMs: 0, message: 'busy' } });
    expect(steps(persistent, world('established', ended, persistent))).toEqual([
      'openSession Session/s: dialled again after: busy',
    ]);
    expect(steps(state, world('established', sessionView(sessionIn(state), 'closed')))).toEqual([]);
  });

  it('is placed again in another tunnel than it ended in', () => {
    const ended = sessionView(sessionIn(state), 'closed', { tunnelLocalId: 77 });
    expect(steps(state, world('established', ended))).toEqual(['openSession Session/s: dialled again']);
  });

  it('is changed in place or placed again', () => {
    const view = sessionView(sessionIn(state), 'established');
    const numbered = stateOf(tunnelDoc(), sessionDoc({ useSequenceNumbers: true }));
    expect(steps(numbered, world('established', view, numbered))).toEqual([
      'modifySession Session/s: useSequenceNumbers false -> true',
    ]);
    const renamed = stateOf(tunnelDoc(), sessionDoc({ interfaceName: 'x' }));
    expect(steps(renamed, world('established', view, renamed))).toEqual([
      'closeSession Session/s: interfaceName none -> x: call is placed again',
    ]);
  });

  it('that waits for the peer’s call is let wait, and awaited anew when it changes', () => {
    const awaited = stateOf(tunnelDoc(), sessionDoc({ type: 'lnsIncoming' }));
    const waiting = sessionView(sessionIn(awaited), 'waitCall');
    expect(steps(awaited, world('established', waiting, awaited))).toEqual([]);
    const numbered = stateOf(tunnelDoc(), sessionDoc({ type: 'lnsIncoming', callingNumber: '1' }));
    expect(steps(numbered, world('established', waiting, numbered))).toEqual([
      'closeSession Session/s: callingNumber none -> 1: call is awaited anew',
    ]);
  });

  it('is told by the names of its fields', () => {
    const before = stateOf(
      tunnelDoc(),
      sessionDoc({ minimumBps: 1, connectSpeed: { tx: 1, rx: 1 }, reorderTimeout: '1s' }),
    );
    const after = stateOf(
      tunnelDoc(),
      sessionDoc({ minimumBps: 2, connectSpeed: { tx: 1, rx: 2 }, reorderTimeout: '2s' }),
    );
    expect(steps(after, world('established', sessionView(sessionIn(before), 'established'), after))).toEqual([
      'closeSession Session/s: reorderTimeout 1s -> 2s, minimumBps 1 -> 2, connectSpeed.rx 1 -> 2: call is placed again',
    ]);
  });

  it('is told by what differs, octets and rules too', () => {
    const withProxy = (lastSent: string) => stateOf(tunnelDoc(), sessionDoc({ proxyLcp: { lastSent } }));
    const withForward = (forward: object) => stateOf(tunnelDoc(), sessionDoc({ type: 'lnsIncoming', forward }));
    const before = withProxy('0104');
    const view = sessionView(sessionIn(before), 'established');
    expect(steps(withProxy('0104'), world('established', view))).toEqual([]);
    const other = withProxy('0105');
    expect(steps(other, world('established', view, other))).toEqual([
      'closeSession Session/s: proxy.lastSentLcpConfReq 0104 -> 0105: call is placed again',
    ]);
    const old = withForward({ tunnels: ['t'] });
    const ruled = withForward({ rules: [{ realm: 'x', tunnels: ['t'] }] });
    const seen = sessionView(sessionIn(old), 'established');
    expect(steps(ruled, world('established', seen, ruled))).toEqual([
      'modifySession Session/s: forward.rules [[t]] -> [x-[t]]',
    ]);
  });

  it('is left alone while its tunnel is closed to be re-established', () => {
    const after = stateOf(tunnelDoc({ remoteAddress: '192.0.2.9' }), sessionDoc({ interfaceName: 'x' }));
    const observed = world('established', sessionView(sessionIn(state), 'established'));
    expect(plan(after, observed).map(objectOf)).toEqual(['Tunnel/t']);
    expect(impact(plan(after, observed), observed)).toEqual({ tunnels: ['t'], sessions: ['s'] });
  });

  it('is closed when it is no longer declared, also when it is only remembered', () => {
    const after = stateOf(tunnelDoc());
    for (const at of ['established', 'closed'] as const) {
      expect(steps(after, world('established', sessionView(sessionIn(state), at), after))).toEqual([
        'closeSession Session/s: no longer declared',
      ]);
    }
  });
});

describe('the mutability table', () => {
  const tunnel = tunnelIn(stateOf(tunnelDoc()));
  const session = sessionIn(stateOf(tunnelDoc(), sessionDoc()));
  const flat = ({
    parameters,
    ppp = {},
    ethernet = {},
    ...own
  }: {
    parameters: object;
    ppp?: object;
    ethernet?: object;
  }) => ({
    ethernet: Object.entries(ethernet) as [string, string][],
    own: Object.entries(own) as [string, string][],
    ppp: Object.entries(ppp) as [string, string][],
    parameters: Object.entries(parameters) as [string, string][],
  });
  const changed = (value: unknown) =>
    value instanceof Secret ? new Secret('x') : value === 'other' ? 'another' : 'other';

  it.each(flat(tunnelMutability).own)('tunnel %s: %s', (field, expected) => {
    const after = { ...tunnel, [field]: changed(tunnel[field as keyof TunnelSpec]) };
    expect(tunnelChange(tunnel, after, 2).asks).toBe(expected);
  });

  it.each(flat(tunnelMutability).parameters)('tunnel parameters.%s: %s', (field, expected) => {
    const after = { ...tunnel, parameters: { ...tunnel.parameters, [field]: changed(undefined) } };
    expect(tunnelChange(tunnel, after, 2).asks).toBe(expected);
  });

  it.each(flat(sessionMutability).own)('session %s: %s', (field, expected) => {
    const after = { ...session, [field]: changed(session[field as keyof SessionSpec]) };
    expect(sessionChange(session, after).asks).toBe(expected);
  });

  it.each(flat(sessionMutability).parameters)('session parameters.%s: %s', (field, expected) => {
    const after = { ...session, parameters: { ...session.parameters, [field]: changed(undefined) } };
    expect(sessionChange(session, after).asks).toBe(expected);
  });

  it.each(flat(sessionMutability).ppp)('session ppp.%s: %s', (field, expected) => {
    const after = { ...session, ppp: { ...session.ppp, [field]: changed(undefined) } };
    expect(sessionChange(session, after).asks).toBe(expected);
  });

  it.each(flat(sessionMutability).ethernet)('session ethernet.%s: %s', (field, expected) => {
    const attached: SessionSpec = { ...session, ethernet: { vlanAction: 'keep', addresses: [] } };
    const after = { ...attached, ethernet: { ...attached.ethernet, [field]: changed(undefined) } };
    expect(sessionChange(attached, after as SessionSpec).asks).toBe(expected);
  });

  it('goes over to another secret in L2TPv3, if one of the two that it had stays or was known before', () => {
    const [one, other, third] = ['one', 'other', 'third'].map((text) => new Secret(text));
    const under = (secret: Secret, secondSecret?: Secret) => ({
      ...tunnel,
      parameters: { ...tunnel.parameters, secret, secondSecret },
    });
    expect(tunnelChange(under(one, other), under(other, one), 3).asks).toBe('live');
    expect(tunnelChange(under(one, other), under(other), 3).asks).toBe('live');
    expect(tunnelChange(under(one), under(other, one), 3).asks).toBe('live');
    expect(tunnelChange(under(one), under(one, other), 3).asks).toBe('live');
    expect(tunnelChange(under(one, other), under(third), 3).asks).toBe('reestablish');
    expect(tunnelChange(under(one, other), under(other, one), 2).asks).toBe('reestablish');
  });

  it('asks for the hardest of several changes, and for nothing where nothing changed', () => {
    const after = { ...tunnel, persist: true, remoteAddress: 'x' };
    expect(tunnelChange(tunnel, after, 2).asks).toBe('reestablish');
    expect(tunnelChange(tunnel, { ...tunnel }, 2).asks).toBeUndefined();
  });
});
