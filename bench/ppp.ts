// PPP: calls a second by CHAP with addresses of IPv4 and IPv6, users declared or known to freeradius; and the cost of echoes.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { header, type Measurement, measure, row } from './calls.ts';
import { markdown, shown } from './figures.ts';
import { type Load, startLoad, waitUntilAnswering } from './load/load.ts';
import { l2tpnsWith } from './peers/l2tpns.ts';
import type { Lns } from './peers/lns.ts';
import { prol2tpPpp } from './peers/prol2tp-ppp.ts';
import { cpuSeconds } from './proc.ts';
import { buildTools } from './tools.ts';
import { main, type Wire, withWire } from './wire.ts';

const { values: flags } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    runs: { type: 'string', default: '3' },
    window: { type: 'string', default: '64' },
    hold: { type: 'string', default: '5' },
    timeout: { type: 'string', default: '120' },
    echoing: { type: 'string', default: '20000' },
    'echo-interval': { type: 'string', default: '10' },
    idle: { type: 'string', default: '60' },
    only: { type: 'string' },
    profile: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

const profileOf = (name: string) => (flags.profile ? name.replaceAll(/[^a-z0-9]+/g, '-') : undefined);

const callers: readonly Lns[] = [
  ...(['pap', 'chap'] as const).flatMap((auth) => [
    l2tpnsWith({ name: `l2tpns ${auth}, freeradius`, auth, freeradius: true }),
    ours(auth, false, true),
  ]),
  ours('chap', true, true),
  ours('chap', false, false),
  ours('chap', true, false),
];

function ours(auth: 'pap' | 'chap', ipv6: boolean, freeradius: boolean): Lns {
  const name = `prol2tp ${auth}${ipv6 ? ' + IPv6' : ''}, ${freeradius ? 'freeradius' : 'declared'}`;
  return prol2tpPpp({ name, ppp: { auth, ipv6 }, freeradius, profile: profileOf(name) });
}

const echoSeconds = Number(flags['echo-interval']);
const echoing: readonly Lns[] = [
  l2tpnsWith({ name: 'l2tpns', echoSeconds }),
  prol2tpPpp({
    name: 'prol2tp',
    ppp: { auth: 'pap', ipv6: false },
    echoSeconds,
    profile: profileOf('prol2tp echoing'),
  }),
];

const sessionsPerTunnel = 1_000;
const leastTunnels = 10;

function loadOf({ ppp }: Lns, calls: number): Load {
  const tunnels = Math.max(leastTunnels, Math.ceil(calls / sessionsPerTunnel));
  const sessions = Math.ceil(calls / tunnels);
  return { tunnels, sessions, window: Number(flags.window), ppp, timeoutSeconds: Number(flags.timeout) };
}

interface EchoMeasurement {
  readonly lns: string;
  readonly up: number;
  /** Requests a second. */
  readonly echoRate: number;
  readonly cpuShare: number;
  readonly lost: number;
}

/** Calls that are held while the LNS asks each whether it is alive. */
async function measureEchoes(wire: Wire, lns: Lns): Promise<EchoMeasurement> {
  const running = await lns.start(wire);
  const { pid } = running.process;
  await waitUntilAnswering(wire, lns, running.process);
  const held = await startLoad(wire, loadOf(lns, Number(flags.echoing)));
  // The first round of echoes comes as the calls came: in one heap.
  await sleep(echoSeconds * 1_000);
  const idleSeconds = Number(flags.idle);
  const [before, cpuBefore] = [await held.report(), cpuSeconds(pid)];
  await sleep(idleSeconds * 1_000);
  const [after, cpuAfter] = [await held.report(), cpuSeconds(pid)];
  await held.close();
  await running.stop();
  return {
    lns: lns.name,
    up: held.up.ok,
    echoRate: (after.echoes - before.echoes) / idleSeconds,
    cpuShare: (cpuAfter - cpuBefore) / idleSeconds,
    lost: after.lost,
  };
}

/** Each work with each LNS, so many times. Who goes first changes with every run. */
async function repeat<T>(contestants: readonly Lns[], work: (wire: Wire, lns: Lns) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const lns of run % 2 === 0 ? contestants : contestants.toReversed()) {
      const result = await withWire((wire) => work(wire, lns));
      all.push(result);
      console.error(JSON.stringify(result));
    }
  }
  return all;
}

function callsRow(same: readonly Measurement[]): string[] {
  const radius = same.flatMap(({ radiusCpuPerThousand }) => radiusCpuPerThousand ?? []);
  return [...row(same), radius.length === 0 ? '' : shown(radius, 3)];
}

function echoRow(same: readonly EchoMeasurement[]): string[] {
  const of = (pick: (m: EchoMeasurement) => number, digits: number) => shown(same.map(pick), digits);
  const hour = 3_600;
  return [
    same[0].lns,
    of((m) => m.up, 0),
    of((m) => m.echoRate, 0),
    of((m) => 100 * m.cpuShare, 1),
    of((m) => hour * m.cpuShare, 0),
    of((m) => m.lost, 0),
  ];
}

function table<T extends { lns: string }>(title: string[], all: readonly T[], line: (same: T[]) => string[]): void {
  const names = [...new Set(all.map(({ lns }) => lns))];
  if (names.length > 0)
    console.log(
      `\n${markdown(
        title,
        names.map((name) => line(all.filter(({ lns }) => lns === name))),
      )}`,
    );
}

async function compare(): Promise<void> {
  const fits = ({ name }: Lns) => flags.only === undefined || name.includes(flags.only);
  await buildTools();
  const holdSeconds = Number(flags.hold);
  const calls = await repeat(Number(flags.calls) > 0 ? callers.filter(fits) : [], (wire, lns) =>
    measure(wire, lns, loadOf(lns, Number(flags.calls)), { holdSeconds }),
  );
  const echoes = await repeat(Number(flags.echoing) > 0 ? echoing.filter(fits) : [], measureEchoes);
  table([...header, 'radius s/1000'], calls, callsRow);
  table('LNS|up|echoes/s|CPU %|CPU s/idle h|lost'.split('|'), echoes, echoRow);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ calls, echoes }, undefined, 2)}\n`);
}

await main(compare);
