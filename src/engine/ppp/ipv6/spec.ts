/** What a link's router tells, and for how long. */
import type { Ipv6, Ipv6Prefix } from '../../wire/ipv6.ts';

/** Never changed: other facts want another router. */
export interface RouterSpec {
  localInterfaceId: bigint;
  remoteInterfaceId: bigint;
  /** Octets. */
  mtu: number;
  /** For the link. */
  prefix?: Ipv6Prefix;
  /** For the networks behind the peer. */
  delegated?: Ipv6Prefix;
  /** Of more than MAX_DNS_SERVERS the first ones are told. */
  dns: readonly Ipv6[];
}

/** More than resolvers use; all that we send stays far below IPv6's least MTU. */
export const MAX_DNS_SERVERS = 8;

/** Between advertisements: as long as RFC 4861 6.2.1 lets it be, for many links that are idle. */
export const MAX_INTERVAL_S = 1_800;

const preferredS = 3 * MAX_INTERVAL_S;

/**
 * In seconds. They follow from the interval, and no longer: a peer whose next call has other prefixes forgets the old
 * ones soon.
 */
export const LIFETIMES = {
  /** RFC 4861 6.2.1; of name servers too (RFC 8106 5.1). */
  routerS: 3 * MAX_INTERVAL_S,
  preferredS,
  validS: 2 * preferredS,
  /** RFC 8415 21.21: when a client renews its delegated prefixes with us, and when with anybody. */
  renewS: 0.5 * preferredS,
  rebindS: 0.8 * preferredS,
} as const;
