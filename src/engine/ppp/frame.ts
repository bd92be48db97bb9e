/**
 * PPP frames as L2TP carries them: no flags, no transparency, no FCS (RFC 2661 5.3). Sent frames always bear FF 03 and
 * a protocol field of two octets; received ones may lack the former and have a short one of the latter (RFC 1661 6.5, 6.6).
 */
import { Writer, writeU16 } from '../wire/bytes.ts';

export const Protocol = {
  ip: 0x0021,
  ipv6: 0x0057,
  ipcp: 0x8021,
  ipv6cp: 0x8057,
  ccp: 0x80fd,
  lcp: 0xc021,
  pap: 0xc023,
  chap: 0xc223,
  eap: 0xc227,
} as const;

const ADDRESS = 0xff;
const CONTROL = 0x03;
/** Where the packet's code stands in a frame of ours. */
export const CODE_AT = 4;
/** Code, identifier and length. */
export const PACKET_HEADER_OCTETS = 4;

function protocolFieldAt(bytes: Uint8Array, start: number, end: number): number {
  return end - start >= 2 && bytes[start] === ADDRESS && bytes[start + 1] === CONTROL ? start + 2 : start;
}

/** The protocol number of a frame, or -1 when it is too short to have one. */
export function protocolOf(bytes: Uint8Array, start: number, end: number): number {
  const at = protocolFieldAt(bytes, start, end);
  if (at >= end) return -1;
  // RFC 1661 2: only the last octet of the field is odd.
  if (bytes[at] & 1) return bytes[at];
  return at + 1 < end ? (bytes[at] << 8) | bytes[at + 1] : -1;
}

/** Where the information field begins, in a frame that has a protocol number. */
export function informationAt(bytes: Uint8Array, start: number, end: number): number {
  const at = protocolFieldAt(bytes, start, end);
  return bytes[at] & 1 ? at + 1 : at + 2;
}

/** Where the control packet at `at` ends by its length field, or -1 when that cannot be (RFC 1661 5). Later octets are padding. */
export function packetEnd(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < PACKET_HEADER_OCTETS) return -1;
  const length = (bytes[at + 2] << 8) | bytes[at + 3];
  return length < PACKET_HEADER_OCTETS || length > end - at ? -1 : at + length;
}

/** Whether [at, end) is a list of whole options: type, length, data (RFC 1661 6). */
export function optionsAreWhole(bytes: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    if (end - at < 2 || bytes[at + 1] < 2 || bytes[at + 1] > end - at) return false;
    at += bytes[at + 1];
  }
  return true;
}

/** Builds frames in one buffer that is used again and again; each finished frame is a copy. */
export class FrameWriter extends Writer {
  constructor() {
    super(256);
  }

  /** Forgets what was written and begins a control packet. */
  packet(protocol: number, code: number, identifier: number): this {
    this.used = 0;
    return this.u8(ADDRESS).u8(CONTROL).u16(protocol).u8(code).u8(identifier).u16(0);
  }

  /** A copy of the packet's data so far. */
  data(): Uint8Array {
    return this.buffer.slice(CODE_AT + PACKET_HEADER_OCTETS, this.used);
  }

  /** Whether the packet's data are exactly bytes[start, end). */
  dataEquals(bytes: Uint8Array, start: number, end: number): boolean {
    const data = CODE_AT + PACKET_HEADER_OCTETS;
    if (this.used - data !== end - start) return false;
    for (let i = start; i < end; i++) if (this.buffer[data + i - start] !== bytes[i]) return false;
    return true;
  }

  /** Whether the option at bytes[at] is, octet for octet, one of those written. */
  hasOption(bytes: Uint8Array, at: number): boolean {
    let option = CODE_AT + PACKET_HEADER_OCTETS;
    for (; option < this.used; option += this.buffer[option + 1]) {
      let same = 0;
      while (same < bytes[at + 1] && this.buffer[option + same] === bytes[at + same]) same++;
      if (same === bytes[at + 1]) return true;
    }
    return false;
  }

  /** The frame, with the packet's length filled in. */
  override finish(): Uint8Array {
    writeU16(this.buffer, CODE_AT + 2, this.used - CODE_AT);
    return this.buffer.slice(0, this.used);
  }
}

/** Shared by all links: one frame is built at a time. */
export const frameWriter = new FrameWriter();
