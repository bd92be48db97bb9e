import type { SpecError } from '../engine/errors.ts';
import type {
  OtherAvp,
  PoolView,
  PppoeServerView,
  PppoeSessionView,
  RadiusView,
  SessionView,
  TunnelView,
} from '../engine/spec.ts';
import type { TraceRecord, TraceScope } from '../engine/trace.ts';
import type { EventLog } from './events.ts';
import type {
  ConditionStatus,
  Explanation,
  GatewayStatus,
  ObjectKind,
  PlannedAction,
  PlanRequest,
  PlanResult,
} from './types.ts';

/** A declared resource with what the reconciler says about it. */
export interface DeclaredObject {
  name: string;
  /** Absent: the document is wrong and there was no good version of it yet. */
  spec?: object;
  /** Where it is declared, e.g. `/etc/prol2tp/lac.yaml:12`. */
  origin?: string;
  status: {
    observedGeneration?: number;
    conditions?: ConditionStatus[];
    usedBy?: number;
    retries?: number;
    nextRetry?: string;
    /** Of a PppoeServer. */
    interface?: string;
    acName?: string;
  };
}

/** What the API shows: the live daemon, as whoever starts the server hands it in. Nothing here is changed by asking. */
export interface ApiSource {
  readonly dataPlane: string;
  readonly events: EventLog;
  declared(kind: ObjectKind): Iterable<DeclaredObject>;
  /** Dialled and accepted ones. The server walks these in slices, so they may change on the way. */
  tunnels(): Iterable<TunnelView>;
  sessions(): Iterable<SessionView>;
  pools(): Iterable<PoolView>;
  /** Undefined: nobody has configured RADIUS. */
  radius(): RadiusView | undefined;
  pppoeServers(): Iterable<PppoeServerView>;
  pppoeSessions(): Iterable<PppoeSessionView>;
  counts(): Pick<GatewayStatus, 'tunnels' | 'sessions' | 'dropped' | 'ignored'>;
  errors(): readonly SpecError[];
  plan(documents: PlanRequest['documents']): Promise<PlanOutcome>;
  /** How a plugin reads an AVP that the engine does not know; undefined: none does. */
  describeOther(avp: OtherAvp): { label: string; text: string } | undefined;
  /** Shows `take` what is traced until the returned function is called. It must not throw. */
  watch(scope: TraceScope, take: (record: TraceRecord) => void): () => void;
  /** Undefined: there is no such resource. */
  explain(kind: string, name: string): Explanation | undefined;
}

export interface PlanOutcome {
  actions: readonly PlannedAction[];
  drops: PlanResult['drops'];
  errors: readonly SpecError[];
}
