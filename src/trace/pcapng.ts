/**
 * Captures in the pcapng format (draft-ietf-opsawg-pcapng): one interface of raw IP packets, each control datagram with
 * a comment that shows its message. Little-endian; times in microseconds.
 */

const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const interfaceStatistics = 5;
const enhancedPacket = 6;
const byteOrderMagic = 0x1a2b3c4d;
/** LINKTYPE_RAW: the version of IP tells which one it is. */
const rawIp = 101;

const endOfOptions = 0;
const comment = 1;
const userApplication = 4;
const interfaceName = 2;
const packetFlags = 2;
const received = 4;
const dropped = 5;
const inbound = 1;
const outbound = 2;

/** A comment's length stands in 16 bits. */
const maxCommentOctets = 0xffff;

type CaptureOption = [code: number, value: Uint8Array];

/** What a capture begins with. */
export function captureHeader(application: string): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(byteOrderMagic, 0);
  section.writeUInt16LE(1, 4);
  // The section's length is not known.
  section.writeBigInt64LE(-1n, 8);
  const description = Buffer.alloc(8);
  description.writeUInt16LE(rawIp, 0);
  return Buffer.concat([
    block(sectionHeader, section, [[userApplication, Buffer.from(application)]]),
    block(interfaceDescription, description, [[interfaceName, Buffer.from('control')]]),
  ]);
}

export function capturedPacket(packet: Uint8Array, direction: 'sent' | 'received', atMs: number, text: string): Buffer {
  const head = Buffer.alloc(20);
  writeTime(head, 4, atMs);
  head.writeUInt32LE(packet.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(direction === 'sent' ? outbound : inbound, 0);
  return block(enhancedPacket, Buffer.concat([head, padded(packet)]), [
    [comment, cut(text)],
    [packetFlags, flags],
  ]);
}

/** How many packets there were so far, and how many of them are missing from the capture. */
export function captureStatistics(atMs: number, packets: number, missing: number): Buffer {
  const head = Buffer.alloc(12);
  writeTime(head, 4, atMs);
  return block(interfaceStatistics, head, [
    [received, u64(packets)],
    [dropped, u64(missing)],
  ]);
}

function block(type: number, body: Uint8Array, options: readonly CaptureOption[]): Buffer {
  const parts = [body, ...options.map(option), option([endOfOptions, Buffer.alloc(0)])];
  const octets = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(octets, 4);
  return Buffer.concat([head, ...parts, head.subarray(4)]);
}

function option([code, value]: CaptureOption): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, padded(value)]);
}

/** Everything begins at a multiple of 4 octets. */
function padded(octets: Uint8Array): Buffer {
  return Buffer.concat([octets, Buffer.alloc(-octets.length & 3)]);
}

/** Cuts between characters, not within one. */
function cut(text: string): Buffer {
  const octets = Buffer.from(text);
  if (octets.length <= maxCommentOctets) return octets;
  let end = maxCommentOctets;
  while ((octets[end] & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

function writeTime(into: Buffer, at: number, atMs: number): void {
  const us = BigInt(Math.round(atMs * 1_000));
  into.writeUInt32LE(Number(us >> 32n), at);
  into.writeUInt32LE(Number(us & 0xffff_ffffn), at + 4);
}

function u64(value: number): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64LE(BigInt(value));
  return octets;
}
