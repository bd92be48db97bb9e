import type { Process } from '../../test/netns/process.ts';
import type { Lns } from '../peers/lns.ts';
import { tools } from '../tools.ts';
import { address, type Wire } from '../wire.ts';

/** What the generator does as PPP client: a call is up when all is open. */
export interface Ppp {
  readonly auth: 'pap' | 'chap';
  /** IPV6CP beside IPCP. */
  readonly ipv6: boolean;
}

/** What one load is made of. */
export interface Load {
  readonly tunnels: number;
  /** Sessions of each tunnel. */
  readonly sessions: number;
  /** Calls in set-up at once, over all tunnels. */
  readonly window: number;
  /** Absent: the control connection alone; a call is up when its ICCN is acknowledged. */
  readonly ppp?: Ppp;
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

/** The generator's line while the calls are held; all figures since its start. */
export interface Held {
  readonly phase: 'held';
  readonly report: number;
  /** HELLOs and LCP echoes that came from the LNS; the generator sends neither. */
  readonly hellos: number;
  readonly echoes: number;
  readonly lost: number;
}

/** A load whose calls have settled, held until it is closed. */
export interface HeldLoad {
  readonly up: Up;
  report(): Promise<Held>;
  close(): Promise<Closed>;
}

const endlessSeconds = 1e6;

/** Starts the generator as LAC; resolves when all calls have settled. */
export async function startLoad(wire: Wire, load: Load): Promise<HeldLoad> {
  const options = {
    lns: address.lns,
    tunnels: load.tunnels,
    sessions: load.sessions,
    window: load.window,
    hold: endlessSeconds,
    timeout: load.timeoutSeconds,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (load.ppp === undefined) args.push('--no-ppp');
  if (load.ppp?.auth === 'chap') args.push('--chap');
  if (load.ppp?.ipv6 === true) args.push('--ipv6');
  const generator = wire.lac.spawn(tools.load, args);
  const line = async (start: string, withinSeconds: number) =>
    JSON.parse((await generator.says(new RegExp(`^{${start}.*}$`, 'm'), withinSeconds * 1_000))[0]);
  const up: Up = await line('"phase":"up"', load.timeoutSeconds + graceSeconds);
  let reports = 0;
  return {
    up,
    report: () => {
      generator.signal('SIGUSR1');
      return line(`"phase":"held","report":${++reports},`, graceSeconds);
    },
    close: async () => {
      generator.signal('SIGTERM');
      const closed: Closed = await line('"phase":"closed"', graceSeconds);
      await generator.exited;
      return closed;
    },
  };
}

const probe: Omit<Load, 'ppp'> = { tunnels: 1, sessions: 1, window: 1, timeoutSeconds: 1 };

// The generator waits ten seconds for the answers to its StopCCNs.
const graceSeconds = 15;

/** Waits until the LNS carries a call to the end; throws after `withinMs`. */
export async function waitUntilAnswering(wire: Wire, lns: Lns, running: Process, withinMs = 30_000): Promise<void> {
  const until = Date.now() + withinMs;
  let ok = 0;
  while (ok === 0) {
    if (!running.running || Date.now() > until) {
      throw new Error(`${lns.name} carries no call; it said:\n${running.output}`);
    }
    const load = await startLoad(wire, { ...probe, ppp: lns.ppp });
    ok = load.up.ok;
    await load.close();
  }
}
