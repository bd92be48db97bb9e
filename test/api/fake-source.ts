import { EventLog } from '../../src/api/events.ts';
import type { ApiSource, DeclaredObject } from '../../src/api/source.ts';
import type { ConditionStatus, ObjectKind } from '../../src/api/types.ts';
import { SpecError } from '../../src/engine/errors.ts';
import {
  type OtherAvp,
  type RadiusView,
  Secret,
  type SessionView,
  type TunnelParameters,
  type TunnelView,
} from '../../src/engine/spec.ts';
import type { TraceRecord, TraceScope } from '../../src/engine/trace.ts';

/** 2026-03-01T12:00:00Z: when everything in the fake happened. */
export const NOON = Date.UTC(2026, 2, 1, 12);

const parameters: TunnelParameters = {
  version: 'v2',
  digest: 'hmac-md5',
  hostName: 'lac.example',
  secret: new Secret('do-not-show'),
  authMode: 'challenge',
  hideAvps: false,
  useTieBreaker: true,
  framingCapabilities: ['sync', 'async'],
  bearerCapabilities: ['digital', 'analog'],
  helloIntervalMs: 60_000,
  maxRetries: 5,
  retryTimeoutMs: 1000,
  receiveWindow: 10,
  transmitWindow: 10,
  maxSessions: 0,
  idleTimeoutMs: 0,
  allowPppProxy: false,
  controlDscp: 0,
  trace: [],
  mtu: 1460,
  interfaceName: 'l2tp0',
};

export function tunnelView(more: Partial<TunnelView> = {}): TunnelView {
  return {
    direction: 'accepted',
    state: 'established',
    version: 2,
    encapsulation: 'udp',
    localId: 4711,
    remoteId: 99,
    local: { address: '192.0.2.2', port: 1701 },
    remote: { address: '192.0.2.1', port: 1701 },
    peerHostName: 'peer.example',
    peerVendorName: 'prol2tp',
    authenticated: true,
    parameters,
    sessions: { established: 1, total: 2 },
    sinceMs: NOON,
    transport: { sent: 20, received: 21, retransmitted: 1, duplicates: 2, outOfOrder: 3, digestFailures: 0 },
    ...more,
  };
}

export function sessionView(more: Partial<SessionView> = {}): SessionView {
  return {
    tunnelLocalId: 4711,
    version: 2,
    state: 'established',
    direction: 'accepted',
    type: 'lnsIncoming',
    localId: 5,
    remoteId: 6,
    pseudowire: 'ppp',
    call: { callingNumber: '5551234' },
    ppp: {
      phase: 'network',
      user: 'alice',
      auth: 'chap',
      peerMru: 1400,
      ipv4: { local: 0x0a630001, remote: 0x0a630002, dns: [0x09090909] },
      ipv6: {
        localInterfaceId: 1n,
        remoteInterfaceId: 0xfedc_ba98_7654_3210n,
        prefix: { high: 0x2001_0db8_0000_0001n, length: 64 },
        delegated: { high: 0x2001_0db8_0001_0100n, length: 56 },
      },
      limits: { idleTimeoutMs: 600_000, rate: { txBps: 50_000_000, rxBps: 0 }, filter: 'web' },
    },
    interface: 'l2tp0',
    sinceMs: NOON,
    counters: {
      rxPackets: 10,
      rxOctets: 1536,
      txPackets: 20,
      txOctets: 5_242_880,
      rxDropped: 1,
      txDropped: 0,
      rxOutOfOrder: 0,
      rxReordered: 0,
      rxLost: 0,
    },
    ...more,
  };
}

function condition(type: string, status: ConditionStatus['status'], reason: string, message: string): ConditionStatus {
  return { type, status, reason, message, lastTransitionTime: '2026-03-01T12:00:00.000Z', observedGeneration: 3 };
}

/**
 * A daemon with one declared tunnel that is up and one that failed, one declared session, and one accepted tunnel with
 * one session.
 */
export class FakeSource implements ApiSource {
  readonly dataPlane = 'userspace';
  readonly events = new EventLog(() => NOON);
  planned: Parameters<ApiSource['plan']>[0] | undefined;
  outcome: Awaited<ReturnType<ApiSource['plan']>> = { actions: [], drops: { tunnels: [], sessions: [] }, errors: [] };
  objects: Record<ObjectKind, DeclaredObject[]> = {
    Gateway: [
      {
        name: 'edge',
        spec: { hostName: 'lac.example' },
        status: { conditions: [condition('Ready', 'True', 'Listening', 'listens on 192.0.2.2:1701')] },
      },
    ],
    Tunnel: [
      {
        name: 'to-lns',
        spec: { remoteAddress: '192.0.2.9', secretRef: { name: 'lns', key: 'secret' } },
        origin: 'lac.yaml:1',
        status: {
          observedGeneration: 3,
          conditions: [
            condition('Ready', 'True', 'Established', 'the control connection is established'),
            condition('PeerAuthenticated', 'True', 'ChallengeAnswered', 'the peer proved that it knows the secret'),
          ],
        },
      },
      {
        name: 'to-backup',
        spec: { remoteAddress: '192.0.2.10' },
        origin: 'lac.yaml:20',
        status: {
          observedGeneration: 1,
          conditions: [condition('Ready', 'False', 'NotEstablished', 'no answer from 192.0.2.10')],
          retries: 4,
          nextRetry: '2026-03-01T12:00:30.000Z',
        },
      },
    ],
    Session: [
      {
        name: 'alice',
        spec: { tunnel: 'to-lns', userName: 'alice' },
        origin: 'lac.yaml:30',
        status: { observedGeneration: 1, conditions: [condition('Ready', 'True', 'Open', 'PPP is open')] },
      },
      {
        name: 'waiting',
        spec: { tunnel: 'to-backup' },
        status: { conditions: [condition('Ready', 'False', 'TunnelNotReady', 'waits for tunnel to-backup')] },
      },
    ],
    PppoeServer: [
      {
        name: 'access',
        spec: { interface: 'eth1' },
        origin: 'lac.yaml:40',
        status: {
          observedGeneration: 1,
          conditions: [condition('Ready', 'True', 'Applied', 'serves eth1 as bras1')],
          interface: 'eth1',
          acName: 'bras1',
        },
      },
    ],
    AddressPool: [
      {
        name: 'home',
        spec: { ranges: ['10.99.0.0/24'] },
        origin: 'lac.yaml:50',
        status: {
          observedGeneration: 1,
          conditions: [condition('Ready', 'True', 'Applied', '12 of 254 addresses are given out')],
        },
      },
    ],
  };
  tunnelViews: TunnelView[] = [
    tunnelView({ name: 'to-lns', direction: 'dialled', localId: 100, remote: { address: '192.0.2.9', port: 1701 } }),
    tunnelView({
      name: 'to-backup',
      direction: 'dialled',
      state: 'closed',
      localId: 101,
      remoteId: 0,
      remote: { address: '192.0.2.10', port: 1701 },
      peerHostName: undefined,
      peerVendorName: undefined,
      authenticated: false,
      sessions: { established: 0, total: 0 },
      sinceMs: undefined,
      failure: { atMs: NOON, result: 2, error: 6, message: 'no answer from 192.0.2.10' },
    }),
    tunnelView({ peerProfile: 'customers' }),
  ];
  sessionViews: SessionView[] = [
    sessionView({ name: 'alice', tunnel: 'to-lns', direction: 'dialled', type: 'lacIncoming', tunnelLocalId: 100 }),
    sessionView(),
  ];

  declared(kind: ObjectKind): DeclaredObject[] {
    return this.objects[kind];
  }

  tunnels(): TunnelView[] {
    return this.tunnelViews;
  }

  sessions(): SessionView[] {
    return this.sessionViews;
  }

  pools() {
    return [{ name: 'home', total: 254, used: 12, prefixes: { total: 256, used: 3 }, refused: 1 }];
  }

  radius(): RadiusView | undefined {
    const counts = { requests: 12, accepts: 9, rejects: 1, timeouts: 2, drops: 0 };
    const dead = { requests: 3, accepts: 0, rejects: 0, timeouts: 3, drops: 1, lastError: 'no answer on port 1812' };
    return {
      servers: [
        { address: '192.0.2.50', alive: true, ...counts },
        { address: '192.0.2.51', alive: false, ...dead },
      ],
      spooled: 4,
    };
  }

  pppoeServers() {
    return [{ name: 'access', sessions: 3 }];
  }

  pppoeSessions() {
    return [
      {
        server: 'access',
        sessionId: 7,
        peer: '02:00:00:00:00:01',
        user: 'bob@isp.example',
        switchedWith: '100/9',
        call: { agentCircuitId: 'dslam1 0/3' },
        sinceMs: NOON,
      },
    ];
  }

  counts() {
    return {
      tunnels: { dialled: 2, accepted: 1 },
      sessions: { dialled: 1, accepted: 1 },
      dropped: { unknownSession: 7 },
      ignored: { unknownTunnel: 3 },
    };
  }

  errors(): SpecError[] {
    const at = { file: 'lac.yaml', line: 7, column: 3, path: 'spec.helloIntervall' };
    return [new SpecError('unknown field; did you mean helloInterval?', at, 'Tunnel/to-lns')];
  }

  async plan(documents: Parameters<ApiSource['plan']>[0]) {
    this.planned = documents;
    return this.outcome;
  }

  /** What is being traced, by the tests' own hand. */
  readonly watchers = new Set<{ scope: TraceScope; take(record: TraceRecord): void }>();

  describeOther({ vendor, type, value }: OtherAvp) {
    return vendor === 9 && type === 1 ? { label: 'Circuit', text: new TextDecoder().decode(value) } : undefined;
  }

  watch(scope: TraceScope, take: (record: TraceRecord) => void): () => void {
    const watcher = { scope, take };
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  explain(kind: string, name: string) {
    if (kind !== 'Tunnel' || name !== 'to-lns') return undefined;
    return {
      kind,
      name,
      values: [
        { path: 'helloInterval', value: '30s', from: 'TunnelProfile/fast' },
        { path: 'framingCapabilities', value: ['sync', 'async'], from: 'built-in' },
      ],
    };
  }
}
