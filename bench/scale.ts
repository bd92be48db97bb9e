// Many sessions in one tunnel, many tunnels: set-up, memory, and what an idle hour costs, in all LNSs that can follow.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdown, shown, spread } from './figures.ts';
import { type HeldLoad, startLoad, type Up, waitUntilAnswering } from './load/load.ts';
import { l2tpns } from './peers/l2tpns.ts';
import type { Lns } from './peers/lns.ts';
import { prol2tp } from './peers/prol2tp.ts';
import { xl2tpd } from './peers/xl2tpd.ts';
import { cpuSeconds, residentBytes } from './proc.ts';
import { buildTools } from './tools.ts';
import { main, type Wire, withWires } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    idle: { type: 'string', default: '60' },
    window: { type: 'string', default: '64' },
    timeout: { type: 'string', default: '60' },
    only: { type: 'string' },
    shape: { type: 'string' },
    profile: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

/** One LNS under one shape of load. */
interface Entry {
  readonly lns: Lns;
  readonly tunnels: number;
  /** Of each tunnel. */
  readonly sessions: number;
  readonly ppp: boolean;
}

interface SetUp extends Up {
  readonly cpuPerThousand: number;
  /** What all tunnels and calls added to the resident memory, in bytes. */
  readonly residentAdded: number;
}

interface Idle {
  readonly hellos: number;
  /** LCP echoes, which all contestants are told not to send. */
  readonly echoes: number;
  readonly lost: number;
  readonly cpuSeconds: number;
}

interface Measurement {
  readonly lns: string;
  readonly shape: string;
  readonly tunnels: number;
  readonly sessions: number;
  readonly setUp: SetUp;
  /** Absent where the calls do not outlive the idle time. */
  readonly idle: Idle | undefined;
}

/** One LNS on a wire of its own, with all calls of its entry up. */
interface HeldEntry {
  readonly entry: Entry;
  readonly setUp: SetUp;
  readonly pid: number;
  readonly load: HeldLoad;
}

const settleMs = 1_000;
const idleSeconds = Number(flags.idle);
const secondsInAnHour = 3_600;

const shapeOf = ({ tunnels, sessions }: Entry) => `${tunnels} x ${sessions}`;
const nameOf = ({ lns, ppp }: Entry) => (ppp ? lns.name : `${lns.name}, no PPP`);
/** An LNS that speaks PPP hangs up on callers that do not. */
const outlivesIdleTime = ({ lns, ppp }: Entry) => ppp === (lns.ppp !== undefined);

function ours(tunnels: number, sessions: number, ppp = true): Entry {
  const lns = prol2tp(flags.profile ? `scale-${tunnels}x${sessions}` : undefined);
  return { lns, tunnels, sessions, ppp };
}

function theirs(lns: Lns, tunnels: number, sessions: number): Entry {
  return { lns, tunnels, sessions, ppp: lns.ppp !== undefined };
}

// Those that are set up later meet the idle ones, so the one with the most HELLOs comes last.
const entries: readonly Entry[] = [
  ours(1, 20_000),
  theirs(l2tpns, 1, 20_000),
  ours(1, 1_000, false),
  theirs(xl2tpd, 1, 1_000),
  ours(400, 10),
  theirs(l2tpns, 400, 10),
  ours(1_000, 10),
  ours(10_000, 1),
];

/** Starts a fresh LNS, which carries one call before all those that are measured, and sets them up. */
async function setUp(wire: Wire, entry: Entry): Promise<HeldEntry> {
  const { lns, tunnels, sessions, ppp } = entry;
  const running = await lns.start(wire);
  const { pid } = running.process;
  await waitUntilAnswering(wire, lns, running.process);
  await sleep(settleMs);
  const residentBefore = residentBytes(pid);
  const cpuBefore = cpuSeconds(pid);
  const shape = {
    tunnels,
    sessions,
    window: Number(flags.window),
    ppp: ppp ? lns.ppp : undefined,
    timeoutSeconds: Number(flags.timeout),
  };
  const load = await startLoad(wire, shape);
  const cpuUsed = cpuSeconds(pid) - cpuBefore;
  await sleep(settleMs);
  const { ok, callsPerSecond } = load.up;
  console.error(`${nameOf(entry)}, ${shapeOf(entry)}: ${ok} up, ${callsPerSecond.toFixed(0)} calls/s`);
  const cpuPerThousand = (cpuUsed / Math.max(ok, 1)) * 1_000;
  const residentAdded = residentBytes(pid) - residentBefore;
  return { entry, pid, load, setUp: { ...load.up, cpuPerThousand, residentAdded } };
}

async function look({ pid, load }: HeldEntry): Promise<Idle> {
  const { hellos, echoes, lost } = await load.report();
  return { hellos, echoes, lost, cpuSeconds: cpuSeconds(pid) };
}

/** Lets all of them stand idle side by side. */
async function standIdle(held: HeldEntry[]): Promise<Map<HeldEntry, Idle>> {
  console.error(`all idle for ${idleSeconds} s`);
  const before = await Promise.all(held.map(look));
  // Does not keep the bench when it is interrupted: the programs do, and they end then.
  await sleep(idleSeconds * 1_000, undefined, { ref: false });
  const after = await Promise.all(held.map(look));
  const spent = (i: number, pick: (idle: Idle) => number) => pick(after[i]) - pick(before[i]);
  return new Map(
    held.map((one, i) => [
      one,
      {
        hellos: spent(i, (idle) => idle.hellos),
        echoes: spent(i, (idle) => idle.echoes),
        lost: after[i].lost,
        cpuSeconds: spent(i, (idle) => idle.cpuSeconds),
      },
    ]),
  );
}

async function measureAll(chosen: readonly Entry[], lay: () => Promise<Wire>): Promise<Measurement[]> {
  const held: HeldEntry[] = [];
  for (const entry of chosen) held.push(await setUp(await lay(), entry));
  const idle = await standIdle(held.filter(({ entry }) => outlivesIdleTime(entry)));
  for (const { load } of held) await load.close();
  return held.map((one) => ({
    lns: nameOf(one.entry),
    shape: shapeOf(one.entry),
    tunnels: one.entry.tunnels,
    sessions: one.entry.sessions,
    setUp: one.setUp,
    idle: idle.get(one),
  }));
}

/** An LNS's resident bytes for each session: those of its one tunnel with many. */
function bytesPerSession(all: readonly Measurement[], lns: string): number | undefined {
  const perSession = all.flatMap((m) => (m.lns === lns && m.tunnels === 1 ? [m.setUp.residentAdded / m.setUp.ok] : []));
  return perSession.length === 0 ? undefined : spread(perSession).median;
}

const header =
  'LNS|tunnels x sessions|up|calls/s|p50 ms|p99 ms|CPU s/1000|MB added|B/session|B/tunnel|HELLOs/h|CPU s/idle h|resent|lost'.split(
    '|',
  );

function row(same: Measurement[], all: readonly Measurement[]): string[] {
  const [{ lns, shape, tunnels, sessions }] = same;
  const of = (pick: (setUp: SetUp) => number, digits: number) =>
    shown(
      same.map((m) => pick(m.setUp)),
      digits,
    );
  const idles = same.flatMap(({ idle }) => idle ?? []);
  const ofIdle = (pick: (idle: Idle) => number, digits: number) =>
    idles.length === 0 ? '' : shown(idles.map(pick), digits);
  const perSession = bytesPerSession(all, lns);
  const perTunnel = (m: SetUp) => (m.residentAdded - m.ok * (perSession ?? 0)) / tunnels;
  return [
    lns,
    shape,
    of((m) => m.ok, 0),
    of((m) => m.callsPerSecond, 0),
    of((m) => m.p50Ms, 1),
    of((m) => m.p99Ms, 1),
    of((m) => m.cpuPerThousand, 3),
    of((m) => m.residentAdded / 1e6, 1),
    tunnels === 1 ? of((m) => m.residentAdded / m.ok, 0) : '',
    sessions > 1 || perSession === undefined ? '' : of(perTunnel, 0),
    ofIdle((idle) => (idle.hellos / idleSeconds) * secondsInAnHour, 0),
    ofIdle((idle) => (idle.cpuSeconds / idleSeconds) * secondsInAnHour, 1),
    of((m) => m.controlResent + m.pppResent, 0),
    ofIdle((idle) => idle.lost, 0),
  ];
}

function report(chosen: readonly Entry[], all: Measurement[]): void {
  const rows = chosen.map((entry) => {
    const same = all.filter((m) => m.lns === nameOf(entry) && m.shape === shapeOf(entry));
    return row(same, all);
  });
  console.log(`\n${markdown(header, rows)}\n`);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

async function compare(): Promise<void> {
  const { only, shape } = flags;
  const fits = (wanted: string | undefined, text: string) => wanted === undefined || wanted === text;
  const chosen = entries.filter(
    (entry) => fits(only, entry.lns.name) && fits(shape, shapeOf(entry).replaceAll(' ', '')),
  );
  if (chosen.length === 0)
    throw new Error('--only: prol2tp, l2tpns or xl2tpd; --shape: tunnels and sessions as in 1000x10');
  await buildTools();
  const all: Measurement[] = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    all.push(...(await withWires((lay) => measureAll(chosen, lay))));
  }
  report(chosen, all);
}

await main(compare);
