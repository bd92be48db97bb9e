/** Control datagrams as IP packets, made up around what we sent and received: captures want whole packets. */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Endpoint } from '../engine/spec.ts';
import type { TracedPacket } from '../engine/trace.ts';

const udpProtocol = 17;
const hopLimit = 64;
const udpHeaderOctets = 8;
/** RFC 768: a checksum of zero is sent as all ones. */
const noChecksum = 0xffff;

/** An IPv4 or IPv6 packet (RFC 791, RFC 8200) with a UDP datagram in it (RFC 768). */
export function ipPacket({ direction, local, remote, bytes, start, end }: TracedPacket): Buffer {
  const [from, to] = direction === 'sent' ? [local, remote] : [remote, local];
  const payload = bytes.subarray(start, end);
  return isIPv6(from.address) || isIPv6(to.address) ? ipv6(from, to, payload) : ipv4(from, to, payload);
}

function ipv4(from: Endpoint, to: Endpoint, payload: Uint8Array): Buffer {
  const source = octetsOf(from.address);
  const destination = octetsOf(to.address);
  const octets = udpHeaderOctets + payload.length;
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + octets, 2);
  header.writeUInt8(hopLimit, 8);
  header.writeUInt8(udpProtocol, 9);
  header.set(source, 12);
  header.set(destination, 16);
  header.writeUInt16BE(checksum(header), 10);
  const pseudo = Buffer.concat([source, destination, Buffer.from([0, udpProtocol, octets >> 8, octets & 0xff])]);
  return Buffer.concat([header, udp(from.port, to.port, payload, pseudo)]);
}

function ipv6(from: Endpoint, to: Endpoint, payload: Uint8Array): Buffer {
  const source = octetsOf(from.address, 'ipv6');
  const destination = octetsOf(to.address, 'ipv6');
  const octets = udpHeaderOctets + payload.length;
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(octets, 4);
  header.writeUInt8(udpProtocol, 6);
  header.writeUInt8(hopLimit, 7);
  header.set(source, 8);
  header.set(destination, 24);
  // RFC 8200 8.1.
  const pseudo = Buffer.concat([source, destination, Buffer.alloc(8)]);
  pseudo.writeUInt32BE(octets, 32);
  pseudo.writeUInt8(udpProtocol, 39);
  return Buffer.concat([header, udp(from.port, to.port, payload, pseudo)]);
}

function udp(from: number, to: number, payload: Uint8Array, pseudoHeader: Buffer): Buffer {
  const datagram = Buffer.alloc(udpHeaderOctets + payload.length);
  datagram.writeUInt16BE(from, 0);
  datagram.writeUInt16BE(to, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(payload, udpHeaderOctets);
  datagram.writeUInt16BE(checksum(Buffer.concat([pseudoHeader, datagram])) || noChecksum, 6);
  return datagram;
}

function octetsOf(address: string, as: 'ipv4' | 'ipv6' = 'ipv4'): Buffer {
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
