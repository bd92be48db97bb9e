/** What the engine and the data plane show: views, in the vocabulary of the specs. */
import type { PppAuthMethod, RateLimit } from './ppp/spec.ts';
import type { QuirkName } from './quirks.ts';
import type {
  DeviceSpec,
  Encapsulation,
  Endpoint,
  Pseudowire,
  SessionSpec,
  SessionType,
  TunnelParameters,
  TunnelSpec,
} from './spec.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';
import type { Ipv4 } from './wire/ipv4.ts';
import type { Ipv6Prefix } from './wire/ipv6.ts';
import type { OtherAvp } from './wire/message.ts';

/** Why a tunnel or session last failed or was closed, in words for the operator. */
export interface FailureView {
  /** Wall-clock time, milliseconds since the epoch. */
  atMs: number;
  result?: number;
  error?: number;
  message: string;
  /** These are the peer's words, about itself. */
  byPeer?: true;
}

export interface TunnelView {
  /** Unset for accepted tunnels. */
  name?: string;
  /** The PeerProfile that an accepted tunnel matched. */
  peerProfile?: string;
  direction: 'dialled' | 'accepted';
  state: 'idle' | 'waitReply' | 'waitConnect' | 'established' | 'closing' | 'closed';
  version: 2 | 3;
  localId: number;
  remoteId: number;
  encapsulation: Encapsulation;
  local: Endpoint;
  remote: Endpoint;
  peerHostName?: string;
  peerVendorName?: string;
  /** The work-arounds in force for this peer; unset: none. */
  quirks?: readonly QuirkName[];
  /** Whether the peer proved that it knows the secret. */
  authenticated: boolean;
  /** The spec in force, for dialled tunnels. */
  spec?: TunnelSpec;
  parameters: TunnelParameters;
  sessions: { established: number; total: number };
  /** Wall-clock time at which the tunnel was established. */
  sinceMs?: number;
  failure?: FailureView;
  transport: TransportCounters;
}

export interface TransportCounters {
  sent: number;
  received: number;
  retransmitted: number;
  duplicates: number;
  outOfOrder: number;
  /** v3: dropped because their Message Digest is missing or wrong. */
  digestFailures: number;
}

export interface SessionView {
  /** Unset for accepted sessions. */
  name?: string;
  /** The declared tunnel's name, unset for accepted tunnels. */
  tunnel?: string;
  tunnelLocalId: number;
  /** Of its tunnel. */
  version: 2 | 3;
  /** `waitCall`: declared, and the peer has not asked for it yet; `waitAnswer`: an outgoing call is being placed. */
  state: 'waitCall' | 'waitReply' | 'waitAnswer' | 'waitConnect' | 'established' | 'closed';
  direction: 'dialled' | 'accepted';
  type: SessionType;
  localId: number;
  remoteId: number;
  pseudowire: Pseudowire;
  spec?: SessionSpec;
  /** By which both sides' operators know the call (RFC 2661 4.4.4). */
  callSerialNumber?: number;
  /** The call's AVPs as the peer sent them, those of a WEN, SLI or CDN included. */
  call: AvpValues;
  /** AVPs of the call's set-up that the table does not know. */
  others?: readonly OtherAvp[];
  /** Where a switched call goes on, or comes from. */
  switched?: { with: string };
  ppp: PppView;
  interface?: string;
  /** v3: the circuits at both ends, as they are told to each other. */
  circuit?: { local: CircuitStatus; peer: CircuitStatus };
  sinceMs?: number;
  failure?: FailureView;
  counters?: SessionCounters;
}

/** RFC 1661 3.2's phases. */
export type PppPhase = 'dead' | 'establish' | 'authenticate' | 'network' | 'terminate';

export interface PppView {
  phase: PppPhase;
  /** Who the peer said it is (server), or who we said we are (client). */
  user?: string;
  auth?: PppAuthMethod;
  /** What was taken from a LAC that had met the client before (RFC 2661 4.4.5). */
  proxy?: 'lcp' | 'lcpAndAuth';
  /** The MRU that the peer told us: what we may send. */
  peerMru: number;
  ipv4?: { local: Ipv4; remote: Ipv4; dns: readonly Ipv4[] };
  ipv6?: { localInterfaceId: bigint; remoteInterfaceId: bigint; prefix?: Ipv6Prefix; delegated?: Ipv6Prefix };
  /** In force, where there is any. */
  limits?: PppLimitsView;
  /** Why addresses could not be given, or why the link last failed. */
  failure?: string;
}

export interface PppLimitsView {
  idleTimeoutMs?: number;
  sessionTimeoutMs?: number;
  rate?: RateLimit;
  filter?: string;
}

/** Of a session that ends here: IP packets and their octets, none of the engine's own. Of a spliced one: all PPP frames. */
export interface SessionCounters {
  rxPackets: number;
  rxOctets: number;
  txPackets: number;
  txOctets: number;
  rxDropped: number;
  txDropped: number;
  /** Data packets that came late or twice by their Ns, and were dropped. */
  rxOutOfOrder: number;
  /** Data packets that came too early and were put back into their place. */
  rxReordered: number;
  /** Data packets that never came, by their Ns. */
  rxLost: number;
}

/** Of a session that has carried nothing. */
export const noCounters: SessionCounters = {
  rxPackets: 0,
  rxOctets: 0,
  txPackets: 0,
  txOctets: 0,
  rxDropped: 0,
  txDropped: 0,
  rxOutOfOrder: 0,
  rxReordered: 0,
  rxLost: 0,
};

/** A client's PPPoE session. */
export interface PppoeSessionView {
  /** The PppoeServer's name. */
  server: string;
  sessionId: number;
  /** The client's MAC address. */
  peer: string;
  user?: string;
  /** The call in which it goes on: `tunnel id/session id`. */
  switchedWith?: string;
  /** What the client and its access node said, as the LNS is told. */
  call: AvpValues;
  /** Wall-clock time. */
  sinceMs: number;
}

/** A PppoeServer as it is. */
export interface PppoeServerView {
  name: string;
  /** Its clients' calls. */
  sessions: number;
  /** Why the system does not let it serve, e.g. that its interface is missing; it is tried again when the engine is configured. */
  failure?: string;
}

/** A device of ours as the kernel has it now. */
export interface PlaneDevice {
  name: string;
  /** `Session/NAME` or `Gateway`. */
  owner: string;
  /** For shared devices: what was applied last. */
  spec?: DeviceSpec;
  /** What differs from what was applied, in words: `missing`, `down`, `address 10.0.0.1/32 missing` ... */
  gaps: readonly string[];
}

export interface PoolView {
  name: string;
  /** IPv4 addresses. */
  total: number;
  used: number;
  /** IPv6 prefixes of the pool's delegationLength. */
  prefixes: { total: number; used: number };
  /** Requests refused since the daemon began, because nothing was free. */
  refused: number;
}

/** One RADIUS server, counted since it was configured. */
export interface RadiusServerView {
  address: string;
  /** Whether it answered when it was last asked; so it is taken to be before. */
  alive: boolean;
  /** Questions and accounting records, without repetitions. */
  requests: number;
  accepts: number;
  rejects: number;
  /** Without an answer. */
  timeouts: number;
  /** Datagrams that were no answer to a question. */
  drops: number;
  /** What last went wrong with it. */
  lastError?: string;
}

export interface RadiusView {
  /** In the order of preference. */
  servers: readonly RadiusServerView[];
  /** Accounting records that wait on disk. */
  spooled: number;
}
