/** AddressPools and Subscribers -> what the AAA part is told. */
import { type AaaSpec, type PoolSpec, parseIpv4, Secret, type SubscriberSpec } from '../engine/spec.ts';
import { formatRange, hasEdges, type Ipv4Range, intersection, mergeRanges, overlap, parseRange } from './addresses.ts';
import { builtIn } from './generated.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import type { SecretLookup } from './secrets.ts';
import { type Claim, claimOnce, settle } from './settle.ts';

export function aaaOf(declarations: Declarations, secretOf: SecretLookup, before: AaaSpec | undefined): AaaSpec {
  const taken = mergeRanges([...ownAddresses(declarations), ...fixedAddresses(declarations)].map(single));
  const pools = settle(
    declarations,
    'AddressPool',
    before?.pools ?? [],
    (pool) => poolOf(declarations, pool, taken),
    claimRanges(),
  );
  const subscribers = settle(
    declarations,
    'Subscriber',
    before?.subscribers ?? [],
    (subscriber) => subscriberOf(subscriber, secretOf),
    claimUsers(),
  );
  return { pools, subscribers };
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

function single(address: string): Ipv4Range {
  const first = parseIpv4(address) ?? 0;
  return { first, last: first };
}

function poolOf(declarations: Declarations, pool: Resource<'AddressPool'>, taken: readonly Ipv4Range[]): PoolSpec {
  const { ranges: texts, exclude = builtIn.AddressPool.exclude } = pool.document.spec;
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
  return { name: pool.name, ranges, exclude: mergeRanges([...excluded, ...edges]) };
}

function claimRanges(): Claim<PoolSpec> {
  const held: (Ipv4Range & { pool: string })[] = [];
  return ({ name, ranges }) => {
    for (const range of ranges) {
      const other = held.find((candidate) => overlap(candidate, range));
      if (other) {
        const message = `${formatRange(range)} overlaps ${formatRange(other)} of AddressPool/${other.pool}`;
        return { message, path: 'ranges' };
      }
    }
    held.push(...ranges.map((range) => ({ ...range, pool: name })));
    return undefined;
  };
}

function subscriberOf(subscriber: Resource<'Subscriber'>, secretOf: SecretLookup): SubscriberSpec {
  const { spec } = subscriber.document;
  const layer = { from: subscriber.id, values: spec, locate: subscriber.locate };
  return {
    name: subscriber.name,
    userName: spec.userName,
    // Without a password there is an error and this spec is not used.
    password: secretOf([layer], 'password', subscriber.id) ?? new Secret(''),
    ipv4: spec.ipv4 === undefined ? undefined : parseIpv4(spec.ipv4),
    sessionLimit: spec.sessionLimit ?? builtIn.Subscriber.sessionLimit,
  };
}

function claimUsers(): Claim<SubscriberSpec> {
  return claimOnce(
    ({ userName, ipv4 }) => [`userName ${userName}`, ...(ipv4 === undefined ? [] : [`ipv4 ${ipv4}`])],
    (holder, _, key) => {
      const path = key.split(' ')[0];
      return { message: `Subscriber/${holder} has the same ${path}`, path };
    },
  );
}
