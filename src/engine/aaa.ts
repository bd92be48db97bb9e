/**
 * Who may connect, what they get, and what they used: the port behind which local subscribers, RADIUS and plugins stand.
 * Every question is answered exactly once, at once or later; an answer belongs to its question's very object. Who it is
 * is asked anew when the peer negotiates anew: then an earlier question of the session is moot, and needs no answer.
 */
import type { SessionKey } from './ports.ts';
import type { Endpoint, RateLimit, SessionCounters } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Ipv4 } from './wire/ipv4.ts';
import type { Ipv6, Ipv6Prefix } from './wire/ipv6.ts';
import type { Secret } from './wire/secret.ts';

export interface Aaa {
  /** Is it who it says, and what does it get? */
  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void;
  /** Addresses and prefixes for a peer that has been let in. Asked again, a session keeps what still fits. */
  allocate(request: AllocateRequest, answer: (answer: AllocateAnswer) => void): void;
  /** A call carries user packets, still does, or has ended. */
  account(record: AccountRecord, counters: SessionCounters): void;
  /** The call is gone: its addresses and its place in the user's session limit are free again; open questions are moot. */
  release(session: SessionKey): void;
}

/** What an AAA may want of a live call unasked. Each says whether there is such a call. */
export interface AaaEvents {
  disconnect(session: SessionKey, cause: TerminateCause, message: string): boolean;
  /** Puts other limits in force; what is absent stays as it is. `unknownFilter`: nothing was changed. */
  change(session: SessionKey, limits: SessionLimits): 'changed' | 'unknownFilter' | 'unknownSession';
}

/** The call in which a question arises. */
export interface CallFacts {
  /** `TUNNEL/SESSION` in our local ids, or `PPPOE-SERVER/SESSION`: unique among the live ones. */
  readonly port: string;
  /** What the peer has said of the call. */
  readonly avps: AvpValues;
  /** The tunnel that it came by. */
  readonly tunnel?: {
    readonly local: Endpoint;
    readonly remote: Endpoint;
    /** Host names. */
    readonly ours: string;
    readonly peers?: string;
  };
}

interface Question {
  readonly session: SessionKey;
  /** Who is asked: `local`, `radius`, or a plugin's name. */
  readonly aaa: string;
  readonly user?: string;
}

export type Credentials =
  /** The profile asks for no proof: only what the peer gets is wanted. */
  | { method: 'none' }
  | { method: 'pap'; password: Secret }
  | { method: 'chap'; identifier: number; challenge: Uint8Array; response: Uint8Array }
  | {
      method: 'mschapv1';
      identifier: number;
      /** 8 octets. */
      challenge: Uint8Array;
      /** RFC 2433 5: LAN Manager's and Windows NT's responses of 24 octets each, and whether the latter counts. */
      response: { lm: Uint8Array; nt: Uint8Array; useNt: boolean };
    }
  | {
      method: 'mschapv2';
      identifier: number;
      challenge: Uint8Array;
      peerChallenge: Uint8Array;
      response: Uint8Array;
    }
  /** `data`: a Change-Password packet's without its header: version 2 of RFC 2433 9, or RFC 2759 7. */
  | {
      method: 'mschapv1NewPassword' | 'mschapv2NewPassword';
      identifier: number;
      challenge: Uint8Array;
      data: Uint8Array;
    }
  /** A whole EAP packet of the peer's (RFC 3748 4): first its Response/Identity. */
  | { method: 'eap'; packet: Uint8Array };

export interface AuthenticateRequest extends Question {
  readonly credentials: Credentials;
  readonly call: CallFacts;
}

/** What holds for a call while it is up. Absent: as the profile says. 0 or `none`: no limit. */
export interface SessionLimits {
  idleTimeoutMs?: number;
  /** From when the call carries user packets. */
  sessionTimeoutMs?: number;
  /** How often accounting is told. */
  interimIntervalMs?: number;
  rate?: RateLimit | 'none';
  /** The name of one of the Gateway's filters. */
  filter?: string;
}

/** What a subscriber gets besides entry. Where both an address and a pool are named, the address counts. */
export interface Grant extends SessionLimits {
  ipv4?: Ipv4;
  pool?: string;
  prefix?: Ipv6Prefix;
  prefixPool?: string;
  delegated?: Ipv6Prefix;
  delegationPool?: string;
  /** The peer's IPv6 interface identifier. */
  interfaceId?: bigint;
  /** Instead of the profile's. */
  dns?: readonly Ipv4[];
  dns6?: readonly Ipv6[];
  /** CIDRs, of IPv4 or IPv6, that are behind the peer. */
  routes?: readonly string[];
  mtu?: number;
  /** How often accounting is told where neither `interimIntervalMs` nor the profile says. */
  usualInterimIntervalMs?: number;
  /** Where the call goes on, in the order of preference (RFC 2868): of calls whose `forward` rule asks for it. */
  tunnels?: readonly GrantedTunnel[];
}

/** A tunnel that nobody declared. */
export interface GrantedTunnel {
  /** An address or a DNS name. */
  readonly remoteAddress: string;
  readonly localAddress?: string;
  readonly secret?: Secret;
  /** Our Host Name AVP. */
  readonly hostName?: string;
  /** Calls with the same one may share a tunnel (RFC 2868 3.7). */
  readonly assignmentId?: string;
  readonly privateGroupId?: string;
}

export type AuthenticateAnswer =
  /** The link checks the credentials against this secret itself. */
  | { verdict: 'check'; secret: Secret; grant: Grant }
  | {
      verdict: 'accept';
      grant: Grant;
      /** MS-CHAPv2's `S=...`. */
      authenticatorResponse?: string;
      /** The EAP packet that came with it. The peer is sent a Success of the link's own, which fits its Response. */
      eap?: Uint8Array;
      /** RFC 2548 2.4.2, 2.4.3: our send and receive keys. */
      mppeKeys?: { send: Uint8Array; receive: Uint8Array };
    }
  /** The peer is sent this EAP packet; its response comes as another question. */
  | { verdict: 'challenge'; eap: Uint8Array }
  | {
      verdict: 'reject';
      /** Why, for our operator. */
      message: string;
      /** Whoever knows the users could not be asked: nothing is said against this one, who stays if let in before. */
      undecided?: true;
      /** What the peer is told in words, in all methods but EAP (RFC 3579 2.6.5). */
      reply?: string;
      /** RFC 2433 6, RFC 2759 6: `E=648 R=0 ...`, as the peer is told it. */
      msChapError?: string;
      /** Likewise, with a Failure. */
      eap?: Uint8Array;
    };

/** Wanted of one kind: this very one, or one of a pool's. */
export interface Wanted<Value> {
  fixed?: Value;
  pool?: string;
}

export interface AllocateRequest extends Question {
  readonly ipv4?: Wanted<Ipv4>;
  readonly prefix?: Wanted<Ipv6Prefix>;
  readonly delegated?: Wanted<Ipv6Prefix>;
}

export interface AllocateAnswer {
  ipv4?: Ipv4;
  prefix?: Ipv6Prefix;
  delegated?: Ipv6Prefix;
  /** Why something that was wanted could not be had, in words. The session may go on with the rest. */
  refused?: { ipv4?: string; prefix?: string; delegated?: string };
}

export interface AccountRecord extends Question {
  readonly event: 'start' | 'interim' | 'stop';
  readonly call: CallFacts;
  readonly ipv4?: Ipv4;
  readonly prefix?: Ipv6Prefix;
  readonly delegated?: Ipv6Prefix;
  /** The peer's. */
  readonly interfaceId?: bigint;
  /** Since `start`. */
  readonly sessionMs: number;
  /** Of `stop`. */
  readonly cause?: TerminateCause;
}

/** Why a call ended, by RFC 2866 5.10's names. */
export type TerminateCause =
  | 'userRequest'
  | 'lostCarrier'
  | 'lostService'
  | 'idleTimeout'
  | 'sessionTimeout'
  | 'adminReset'
  | 'adminReboot'
  | 'nasError'
  | 'nasRequest'
  | 'serviceUnavailable'
  | 'userError';
