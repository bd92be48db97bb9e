import { type AaaSpec, type DeviceSpec, formatIpv4, type PeerSpec } from '../engine/spec.ts';
import { coveringPrefixes, type Ipv4Range, overlap } from './addresses.ts';

/**
 * The devices that accepted calls share: one for each interfaceName, with our addresses on it and routes to all the
 * addresses that its subscribers may get. A subscriber's fixed address outside all pools is routed to every device's
 * first: there is no telling where the subscriber will call, and one address has one route.
 */
export function devicesOf(peers: readonly PeerSpec[], { pools, subscribers }: AaaSpec): Map<string, DeviceSpec> {
  const byName = new Map<string, PeerSpec[]>();
  for (const peer of peers) {
    if (peer.role === 'lns') continue;
    const { interfaceName } = peer.tunnel;
    byName.set(interfaceName, [...(byName.get(interfaceName) ?? []), peer]);
  }
  const names = [...byName.keys()].sort();
  const strays = subscribers
    .flatMap(({ ipv4 }) => (ipv4 === undefined ? [] : [{ first: ipv4, last: ipv4 }]))
    .filter((address) => !pools.some(({ ranges }) => ranges.some((range) => overlap(range, address))));
  const devices = new Map<string, DeviceSpec>();
  for (const name of names) {
    const served = byName.get(name) ?? [];
    const locals = new Set(served.flatMap(({ ppp }) => ppp.ipv4.local ?? []));
    const ranges: Ipv4Range[] = served.flatMap(({ ppp: { ipv4 } }) => {
      if (ipv4.remote !== undefined) return [{ first: ipv4.remote, last: ipv4.remote }];
      return pools.filter(({ name }) => name === ipv4.pool).flatMap((pool) => [...pool.ranges]);
    });
    devices.set(name, {
      name,
      mtu: Math.max(...served.map(({ ppp }) => ppp.mtu)),
      addresses: [...locals].sort((a, b) => a - b).map(formatIpv4),
      routes: coveringPrefixes(name === names[0] ? [...ranges, ...strays] : ranges),
    });
  }
  return devices;
}
