/** AddressPools: which addresses and prefixes may be given out. */
import { formatIpv6Prefix, type Ipv6Prefix, type PoolSpec, parseIpv4, parseIpv6Prefix } from '../engine/spec.ts';
import { formatRange, hasEdges, type Ipv4Range, intersection, mergeRanges, overlap, parseRange } from './addresses.ts';
import { builtIn } from './generated.ts';
import { HeldPrefixes, mergePrefixes, overlapText, prefixesOverlap, sharedPart } from './ipv6-prefixes.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import { type Claim, settle } from './settle.ts';

/** What pools must leave alone. */
interface Taken {
  ranges: readonly Ipv4Range[];
  prefixes: readonly Ipv6Prefix[];
}

export function poolsOf(declarations: Declarations, before: readonly PoolSpec[]): PoolSpec[] {
  const taken: Taken = {
    ranges: mergeRanges([...ownAddresses(declarations), ...fixedAddresses(declarations)].map(single)),
    prefixes: mergePrefixes(fixedPrefixes(declarations)),
  };
  return settle(declarations, 'AddressPool', before, (pool) => poolOf(declarations, pool, taken), claimPools());
}

/** Our own addresses on PPP links are not given to subscribers. */
function ownAddresses(declarations: Declarations): string[] {
  return declarations.all('PppProfile').flatMap(({ document }) => document.spec.ipv4?.local ?? []);
}

/** Neither are addresses that subscribers and profiles have for themselves. */
function fixedAddresses(declarations: Declarations): string[] {
  return [
    ...declarations.all('Subscriber').flatMap(({ document }) => document.spec.ipv4 ?? []),
    ...declarations.all('PppProfile').flatMap(({ document }) => document.spec.ipv4?.remote ?? []),
  ];
}

function fixedPrefixes(declarations: Declarations): Ipv6Prefix[] {
  return declarations.all('Subscriber').flatMap(({ document: { spec } }) =>
    [spec.ipv6Prefix, spec.delegatedPrefix].flatMap((text) => {
      return text === undefined ? [] : (parseIpv6Prefix(text) ?? []);
    }),
  );
}

function single(address: string): Ipv4Range {
  const first = parseIpv4(address) ?? 0;
  return { first, last: first };
}

function poolOf(declarations: Declarations, pool: Resource<'AddressPool'>, taken: Taken): PoolSpec {
  return {
    name: pool.name,
    ...ipv4Of(declarations, pool, taken.ranges),
    ...ipv6Of(declarations, pool, taken.prefixes),
  };
}

function ipv4Of(
  declarations: Declarations,
  pool: Resource<'AddressPool'>,
  taken: readonly Ipv4Range[],
): Pick<PoolSpec, 'ranges' | 'exclude'> {
  const { ranges: texts = [], exclude = builtIn.AddressPool.exclude } = pool.document.spec;
  const ranges: Ipv4Range[] = [];
  const edges: Ipv4Range[] = [];
  for (const [at, text] of texts.entries()) {
    const range = parseRange(text);
    if (!range) continue;
    const other = ranges.find((earlier) => overlap(earlier, range));
    if (other) declarations.reportAt(pool, `ranges.${at}`, `${text} overlaps ${formatRange(other)} in the same pool`);
    ranges.push(range);
    if (!hasEdges(text)) continue;
    edges.push({ first: range.first, last: range.first }, { first: range.last, last: range.last });
  }
  const excluded: Ipv4Range[] = [];
  for (const [at, text] of exclude.entries()) {
    const range = parseRange(text);
    if (!range) continue;
    const inside = ranges.flatMap((candidate) => intersection(candidate, range) ?? []);
    if (inside.length === 0) declarations.reportAt(pool, `exclude.${at}`, `${text} lies in none of the pool's ranges`);
    excluded.push(...inside);
  }
  for (const range of taken) excluded.push(...ranges.flatMap((candidate) => intersection(candidate, range) ?? []));
  return { ranges, exclude: mergeRanges([...excluded, ...edges]) };
}

function ipv6Of(
  declarations: Declarations,
  pool: Resource<'AddressPool'>,
  taken: readonly Ipv6Prefix[],
): Pick<PoolSpec, 'prefixes' | 'delegationLength' | 'excludePrefixes'> {
  const declared = pool.document.spec.ipv6;
  const { delegationLength, exclude } = { ...builtIn.AddressPool.ipv6, ...declared };
  const prefixes: Ipv6Prefix[] = [];
  for (const [at, text] of (declared?.prefixes ?? []).entries()) {
    const prefix = parseIpv6Prefix(text);
    if (!prefix) continue;
    const path = `ipv6.prefixes.${at}`;
    const other = prefixes.find((earlier) => prefixesOverlap(earlier, prefix));
    if (other) declarations.reportAt(pool, path, overlapText(prefix, other, 'in the same pool'));
    if (prefix.length > delegationLength) {
      declarations.reportAt(pool, path, `${text} is less than one piece of delegationLength ${delegationLength}`);
    }
    prefixes.push(prefix);
  }
  const excluded: Ipv6Prefix[] = [];
  for (const [at, text] of exclude.entries()) {
    const prefix = parseIpv6Prefix(text);
    if (!prefix) continue;
    const inside = prefixes.flatMap((candidate) => sharedPart(candidate, prefix) ?? []);
    if (inside.length === 0) {
      const message = `${formatIpv6Prefix(prefix)} lies in none of the pool's prefixes`;
      declarations.reportAt(pool, `ipv6.exclude.${at}`, message);
    }
    excluded.push(...inside);
  }
  for (const prefix of taken) excluded.push(...prefixes.flatMap((candidate) => sharedPart(candidate, prefix) ?? []));
  return { prefixes, delegationLength, excludePrefixes: mergePrefixes(excluded) };
}

function claimPools(): Claim<PoolSpec> {
  const held: (Ipv4Range & { pool: string })[] = [];
  const heldPrefixes = new HeldPrefixes();
  return ({ name, ranges, prefixes }) => {
    for (const range of ranges) {
      const other = held.find((candidate) => overlap(candidate, range));
      if (other) {
        const message = `${formatRange(range)} overlaps ${formatRange(other)} of AddressPool/${other.pool}`;
        return { message, path: 'ranges' };
      }
    }
    for (const prefix of prefixes) {
      const rival = heldPrefixes.rivalOf(prefix);
      if (rival) {
        const message = overlapText(prefix, rival.prefix, `of AddressPool/${rival.holder}`);
        return { message, path: 'ipv6.prefixes' };
      }
    }
    held.push(...ranges.map((range) => ({ ...range, pool: name })));
    for (const prefix of prefixes) heldPrefixes.hold(prefix, name);
    return undefined;
  };
}
