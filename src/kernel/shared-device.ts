/** A device that many sessions share: our addresses on it, the pools routed to it, and what single sessions add. */
import { PlaneError } from '../engine/errors.ts';
import type { IpAttachment } from '../engine/ports.ts';
import type { DeviceSpec } from '../engine/spec.ts';
import { formatIpv4, parseIpv4 } from '../engine/wire/ipv4.ts';
import type { Device, DeviceRoute } from './devices.ts';
import { type LinkAddress, linkLocalAddress } from './rtnl.ts';
import type { L2tpSession } from './sessions.ts';

/** The addresses that the spec asks for. */
export function specAddresses(spec: DeviceSpec): LinkAddress[] {
  return spec.addresses.map((address) => ({ address, prefix: 32 }));
}

/** The pools' routes. */
export function specRoutes(spec: DeviceSpec): DeviceRoute[] {
  return spec.routes.map((cidr) => {
    const [destination, prefix] = cidr.split('/');
    return { destination, prefix: Number(prefix ?? 32) };
  });
}

/**
 * Changes the device until it matches, and with it the routes of its sessions that the pools' routes no longer cover.
 * @throws PlaneError
 */
export function configureShared(device: Device, spec: DeviceSpec): void {
  const before = device.spec;
  device.spec = spec;
  try {
    settle(device, spec, before);
  } catch (error) {
    device.spec = before;
    if (before) retreat(device, before, spec);
    throw error;
  }
}

/** After a change that failed half-way. What fails again shows as a gap or with the next change. */
function retreat(device: Device, before: DeviceSpec, failed: DeviceSpec): void {
  try {
    settle(device, before, failed);
  } catch (error) {
    if (!(error instanceof PlaneError)) throw error;
  }
}

function settle(device: Device, spec: DeviceSpec, before: DeviceSpec | undefined): void {
  device.setMtu(spec.mtu);
  // New addresses come first: with its last address a device loses its routes.
  for (const address of specAddresses(spec)) device.setAddress(address);
  for (const address of before ? specAddresses(before) : []) {
    if (!spec.addresses.includes(address.address)) device.removeAddress(address);
  }
  const routes = new Set(spec.routes);
  for (const cidr of before?.routes ?? []) {
    if (!routes.has(cidr)) for (const route of specRoutes({ ...spec, routes: [cidr] })) device.removeRoute(route);
  }
  for (const route of specRoutes(spec)) device.setRoute(route);
  for (const session of device.byIpv4.values()) setHostRoute(device, session);
}

/**
 * Lets the device carry a session.
 * @throws PlaneError
 */
export function joinShared(device: Device, session: L2tpSession, attachment: IpAttachment): void {
  const { ipv4, ipv6, mtu } = attachment;
  session.carrier = device;
  session.mtu = mtu;
  if (ipv4) {
    session.ipv4 = ipv4.remote | 0;
    session.hasIpv4 = true;
    // A caller that comes again may still have its old session: the route goes over to the new one.
    const old = device.byIpv4.get(session.ipv4);
    if (old) dropHostRoute(device, old);
    device.byIpv4.set(session.ipv4, session);
    setHostRoute(device, session);
  }
  // The peer chose its identifier: another's, which would lead that one's packets astray, is not carried.
  if (ipv6 && device.takesIpv6 && !device.byInterfaceId.has(ipv6.remoteInterfaceId)) {
    session.interfaceIdHigh = Number(BigInt.asIntN(32, ipv6.remoteInterfaceId >> 32n));
    session.interfaceIdLow = Number(BigInt.asIntN(32, ipv6.remoteInterfaceId));
    session.hasIpv6 = true;
    device.byInterfaceId.set(ipv6.remoteInterfaceId, session);
    session.linkLocal = useLinkLocal(device, ipv6.localInterfaceId);
  }
}

/** Undoes `joinShared`. */
export function leaveShared(device: Device, session: L2tpSession): void {
  if (session.hasIpv4 && device.byIpv4.get(session.ipv4) === session) device.byIpv4.delete(session.ipv4);
  if (session.hasIpv6) {
    const interfaceId = BigInt.asUintN(
      64,
      (BigInt(session.interfaceIdHigh) << 32n) | BigInt(session.interfaceIdLow >>> 0),
    );
    if (device.byInterfaceId.get(interfaceId) === session) device.byInterfaceId.delete(interfaceId);
  }
  session.carrier = undefined;
  session.hasIpv4 = false;
  session.hasIpv6 = false;
  dropHostRoute(device, session);
  const { linkLocal } = session;
  session.linkLocal = undefined;
  if (linkLocal && --linkLocal.users === 0) {
    device.linkLocals.delete(linkLocal.interfaceId);
    device.removeAddress(linkLocalAddress(linkLocal.interfaceId));
  }
}

function useLinkLocal(device: Device, interfaceId: bigint): L2tpSession['linkLocal'] {
  const known = device.linkLocals.get(interfaceId);
  if (known) {
    known.users++;
    return known;
  }
  device.setAddress(linkLocalAddress(interfaceId));
  const fresh = { interfaceId, users: 1 };
  device.linkLocals.set(interfaceId, fresh);
  return fresh;
}

/** A session needs a route of its own where no pool's route covers its address, or where it takes less than the device. */
function setHostRoute(device: Device, session: L2tpSession): void {
  const before = session.hostRoute;
  const wanted = wantedHostRoute(device, session);
  if (before?.mtu === wanted?.mtu && before?.destination === wanted?.destination) return;
  dropHostRoute(device, session);
  if (wanted) device.setRoute(wanted);
  session.hostRoute = wanted;
}

function dropHostRoute(device: Device, session: L2tpSession): void {
  const { hostRoute } = session;
  session.hostRoute = undefined;
  if (hostRoute) device.removeRoute(hostRoute);
}

function wantedHostRoute(device: Device, session: L2tpSession): DeviceRoute | undefined {
  const small = session.mtu > 0 && session.mtu < device.mtu;
  // A route to the tunnel's own remote address would cut the tunnel off.
  if (session.tunnel.remote.ipv4 === session.ipv4) return undefined;
  if (!small && device.spec?.routes.some((cidr) => covers(cidr, session.ipv4))) return undefined;
  const route: DeviceRoute = { destination: formatIpv4(session.ipv4 >>> 0), prefix: 32 };
  return small ? { ...route, mtu: session.mtu } : route;
}

function covers(cidr: string, address: number): boolean {
  const [network, prefix = '32'] = cidr.split('/');
  const base = parseIpv4(network);
  if (base === undefined) return false;
  const free = 32 - Number(prefix);
  return free >= 32 || base >>> free === address >>> free;
}
