/** Which user packets a peer may send, and which of them are for the engine. */
import { readU16, readU32 } from '../engine/wire/bytes.ts';
import { findTransport, newTransport, protocolNumber } from './ip-packet.ts';
import type { L2tpSession } from './sessions.ts';

/** RFC 4291 2.4: fe80::/10. */
const linkLocalHigh = 0xfe800000;
const linkLocalMask = 0xffc00000;
const multicast = 0xff;
const leastIpv4Octets = 20;
const ipv6Octets = 40;
const ipv6Source = 8;
const ipv6Destination = 24;
/** RFC 4861 4.1, 4.2, 4.5. */
const routerSolicitation = 133;
const routerAdvertisement = 134;
const redirect = 137;
/** Where DHCPv6 servers listen (RFC 8415 7.2). */
const dhcpv6ServerPort = 547;
const udpOctets = 8;

const transport = newTransport();

/**
 * Why an IPv4 packet may not pass. On a shared device, a packet must come from the session to which the answer would
 * go: with the address that it was given, or one of its networks. On a device of one session alone the peer may be the
 * way to anywhere.
 */
export function refuseIpv4(session: L2tpSession, bytes: Uint8Array, start: number, end: number): string | undefined {
  const { carrier } = session;
  if (carrier === undefined || !session.hasIpv4) return 'notAttached';
  if (end - start < leastIpv4Octets || bytes[start] >>> 4 !== 4) return 'malformedIp';
  if (carrier.sole !== undefined || carrier.ipv4.find(bytes, start + 12) === session) return undefined;
  return 'spoofed';
}

/** The same for IPv6; from its link-local address as well, unless another session has the same one. */
export function refuseIpv6(session: L2tpSession, bytes: Uint8Array, start: number, end: number): string | undefined {
  const { carrier } = session;
  if (carrier === undefined || !session.hasIpv6) return 'notAttached';
  if (end - start < ipv6Octets || bytes[start] >>> 4 !== 6) return 'malformedIp';
  const fromLinkLocal = (readU32(bytes, start + ipv6Source) & linkLocalMask) >>> 0 === linkLocalHigh;
  // Where we serve, no peer is our host's router (RFC 6105): what says so must be link-local (RFC 4861 6.1.2, 8.1).
  const served = carrier.sole === undefined || session.router;
  if (served && fromLinkLocal && speaksAsRouter(bytes, start, end)) return 'notARouter';
  if (carrier.sole !== undefined) return undefined;
  const own = fromLinkLocal
    ? session.linkLocal !== undefined && isFromOwnLinkLocal(session, bytes, start)
    : carrier.ipv6.find(bytes, start + ipv6Source) === session;
  return own ? undefined : 'spoofed';
}

/**
 * Whether the packet of an IPv6 session is a router solicitation or for a DHCPv6 server, on this link. Only from its
 * link-local address; the former also without an address (RFC 4861 4.1).
 */
export function isForRouter(session: L2tpSession, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < ipv6Octets || bytes[start] >>> 4 !== 6) return false;
  const destination = start + ipv6Destination;
  if (bytes[destination] !== multicast && readU32(bytes, destination) !== linkLocalHigh) return false;
  findTransport(bytes, start, end, transport);
  const { protocol, at } = transport;
  if (at < 0 || at + udpOctets > transport.end) return false;
  const own = isFromOwnLinkLocal(session, bytes, start);
  if (protocol === protocolNumber.udp) return own && readU16(bytes, at + 2) === dhcpv6ServerPort;
  if (protocol !== protocolNumber.icmpv6 || bytes[at] !== routerSolicitation) return false;
  return own || isUnspecified(bytes, start + ipv6Source);
}

function speaksAsRouter(bytes: Uint8Array, start: number, end: number): boolean {
  findTransport(bytes, start, end, transport);
  const { protocol, at } = transport;
  if (protocol !== protocolNumber.icmpv6 || at < 0 || at >= transport.end) return false;
  return bytes[at] === routerAdvertisement || bytes[at] === redirect;
}

function isFromOwnLinkLocal(session: L2tpSession, bytes: Uint8Array, start: number): boolean {
  const at = start + ipv6Source;
  return (
    readU32(bytes, at) === linkLocalHigh &&
    readU32(bytes, at + 4) === 0 &&
    (readU32(bytes, at + 8) | 0) === session.interfaceIdHigh &&
    (readU32(bytes, at + 12) | 0) === session.interfaceIdLow
  );
}

function isUnspecified(bytes: Uint8Array, at: number): boolean {
  return (readU32(bytes, at) | readU32(bytes, at + 4) | readU32(bytes, at + 8) | readU32(bytes, at + 12)) === 0;
}
