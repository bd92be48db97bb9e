/** PPP's header as the packet path meets it: address and control field, which may be left out, and the protocol field. */
import { readU16 } from '../engine/wire/bytes.ts';

/** What user packets are carried as. */
export const pppProtocol = { ipv4: 0x0021, ipv6: 0x0057, mppe: 0x00fd } as const;

/** Where a PPP frame's protocol field begins: address and control field may be left out (RFC 1661 6.6). */
export function skipAddress(bytes: Uint8Array, start: number, end: number): number {
  return end - start >= 2 && bytes[start] === 0xff && bytes[start + 1] === 0x03 ? start + 2 : start;
}

/** The protocol whose field begins at `at`: its first octet may be left out (RFC 1661 6.5). */
export function protocolAt(bytes: Uint8Array, at: number): number {
  return isShort(bytes, at) ? bytes[at] : readU16(bytes, at);
}

/** Where the packet behind that field begins. */
export function packetAt(bytes: Uint8Array, at: number): number {
  return isShort(bytes, at) ? at + 1 : at + 2;
}

/** Whether a PPP frame holds an IP packet that anybody can read. */
export function holdsIp(bytes: Uint8Array, start: number, end: number): boolean {
  const at = skipAddress(bytes, start, end);
  const protocol = end - at < 2 ? 0 : protocolAt(bytes, at);
  return protocol === pppProtocol.ipv4 || protocol === pppProtocol.ipv6;
}

function isShort(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 1) !== 0;
}
