import type { AllocateAnswer, AllocateRequest, Wanted } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import type { Ipv6Prefix, PoolSpec, PoolView } from '../engine/spec.ts';
import { type Block, bitsOf, ipv4Block, type Kind, kinds, nameBlock, rangeOf } from './blocks.ts';
import { Leases } from './leases.ts';
import { Space } from './space.ts';

/** RFC 4862 5.5.3: a link's prefix and the interface identifier make up an address. */
const linkPrefixLength = 64;

const none = { total: 0, used: 0, refused: 0 };

/** What a session has. */
type Holding = { [kind in Kind]?: Block };

/**
 * Who holds which addresses and prefixes. No two sessions hold any part of the same, whatever pools it lies in and
 * whether it was asked for or chosen. A session holds at most one of each kind.
 *
 * A user gets what they had last, if it is free. Others get it only when nothing else is: first what has waited longest.
 */
export class AddressPools {
  readonly leases: Leases;
  readonly #spaces = { ipv4: new Space(bitsOf('ipv4')), ipv6: new Space(bitsOf('prefix')) };
  readonly #holdings = new Map<SessionKey, Holding>();
  #names: readonly string[] = [];

  constructor(leases = new Leases()) {
    this.leases = leases;
  }

  /** Sessions keep what they hold, also when no pool has it any more. */
  configure(specs: readonly PoolSpec[]): void {
    const { ipv4, ipv6 } = this.#spaces;
    this.#names = specs.map(({ name }) => name);
    const changed = [
      ipv4.configure(
        specs.map(({ name, ranges, exclude }) => ({
          pool: name,
          ranges: ranges.map(bigRange),
          exclude: exclude.map(bigRange),
          length: ipv4.bits,
        })),
        this.#held(['ipv4']),
      ),
      ipv6.configure(
        specs.map(({ name, prefixes, excludePrefixes, delegationLength }) => ({
          pool: name,
          ranges: prefixes.map(prefixRange),
          exclude: excludePrefixes.map(prefixRange),
          length: delegationLength,
        })),
        this.#held(['prefix', 'delegated']),
      ),
    ];
    if (changed.includes(true)) this.leases.place((lease) => this.#space(lease.kind).stockOf(lease));
  }

  /** What is not asked for stays as it is, and so does what the session has already and still fits. */
  allocate({ session, user, ipv4, prefix, delegated }: AllocateRequest): AllocateAnswer {
    const answer: AllocateAnswer = {};
    const refused: NonNullable<AllocateAnswer['refused']> = {};
    const ask = (kind: Kind, wanted: Wanted<Block> | undefined): Block | undefined => {
      if (!wanted) return undefined;
      const given = this.#give(session, user, kind, wanted);
      if (typeof given !== 'string') return given;
      refused[kind] = given;
      answer.refused = refused;
      return undefined;
    };
    const fixed = ipv4?.fixed === undefined ? undefined : ipv4Block(ipv4.fixed);
    const address = ask('ipv4', ipv4 && { fixed, pool: ipv4.pool });
    if (address) answer.ipv4 = Number(address.high);
    answer.prefix = ask('prefix', prefix);
    answer.delegated = ask('delegated', delegated);
    return answer;
  }

  release(session: SessionKey): void {
    const holding = this.#holdings.get(session);
    if (!holding) return;
    this.#holdings.delete(session);
    for (const kind of kinds) {
      const block = holding[kind];
      if (block) this.#space(kind).giveBack(block);
    }
  }

  /** In the order of configuration. `used` counts what is held, in whole or in part, of what the pool gives out. */
  views(): PoolView[] {
    return this.#names.map((name) => {
      const { total, used, refused } = this.#spaces.ipv4.stock(name) ?? none;
      const prefixes = this.#spaces.ipv6.stock(name) ?? none;
      return {
        name,
        total,
        used,
        prefixes: { total: prefixes.total, used: prefixes.used },
        refused: refused + prefixes.refused,
      };
    });
  }

  /** The block, or why there is none. */
  #give(session: SessionKey, user: string | undefined, kind: Kind, wanted: Wanted<Block>): Block | string {
    const holding = this.#holdings.get(session);
    const before = holding?.[kind];
    if (before && this.#fits(kind, before, wanted)) return before;
    const block = wanted.fixed ? this.#ifFree(kind, wanted.fixed) : this.#choose(kind, wanted.pool, user);
    if (typeof block === 'string') return block;
    const space = this.#space(kind);
    if (before) space.giveBack(before);
    if (holding) holding[kind] = block;
    else this.#holdings.set(session, { [kind]: block });
    const chosenFor = wanted.fixed ? undefined : user;
    space.hold(block, (lease) => {
      if (lease.user !== chosenFor || lease.kind !== kind) this.leases.forget(lease);
    });
    const stock = chosenFor === undefined ? undefined : space.stockOf(block);
    if (stock && chosenFor !== undefined) this.leases.give(kind, chosenFor, block, stock);
    return block;
  }

  #fits(kind: Kind, held: Block, { fixed, pool }: Wanted<Block>): boolean {
    if (fixed) return held.high === fixed.high && held.length === fixed.length;
    return pool !== undefined && this.#space(kind).stock(pool)?.numberOf(held) !== undefined;
  }

  #ifFree(kind: Kind, block: Block): Block | string {
    return this.#space(kind).isFree(block) ? block : `${nameBlock(kind, block)} is in use by another session`;
  }

  #choose(kind: Kind, pool: string | undefined, user: string | undefined): Block | string {
    const what = kind === 'ipv4' ? 'address' : 'prefix';
    if (pool === undefined) return `neither ${what} nor AddressPool is set for this session`;
    const stock = this.#space(kind).stock(pool);
    if (!stock) return `AddressPool ${pool} does not exist`;
    if (kind === 'prefix' && stock.length !== linkPrefixLength) {
      return `AddressPool ${pool} gives out /${stock.length} prefixes; a link needs a /${linkPrefixLength}`;
    }
    const lease = user === undefined ? undefined : this.leases.get(kind, user);
    // Not held: then it waits.
    if (lease?.list && lease.stock === stock) return { high: lease.high, length: lease.length };
    const number = stock.next();
    if (number !== undefined) return stock.piece(number);
    stock.refused++;
    return `AddressPool ${pool}: all ${stock.total} ${kind === 'ipv4' ? 'addresses' : 'prefixes'} are in use`;
  }

  #space(kind: Kind): Space {
    return kind === 'ipv4' ? this.#spaces.ipv4 : this.#spaces.ipv6;
  }

  *#held(wanted: readonly Kind[]): Iterable<Block> {
    for (const holding of this.#holdings.values()) {
      for (const kind of wanted) {
        const block = holding[kind];
        if (block) yield block;
      }
    }
  }
}

function bigRange({ first, last }: PoolSpec['ranges'][number]): { first: bigint; last: bigint } {
  return { first: BigInt(first), last: BigInt(last) };
}

function prefixRange(prefix: Ipv6Prefix): { first: bigint; last: bigint } {
  return rangeOf(prefix, bitsOf('prefix'));
}
