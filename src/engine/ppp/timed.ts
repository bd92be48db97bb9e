/** Parts of a link that want ticks. */
import type { Instant } from '../effects.ts';

export interface Timed {
  /** When the part wants a tick. 0: never. */
  readonly timerAt: Instant;
}

export function isDue<T extends Timed>(timed: T | undefined, now: Instant): timed is T {
  return timed !== undefined && timed.timerAt !== 0 && timed.timerAt <= now;
}

/** The earlier of two times of which 0 or nothing means never. */
export function earlier(a: Instant, b: Instant | undefined): Instant {
  if (b === undefined || b === 0) return a;
  return a === 0 || b < a ? b : a;
}
