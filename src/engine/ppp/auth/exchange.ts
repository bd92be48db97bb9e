/** What the authentication protocols have in common: each side of each is a small machine that the link owns. */
import type { Instant } from '../../effects.ts';
import type { AuthenticateAnswer, Credentials } from '../../ports.ts';
import type { PppEffect } from '../events.ts';

/** Octets of a user name or of a PAP password (their fields in PAP hold no more). */
export const MAX_NAME_OCTETS = 255;

/** What a refused peer is told, whatever the cause. */
export const REFUSAL = 'authentication failed';

/** Whoever knows the users has not answered in time. */
export const NO_VERDICT = 'nobody answers for the user';

export interface Exchange {
  /** When the machine wants a tick. 0: never. */
  timerAt: Instant;
  /** In words, once the state is `failed`. */
  failure: string;
  start(now: Instant, out: PppEffect[]): void;
  /** Takes one packet; [at, end) is the information field. What cannot be right is dropped. */
  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: PppEffect[]): void;
  tick(now: Instant, out: PppEffect[]): void;
}

/** The side that demands proof. `asking`: the peer's credentials are there and want a verdict. */
export interface Authenticator extends Exchange {
  state: 'waiting' | 'asking' | 'passed' | 'failed';
  /** Who the peer says it is. */
  user: string;
  credentials(): Credentials;
  answer(answer: AuthenticateAnswer, now: Instant, out: PppEffect[]): void;
}

/** The side that proves itself. */
export interface Login extends Exchange {
  state: 'waiting' | 'passed' | 'failed';
}
