/** Network namespaces joined by a veth pair, and planes that run in them. Needs root: without it, tests fail. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PlaneOp, SessionKey, SocketId } from '../../src/engine/ports.ts';
import type { Encapsulation, Endpoint, ListenSpec, PlaneDevice, SessionCounters } from '../../src/engine/spec.ts';
import type { CircuitStatus } from '../../src/engine/wire/avp.ts';
import type { SocketCounters } from '../../src/kernel/sockets.ts';

export type Request =
  | { call: 'open'; local: ListenSpec }
  | { call: 'apply'; op: PlaneOp }
  | { call: 'datagram'; socket: SocketId; to: Endpoint; bytes: Uint8Array; dscps: readonly number[] }
  | { call: 'sendControl'; session: SessionKey; frame: Uint8Array }
  | { call: 'counters'; session: SessionKey }
  | ({ call: 'sendDiscovery' } & Discovery)
  | {
      call:
        | 'list'
        | 'sweep'
        | 'dropped'
        | 'transport'
        | 'frames'
        | 'drifts'
        | 'circuits'
        | 'served'
        | 'discoveries'
        | 'tables';
    }
  | { call: 'close'; sockets: SocketId[] };

/** A PPPoE discovery packet, with the MAC address that it came from or goes to. */
export interface Discovery {
  interface: string;
  peer: Uint8Array;
  packet: Uint8Array;
}

export interface Answer {
  id: number;
  result: unknown;
}

const script = fileURLToPath(new URL('plane-process.ts', import.meta.url));

export function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A namespace of this test run's own. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = `l2tpkern-${process.pid}-${name}`;
    ip('netns', 'add', this.name);
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...words: string[]): string {
    return ip('-n', this.name, ...words);
  }

  /** Runs a command inside; throws when it fails. */
  run(command: string, ...words: string[]): string {
    return ip('netns', 'exec', this.name, command, ...words);
  }

  remove(): void {
    ip('netns', 'del', this.name);
  }
}

/** Joins two namespaces: `a` gets 192.0.2.1, `b` 192.0.2.2 and both 2001:db8::1 and ::2. */
export function join(a: Namespace, b: Namespace): void {
  a.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', b.name);
  for (const [side, host] of [
    [a, 1],
    [b, 2],
  ] as const) {
    side.ip('addr', 'add', `192.0.2.${host}/24`, 'dev', 'wire');
    side.ip('addr', 'add', `2001:db8::${host}/64`, 'dev', 'wire', 'nodad');
    side.ip('link', 'set', 'wire', 'up');
  }
}

export type Fact =
  | { fact: 'done' }
  | { fact: 'attached'; session: SessionKey; interface: string }
  | { fact: 'failed'; code: string; message: string };

/** A plane in a process inside a namespace. */
export class PlaneProcess {
  readonly child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  readonly #sockets: SocketId[] = [];
  #lastId = 0;

  constructor(namespace: { readonly name: string }) {
    const command = ['netns', 'exec', namespace.name, process.execPath, '--import', 'tsx', script];
    this.child = spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    this.child.on('message', ({ id, result }: Answer) => {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  private ask<T>(request: Request): Promise<T> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve as (result: unknown) => void);
      this.child.send({ id, request }, (error) => error && reject(error));
    });
  }

  async open(
    address: string,
    port: number,
    encapsulation: Encapsulation = 'udp',
    pmtuDiscovery = false,
  ): Promise<SocketId> {
    const local = { address, port, encapsulation, pmtuDiscovery };
    const socket = await this.ask<SocketId>({ call: 'open', local });
    this.#sockets.push(socket);
    return socket;
  }

  apply(op: PlaneOp): Promise<Fact> {
    return this.ask({ call: 'apply', op });
  }

  /** Sends the octets once with each DSCP, all in one go. */
  datagram(socket: SocketId, to: Endpoint, bytes: Uint8Array, dscps: readonly number[] = [0]): Promise<void> {
    return this.ask({ call: 'datagram', socket, to, bytes, dscps });
  }

  sendControl(session: SessionKey, frame: Uint8Array): Promise<void> {
    return this.ask({ call: 'sendControl', session, frame });
  }

  counters(session: SessionKey): Promise<SessionCounters> {
    return this.ask({ call: 'counters', session });
  }

  sendDiscovery(discovery: Discovery): Promise<void> {
    return this.ask({ call: 'sendDiscovery', ...discovery });
  }

  discoveries(): Promise<Discovery[]> {
    return this.ask({ call: 'discoveries' });
  }

  tables(): Promise<Record<string, number>> {
    return this.ask({ call: 'tables' });
  }

  list(): Promise<PlaneDevice[]> {
    return this.ask({ call: 'list' });
  }

  sweep(): Promise<string[]> {
    return this.ask({ call: 'sweep' });
  }

  dropped(): Promise<Record<string, number>> {
    return this.ask({ call: 'dropped' });
  }

  transport(): Promise<SocketCounters> {
    return this.ask({ call: 'transport' });
  }

  frames(): Promise<{ session: number; bytes: Uint8Array }[]> {
    return this.ask({ call: 'frames' });
  }

  drifts(): Promise<{ device: string; what: string }[]> {
    return this.ask({ call: 'drifts' });
  }

  circuits(): Promise<{ session: number; status: CircuitStatus }[]> {
    return this.ask({ call: 'circuits' });
  }

  /** What was last told of interfaces with PPPoE: why they are not served, if so. */
  served(): Promise<Map<string, string | undefined>> {
    return this.ask({ call: 'served' });
  }

  /** Closes the plane; the process must then end by itself. Answers its exit code. */
  async close(): Promise<number | null> {
    const ended = once(this.child, 'exit');
    await this.ask({ call: 'close', sockets: this.#sockets });
    const [code] = await ended;
    return code;
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** Asks again until the answer is right; the test's own time limit ends it. */
export async function until<T>(ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
