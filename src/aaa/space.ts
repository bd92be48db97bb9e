import { type Bits, type Block, intersection, merge, type Range, rangeOf, subtract } from './blocks.ts';
import { HeldBlocks } from './held-blocks.ts';
import type { Lease } from './lease.ts';
import { Stock } from './stock.ts';

/** Addresses of a pool. */
interface Territory extends Range {
  readonly stock: Stock;
}

/** A pool's part of one family. */
export interface SpaceSpec {
  pool: string;
  ranges: readonly Range[];
  exclude: readonly Range[];
  /** Of the pieces in which it is given out. */
  length: number;
}

/**
 * All addresses of one family: the pools that have some, and what sessions hold of them, in pools or elsewhere. No two
 * held blocks overlap. No piece is in two pools: what an earlier one has is left out of the later.
 */
export class Space {
  readonly bits: Bits;
  readonly #held: HeldBlocks;
  #stocks = new Map<string, Stock>();
  /** Where the pools are, ascending. */
  #territories: Territory[] = [];

  constructor(bits: Bits) {
    this.bits = bits;
    this.#held = new HeldBlocks(bits);
  }

  /** What is held stays so. Leases are the caller's to bring back. Says whether any pool has other pieces now. */
  configure(specs: readonly SpaceSpec[], held: Iterable<Block>): boolean {
    const stocks = new Map<string, Stock>();
    const territories: Territory[] = [];
    for (const { pool, ranges, exclude, length } of specs) {
      const fresh = new Stock({
        ranges: subtract(merge(ranges), merge(territories)),
        exclude,
        bits: this.bits,
        length,
      });
      const before = this.#stocks.get(pool);
      const stock = before?.isLike(fresh) ? before : fresh;
      stocks.set(pool, stock);
      for (const range of stock.territory()) territories.push({ ...range, stock });
    }
    territories.sort((a, b) => (a.first < b.first ? -1 : 1));
    const before = new Set(this.#stocks.values());
    const created = new Set([...stocks.values()].filter((stock) => !before.has(stock)));
    const changed = created.size > 0 || stocks.size !== before.size;
    this.#stocks = stocks;
    this.#territories = territories;
    if (created.size === 0) return changed;
    for (const block of held) {
      for (const { stock, number } of this.#piecesIn(block)) if (created.has(stock)) stock.take(number);
    }
    return changed;
  }

  stock(pool: string): Stock | undefined {
    return this.#stocks.get(pool);
  }

  /** Whether no session holds any part of it. */
  isFree(block: Block): boolean {
    return this.#held.isFree(block);
  }

  /** The block is free. Who had a lease of a part of it has to share: `onLeased`. */
  hold(block: Block, onLeased: (lease: Lease) => void): void {
    this.#held.add(block);
    for (const { stock, number } of this.#piecesIn(block)) {
      stock.take(number);
      const lease = stock.leaseOf(number);
      if (lease) onLeased(lease);
    }
  }

  giveBack(block: Block): void {
    this.#held.delete(block);
    for (const { stock, number } of this.#piecesIn(block)) {
      // Of a piece that was held in part another part may still be.
      if (block.length <= stock.length || this.#held.isFree(stock.piece(number))) stock.giveBack(number);
    }
  }

  /** The pool that has exactly this block as a piece. */
  stockOf(block: Block): Stock | undefined {
    const stock = this.#territories[this.#lastUpTo(block.high)]?.stock;
    return stock?.numberOf(block) === undefined ? undefined : stock;
  }

  *#piecesIn(block: Block): Iterable<{ stock: Stock; number: number }> {
    const range = rangeOf(block, this.bits);
    for (let at = this.#lastUpTo(range.last); at >= 0 && this.#territories[at].last >= range.first; at--) {
      const territory = this.#territories[at];
      const { stock } = territory;
      for (const number of stock.piecesIn(intersection(territory, range))) yield { stock, number };
    }
  }

  /** The place of the last territory that begins at an address or before it, or -1. */
  #lastUpTo(address: bigint): number {
    let low = 0;
    let high = this.#territories.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#territories[middle].first <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
