/** The IPv6 packets of a link's router: no extension headers (RFC 8200 3), ICMPv6 or UDP inside, as PPP frames carry them. */
import { readU16, readU32, Writer, writeU16 } from '../../wire/bytes.ts';
import type { Ipv6 } from '../../wire/ipv6.ts';
import { Protocol } from '../frame.ts';

export const NextHeader = { udp: 17, icmpv6: 58 } as const;

export const UNSPECIFIED: Ipv6 = 0n;
export const ALL_NODES: Ipv6 = (0xff02n << 112n) | 1n;
export const ALL_ROUTERS: Ipv6 = (0xff02n << 112n) | 2n;

export const UDP_HEADER_OCTETS = 8;
const HEADER_OCTETS = 40;
/** RFC 4861 4: nothing that was forwarded has it. DHCPv6 does not mind. */
const HOP_LIMIT = 255;

/** RFC 4291 2.5.6: fe80::/64 with an interface identifier. */
export function linkLocal(interfaceId: bigint): Ipv6 {
  return (0xfe80n << 112n) | interfaceId;
}

export function isLinkLocal(address: Ipv6): boolean {
  return address >> 118n === 0x3fan;
}

export function readAddress(bytes: Uint8Array, at: number): Ipv6 {
  let address = 0n;
  for (let i = at; i < at + 16; i += 4) address = (address << 32n) | BigInt(readU32(bytes, i));
  return address;
}

/** A received packet: bytes[at, end) are what follows the IPv6 header. */
export interface Received {
  nextHeader: number;
  hopLimit: number;
  source: Ipv6;
  destination: Ipv6;
  at: number;
  end: number;
}

/**
 * Reads the IPv6 packet that bytes[at, end) begin with; what follows it is padding. Undefined unless it is ICMPv6 or UDP
 * with a header of its own, a right length and a right checksum.
 */
export function readPacket(bytes: Uint8Array, at: number, end: number): Received | undefined {
  const payload = at + HEADER_OCTETS;
  if (end < payload + UDP_HEADER_OCTETS || bytes[at] >>> 4 !== 6) return undefined;
  const stop = payload + readU16(bytes, at + 4);
  if (stop > end || stop < payload + UDP_HEADER_OCTETS) return undefined;
  const nextHeader = bytes[at + 6];
  if (nextHeader === NextHeader.udp) {
    // RFC 8200 8.1: UDP over IPv6 always has a checksum.
    if (readU16(bytes, payload + 4) !== stop - payload || readU16(bytes, payload + 6) === 0) return undefined;
  } else if (nextHeader !== NextHeader.icmpv6) return undefined;
  if (checksum(bytes, at, stop) !== 0) return undefined;
  const source = readAddress(bytes, at + 8);
  const destination = readAddress(bytes, at + 24);
  return { nextHeader, hopLimit: bytes[at + 7], source, destination, at: payload, end: stop };
}

/**
 * RFC 8200 8.1, over the packet bytes[at, end): the pseudo-header's addresses stand right before the payload. 0 when the
 * packet has its right checksum already.
 */
function checksum(bytes: Uint8Array, at: number, end: number): number {
  let sum = end - at - HEADER_OCTETS + bytes[at + 6];
  for (let i = at + 8; i < end; i += 2) sum += (bytes[i] << 8) | (i + 1 < end ? bytes[i + 1] : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Where the packet stands in a frame of ours: after address, control and protocol. */
const PACKET_AT = 4;
const PAYLOAD_AT = PACKET_AT + HEADER_OCTETS;

/** Builds frames in one buffer that is used again and again; each finished frame is a copy. */
class PacketWriter extends Writer {
  constructor() {
    super(1280);
  }

  private begin(nextHeader: number, source: Ipv6, destination: Ipv6): this {
    this.used = 0;
    this.u16(0xff03).u16(Protocol.ipv6);
    this.u32(6 << 28)
      .u16(0)
      .u8(nextHeader)
      .u8(HOP_LIMIT);
    return this.address(source).address(destination);
  }

  /** Forgets what was written and begins an ICMPv6 message with code 0 (RFC 4443 2.1). */
  icmpv6(type: number, source: Ipv6, destination: Ipv6): this {
    return this.begin(NextHeader.icmpv6, source, destination).u8(type).u8(0).u16(0);
  }

  /** Forgets what was written and begins a datagram. */
  udp(sourcePort: number, destinationPort: number, source: Ipv6, destination: Ipv6): this {
    return this.begin(NextHeader.udp, source, destination).u16(sourcePort).u16(destinationPort).u32(0);
  }

  address(value: Ipv6): this {
    return this.u64(value >> 64n).u64(value & 0xffff_ffff_ffff_ffffn);
  }

  /** The frame, with the packet's lengths and checksum filled in. */
  override finish(): Uint8Array {
    const { buffer, used } = this;
    const octets = used - PAYLOAD_AT;
    writeU16(buffer, PACKET_AT + 4, octets);
    const isUdp = buffer[PACKET_AT + 6] === NextHeader.udp;
    if (isUdp) writeU16(buffer, PAYLOAD_AT + 4, octets);
    // RFC 768: a UDP checksum of 0 is sent as its other form.
    writeU16(buffer, PAYLOAD_AT + (isUdp ? 6 : 2), checksum(buffer, PACKET_AT, used) || (isUdp ? 0xffff : 0));
    return buffer.slice(0, used);
  }
}

/** Shared by all links: one frame is built at a time. */
export const packetWriter = new PacketWriter();
