/** Links, addresses, routes and neighbour proxies through rtnetlink. Every call is done when it returns; a missing object is no error. */
import ipaddr from 'ipaddr.js';
import { familyIpv4, familyIpv6 } from './address.ts';
import { checked } from './native.ts';
import {
  type Attributes,
  attribute,
  attributesOf,
  flagCreate,
  flagExclusive,
  littleEndian,
  type NetlinkMessage,
  NetlinkSocket,
  nested,
  number32,
  numberOf,
  octetsOf,
  text,
  textOf,
} from './netlink.ts';

export interface Link {
  index: number;
  name: string;
  up: boolean;
  /** For a TUN device: whether a process holds it open. */
  carrier: boolean;
  mtu: number;
  /** Whether hosts on it ask for each other's link addresses. */
  asksNeighbours: boolean;
  alias: string | undefined;
  /** `tun`, `veth` ... */
  kind: string | undefined;
}

export interface LinkChange {
  up?: boolean;
  mtu?: number;
  alias?: string;
}

/** An address of a link. With a peer it is point-to-point, and the prefix is the peer's. */
export interface LinkAddress {
  address: string;
  peer?: string;
  prefix: number;
}

/** A unicast route of the main table. */
export interface Route {
  destination: string;
  prefix: number;
  /** The link's index. */
  link: number;
  gateway?: string;
  /** 0 for IPv4, 1024 for IPv6 when absent. */
  metric?: number;
  mtu?: number;
}

/** An address that is answered for on a link. */
export interface NeighbourProxy {
  link: number;
  address: string;
  ours: boolean;
}

/** `10.0.0.1/32` or `10.0.0.1 peer 10.0.0.2/32`. */
export function addressText({ address, peer, prefix }: LinkAddress): string {
  return peer === undefined ? `${address}/${prefix}` : `${address} peer ${peer}/${prefix}`;
}

/** fe80::id/64, from a 64-bit interface identifier. */
export function linkLocalAddress(interfaceId: bigint): LinkAddress {
  const octets = new Array<number>(16).fill(0);
  octets[0] = 0xfe;
  octets[1] = 0x80;
  for (let i = 0; i < 8; i++) octets[15 - i] = Number((interfaceId >> BigInt(8 * i)) & 0xffn);
  return { address: new ipaddr.IPv6(octets).toRFC5952String(), prefix: 64 };
}

/** `10.0.0.0/8`, with gateway, metric and MTU where it has them. */
export function routeText({ destination, prefix, gateway, metric, mtu }: Route): string {
  return [
    `${destination}/${prefix}`,
    gateway === undefined ? '' : ` via ${gateway}`,
    metric ? ` metric ${metric}` : '',
    mtu === undefined ? '' : ` mtu ${mtu}`,
  ].join('');
}

export const rtm = { newLink: 16, delLink: 17, getLink: 18, newAddr: 20, delAddr: 21, getAddr: 22 } as const;
export const rtmRoute = { new: 24, del: 25, get: 26 } as const;
const rtmNeighbour = { new: 28, del: 29, get: 30 } as const;
const ifla = {
  name: 3,
  mtu: 4,
  info: 18,
  infoKind: 1,
  alias: 20,
  afSpec: 26,
  group: 27,
  carrier: 33,
  inet6AddrGenMode: 8,
} as const;
const addrGenModeNone = 1;
const ifa = { address: 1, local: 2, flags: 8 } as const;
const ifaFlagNodad = 0x02;
export const rta = { destination: 1, oif: 4, gateway: 5, priority: 6, metrics: 8, table: 15, metricMtu: 2 } as const;
const iffUp = 0x01;
const iffLoopback = 0x08;
const iffNoArp = 0x80;
const nda = { destination: 1, protocol: 12 } as const;
const ntfProxy = 0x08;
const tableMain = 254;
const scopeUniverse = 0;
const scopeLink = 253;
const routeUnicast = 1;
const fibMatch = 0x2000;
/** IPv6's own, which the kernel tells of routes that were given none. */
const ipv6Metric = 1024;
/** Marks our routes in `ip route`, and our neighbour proxies, and lets `sweep` find those that a crash left behind. */
export const routeProtocol = 171;

const enoent = -2;
const esrch = -3;
const eexist = -17;
const enodev = -19;
const eopnotsupp = -95;
const eafnosupport = -97;
const eaddrnotavail = -99;
const enetunreach = -101;
const ehostunreach = -113;

export class Rtnl {
  readonly #socket = new NetlinkSocket();

  close(): void {
    this.#socket.close();
  }

  links(): Link[] {
    return this.#socket.dump(rtm.getLink, readLink, linkHeader(0));
  }

  /** By name or index. */
  link(which: string | number): Link | undefined {
    const parts = typeof which === 'number' ? [linkHeader(which)] : [linkHeader(0), attribute(ifla.name, text(which))];
    const answer = this.#socket.get(rtm.getLink, ...parts);
    if (typeof answer !== 'number') return readLink(answer);
    if (answer !== enodev) checked(answer, `link ${which}`);
    return undefined;
  }

  /** @throws PlaneError */
  changeLink(index: number, { up, mtu, alias }: LinkChange): void {
    const parts = [linkHeader(index, up)];
    if (mtu !== undefined) parts.push(attribute(ifla.mtu, number32(mtu)));
    if (alias !== undefined) parts.push(attribute(ifla.alias, new TextEncoder().encode(alias)));
    checked(this.#socket.change(rtm.newLink, 0, ...parts), `link ${index}`);
  }

  /** The kernel makes no IPv6 link-local address of its own. False when the kernel or the link has no IPv6 at all. */
  stopIpv6Generation(index: number): boolean {
    const mode = attribute(ifla.inet6AddrGenMode, Uint8Array.of(addrGenModeNone));
    const parts = [linkHeader(index), nested(ifla.afSpec, nested(familyIpv6, mode))];
    return done(this.#socket.change(rtm.newLink, 0, ...parts), [eafnosupport], `link ${index} without generation`);
  }

  /** False when there was none. */
  deleteLink(index: number): boolean {
    return done(this.#socket.change(rtm.delLink, 0, linkHeader(index)), [enodev], `delete link ${index}`);
  }

  /** Answers whether it was done. */
  setLinkGroup(index: number, group: number): boolean {
    return this.#socket.change(rtm.newLink, 0, linkHeader(index), attribute(ifla.group, number32(group))) === 0;
  }

  /** Deletes all links of a group at once; answers whether it was done. */
  deleteLinkGroup(group: number): boolean {
    return this.#socket.change(rtm.delLink, 0, linkHeader(0), attribute(ifla.group, number32(group))) === 0;
  }

  /** All addresses, with the index of their link. */
  addresses(family?: 'IPv4'): (LinkAddress & { link: number })[] {
    const header = new Uint8Array(8);
    header[0] = family === 'IPv4' ? familyIpv4 : 0;
    return this.#socket.dump(rtm.getAddr, readAddress, header);
  }

  /** False when the link already has it. */
  addAddress(link: number, address: LinkAddress): boolean {
    const result = this.#socket.change(rtm.newAddr, flagCreate | flagExclusive, ...addressParts(link, address));
    return done(result, [eexist], `address ${addressText(address)}`);
  }

  /** False when the link has no such address. */
  deleteAddress(link: number, address: LinkAddress): boolean {
    const result = this.#socket.change(rtm.delAddr, 0, ...addressParts(link, address));
    return done(result, [eaddrnotavail, enodev, enoent], `delete address ${addressText(address)}`);
  }

  /** The main table's unicast routes, those of the kernel itself left out; `ours` by the mark that we set. */
  routes(): (Route & { ours: boolean })[] {
    const header = routeHeader({ family: 0, prefix: 0, scope: 0, protocol: 0, type: 0, flags: 0 });
    return this.#socket.dump(rtmRoute.get, readRoute, header);
  }

  /** False when the table already has a route with the same destination and metric, on whatever link. */
  addRoute(route: Route): boolean {
    const result = this.#socket.change(rtmRoute.new, flagCreate | flagExclusive, ...routeParts(route));
    return done(result, [eexist], `route ${routeText(route)}`);
  }

  /** False when there was none. */
  deleteRoute(route: Route): boolean {
    const result = this.#socket.change(rtmRoute.del, 0, ...routeParts(route));
    return done(result, [esrch, enodev, enoent], `delete route ${routeText(route)}`);
  }

  /** All IPv4 addresses that are answered for, `ours` by the mark that we set. */
  neighbourProxies(): NeighbourProxy[] {
    return this.#socket.dump(rtmNeighbour.get, readNeighbourProxy, neighbourHeader(0));
  }

  neighbourProxy(link: number, address: string): NeighbourProxy | undefined {
    const answer = this.#socket.get(rtmNeighbour.get, ...neighbourParts(link, address));
    if (typeof answer !== 'number') return readNeighbourProxy(answer);
    // Kernels before 5.0 cannot be asked.
    if (answer !== enoent && answer !== enodev && answer !== eopnotsupp) checked(answer, `neighbour proxy ${address}`);
    return undefined;
  }

  /** Lets the kernel answer for an IPv4 address on a link. False when there is no such link. */
  addNeighbourProxy(link: number, address: string): boolean {
    const mark = attribute(nda.protocol, Uint8Array.of(routeProtocol));
    const result = this.#socket.change(rtmNeighbour.new, flagCreate, ...neighbourParts(link, address), mark);
    return done(result, [enodev], `neighbour proxy ${address}`);
  }

  /** False when there was none. */
  deleteNeighbourProxy(link: number, address: string): boolean {
    const result = this.#socket.change(rtmNeighbour.del, 0, ...neighbourParts(link, address));
    return done(result, [enoent, enodev], `delete neighbour proxy ${address}`);
  }

  /** The route that packets to an address take now. Its destination is the table's entry, not the address. */
  routeTo(address: string): Route | undefined {
    const octets = addressOctets(address);
    const family = familyOf(octets);
    const header = routeHeader({
      family,
      prefix: octets.length * 8,
      scope: 0,
      protocol: 0,
      type: 0,
      flags: fibMatch,
    });
    const answer = this.#socket.get(rtmRoute.get, header, attribute(rta.destination, octets));
    if (typeof answer !== 'number') return readRoute(answer, true);
    if (answer !== enetunreach && answer !== ehostunreach) checked(answer, `route to ${address}`);
    return undefined;
  }
}

/** Passes on whether something was done; the listed errnos mean that there was nothing to do. */
function done(result: number, nothing: readonly number[], what: string): boolean {
  if (nothing.includes(result)) return false;
  checked(result, what);
  return true;
}

// ---------------------------------------------------------------- messages

function linkHeader(index: number, up?: boolean): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  view.setInt32(4, index, littleEndian);
  if (up !== undefined) {
    view.setUint32(8, up ? iffUp : 0, littleEndian);
    view.setUint32(12, iffUp, littleEndian);
  }
  return octets;
}

function readLink({ body }: NetlinkMessage): Link | undefined {
  if (body.byteLength < 16) return undefined;
  const attributes = attributesOf(body, 16);
  const name = attributes.get(ifla.name);
  if (name === undefined) return undefined;
  const alias = attributes.get(ifla.alias);
  const info = attributes.get(ifla.info);
  const kind = info && attributesOf(info).get(ifla.infoKind);
  return {
    index: body.getInt32(4, littleEndian),
    name: textOf(name),
    up: (body.getUint32(8, littleEndian) & iffUp) !== 0,
    carrier: numberOf(attributes.get(ifla.carrier)) === 1,
    asksNeighbours: (body.getUint32(8, littleEndian) & (iffLoopback | iffNoArp)) === 0,
    mtu: numberOf(attributes.get(ifla.mtu)) ?? 0,
    alias: alias && textOf(alias),
    kind: kind && textOf(kind),
  };
}

function addressParts(link: number, { address, peer, prefix }: LinkAddress): Uint8Array[] {
  const local = addressOctets(address);
  const header = new Uint8Array(8);
  header[0] = familyOf(local);
  header[1] = prefix;
  header[3] = isLinkLocal(local) ? scopeLink : scopeUniverse;
  new DataView(header.buffer).setUint32(4, link, littleEndian);
  return [
    header,
    attribute(ifa.local, local),
    attribute(ifa.address, peer === undefined ? local : addressOctets(peer)),
    attribute(ifa.flags, number32(local.length === 16 ? ifaFlagNodad : 0)),
  ];
}

function readAddress({ body }: NetlinkMessage): (LinkAddress & { link: number }) | undefined {
  if (body.byteLength < 8) return undefined;
  const attributes = attributesOf(body, 8);
  const far = addressOf(attributes, ifa.address);
  const local = addressOf(attributes, ifa.local) ?? far;
  if (local === undefined || far === undefined) return undefined;
  return {
    link: body.getUint32(4, littleEndian),
    address: local,
    peer: far === local ? undefined : far,
    prefix: body.getUint8(1),
  };
}

interface RouteHeader {
  family: number;
  prefix: number;
  scope: number;
  protocol: number;
  type: number;
  flags: number;
}

function routeHeader({ family, prefix, scope, protocol, type, flags }: RouteHeader): Uint8Array {
  const table = type === 0 ? 0 : tableMain;
  const octets = Uint8Array.of(family, prefix, 0, 0, table, protocol, scope, type, 0, 0, 0, 0);
  new DataView(octets.buffer).setUint32(8, flags, littleEndian);
  return octets;
}

function routeParts({ destination, prefix, link, gateway, metric, mtu }: Route): Uint8Array[] {
  const octets = addressOctets(destination);
  const scope = gateway === undefined && octets.length === 4 ? scopeLink : scopeUniverse;
  const family = familyOf(octets);
  const parts = [
    routeHeader({ family, prefix, scope, protocol: routeProtocol, type: routeUnicast, flags: 0 }),
    attribute(rta.destination, octets),
    attribute(rta.oif, number32(link)),
  ];
  if (gateway !== undefined) parts.push(attribute(rta.gateway, addressOctets(gateway)));
  if (metric !== undefined) parts.push(attribute(rta.priority, number32(metric)));
  if (mtu !== undefined) parts.push(nested(rta.metrics, attribute(rta.metricMtu, number32(mtu))));
  return parts;
}

function readRoute({ body }: NetlinkMessage, any = false): (Route & { ours: boolean }) | undefined {
  if (body.byteLength < 12) return undefined;
  const attributes = attributesOf(body, 12);
  const table = numberOf(attributes.get(rta.table)) ?? body.getUint8(4);
  const link = numberOf(attributes.get(rta.oif));
  if (link === undefined || (!any && (table !== tableMain || body.getUint8(7) !== routeUnicast))) return undefined;
  const family = body.getUint8(0);
  const metrics = attributes.get(rta.metrics);
  const metric = numberOf(attributes.get(rta.priority));
  return {
    destination: addressOf(attributes, rta.destination) ?? (family === familyIpv4 ? '0.0.0.0' : '::'),
    prefix: body.getUint8(1),
    link,
    gateway: addressOf(attributes, rta.gateway),
    metric: family === familyIpv6 && metric === ipv6Metric ? undefined : metric,
    mtu: metrics && numberOf(attributesOf(metrics).get(rta.metricMtu)),
    ours: body.getUint8(5) === routeProtocol,
  };
}

function neighbourHeader(link: number): Uint8Array {
  const octets = new Uint8Array(12);
  octets[0] = familyIpv4;
  new DataView(octets.buffer).setInt32(4, link, littleEndian);
  octets[10] = ntfProxy;
  return octets;
}

function neighbourParts(link: number, address: string): Uint8Array[] {
  return [neighbourHeader(link), attribute(nda.destination, addressOctets(address))];
}

function readNeighbourProxy({ body }: NetlinkMessage): NeighbourProxy | undefined {
  if (body.byteLength < 12 || (body.getUint8(10) & ntfProxy) === 0) return undefined;
  const attributes = attributesOf(body, 12);
  const address = addressOf(attributes, nda.destination);
  if (address === undefined) return undefined;
  const ours = numberOf(attributes.get(nda.protocol)) === routeProtocol;
  return { link: body.getInt32(4, littleEndian), address, ours };
}

function addressOctets(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

function familyOf(octets: Uint8Array): number {
  return octets.length === 4 ? familyIpv4 : familyIpv6;
}

function isLinkLocal(octets: Uint8Array): boolean {
  return octets.length === 16 && octets[0] === 0xfe && (octets[1] & 0xc0) === 0x80;
}

function addressOf(attributes: Attributes, type: number): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  const octets = octetsOf(value);
  if (octets.length !== 4 && octets.length !== 16) return undefined;
  const address = ipaddr.fromByteArray([...octets]);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}
