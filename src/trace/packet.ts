/** Control datagrams as IP packets, made up around what we sent and received: captures want whole packets. */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { TracedPacket } from '../engine/trace.ts';

const udpProtocol = 17;
const l2tpProtocol = 115;
const hopLimit = 64;
const udpHeaderOctets = 8;
/** RFC 768: a checksum of zero is sent as all ones. */
const noChecksum = 0xffff;
/** RFC 3931 4.1.1.2: directly over IP a control message has the session id 0 in front of it. */
const noSession = Buffer.alloc(4);

/** An IPv4 or IPv6 packet (RFC 791, RFC 8200) with a UDP datagram in it (RFC 768), or with L2TP itself. */
export function ipPacket({ direction, local, remote, bytes, start, end }: TracedPacket): Buffer {
  const [from, to] = direction === 'sent' ? [local, remote] : [remote, local];
  const as = isIPv6(from.address) || isIPv6(to.address) ? 'ipv6' : 'ipv4';
  const addresses = Buffer.concat([octetsOf(from.address, as), octetsOf(to.address, as)]);
  const message = bytes.subarray(start, end);
  const direct = remote.port === 0;
  const payload = direct ? Buffer.concat([noSession, message]) : udp(from.port, to.port, message, addresses);
  const header = as === 'ipv4' ? ipv4Header : ipv6Header;
  return Buffer.concat([header(addresses, direct ? l2tpProtocol : udpProtocol, payload.length), payload]);
}

function ipv4Header(addresses: Buffer, protocol: number, octets: number): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + octets, 2);
  header.writeUInt8(hopLimit, 8);
  header.writeUInt8(protocol, 9);
  header.set(addresses, 12);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6Header(addresses: Buffer, protocol: number, octets: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(octets, 4);
  header.writeUInt8(protocol, 6);
  header.writeUInt8(hopLimit, 7);
  header.set(addresses, 8);
  return header;
}

function udp(from: number, to: number, payload: Uint8Array, addresses: Buffer): Buffer {
  const datagram = Buffer.alloc(udpHeaderOctets + payload.length);
  datagram.writeUInt16BE(from, 0);
  datagram.writeUInt16BE(to, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(payload, udpHeaderOctets);
  // The pseudo-header of IPv6 (RFC 8200 8.1) is longer only by zeros.
  const pseudo = Buffer.from([0, udpProtocol, datagram.length >> 8, datagram.length & 0xff]);
  datagram.writeUInt16BE(checksum(Buffer.concat([addresses, pseudo, datagram])) || noChecksum, 6);
  return datagram;
}

function octetsOf(address: string, as: 'ipv4' | 'ipv6'): Buffer {
  const [bare] = address.split('%');
  const parsed = ipaddr.process(bare);
  const whole = as === 'ipv6' && parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed;
  return Buffer.from(whole.toByteArray());
}

/** RFC 1071. */
function checksum(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < octets.length; at += 2) sum += octets.readUInt16BE(at);
  if (octets.length % 2 === 1) sum += octets[octets.length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
