import {
  type AaaSpec,
  type DeviceSpec,
  formatIpv4,
  formatIpv6Prefix,
  type PeerSpec,
  type PoolSpec,
} from '../engine/spec.ts';
import { coveringPrefixes, type Ipv4Range, overlap } from './addresses.ts';
import { mergePrefixes, prefixesOverlap } from './ipv6-prefixes.ts';

/**
 * The devices that accepted calls share: one for each interfaceName, with our addresses on it and routes to all that its
 * subscribers may get. One address has one route, and there is no telling where a subscriber will call: a fixed address
 * outside all pools is routed to the first device, a pool that no profile names to the first whose users are not local.
 */
export function devicesOf(peers: readonly PeerSpec[], { pools, subscribers }: AaaSpec): Map<string, DeviceSpec> {
  const byName = new Map<string, PeerSpec[]>();
  for (const peer of peers) {
    // Ethernet pseudowires have a device each.
    if (peer.role === 'lns' || peer.session.pseudowire !== 'ppp') continue;
    const { interfaceName } = peer.tunnel;
    byName.set(interfaceName, [...(byName.get(interfaceName) ?? []), peer]);
  }
  const names = [...byName.keys()].sort();
  const named = new Set([...byName.values()].flat().flatMap(poolNames));
  const unnamed = pools.filter(({ name }) => !named.has(name));
  const foreign = names.find((name) => byName.get(name)?.some(({ ppp }) => ppp.aaa !== 'local'));
  const devices = new Map<string, DeviceSpec>();
  for (const name of names) {
    const served = byName.get(name) ?? [];
    const own = new Set(served.flatMap(poolNames));
    const routed = [...pools.filter((pool) => own.has(pool.name)), ...(name === foreign ? unnamed : [])];
    const fixed = served.flatMap(({ ppp }) => ppp.ipv4.remote ?? []).map(single);
    const strays = name === names[0] ? straysOf(subscribers, pools) : { ranges: [], prefixes: [] };
    const prefixes = [...routed.flatMap((pool) => pool.prefixes), ...strays.prefixes];
    devices.set(name, {
      name,
      mtu: Math.max(...served.map(({ ppp }) => ppp.mtu)),
      addresses: [...new Set(served.flatMap(({ ppp }) => ppp.ipv4.local ?? []))].sort((a, b) => a - b).map(formatIpv4),
      routes: [
        ...coveringPrefixes([...fixed, ...routed.flatMap(({ ranges }) => [...ranges]), ...strays.ranges]),
        ...mergePrefixes(prefixes).map(formatIpv6Prefix),
      ],
    });
  }
  return devices;
}

/** The pools that a peer's calls take from. */
function poolNames({ ppp: { ipv4, ipv6 } }: PeerSpec): string[] {
  const ipv4Pool = ipv4.remote === undefined ? ipv4.pool : undefined;
  return [ipv4Pool, ipv6.prefixPool, ipv6.delegationPool].filter((name) => name !== undefined);
}

/** What subscribers have for themselves outside all pools. */
function straysOf(subscribers: AaaSpec['subscribers'], pools: readonly PoolSpec[]) {
  const ranges = subscribers
    .flatMap(({ ipv4 }) => (ipv4 === undefined ? [] : [single(ipv4)]))
    .filter((address) => !pools.some((pool) => pool.ranges.some((range) => overlap(range, address))));
  const prefixes = subscribers
    .flatMap(({ prefix, delegated }) => [prefix, delegated].filter((one) => one !== undefined))
    .filter((prefix) => !pools.some((pool) => pool.prefixes.some((other) => prefixesOverlap(other, prefix))));
  return { ranges, prefixes };
}

function single(address: number): Ipv4Range {
  return { first: address, last: address };
}
