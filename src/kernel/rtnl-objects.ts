/** What rtnetlink knows: links, addresses, routes and neighbour proxies, as objects, as text and as its messages. */
import ipaddr from 'ipaddr.js';
import { PlaneError } from '../engine/errors.ts';
import { familyIpv4, familyIpv6, formatIp, parseIp } from './address.ts';
import {
  type Attributes,
  attribute,
  attributesOf,
  littleEndian,
  type NetlinkMessage,
  nested,
  number32,
  numberOf,
  octetsOf,
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
  /** A TUN or TAP device that stays when no process holds it. */
  persistent: boolean;
  /** The bridge, or the like, that it is part of; 0: none. */
  master: number;
  /** `02:00:00:00:00:01`; undefined where there is none. */
  macAddress: string | undefined;
}

export interface LinkChange {
  up?: boolean;
  mtu?: number;
  alias?: string;
  macAddress?: string;
  /** 0: of none. */
  master?: number;
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

/**
 * Parses `10.0.0.1/24`, or an address alone, and writes it as the kernel does.
 * @throws PlaneError EINVAL
 */
export function parseLinkAddress(cidr: string): LinkAddress {
  const [text, length] = cidr.split('/', 2);
  const { family, words, scope } = parseIp(text);
  const most = family === familyIpv4 ? 32 : 128;
  const prefix = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : most + 1;
  if (prefix > most || scope !== 0) throw new PlaneError('EINVAL', `"${cidr}" is no address with a prefix`);
  return { address: formatIp(family, Int32Array.from(words), 0, 0), prefix };
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
export const rtmNeighbour = { new: 28, del: 29, get: 30 } as const;
export const ifla = {
  macAddress: 1,
  name: 3,
  mtu: 4,
  master: 10,
  info: 18,
  infoKind: 1,
  infoData: 2,
  infoPortKind: 4,
  infoPortData: 5,
  tunPersist: 6,
  alias: 20,
  afSpec: 26,
  group: 27,
  carrier: 33,
  inet6AddrGenMode: 8,
} as const;
export const addrGenModeNone = 1;
const ifa = { address: 1, local: 2, flags: 8 } as const;
const ifaFlagNodad = 0x02;
export const rta = { destination: 1, oif: 4, gateway: 5, priority: 6, metrics: 8, table: 15, metricMtu: 2 } as const;
const macOctets = 6;
const iffUp = 0x01;
const iffLoopback = 0x08;
const iffNoArp = 0x80;
export const nda = { destination: 1, protocol: 12 } as const;
const ntfProxy = 0x08;
const tableMain = 254;
const scopeUniverse = 0;
const scopeLink = 253;
const routeUnicast = 1;
export const fibMatch = 0x2000;
/** IPv6's own, which the kernel tells of routes that were given none. */
const ipv6Metric = 1024;
/** Marks our routes in `ip route`, and our neighbour proxies, and lets `sweep` find those that a crash left behind. */
export const routeProtocol = 171;

export function linkHeader(index: number, up?: boolean): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  view.setInt32(4, index, littleEndian);
  if (up !== undefined) {
    view.setUint32(8, up ? iffUp : 0, littleEndian);
    view.setUint32(12, iffUp, littleEndian);
  }
  return octets;
}

export function readLink({ body }: NetlinkMessage): Link | undefined {
  if (body.byteLength < 16) return undefined;
  const attributes = attributesOf(body, 16);
  const name = attributes.get(ifla.name);
  if (name === undefined) return undefined;
  const alias = attributes.get(ifla.alias);
  const info = attributes.get(ifla.info);
  const about = info && attributesOf(info);
  const kind = about?.get(ifla.infoKind);
  const kindText = kind && textOf(kind);
  const data = kindText === 'tun' ? about?.get(ifla.infoData) : undefined;
  const macAddress = attributes.get(ifla.macAddress);
  return {
    index: body.getInt32(4, littleEndian),
    name: textOf(name),
    up: (body.getUint32(8, littleEndian) & iffUp) !== 0,
    carrier: numberOf(attributes.get(ifla.carrier)) === 1,
    asksNeighbours: (body.getUint32(8, littleEndian) & (iffLoopback | iffNoArp)) === 0,
    mtu: numberOf(attributes.get(ifla.mtu)) ?? 0,
    alias: alias && textOf(alias),
    kind: kindText,
    persistent: data !== undefined && numberOf(attributesOf(data).get(ifla.tunPersist)) === 1,
    master: numberOf(attributes.get(ifla.master)) ?? 0,
    macAddress: macAddress?.byteLength === macOctets ? macText(octetsOf(macAddress)) : undefined,
  };
}

/** What changes a link; its header comes first. */
export function linkParts(index: number, { up, mtu, alias, macAddress, master }: LinkChange): Uint8Array[] {
  const parts = [linkHeader(index, up)];
  if (macAddress !== undefined) parts.push(attribute(ifla.macAddress, macOf(macAddress)));
  if (mtu !== undefined) parts.push(attribute(ifla.mtu, number32(mtu)));
  if (alias !== undefined) parts.push(attribute(ifla.alias, new TextEncoder().encode(alias)));
  if (master !== undefined) parts.push(attribute(ifla.master, number32(master)));
  return parts;
}

function macText(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

function macOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
}

export function addressParts(link: number, { address, peer, prefix }: LinkAddress): Uint8Array[] {
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

export function readAddress({ body }: NetlinkMessage): (LinkAddress & { link: number }) | undefined {
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

export function routeHeader({ family, prefix, scope, protocol, type, flags }: RouteHeader): Uint8Array {
  const table = type === 0 ? 0 : tableMain;
  const octets = Uint8Array.of(family, prefix, 0, 0, table, protocol, scope, type, 0, 0, 0, 0);
  new DataView(octets.buffer).setUint32(8, flags, littleEndian);
  return octets;
}

export function routeParts({ destination, prefix, link, gateway, metric, mtu }: Route): Uint8Array[] {
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

export function readRoute({ body }: NetlinkMessage, any = false): (Route & { ours: boolean }) | undefined {
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

export function neighbourHeader(link: number): Uint8Array {
  const octets = new Uint8Array(12);
  octets[0] = familyIpv4;
  new DataView(octets.buffer).setInt32(4, link, littleEndian);
  octets[10] = ntfProxy;
  return octets;
}

export function neighbourParts(link: number, address: string): Uint8Array[] {
  return [neighbourHeader(link), attribute(nda.destination, addressOctets(address))];
}

export function readNeighbourProxy({ body }: NetlinkMessage): NeighbourProxy | undefined {
  if (body.byteLength < 12 || (body.getUint8(10) & ntfProxy) === 0) return undefined;
  const attributes = attributesOf(body, 12);
  const address = addressOf(attributes, nda.destination);
  if (address === undefined) return undefined;
  const ours = numberOf(attributes.get(nda.protocol)) === routeProtocol;
  return { link: body.getInt32(4, littleEndian), address, ours };
}

export function addressOctets(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

export function familyOf(octets: Uint8Array): number {
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
