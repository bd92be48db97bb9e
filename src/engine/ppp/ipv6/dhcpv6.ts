/**
 * A DHCPv6 server for one client (RFC 8415 18.3): it delegates the prefix that the link has for its peer, and tells the
 * name servers. It keeps no bindings: the first IA_PD of a message has the prefix, or the one that names it already.
 */
import { readU16, readU32 } from '../../wire/bytes.ts';
import type { Ipv6, Ipv6Prefix } from '../../wire/ipv6.ts';
import type { FrameSink } from '../events.ts';
import { linkLocal, packetWriter, type Received, readAddress, UDP_HEADER_OCTETS } from './packet.ts';
import { LIFETIMES, MAX_DNS_SERVERS, type RouterSpec } from './spec.ts';

/** RFC 8415 7.2. */
export const SERVER_PORT = 547;
const CLIENT_PORT = 546;
/** RFC 8415 7.1. */
const ALL_SERVERS: Ipv6 = (0xff02n << 112n) | 0x1_0002n;

/** RFC 8415 7.3. Those that are not here are no client's. */
const Message = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  informationRequest: 11,
} as const;

/** RFC 8415 21, RFC 3646 3. */
const Option = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddress: 5,
  statusCode: 13,
  rapidCommit: 14,
  dnsServers: 23,
  iaPd: 25,
  iaPrefix: 26,
} as const;

/** RFC 8415 21.13. */
const Status = {
  success: 0,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixAvail: 6,
} as const;
type Status = (typeof Status)[keyof typeof Status];

/**
 * Our DUID, a DUID-UUID (RFC 8415 11.5): the same on all links and gateways, as all answer alike. So a client that comes
 * back by another call renews what it had and is told whether it still holds.
 */
// biome-ignore format: type and UUID
const SERVER_DUID = Uint8Array.of(
  0, 4, 0x87, 0x89, 0x6f, 0xc2, 0xcc, 0x6f, 0x45, 0xa4, 0x9e, 0x8a, 0xcd, 0xb4, 0x98, 0xca, 0x88, 0xfc,
);

/** RFC 8415 11.1, with the type. */
const MIN_DUID_OCTETS = 3;
const MAX_DUID_OCTETS = 130;
const MESSAGE_HEADER_OCTETS = 4;
const OPTION_HEADER_OCTETS = 4;
const IA_PREFIX_OCTETS = 25;
/** Identity associations that a message has answered: answers stay below IPv6's least MTU. */
const MAX_IDENTITIES = 8;
/** Prefixes of earlier calls that a message has answered. */
const MAX_STALE_PREFIXES = 8;

/** An identity association: bytes[at, end) are its options. */
interface Identity {
  type: number;
  iaid: number;
  at: number;
  end: number;
}

interface Asked {
  type: number;
  bytes: Uint8Array;
  /** The message: type and transaction id stand there. */
  at: number;
  /** The whole option. */
  clientId?: { at: number; end: number };
  serverId: 'none' | 'ours' | 'anothers';
  rapidCommit: boolean;
  identities: Identity[];
}

/** Answers the datagram `packet`, if it is a client's message that wants one. Says whether it did. */
export function answerDhcp(spec: RouterSpec, packet: Received, bytes: Uint8Array, out: FrameSink): boolean {
  const { source, destination } = packet;
  const isUnicast = destination === linkLocal(spec.localInterfaceId);
  if (!isUnicast && destination !== ALL_SERVERS) return false;
  const asked = readMessage(bytes, packet.at + UDP_HEADER_OCTETS, packet.end);
  if (asked === undefined || !isValid(asked, isUnicast)) return false;
  packetWriter.udp(SERVER_PORT, CLIENT_PORT, linkLocal(spec.localInterfaceId), source);
  if (isUnicast) {
    // RFC 8415 18.4.
    beginAnswer(asked, Message.reply);
    writeStatus(Status.useMulticast);
  } else if (!writeAnswer(spec, asked)) return false;
  out.push({ effect: 'frame', frame: packetWriter.finish() });
  return true;
}

// ---------------------------------------------------------------- what is asked

/** Calls `see` for each option of bytes[at, end), with the place of its data. False when they are no list of whole ones. */
function walkOptions(
  bytes: Uint8Array,
  at: number,
  end: number,
  see: (type: number, at: number, end: number) => void,
): boolean {
  while (at < end) {
    const data = at + OPTION_HEADER_OCTETS;
    if (data > end || data + readU16(bytes, at + 2) > end) return false;
    const next = data + readU16(bytes, at + 2);
    see(readU16(bytes, at), data, next);
    at = next;
  }
  return true;
}

function readMessage(bytes: Uint8Array, at: number, end: number): Asked | undefined {
  const options = at + MESSAGE_HEADER_OCTETS;
  if (options > end) return undefined;
  const asked: Asked = { type: bytes[at], bytes, at, serverId: 'none', rapidCommit: false, identities: [] };
  let right = true;
  const whole = walkOptions(bytes, options, end, (type, data, next) => {
    switch (type) {
      case Option.clientId:
        right &&= next - data >= MIN_DUID_OCTETS && next - data <= MAX_DUID_OCTETS;
        asked.clientId ??= { at: data - OPTION_HEADER_OCTETS, end: next };
        break;
      case Option.serverId:
        asked.serverId = isOurs(bytes, data, next) ? 'ours' : 'anothers';
        break;
      case Option.rapidCommit:
        asked.rapidCommit = true;
        break;
      case Option.iaNa:
      case Option.iaTa:
      case Option.iaPd: {
        const identity = readIdentity(type, bytes, data, next);
        if (identity === undefined) right = false;
        else if (asked.identities.length < MAX_IDENTITIES) asked.identities.push(identity);
        break;
      }
    }
  });
  return whole && right ? asked : undefined;
}

/** RFC 8415 21.4, 21.5, 21.21: the IAID, then in all but an IA_TA two times that a server ignores, then options. */
function readIdentity(type: number, bytes: Uint8Array, data: number, end: number): Identity | undefined {
  const at = data + (type === Option.iaTa ? 4 : 12);
  if (at > end) return undefined;
  let right = true;
  const whole = walkOptions(bytes, at, end, (inner, innerAt, innerEnd) => {
    const least = inner === Option.iaPrefix ? IA_PREFIX_OCTETS : inner === Option.iaAddress ? 24 : 0;
    if (innerEnd - innerAt < least) right = false;
  });
  return whole && right ? { type, iaid: readU32(bytes, data), at, end } : undefined;
}

function isOurs(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at === SERVER_DUID.length && SERVER_DUID.every((octet, i) => octet === bytes[at + i]);
}

/** RFC 8415 16. */
function isValid({ type, clientId, serverId, identities }: Asked, isUnicast: boolean): boolean {
  switch (type) {
    case Message.solicit:
    case Message.confirm:
    case Message.rebind:
      return clientId !== undefined && serverId === 'none' && !isUnicast;
    case Message.request:
    case Message.renew:
    case Message.release:
    case Message.decline:
      return clientId !== undefined && serverId === 'ours';
    case Message.informationRequest:
      return serverId !== 'anothers' && identities.length === 0 && !isUnicast;
    default:
      return false;
  }
}

// ---------------------------------------------------------------- what is answered

function writeAnswer(spec: RouterSpec, asked: Asked): boolean {
  switch (asked.type) {
    case Message.solicit:
      beginAnswer(asked, asked.rapidCommit ? Message.reply : Message.advertise);
      if (asked.rapidCommit) packetWriter.u16(Option.rapidCommit).u16(0);
      writeIdentities(spec, asked);
      writeDns(spec);
      return true;
    case Message.request:
    case Message.renew:
    case Message.rebind:
      beginAnswer(asked, Message.reply);
      writeIdentities(spec, asked);
      writeDns(spec);
      return true;
    case Message.confirm: {
      const addresses = asked.identities.flatMap((identity) => addressesOf(asked.bytes, identity));
      if (addresses.length === 0) return false;
      beginAnswer(asked, Message.reply);
      writeStatus(addresses.every((address) => isOnLink(spec, address)) ? Status.success : Status.notOnLink);
      return true;
    }
    case Message.release:
    case Message.decline:
      beginAnswer(asked, Message.reply);
      writeStatus(Status.success);
      writeUnbound(spec, asked);
      return true;
    default:
      beginAnswer(asked, Message.reply);
      writeDns(spec);
      return true;
  }
}

function beginAnswer({ bytes, at, clientId }: Asked, type: number): void {
  packetWriter.u8(type).octets(bytes, at + 1, at + MESSAGE_HEADER_OCTETS);
  packetWriter.u16(Option.serverId).u16(SERVER_DUID.length).octets(SERVER_DUID);
  if (clientId !== undefined) packetWriter.octets(bytes, clientId.at, clientId.end);
}

function writeStatus(status: Status): void {
  packetWriter.u16(Option.statusCode).u16(2).u16(status);
}

function writeDns({ dns }: RouterSpec): void {
  const servers = dns.slice(0, MAX_DNS_SERVERS);
  if (servers.length === 0) return;
  packetWriter.u16(Option.dnsServers).u16(16 * servers.length);
  for (const server of servers) packetWriter.address(server);
}

function writeIdentities(spec: RouterSpec, asked: Asked): void {
  const bound = boundOf(spec, asked);
  // RFC 8415 18.3.4, 18.3.5: who renews is told of what no longer holds. Who only begins has merely wished for it.
  const renews = asked.type === Message.renew || asked.type === Message.rebind;
  let staleLeft = renews ? MAX_STALE_PREFIXES : 0;
  for (const identity of asked.identities) {
    if (identity.type !== Option.iaPd) {
      const off = addressesOf(asked.bytes, identity).some((address) => !isOnLink(spec, address));
      const isRequest = asked.type === Message.request;
      writeIdentity(identity, false, () => writeStatus(isRequest && off ? Status.notOnLink : Status.noAddrsAvail));
      continue;
    }
    const prefix = identity === bound ? spec.delegated : undefined;
    const stale = prefixesOf(asked.bytes, identity)
      .filter((old) => !isSame(old, spec.delegated))
      .slice(0, staleLeft);
    staleLeft -= stale.length;
    writeIdentity(identity, prefix !== undefined, () => {
      if (prefix !== undefined) writePrefix(prefix.high << 64n, prefix.length, LIFETIMES.preferredS, LIFETIMES.validS);
      for (const old of stale) writePrefix(old.address, old.length, 0, 0);
      if (prefix === undefined && stale.length === 0) writeStatus(Status.noPrefixAvail);
    });
  }
}

/** RFC 8415 18.3.7, 18.3.8: those of which we know nothing. */
function writeUnbound(spec: RouterSpec, asked: Asked): void {
  const bound = boundOf(spec, asked);
  for (const identity of asked.identities) {
    if (identity !== bound) writeIdentity(identity, false, () => writeStatus(Status.noBinding));
  }
}

/** `timed`: with the times to renew and to rebind. */
function writeIdentity({ type, iaid }: Identity, timed: boolean, writeOptions: () => void): void {
  const start = packetWriter.length;
  packetWriter.u16(type).u16(0).u32(iaid);
  if (type !== Option.iaTa) packetWriter.u32(timed ? LIFETIMES.renewS : 0).u32(timed ? LIFETIMES.rebindS : 0);
  writeOptions();
  packetWriter.patchU16(start + 2, packetWriter.length - start - OPTION_HEADER_OCTETS);
}

/** RFC 8415 21.22. */
function writePrefix(address: Ipv6, length: number, preferredS: number, validS: number): void {
  packetWriter.u16(Option.iaPrefix).u16(IA_PREFIX_OCTETS).u32(preferredS).u32(validS).u8(length).address(address);
}

// ---------------------------------------------------------------- whose is what

function boundOf({ delegated }: RouterSpec, { bytes, identities }: Asked): Identity | undefined {
  if (delegated === undefined) return undefined;
  const wanting = identities.filter(({ type }) => type === Option.iaPd);
  return wanting.find((one) => prefixesOf(bytes, one).some((prefix) => isSame(prefix, delegated))) ?? wanting[0];
}

/** The prefixes that an IA_PD names. Not those of a mere length, nor of what cannot be one (RFC 8415 21.22). */
function prefixesOf(bytes: Uint8Array, { at, end }: Identity): { address: Ipv6; length: number }[] {
  const prefixes: { address: Ipv6; length: number }[] = [];
  walkOptions(bytes, at, end, (type, data) => {
    if (type !== Option.iaPrefix) return;
    const prefix = { length: bytes[data + 8], address: readAddress(bytes, data + 9) };
    if (prefix.address !== 0n && prefix.length <= 128) prefixes.push(prefix);
  });
  return prefixes;
}

function isSame(prefix: { address: Ipv6; length: number }, ours: Ipv6Prefix | undefined): boolean {
  return ours !== undefined && prefix.length === ours.length && prefix.address === ours.high << 64n;
}

function addressesOf(bytes: Uint8Array, { type: kind, at, end }: Identity): Ipv6[] {
  const addresses: Ipv6[] = [];
  if (kind === Option.iaPd) return addresses;
  walkOptions(bytes, at, end, (type, data) => {
    if (type === Option.iaAddress) addresses.push(readAddress(bytes, data));
  });
  return addresses;
}

function isOnLink({ prefix }: RouterSpec, address: Ipv6): boolean {
  if (prefix === undefined) return false;
  const { high, length } = prefix;
  return address >> BigInt(128 - length) === high >> BigInt(64 - length);
}
