/** Programs of the operator's that are told of ups and downs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type HookSpec, maxTimerMs, type SystemSpec } from '../engine/spec.ts';
import type { Environment } from './environment.ts';

export type HookEvent = keyof SystemSpec['hooks'];

/** Programs that run at once. */
const maxRunning = 8;
/** Events that wait for their program; what comes then is lost, and said to be. */
const maxWaiting = 1_000;
/** Of what a program complains of, the end is kept. */
const maxComplaintOctets = 2_000;
/** Between SIGTERM and SIGKILL. */
const killAfterMs = 2_000;
/** How long a program that ended is listened to: what it left running may hold its standard error for ever. */
const lastWordsMs = 100;

export interface HookJob {
  event: HookEvent;
  /** What it happened to: for one object, programs run one after the other. */
  kind: 'Tunnel' | 'Session';
  name: string;
  environment: Environment;
  /** For standard input. */
  input: string;
}

export interface HookFailure {
  job: HookJob;
  /** For the operator: what went wrong, and the end of what the program wrote to its standard error. */
  reason: string;
}

export class HookRunner {
  private readonly onFailure: (failure: HookFailure) => void;
  private hooks: SystemSpec['hooks'] = {};
  /** In the order of the events. */
  private waiting: { job: HookJob; hook: HookSpec }[] = [];
  private readonly busy = new Set<string>();
  private idle: (() => void)[] = [];

  constructor(onFailure: (failure: HookFailure) => void) {
    this.onFailure = onFailure;
  }

  configure(hooks: SystemSpec['hooks']): void {
    this.hooks = hooks;
  }

  get wanted(): boolean {
    return Object.keys(this.hooks).length > 0;
  }

  wants(event: HookEvent): boolean {
    return this.hooks[event] !== undefined;
  }

  /** Runs the event's program as soon as it is its turn. Returns at once. */
  offer(job: HookJob): void {
    const hook = this.hooks[job.event];
    if (!hook) return;
    if (this.waiting.length >= maxWaiting) {
      this.onFailure({ job, reason: `not run: ${maxWaiting} others wait` });
      return;
    }
    this.waiting.push({ job, hook });
    this.runNext();
  }

  /** Resolves when nothing runs or waits any more, or after so many milliseconds. */
  async settled(withinMs: number): Promise<void> {
    if (this.busy.size === 0) return;
    const done = new Promise<void>((resolve) => this.idle.push(resolve));
    await Promise.race([done, sleep(withinMs)]);
  }

  /** What waits is not run any more. */
  forget(): void {
    this.waiting = [];
  }

  private runNext(): void {
    while (this.busy.size < maxRunning) {
      const at = this.waiting.findIndex(({ job }) => !this.busy.has(keyOf(job)));
      if (at < 0) break;
      const [{ job, hook }] = this.waiting.splice(at, 1);
      this.busy.add(keyOf(job));
      const ended = this.run(job, hook).catch((error: unknown) => String(error));
      void ended.then((reason) => {
        this.busy.delete(keyOf(job));
        if (reason !== undefined) this.onFailure({ job, reason });
        this.runNext();
      });
    }
    if (this.busy.size > 0) return;
    for (const resume of this.idle.splice(0)) resume();
  }

  /** Gives the reason when it fails. */
  private async run({ event, environment, input }: HookJob, { command, timeoutMs }: HookSpec) {
    const [program, ...args] = command;
    const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', LANG = 'C.UTF-8' } = process.env;
    const child = execa(program, args, {
      env: { PATH, LANG, ...environment, PROL2TP_EVENT: event },
      extendEnv: false,
      cwd: '/',
      input,
      stdout: 'ignore',
      buffer: false,
      reject: false,
      forceKillAfterDelay: killAfterMs,
    });
    const silent = new Promise((resolve) => child.stderr.once('close', resolve));
    let complaint = Buffer.alloc(0);
    child.stderr.on('data', (octets: Buffer) => {
      complaint = Buffer.concat([complaint, octets]).subarray(-maxComplaintOctets);
    });
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        child.kill('SIGTERM');
      },
      Math.min(timeoutMs, maxTimerMs),
    );
    const ended = new Promise<string | undefined>((resolve) => {
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : exitText(code, signal)));
      // A program that cannot be started has no exit.
      void child.then((result) => resolve(result.failed ? result.shortMessage : undefined));
    });
    const reason = await ended;
    clearTimeout(timer);
    if (reason === undefined && !late) {
      child.stderr.destroy();
      return undefined;
    }
    await Promise.race([silent, sleep(lastWordsMs)]);
    child.stderr.destroy();
    const why = late ? `ended after ${timeoutMs} ms` : reason;
    const words = complaint.toString('utf8').trim();
    return words === '' ? `${program}: ${why}` : `${program}: ${why}: ${words}`;
  }
}

function keyOf({ kind, name }: HookJob): string {
  return `${kind}/${name}`;
}

function exitText(code: number | null, signal: string | null): string {
  return code === null ? `killed by ${signal}` : `exit code ${code}`;
}
