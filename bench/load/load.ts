import { createInterface } from 'node:readline';
import { address, type Lab } from '../lab.ts';
import { tools } from '../tools.ts';

/** What one load is made of. */
export interface Load {
  readonly tunnels: number;
  /** Sessions of each tunnel. */
  readonly sessions: number;
  /** Calls in set-up at once, over all tunnels. */
  readonly window: number;
  /** PPP to IPCP open, or the control connection alone: a call is up when its ICCN is acknowledged. */
  readonly ppp: boolean;
  readonly holdSeconds: number;
  readonly timeoutSeconds: number;
}

/** The generator's line when all calls have settled. */
export interface Up {
  readonly phase: 'up';
  readonly ok: number;
  readonly failed: number;
  /** From the first ICRQ to the last call up. */
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly controlResent: number;
  readonly pppResent: number;
  /** Result code of the last CDN or StopCCN received, 0 when there was none. */
  readonly lastResult: number;
  /** The generator's own. */
  readonly cpuSeconds: number;
  /** The first call's own address and its peer's, as IPCP settled them. */
  readonly address: string;
  readonly peerAddress: string;
}

/** The generator's line after it closed its tunnels. */
export interface Closed {
  readonly phase: 'closed';
  /** Calls that went down after they were up, without the generator's doing. */
  readonly lost: number;
  readonly closed: number;
  readonly unclosed: number;
}

/** Starts the generator as LAC. `onUp` is called at once when all calls have settled, while they are held. */
export async function runLoad(lab: Lab, load: Load, onUp: (up: Up) => void): Promise<Closed> {
  const options = {
    lns: address.lns,
    tunnels: load.tunnels,
    sessions: load.sessions,
    window: load.window,
    hold: load.holdSeconds,
    timeout: load.timeoutSeconds,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (!load.ppp) args.push('--no-ppp');
  const running = lab.start('lac', [tools.load, ...args], 'pipe', 'inherit');
  let closed: Closed | undefined;
  const { stdout } = running.child;
  if (stdout === null) throw new Error('the load generator has no output');
  for await (const line of createInterface(stdout)) {
    const report = JSON.parse(line) as Up | Closed;
    if (report.phase === 'up') onUp(report);
    else closed = report;
  }
  await running.stop();
  if (closed === undefined) throw new Error('the load generator ended early');
  return closed;
}

const probe: Load = { tunnels: 1, sessions: 1, window: 1, ppp: true, holdSeconds: 0, timeoutSeconds: 1 };

/** Waits until the LNS carries a call to the end; throws after `withinMs`. */
export async function waitUntilAnswering(lab: Lab, name: string, withinMs = 30_000): Promise<void> {
  const until = Date.now() + withinMs;
  let ok = 0;
  while (ok === 0) {
    if (Date.now() > until) throw new Error(`${name} carries no call`);
    await runLoad(lab, probe, (up) => {
      ok = up.ok;
    });
  }
}
