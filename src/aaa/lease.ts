import type { Block, Kind } from './blocks.ts';
import type { Stock } from './stock.ts';

/** What a user had last and should get again. Of each kind a user has at most one, and a block has at most one. */
export class Lease implements Block {
  readonly kind: Kind;
  readonly user: string;
  readonly high: bigint;
  readonly length: number;
  /** The pool's stock in which it lies; undefined: no pool has it now. */
  stock: Stock | undefined;
  /** In which it waits for its user; undefined while the block is held. */
  list: LeaseList | undefined;
  older: Lease | undefined;
  newer: Lease | undefined;

  constructor(kind: Kind, user: string, { high, length }: Block) {
    this.kind = kind;
    this.user = user;
    this.high = high;
    this.length = length;
  }

  isOf({ high, length }: Block): boolean {
    return this.high === high && this.length === length;
  }
}

/** Leases that wait for their users, in the order in which they began to. */
export class LeaseList {
  oldest: Lease | undefined;
  #newest: Lease | undefined;
  count = 0;

  push(lease: Lease): void {
    lease.list = this;
    lease.older = this.#newest;
    if (this.#newest) this.#newest.newer = lease;
    else this.oldest = lease;
    this.#newest = lease;
    this.count++;
  }

  remove(lease: Lease): void {
    if (lease.older) lease.older.newer = lease.newer;
    else this.oldest = lease.newer;
    if (lease.newer) lease.newer.older = lease.older;
    else this.#newest = lease.older;
    lease.list = undefined;
    lease.older = undefined;
    lease.newer = undefined;
    this.count--;
  }
}
