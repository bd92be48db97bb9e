/** How large the Ethernet payloads may be that a session carries in one IP packet each (RFC 4719 3.3). */
import { frameHeaderOctets, tagOctets } from './ethernet-frame.ts';
import type { L2tpSession, PlaneTunnel } from './sessions.ts';
import type { SocketTransport } from './sockets.ts';

const ipv4HeaderOctets = 20;
const ipv6HeaderOctets = 40;
const udpHeaderOctets = 8;
const sessionIdOctets = 4;
/** Over UDP: flags, version and what is reserved (RFC 3931 4.1.2.1). */
const flagsOctets = 4;
const sublayerOctets = 4;
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
export function deviceMtuFor({ tunnel, format, pseudowire }: L2tpSession, pathMtu: number): number {
  const ip = tunnel.remote.ipv4 === undefined ? ipv6HeaderOctets : ipv4HeaderOctets;
  const header = sessionIdOctets + (tunnel.encapsulation === 'udp' ? udpHeaderOctets + flagsOctets : 0);
  const cookie = format?.remoteCookie.length ?? 0;
  const sublayer = format === undefined || format.txSublayer === 'none' ? 0 : sublayerOctets;
  const frame = frameHeaderOctets + (pseudowire === 'vlan' ? tagOctets : 0);
  const mtu = pathMtu - ip - header - cookie - sublayer - frame;
  return Math.max(Math.min(mtu, maxMtu), leastMtu);
}
