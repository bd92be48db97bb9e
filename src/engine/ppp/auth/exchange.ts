/** What the authentication protocols have in common: each side of each is a small machine that the link owns. */
import type { AuthenticateAnswer, Credentials } from '../../aaa.ts';
import type { Instant } from '../../effects.ts';
import type { Secret } from '../../wire/secret.ts';
import type { Ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import type { MppeKeys } from './mppe-keys.ts';

/** Octets of a user name or of a PAP password or message (their fields in PAP hold no more). */
export const MAX_NAME_OCTETS = 255;

/** What a refused peer is told when whoever knows the users has nothing to say to it. */
export const REFUSAL = 'authentication failed';

/** Whoever knows the users has not answered in time. */
export const NO_VERDICT = 'nobody answers for the user';

/** Whether an answer says nothing of the user. */
export function isUndecided(answer: AuthenticateAnswer): boolean {
  return answer.verdict === 'reject' && answer.undecided === true;
}

/** Whoever knows the users wants to say more than a method has room for. */
export const NO_ROUNDS = 'the user has to answer further questions, which only EAP can ask';

export interface Exchange {
  /** When the machine wants a tick. 0: never. */
  timerAt: Instant;
  /** Once the state is `failed`. */
  failure: Ending | undefined;
  /** Once it has passed: what MPPE can make its keys of, if the profile wants MPPE and the method gives any. */
  readonly mppeKeys?: MppeKeys;
  start(now: Instant, out: FrameSink): void;
  /** Takes one packet; [at, end) is the information field. What cannot be right is dropped. */
  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void;
  tick(now: Instant, out: FrameSink): void;
}

/**
 * A client's answer that a LAC has taken, and that nobody has judged yet (RFC 2661 4.4.5). `identifier`: of the packet
 * that the client wants answered.
 */
export type Captured = CapturedPap | CapturedChap;

export interface CapturedPap {
  readonly method: 'pap';
  readonly user: string;
  /** Undefined: the client said it in no packet, and waits for no answer. */
  readonly identifier: number | undefined;
  readonly password: Secret;
}

/** CHAP with MD5. */
export interface CapturedChap {
  readonly method: 'chap';
  readonly user: string;
  readonly identifier: number;
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
}

/**
 * The side that demands proof. `asking`: the peer's credentials are there and want a verdict. When the peer has passed
 * once and nobody can judge a later answer, it has passed again.
 */
export interface Authenticator extends Exchange {
  state: 'waiting' | 'asking' | 'passed' | 'failed';
  /** Who the peer says it is. */
  user: string;
  /** Why the peer was refused, while it may still make up for it. */
  readonly refusal?: Ending;
  /** What the peer has to answer now, if anything. */
  readonly challenge?: Uint8Array;
  credentials(): Credentials;
  /** May lead to another question. */
  answer(answer: AuthenticateAnswer, now: Instant, out: FrameSink): void;
}

/** The side that proves itself. */
export interface Login extends Exchange {
  state: 'waiting' | 'passed' | 'failed';
}

/** As much of a text as fits MAX_NAME_OCTETS, in UTF-8. */
export function shortText(text: string): Uint8Array {
  const octets = new Uint8Array(MAX_NAME_OCTETS);
  return octets.subarray(0, new TextEncoder().encodeInto(text, octets).written);
}
