/** Where the transport header of an IP packet is. Reads only inside the packet, whatever it says. */
import { readU16 } from '../engine/wire/bytes.ts';

export const protocolNumber = { tcp: 6, udp: 17, icmpv6: 58 } as const;

const leastIpv4Octets = 20;
const ipv6Octets = 40;
/** The header length of IPv4, the payload length of IPv6, and so on, as offsets. */
const ipv4 = { length: 2, fragment: 6, protocol: 9 } as const;
const ipv6 = { payloadLength: 4, nextHeader: 6 } as const;
const fragmentOffsetMask = 0x1fff;
const ipv6FragmentOffsetMask = 0xfff8;

/** Extension headers (RFC 8200 4, RFC 4302 2.2, RFC 7045). */
const fragmentHeader = 44;
const authenticationHeader = 51;
const otherExtensions: ReadonlySet<number> = new Set([0, 43, 60, 135, 139, 140]);
/** Nobody sends more; what comes after them is not looked for. */
const maxExtensionHeaders = 8;

/** Made once and filled again for every packet. */
export interface Transport {
  /** The IP protocol number of what follows the IP headers, or of the last header that was seen. */
  protocol: number;
  /** Where the transport header begins; -1 when it is not in the packet. */
  at: number;
  /** Where the packet ends, without padding. */
  end: number;
  /** A fragment other than the first: what has no transport header rightly. */
  laterFragment: boolean;
}

export function newTransport(): Transport {
  return { protocol: 0, at: -1, end: 0, laterFragment: false };
}

/** Looks into the packet bytes[start, end), of IPv4 or IPv6. */
export function findTransport(bytes: Uint8Array, start: number, end: number, into: Transport): void {
  into.protocol = 0;
  into.at = -1;
  into.end = end;
  into.laterFragment = false;
  if (start >= end) return;
  if (bytes[start] >>> 4 === 4) findInIpv4(bytes, start, end, into);
  else findInIpv6(bytes, start, end, into);
}

function findInIpv4(bytes: Uint8Array, start: number, end: number, into: Transport): void {
  if (end - start < leastIpv4Octets) return;
  const header = (bytes[start] & 15) * 4;
  into.end = Math.min(end, start + readU16(bytes, start + ipv4.length));
  into.protocol = bytes[start + ipv4.protocol];
  into.laterFragment = (readU16(bytes, start + ipv4.fragment) & fragmentOffsetMask) !== 0;
  if (!into.laterFragment && header >= leastIpv4Octets && start + header <= into.end) into.at = start + header;
}

function findInIpv6(bytes: Uint8Array, start: number, end: number, into: Transport): void {
  if (end - start < ipv6Octets) return;
  into.end = Math.min(end, start + ipv6Octets + readU16(bytes, start + ipv6.payloadLength));
  into.protocol = bytes[start + ipv6.nextHeader];
  let at = start + ipv6Octets;
  for (let headers = 0; headers <= maxExtensionHeaders; headers++) {
    const { protocol } = into;
    const fragment = protocol === fragmentHeader;
    const authentication = protocol === authenticationHeader;
    if (!fragment && !authentication && !otherExtensions.has(protocol)) {
      into.at = at;
      return;
    }
    // Every extension header has at least 8 octets.
    if (at + 8 > into.end) return;
    into.protocol = bytes[at];
    if (fragment && (readU16(bytes, at + 2) & ipv6FragmentOffsetMask) !== 0) {
      into.laterFragment = true;
      return;
    }
    at += fragment ? 8 : authentication ? (bytes[at + 1] + 2) * 4 : (bytes[at + 1] + 1) * 8;
    if (at > into.end) return;
  }
}
