/** What a PPP link is told, and what it wants done in the world. */
import type { AllocateAnswer, AllocateRequest, AuthenticateAnswer, Credentials } from '../aaa.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import type { Ipv6Prefix } from '../wire/ipv6.ts';
import type { MppeKeys } from './auth/mppe-keys.ts';
import type { DisconnectCause } from './disconnect-cause.ts';

export type PppEvent =
  /** The lower layer is up: begin. */
  | { event: 'open' }
  /** One whole PPP frame, as L2TP carries it. The octets are valid only during the call. */
  | { event: 'frame'; bytes: Uint8Array; start: number; end: number }
  /** The answer to `authenticate`. */
  | { event: 'authenticated'; answer: AuthenticateAnswer }
  /** The answer to `allocate`. */
  | { event: 'allocated'; answer: AllocateAnswer }
  /** Terminate politely: `down` follows when the peer has agreed or is silent. */
  | { event: 'close'; reason: string }
  /** The deadline has come. */
  | { event: 'tick' };

/** A frame to send: address, control and a protocol field of two octets included. */
export type FrameEffect = { effect: 'frame'; frame: Uint8Array };

/** Where the protocols of a link put what they send: the link's list of effects. */
export interface FrameSink {
  push(effect: FrameEffect): unknown;
}

export type PppEffect =
  | FrameEffect
  /** Who is this? A new question makes an earlier one moot: only the last one wants an `authenticated`. */
  | { effect: 'authenticate'; user?: string; credentials: Credentials }
  /** Addresses are wanted for the peer. A new question makes an earlier one moot. */
  | ({ effect: 'allocate'; user?: string } & Pick<AllocateRequest, 'ipv4' | 'prefix' | 'delegated'>)
  /**
   * LCP has been negotiated for a LAC with wishes: an SLI is due (RFC 3437 2.3, RFC 2661 4.4.6). The options of the last
   * Configure-Requests, and the ACCMs: `send` for what the LAC sends to the peer.
   */
  | { effect: 'lcp'; lastSent: Uint8Array; lastReceived: Uint8Array; accm: { send: number; receive: number } }
  /** From now on user packets are encrypted with these keys (RFC 3078), both ways, or again in the clear. */
  | { effect: 'encrypt'; keys: MppeKeys | undefined }
  /** What is open now. Sent whenever that changes. */
  | { effect: 'network'; network: Network }
  /** The link is over; nothing follows. `failed`: neither side asked for the end. */
  | { effect: 'down'; reason: string; failed: boolean; cause: DisconnectCause }
  | { effect: 'notice'; event: 'ppp' | 'authFailed'; message: string };

/** The network layer of a link. With neither ipv4 nor ipv6 nothing is open. */
export interface Network {
  /** The largest packet to send: our MTU or the peer's MRU. */
  mtu: number;
  /** Whether we may leave out address and control when sending. */
  acfc: boolean;
  /** Whether we may send protocol fields of one octet. */
  pfc: boolean;
  ipv4?: { local: Ipv4; remote: Ipv4; dns: readonly Ipv4[] };
  ipv6?: { localInterfaceId: bigint; remoteInterfaceId: bigint; prefix?: Ipv6Prefix; delegated?: Ipv6Prefix };
  /** CIDRs of either family behind the peer. */
  routes: readonly string[];
}
