/** Transports in processes of their own, in namespaces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SocketId } from '../../src/engine/ports.ts';
import type { Encapsulation, Endpoint, ListenSpec } from '../../src/engine/spec.ts';
import type { SocketCounters } from '../../src/kernel/sockets.ts';
import type { Namespace } from '../netns/lab.ts';

export interface Received {
  socket: SocketId;
  encapsulation: Encapsulation;
  from: Endpoint;
  to: string | undefined;
  text: string;
}

export interface ToldMtu {
  socket: SocketId;
  address: string;
  mtuOctets: number;
}

export type Request =
  | { call: 'open'; listen: ListenSpec }
  | { call: 'close' | 'local'; socket: SocketId }
  | { call: 'send'; socket: SocketId; to: Endpoint; from?: string; texts: readonly string[]; dscp?: number }
  | { call: 'pathMtu'; socket: SocketId; remote: Endpoint; from?: string }
  | { call: 'received' | 'mtus' | 'counters' };

export interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

const script = fileURLToPath(new URL('sockets-process.ts', import.meta.url));

export class TransportProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  /** `under`: a command that runs the rest of its line, with fewer rights. */
  constructor(namespace: Namespace, under: readonly string[] = []) {
    const command = ['netns', 'exec', namespace.name, ...under, process.execPath, '--import', 'tsx', script];
    this.#child = spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  private async ask<T>(request: Request): Promise<T> {
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, request }, (error) => error && reject(error));
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result as T;
  }

  open(listen: ListenSpec): Promise<SocketId> {
    return this.ask({ call: 'open', listen });
  }

  /** All in one go. */
  async send(socket: SocketId, to: Endpoint, texts: readonly string[], more: { from?: string; dscp?: number } = {}) {
    await this.ask({ call: 'send', socket, to, texts, ...more });
  }

  async close(socket: SocketId): Promise<void> {
    await this.ask({ call: 'close', socket });
  }

  local(socket: SocketId): Promise<Endpoint> {
    return this.ask({ call: 'local', socket });
  }

  pathMtu(socket: SocketId, remote: Endpoint, from?: string): Promise<number | undefined> {
    return this.ask({ call: 'pathMtu', socket, remote, from });
  }

  received(): Promise<Received[]> {
    return this.ask({ call: 'received' });
  }

  mtus(): Promise<ToldMtu[]> {
    return this.ask({ call: 'mtus' });
  }

  counters(): Promise<SocketCounters> {
    return this.ask({ call: 'counters' });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
