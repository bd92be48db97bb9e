import { describe, expect, it } from 'vitest';
import type { SessionSpec, SessionView, TunnelSpec, TunnelView } from '../../src/engine/spec.ts';
import type { Attempt } from '../../src/reconciler/attempts.ts';
import { type Desired, desired } from '../../src/reconciler/desired.ts';
import { Generations } from '../../src/reconciler/generations.ts';
import type { ObservedState } from '../../src/reconciler/live.ts';
import type { Status, StatusInput } from '../../src/reconciler/standing.ts';
import { statusesOf } from '../../src/reconciler/status.ts';
import { doc, resolved, secretDoc, snapshot } from './declare.ts';
import { nothing, sessionView, tunnelView } from './fake-live.ts';

const tunnel = (spec: object = {}) => doc('Tunnel', 't', { remoteAddress: '192.0.2.1', persist: true, ...spec });
const session = (spec: object = {}) => doc('Session', 's', { tunnel: 't', ...spec });
const failure = { atMs: 5000, result: 2, error: 4, message: 'no resources' };

function statusesIn(found: Desired, observed: Partial<ObservedState> = {}, more: Partial<StatusInput> = {}) {
  return statusesOf({
    desired: found,
    observed: { ...nothing, gateway: found.state.gateway, aaa: found.state.aaa, ...observed },
    attempts: new Map(),
    generations: new Map(),
    before: new Map(),
    nowMs: 60_000,
    wallOffsetMs: 0,
    ...more,
  });
}

/** Every condition as `Type=Status`, then the reason and message of Ready. */
function told(status: Status | undefined): string[] {
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const all = conditions.map(({ type, status }) => `${type}=${status}`).join(' ');
  return [all, ready?.reason ?? '', ready?.message ?? ''];
}

const up = 'Ready=True Reconciling=False Stalled=False';
const busy = 'Ready=False Reconciling=True Stalled=False';
const stuck = 'Ready=False Reconciling=False Stalled=True';

const attempt = (more: Partial<Attempt>): Attempt => ({
  object: 'Tunnel/t',
  action: 'openTunnel',
  spec: undefined,
  tries: 3,
  dueAt: 90_000,
  underway: false,
  ...more,
});

describe('a Tunnel', () => {
  const found = resolved(tunnel());
  const view = (state: TunnelView['state'], more: Partial<TunnelView> = {}) =>
    tunnelView(found.state.tunnels.get('t') as TunnelSpec, state, more);
  const status = (seen: TunnelView | undefined, attempts: Attempt[] = [], from: Desired = found): Status | undefined =>
    statusesIn(
      from,
      { tunnels: new Map(seen ? [['t', seen]] : []) },
      { attempts: new Map([['Tunnel/t', attempts]]) },
    ).get('Tunnel/t');
  const unknown = 'Established=False PeerAuthenticated=Unknown';
  const again = '1970-01-01T00:01:30.000Z';

  it.each<[string, TunnelView | undefined, Attempt[], string[]]>([
    ['not dialled yet', undefined, [], [`${busy} ${unknown}`, 'Pending', 'is dialled next']],
    ['waits', view('waitReply'), [], [`${busy} ${unknown}`, 'Establishing', 'waits for an answer of 192.0.2.1:1701']],
    [
      'is up',
      view('established', { peerHostName: 'lns', authenticated: true }),
      [],
      [`${up} Established=True PeerAuthenticated=True`, 'Established', 'tunnel 1 to lns (192.0.2.1:1701), its id 2'],
    ],
    [
      'is up without authentication',
      view('established'),
      [],
      [`${up} Established=True PeerAuthenticated=False`, 'Established', 'tunnel 1 to 192.0.2.1:1701, its id 2'],
    ],
    [
      'closes',
      view('closing'),
      [],
      [`${busy} ${unknown}`, 'Closing', 'waits until the peer knows that the tunnel is closed'],
    ],
    [
      'waits for the next try',
      view('closed', { failure }),
      [attempt({})],
      [`${busy} ${unknown}`, 'Retrying', `no resources; it is dialled again at ${again}`],
    ],
    [
      'cannot be dialled',
      undefined,
      [attempt({ error: { atMs: 0, message: 'ENETUNREACH' } })],
      [`${busy} ${unknown}`, 'ActionFailed', `openTunnel: ENETUNREACH; it is dialled again at ${again}`],
    ],
  ])('that %s', (_, seen, attempts, expected) => {
    expect(told(status(seen, attempts))).toEqual(expected);
  });

  it('that ended and does not persist waits for the operator', () => {
    const once = resolved(tunnel({ persist: false }));
    const ended = tunnelView(once.state.tunnels.get('t') as TunnelSpec, 'closed', { failure });
    const message = 'no resources; persist is false, so it is not dialled again';
    expect(told(status(ended, [], once))).toEqual([`${stuck} ${unknown}`, 'Ended', message]);
  });

  it.each([
    ['drain', { drain: true }, 'Draining'],
    ['allowLocalTunnels', { allowLocalTunnels: false }, 'NotAllowed'],
  ])('that may not be dialled says so: %s', (_, spec, reason) => {
    const held = resolved(doc('Gateway', 'g', spec), tunnel());
    expect(told(status(undefined, [], held)).slice(0, 2)).toEqual([`${stuck} ${unknown}`, reason]);
  });

  it('shows its details', () => {
    const seen = view('established', {
      peerHostName: 'lns',
      peerVendorName: 'acme',
      sinceMs: 1000,
      quirks: ['tunnelIdZero'],
      sessions: { established: 1, total: 2 },
    });
    expect(status(seen, [attempt({ underway: true })])).toMatchObject({
      localId: 1,
      remoteId: 2,
      version: 2,
      dataPlane: 'userspace',
      quirks: ['tunnelIdZero'],
      peer: { hostName: 'lns', vendorName: 'acme', address: '192.0.2.1', port: 1701 },
      sessions: { established: 1, total: 2 },
      since: '1970-01-01T00:00:01.000Z',
      retries: 0,
    });
  });

  it.each<[string, object, Partial<TunnelView>, string, string]>([
    ['a digest of the secret', { version: 'v3' }, { authenticated: true }, 'True', 'DigestValid'],
    ['nothing, without a secret', { version: 'v3' }, {}, 'False', 'NotAuthenticated'],
    [
      'nothing, when it is static',
      { static: { localTunnelId: 1, remoteTunnelId: 2 }, encapsulation: 'ip', persist: undefined },
      {},
      'False',
      'Static',
    ],
  ])('of L2TPv3 says that its peer proved itself by %s', (_, spec, more, holds, reason) => {
    const from = resolved(tunnel(spec));
    expect(from.errors).toEqual([]);
    const seen = tunnelView(from.state.tunnels.get('t') as TunnelSpec, 'established', { version: 3, ...more });
    const proof = status(seen, [], from)?.conditions?.find(({ type }) => type === 'PeerAuthenticated');
    expect(proof).toMatchObject({ status: holds, reason });
  });

  it('over IP shows no port, and the control messages whose digest was wrong', () => {
    const seen = view('established', {
      version: 3,
      encapsulation: 'ip',
      remote: { address: '2001:db8::9', port: 0 },
      transport: { ...tunnelView(found.state.tunnels.get('t') as TunnelSpec, 'idle').transport, digestFailures: 2 },
    });
    expect(status(seen)).toMatchObject({ version: 3, encapsulation: 'ip', digestFailures: 2 });
    expect(told(status(seen))[2]).toBe('tunnel 1 to 2001:db8::9, its id 2');
  });

  it('shows its last error and its next try', () => {
    expect(status(view('closed', { failure }), [attempt({})])).toMatchObject({
      lastError: { time: '1970-01-01T00:00:05.000Z', result: 2, error: 4, message: 'no resources' },
      retries: 3,
      nextRetry: again,
    });
  });

  it('with a mistake says where, and that its last good version stays', () => {
    const before = resolved(tunnel());
    const after = desired(snapshot(tunnel({ profile: 'x', mtu: 1300 })), before);
    const [all, reason, message] = told(status(view('established', { authenticated: true }), [], after));
    expect([all, reason]).toEqual([`${stuck} Established=True PeerAuthenticated=True`, 'SpecError']);
    expect(message).toBe(
      'a.yaml:4:51: spec.profile: TunnelProfile/x does not exist; its last good version stays in force',
    );
  });

  it('whose document was never right is known by its mistakes', () => {
    const [all, reason, message] = told(statusesIn(resolved(tunnel({ mtu: 1, x: 2 }))).get('Tunnel/t'));
    expect([all, reason]).toEqual([stuck, 'SpecError']);
    expect(message).toMatch(/^a\.yaml:4:\d+: spec\.(mtu|x): .* \(and 1 more\)$/);
  });
});

describe('a Session', () => {
  const found = resolved(tunnel(), session());
  const view = (state: SessionView['state'], more: Partial<SessionView> = {}) =>
    sessionView(found.state.sessions.get('s') as SessionSpec, state, more);
  const status = (seen: SessionView | undefined, tunnelState: TunnelView['state'] = 'established') =>
    statusesIn(found, {
      tunnels: new Map([['t', tunnelView(found.state.tunnels.get('t') as TunnelSpec, tunnelState)]]),
      sessions: new Map(seen ? [['s', seen]] : []),
    }).get('Session/s');
  const open = {
    phase: 'network',
    user: 'alice',
    auth: 'chap',
    peerMru: 1400,
    ipv4: { local: 0x0a000002, remote: 0x0a000001, dns: [0x0a000003] },
  } as const;

  it.each<[string, SessionView | undefined, TunnelView['state'], string[]]>([
    ['waits for its tunnel', undefined, 'waitReply', [busy, 'WaitingForTunnel', 'waits for Tunnel/t']],
    ['comes next', undefined, 'established', [busy, 'Pending', 'is placed next']],
    ['waits', view('waitReply'), 'established', [busy, 'Establishing', 'waits for an answer of the peer']],
    ['failed', view('closed', { failure }), 'established', [busy, 'Retrying', 'no resources']],
    [
      'was refused by the peer, in its own words',
      view('closed', { failure: { ...failure, message: 'bridge br0: ENODEV', byPeer: true } }),
      'established',
      [busy, 'Retrying', 'the peer says: bridge br0: ENODEV (there is no such interface)'],
    ],
    [
      'failed here',
      view('closed', { failure: { ...failure, message: 'bridge br0: ENODEV' } }),
      'established',
      [busy, 'Retrying', 'bridge br0: ENODEV (there is no such interface)'],
    ],
    ['is awaited', view('waitCall'), 'established', [busy, 'WaitingForCall', "waits for the peer's call"]],
    [
      'is awaited again',
      view('waitCall', { failure }),
      'established',
      [busy, 'WaitingForCall', "waits for the peer's call; last: no resources"],
    ],
    ['is placed by the peer', view('waitAnswer'), 'established', [busy, 'Establishing', 'the peer places the call']],
    [
      'is switched',
      view('established', { switched: { with: '7/9' } }),
      'established',
      [up, 'Switched', 'goes on as 7/9'],
    ],
    [
      'lost its tunnel',
      view('closed', { failure }),
      'closed',
      [busy, 'WaitingForTunnel', 'waits for Tunnel/t; last: no resources'],
    ],
    [
      'negotiates',
      view('established', { ppp: { phase: 'authenticate', peerMru: 1500, failure: 'wrong password' } }),
      'established',
      [busy, 'Negotiating', 'PPP is in phase authenticate; last: wrong password'],
    ],
    [
      'has no interface yet',
      view('established', { ppp: open }),
      'established',
      [busy, 'Negotiating', 'PPP is in phase network'],
    ],
    [
      'is up',
      view('established', { ppp: open, interface: 'ppp7' }),
      'established',
      [up, 'Up', '10.0.0.2 to 10.0.0.1 on ppp7 as alice'],
    ],
  ])('that %s', (_, seen, tunnelState, [all, reason, message]) => {
    const isUp = seen?.state === 'established';
    expect(told(status(seen, tunnelState))).toEqual([`${all} Established=${isUp ? 'True' : 'False'}`, reason, message]);
  });

  it('shows its details', () => {
    const counters = {
      rxPackets: 1,
      rxOctets: 2,
      txPackets: 3,
      txOctets: 4,
      rxDropped: 5,
      txDropped: 6,
      rxOutOfOrder: 7,
      rxReordered: 8,
      rxLost: 9,
    };
    expect(status(view('established', { ppp: open, interface: 'ppp7', sinceMs: 1000, counters }))).toMatchObject({
      localId: 3,
      remoteId: 4,
      type: 'lacIncoming',
      pseudowire: 'ppp',
      interface: 'ppp7',
      ppp: {
        phase: 'network',
        user: 'alice',
        auth: 'chap',
        mru: 1400,
        localAddress: '10.0.0.2',
        remoteAddress: '10.0.0.1',
        dns: ['10.0.0.3'],
      },
      counters,
      since: '1970-01-01T00:00:01.000Z',
    });
  });

  it('that ended in a tunnel that does not persist waits for the operator', () => {
    const once = resolved(tunnel({ persist: false }), session());
    const ended = sessionView(once.state.sessions.get('s') as SessionSpec, 'closed', { failure });
    const [all, reason] = told(statusesIn(once, { sessions: new Map([['s', ended]]) }).get('Session/s'));
    expect([all, reason]).toEqual([`${stuck} Established=False`, 'Ended']);
  });
});

describe('a Session with a pseudowire', () => {
  const found = resolved(
    tunnel({ version: 'v3' }),
    session({ pseudowire: 'ethernet' }),
    doc('EthernetProfile', 'default', {}),
  );
  const up = tunnelView(found.state.tunnels.get('t') as TunnelSpec, 'established', { version: 3 });
  const circuit = {
    local: { active: true, isNew: false },
    peer: { active: true, isNew: false },
  };
  const status = (more: Partial<SessionView>): Status | undefined => {
    const view = sessionView(found.state.sessions.get('s') as SessionSpec, 'established', { version: 3, ...more });
    const observed = { tunnels: new Map([['t', up]]), sessions: new Map([['s', view]]) };
    return statusesIn(found, observed).get('Session/s');
  };

  it.each<[string, Partial<SessionView>, string, string]>([
    ['is attached to nothing', {}, 'Attaching', 'the ethernet pseudowire is attached to nothing yet'],
    ['is up', { interface: 'pw0', circuit }, 'Up', 'ethernet on pw0'],
    ['is up without a word about circuits', { interface: 'pw0' }, 'Up', 'ethernet on pw0'],
    [
      'has a circuit that is down',
      { interface: 'pw0', circuit: { ...circuit, local: { active: false, isNew: false, circuitRxFault: true } } },
      'CircuitDown',
      'the circuit at pw0 is not active (fault: circuitRx)',
    ],
    [
      'has a circuit that is down at the peer',
      { interface: 'pw0', circuit: { ...circuit, peer: { active: false, isNew: false } } },
      'PeerCircuitDown',
      'the circuit at the peer is not active',
    ],
  ])('%s', (_, more, reason, message) => {
    const [, ...ready] = told(status(more));
    expect(ready).toEqual([reason, message]);
  });

  it('shows the circuits at both ends, and no PPP', () => {
    const peer = { active: false, isNew: false, pseudowireTxFault: true, standby: true } as const;
    const { ppp, ...shown } = status({ interface: 'pw0', circuit: { ...circuit, peer } }) as Extract<
      Status,
      { ppp?: unknown }
    >;
    expect(ppp).toBeUndefined();
    expect(shown).toMatchObject({
      pseudowire: 'ethernet',
      interface: 'pw0',
      circuit: { local: { active: true }, peer: { active: false, standby: true, faults: ['pseudowireTx'] } },
    });
  });

  it('counts who uses its EthernetProfile', () => {
    expect(statusesIn(found).get('EthernetProfile/default')).toMatchObject({ usedBy: 1 });
  });
});

describe('settings', () => {
  const found = resolved(
    doc('Gateway', 'g', { listen: [{ address: '192.0.2.2' }] }),
    doc('PeerProfile', 'p'),
    doc('PppProfile', 'default', { ipv4: { pool: 'a' } }),
    doc('PppProfile', 'unused'),
    doc('AddressPool', 'a', { ranges: ['10.0.0.0/29'] }),
    doc('Subscriber', 'u', { userName: 'u', passwordRef: { name: 'x', key: 'k' } }),
    secretDoc('x', { k: 'v' }),
  );

  it('are ready when they are in force', () => {
    const statuses = statusesIn(found, {
      accepted: { tunnels: 2, sessions: 5 },
      pools: [{ name: 'a', total: 6, used: 1, prefixes: { total: 0, used: 0 }, refused: 0 }],
    });
    expect(Object.fromEntries([...statuses].map(([id, status]) => [id, told(status).slice(0, 3)]))).toEqual({
      'Gateway/g': [up, 'Applied', 'listens at 192.0.2.2:1701'],
      'PeerProfile/p': [up, 'Applied', 'is in force'],
      'PppProfile/default': [up, 'Valid', '1 resource uses it'],
      'PppProfile/unused': [up, 'Valid', '0 resources use it'],
      'AddressPool/a': [up, 'Applied', '1 of 6 addresses are given out'],
      'Subscriber/u': [up, 'Applied', 'may log in'],
    });
    expect(statuses.get('Gateway/g')).toMatchObject({
      tunnels: { dialled: 0, accepted: 2 },
      sessions: { dialled: 0, accepted: 5 },
    });
    expect(statuses.get('AddressPool/a')).toMatchObject({ total: 6, used: 1, usedBy: 1 });
  });

  it('say of a pool what is given out, and when nothing is left', () => {
    const pool = (view: object) =>
      told(
        statusesIn(found, {
          pools: [{ name: 'a', total: 6, used: 1, prefixes: { total: 0, used: 0 }, refused: 0, ...view }],
        }).get('AddressPool/a'),
      );
    expect(pool({ refused: 1 })).toEqual([up, 'Applied', '1 of 6 addresses are given out, and 1 request was refused']);
    expect(pool({ prefixes: { total: 256, used: 9 } })).toEqual([
      up,
      'Applied',
      '1 of 6 addresses and 9 of 256 prefixes are given out',
    ]);
    expect(pool({ total: 0, used: 0 })).toEqual([up, 'Applied', 'no addresses are given out']);
    expect(pool({ used: 6, refused: 3 })).toEqual([
      stuck,
      'PoolExhausted',
      'all 6 addresses are given out, and 3 requests were refused: give it more ranges',
    ]);
    expect(pool({ prefixes: { total: 2, used: 2 } })).toEqual([
      stuck,
      'PoolExhausted',
      'all 2 prefixes are given out: give it more ipv6.prefixes',
    ]);
  });

  it('say which RADIUS servers do not answer', () => {
    const counts = { requests: 3, accepts: 1, rejects: 1, timeouts: 1, drops: 0 };
    const server = (address: string, alive: boolean, lastError?: string) => ({ address, alive, lastError, ...counts });
    const status = (...servers: ReturnType<typeof server>[]) =>
      statusesIn(found, { radius: { servers, spooled: 2 } }).get('Gateway/g');
    const dead = server('192.0.2.51', false, 'no answer within 3 s');
    expect(told(status(server('192.0.2.50', true)))).toEqual([up, 'Applied', 'listens at 192.0.2.2:1701']);
    expect(told(status(server('192.0.2.50', true), dead))).toEqual([
      up,
      'Applied',
      'listens at 192.0.2.2:1701; of the RADIUS servers some do not answer: 192.0.2.51 (no answer within 3 s)',
    ]);
    expect(told(status(server('192.0.2.50', false), dead))).toEqual([
      busy,
      'RadiusUnavailable',
      'no RADIUS server answers: 192.0.2.50; 192.0.2.51 (no answer within 3 s)',
    ]);
    expect(status(dead)).toMatchObject({ radius: { servers: [{ address: '192.0.2.51', alive: false }], spooled: 2 } });
  });

  it('are pending before that', () => {
    const statuses = statusesIn(found, { gateway: undefined, aaa: undefined });
    for (const id of ['Gateway/g', 'PeerProfile/p', 'AddressPool/a', 'Subscriber/u']) {
      expect([id, ...told(statuses.get(id)).slice(0, 2)]).toEqual([id, busy, 'Pending']);
    }
  });

  it('say why the system refuses them; a device’s trouble is the Gateway’s', () => {
    const error = { atMs: 0, message: 'EPERM' };
    const refused = (object: string, action: Attempt['action']) => {
      const attempts = new Map([[object, [attempt({ object, action, error })]]]);
      return statusesIn(found, {}, { attempts });
    };
    const gateway = refused('Device/l2tp0', 'configureDevice').get('Gateway/g');
    expect(told(gateway)).toEqual([busy, 'ActionFailed', 'configureDevice: EPERM']);
    expect(told(refused('AAA', 'configureAaa').get('Subscriber/u'))[1]).toBe('ActionFailed');
    const system = refused('System', 'configureSystem').get('Gateway/g');
    expect(told(system)).toEqual([busy, 'ActionFailed', 'configureSystem: EPERM']);
  });

  it('say that the Gateway lets nobody in', () => {
    const shut = resolved(
      doc('Gateway', 'g', { listen: [{ address: '192.0.2.2' }] }),
      doc('TunnelProfile', 'default', { authMode: 'simple' }),
    );
    expect(told(statusesIn(shut).get('Gateway/g'))).toEqual([
      up,
      'Applied',
      'listens at 192.0.2.2:1701, and refuses every tunnel: authMode is simple, and no PeerProfile names a peer by match.hostName or match.addresses',
    ]);
  });

  it('say that the Gateway drains', () => {
    const draining = resolved(doc('Gateway', 'g', { drain: true }));
    expect(told(statusesIn(draining).get('Gateway/g'))).toEqual([up, 'Draining', 'listens nowhere']);
  });
});

describe('times and generations', () => {
  it('keep the time of the last transition while the status is the same', () => {
    const found = resolved(doc('PppProfile', 'a'));
    const first = statusesIn(found, {}, { nowMs: 1000 });
    const second = statusesIn(found, {}, { nowMs: 2000, before: first });
    const broken = desired(snapshot(doc('PppProfile', 'a', { mtu: 1 })), found);
    const third = statusesIn(broken, {}, { nowMs: 3000, before: second });
    const times = (statuses: Map<string, Status>) =>
      Object.fromEntries(
        (statuses.get('PppProfile/a')?.conditions ?? []).map(({ type, lastTransitionTime }) => [
          type,
          Date.parse(lastTransitionTime),
        ]),
      );
    expect(times(second)).toEqual({ Ready: 1000, Reconciling: 1000, Stalled: 1000 });
    expect(times(third)).toEqual({ Ready: 3000, Reconciling: 1000, Stalled: 3000 });
  });

  it('count the changes of each resource', () => {
    const generations = new Generations();
    const note = (...documents: string[]) => {
      generations.note(snapshot(...documents).resources);
      return Object.fromEntries(generations.byId());
    };
    expect(note(tunnel(), session())).toEqual({ 'Tunnel/t': 1, 'Session/s': 1 });
    expect(note(tunnel({ mtu: 1300 }), session())).toEqual({ 'Tunnel/t': 2, 'Session/s': 1 });
    expect(note(session())).toEqual({ 'Session/s': 1 });
  });

  it('take Kubernetes’ count where there is one', () => {
    const generations = new Generations();
    const text = 'apiVersion: prol2tp.io/v1alpha1\nkind: PppProfile\nmetadata: {name: a, generation: 7}\nspec: {}';
    const found = resolved(text);
    generations.note(found.resources);
    const status = statusesIn(found, {}, { generations: generations.byId() }).get('PppProfile/a');
    expect(status?.observedGeneration).toBe(7);
    expect(status?.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([7, 7, 7]);
  });
});
