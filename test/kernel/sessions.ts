/** Tunnel 7 with session 9, as both planes of a pair know it, and what the client and the server attach. */
import { type IpAttachment, type SocketId, sessionKeyV2 } from '../../src/engine/ports.ts';
import { parseIpv4 } from '../../src/engine/spec.ts';
import type { PlaneProcess } from './lab.ts';

export const session = sessionKeyV2(7, 9);

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
  more: { sequencing?: boolean; followSequencing?: boolean; dscp?: number } = {},
): Promise<SocketId> {
  const socket = await plane.open(local, 1701);
  const ids = { localTunnelId: 7, remoteTunnelId: 7, version: 2 } as const;
  await plane.apply({ op: 'tunnelUp', ...ids, socket, remote: { address: remote, port: 1701 }, from: undefined });
  await plane.apply({
    op: 'sessionUp',
    reorderTimeoutMs: 0,
    dscp: more.dscp ?? 0,
    session,
    localTunnelId: 7,
    remoteSessionId: 9,
    pseudowire: 'ppp',
    sequencing: more.sequencing ?? false,
    followSequencing: more.followSequencing,
  });
  return socket;
}

export const clientSide: IpAttachment = {
  interface: { kind: 'own' },
  owner: 'Session/office',
  mtu: 1400,
  ipv4: { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: false },
  ipv6: { localInterfaceId: 2n, remoteInterfaceId: 1n },
};

export const serverSide: IpAttachment = {
  interface: { kind: 'shared', name: 'subs' },
  owner: 'Gateway',
  mtu: 1400,
  ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('10.9.0.2'), defaultRoute: false },
  ipv6: { localInterfaceId: 1n, remoteInterfaceId: 2n },
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
