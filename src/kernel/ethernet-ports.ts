/** The devices that Ethernet and VLAN pseudowires are attached to. */
import { PlaneError } from '../engine/errors.ts';
import type { EthernetAttachment, PlaneEvents, SocketId } from '../engine/ports.ts';
import type { Endpoint, PlaneDevice } from '../engine/spec.ts';
import type { CircuitStatus } from '../engine/wire/avp.ts';
import { Batch } from './batch.ts';
import { payloadHeadroomOctets } from './data-header.ts';
import type { DataPath } from './data-path.ts';
import type { Snapshot } from './devices.ts';
import { GapWatch } from './drift.ts';
import { holdsIp } from './ethernet-frame.ts';
import { type CircuitState, EthernetPort, type PortEvents } from './ethernet-port.ts';
import { errnoName, native, packetWord, packetWords } from './native.ts';
import { pathMtuOf } from './payload-mtu.ts';
import type { Removals } from './removals.ts';
import type { Rtnl } from './rtnl.ts';
import type { LinkChangeKind } from './rtnl-monitor.ts';
import { L2tpSession } from './sessions.ts';
import { maxDatagramOctets, type SocketTransport } from './sockets.ts';

const namePattern = 'l2tpeth%d';
/** Frames read from a device in one go. */
const frameSlots = 64;
/** Batches read from one device before the event loop gets its turn. */
const batchesPerWake = 4;
const slotOctets = payloadHeadroomOctets + maxDatagramOctets;
const eagain = -11;

/** What the peer is told of a circuit (RFC 3931 5.4.5, RFC 5641). */
const statuses: Readonly<Record<CircuitState, CircuitStatus>> = {
  active: { active: true, isNew: false },
  down: { active: false, isNew: false },
  broken: { active: false, isNew: false, circuitRxFault: true, circuitTxFault: true },
};

export interface EthernetPortsParts {
  transport: SocketTransport;
  rtnl: Rtnl;
  removals: Removals;
  path: DataPath;
  events: PlaneEvents;
}

export class EthernetPorts {
  readonly #transport: SocketTransport;
  readonly #rtnl: Rtnl;
  readonly #removals: Removals;
  readonly #path: DataPath;
  readonly #events: PlaneEvents;
  readonly #watch: GapWatch<EthernetPort>;
  readonly #ports = new Map<L2tpSession, EthernetPort>();
  readonly #byName = new Map<string, EthernetPort>();
  /** By what each watches. */
  readonly #byLink = new Map<number, EthernetPort>();
  /** Those that are not joined as they should be: a link of some name may be what they lack. */
  readonly #apart = new Set<EthernetPort>();
  #slab: Uint8Array | undefined;
  readonly #lengths = new Int32Array(frameSlots);

  /** Frames for devices. */
  readonly #frames = new Batch({
    words: packetWords,
    errorWord: packetWord.error,
    send: (slab, words, count) => native.writeBatch(slab, words, count),
    failed: (session, error, octets) => {
      if (session instanceof L2tpSession) this.#path.lose(session, octets, `device ${errnoName(-error)}`);
    },
  });

  readonly #portEvents: PortEvents = {
    readable: (port) => this.transmit(port),
    closing: () => this.#frames.flush(),
    lost: (port) => {
      this.look(port);
      this.#watch.mark(port);
    },
    write: (port, bytes, start, end, octets) => {
      const at = this.#frames.place(bytes);
      const { words } = this.#frames;
      words[at + packetWord.fd] = port.fd;
      words[at + packetWord.offset] = start;
      words[at + packetWord.length] = end - start;
      this.#frames.add(port.session, octets);
    },
  };

  constructor({ transport, rtnl, removals, path, events }: EthernetPortsParts) {
    this.#transport = transport;
    this.#rtnl = rtnl;
    this.#removals = removals;
    this.#path = path;
    this.#events = events;
    this.#watch = new GapWatch(rtnl, events);
    path.beforeFlush(() => this.#frames.flush());
    transport.onPathMtu((socket, remote, mtuOctets) => this.pathMtu(socket, remote, mtuOctets));
  }

  /** How many devices there are. */
  get size(): number {
    return this.#ports.size;
  }

  // -------------------------------------------------------------- attachments

  /**
   * Again with other facts: changes what differs. Answers the device's name. When it fails, the session is not attached.
   * @throws PlaneError ENODEV: no such bridge or interface; EBUSY: the interface is part of another's bridge; EEXIST: the
   * name is taken; EINVAL
   */
  attach(session: L2tpSession, attachment: EthernetAttachment): { interface: string } {
    const name = attachment.ethernet.interfaceName;
    const known = this.#ports.get(session);
    const renamed = known !== undefined && name !== undefined && name !== known.name;
    if (renamed) this.detach(session);
    try {
      const port = this.#ports.get(session);
      if (port === undefined) {
        const made = this.open(session, name, attachment);
        // The circuit is the same to the peer, which was last told of the device before.
        if (renamed) made.toldState = known.toldState;
        return { interface: made.name };
      }
      port.configure(attachment);
      this.settled(port);
      return { interface: port.name };
    } catch (error) {
      this.detach(session);
      throw error;
    }
  }

  private open(session: L2tpSession, name: string | undefined, attachment: EthernetAttachment): EthernetPort {
    const holder = name === undefined ? undefined : this.#byName.get(name);
    if (holder) throw new PlaneError('EEXIST', `device ${name} is in use by ${holder.owner}`);
    if (name?.includes('%')) throw new PlaneError('EINVAL', `device ${name}: a name without "%"`);
    const parts = { rtnl: this.#rtnl, removals: this.#removals, events: this.#portEvents };
    const port = new EthernetPort(session, name ?? namePattern, pathMtuOf(this.#transport, session.tunnel), parts);
    port.configure(attachment);
    port.open();
    if (this.#byName.has(port.name)) {
      // The kernel gave the name of a device of ours that somebody deleted: it waits to be repaired under that name.
      port.close();
      return this.open(session, this.unusedName(), attachment);
    }
    this.#ports.set(session, port);
    this.#byName.set(port.name, port);
    session.circuit = port;
    this.settled(port);
    return port;
  }

  private unusedName(): string {
    for (let number = 0; ; number++) {
      const name = namePattern.replace('%d', String(number));
      if (!this.#byName.has(name) && this.#rtnl.link(name) === undefined) return name;
    }
  }

  /** After a port was changed: what it watches, and what its circuit's state is now, told when all is done. */
  private settled(port: EthernetPort): void {
    this.unwatch(port);
    port.watched = [port.index, port.interface].filter((link) => link !== 0);
    for (const link of port.watched) this.#byLink.set(link, port);
    port.toldGaps = '';
    this.#apart.delete(port);
    queueMicrotask(() => this.look(port));
  }

  private unwatch(port: EthernetPort): void {
    for (const link of port.watched) if (this.#byLink.get(link) === port) this.#byLink.delete(link);
  }

  /** Nothing happens when the session is not attached. */
  detach(session: L2tpSession): void {
    const port = this.#ports.get(session);
    if (port === undefined) return;
    session.circuit = undefined;
    this.#ports.delete(session);
    this.#byName.delete(port.name);
    this.unwatch(port);
    this.#apart.delete(port);
    this.#watch.forget(port);
    port.close();
  }

  /**
   * Shows at the session's device whether the peer's circuit is active.
   * @throws PlaneError
   */
  peerCircuit(session: L2tpSession, active: boolean): void {
    session.peerActive = active;
    this.#ports.get(session)?.showPeer();
  }

  /** The path to a peer takes IP packets of so many octets: devices without an MTU of their own follow. */
  private pathMtu(socket: SocketId, { address }: Endpoint, mtuOctets: number): void {
    for (const port of this.#ports.values()) {
      const { tunnel } = port.session;
      if (tunnel.socket !== socket || tunnel.remote.address !== address) continue;
      try {
        port.setPathMtu(mtuOctets);
      } catch (error) {
        if (!(error instanceof PlaneError)) throw error;
        this.#watch.mark(port);
      }
    }
  }

  close(): void {
    this.#watch.close();
    for (const session of [...this.#ports.keys()]) this.detach(session);
    this.#removals.close();
  }

  // -------------------------------------------------------------- what the system says

  /** Whether a device of that name is one of these. */
  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Whose device, or interface behind it, a link is. */
  port(link: number): EthernetPort | undefined {
    return this.#byLink.get(link);
  }

  list(snapshot: Snapshot): PlaneDevice[] {
    return [...this.#ports.values()].map((port) => ({
      name: port.name,
      owner: port.owner,
      gaps: port.gaps(snapshot),
    }));
  }

  /** @throws PlaneError */
  repair(name: string): void {
    const port = this.#byName.get(name);
    if (port === undefined) throw new PlaneError('ENODEV', `device ${name}`);
    port.repair();
    this.settled(port);
  }

  /** Somebody, or we, changed the link of that index. */
  linkChanged(link: number | 'unknown', kind: LinkChangeKind): void {
    if (link === 'unknown') {
      for (const port of this.#ports.values()) this.changed(port, 'contents');
      return;
    }
    const port = this.#byLink.get(link);
    if (port !== undefined) this.changed(port, kind);
    else if (this.#apart.size > 0) this.appeared(this.#rtnl.link(link)?.name);
  }

  private changed(port: EthernetPort, kind: LinkChangeKind): void {
    this.look(port);
    // Setting a device up tells of its link many times: one look spares the long comparison.
    if (kind === 'link' && port.isFine()) return;
    if (port.partner !== undefined) this.#apart.add(port);
    this.#watch.mark(port);
  }

  /** Perhaps a bridge or an interface that devices should be joined with. */
  private appeared(name: string | undefined): void {
    for (const port of this.#apart) if (port.partner === name) this.#watch.mark(port);
  }

  /** Tells when the state of the circuit is another. */
  private look(port: EthernetPort): void {
    if (this.#ports.get(port.session) !== port) return;
    const state = port.state();
    if (state === port.toldState) return;
    port.toldState = state;
    this.#events.circuit(port.session.key, statuses[state]);
  }

  // -------------------------------------------------------------- frames

  /** Takes the frames that wait at a device. */
  private transmit(port: EthernetPort): void {
    this.#slab ??= new Uint8Array(frameSlots * slotOctets);
    const slab = this.#slab;
    const { outgoing } = this.#path;
    for (let i = 0; i < batchesPerWake && port.fd >= 0; i++) {
      const count = native.readBatch(port.fd, slab, slotOctets, payloadHeadroomOctets, frameSlots, this.#lengths);
      // Of a device that is gone its poller tells.
      if (count < 0) {
        if (count !== eagain) this.#path.count(`device ${errnoName(count)}`);
        return;
      }
      for (let slot = 0; slot < count; slot++) this.send(port, slab, slot * slotOctets, this.#lengths[slot]);
      outgoing.flush();
      if (count < frameSlots) return;
    }
  }

  private send(port: EthernetPort, slab: Uint8Array, floor: number, octets: number): void {
    // Where all the room is filled, the rest may be cut off.
    if (octets === maxDatagramOctets) {
      this.#path.refuse(port.session, 'oversizeFrame');
      return;
    }
    const end = floor + payloadHeadroomOctets + octets;
    const start = port.toPeer(slab, floor + payloadHeadroomOctets, end);
    if (start < 0) this.#path.refuse(port.session, 'otherVlan');
    else this.#path.outgoing.sendPayload(port.session, slab, floor, start, end, holdsIp(slab, start, end), 0);
  }
}
