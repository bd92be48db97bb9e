/**
 * What the engine is told: specs. Plain data, in one vocabulary with what it shows (`views.ts`), so that desired and
 * observed state can be compared field by field. Durations are milliseconds, addresses text, IPv4 in PPP numbers.
 */
import type { PppSpec, RateLimit } from './ppp/spec.ts';
import type { QuirkName } from './quirks.ts';
import type { TraceCategory } from './trace.ts';
import type { AvpName, AvpValues } from './wire/avp.ts';
import type { Ipv4 } from './wire/ipv4.ts';
import type { Ipv6Prefix } from './wire/ipv6.ts';
import type { DataSequencing, Pseudowire } from './wire/pseudowire.ts';
import type { Secret } from './wire/secret.ts';

export type { NegotiationLimits, PppAuthMethod, PppSpec, RateLimit } from './ppp/spec.ts';
export type { QuirkName } from './quirks.ts';
export type { TraceCategory } from './trace.ts';
export * from './views.ts';
export { formatIpv4, type Ipv4, parseIpv4 } from './wire/ipv4.ts';
export {
  formatIpv6,
  formatIpv6Prefix,
  type Ipv6,
  type Ipv6Prefix,
  parseIpv6,
  parseIpv6Prefix,
} from './wire/ipv6.ts';
export type { OtherAvp } from './wire/message.ts';
export { type DataSequencing, type Pseudowire, pseudowires } from './wire/pseudowire.ts';
export { Secret } from './wire/secret.ts';
export { canonicalEndId } from './wire/values.ts';

/** The longest that a timer can be set to: one that is set to more ends at once. Durations may be longer. */
export const maxTimerMs = 2 ** 31 - 1;

/** An address and port; the port is 0 directly over IP. Immutable; transports may share one object between datagrams. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** For the operator: `192.0.2.1:1701`, or the address alone. */
export function endpointText({ address, port }: Endpoint): string {
  return port === 0 ? address : `${address}:${port}`;
}

/** What L2TP runs over: UDP, or IP itself as protocol 115 (RFC 3931 4.1), which only L2TPv3 can. */
export type Encapsulation = 'udp' | 'ip';

/** One socket that waits for peers. */
export interface ListenSpec {
  address: string;
  /** 0 with encapsulation `ip`. */
  port: number;
  encapsulation: Encapsulation;
  /** Forbid fragments of what is sent from it, and follow the path's MTU. */
  pmtuDiscovery: boolean;
}

/** A resolved TunnelProfile: how to speak with one peer. */
export interface TunnelParameters {
  /** auto: whichever the peer can, v3 first (RFC 3931 4.7.3). */
  version: 'auto' | 'v2' | 'v3';
  /** The Host Name AVP that we send. */
  hostName: string;
  secret?: Secret;
  /** v3: taken beside `secret`, and sent with it, while the secret is being changed (RFC 3931 5.4.1, Message Digest). */
  secondSecret?: Secret;
  /** v3: how control messages are authenticated; without a secret, checked for damage only. */
  digest: 'none' | 'hmac-md5' | 'hmac-sha1';
  /**
   * none: no challenge of ours; simple: a PeerProfile must name a peer that asks for a tunnel; challenge: that too, and the
   * peer must answer ours, and challenge us if it is the one that asks.
   */
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
  /** How long a tunnel without a call stays, unless it is a declared one that persists. 0: for ever. */
  idleTimeoutMs: number;
  /** As LNS: go on with the LCP and the authentication that the LAC hands over (RFC 2661 4.4.5) instead of beginning anew. */
  allowPppProxy: boolean;
  /** DSCP of our control messages (RFC 3308 Control Connection DS AVP). 0 is told to nobody. */
  controlDscp: number;
  trace: readonly TraceCategory[];
  /** The MTU of session devices when PPP does not say a smaller one. */
  mtu: number;
  /** For accepted tunnels: the device that their subscribers share. */
  interfaceName: string;
}

/**
 * Whether a tunnel goes from secret to secret without a break, where each message is authenticated: the one that it had
 * first is still taken, or the one that it has now was before (RFC 3931 5.4.1, Message Digest).
 */
export function mayGoOver(
  before: Pick<TunnelParameters, 'secret' | 'secondSecret'>,
  after: Pick<TunnelParameters, 'secret' | 'secondSecret'>,
): boolean {
  const was = before.secret && after.secondSecret?.equals(before.secret);
  const is = after.secret && before.secondSecret?.equals(after.secret);
  return was === true || is === true;
}

/**
 * The four calls of RFC 2661 7.4 and 7.5, named by what we are in them. A LAC asks for incoming calls and an LNS for
 * outgoing ones; of the other two a declared Session waits for the peer's request.
 */
export type SessionType = 'lacIncoming' | 'lacOutgoing' | 'lnsIncoming' | 'lnsOutgoing';

/** Whether we ask for such a call; of the others a declared Session waits for the peer's request. */
export function isPlaced(type: SessionType): boolean {
  return type === 'lacIncoming' || type === 'lnsOutgoing';
}

export function isLac(type: SessionType): boolean {
  return type === 'lacIncoming' || type === 'lacOutgoing';
}

/** A LAC's facts about a client's PPP (RFC 2661 4.4.5), as they go into an ICCN. */
export type PppProxy = Pick<
  AvpValues,
  | 'initialReceivedLcpConfReq'
  | 'lastSentLcpConfReq'
  | 'lastReceivedLcpConfReq'
  | 'proxyAuthenType'
  | 'proxyAuthenName'
  | 'proxyAuthenChallenge'
  | 'proxyAuthenId'
  | 'proxyAuthenResponse'
>;

/** What becomes of an AVP when its call is switched: as it came, left out, or made from the outgoing call's own profile. */
export type AvpTreatment = 'relay' | 'drop' | 'regenerate';

/** One way for calls into other tunnels. Conditions that are absent hold; all must hold. */
export interface ForwardRule {
  /** Of the user's name: `user@realm`. In lower case, may hold `*` and `?`. */
  realm?: string;
  /** May hold `*` and `?`. */
  calledNumber?: string;
  /** The plugin that is asked for the tunnels; those below are taken when it has no answer. */
  plugin?: string;
  /**
   * Whether the profile's AAA is asked (RFC 2868). It may grant tunnels that nobody declared; those below are taken when
   * it grants none. Whom it rejects is hung up.
   */
  aaa?: boolean;
  /** The declared Tunnels, in the order of preference. None: the call is terminated here. */
  tunnels: readonly string[];
}

/** Which calls are switched into other tunnels, and how. */
export interface ForwardSpec {
  /** The first one that fits decides; a call that fits none is terminated here. */
  rules: readonly ForwardRule[];
  /** `relay` where nothing is said. */
  avps: Readonly<Partial<Record<AvpName, AvpTreatment>>>;
}

/** A resolved EthernetProfile: what an `ethernet` or `vlan` pseudowire is attached to: a device of its own, and what that is joined with. */
export interface EthernetSpec {
  /** Of the device. Absent: the data plane chooses. */
  interfaceName?: string;
  /** Of the device. Absent: what the tunnel's path leaves. */
  mtu?: number;
  /** Of the device, `02:00:00:00:00:01`. Absent: the system chooses. */
  macAddress?: string;
  /** A bridge that is there already, which the device joins. */
  bridge?: string;
  /** An interface that is there already: all its frames go into the pseudowire and all of the pseudowire's out of it. */
  attach?: string;
  /** vlan: the VLAN on our side. */
  vlanId?: number;
  /**
   * vlan: what becomes of the tag of `vlanId`. strip: frames on our side have none, it is imposed on those to the peer and
   * taken off those from it; rewrite: those from the peer get it in place of theirs; keep: nothing.
   */
  vlanAction: 'strip' | 'rewrite' | 'keep';
  /** CIDRs of ours on the device. */
  addresses: readonly string[];
}

/** What an HDLC, Frame Relay or ATM pseudowire is attached to: a program behind a unix datagram socket. */
export interface CircuitSpec {
  /** Absolute path of our socket. */
  socket: string;
  /** frameRelay: of our side; absent: frames keep theirs. */
  dlci?: number;
  /** ATM: of our side; absent: cells keep theirs. */
  vpi?: number;
  vci?: number;
  /** ATM cell modes: how many cells one data message may hold. */
  maxCells: number;
}

/** Of a session that no control message sets up: both ends declare the same, crosswise. */
export interface StaticSession {
  localSessionId: number;
  remoteSessionId: number;
  /** 4 or 8 octets; absent: none. What comes from the peer must have it. */
  localCookie?: Secret;
  /** What goes to the peer has it. */
  remoteCookie?: Secret;
}

/** A resolved SessionProfile. */
export interface SessionParameters {
  /** In a PeerProfile only `lacOutgoing` means something: the peer, an LNS, may ask us for outgoing calls. */
  type: SessionType;
  pseudowire: Pseudowire;
  /** v3: octets of the cookie that the peer has to put into data messages. */
  cookieLength: 0 | 4 | 8;
  /** v3: what the peer has to put behind it. `dataSequencing` needs `default`. */
  l2SpecificSublayer: 'none' | 'default';
  /** v3: which data messages the peer has to number (RFC 3931 5.4.4, Data Sequencing). */
  dataSequencing: DataSequencing;
  sequencingRequired: boolean;
  useSequenceNumbers: boolean;
  /** How long a data message waits for those before it (RFC 2661 5.4). 0: late ones are dropped at once. */
  reorderTimeoutMs: number;
  /** What an LNS asks of an outgoing call's line. */
  minimumBps: number;
  /** 0: whatever there is. */
  maximumBps: number;
  /** As LAC: run LCP and authentication with the client and hand them over. */
  usePppProxy: boolean;
  forward?: ForwardSpec;
  /** DSCP of our data messages (RFC 3308 Session DS AVP). 0 is told to nobody. */
  dscp: number;
  trace: readonly TraceCategory[];
  privateGroupId?: string;
  framingType: readonly ('sync' | 'async')[];
  bearerType: readonly ('digital' | 'analog')[];
  connectSpeedBps: { tx: number; rx: number };
}

/** A declared Tunnel, resolved: one that we dial. */
export interface TunnelSpec {
  name: string;
  /** Not declared: the AAA granted it to a call. */
  granted?: true;
  parameters: TunnelParameters;
  remoteAddress: string;
  remotePort: number;
  localAddress?: string;
  /** 0: any. */
  localPort: number;
  encapsulation: Encapsulation;
  /** Forbid fragments, and follow the path's MTU. */
  pmtuDiscovery: boolean;
  persist: boolean;
  /** Without a control connection: the ids that both ends were told. */
  static?: { localTunnelId: number; remoteTunnelId: number };
}

/** A declared Session, resolved: one call in a dialled tunnel. Its type stands in the parameters. */
export interface SessionSpec {
  name: string;
  tunnel: string;
  parameters: SessionParameters;
  /** Of pseudowire `ppp`. */
  ppp: PppSpec;
  /** Of `ethernet` and `vlan`, and of nothing else. */
  ethernet?: EthernetSpec;
  /** Of HDLC, Frame Relay and ATM, and of nothing else. */
  circuit?: CircuitSpec;
  /** v3: names the circuit, to both ends alike (RFC 3931 5.4.4): text, or `0x` and hexadecimal digits. */
  remoteEndId?: string;
  static?: StaticSession;
  /** What we tell an LNS of a client's PPP. */
  proxy?: PppProxy;
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
  quirks: readonly QuirkName[];
  tunnel: TunnelParameters;
  session: SessionParameters;
  /** As server: of the calls that it brings us. */
  ppp: PppSpec;
  /** As client: of the outgoing calls that it asks us for. */
  clientPpp: PppSpec;
  /** Of the Ethernet pseudowires that it brings us. */
  ethernet: EthernetSpec;
}

/** A PppoeServer, resolved: an access concentrator on an Ethernet interface (RFC 2516). */
export interface PppoeServerSpec {
  name: string;
  interface: string;
  acName: string;
  /** What clients may ask for; empty: any service. */
  serviceNames: readonly string[];
  /** 0: no limit but that of the ids. */
  maxSessions: number;
  session: SessionParameters;
  ppp: PppSpec;
}

/** The whole engine's settings: a Gateway, all PeerProfiles and PppoeServers, resolved. */
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
  /** The Router ID AVP of v3, from 1 to 2^32 - 1. */
  routerId: number;
  /** SCCRQs taken in a second. 0: no limit. */
  requestRateLimit: { perPeer: number; total: number };
  peers: readonly PeerSpec[];
  pppoeServers: readonly PppoeServerSpec[];
  filters: readonly FilterSpec[];
  /** What tunnels that the AAA grants begin with: TunnelProfile `default`. */
  grantedTunnels: TunnelParameters;
}

/** What profiles and RADIUS's Filter-Id name. */
export interface FilterSpec {
  name: string;
  /** The first that fits decides; what none fits passes. */
  rules: readonly FilterRule[];
}

/** Conditions that are absent hold. */
export interface FilterRule {
  action: 'allow' | 'deny';
  /** in: from the subscriber. */
  direction: 'in' | 'out' | 'both';
  /** An IP protocol number; for IPv6 that of the header after extension headers. */
  protocol?: number;
  /** CIDRs of one family. */
  source?: string;
  destination?: string;
  /** Of TCP and UDP; inclusive. */
  sourcePorts?: { first: number; last: number };
  destinationPorts?: { first: number; last: number };
}

/** A program that is told of an event. */
export interface HookSpec {
  /** The program and its arguments. */
  command: readonly string[];
  /** How long it may run. */
  timeoutMs: number;
}

export const hookEvents = ['tunnelUp', 'tunnelDown', 'sessionUp', 'sessionDown'] as const;

/** Code of others that the daemon loads. */
export interface PluginSpec {
  name: string;
  /** An absolute path, or the name of a package. */
  module: string;
  /** Whatever the plugin understands. */
  config: unknown;
}

/** A Gateway's settings that are not the engine's. */
export interface SystemSpec {
  hooks: Readonly<Partial<Record<(typeof hookEvents)[number], HookSpec>>>;
  plugins: readonly PluginSpec[];
  /** Of the whole daemon, beside what tunnels and sessions say. */
  trace: readonly TraceCategory[];
  /** Where Prometheus may fetch; absent: nowhere but at the control socket. */
  metrics?: Endpoint;
}

/** A device shared by accepted sessions: our addresses on it, and the prefixes that are routed to it. */
export interface DeviceSpec {
  name: string;
  mtu: number;
  /** Dotted-quad addresses of ours, each set as /32. */
  addresses: readonly string[];
  /** CIDRs of the address pools, of IPv4 and IPv6. */
  routes: readonly string[];
}

/** An AddressPool, resolved. Ranges are inclusive; excluded addresses are already known to lie inside. */
export interface PoolSpec {
  name: string;
  ranges: readonly { first: Ipv4; last: Ipv4 }[];
  exclude: readonly { first: Ipv4; last: Ipv4 }[];
  /** IPv6 prefixes that are given out in pieces of `delegationLength`. */
  prefixes: readonly Ipv6Prefix[];
  delegationLength: number;
  excludePrefixes: readonly Ipv6Prefix[];
}

/** A Subscriber, resolved. */
export interface SubscriberSpec {
  name: string;
  userName: string;
  password: Secret;
  ipv4?: Ipv4;
  prefix?: Ipv6Prefix;
  delegated?: Ipv6Prefix;
  /** CIDRs of either family behind the subscriber. */
  routes: readonly string[];
  rate?: RateLimit;
  filter?: string;
  /** 0: no limit. */
  sessionLimit: number;
}

/** One RADIUS server. */
export interface RadiusServerSpec {
  address: string;
  /** 0: not asked. */
  authPort: number;
  /** 0: not told. */
  acctPort: number;
  /** Ours, on which this server may send CoA and Disconnect requests. 0: it may not. */
  coaPort: number;
  secret: Secret;
  /** How long an answer is waited for, and how often the question is repeated then. */
  timeoutMs: number;
  retries: number;
}

export interface RadiusSpec {
  /** In the order of preference. */
  servers: readonly RadiusServerSpec[];
  nasIdentifier: string;
  /** NAS-IP-Address or NAS-IPv6-Address. */
  nasAddress?: string;
  /** How often accounting is told of a live call, if neither RADIUS nor the profile says. 0: only of its ends. */
  interimIntervalMs: number;
  /** How long a server that does not answer is left alone while another one may be asked. */
  deadTimeMs: number;
}

/** Who may connect and what they get. */
export interface AaaSpec {
  pools: readonly PoolSpec[];
  subscribers: readonly SubscriberSpec[];
  radius?: RadiusSpec;
}
