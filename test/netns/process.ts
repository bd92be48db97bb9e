import { execa } from 'execa';
import { until } from './until.ts';

const keptOctets = 4 * 1024 * 1024;

export interface SpawnOptions {
  cwd?: string;
  env?: Record<string, string>;
}

export interface Exit {
  code: number | undefined;
  signal: string | undefined;
}

/** A program that a test started, with what it has said so far (standard output and error in one). */
export class Process {
  readonly #name: string;
  readonly #pid: number | undefined;
  readonly #kill: (signal: NodeJS.Signals) => void;
  #output = '';
  #running = true;
  #saidAll = false;
  readonly exited: Promise<Exit>;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#name = [command, ...args].join(' ');
    const child = execa(command, args, {
      ...options,
      stdin: 'ignore',
      // A process group of its own: l2tpns signals its whole group when it ends.
      detached: true,
      reject: false,
      buffer: false,
      forceKillAfterDelay: false,
    });
    this.#pid = child.pid;
    this.#kill = (signal) => child.kill(signal);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-keptOctets);
      });
    }
    // Resolves with the program itself; its children may hold the pipes open for longer.
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
      child.once('error', () => resolve({ code: undefined, signal: undefined }));
    });
    this.exited.then(() => {
      this.#running = false;
    });
    child.then((result) => {
      if (result.code === 'ENOENT') this.#output += `${command} is not installed\n`;
      this.#saidAll = true;
    });
  }

  get pid(): number {
    if (this.#pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.#pid;
  }

  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Waits until the output matches. @throws Error with the output, also when the program ends first. */
  async says(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpMatchArray> {
    const found = await until(
      `${pattern} from ${this.#name}`,
      () => this.#output.match(pattern) ?? (this.#saidAll ? 'ended' : undefined),
      timeoutMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${this.#output.slice(-4000)}`);
    });
    if (found === 'ended')
      throw new Error(`${this.#name} ended before it said ${pattern}:\n${this.#output.slice(-4000)}`);
    return found;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#kill(signal);
  }

  /** Ends it: SIGTERM (or the signal given), then SIGKILL when that was not heard in time. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 5000): Promise<Exit> {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }
}
