// Ethernet pseudowires a second on one control connection, and what each costs: two daemons of ours, each end on a TAP.
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Process } from '../test/netns/process.ts';
import { until } from '../test/netns/until.ts';
import { markdown, shown } from './figures.ts';
import { startDaemon } from './peers/prol2tp.ts';
import { cpuSeconds, residentBytes } from './proc.ts';
import { declare, dialler, resource, taker } from './traffic/overlays.ts';
import { main, type Side, type Wire, withWire } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    pseudowires: { type: 'string', default: '1000,5000' },
    runs: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '120' },
    json: { type: 'string' },
  },
});

interface End {
  readonly cpuSecondsPer1000: number;
  readonly octetsEach: number;
}

interface Measurement {
  readonly pseudowires: number;
  readonly perSecond: number;
  /** The one that declares them, and the one that takes them. */
  readonly ends: Readonly<Record<Side, End>>;
}

/** How many Ethernet pseudowires a daemon says are up. */
async function established(wire: Wire, side: Side): Promise<number> {
  const socketPath = join(wire[side].lab.directory, `${side}.sock`);
  const text = await new Promise<string>((resolve, reject) => {
    const asked = request({ socketPath, path: '/metrics' }, (response) => {
      let body = '';
      response.on('data', (part) => {
        body += part;
      });
      response.on('end', () => resolve(body));
    });
    asked.on('error', reject).end();
  }).catch(() => '');
  const samples = text.matchAll(/^prol2tp_sessions\{([^}]*)\} (\d+)$/gm);
  let sum = 0;
  for (const [, labels, value] of samples) {
    if (labels.includes('pseudowire="ethernet"') && labels.includes('state="established"')) sum += Number(value);
  }
  return sum;
}

function session(number: number): string {
  return resource('Session', `pw-${number}`, { tunnel: 'far', pseudowire: 'ethernet' });
}

async function measure(pseudowires: number): Promise<Measurement> {
  return await withWire(async (wire) => {
    const there = await declare(wire, 'lns', taker('udp', {}));
    // The first one shows that all is well, and is not counted.
    const here = await declare(wire, 'lac', [...dialler('udp'), session(0)]);
    const daemons: Record<Side, Process> = {
      lns: startDaemon(wire, 'lns', undefined, there),
      lac: startDaemon(wire, 'lac', undefined, here),
    };
    const all = async (count: number) =>
      (await established(wire, 'lac')) === count && (await established(wire, 'lns')) === count;
    await until('the first pseudowire', () => all(1), 30_000);
    const cost = ({ pid }: Process) => ({ cpu: cpuSeconds(pid), octets: residentBytes(pid) });
    const before = { lac: cost(daemons.lac), lns: cost(daemons.lns) };
    const begun = performance.now();
    const documents = Array.from({ length: pseudowires }, (_, number) => session(number + 1));
    await writeFile(join(here, 'more.yaml'), documents.join('\n---\n'));
    await until('all pseudowires', () => all(pseudowires + 1), Number(flags.timeout) * 1_000);
    const seconds = (performance.now() - begun) / 1_000;
    const end = (side: Side): End => {
      const now = cost(daemons[side]);
      return {
        cpuSecondsPer1000: ((now.cpu - before[side].cpu) / pseudowires) * 1_000,
        octetsEach: (now.octets - before[side].octets) / pseudowires,
      };
    };
    const measurement = { pseudowires, perSecond: pseudowires / seconds, ends: { lac: end('lac'), lns: end('lns') } };
    console.error(`${pseudowires}: ${measurement.perSecond.toFixed(0)} a second`);
    return measurement;
  });
}

function report(all: Measurement[]): void {
  const header = ['pseudowires', 'set-ups/s', 'CPU s/1000 declaring', 'taking', 'kB each declaring', 'taking'];
  const rows = [...new Set(all.map((m) => m.pseudowires))].map((count) => {
    const of = (pick: (m: Measurement) => number, digits: number) =>
      shown(all.filter((m) => m.pseudowires === count).map(pick), digits);
    return [
      String(count),
      of((m) => m.perSecond, 0),
      of((m) => m.ends.lac.cpuSecondsPer1000, 2),
      of((m) => m.ends.lns.cpuSecondsPer1000, 2),
      of((m) => m.ends.lac.octetsEach / 1_000, 1),
      of((m) => m.ends.lns.octetsEach / 1_000, 1),
    ];
  });
  console.log(`\n${markdown(header, rows)}\n`);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

async function compare(): Promise<void> {
  const all: Measurement[] = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const count of flags.pseudowires.split(',')) all.push(await measure(Number(count)));
  }
  report(all);
}

await main(compare);
