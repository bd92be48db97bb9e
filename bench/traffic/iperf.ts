import type { Wire } from '../wire.ts';
import type { Path } from './paths.ts';

/** One kind of stream through a path. `up` goes from the LAC's host to the LNS's. */
export interface Stream {
  readonly name: string;
  readonly direction: 'up' | 'down';
  /** Octets of payload in a UDP datagram; absent: TCP. */
  readonly payload?: number;
}

export const streams: readonly Stream[] = [
  { name: 'TCP up', direction: 'up' },
  { name: 'TCP down', direction: 'down' },
  { name: 'UDP 64 up', direction: 'up', payload: 64 },
  { name: 'UDP 64 down', direction: 'down', payload: 64 },
  { name: 'UDP 1400 up', direction: 'up', payload: 1400 },
  { name: 'UDP 1400 down', direction: 'down', payload: 1400 },
];

export interface UdpResult {
  readonly packets: number;
  readonly packetsPerSecond: number;
  /** Of what was sent, 0 to 1. */
  readonly lost: number;
}

/** What one TCP stream carries, in megabits per second. */
export async function tcp(wire: Wire, path: Path, stream: Stream, seconds: number): Promise<number> {
  const { sum_received: received } = await iperf3(wire, path, stream, seconds);
  if (received === undefined) throw new Error('iperf3 reports nothing received');
  return received.bits_per_second / 1e6;
}

/** Sends datagrams at a steady rate and tells what arrived. */
export async function udp(
  wire: Wire,
  path: Path,
  stream: Stream,
  seconds: number,
  packetsPerSecond: number,
): Promise<UdpResult> {
  const payload = stream.payload ?? 0;
  const flags = ['--udp', '--length', String(payload), '--bandwidth', String(packetsPerSecond * payload * 8)];
  const end = await iperf3(wire, path, stream, seconds, ...flags);
  const { packets: sent, lost_packets: lost, seconds: took } = end.sum_received ?? end.sum;
  if (sent === 0) return { packets: 0, packetsPerSecond: 0, lost: 1 };
  return { packets: sent - lost, packetsPerSecond: (sent - lost) / took, lost: lost / sent };
}

/** The part of iperf3's report that is read here; `sum_received` appears with newer versions for UDP too. */
interface Report {
  readonly sum: UdpSum;
  readonly sum_received?: UdpSum & { readonly bits_per_second: number };
}

interface UdpSum {
  readonly packets: number;
  readonly lost_packets: number;
  readonly seconds: number;
}

async function iperf3(wire: Wire, path: Path, stream: Stream, seconds: number, ...more: string[]): Promise<Report> {
  const server = wire.lns.spawn('iperf3', ['--server', '--one-off', '--forceflush']);
  await server.says(/listening/i);
  const flags = ['--client', path.far, '--bind', path.near, '--time', String(seconds), '--json', ...more];
  if (stream.direction === 'down') flags.push('--reverse');
  // A warning about long datagrams may stand before the report.
  const text = await wire.lac.run('iperf3', ...flags);
  const { end } = JSON.parse(text.slice(text.indexOf('{')));
  await server.stop();
  return end;
}
