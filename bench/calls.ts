import { setTimeout as sleep } from 'node:timers/promises';
import { shown } from './figures.ts';
import { type Closed, type Load, startLoad, type Up, waitUntilAnswering } from './load/load.ts';
import type { Lns } from './peers/lns.ts';
import { cpuSeconds, residentBytes } from './proc.ts';
import type { Wire } from './wire.ts';

/** What one load on one LNS came to. */
export interface Measurement extends Up, Omit<Closed, 'phase'> {
  readonly lns: string;
  readonly calls: number;
  readonly cpuPerThousand: number;
  /** Of the RADIUS server that the LNS asked, where that is one that counts. */
  readonly radiusCpuPerThousand: number | undefined;
  readonly residentBefore: number;
  readonly bytesPerCall: number;
}

const settleMs = 500;

/** One load on a freshly started LNS that has carried one call before, and the warm-up. */
export async function measure(
  wire: Wire,
  lns: Lns,
  load: Load,
  { warmUp, holdSeconds }: { warmUp?: Load; holdSeconds: number },
): Promise<Measurement> {
  const running = await lns.start(wire);
  const { pid } = running.process;
  await waitUntilAnswering(wire, lns, running.process);
  if (warmUp !== undefined) await (await startLoad(wire, warmUp)).close();
  await sleep(settleMs);
  const radiusCpu = () => (running.radius === undefined ? undefined : cpuSeconds(running.radius.pid));
  const cpuBefore = cpuSeconds(pid);
  const radiusCpuBefore = radiusCpu() ?? 0;
  const residentBefore = residentBytes(pid);
  const held = await startLoad(wire, load);
  const cpuUsed = cpuSeconds(pid) - cpuBefore;
  const radiusCpuAfter = radiusCpu();
  // At the end of the hold: what set-up left behind may have been given back by then.
  await sleep(holdSeconds * 1_000);
  const residentAfter = residentBytes(pid);
  const { up } = held;
  const closed = await held.close();
  await running.stop();
  const carried = Math.max(up.ok, 1);
  const perThousand = (seconds: number) => (seconds / carried) * 1_000;
  return {
    ...closed,
    ...up,
    lns: lns.name,
    calls: load.tunnels * load.sessions,
    cpuPerThousand: perThousand(cpuUsed),
    radiusCpuPerThousand: radiusCpuAfter === undefined ? undefined : perThousand(radiusCpuAfter - radiusCpuBefore),
    residentBefore,
    bytesPerCall: (residentAfter - residentBefore) / carried,
  };
}

export const header = 'LNS|calls|up|calls/s|p50 ms|p99 ms|CPU s/1000|idle MB|B/call|resent|lost'.split('|');

/** The line of the table for repetitions of one measurement. */
export function row(all: readonly Measurement[]): string[] {
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
