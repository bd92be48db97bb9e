// Throughput of one call, and of one Ethernet pseudowire, through userspace planes, beside the bare wire and vxlan, in one run.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { markdown, shown } from './figures.ts';
import { cpuSeconds } from './proc.ts';
import { buildTools } from './tools.ts';
import { type Stream, streams, tcp, udp } from './traffic/iperf.ts';
import { type Path, type PathKind, paths } from './traffic/paths.ts';
import { main, type Wire, withWire } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '5' },
    'udp-seconds': { type: 'string', default: '2' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

interface Measurement {
  readonly path: string;
  readonly stream: string;
  /** Of TCP. */
  readonly megabitsPerSecond?: number;
  /** Of UDP: the highest rate tried at which no more than `lossLimit` was lost. */
  readonly packetsPerSecond?: number;
  /** The LNS's processor time for each packet at that rate. */
  readonly cpuMicrosPerPacket?: number;
}

const lossLimit = 0.01;
const firstRate = 10_000;
const rateStep = 1.4;
/** A busy machine loses packets now and then: a rate has failed when it failed that often. */
const attempts = 2;

async function measureTcp(wire: Wire, path: Path, stream: Stream): Promise<Partial<Measurement>> {
  return { megabitsPerSecond: await tcp(wire, path, stream, Number(flags.seconds)) };
}

/** Raises the rate until packets get lost. */
async function measureUdp(wire: Wire, path: Path, stream: Stream): Promise<Partial<Measurement>> {
  const cpu = () => (path.lnsPid === undefined ? 0 : cpuSeconds(path.lnsPid));
  let best: Partial<Measurement> = { packetsPerSecond: 0 };
  let failures = 0;
  for (let rate = firstRate; failures < attempts; ) {
    const before = cpu();
    const { packets, packetsPerSecond, lost } = await udp(wire, path, stream, Number(flags['udp-seconds']), rate);
    // The sender may not reach the rate: then this is all that can be measured.
    const senderLimited = packetsPerSecond < 0.9 * rate;
    if (lost > lossLimit) {
      failures++;
      continue;
    }
    const cpuMicrosPerPacket = path.lnsPid === undefined ? undefined : ((cpu() - before) / packets) * 1e6;
    if (packetsPerSecond > (best.packetsPerSecond ?? 0)) best = { packetsPerSecond, cpuMicrosPerPacket };
    if (senderLimited) break;
    failures = 0;
    rate *= rateStep;
  }
  return best;
}

async function measure(kind: PathKind): Promise<Measurement[]> {
  return await withWire(async (wire) => {
    const path = await kind.open(wire);
    const all: Measurement[] = [];
    for (const stream of streams) {
      const measureStream = stream.payload === undefined ? measureTcp : measureUdp;
      const measurement = { path: kind.name, stream: stream.name, ...(await measureStream(wire, path, stream)) };
      all.push(measurement);
      console.error(`${kind.name}, ${stream.name}: ${cell([measurement])}`);
    }
    return all;
  });
}

function cell(figures: Measurement[]): string {
  const present = (pick: (m: Measurement) => number | undefined) => figures.flatMap((m) => pick(m) ?? []);
  const megabits = present((m) => m.megabitsPerSecond);
  if (megabits.length > 0) return shown(megabits, 0);
  const rate = shown(
    present((m) => m.packetsPerSecond).map((packets) => packets / 1_000),
    1,
  );
  const costs = present((m) => m.cpuMicrosPerPacket);
  return costs.length === 0 ? rate : `${rate}; ${shown(costs, 1)} us`;
}

function report(all: Measurement[]): void {
  const unit = (name: string) => (name.startsWith('TCP') ? `${name} Mbit/s` : `${name} kpps`);
  const header = ['LAC - LNS', ...streams.map(({ name }) => unit(name))];
  const names = [...new Set(all.map((m) => m.path))];
  const rows = names.map((path) => [
    path,
    ...streams.map(({ name }) => cell(all.filter((m) => m.path === path && m.stream === name))),
  ]);
  console.log(`\n${markdown(header, rows)}\n`);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

async function compare(): Promise<void> {
  const only = flags.only?.split(',');
  const chosen = paths.filter(({ name }) => only === undefined || only.some((part) => name.includes(part)));
  if (chosen.length === 0) throw new Error(`--only: parts of ${paths.map(({ name }) => name).join(', ')}`);
  await buildTools();
  const all: Measurement[] = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const kind of chosen) all.push(...(await measure(kind)));
  }
  report(all);
}

await main(compare);
