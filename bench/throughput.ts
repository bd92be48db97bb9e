// One call's throughput through userspace planes, beside the bare wire, in one run.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { markdown, shown } from './figures.ts';
import { cpuSeconds } from './proc.ts';
import { buildTools } from './tools.ts';
import { type Arrived, send, streams } from './traffic/iperf.ts';
import { type PathKind, paths } from './traffic/paths.ts';
import { main, withWire } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

interface Measurement extends Arrived {
  readonly path: string;
  readonly stream: string;
  /** The LNS's processor time for each packet that arrived, where packets are counted. */
  readonly cpuMicrosPerPacket: number | undefined;
}

async function measure(kind: PathKind): Promise<Measurement[]> {
  return await withWire(async (wire) => {
    const path = await kind.open(wire);
    const cpu = () => (path.lnsPid === undefined ? 0 : cpuSeconds(path.lnsPid));
    const all: Measurement[] = [];
    for (const stream of streams) {
      const before = cpu();
      const arrived = await send(wire, path, stream, Number(flags.seconds));
      const counted = path.lnsPid !== undefined && arrived.packets > 0;
      const cpuMicrosPerPacket = counted ? ((cpu() - before) / arrived.packets) * 1e6 : undefined;
      all.push({ path: kind.name, stream: stream.name, ...arrived, cpuMicrosPerPacket });
      console.error(`${kind.name}, ${stream.name}: ${arrived.megabitsPerSecond.toFixed(0)} Mbit/s`);
    }
    return all;
  });
}

function cell(figures: Measurement[]): string {
  if (figures.length === 0) return '';
  if (figures[0].packets === 0)
    return shown(
      figures.map((m) => m.megabitsPerSecond),
      0,
    );
  const rate = shown(
    figures.map((m) => m.packetsPerSecond / 1_000),
    1,
  );
  const costs = figures.flatMap((m) => m.cpuMicrosPerPacket ?? []);
  return costs.length === 0 ? rate : `${rate}; ${shown(costs, 1)} us`;
}

function report(all: Measurement[]): void {
  const header = [
    'LAC - LNS',
    ...streams.map(({ name }) => (name.startsWith('TCP') ? `${name} Mbit/s` : `${name} kpps`)),
  ];
  const names = [...new Set(all.map((m) => m.path))];
  const rows = names.map((path) => [
    path,
    ...streams.map(({ name }) => cell(all.filter((m) => m.path === path && m.stream === name))),
  ]);
  console.log(
    `\n${markdown(header, rows)}\n\nAfter a packet rate: the LNS's processor time for each packet that arrived.`,
  );
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

async function compare(): Promise<void> {
  const only = flags.only;
  const chosen = paths.filter(({ name }) => only === undefined || name.includes(only));
  if (chosen.length === 0) throw new Error(`--only: part of one of ${paths.map(({ name }) => name).join(', ')}`);
  await buildTools();
  const all: Measurement[] = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const kind of chosen) all.push(...(await measure(kind)));
  }
  report(all);
}

await main(compare);
