import { type Bits, type Block, intersection, merge, type Range, subtract } from './blocks.ts';
import { FreeSet } from './free-set.ts';
import { type Lease, LeaseList } from './lease.ts';

/** The most that one pool hands out of a kind, 2 MiB of bitmap: a /8 of addresses. Those beyond are left alone. */
const maxPieces = 1 << 24;

/** Pieces in a row. */
interface Segment extends Range {
  /** The number of the first one. */
  offset: number;
}

export interface StockSpec {
  /** All three of addresses, not of pieces. */
  ranges: readonly Range[];
  exclude: readonly Range[];
  bits: Bits;
  /** The length of each piece. */
  length: number;
}

/**
 * The addresses or prefixes of one pool: pieces of one length, numbered from 0. A piece is held by a session, or waits
 * for the user who has a lease of it, or is fresh: nobody's.
 */
export class Stock {
  /** Of a piece. */
  readonly length: number;
  readonly #shift: bigint;
  readonly #segments: readonly Segment[];
  readonly #fresh: FreeSet;
  readonly #waiting = new LeaseList();
  readonly #leases = new Map<number, Lease>();
  /** Where the search for the next fresh piece starts. */
  #cursor = 0;
  /** Requests refused because nothing was free. */
  refused = 0;

  /** A piece that does not lie wholly in the ranges, or is excluded in part, is none. */
  constructor({ ranges, exclude, bits, length }: StockSpec) {
    this.length = length;
    this.#shift = BigInt(bits - length);
    const whole = merge(ranges).map(({ first, last }) => ({
      first: (first + (1n << this.#shift) - 1n) >> this.#shift,
      last: ((last + 1n) >> this.#shift) - 1n,
    }));
    const holes = exclude.map(({ first, last }) => ({ first: first >> this.#shift, last: last >> this.#shift }));
    let total = 0;
    this.#segments = subtract(merge(whole), merge(holes)).flatMap(({ first, last }) => {
      const count = Math.min(Number(last - first) + 1, maxPieces - total);
      const offset = total;
      total += count;
      return count === 0 ? [] : { first, last: first + BigInt(count - 1), offset };
    });
    this.#fresh = new FreeSet(total);
  }

  get total(): number {
    return this.#fresh.size;
  }

  get used(): number {
    return this.#fresh.size - this.#fresh.count - this.#waiting.count;
  }

  /** Whether both have the same pieces. */
  isLike(other: Stock): boolean {
    if (this.length !== other.length || this.#segments.length !== other.#segments.length) return false;
    return this.#segments.every(({ first, last }, at) => {
      const segment = other.#segments[at];
      return first === segment.first && last === segment.last;
    });
  }

  /** The addresses that the pieces cover, ascending. */
  territory(): Range[] {
    return this.#segments.map(({ first, last }) => ({
      first: first << this.#shift,
      last: ((last + 1n) << this.#shift) - 1n,
    }));
  }

  /** The number of a block that is a piece. */
  numberOf({ high, length }: Block): number | undefined {
    if (length !== this.length) return undefined;
    const piece = high >> this.#shift;
    const segment = this.#segments[this.#lastThat((candidate) => candidate.first <= piece)];
    return segment && piece <= segment.last ? segment.offset + Number(piece - segment.first) : undefined;
  }

  piece(number: number): Block {
    const { first, offset } = this.#segments[this.#lastThat((segment) => segment.offset <= number)];
    return { high: (first + BigInt(number - offset)) << this.#shift, length: this.length };
  }

  /**
   * A piece that no session holds, still so afterwards: the first fresh one after that given out last, so that one given
   * back rests as long as possible; when none is fresh, the one that has waited longest for its user.
   */
  next(): number | undefined {
    const number = this.#fresh.next(this.#cursor) ?? this.#fresh.next(0);
    if (number === undefined) return this.#waiting.oldest && this.numberOf(this.#waiting.oldest);
    this.#cursor = number + 1;
    return number;
  }

  /** The pieces that have a part in the addresses. */
  *piecesIn({ first, last }: Range): Iterable<number> {
    const pieces = { first: first >> this.#shift, last: last >> this.#shift };
    for (let at = this.#lastThat((segment) => segment.first <= pieces.last); at >= 0; at--) {
      const segment = this.#segments[at];
      if (segment.last < pieces.first) return;
      const inside = intersection(segment, pieces);
      const end = segment.offset + Number(inside.last - segment.first);
      for (let number = segment.offset + Number(inside.first - segment.first); number <= end; number++) yield number;
    }
  }

  get oldestLease(): Lease | undefined {
    return this.#waiting.oldest;
  }

  leaseOf(number: number): Lease | undefined {
    return this.#leases.get(number);
  }

  /** A session holds it, or a part of it. */
  take(number: number): void {
    const lease = this.#leases.get(number);
    if (lease?.list) lease.list.remove(lease);
    else this.#fresh.delete(number);
  }

  /** No session holds any part of it. */
  giveBack(number: number): void {
    const lease = this.#leases.get(number);
    if (!lease) this.#fresh.add(number);
    else if (!lease.list) this.#waiting.push(lease);
  }

  /** The piece has no lease. */
  addLease(number: number, lease: Lease): void {
    lease.stock = this;
    this.#leases.set(number, lease);
    if (!this.#fresh.has(number)) return;
    this.#fresh.delete(number);
    this.#waiting.push(lease);
  }

  removeLease(lease: Lease): void {
    lease.stock = undefined;
    const number = this.numberOf(lease);
    if (number === undefined) return;
    this.#leases.delete(number);
    if (!lease.list) return;
    lease.list.remove(lease);
    this.#fresh.add(number);
  }

  /** The place of the last segment that fits, or -1; segments fit up to some point and then no more. */
  #lastThat(fits: (segment: Segment) => boolean): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (fits(this.#segments[middle])) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
