import type { AllocateAnswer, AllocateRequest, Wanted } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import { formatIpv4, type Ipv4, type PoolSpec, type PoolView } from '../engine/spec.ts';
import { FreeSet } from './free-set.ts';

/** The most addresses that one pool hands out, 2 MiB of bitmap: a /8. Those beyond are left alone. */
const MAX_POOL_ADDRESSES = 1 << 24;
/** How many users' last addresses are remembered; the one longest unseen is forgotten first. */
const MAX_REMEMBERED_USERS = 65_536;

type Range = PoolSpec['ranges'][number];

/**
 * Who holds which IPv4 address. An address is held by at most one session, whatever pools it lies in and whether it
 * was asked for or chosen. A session holds at most one address.
 */
export class AddressPools {
  #pools = new Map<string, Pool>();
  readonly #addressOf = new Map<SessionKey, Ipv4>();
  readonly #holderOf = new Map<Ipv4, SessionKey>();
  readonly #lastOf = new Map<string, Ipv4>();

  /** Sessions keep what they hold, also when no pool has it any more. */
  configure(specs: readonly PoolSpec[]): void {
    const pools = new Map<string, Pool>();
    for (const spec of specs) {
      const before = this.#pools.get(spec.name);
      pools.set(spec.name, before?.isLike(spec) ? before : this.#create(spec));
    }
    this.#pools = pools;
  }

  #create(spec: PoolSpec): Pool {
    const pool = new Pool(spec);
    for (const address of this.#holderOf.keys()) pool.take(address);
    return pool;
  }

  /**
   * The wanted address, or the user's last one if it is free, or the pool's next. Pools go round, so that an address
   * given back rests as long as possible. A session that asks again keeps its address unless it wants another.
   */
  allocate(request: AllocateRequest): AllocateAnswer {
    const { session, user, ipv4: wanted } = request;
    if (!wanted) return {};
    const held = this.#addressOf.get(session);
    if (held !== undefined && this.#satisfies(held, wanted)) return { ipv4: held };
    const chosen = this.#choose(wanted, user);
    if (typeof chosen === 'string') return { refused: { ipv4: chosen } };
    this.release(session);
    this.#hold(session, chosen);
    if (user !== undefined && wanted.fixed === undefined) this.#remember(user, chosen);
    return { ipv4: chosen };
  }

  release(session: SessionKey): void {
    const address = this.#addressOf.get(session);
    if (address === undefined) return;
    this.#addressOf.delete(session);
    this.#holderOf.delete(address);
    for (const pool of this.#pools.values()) pool.giveBack(address);
  }

  /** In the order of configuration. `used` counts every held address that lies in the pool. */
  views(): PoolView[] {
    return Array.from(this.#pools, ([name, pool]) => ({
      name,
      total: pool.total,
      used: pool.used,
      prefixes: { total: 0, used: 0 },
      refused: pool.refused,
    }));
  }

  #satisfies(held: Ipv4, { fixed, pool }: Wanted<Ipv4>): boolean {
    if (fixed !== undefined) return held === fixed;
    return pool !== undefined && this.#pools.get(pool)?.contains(held) === true;
  }

  /** The address, or why there is none. */
  #choose({ fixed, pool: name }: Wanted<Ipv4>, user: string | undefined): Ipv4 | string {
    if (fixed !== undefined) {
      return this.#holderOf.has(fixed) ? `address ${formatIpv4(fixed)} is in use by another session` : fixed;
    }
    if (name === undefined) return 'neither an address nor an AddressPool is set for this session';
    const pool = this.#pools.get(name);
    if (!pool) return `AddressPool ${name} does not exist`;
    const last = user === undefined ? undefined : this.#lastOf.get(user);
    const ipv4 = last !== undefined && pool.isFree(last) ? last : pool.next();
    if (ipv4 !== undefined) return ipv4;
    pool.refused++;
    return `AddressPool ${name}: all ${pool.total} addresses are in use`;
  }

  #hold(session: SessionKey, address: Ipv4): void {
    this.#addressOf.set(session, address);
    this.#holderOf.set(address, session);
    for (const pool of this.#pools.values()) pool.take(address);
  }

  #remember(user: string, address: Ipv4): void {
    this.#lastOf.delete(user);
    this.#lastOf.set(user, address);
    if (this.#lastOf.size <= MAX_REMEMBERED_USERS) return;
    for (const oldest of this.#lastOf.keys()) {
      this.#lastOf.delete(oldest);
      return;
    }
  }
}

/** The addresses of one AddressPool, numbered from 0 over all its ranges. */
class Pool {
  readonly #spec: PoolSpec;
  readonly #segments: readonly (Range & { offset: number })[];
  readonly #free: FreeSet;
  /** Where the search for the next free address starts. */
  #cursor = 0;
  refused = 0;

  constructor(spec: PoolSpec) {
    this.#spec = spec;
    let total = 0;
    this.#segments = subtract(merge(spec.ranges), merge(spec.exclude)).map((range) => {
      const offset = total;
      total += range.last - range.first + 1;
      return { ...range, offset };
    });
    this.#free = new FreeSet(Math.min(total, MAX_POOL_ADDRESSES));
  }

  get total(): number {
    return this.#free.size;
  }

  get used(): number {
    return this.#free.size - this.#free.count;
  }

  isLike(spec: PoolSpec): boolean {
    return sameRanges(this.#spec.ranges, spec.ranges) && sameRanges(this.#spec.exclude, spec.exclude);
  }

  contains(address: Ipv4): boolean {
    return this.#indexOf(address) !== undefined;
  }

  isFree(address: Ipv4): boolean {
    const index = this.#indexOf(address);
    return index !== undefined && this.#free.has(index);
  }

  /** A free address, still free afterwards: the first after the one given out last. */
  next(): Ipv4 | undefined {
    const index = this.#free.next(this.#cursor) ?? this.#free.next(0);
    if (index === undefined) return undefined;
    this.#cursor = index + 1;
    const segment = this.#segmentAt((candidate) => candidate.offset <= index);
    return segment && segment.first + (index - segment.offset);
  }

  take(address: Ipv4): void {
    const index = this.#indexOf(address);
    if (index !== undefined) this.#free.delete(index);
  }

  giveBack(address: Ipv4): void {
    const index = this.#indexOf(address);
    if (index !== undefined) this.#free.add(index);
  }

  #indexOf(address: Ipv4): number | undefined {
    const segment = this.#segmentAt((candidate) => candidate.first <= address);
    if (!segment || address > segment.last) return undefined;
    const index = segment.offset + (address - segment.first);
    return index < this.#free.size ? index : undefined;
  }

  /** The last segment that fits; segments fit up to some point and then no more. */
  #segmentAt(fits: (segment: Range & { offset: number }) => boolean): (Range & { offset: number }) | undefined {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (fits(this.#segments[middle])) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#segments[low - 1];
  }
}

/** The same addresses as ascending ranges that neither overlap nor touch. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = merged.at(-1);
    if (last && range.first <= last.last + 1) last.last = Math.max(last.last, range.last);
    else if (range.first <= range.last) merged.push({ ...range });
  }
  return merged;
}

/** What is left of merged ranges without other merged ranges. */
function subtract(ranges: readonly Range[], holes: readonly Range[]): Range[] {
  const left: Range[] = [];
  for (const range of ranges) {
    let first = range.first;
    for (const hole of holes) {
      if (hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) left.push({ first, last: hole.first - 1 });
      first = hole.last + 1;
    }
    if (first <= range.last) left.push({ first, last: range.last });
  }
  return left;
}

function sameRanges(a: readonly Range[], b: readonly Range[]): boolean {
  return a.length === b.length && a.every(({ first, last }, i) => first === b[i].first && last === b[i].last);
}
