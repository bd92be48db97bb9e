import type { Wire } from '../wire.ts';
import type { Path } from './paths.ts';

/** One stream of iperf3. `up` goes from the LAC's host to the LNS's. */
export interface Stream {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly direction: 'up' | 'down';
  /** Octets of UDP payload in a datagram. */
  readonly payload?: number;
}

export interface Arrived {
  readonly megabitsPerSecond: number;
  /** UDP only. */
  readonly packets: number;
  readonly packetsPerSecond: number;
}

export const streams: readonly Stream[] = [
  { name: 'TCP up', protocol: 'tcp', direction: 'up' },
  { name: 'TCP down', protocol: 'tcp', direction: 'down' },
  { name: 'UDP 64 up', protocol: 'udp', direction: 'up', payload: 64 },
  { name: 'UDP 64 down', protocol: 'udp', direction: 'down', payload: 64 },
  { name: 'UDP 1400 up', protocol: 'udp', direction: 'up', payload: 1400 },
  { name: 'UDP 1400 down', protocol: 'udp', direction: 'down', payload: 1400 },
];

/** Sends one stream as fast as it goes and gives what arrived. */
export async function send(wire: Wire, path: Path, stream: Stream, seconds: number): Promise<Arrived> {
  const server = wire.lns.spawn('iperf3', ['--server', '--one-off', '--forceflush']);
  await server.says(/listening/i);
  const flags = ['--client', path.far, '--bind', path.near, '--time', String(seconds), '--json'];
  if (stream.direction === 'down') flags.push('--reverse');
  if (stream.protocol === 'udp') flags.push('--udp', '--bandwidth', '0', '--length', String(stream.payload));
  const { end } = JSON.parse(await wire.lac.run('iperf3', ...flags));
  await server.stop();
  if (stream.protocol === 'tcp') {
    return { megabitsPerSecond: end.sum_received.bits_per_second / 1e6, packets: 0, packetsPerSecond: 0 };
  }
  const { packets, lost_packets: lost, seconds: took } = end.sum_received ?? end.sum;
  const arrived = packets - lost;
  const bits = arrived * (stream.payload ?? 0) * 8;
  return { megabitsPerSecond: bits / took / 1e6, packets: arrived, packetsPerSecond: arrived / took };
}
