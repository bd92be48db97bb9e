/** How large the Ethernet payloads may be that a session carries in one IP packet each (RFC 4719 3.3). */
import { headerOctets } from './data-header.ts';
import { frameHeaderOctets, tagOctets } from './ethernet-frame.ts';
import type { L2tpSession, PlaneTunnel } from './sessions.ts';
import type { SocketTransport } from './sockets.ts';

const ipv4HeaderOctets = 20;
const ipv6HeaderOctets = 40;
const udpHeaderOctets = 8;
/** Where there is no path, which there soon may be: Ethernet's own. */
const usualMtu = 1500;
/** The greatest that may be asked for: a longer frame is not taken (maxDatagramOctets), though paths may take it. */
const maxMtu = 16_384;
/** The least that a device takes (RFC 791). */
const leastMtu = 68;

/**
 * The MTU of the path to a tunnel's peer, in octets of IP packets. Changes are told from then on.
 * @throws PlaneError EBADF when the tunnel is down
 */
export function pathMtuOf(transport: SocketTransport, { socket, remote, from }: PlaneTunnel): number {
  return transport.pathMtu(socket, remote, from) ?? usualMtu;
}

/** What a device of the session may have as its MTU, so that no IP packet is longer than the path takes. */
export function deviceMtuFor(session: L2tpSession, pathMtu: number): number {
  const { tunnel, pseudowire } = session;
  const ip = tunnel.remote.ipv4 === undefined ? ipv6HeaderOctets : ipv4HeaderOctets;
  const udp = tunnel.encapsulation === 'udp' ? udpHeaderOctets : 0;
  const frame = frameHeaderOctets + (pseudowire === 'vlan' ? tagOctets : 0);
  const mtu = pathMtu - ip - udp - headerOctets(session, false) - frame;
  return Math.max(Math.min(mtu, maxMtu), leastMtu);
}
