/** The branching of the bitmap's levels: one bit for each word of the level below. */
const WORD_BITS = 32;

/**
 * A set of whole numbers in [0, size), full at first. A bitmap with summaries over it: one bit a member and about 3%
 * more, and every operation walks at most one word a level (4 levels reach a million, 5 reach 32 million).
 */
export class FreeSet {
  readonly size: number;
  #count: number;
  /** levels[0] holds the members; a bit of levels[n + 1] says that a word of levels[n] is not zero. */
  readonly #levels: Uint32Array[] = [];

  constructor(size: number) {
    this.size = size;
    this.#count = size;
    let bits = size;
    do {
      const words = Math.ceil(bits / WORD_BITS);
      const level = new Uint32Array(words).fill(0xffffffff);
      const beyond = words * WORD_BITS - bits;
      if (beyond > 0) level[words - 1] >>>= beyond;
      this.#levels.push(level);
      bits = words;
    } while (bits > 1);
  }

  /** How many members there are now. */
  get count(): number {
    return this.#count;
  }

  has(member: number): boolean {
    return ((this.#levels[0][member >>> 5] >>> (member & 31)) & 1) === 1;
  }

  add(member: number): void {
    if (this.has(member)) return;
    this.#count++;
    let at = member;
    for (const level of this.#levels) {
      const before = level[at >>> 5];
      level[at >>> 5] = before | (1 << (at & 31));
      if (before !== 0) return;
      at >>>= 5;
    }
  }

  delete(member: number): void {
    if (!this.has(member)) return;
    this.#count--;
    let at = member;
    for (const level of this.#levels) {
      level[at >>> 5] &= ~(1 << (at & 31));
      if (level[at >>> 5] !== 0) return;
      at >>>= 5;
    }
  }

  /** The smallest member that is not below `from`. */
  next(from: number): number | undefined {
    let at = from;
    for (let depth = 0; depth < this.#levels.length; depth++) {
      const bits = at >>> 5 < this.#levels[depth].length ? this.#levels[depth][at >>> 5] & (-1 << (at & 31)) : 0;
      if (bits !== 0) return this.#descend(depth, (at & ~31) + lowestBit(bits));
      at = (at >>> 5) + 1;
    }
    return undefined;
  }

  /** The first member under bit `at` of a level. */
  #descend(depth: number, at: number): number {
    let found = at;
    for (let below = depth - 1; below >= 0; below--) {
      found = found * WORD_BITS + lowestBit(this.#levels[below][found]);
    }
    return found;
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
