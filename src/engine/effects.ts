/**
 * What state machines return: things to be done in the world. They travel up by return value; a parent may consume or
 * translate its children's. A timer is not an effect: the owner asks for `deadline()`.
 */
import type { AccountRecord, AllocateRequest, AuthenticateRequest } from './aaa.ts';
import type { ForwardRequest, PlaneOp, SessionKey, SocketId } from './ports.ts';
import type { Endpoint, TunnelSpec } from './spec.ts';

/** Monotonic milliseconds. */
export type Instant = number;

export interface Machine<Event, Effect> {
  handle(event: Event, now: Instant): Effect[];
  /** When the machine wants a `tick` event. */
  deadline(): Instant | undefined;
}

/** Randomness handed in by the host, so that a seed replays a run. */
export interface Random {
  /** A uniform whole number in [0, bound). */
  below(bound: number): number;
  bytes(octets: number): Uint8Array;
}

/** Something an operator or the reconciler wants to know. */
export type Notice = {
  subject: 'gateway' | 'tunnel' | 'session';
  /** The resource's name, or `tunnelId` / `tunnelId/sessionId` for accepted ones. */
  name: string;
  event: 'up' | 'down' | 'refused' | 'authFailed' | 'ppp' | 'line' | 'protocol';
  message: string;
  /** Whether the subject is a resource of ours; the others are what peers opened. */
  declared: boolean;
};

export type EngineEffect =
  | { effect: 'send'; socket: SocketId; to: Endpoint; from: string | undefined; datagram: Uint8Array; dscp: number }
  /** A PPPoE discovery packet. */
  | { effect: 'discovery'; interface: string; peer: Uint8Array; packet: Uint8Array }
  /** A plugin is to choose where the call goes. */
  | { effect: 'forward'; request: ForwardRequest }
  | { effect: 'frame'; session: SessionKey; frame: Uint8Array }
  | { effect: 'plane'; op: PlaneOp }
  | { effect: 'authenticate'; request: AuthenticateRequest }
  | { effect: 'allocate'; request: AllocateRequest }
  | { effect: 'account'; record: AccountRecord }
  /** Resolve the peer's address and dial: a tunnel that nobody declared. */
  | { effect: 'dial'; spec: TunnelSpec }
  | { effect: 'release'; session: SessionKey }
  | { effect: 'closeSocket'; socket: SocketId }
  | { effect: 'notice'; notice: Notice };

/** Adds to a list. Not `push(...more)`: the end of a tunnel with many calls has more effects than a call has room for. */
export function append<T>(list: T[], more: readonly T[]): void {
  for (const each of more) list.push(each);
}
