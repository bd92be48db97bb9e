/** Tunnel 7 with session 9, as both planes of a pair know it, and what the client and the server attach. */
import { type DataFormat, type IpAttachment, type SocketId, sessionKeyV2 } from '../../src/engine/ports.ts';
import { type DataSequencing, parseIpv4 } from '../../src/engine/spec.ts';
import type { L2tpSessionFacts } from '../../src/kernel/sessions.ts';
import type { PlaneProcess } from './lab.ts';

export const session = sessionKeyV2(7, 9);

/** Of an L2TPv2 session as a test has it that wants nothing special. */
export const pppFacts: L2tpSessionFacts = {
  remoteId: 9,
  pseudowire: 'ppp',
  sequencing: 'none',
  follows: false,
  reorderTimeoutMs: 0,
  dscp: 0,
};

/** Of an L2TPv3 session that has nothing in its data messages but its id. */
export const formatV3: DataFormat = {
  localSessionId: 0x8000_0009,
  localCookie: new Uint8Array(),
  remoteCookie: new Uint8Array(),
  rxSublayer: 'none',
  txSublayer: 'none',
  checksSequence: false,
};

export function ipv4(text: string): number {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no IPv4 address`);
  return address;
}

/** Answers the socket. */
export async function sessionUp(
  plane: PlaneProcess,
  local: string,
  remote: string,
  more: { sequencing?: DataSequencing; followSequencing?: boolean; reorderTimeoutMs?: number; dscp?: number } = {},
): Promise<SocketId> {
  const socket = await plane.open(local, 1701);
  const ids = { localTunnelId: 7, remoteTunnelId: 7, version: 2, encapsulation: 'udp' } as const;
  await plane.apply({ op: 'tunnelUp', ...ids, socket, remote: { address: remote, port: 1701 }, from: undefined });
  await plane.apply({
    op: 'sessionUp',
    reorderTimeoutMs: more.reorderTimeoutMs ?? 0,
    dscp: more.dscp ?? 0,
    session,
    localTunnelId: 7,
    remoteSessionId: 9,
    pseudowire: 'ppp',
    sequencing: more.sequencing ?? 'none',
    followSequencing: more.followSequencing,
  });
  return socket;
}

export const clientSide: IpAttachment = {
  interface: { kind: 'own' },
  owner: 'Session/office',
  mtu: 1400,
  mssClamp: false,
  ipv4: { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: false, proxyArp: false },
  ipv6: { localInterfaceId: 2n, remoteInterfaceId: 1n, prefixes: [], router: false },
  routes: [],
};

export const serverSide: IpAttachment = {
  interface: { kind: 'shared', name: 'subs' },
  owner: 'Gateway',
  mtu: 1400,
  mssClamp: false,
  ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('10.9.0.2'), defaultRoute: false, proxyArp: false },
  ipv6: { localInterfaceId: 1n, remoteInterfaceId: 2n, prefixes: [], router: false },
  routes: [],
};

export const subs = { name: 'subs', mtu: 1400, addresses: ['10.9.0.1'], routes: ['10.9.0.0/16'] };

/** A data message for the session: header, PPP protocol, packet. */
export function dataMessage(protocol: number, packet: Uint8Array, ns?: number): Uint8Array {
  const header = ns === undefined ? [0, 2, 0, 7, 0, 9] : [8, 2, 0, 7, 0, 9, ns >> 8, ns & 255, 0, 0];
  return Uint8Array.of(...header, 0xff, 0x03, protocol >> 8, protocol & 255, ...packet);
}

/** The beginning of an IPv4 packet is enough: version, addresses. */
export function ipv4Packet(source: string, destination: string): Uint8Array {
  const packet = new Uint8Array(28);
  packet[0] = 0x45;
  packet[3] = packet.length;
  packet[8] = 64;
  packet[9] = 253;
  const view = new DataView(packet.buffer);
  view.setUint32(12, ipv4(source));
  view.setUint32(16, ipv4(destination));
  return packet;
}

/** An ICMP echo request that a host answers. */
export function icmpEcho(source: string, destination: string): Uint8Array {
  const packet = ipv4Packet(source, destination);
  packet[9] = 1;
  packet.set([8, 0, 0, 0, 0, 1, 0, 1], 20);
  writeChecksum(packet, 10, 0, 20);
  writeChecksum(packet, 22, 20, 28);
  return packet;
}

/** A UDP packet that a host takes, to port 4000. */
export function udpPacket(source: string, destination: string, data: Uint8Array): Uint8Array {
  const packet = Uint8Array.of(...ipv4Packet(source, destination), ...data);
  packet[3] = packet.length;
  packet[9] = 17;
  // Without a checksum of its own (RFC 768).
  packet.set([4000 >> 8, 4000 & 255, 4000 >> 8, 4000 & 255, 0, 8 + data.length, 0, 0], 20);
  writeChecksum(packet, 10, 0, 20);
  return packet;
}

/** The Internet checksum (RFC 1071) of an even number of octets, of which it must be 0 itself. */
function writeChecksum(octets: Uint8Array, at: number, start: number, end: number): void {
  const view = new DataView(octets.buffer);
  let sum = 0;
  for (let word = start; word < end; word += 2) sum += view.getUint16(word);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  view.setUint16(at, ~sum & 0xffff);
}
