import type { Process } from '../../test/netns/process.ts';
import { tools } from '../tools.ts';
import { address, type Wire } from '../wire.ts';

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

/** Starts the generator as LAC. `onUp` is called when all calls have settled, while they are held. */
export async function runLoad(wire: Wire, load: Load, onUp: (up: Up) => Promise<void>): Promise<Closed> {
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
  const generator = wire.lac.spawn(tools.load, args);
  const line = async (phase: string, withinSeconds: number) =>
    JSON.parse((await generator.says(new RegExp(`^{"phase":"${phase}".*}$`, 'm'), withinSeconds * 1_000))[0]);
  await onUp(await line('up', load.timeoutSeconds + graceSeconds));
  const closed = await line('closed', load.holdSeconds + graceSeconds);
  await generator.exited;
  return closed;
}

const probe: Load = { tunnels: 1, sessions: 1, window: 1, ppp: true, holdSeconds: 0, timeoutSeconds: 1 };

// The generator waits ten seconds for the answers to its StopCCNs.
const graceSeconds = 15;

/** Waits until the LNS carries a call to the end; throws after `withinMs`. */
export async function waitUntilAnswering(wire: Wire, lns: Process, withinMs = 30_000): Promise<void> {
  const until = Date.now() + withinMs;
  let ok = 0;
  while (ok === 0) {
    if (!lns.running || Date.now() > until) throw new Error(`the LNS carries no call; it said:\n${lns.output}`);
    await runLoad(wire, probe, async (up) => {
      ok = up.ok;
    });
  }
}
