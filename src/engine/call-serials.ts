/**
 * Call Serial Numbers (RFC 2661 4.4.4), and what they tell of loops. A switched call keeps the number that it came with,
 * unless one with that number is switched already: then it may be the same call coming round, or two LACs that count
 * alike, and it goes on under a number that we make up. One that we made up and that comes back is a loop for certain.
 */
import type { Random } from './effects.ts';

export class CallSerials {
  private last: number;
  /** Those of switched calls, and whether we made them up. */
  private readonly switched = new Map<number, boolean>();

  constructor(random: Random) {
    // Grows from call to call, and begins anywhere, to be unlike those of other LACs.
    this.last = random.below(0x1_0000_0000);
  }

  next(): number {
    do this.last = (this.last + 1) >>> 0;
    while (this.switched.has(this.last));
    return this.last;
  }

  /** The number under which a call goes on that came with `serial`; undefined: it goes round in a circle. */
  take(serial: number | undefined): number | undefined {
    const known = serial === undefined ? false : this.switched.get(serial);
    if (known) return undefined;
    const keeps = serial !== undefined && known === undefined;
    const number = keeps ? serial : this.next();
    this.switched.set(number, !keeps);
    return number;
  }

  release(serial: number): void {
    this.switched.delete(serial);
  }

  get size(): number {
    return this.switched.size;
  }
}
