// Calls a second, time of a call, processor time and memory of an LNS: l2tpns and prol2tpd side by side, one load.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { header, type Measurement, measure, row } from './calls.ts';
import { markdown, spread } from './figures.ts';
import type { Load } from './load/load.ts';
import { l2tpns } from './peers/l2tpns.ts';
import type { Lns } from './peers/lns.ts';
import { prol2tp } from './peers/prol2tp.ts';
import { buildTools } from './tools.ts';
import { main, withWire } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000,10000' },
    runs: { type: 'string', default: '3' },
    window: { type: 'string', default: '64' },
    'warm-up': { type: 'string', default: '0' },
    hold: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '120' },
    only: { type: 'string' },
    control: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

const sessionsPerTunnel = 1_000;
const leastTunnels = 10;

function loadOf(lns: Lns, calls: number): Load {
  const tunnels = Math.max(leastTunnels, Math.ceil(calls / sessionsPerTunnel));
  return {
    tunnels,
    sessions: Math.ceil(calls / tunnels),
    window: Number(flags.window),
    ppp: flags.control ? undefined : lns.ppp,
    timeoutSeconds: Number(flags.timeout),
  };
}

function ratios(all: Measurement[], calls: number): string | undefined {
  const median = (lns: string, pick: (m: Measurement) => number) =>
    spread(all.filter((m) => m.lns === lns && m.calls === calls).map(pick)).median;
  if (new Set(all.map((m) => m.lns)).size < 2) return undefined;
  const ratio = (pick: (m: Measurement) => number) => (median('prol2tp', pick) / median('l2tpns', pick)).toFixed(2);
  const [rate, p99, cpu] = [ratio((m) => m.callsPerSecond), ratio((m) => m.p99Ms), ratio((m) => m.cpuPerThousand)];
  return `${calls} calls, prol2tp / l2tpns: calls/s ${rate}, p99 ${p99}, CPU ${cpu}`;
}

function report(all: Measurement[]): void {
  const counts = [...new Set(all.map((m) => m.calls))];
  const names = [...new Set(all.map((m) => m.lns))].sort();
  const groups = counts.flatMap((calls) => names.map((lns) => all.filter((m) => m.calls === calls && m.lns === lns)));
  console.log(`\n${markdown(header, groups.map(row))}\n`);
  for (const calls of counts) {
    const line = ratios(all, calls);
    if (line !== undefined) console.log(line);
  }
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

async function compare(): Promise<void> {
  const known = [l2tpns, prol2tp(flags.profile ? 'lns' : undefined)];
  const contestants = known.filter((lns) => flags.only === undefined || lns.name === flags.only);
  if (contestants.length === 0) throw new Error(`--only ${flags.only}: l2tpns or prol2tp`);
  await buildTools();
  const holdSeconds = Number(flags.hold);
  const all: Measurement[] = [];
  for (const calls of flags.calls.split(',').map(Number)) {
    for (let run = 0; run < Number(flags.runs); run++) {
      // Who goes first changes with every run, so that a machine that slows down harms nobody in particular.
      for (const lns of run % 2 === 0 ? contestants : contestants.toReversed()) {
        const warmUpCalls = Number(flags['warm-up']);
        const warmUp = warmUpCalls > 0 ? loadOf(lns, warmUpCalls) : undefined;
        const measurement = await withWire((wire) => measure(wire, lns, loadOf(lns, calls), { warmUp, holdSeconds }));
        all.push(measurement);
        console.error(`${lns.name} ${calls}: ${measurement.callsPerSecond.toFixed(0)} calls/s, ${measurement.ok} up`);
      }
    }
  }
  report(all);
}

await main(compare);
