/**
 * What the control socket answers: JSON over HTTP on a unix socket, version 1. Objects have the shape of Kubernetes
 * resources; times are ISO 8601 text, counters start when the tunnel or session does.
 */

export const API_VERSION = 'prol2tp.io/v1alpha1';

/** The annotation that says in which file and line something is declared. */
export const ORIGIN = 'prol2tp.io/declared-in';

export type ObjectKind = 'Gateway' | 'Tunnel' | 'Session' | 'PppoeServer' | 'AddressPool';

interface ObjectMetadata {
  /** Accepted tunnels are named `accepted-TUNNELID`, accepted sessions `accepted-TUNNELID-SESSIONID`, by local ids. */
  name: string;
  /** Counts the changes of a declared resource. */
  generation?: number;
  annotations?: Record<string, string>;
}

export interface ApiObject<Kind extends ObjectKind = ObjectKind, Status extends object = object> {
  apiVersion: typeof API_VERSION;
  kind: Kind;
  metadata: ObjectMetadata;
  /** As declared; absent when the peer opened it, or when its document has been wrong from the start. */
  spec?: object;
  status: Status;
}

export interface ObjectList<Item extends object = ApiObject> {
  apiVersion: 'v1';
  kind: 'List';
  items: Item[];
}

export interface ConditionStatus {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime?: string;
  observedGeneration?: number;
}

/** Why it last failed or was closed. `result` and `error` are L2TP's codes (RFC 2661 4.4.2). */
export interface LastError {
  time: string;
  result?: number;
  error?: number;
  message: string;
}

interface CommonStatus {
  observedGeneration?: number;
  conditions: ConditionStatus[];
}

/** Fields that only a live tunnel or session has are absent otherwise. */
interface LiveStatus extends CommonStatus {
  direction?: 'dialled' | 'accepted';
  /** When it was established. */
  since?: string;
  lastError?: LastError;
  retries?: number;
  nextRetry?: string;
}

export interface TunnelStatus extends LiveStatus {
  state: 'idle' | 'waitReply' | 'waitConnect' | 'established' | 'closing' | 'closed';
  localId?: number;
  remoteId?: number;
  local?: { address: string; port: number };
  peer?: { address: string; port: number; hostName?: string; vendorName?: string };
  /** The PeerProfile that applies to an accepted tunnel. */
  peerProfile?: string;
  version?: 2 | 3;
  encapsulation?: 'udp' | 'ip';
  dataPlane?: string;
  /** Work-arounds that are in force for this peer. */
  quirks?: string[];
  sessions?: { established: number; total: number };
  counters?: {
    sent: number;
    received: number;
    retransmitted: number;
    duplicates: number;
    outOfOrder: number;
    /** L2TPv3: dropped because their Message Digest is missing or wrong. */
    digestFailures: number;
  };
}

export interface PppStatus {
  phase: string;
  user?: string;
  auth?: string;
  /** What we may send. */
  mru: number;
  localAddress?: string;
  remoteAddress?: string;
  dns?: string[];
  ipv6?: { localInterfaceId: string; remoteInterfaceId: string; prefix?: string; delegated?: string };
  /** What the call is held to. Rates in bits per second, 0: no limit. */
  limits?: { idleTimeout?: string; sessionTimeout?: string; rateLimit?: { tx: number; rx: number }; filter?: string };
  /** Why addresses could not be given, or why the link last failed. */
  failure?: string;
  /** What was taken over from the LAC. */
  proxy?: 'lcp' | 'lcpAndAuth';
}

/** One AVP as people read it. What is secret is not in it. */
export interface AvpStatus {
  /** Like `callingNumber`. */
  name: string;
  /** What the RFC calls it. */
  label: string;
  text: string;
}

export interface CircuitStatus {
  active: boolean;
  standby?: boolean;
  /** Like `circuitRx` (RFC 5641). */
  faults?: string[];
}

export interface SessionStatus extends LiveStatus {
  state: 'waitCall' | 'waitReply' | 'waitAnswer' | 'waitConnect' | 'established' | 'closed';
  type?: 'lacIncoming' | 'lacOutgoing' | 'lnsIncoming' | 'lnsOutgoing';
  /** The metadata.name of its tunnel. */
  tunnel: string;
  localId?: number;
  remoteId?: number;
  /** L2TPv3: what names the circuit to both ends. */
  remoteEndId?: string;
  /** As a Session declares it. */
  pseudowire?: string;
  /** Or the socket of the circuit. */
  interface?: string;
  /** Whether the circuits at both ends can carry data. */
  circuit?: { local: CircuitStatus; peer: CircuitStatus };
  /** The metadata.name of the call that this one goes on in, or comes from. */
  switchedWith?: string;
  callingNumber?: string;
  calledNumber?: string;
  /** By which both sides know the call (RFC 2661 4.4.4). */
  callSerialNumber?: number;
  /** What the peer told of the call. */
  call?: AvpStatus[];
  ppp?: PppStatus;
  counters?: {
    rxPackets: number;
    rxOctets: number;
    txPackets: number;
    txOctets: number;
    rxDropped: number;
    txDropped: number;
    rxOutOfOrder: number;
    rxReordered: number;
    rxLost: number;
  };
}

export interface GatewayStatus extends CommonStatus {
  tunnels: { dialled: number; accepted: number };
  sessions: { dialled: number; accepted: number };
  /** Data messages that no session took, by reason. */
  dropped?: Record<string, number>;
  /** Control messages that were not taken, by reason. */
  ignored?: Record<string, number>;
  radius?: RadiusStatus;
}

export interface RadiusStatus {
  /** In the order of preference. */
  servers: readonly {
    address: string;
    alive: boolean;
    requests: number;
    accepts: number;
    rejects: number;
    /** Without an answer. */
    timeouts: number;
    /** Datagrams that were no answer to a question. */
    drops: number;
    lastError?: string;
  }[];
  /** Accounting records that wait on disk. */
  spooled: number;
}

interface PoolStatus extends CommonStatus {
  usedBy?: number;
  total: number;
  used: number;
  /** Pieces of IPv6. */
  prefixes: { total: number; used: number };
  /** Requests that found nothing free. */
  refused: number;
}

interface PppoeServerStatus extends CommonStatus {
  interface?: string;
  acName?: string;
  sessions: number;
}

export type TunnelObject = ApiObject<'Tunnel', TunnelStatus>;
export type SessionObject = ApiObject<'Session', SessionStatus>;
export type GatewayObject = ApiObject<'Gateway', GatewayStatus>;
export type PppoeServerObject = ApiObject<'PppoeServer', PppoeServerStatus>;
export type PoolObject = ApiObject<'AddressPool', PoolStatus>;

/** GET /v1/pppoesessions: the clients of all PppoeServers; `?server=NAME` chooses. */
export interface PppoeSession {
  /** The PppoeServer's metadata.name. */
  server: string;
  /** RFC 2516's session id. */
  sessionId: number;
  /** The client's MAC address. */
  peer: string;
  user?: string;
  /** The metadata.name of the call in which it goes on. */
  switchedWith?: string;
  /** What the client and its access node said. */
  call?: AvpStatus[];
  since: string;
}

/** GET /v1/errors: mistakes in what is declared. Lines and columns count from 1. */
export interface DeclarationError {
  message: string;
  /** `Kind/name`. */
  resource?: string;
  /** Like `spec.helloInterval`. */
  path: string;
  file?: string;
  line?: number;
  column?: number;
}

export interface DeclarationErrors {
  errors: DeclarationError[];
}

/** GET /v1/events: `?last=N`, `?kind=` and `?name=` choose; with `?follow=1` one JSON object a line, without end. */
export interface ApiEvent {
  /** Counts up from 1 since the daemon's start. */
  id: number;
  time: string;
  /** A resource's kind, `Device`, `AAA`, `System`: hooks, plugins and tracing, or `World`: what can be observed at all. */
  kind: string;
  /** Absent where there is one only. */
  name?: string;
  reason: string;
  message: string;
}

export interface EventList {
  events: ApiEvent[];
}

/** A line of a followed stream that stands for events which the reader was too slow for. */
export interface DroppedNote {
  dropped: number;
}

/**
 * GET /v1/trace/system, /v1/trace/tunnel/NAME, /v1/trace/session/NAME: one JSON object a line, without end.
 * `?categories=fsm,transport` chooses; `?format=pcapng&packets=N` gives a capture of at most N control messages instead.
 */
export interface TraceLine {
  time: string;
  category: string;
  /** metadata.name. */
  tunnel?: string;
  session?: string;
  message: string;
  /** Something is wrong. */
  error?: true;
  fields?: Readonly<Record<string, unknown>>;
}

/** POST /v1/plan. `file` is where the text stands, absolute, so that files it refers to are found. */
export interface PlanRequest {
  documents: { file: string; text: string }[];
}

export interface PlannedAction {
  change: 'create' | 'update' | 'replace' | 'delete';
  /** A resource's kind, `Device`, `AAA`: pools and subscribers together, or `System`: hooks, plugins and tracing. */
  kind: string;
  /** Absent where there is one only. */
  name?: string;
  reason: string;
}

/** What would be done if the documents were what is declared, in order. Nothing is done. */
export interface PlanResult {
  actions: PlannedAction[];
  /** Names of what would go down, if only for a moment; accepted ones as `accepted-...`. */
  drops: { tunnels: string[]; sessions: string[] };
  errors: DeclarationError[];
}

/** GET /v1/explain/KIND/NAME: every value in force and the resource or `built-in` that it comes from. */
export interface Explanation {
  kind: string;
  name: string;
  values: { path: string; value: unknown; from: string }[];
}

/** GET /v1/healthz. */
export interface Health {
  status: 'ok';
}

/** Every answer with a status of 400 and above. */
export interface ApiFailure {
  error: string;
}
