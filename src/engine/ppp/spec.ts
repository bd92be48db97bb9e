import type { Ipv4 } from '../wire/ipv4.ts';
import type { Ipv6 } from '../wire/ipv6.ts';
import type { Secret } from '../wire/secret.ts';

/** The authentication protocols we speak. */
export type PppAuthMethod = 'pap' | 'chap' | 'mschapv1' | 'mschapv2' | 'eap';

/** Bits a second of user packets. 0: as many as there are. `tx`: towards the peer. */
export interface RateLimit {
  txBps: number;
  rxBps: number;
}

/** Counters and timer of one control protocol's automaton (RFC 1661 4.6). */
export interface NegotiationLimits {
  maxConfigRequests: number;
  maxConfigNaks: number;
  maxTerminateRequests: number;
  retransmitMs: number;
}

/** What one PPP link is told: a resolved PppProfile plus the session's own credentials. Shared between links; never changed. */
export interface PppSpec {
  /** The PppProfile that says how to authenticate, for messages. */
  profile: string;
  /** Who knows the users: `local`, `radius`, or a plugin's name. */
  aaa: string;
  /** The server assigns addresses; the client asks for them. */
  role: 'client' | 'server';
  mtu: number;
  mru: number;
  acfc: boolean;
  pfc: boolean;
  magicNumber: boolean;
  /** The methods we accept, strongest first: as the one who asks, and as the one who is asked. */
  authMethods: readonly PppAuthMethod[];
  /** Whether the peer must authenticate itself to us. */
  authenticatePeer: boolean;
  /** Our own credentials, when the peer asks for them. */
  userName?: string;
  password?: Secret;
  /** The name we give in CHAP challenges. */
  localName: string;
  /** 0: never again after the link is up. */
  chapIntervalMs: number;
  chapMaxChallenge: number;
  chapRestartMs: number;
  papMaxRequests: number;
  papRestartMs: number;
  /** How long a server waits for the client's PAP request. 0: papRestartMs x papMaxRequests. */
  papTimeoutMs: number;
  lcp: NegotiationLimits;
  /** Also used for IPV6CP. */
  ipcp: NegotiationLimits;
  /** 0: no echo requests. */
  echoIntervalMs: number;
  echoFailures: number;
  /** Without user packets. 0: for ever. */
  idleTimeoutMs: number;
  /** 0: for ever. */
  maxConnectMs: number;
  /** How often accounting is told of a live link. 0: as the AAA says. */
  interimIntervalMs: number;
  rate?: RateLimit;
  /** The name of one of the Gateway's filters. */
  filter?: string;
  mssClamp: boolean;
  mppe: 'none' | 'optional' | 'required';
  ipv4: PppIpv4Spec;
  ipv6: PppIpv6Spec;
}

export interface PppIpv4Spec {
  /** Our address. A server without one uses the tunnel's local address; a client without one asks the peer. */
  local?: Ipv4;
  /** The peer's address. A server without one allocates from the pool. */
  remote?: Ipv4;
  /** The AddressPool's name. */
  pool?: string;
  /** As server: what we tell the client. */
  dns: readonly Ipv4[];
  wins: readonly Ipv4[];
  /** As client: route everything into the session. */
  defaultRoute: boolean;
  /** As server: answer for the peer's address on the networks beside us. */
  proxyArp: boolean;
}

export interface PppIpv6Spec {
  enabled: boolean;
  /** Ours: 64 bits, not 0. Absent: random. */
  interfaceId?: bigint;
  /** As server: AddressPools of /64 prefixes for the link, and of prefixes that are delegated. */
  prefixPool?: string;
  delegationPool?: string;
  /** As server: what we tell the client. */
  dns: readonly Ipv6[];
}
