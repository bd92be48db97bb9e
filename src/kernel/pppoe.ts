/**
 * PPPoE on Ethernet interfaces (RFC 2516): discovery packets between the wire and the engine, session packets between
 * the wire and the packet path. An interface that goes away is awaited.
 */
import { PlaneError } from '../engine/errors.ts';
import type { PlaneEvents, PlaneOp } from '../engine/ports.ts';
import { readU16, readU32, writeU16, writeU32 } from '../engine/wire/bytes.ts';
import type { DataPath } from './data-path.ts';
import { type PacketSocket, PacketSockets } from './ethernet.ts';
import { errnoName, frameWord, frameWords, native } from './native.ts';
import {
  etherTypePppoeDiscovery,
  etherTypePppoeSession,
  maxPppoeOctets,
  type PppoeHeader,
  padtCode,
  pppoeHeaderOctets,
  readPppoeHeader,
  sessionCode,
  writePppoeHeader,
} from './pppoe-header.ts';
import type { Rtnl } from './rtnl.ts';
import { type Mac, type PppoeLink, PppoeSession } from './sessions.ts';

const macOctets = 6;
/** RFC 2516 4: 0 is discovery's, 0xffff is reserved. */
const maxPppoeSessionId = 0xfffe;

/**
 * The least time between two clients of one interface that are told that their session is none: after a restart
 * thousands are told within seconds, yet no flood makes us flood.
 */
const padtEveryMs = 5;
/** In a MAC address's first two octets. */
const groupBit = 0x0100;

interface Sockets {
  readonly index: number;
  readonly discovery: PacketSocket;
  readonly session: PacketSocket;
}

class Interface implements PppoeLink {
  readonly name: string;
  readonly sessions = new Map<number, PppoeSession>();
  /** Undefined while the interface is gone. */
  sockets: Sockets | undefined = undefined;
  nextPadtAt = 0;

  constructor(name: string) {
    this.name = name;
  }

  get index(): number {
    return this.sockets?.index ?? 0;
  }

  get sessionFd(): number {
    return this.sockets?.session.fd ?? -1;
  }
}

export class Pppoe {
  readonly #path: DataPath;
  readonly #events: PlaneEvents;
  readonly #rtnl: Rtnl;
  readonly #packets: PacketSockets;
  readonly #interfaces = new Map<string, Interface>();
  readonly #header: PppoeHeader = { code: 0, sessionId: 0, end: 0 };
  readonly #words = new Int32Array(frameWords);
  readonly #padt = new Uint8Array(pppoeHeaderOctets);

  constructor(path: DataPath, events: PlaneEvents, rtnl: Rtnl) {
    this.#path = path;
    this.#events = events;
    this.#rtnl = rtnl;
    this.#packets = new PacketSockets(
      () => path.flush(),
      (reason) => path.count(`pppoe ${reason}`),
    );
  }

  /** How many interfaces are open. */
  get size(): number {
    return this.#interfaces.size;
  }

  /** @throws PlaneError ENODEV when there is no such interface */
  open(name: string): void {
    const known = this.#interfaces.get(name);
    if (known?.sockets !== undefined) return;
    const place = known ?? new Interface(name);
    this.listen(place, this.#rtnl.link(name)?.index);
    this.#interfaces.set(name, place);
  }

  /** Sessions that are still there neither send nor receive. */
  close(name: string): void {
    const place = this.#interfaces.get(name);
    this.#interfaces.delete(name);
    if (place !== undefined) this.silence(place);
  }

  closeAll(): void {
    for (const name of this.#interfaces.keys()) this.close(name);
  }

  private listen(place: Interface, index: number | undefined): void {
    const what = `PPPoE on ${place.name}`;
    if (index === undefined) throw new PlaneError('ENODEV', what);
    const discovery = this.#packets.open(index, etherTypePppoeDiscovery, true, what, (high, low, start, end) =>
      this.count(this.discovery(place, high, low, start, end)),
    );
    try {
      const session = this.#packets.open(index, etherTypePppoeSession, false, what, (high, low, start, end) =>
        this.count(this.sessionPacket(place, high, low, start, end)),
      );
      place.sockets = { index, discovery, session };
    } catch (error) {
      this.#packets.close(discovery);
      throw error;
    }
  }

  private silence(place: Interface): void {
    const { sockets } = place;
    if (sockets === undefined) return;
    // Frames that wait must not go out of another socket with the same descriptor.
    this.#path.flush();
    place.sockets = undefined;
    this.#packets.close(sockets.discovery);
    this.#packets.close(sockets.session);
  }

  /** Follows interfaces that go, come or change their name. */
  linkChanged(link: number | 'unknown'): void {
    for (const place of this.#interfaces.values()) {
      if (place.sockets !== undefined && link !== 'unknown' && place.index !== link) continue;
      this.follow(place);
    }
  }

  private follow(place: Interface): void {
    try {
      const index = this.#rtnl.link(place.name)?.index;
      if (index === place.sockets?.index) return;
      if (place.sockets !== undefined) {
        this.silence(place);
        this.#events.drift(place.name, 'missing: PPPoE waits for it');
      }
      this.listen(place, index);
      this.#events.pppoeServed(place.name, undefined);
      this.#events.drift(place.name, 'here again: PPPoE goes on');
    } catch (error) {
      // The interface is gone, or gone again: its coming back will be told.
      if (!(error instanceof PlaneError)) throw error;
      if (place.sockets === undefined) this.#events.pppoeServed(place.name, error.message);
    }
  }

  // -------------------------------------------------------------- sessions

  /** @throws PlaneError */
  up(op: Extract<PlaneOp, { op: 'pppoeUp' }>): void {
    const { session: key, interface: name, peer, pppoeSessionId } = op;
    const place = this.#interfaces.get(name);
    if (place === undefined) throw new PlaneError('ENOENT', `PPPoE on ${name}`);
    const what = `PPPoE session ${pppoeSessionId} on ${name}`;
    if (peer.length !== macOctets || pppoeSessionId < 1 || pppoeSessionId > maxPppoeSessionId) {
      throw new PlaneError('EINVAL', what);
    }
    const holder = place.sessions.get(pppoeSessionId);
    if (holder !== undefined && holder.key !== key) throw new PlaneError('EEXIST', what);
    this.down(key);
    const session = new PppoeSession(key, place, macOf(peer), pppoeSessionId);
    place.sessions.set(pppoeSessionId, session);
    this.#path.pppoeSessions.set(key, session);
  }

  down(key: number): void {
    const session = this.#path.pppoeSessions.get(key);
    if (session === undefined) return;
    if (session.link instanceof Interface) session.link.sessions.delete(session.pppoeSessionId);
    this.#path.end(session);
  }

  private count(reason: string | undefined): void {
    if (reason !== undefined) this.#path.count(`pppoe ${reason}`);
  }

  // -------------------------------------------------------------- from the wire; each answers why it drops a packet

  private discovery(place: Interface, macHigh: number, macLow: number, start: number, end: number): string | undefined {
    const header = this.#header;
    const { slab } = this.#packets;
    if (!readPppoeHeader(slab, start, end, header)) return 'malformed';
    this.#events.discovery(place.name, macOctetsOf(macHigh, macLow), slab, start, header.end);
    return undefined;
  }

  private sessionPacket(
    place: Interface,
    macHigh: number,
    macLow: number,
    start: number,
    end: number,
  ): string | undefined {
    const header = this.#header;
    const { slab } = this.#packets;
    if (!readPppoeHeader(slab, start, end, header) || header.code !== sessionCode) return 'malformed';
    const session = place.sessions.get(header.sessionId);
    if (session === undefined || session.peer.high !== macHigh || session.peer.low !== macLow) {
      this.disown(place, macHigh, macLow, header.sessionId);
      return session === undefined ? 'noSession' : 'wrongPeer';
    }
    this.#path.receivePppoe(session, slab, start + pppoeHeaderOctets, header.end);
    return undefined;
  }

  /**
   * Tells a client that it has no such session here (RFC 2516 5.5). It may be from before we were started anew, and
   * would else be taken for alive until the client's own patience ends.
   */
  private disown(place: Interface, macHigh: number, macLow: number, sessionId: number): void {
    if (sessionId < 1 || sessionId > maxPppoeSessionId || (macHigh & groupBit) !== 0) return;
    const now = performance.now();
    if (now < place.nextPadtAt) return;
    place.nextPadtAt = now + padtEveryMs;
    writePppoeHeader(this.#padt, 0, padtCode, sessionId, 0);
    this.count(this.trySending(place.sockets, macOctetsOf(macHigh, macLow), this.#padt));
  }

  // -------------------------------------------------------------- to the wire

  /** Sends a discovery packet. What cannot be sent is counted. */
  sendDiscovery(name: string, peer: Uint8Array, packet: Uint8Array): void {
    this.count(this.trySending(this.#interfaces.get(name)?.sockets, peer, packet));
  }

  private trySending(sockets: Sockets | undefined, peer: Uint8Array, packet: Uint8Array): string | undefined {
    if (sockets === undefined) return 'ENODEV';
    if (peer.length !== macOctets || packet.length > maxPppoeOctets) return 'EINVAL';
    const words = this.#words;
    const { high, low } = macOf(peer);
    words[frameWord.fd] = sockets.discovery.fd;
    words[frameWord.offset] = 0;
    words[frameWord.length] = packet.length;
    words[frameWord.type] = etherTypePppoeDiscovery;
    words[frameWord.interface] = sockets.index;
    words[frameWord.macHigh] = high;
    words[frameWord.macLow] = low;
    return native.sendFrames(packet, words, 1) === 1 ? undefined : errnoName(-words[frameWord.error]);
  }
}

function macOf(octets: Uint8Array): Mac {
  return { high: readU16(octets, 0), low: readU32(octets, 2) | 0 };
}

function macOctetsOf(high: number, low: number): Uint8Array {
  const octets = new Uint8Array(macOctets);
  writeU16(octets, 0, high);
  writeU32(octets, 2, low);
  return octets;
}
