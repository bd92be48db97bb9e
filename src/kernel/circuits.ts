/**
 * HDLC, Frame Relay and ATM pseudowires: each has a unix datagram socket of ours, behind which a program is the circuit
 * (docs/pseudowires.md).
 */
import { PlaneError } from '../engine/errors.ts';
import type { CircuitAttachment, PlaneEvents } from '../engine/ports.ts';
import { Backlog } from './backlog.ts';
import { CellPacking } from './cell-packing.ts';
import { type CircuitPseudowire, circuitHeaderOctets, maxFrameOctets } from './circuit-protocol.ts';
import { payloadHeadroomOctets } from './data-header.ts';
import type { DataPath } from './data-path.ts';
import { errnoName, native, pollReadable } from './native.ts';
import { ProgramCircuit } from './program-circuit.ts';
import type { L2tpSession } from './sessions.ts';
import { UnixSocket, unixAddressOctets } from './unix-socket.ts';

/** Datagrams taken from one socket in one go. */
const slots = 64;
const headroomOctets = payloadHeadroomOctets - circuitHeaderOctets;
const slotOctets = payloadHeadroomOctets + maxFrameOctets;
/** Batches taken from one socket before the event loop gets its turn. */
const batchesPerWake = 4;
/** How often programs are sent a keepalive, which shows those that have died. */
const keepaliveMs = 5_000;
const eagain = -11;

export interface CircuitsParts {
  path: DataPath;
  events: PlaneEvents;
}

interface Place {
  readonly socket: UnixSocket;
  readonly poller: number;
  readonly circuit: ProgramCircuit;
}

/** What receiving needs, once there is a circuit. */
interface Slab {
  readonly bytes: Uint8Array;
  /** Where each datagram is received, behind headroom. */
  readonly slots: readonly Uint8Array[];
  readonly sender: Uint8Array;
  readonly packing: CellPacking;
}

export class Circuits {
  readonly #path: DataPath;
  readonly #events: PlaneEvents;
  readonly #places = new Map<L2tpSession, Place>();
  readonly #backlog = new Backlog();
  #slab: Slab | undefined;
  #keepalive: NodeJS.Timeout | undefined;

  constructor({ path, events }: CircuitsParts) {
    this.#path = path;
    this.#events = events;
  }

  /** How many sockets there are. */
  get size(): number {
    return this.#places.size;
  }

  /** How many messages wait for busy programs. */
  get waiting(): number {
    return this.#backlog.size;
  }

  /**
   * Again with other facts: changes what differs. Answers the socket's path.
   * @throws PlaneError EADDRINUSE: another session, or another process, has the socket
   */
  attach(session: L2tpSession, { owner, circuit: spec }: CircuitAttachment): { interface: string } {
    const { pseudowire } = session;
    if (!isCircuit(pseudowire)) throw new PlaneError('EOPNOTSUPP', `${owner}: a circuit of pseudowire ${pseudowire}`);
    const known = this.#places.get(session);
    if (known?.socket.path === spec.socket) {
      known.circuit.spec = spec;
    } else {
      this.detach(session);
      const place = this.open(session, pseudowire, spec, owner);
      this.#places.set(session, place);
      session.circuit = place.circuit;
    }
    return { interface: spec.socket };
  }

  private open(
    session: L2tpSession,
    pseudowire: CircuitPseudowire,
    spec: CircuitAttachment['circuit'],
    owner: string,
  ): Place {
    const slab = this.#slab ?? newSlab(this.#path);
    this.#slab = slab;
    const socket = new UnixSocket(spec.socket);
    const circuit = new ProgramCircuit({
      session,
      pseudowire,
      spec,
      fd: socket.fd,
      path: this.#path,
      packing: slab.packing,
      backlog: this.#backlog,
      events: this.#events,
    });
    const poller = native.pollStart(socket.fd, pollReadable, (events) => this.ready(session, slab, events));
    if (poller < 0) {
      circuit.close();
      socket.close();
      throw new PlaneError(errnoName(poller), `socket ${spec.socket} of ${owner}`);
    }
    this.#keepalive ??= setInterval(() => this.probe(), keepaliveMs).unref();
    return { socket, poller, circuit };
  }

  /** Nothing happens when the session is not attached. */
  detach(session: L2tpSession): void {
    session.circuit = undefined;
    const place = this.#places.get(session);
    if (place === undefined) return;
    this.#places.delete(session);
    place.circuit.close();
    native.pollStop(place.poller);
    place.socket.close();
    if (this.#places.size > 0) return;
    clearInterval(this.#keepalive);
    this.#keepalive = undefined;
  }

  /** Tells the session's program whether the peer's circuit is active. */
  peerCircuit(session: L2tpSession, active: boolean): void {
    this.#places.get(session)?.circuit.tellPeer(active);
  }

  close(): void {
    for (const session of this.#places.keys()) this.detach(session);
    this.#backlog.close();
  }

  private probe(): void {
    for (const { circuit } of this.#places.values()) circuit.probe();
  }

  // -------------------------------------------------------------- from the programs

  private ready(session: L2tpSession, slab: Slab, events: number): void {
    const place = this.#places.get(session);
    if (place === undefined) return;
    try {
      for (let i = 0; i < batchesPerWake && this.#places.get(session) === place; i++) {
        if (this.receiveBatch(session, place, slab) < slots) break;
      }
    } finally {
      if (events < 0 && this.#places.get(session) === place) native.pollAgain(place.poller);
    }
  }

  /** Answers how many datagrams were taken. */
  private receiveBatch(session: L2tpSession, { socket, circuit }: Place, slab: Slab): number {
    let count = 0;
    try {
      while (count < slots && session.circuit === circuit) {
        const octets = native.receiveFrom(socket.fd, slab.slots[count], slab.sender);
        if (octets < 0) {
          if (octets !== eagain) this.#path.count(`circuit ${errnoName(octets)}`);
          break;
        }
        const start = count++ * slotOctets + headroomOctets;
        if (octets > circuitHeaderOctets + maxFrameOctets) this.#path.refuse(session, 'circuitFrameTooLong');
        else circuit.hear(slab.sender, slab.bytes, start, start + octets);
      }
    } finally {
      slab.packing.send(session);
      slab.packing.flush();
      this.#path.flush();
    }
    return count;
  }
}

function isCircuit(pseudowire: L2tpSession['pseudowire']): pseudowire is CircuitPseudowire {
  return pseudowire !== 'ppp' && pseudowire !== 'ethernet' && pseudowire !== 'vlan';
}

function newSlab(path: DataPath): Slab {
  const bytes = new Uint8Array(slots * slotOctets);
  const views = Array.from({ length: slots }, (_, slot) =>
    bytes.subarray(slot * slotOctets + headroomOctets, (slot + 1) * slotOctets),
  );
  return { bytes, slots: views, sender: new Uint8Array(unixAddressOctets), packing: new CellPacking(path.outgoing) };
}
