/** IP addresses between text and the four 32-bit words (in network reading order) that the native door speaks. */
import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { PlaneError } from '../engine/errors.ts';
import { readU32, writeU16, writeU32 } from '../engine/wire/bytes.ts';

export const familyIpv4 = 2;
export const familyIpv6 = 10;

export interface IpWords {
  family: typeof familyIpv4 | typeof familyIpv6;
  /** An IPv4 address stands in the first word. */
  words: readonly [number, number, number, number];
  /** The interface index of a link-local address, else 0. */
  scope: number;
}

/**
 * Parses dotted-quad, or IPv6 text with an optional zone (`fe80::1%eth0`).
 * @throws PlaneError EINVAL, or ENODEV for an unknown zone
 */
export function parseIp(text: string): IpWords {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return { family: familyIpv4, words: [readU32(bytesOf(text), 0) | 0, 0, 0, 0], scope: 0 };
  }
  const [address, zone] = text.split('%', 2);
  if (!ipaddr.IPv6.isValid(address)) throw new PlaneError('EINVAL', `"${text}" is no IP address`);
  const bytes = bytesOf(address);
  return {
    family: familyIpv6,
    words: [readU32(bytes, 0) | 0, readU32(bytes, 4) | 0, readU32(bytes, 8) | 0, readU32(bytes, 12) | 0],
    scope: zone === undefined ? 0 : interfaceIndex(zone),
  };
}

function bytesOf(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

function interfaceIndex(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  try {
    if (/^[^/]{1,15}$/.test(zone)) return Number(readFileSync(`/sys/class/net/${zone}/ifindex`, 'utf8'));
  } catch {
    // Told below.
  }
  throw new PlaneError('ENODEV', `interface "${zone}"`);
}

/** Writes an address as text: RFC 5952 for IPv6, the zone as an interface index. */
export function formatIp(family: number, words: Int32Array, at: number, scope: number): string {
  const octets = new Uint8Array(family === familyIpv4 ? 4 : 16);
  for (let i = 0; i < octets.length; i += 4) writeU32(octets, i, words[at + i / 4]);
  if (family === familyIpv4) return octets.join('.');
  const text = new ipaddr.IPv6([...octets]).toRFC5952String();
  return scope === 0 ? text : `${text}%${scope}`;
}

/** The octets of a struct sockaddr_in or sockaddr_in6; the family stands in the machine's own byte order. */
export function sockaddr(ip: IpWords, port: number): Uint8Array {
  const bytes = new Uint8Array(ip.family === familyIpv4 ? 16 : 28);
  new Uint16Array(bytes.buffer, 0, 1)[0] = ip.family;
  writeU16(bytes, 2, port);
  if (ip.family === familyIpv4) {
    writeU32(bytes, 4, ip.words[0]);
  } else {
    for (let i = 0; i < 4; i++) writeU32(bytes, 8 + 4 * i, ip.words[i]);
    new Uint32Array(bytes.buffer, 24, 1)[0] = ip.scope;
  }
  return bytes;
}
