/** Lowers the maximum segment size that TCP's SYNs name to what a link lets through, for those who lose ICMP's answers. */
import { readU16, writeU16 } from '../engine/wire/bytes.ts';
import { findTransport, newTransport, protocolNumber } from './ip-packet.ts';

/** The IP and TCP headers without options (RFC 6691 2). */
const ipv4HeadersOctets = 40;
const ipv6HeadersOctets = 60;
const leastTcpOctets = 20;
const tcp = { dataOffset: 12, flags: 13, checksum: 16 } as const;
const synBit = 0x02;
/** TCP option kinds (RFC 9293 3.1). */
const option = { end: 0, noOperation: 1, mss: 2 } as const;
const mssOctets = 4;

const transport = newTransport();

/** `mtu`: the greatest IP packet that the link carries. */
export function clampMss(bytes: Uint8Array, start: number, end: number, mtu: number): void {
  findTransport(bytes, start, end, transport);
  const { at } = transport;
  if (transport.protocol !== protocolNumber.tcp || at < 0 || at + leastTcpOctets > transport.end) return;
  if ((bytes[at + tcp.flags] & synBit) === 0) return;
  const most = mtu - (bytes[start] >>> 4 === 4 ? ipv4HeadersOctets : ipv6HeadersOctets);
  const place = mssPlace(bytes, at, Math.min(at + (bytes[at + tcp.dataOffset] >>> 4) * 4, transport.end));
  if (place < 0 || most <= 0) return;
  const named = readU16(bytes, place);
  if (named <= most) return;
  writeU16(bytes, place, most);
  // The checksum sums words from the header's beginning on: an option may stand astride two of them.
  const astride = ((place - at) & 1) !== 0;
  adjustChecksum(bytes, at + tcp.checksum, astride ? swapped(named) : named, astride ? swapped(most) : most);
}

/** Where the MSS stands among the options; -1 when it does not. */
function mssPlace(bytes: Uint8Array, header: number, end: number): number {
  let at = header + leastTcpOctets;
  while (at < end && bytes[at] !== option.end) {
    if (bytes[at] === option.noOperation) {
      at++;
      continue;
    }
    if (at + 2 > end) return -1;
    const octets = bytes[at + 1];
    if (octets < 2 || at + octets > end) return -1;
    if (bytes[at] === option.mss) return octets === mssOctets ? at + 2 : -1;
    at += octets;
  }
  return -1;
}

function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}

/** RFC 1624 3: HC' = ~(~HC + ~m + m'). */
function adjustChecksum(bytes: Uint8Array, at: number, before: number, after: number): void {
  let sum = (~readU16(bytes, at) & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  writeU16(bytes, at, ~sum & 0xffff);
}
