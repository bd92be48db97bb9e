// Calls a second, time of a call, processor time and memory of an LNS: l2tpns and prol2tpd side by side, one load.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdown, shown, spread } from './figures.ts';
import { type Closed, type Load, startLoad, type Up, waitUntilAnswering } from './load/load.ts';
import { l2tpns } from './peers/l2tpns.ts';
import type { Lns } from './peers/lns.ts';
import { prol2tp } from './peers/prol2tp.ts';
import { cpuSeconds, residentBytes } from './proc.ts';
import { buildTools } from './tools.ts';
import { main, type Wire, withWire } from './wire.ts';

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

interface Measurement extends Up, Omit<Closed, 'phase'> {
  readonly lns: string;
  readonly calls: number;
  readonly cpuPerThousand: number;
  readonly residentBefore: number;
  readonly bytesPerCall: number;
}

const sessionsPerTunnel = 1_000;
const leastTunnels = 10;
const settleMs = 500;

function loadOf(calls: number): Load {
  const tunnels = Math.max(leastTunnels, Math.ceil(calls / sessionsPerTunnel));
  return {
    tunnels,
    sessions: Math.ceil(calls / tunnels),
    window: Number(flags.window),
    ppp: !flags.control,
    timeoutSeconds: Number(flags.timeout),
  };
}

/** One load on a freshly started LNS that has carried one call before, and the warm-up. */
async function measure(wire: Wire, lns: Lns, calls: number): Promise<Measurement> {
  const running = await lns.start(wire);
  const { pid } = running.process;
  await waitUntilAnswering(wire, lns, running.process);
  const warmUp = Number(flags['warm-up']);
  if (warmUp > 0) await (await startLoad(wire, loadOf(warmUp))).close();
  await sleep(settleMs);
  const load = loadOf(calls);
  const cpuBefore = cpuSeconds(pid);
  const residentBefore = residentBytes(pid);
  const held = await startLoad(wire, load);
  const cpuUsed = cpuSeconds(pid) - cpuBefore;
  // At the end of the hold: what set-up left behind may have been given back by then.
  await sleep(Number(flags.hold) * 1_000);
  const residentAfter = residentBytes(pid);
  const { up } = held;
  const closed = await held.close();
  await running.stop();
  const carried = Math.max(up.ok, 1);
  return {
    ...closed,
    ...up,
    lns: lns.name,
    calls: load.tunnels * load.sessions,
    cpuPerThousand: (cpuUsed / carried) * 1_000,
    residentBefore,
    bytesPerCall: (residentAfter - residentBefore) / carried,
  };
}

function row(all: Measurement[]): string[] {
  const of = (pick: (m: Measurement) => number, digits: number) => shown(all.map(pick), digits);
  return [
    all[0].lns,
    String(all[0].calls),
    of((m) => m.ok, 0),
    of((m) => m.callsPerSecond, 0),
    of((m) => m.p50Ms, 1),
    of((m) => m.p99Ms, 1),
    of((m) => m.cpuPerThousand, 3),
    of((m) => m.residentBefore / 1e6, 1),
    of((m) => m.bytesPerCall, 0),
    of((m) => m.controlResent + m.pppResent, 0),
    of((m) => m.lost, 0),
  ];
}

const header = 'LNS|calls|up|calls/s|p50 ms|p99 ms|CPU s/1000|idle MB|B/call|resent|lost'.split('|');

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
  const all: Measurement[] = [];
  for (const calls of flags.calls.split(',').map(Number)) {
    for (let run = 0; run < Number(flags.runs); run++) {
      // Who goes first changes with every run, so that a machine that slows down harms nobody in particular.
      for (const lns of run % 2 === 0 ? contestants : contestants.toReversed()) {
        const measurement = await withWire((wire) => measure(wire, lns, calls));
        all.push(measurement);
        console.error(`${lns.name} ${calls}: ${measurement.callsPerSecond.toFixed(0)} calls/s, ${measurement.ok} up`);
      }
    }
  }
  report(all);
}

await main(compare);
