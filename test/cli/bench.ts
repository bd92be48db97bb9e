import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer } from '../../src/api/server.ts';
import { run } from '../../src/cli/program.ts';
import { FakeSource, NOON } from '../api/fake-source.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** A made-up daemon's control socket, and a terminal five minutes after everything happened. */
export class Bench {
  readonly source = new FakeSource();
  readonly directory: string;
  readonly socket: string;
  readonly #server: ApiServer;

  private constructor(directory: string) {
    this.directory = directory;
    this.socket = join(directory, 'api.sock');
    this.#server = new ApiServer({ socketPath: this.socket, source: this.source });
  }

  static async create(): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'prol2tp-cli-')));
    await bench.#server.start();
    return bench;
  }

  stopDaemon(): Promise<void> {
    return this.#server.stop();
  }

  async remove(): Promise<void> {
    await this.#server.stop();
    await rm(this.directory, { recursive: true });
  }

  /** Runs one command line, as typed, to its end. */
  run(line: string): Promise<Ran> {
    return this.start(line, new AbortController()).ended;
  }

  /** Runs one command line that goes on until the controller aborts. */
  start(line: string, stop: AbortController, colour = false): { ended: Promise<Ran>; shown(): string } {
    let out = '';
    let err = '';
    const ended = run(line.split(' '), {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      colour,
      env: { PROL2TP_SOCKET: this.socket },
      now: () => NOON + 300_000,
      signal: stop.signal,
    }).then((code) => ({ code, out, err }));
    return { ended, shown: () => out };
  }
}
