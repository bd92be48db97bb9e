/** Writes datagrams as a capture file: Ethernet, IPv4, UDP from 1701 to 1701. */
export function pcapOf(datagrams: readonly Uint8Array[]): Uint8Array {
  return captureOf(1, datagrams.map(ethernet));
}

/** A capture file (classic pcap, microseconds) of frames of one link type, by libpcap's numbers. */
export function captureOf(linkType: number, frames: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32BE(0xa1b2c3d4, 0);
  header.writeUInt16BE(2, 4);
  header.writeUInt16BE(4, 6);
  header.writeUInt32BE(0xffff, 16);
  header.writeUInt32BE(linkType, 20);
  return Buffer.concat([header, ...frames.flatMap(record)]);
}

function record(frame: Uint8Array, index: number): Uint8Array[] {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(index, 0);
  header.writeUInt32BE(frame.length, 8);
  header.writeUInt32BE(frame.length, 12);
  return [header, frame];
}

function ethernet(payload: Uint8Array): Uint8Array {
  const mac = Buffer.from('0200000000010200000000020800', 'hex');
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(28 + payload.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(17, 9);
  ip.set([192, 0, 2, 1, 192, 0, 2, 2], 12);
  ip.writeUInt16BE(checksum(ip), 10);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(1701, 0);
  udp.writeUInt16BE(1701, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([mac, ip, udp, payload]);
}

function checksum(words: Buffer): number {
  let sum = 0;
  for (let at = 0; at < words.length; at += 2) sum += words.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
