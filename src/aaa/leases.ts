import { type Block, type Kind, kinds } from './blocks.ts';
import { Lease, LeaseList } from './lease.ts';
import type { Stock } from './stock.ts';

/** A million users, each with an address and both prefixes. */
const maxLeases = 3 * 2 ** 20;

/** A lease that began or, without a user, ended. */
export type LeaseNote = (kind: Kind, block: Block, user: string | undefined) => void;

/** Which user should get what again. */
export class Leases {
  readonly #of: Record<Kind, Map<string, Lease>> = { ipv4: new Map(), prefix: new Map(), delegated: new Map() };
  /** Those that no pool has now: one may have it again. */
  readonly #nowhere = new LeaseList();
  readonly #limit: number;
  /** Told of every change. */
  onChange: LeaseNote | undefined;

  constructor(limit = maxLeases) {
    this.#limit = limit;
  }

  get count(): number {
    return kinds.reduce((sum, kind) => sum + this.#of[kind].size, 0);
  }

  /** Of each kind in the order in which they were last given. */
  *all(): Iterable<Lease> {
    for (const kind of kinds) yield* this.#of[kind].values();
  }

  get(kind: Kind, user: string): Lease | undefined {
    return this.#of[kind].get(user);
  }

  /** From an earlier life. Of a user's and of a block's the last counts. */
  restore(kind: Kind, block: Block, user: string): void {
    const before = this.get(kind, user);
    if (before) this.#remove(before);
    if (!this.#makeRoom(undefined)) return;
    const lease = new Lease(kind, user, block);
    this.#of[kind].set(user, lease);
    this.#nowhere.push(lease);
  }

  /** The pool's piece was given to the user. One whose lease is in use by another session of theirs keeps that. */
  give(kind: Kind, user: string, block: Block, stock: Stock): void {
    const before = this.get(kind, user);
    if (before?.isOf(block)) {
      this.#of[kind].delete(user);
      this.#of[kind].set(user, before);
    } else {
      if (before && !before.list) return;
      const number = stock.numberOf(block);
      if (number === undefined || stock.leaseOf(number)) return;
      if (before) this.forget(before);
      if (!this.#makeRoom(stock)) return;
      const lease = new Lease(kind, user, block);
      this.#of[kind].set(user, lease);
      stock.addLease(number, lease);
    }
    this.onChange?.(kind, block, user);
  }

  forget(lease: Lease): void {
    this.#remove(lease);
    this.onChange?.(lease.kind, lease, undefined);
  }

  /** Finds the pools that have them now. */
  place(stockOf: (lease: Lease) => Stock | undefined): void {
    for (const lease of this.all()) {
      const stock = stockOf(lease);
      if (stock === lease.stock && stock) continue;
      lease.list?.remove(lease);
      lease.stock = undefined;
      const number = stock?.numberOf(lease);
      if (stock && number !== undefined && !stock.leaseOf(number)) stock.addLease(number, lease);
      else this.#nowhere.push(lease);
    }
  }

  #remove(lease: Lease): void {
    this.#of[lease.kind].delete(lease.user);
    if (lease.stock) lease.stock.removeLease(lease);
    else lease.list?.remove(lease);
  }

  /** When there are too many, one that no pool has goes, or the one of this pool that has waited longest. */
  #makeRoom(stock: Stock | undefined): boolean {
    if (this.count < this.#limit) return true;
    const least = this.#nowhere.oldest ?? stock?.oldestLease;
    if (least) this.forget(least);
    return least !== undefined;
  }
}
