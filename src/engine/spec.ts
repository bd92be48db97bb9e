/**
 * What the engine is told (specs) and what it shows (views). Plain data, one vocabulary for both, so that desired and
 * observed state can be compared field by field. Durations are milliseconds, addresses text, IPv4 in PPP numbers.
 */
import type { PppAuthMethod, PppSpec } from './ppp/spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Ipv4 } from './wire/ipv4.ts';
import type { Secret } from './wire/secret.ts';

export type { NegotiationLimits, PppAuthMethod, PppSpec } from './ppp/spec.ts';
export { formatIpv4, type Ipv4, parseIpv4 } from './wire/ipv4.ts';
export { Secret } from './wire/secret.ts';

/** A UDP address and port. Immutable; transports may share one object between datagrams. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One socket that waits for peers. */
export interface ListenSpec {
  address: string;
  port: number;
}

/** A resolved TunnelProfile: how to speak with one peer. */
export interface TunnelParameters {
  /** The Host Name AVP that we send. */
  hostName: string;
  secret?: Secret;
  /** none: no challenge of ours; simple: a PeerProfile must name the peer; challenge: the peer must answer ours. */
  authMode: 'none' | 'simple' | 'challenge';
  hideAvps: boolean;
  useTieBreaker: boolean;
  framingCapabilities: readonly ('sync' | 'async')[];
  bearerCapabilities: readonly ('digital' | 'analog')[];
  /** 0: never. */
  helloIntervalMs: number;
  maxRetries: number;
  retryTimeoutMs: number;
  receiveWindow: number;
  transmitWindow: number;
  /** 0: no limit. */
  maxSessions: number;
  /** The MTU of session devices when PPP does not say a smaller one. */
  mtu: number;
  /** For accepted tunnels: the device that their subscribers share. */
  interfaceName: string;
}

/** A resolved SessionProfile. */
export interface SessionParameters {
  pseudowire: 'ppp';
  sequencingRequired: boolean;
  useSequenceNumbers: boolean;
  privateGroupId?: string;
  framingType: readonly ('sync' | 'async')[];
  bearerType: readonly ('digital' | 'analog')[];
  connectSpeedBps: { tx: number; rx: number };
}

/** A declared Tunnel, resolved: one that we dial. */
export interface TunnelSpec {
  name: string;
  parameters: TunnelParameters;
  remoteAddress: string;
  remotePort: number;
  localAddress?: string;
  /** 0: any. */
  localPort: number;
  persist: boolean;
}

/** A declared Session, resolved: one call in a dialled tunnel. */
export interface SessionSpec {
  name: string;
  tunnel: string;
  type: 'lacIncoming';
  parameters: SessionParameters;
  ppp: PppSpec;
  interfaceName?: string;
  callingNumber?: string;
  calledNumber?: string;
  subAddress?: string;
}

/** A resolved PeerProfile: what applies to tunnels that matching peers open. */
export interface PeerSpec {
  /** The PeerProfile's name. */
  name: string;
  /** An empty match fits every peer. Host names may hold `*` and `?`; addresses are IPs or CIDRs. */
  match: { hostName?: string; addresses: readonly string[] };
  /** What the peer may be towards us: `lac` peers may open calls to us. */
  role: 'lac' | 'lns' | 'both';
  tunnel: TunnelParameters;
  session: SessionParameters;
  ppp: PppSpec;
}

/** The whole engine's settings: a Gateway and all PeerProfiles, resolved. */
export interface GatewaySpec {
  listen: readonly ListenSpec[];
  acceptTunnels: boolean;
  allowLocalTunnels: boolean;
  drain: boolean;
  /** 0: no limit. */
  maxTunnels: number;
  /** 0: no limit. */
  maxSessions: number;
  tunnelEstablishTimeoutMs: number;
  sessionEstablishTimeoutMs: number;
  vendorName: string;
  peers: readonly PeerSpec[];
}

/** A device shared by accepted sessions: our addresses on it, and the prefixes that are routed to it. */
export interface DeviceSpec {
  name: string;
  mtu: number;
  /** Dotted-quad addresses of ours, each set as /32. */
  addresses: readonly string[];
  /** IPv4 CIDRs of the address pools. */
  routes: readonly string[];
}

/** An AddressPool, resolved. Ranges are inclusive; excluded addresses are already known to lie inside. */
export interface PoolSpec {
  name: string;
  ranges: readonly { first: Ipv4; last: Ipv4 }[];
  exclude: readonly { first: Ipv4; last: Ipv4 }[];
}

/** A Subscriber, resolved. */
export interface SubscriberSpec {
  name: string;
  userName: string;
  password: Secret;
  ipv4?: Ipv4;
  /** 0: no limit. */
  sessionLimit: number;
}

/** Who may connect and what they get. */
export interface AaaSpec {
  pools: readonly PoolSpec[];
  subscribers: readonly SubscriberSpec[];
}

// ---------------------------------------------------------------- views

/** Why a tunnel or session last failed or was closed, in words for the operator. */
export interface FailureView {
  /** Wall-clock time, milliseconds since the epoch. */
  atMs: number;
  result?: number;
  error?: number;
  message: string;
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
  local: Endpoint;
  remote: Endpoint;
  peerHostName?: string;
  peerVendorName?: string;
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
}

export interface SessionView {
  /** Unset for accepted sessions. */
  name?: string;
  /** The declared tunnel's name, unset for accepted tunnels. */
  tunnel?: string;
  tunnelLocalId: number;
  state: 'waitReply' | 'waitConnect' | 'established' | 'closed';
  direction: 'dialled' | 'accepted';
  type: 'lacIncoming' | 'lnsIncoming';
  localId: number;
  remoteId: number;
  pseudowire: 'ppp';
  spec?: SessionSpec;
  /** The call's AVPs as the peer sent them. */
  call: AvpValues;
  ppp: PppView;
  interface?: string;
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
  /** The MRU that the peer told us: what we may send. */
  peerMru: number;
  ipv4?: { local: Ipv4; remote: Ipv4; dns: readonly Ipv4[] };
  ipv6?: { localInterfaceId: bigint; remoteInterfaceId: bigint };
  failure?: string;
}

export interface SessionCounters {
  rxPackets: number;
  rxOctets: number;
  txPackets: number;
  txOctets: number;
  rxDropped: number;
  txDropped: number;
  /** Data packets that came late or twice by their Ns. */
  rxOutOfOrder: number;
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
  total: number;
  used: number;
}
