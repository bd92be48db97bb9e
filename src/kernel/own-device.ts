/** A device of one session alone: its addresses, the routes to what is behind the peer, everything when asked. */
import type { IpAttachment } from '../engine/ports.ts';
import { formatIpv4 } from '../engine/wire/ipv4.ts';
import { carry, networksBehind, routeTo } from './attachment.ts';
import { defaultRoutes, guardingRoute } from './default-route.ts';
import type { Device } from './devices.ts';
import { covers, parseNetwork } from './networks.ts';
import type { Rtnl } from './rtnl.ts';
import { type LinkAddress, linkLocalAddress, type Route } from './rtnl-objects.ts';
import type { L2tpSession } from './sessions.ts';

/** Guards are shared: several sessions may lead everything into tunnels to the same remote address. */
export class Guards {
  readonly #rtnl: Rtnl;
  readonly #users = new Map<string, { route: Route; ours: boolean; count: number }>();

  constructor(rtnl: Rtnl) {
    this.#rtnl = rtnl;
  }

  /** @throws PlaneError */
  take(remote: string, ownLinks: readonly number[]): Route | undefined {
    const known = this.#users.get(remote);
    if (known) {
      known.count++;
      return known.route;
    }
    const route = guardingRoute(this.#rtnl, remote, ownLinks);
    if (route) this.#users.set(remote, { route, ours: this.#rtnl.addRoute(route), count: 1 });
    return route;
  }

  give(route: Route): void {
    const known = this.#users.get(route.destination);
    if (!known || --known.count > 0) return;
    this.#users.delete(route.destination);
    if (known.ours) this.#rtnl.deleteRoute(route);
  }
}

/**
 * Lets an open device carry its session, or carry it otherwise than before.
 * @throws PlaneError
 */
export function configureOwn(
  device: Device,
  session: L2tpSession,
  attachment: IpAttachment,
  rtnl: Rtnl,
  guards: Guards,
  ownLinks: () => readonly number[],
): void {
  device.sole = session;
  device.setMtu(attachment.mtu);
  carry(device, session, attachment);
  const { ipv4, ipv6 } = attachment;
  const addresses: LinkAddress[] = [];
  if (ipv4) addresses.push(pointToPoint(session, ipv4));
  if (ipv6 && session.hasIpv6) addresses.push(linkLocalAddress(ipv6.localInterfaceId));
  device.setAddresses(addresses);
  device.proxies.setAll(ipv4?.proxyArp ? [formatIpv4(ipv4.remote)] : []);

  const { remote } = session.tunnel;
  const tunnelEnd = parseNetwork(remote.address);
  // A route to the tunnel's end alone would cut the tunnel off; a wider one must leave the tunnel its way.
  const networks = networksBehind(session, attachment).filter((network) => !covers(tunnelEnd, network));
  const everything = ipv4?.defaultRoute === true;
  const leadsTunnel = everything || networks.some((network) => covers(network, tunnelEnd));
  if (leadsTunnel && device.guard === undefined && remote.ipv4 !== undefined) {
    device.guard = guards.take(remote.address, ownLinks());
  }
  if (everything !== device.defaultRoutes.length > 0) {
    device.defaultRoutes = everything ? defaultRoutes(rtnl, device.index) : [];
  }
  device.setRoutes([...device.defaultRoutes, ...networks.map(routeTo)]);
  if (!leadsTunnel) releaseGuard(device, guards);
}

/** After the device's default route is gone. */
export function releaseGuard(device: Device, guards: Guards): void {
  if (device.guard) guards.give(device.guard);
  device.guard = undefined;
}

/**
 * With the peer's address comes the kernel's route to it. Where that is the tunnel's remote address (an LNS that gives
 * itself its outer address), the route would lead the tunnel into itself: the peer is then left out.
 */
function pointToPoint(session: L2tpSession, { local, remote }: { local: number; remote: number }): LinkAddress {
  const address = formatIpv4(local);
  if (session.tunnel.remote.ipv4 === (remote | 0) || local === remote) return { address, prefix: 32 };
  return { address, peer: formatIpv4(remote), prefix: 32 };
}
