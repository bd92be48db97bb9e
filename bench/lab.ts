import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';

/** The two ends of the bench's wire: one network namespace each, joined by a veth pair. */
export type Side = 'lac' | 'lns';

export const address: Record<Side, string> = { lac: '10.200.0.1', lns: '10.200.0.2' };

/** The wire's interface, named alike on both sides. */
export const wire = 'wire0';

const stopGraceMs = 5_000;

/** A process started in a namespace. `pid` is the program's own: `ip netns exec` replaces itself. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Where standard output and standard error go: nowhere, to a pipe, to ours, or to an open file. */
export type Output = 'ignore' | 'pipe' | 'inherit' | number;

/** Namespaces and processes of one bench run. Everything it made is gone after `close`. */
export class Lab {
  readonly #signal: AbortSignal;
  readonly #namespaces: string[] = [];
  readonly #running = new Set<Running>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  namespace(side: Side): string {
    return `bench-${side}-${process.pid}`;
  }

  async open(): Promise<void> {
    for (const side of ['lac', 'lns'] as const) {
      await this.#ip('netns', 'add', this.namespace(side));
      this.#namespaces.push(this.namespace(side));
    }
    const [lac, lns] = [this.namespace('lac'), this.namespace('lns')];
    await this.#ip('link', 'add', wire, 'netns', lac, 'type', 'veth', 'peer', 'name', wire, 'netns', lns);
    for (const side of ['lac', 'lns'] as const) {
      const name = this.namespace(side);
      await this.#ip('-n', name, 'address', 'add', `${address[side]}/24`, 'dev', wire);
      await this.#ip('-n', name, 'link', 'set', 'lo', 'up');
      await this.#ip('-n', name, 'link', 'set', wire, 'up');
    }
  }

  /** Runs a command to its end and gives its standard output; throws when it fails. */
  async run(side: Side, ...command: string[]): Promise<string> {
    const { stdout } = await execa('ip', ['netns', 'exec', this.namespace(side), ...command], {
      cancelSignal: this.#signal,
    });
    return stdout;
  }

  /** Starts a long-running command. It is stopped by `stop`, or at the latest by `close`. */
  start(side: Side, command: string[], out: Output = 'ignore', err: Output = 'ignore', cwd?: string): Running {
    // In a process group of its own: l2tpns signals its whole group when it ends.
    const child = spawn('ip', ['netns', 'exec', this.namespace(side), ...command], {
      stdio: ['ignore', out, err],
      cwd,
      detached: true,
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`cannot start ${command.join(' ')}`);
    const exited = once(child, 'exit');
    const running: Running = {
      pid,
      child,
      stop: async () => {
        child.kill('SIGTERM');
        const impatience = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
        await exited;
        clearTimeout(impatience);
        this.#running.delete(running);
      },
    };
    this.#running.add(running);
    return running;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop()));
    for (const name of this.#namespaces.splice(0)) await this.#ip('netns', 'delete', name);
  }

  async #ip(...args: string[]): Promise<void> {
    await execa('ip', args);
  }
}

/** Opens a lab, does the work in it and clears it away, also after a failure, SIGINT or SIGTERM. */
export async function withLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  const interruption = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    interruption.signal.addEventListener('abort', () => reject(new Error('interrupted')));
  });
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const lab = new Lab(interruption.signal);
  try {
    await lab.open();
    await Promise.race([work(lab), interrupted]);
  } finally {
    await lab.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
