/** A device that many sessions share: our addresses on it, the pools routed to it, and what single sessions add. */
import { PlaneError } from '../engine/errors.ts';
import type { IpAttachment } from '../engine/ports.ts';
import type { DeviceSpec } from '../engine/spec.ts';
import { formatIpv4 } from '../engine/wire/ipv4.ts';
import { carry, drop, networksBehind, routeTo } from './attachment.ts';
import type { Device, DeviceRoute } from './devices.ts';
import { covers, ipv4Host, isIpv6Network, type Network, parseNetwork } from './networks.ts';
import { type LinkAddress, linkLocalAddress } from './rtnl-objects.ts';
import type { L2tpSession, PeerNetwork } from './sessions.ts';

/** The addresses that the spec asks for. */
function specAddresses(spec: DeviceSpec): LinkAddress[] {
  return spec.addresses.map((address) => ({ address, prefix: 32 }));
}

/**
 * Changes the device until it matches, and with it the routes of its sessions that the pools' routes no longer cover.
 * @throws PlaneError
 */
export function configureShared(device: Device, spec: DeviceSpec, sessions: readonly L2tpSession[]): void {
  const { spec: before, pools: poolsBefore } = device;
  const pools = spec.routes.map(parseNetwork);
  try {
    settle(device, spec, pools, sessions);
  } catch (error) {
    if (before) retreat(device, before, poolsBefore, sessions);
    else device.spec = undefined;
    throw error;
  }
}

/** After a change that failed half-way. What fails again shows as a gap or with the next change. */
function retreat(
  device: Device,
  before: DeviceSpec,
  pools: readonly Network[],
  sessions: readonly L2tpSession[],
): void {
  try {
    settle(device, before, pools, sessions);
  } catch (error) {
    if (!(error instanceof PlaneError)) throw error;
  }
}

function settle(device: Device, spec: DeviceSpec, pools: readonly Network[], sessions: readonly L2tpSession[]): void {
  const { spec: before, pools: poolsBefore } = device;
  device.spec = spec;
  device.pools = pools;
  device.setMtu(spec.mtu);
  // New addresses come first: with its last address a device loses its routes.
  for (const address of specAddresses(spec)) device.setAddress(address);
  for (const address of before ? specAddresses(before) : []) {
    if (!spec.addresses.includes(address.address)) device.removeAddress(address);
  }
  for (const pool of poolsBefore) {
    if (!pools.some((other) => isSame(other, pool))) device.removeRoute(routeTo(pool));
  }
  for (const pool of pools) device.setRoute(routeTo(pool));
  for (const session of sessions) {
    for (const network of session.networks ?? []) settleRoute(device, session, network);
  }
}

function isSame(one: Network, other: Network): boolean {
  return one.length === other.length && covers(one, other);
}

/**
 * Lets the device carry a session.
 * @throws PlaneError
 */
export function joinShared(device: Device, session: L2tpSession, attachment: IpAttachment): void {
  const { ipv4, ipv6 } = attachment;
  carry(device, session, attachment);
  const behind = networksBehind(session, attachment);
  const networks = ipv4 ? [ipv4Host(ipv4.remote), ...behind] : behind;
  // Spread, each would take three times the memory.
  session.networks = networks.map(({ family, length, words }) => ({ family, length, words, route: undefined }));
  if (ipv4?.proxyArp) device.proxies.add(formatIpv4(ipv4.remote));
  for (const network of session.networks) claim(device, session, network);
  // The peer chose its identifier: another's, which would lead that one's packets astray, is not carried.
  if (ipv6 && session.hasIpv6 && !device.byInterfaceId.has(ipv6.remoteInterfaceId)) {
    device.byInterfaceId.set(ipv6.remoteInterfaceId, session);
    session.linkLocal = useLinkLocal(device, ipv6.localInterfaceId);
  }
}

/** Undoes `joinShared`. */
export function leaveShared(device: Device, session: L2tpSession): void {
  const { networks, linkLocal } = session;
  const owner = session.hasIpv4 && device.ipv4.get(ipv4Host(session.ipv4)) === session;
  if (owner) device.proxies.remove(formatIpv4(session.ipv4 >>> 0));
  for (const network of networks ?? []) {
    const table = tableOf(device, network);
    if (table.get(network) === session) table.delete(network);
    dropRoute(device, network);
  }
  session.networks = undefined;
  session.linkLocal = undefined;
  if (linkLocal) {
    const high = BigInt(session.interfaceIdHigh) << 32n;
    device.byInterfaceId.delete(BigInt.asUintN(64, high | BigInt(session.interfaceIdLow >>> 0)));
    leaveLinkLocal(device, linkLocal);
  }
  drop(session);
}

function tableOf(device: Device, network: Network): Device['ipv4'] {
  return isIpv6Network(network) ? device.ipv6 : device.ipv4;
}

/** Packets for the network are the session's. A caller that comes again may still have its old one: the route goes over. */
function claim(device: Device, session: L2tpSession, network: PeerNetwork): void {
  const table = tableOf(device, network);
  const old = table.get(network)?.networks?.find((other) => isSame(other, network));
  if (old) dropRoute(device, old);
  table.set(network, session);
  settleRoute(device, session, network);
}

/**
 * A network needs a route of its own where no pool's route covers it, where its session takes less than the device, or
 * where it is part of a subnet beside us.
 */
function settleRoute(device: Device, session: L2tpSession, network: PeerNetwork): void {
  if (tableOf(device, network).get(network) !== session) return;
  const before = network.route;
  const wanted = wantedRoute(device, session, network);
  if (before?.mtu === wanted?.mtu && before?.destination === wanted?.destination) return;
  dropRoute(device, network);
  if (wanted) device.setRoute(wanted);
  network.route = wanted;
}

function dropRoute(device: Device, network: PeerNetwork): void {
  const { route } = network;
  network.route = undefined;
  if (route) device.removeRoute(route);
}

function wantedRoute(device: Device, session: L2tpSession, network: Network): DeviceRoute | undefined {
  const small = session.mtu > 0 && session.mtu < device.mtu;
  const covered = device.pools.some((pool) => covers(pool, network));
  if (covered && !small && device.proxies.size === 0) return undefined;
  const route = routeTo(network);
  if (covered && !small && !device.proxies.has(route.destination)) return undefined;
  if (cutsOff(device, session, network)) return undefined;
  return small ? { ...route, mtu: session.mtu } : route;
}

/** Whether a route to the network would lead the tunnel's own packets, of all its sessions, into the device. */
function cutsOff(device: Device, { tunnel }: L2tpSession, network: Network): boolean {
  if (!covers(network, parseNetwork(tunnel.remote.address))) return false;
  const way = device.wayTo(tunnel.remote.address);
  return way === undefined || way.link === device.index || way.prefix <= network.length;
}

/** An address fe80::id of ours on the device, for as long as sessions need it. */
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

function leaveLinkLocal(device: Device, linkLocal: NonNullable<L2tpSession['linkLocal']>): void {
  if (--linkLocal.users > 0) return;
  device.linkLocals.delete(linkLocal.interfaceId);
  device.removeAddress(linkLocalAddress(linkLocal.interfaceId));
}
