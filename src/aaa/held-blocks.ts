import type { Bits, Block } from './blocks.ts';

/** The blocks of one length. */
interface Level {
  readonly length: number;
  /** By their upper bits. */
  readonly held: Set<bigint>;
  /** How many longer blocks are held inside one of this length. */
  readonly inside: Map<bigint, number>;
}

/** Which blocks of an address space are held. No two of them overlap. What it costs depends on how many lengths there are. */
export class HeldBlocks {
  readonly #bits: Bits;
  readonly #levels: Level[] = [];

  constructor(bits: Bits) {
    this.#bits = bits;
  }

  /** Whether nothing of the block is held. */
  isFree({ high, length }: Block): boolean {
    const own = this.#level(length);
    if (own.inside.has(high)) return false;
    return !this.#levels.some((level) => level.length <= length && level.held.has(this.#cut(high, level.length)));
  }

  /** The block is free. */
  add({ high, length }: Block): void {
    this.#level(length).held.add(high);
    for (const level of this.#levels) if (level.length < length) this.#count(level, high, 1);
  }

  delete({ high, length }: Block): void {
    this.#level(length).held.delete(high);
    for (const level of this.#levels) if (level.length < length) this.#count(level, high, -1);
  }

  #level(length: number): Level {
    const known = this.#levels.find((level) => level.length === length);
    if (known) return known;
    const level: Level = { length, held: new Set(), inside: new Map() };
    for (const longer of this.#levels) {
      if (longer.length > length) for (const high of longer.held) this.#count(level, high, 1);
    }
    this.#levels.push(level);
    return level;
  }

  #count({ inside, length }: Level, high: bigint, change: 1 | -1): void {
    const around = this.#cut(high, length);
    const count = (inside.get(around) ?? 0) + change;
    if (count === 0) inside.delete(around);
    else inside.set(around, count);
  }

  #cut(high: bigint, length: number): bigint {
    const rest = BigInt(this.#bits - length);
    return (high >> rest) << rest;
  }
}
