/** Circuits over a packet path and a real socket, with a peer that shows what comes, and programs. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Sublayer, sessionKeyV3 } from '../../src/engine/ports.ts';
import type { CircuitSpec, Pseudowire } from '../../src/engine/spec.ts';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import type { CircuitStatus } from '../../src/engine/wire/values.ts';
import { Circuits } from '../../src/kernel/circuits.ts';
import { DataPath } from '../../src/kernel/data-path.ts';
import { L2tpSession, type PlaneTunnel } from '../../src/kernel/sessions.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { until } from '../netns/until.ts';
import { message, newDirectory, Program } from './circuit-program.ts';

export const remoteId = 0x5566_7788;
export const localId = 0x1122_3344;

export class CircuitLab {
  readonly directory = newDirectory();
  /** Of the sessions that are attached. */
  socketPath = join(this.directory, 'circuit');
  readonly statuses: CircuitStatus[] = [];
  /** Data messages at the peer. */
  received: number[][] = [];
  readonly path: DataPath;
  readonly circuits: Circuits;
  readonly #transport = new SocketTransport();
  readonly #peer: Socket;
  readonly #tunnel: PlaneTunnel;
  readonly #programs = new Set<Program>();

  private constructor(peer: Socket) {
    const events = {
      frame: () => undefined,
      framesDropped: () => undefined,
      circuit: (_: number, status: CircuitStatus) => this.statuses.push(status),
      pppoeServed: () => undefined,
      discovery: () => undefined,
      drift: () => undefined,
    };
    this.path = new DataPath(this.#transport, events);
    this.circuits = new Circuits({ path: this.path, events });
    this.#peer = peer;
    peer.on('message', (octets) => this.received.push([...octets]));
    const local = { address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false } as const;
    const socket = this.#transport.open(local);
    const remote = this.#transport.endpoints.raw({ address: '127.0.0.1', port: peer.address().port });
    this.#tunnel = { localId: 7, remoteId: 8, version: 3, encapsulation: 'udp', socket, remote, from: undefined };
  }

  static async open(): Promise<CircuitLab> {
    const peer = createSocket('udp4');
    peer.bind(0, '127.0.0.1');
    await once(peer, 'listening');
    return new CircuitLab(peer);
  }

  close(): void {
    this.circuits.close();
    this.path.close();
    this.#transport.close(this.#tunnel.socket);
    this.#peer.close();
    for (const program of this.#programs) program.close();
    rmSync(this.directory, { recursive: true });
  }

  addSession(pseudowire: Pseudowire, sublayer: Sublayer = 'none', id = localId): L2tpSession {
    const none = new Uint8Array(0);
    const session = new L2tpSession(sessionKeyV3(id), this.#tunnel, {
      remoteId,
      pseudowire,
      format: {
        localSessionId: id,
        localCookie: none,
        remoteCookie: none,
        rxSublayer: sublayer,
        txSublayer: sublayer,
        checksSequence: false,
      },
      sequencing: 'none',
      follows: false,
      reorderTimeoutMs: 0,
      dscp: 0,
    });
    this.path.add(session);
    return session;
  }

  attach(session: L2tpSession, circuit: Partial<CircuitSpec> = {}): void {
    const spec = { socket: this.socketPath, maxCells: 1, ...circuit };
    this.circuits.attach(session, { owner: 'Session/line', circuit: spec });
  }

  /** Without a name it has no path, and nobody can answer it. */
  program(name?: string): Program {
    const program = new Program(this.socketPath, name === undefined ? undefined : join(this.directory, name));
    this.#programs.add(program);
    return program;
  }

  /** The program's process is gone. */
  kill(program: Program): void {
    this.#programs.delete(program);
    program.close();
  }

  /** A session with its program. */
  async attached(
    pseudowire: Pseudowire,
    circuit: Partial<CircuitSpec> = {},
    sublayer: Sublayer = 'none',
  ): Promise<{ session: L2tpSession; program: Program }> {
    const session = this.addSession(pseudowire, sublayer);
    this.attach(session, circuit);
    const program = this.program('program');
    program.attach(pseudowireTypes[pseudowire]);
    const { type } = await program.next();
    if (type !== message.attached) throw new Error(`answered by ${type}`);
    return { session, program };
  }

  /** What comes from the peer, behind L2TP's header. */
  receive(...payload: number[]): void {
    const bytes = Uint8Array.of(0, 3, 0, 0, 0x11, 0x22, 0x33, 0x44, ...payload);
    const { encapsulation, socket, remote } = this.#tunnel;
    this.path.receive({ socket, encapsulation, from: remote, to: undefined, bytes, start: 0, end: bytes.length });
  }

  /** So many data messages at the peer. */
  sent(count: number): Promise<number[][]> {
    return until(`${count} data messages`, () => this.received.length >= count && this.received);
  }
}

/** A cell with its header, and 48 times an octet. */
export function cell(header: readonly number[], fill = 0x5a): number[] {
  return [...header, ...new Array<number>(48).fill(fill)];
}
