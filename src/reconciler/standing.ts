/** How resources stand, and what says so. */
import type { FailureView } from '../engine/spec.ts';
import type { Attempt } from './attempts.ts';
import type { Desired } from './desired.ts';
import type {
  AddressPoolStatus,
  Condition,
  GatewayStatus,
  LastError,
  PppoeServerStatus,
  PppProfileStatus,
  SessionStatus,
  TunnelStatus,
} from './generated.ts';
import type { ObservedState } from './live.ts';
import { inWords } from './system-words.ts';

/** A resource's status, as its schema describes it. */
export type Status = { observedGeneration?: number; conditions?: Condition[] } & (
  | GatewayStatus
  | TunnelStatus
  | SessionStatus
  | PppoeServerStatus
  | AddressPoolStatus
  | PppProfileStatus
);

export interface StatusInput {
  desired: Desired;
  observed: ObservedState;
  /** What was tried and did not lead to its end yet, by object. */
  attempts: ReadonlyMap<string, readonly Attempt[]>;
  /** Each resource's generation, by id. */
  generations: ReadonlyMap<string, number>;
  /** The statuses before, for the times of transitions. */
  before: ReadonlyMap<string, Status>;
  /** Milliseconds since the epoch. */
  nowMs: number;
  /** What to add to a monotonic time to get wall-clock time, in milliseconds. */
  wallOffsetMs: number;
}

/** How a resource stands, before it is spelled out as conditions. */
export interface Standing {
  ready: boolean;
  reason: string;
  message: string;
  /** Nothing happens until somebody does something. */
  stalled?: boolean;
  established?: boolean;
  /** What the live tunnel or session says, where that is not what makes it ready or not. */
  live?: { reason: string; message: string };
  peerAuthenticated?: { status: Condition['status']; reason: string; message: string };
}

export type Details = Omit<Status, 'conditions' | 'observedGeneration'>;

/** Why the system refused what was last tried on an object. */
export function refusalOf({ attempts }: StatusInput, object: string): { reason: string; message: string } | undefined {
  const refused = attempts.get(object)?.find(({ error }) => error);
  return refused && { reason: 'ActionFailed', message: `${refused.action}: ${refused.error?.message}` };
}

/** Why something ended, and who says so. */
export function failureText({ message, byPeer }: Pick<FailureView, 'message' | 'byPeer'>): string {
  return byPeer ? `the peer says: ${inWords(message)}` : inWords(message);
}

export function lastErrorOf(failure: FailureView | undefined): LastError | undefined {
  if (!failure) return undefined;
  const { atMs, result, error } = failure;
  return { time: timeText(atMs), result, error, message: failureText(failure) };
}

export function timeText(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}
