/** Subscribers: local users and what they get. */
import { formatIpv6Prefix, parseIpv4, parseIpv6Prefix, Secret, type SubscriberSpec } from '../engine/spec.ts';
import { canonicalPrefix } from './addresses.ts';
import { builtIn } from './generated.ts';
import { contains, HeldPrefixes, overlapText } from './ipv6-prefixes.ts';
import { missingFilter } from './ppp-checks.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import type { SecretLookup } from './secrets.ts';
import { type Claim, claimOnce, settle } from './settle.ts';
import { rateOf } from './specs.ts';

export function subscribersOf(
  declarations: Declarations,
  secretOf: SecretLookup,
  gateway: Resource<'Gateway'> | undefined,
  before: readonly SubscriberSpec[],
): SubscriberSpec[] {
  const filters = (gateway?.document.spec.filters ?? []).map(({ name }) => name);
  return settle(
    declarations,
    'Subscriber',
    before,
    (subscriber) => {
      const spec = subscriberOf(subscriber, secretOf);
      check(declarations, subscriber, spec, filters);
      return spec;
    },
    claimUsers(),
  );
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
    prefix: spec.ipv6Prefix === undefined ? undefined : parseIpv6Prefix(spec.ipv6Prefix),
    delegated: spec.delegatedPrefix === undefined ? undefined : parseIpv6Prefix(spec.delegatedPrefix),
    routes: spec.routes?.flatMap((route) => canonicalPrefix(route) ?? []) ?? noRoutes,
    rate: spec.rateLimit && rateOf(spec.rateLimit),
    filter: spec.filter,
    sessionLimit: spec.sessionLimit ?? builtIn.Subscriber.sessionLimit,
  };
}

/** Most subscribers share it. */
const noRoutes: readonly string[] = [];

function check(
  declarations: Declarations,
  subscriber: Resource<'Subscriber'>,
  { filter, prefix, delegated }: SubscriberSpec,
  filters: readonly string[],
): void {
  if (filter !== undefined && !filters.includes(filter)) {
    declarations.reportAt(subscriber, 'filter', missingFilter(filters, filter));
  }
  // RFC 8415 6.3: a delegated prefix is for other links than the one to us.
  if (prefix && delegated && contains(delegated, prefix)) {
    const [part, whole] = [prefix, delegated].map(formatIpv6Prefix);
    const message = `${part} is part of the delegatedPrefix ${whole}: the link needs a prefix of its own`;
    declarations.reportAt(subscriber, 'ipv6Prefix', message);
  }
}

function claimUsers(): Claim<SubscriberSpec> {
  const claimKeys = claimOnce<SubscriberSpec>(
    ({ userName, ipv4 }) => [`userName ${userName}`, ...(ipv4 === undefined ? [] : [`ipv4 ${ipv4}`])],
    (holder, _, key) => {
      const path = key.split(' ')[0];
      return { message: `Subscriber/${holder} has the same ${path}`, path };
    },
  );
  const prefixes = new HeldPrefixes();
  return (spec) => {
    const { name, prefix, delegated } = spec;
    for (const [path, own] of [
      ['ipv6Prefix', prefix],
      ['delegatedPrefix', delegated],
    ] as const) {
      const rival = own && prefixes.rivalOf(own);
      if (rival) return { message: overlapText(own, rival.prefix, `of Subscriber/${rival.holder}`), path };
    }
    const clash = claimKeys(spec);
    if (clash) return clash;
    if (prefix) prefixes.hold(prefix, name);
    if (delegated) prefixes.hold(delegated, name);
    return undefined;
  };
}
