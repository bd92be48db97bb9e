import type { GrantedTunnel } from './aaa.ts';
import type { ContentEffect } from './call-content.ts';
import type { CallEnd } from './call-end.ts';
import type { CallInformation } from './call-information.ts';
import type { CallSerials } from './call-serials.ts';
import type { Circuits } from './circuits.ts';
import type { DeadlineQueue } from './deadlines.ts';
import type { EngineEffect, Instant, Random } from './effects.ts';
import type { Result } from './errors.ts';
import type { SwitchedCall } from './forwarding.ts';
import type { PeerTable } from './peers.ts';
import type { SessionKey } from './ports.ts';
import type { PppoeSession } from './pppoe/session.ts';
import type { Session } from './session.ts';
import type { GatewaySpec, Pseudowire, SessionCounters, SessionSpec } from './spec.ts';
import type { Tracing } from './trace.ts';
import type { Tunnel } from './tunnel.ts';
import type { Dialect } from './wire/dialect.ts';
import type { DecodeOptions } from './wire/message.ts';

/** A call that was asked for. */
export interface PlacedCall {
  session: Session;
  effects: EngineEffect[];
}

/** What all tunnels of an engine share. */
export interface EngineCore {
  readonly random: Random;
  /** Wall-clock time of instant 0. */
  readonly epochMs: number;
  readonly deadlines: DeadlineQueue<Tunnel | Session | PppoeSession>;
  /** All sessions of all tunnels. */
  readonly sessions: Map<SessionKey, Session>;
  /** All PPPoE sessions by their ids, which are their keys too. */
  readonly pppoe: Map<number, PppoeSession>;
  gateway: GatewaySpec;
  peers: PeerTable;
  establishedTunnels: number;
  /** What the data plane can carry. */
  readonly pseudowires: readonly Pseudowire[];
  readonly serials: CallSerials;
  readonly tracing: Tracing;
  /** What the data plane has counted of a session. */
  readonly counters: (session: SessionKey) => SessionCounters | undefined;
  /** Which AVPs plugins understand, beside those that we do. */
  readonly knows: DecodeOptions['knows'];
  /** A declared session has begun, and bears its name from now on. */
  declaredBegan(session: Session): void;
  /** A declared session is over: its name is free, its last state may be shown. */
  declaredEnded(session: Session, isAwaitedAgain: boolean): void;
  readonly circuits: Circuits;
  /** The Session that declares a circuit to that peer, if it has ended and is to begin again. */
  declaredCircuit(peer: string, endId: string): SessionSpec | undefined;

  // Ways between the two calls of a switched one, which are in different tunnels.
  /** Whether a tunnel of this name is up and may get calls. */
  takesCalls(tunnel: string): boolean;
  /** Has a granted tunnel dialled; the call is told by `dialled` what became of it. Undefined: it cannot be now. */
  dial(tunnel: GrantedTunnel, call: SessionKey): EngineEffect[] | undefined;
  /** A call no longer waits for it. */
  forgetDialled(tunnel: GrantedTunnel, call: SessionKey): void;
  /** A dialled tunnel is up, or has ended. */
  dialled(tunnel: string, up: boolean, now: Instant): EngineEffect[];
  /** Asks for a call in an established tunnel; undefined when that takes none now. */
  place(tunnel: string, call: SwitchedCall, now: Instant): PlacedCall | undefined;
  hangUp(session: Session, end: CallEnd, now: Instant): EngineEffect[];
  tell(session: Session, information: CallInformation, now: Instant): EngineEffect[];
  /** Hands a call what its content wants because of something that happened elsewhere. */
  want(call: SessionKey, effects: readonly ContentEffect[], now: Instant): EngineEffect[];
}

/** Why no more tunnels may be established now; undefined when they may. */
export function tunnelLimit({ gateway, establishedTunnels }: EngineCore): Result | undefined {
  if (gateway.maxTunnels === 0 || establishedTunnels < gateway.maxTunnels) return undefined;
  // RFC 2661 4.4.2: another LNS may have room.
  return { result: 2, error: 7, message: 'no more tunnels are allowed' };
}

/** A random id in the dialect's range that is not taken, of which there are so many; undefined when all are. */
export function freeId(
  random: Random,
  { min, max }: Dialect['ids'],
  taken: { readonly size: number; has(id: number): boolean },
): number | undefined {
  const ids = max - min + 1;
  if (taken.size >= ids) return undefined;
  let id = min + random.below(ids);
  while (taken.has(id)) id = id === max ? min : id + 1;
  return id;
}

export function randomU64(random: Random): bigint {
  return random.bytes(8).reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}
