/** The sockets from which servers are asked. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { formatIpv6, parseIpv6 } from '../../engine/spec.ts';

/** For answers that come while the daemon is at something else. What the system allows, if that is less. */
const receiveBufferOctets = 1 << 20;

/** A source port of ours towards one server. */
export interface Channel {
  /** The octets must not change afterwards. */
  send(packet: Uint8Array): void;
  close(): void;
}

export interface ChannelEvents {
  /** From that server's address and port. The octets are the receiver's. */
  received(packet: Uint8Array): void;
  /** From elsewhere. */
  strange(from: string): void;
  /** The system says, in words, why packets do not get there. */
  failed(message: string): void;
}

export type OpenChannel = (server: { address: string; port: number }, events: ChannelEvents) => Channel;

/** Not connected to the server, so that a change of our own addresses does not matter. */
export const openUdpChannel: OpenChannel = ({ address, port }, events) => {
  const ipv6 = isIPv6(address);
  const wanted = canonical(address);
  const socket = createSocket({
    type: ipv6 ? 'udp6' : 'udp4',
    recvBufferSize: receiveBufferOctets,
    // It is an address already, the server's or ours to bind to: without this Node would ask its resolver for each packet.
    lookup: (name, _options, callback) => callback(null, name, ipv6 ? 6 : 4),
  });
  const sent = (error: Error | null) => {
    if (error) events.failed(error.message);
  };
  socket.on('message', (packet, from) => {
    if (from.port === port && from.address === wanted) events.received(packet);
    else events.strange(from.address);
  });
  socket.on('error', (error) => events.failed(error.message));
  return {
    send: (packet) => socket.send(packet, port, address, sent),
    close: () => void socket.close(),
  };
};

/** An address as received datagrams have it, however it was declared. */
export function canonical(address: string): string {
  const ipv6 = parseIpv6(address);
  return ipv6 === undefined ? address : formatIpv6(ipv6);
}
