/** IP packets made by hand, with right checksums. */
import { parseIp } from '../../src/kernel/address.ts';

export interface Made {
  source: string;
  destination: string;
  protocol?: number;
  payload?: Uint8Array;
  /** IPv6: extension headers, each with its number; its first octet is filled in. */
  extensions?: readonly (readonly [number, Uint8Array])[];
  /** IPv4: options, of a multiple of 4 octets. */
  options?: Uint8Array;
  /** IPv4: in units of 8 octets. */
  fragmentOffset?: number;
  moreFragments?: boolean;
}

const octetsOf = (address: string): Uint8Array => {
  const ip = parseIp(address);
  const view = new DataView(new ArrayBuffer(16));
  for (const [at, word] of ip.words.entries()) view.setInt32(4 * at, word);
  return new Uint8Array(view.buffer, 0, ip.family === 2 ? 4 : 16);
};

export function checksum(octets: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at] << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function ipPacket(made: Made): Uint8Array {
  const { source, destination, protocol = 59, payload = new Uint8Array(0), options = new Uint8Array(0) } = made;
  const [from, to] = [octetsOf(source), octetsOf(destination)];
  if (from.length === 4) {
    const header = Uint8Array.of(
      0x45 + options.length / 4,
      0,
      0,
      0,
      0,
      1,
      0,
      0,
      64,
      protocol,
      0,
      0,
      ...from,
      ...to,
      ...options,
    );
    const view = new DataView(header.buffer);
    view.setUint16(2, header.length + payload.length);
    view.setUint16(6, (made.fragmentOffset ?? 0) | (made.moreFragments === true ? 0x2000 : 0));
    view.setUint16(10, checksum(header));
    return Uint8Array.of(...header, ...payload);
  }
  const extensions = made.extensions ?? [];
  const chain = extensions.flatMap(([, octets], at) => [extensions[at + 1]?.[0] ?? protocol, ...octets.subarray(1)]);
  const octets = chain.length + payload.length;
  const first = extensions[0]?.[0] ?? protocol;
  return Uint8Array.of(0x60, 0, 0, 0, octets >> 8, octets & 255, first, 64, ...from, ...to, ...chain, ...payload);
}

/** The checksum over the pseudo-header and a whole TCP or UDP segment: 0 when the one inside is right. */
export function transportChecksum(source: string, destination: string, protocol: number, segment: Uint8Array): number {
  const length = [segment.length >> 8, segment.length & 255];
  return checksum(Uint8Array.of(...octetsOf(source), ...octetsOf(destination), 0, protocol, ...length, ...segment));
}

/** A TCP segment with its checksum. Options are padded with no-operations. */
export function tcpSegment(source: string, destination: string, flags: number, options: readonly number[]): Uint8Array {
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(1)];
  const offset = (5 + padded.length / 4) << 4;
  const segment = Uint8Array.of(
    0x30,
    0x39,
    0,
    80,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    offset,
    flags,
    255,
    255,
    0,
    0,
    0,
    0,
    ...padded,
  );
  new DataView(segment.buffer).setUint16(16, transportChecksum(source, destination, 6, segment));
  return segment;
}

export function udpDatagram(sourcePort: number, destinationPort: number, data = new Uint8Array(4)): Uint8Array {
  const octets = 8 + data.length;
  const [from, to] = [sourcePort, destinationPort].map((port) => [port >> 8, port & 255]);
  return Uint8Array.of(...from, ...to, octets >> 8, octets & 255, 0, 0, ...data);
}
