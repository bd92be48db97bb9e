/**
 * The way of a user's packet, both ways, without allocating: L2TP data messages from the transport's receive slab to
 * TUN devices, and packets from TUN devices, with the L2TP and PPP headers written in front of them, to the transport.
 */
import type { Datagram, PlaneEvents, SessionKey, SocketId } from '../engine/ports.ts';
import { sessionKeyV2 } from '../engine/ports.ts';
import type { Endpoint } from '../engine/spec.ts';
import { readU32 } from '../engine/wire/bytes.ts';
import { dataHeaderOctets, decodeDataHeader, newHeader, writeDataHeader } from '../engine/wire/header.ts';
import type { DeviceRoute } from './devices.ts';
import type { RawEndpoint } from './endpoints.ts';
import { datagramWord, datagramWords, errnoName, native, packetWord, packetWords } from './native.ts';
import { maxDatagramOctets, type UdpTransport } from './sockets.ts';

/** Packets read from or written to devices in one go. */
const packetSlots = 64;
/** Batches read from one device before the event loop gets its turn. */
const batchesPerWake = 4;
/** In front of a packet: the L2TP header without Length and Offset (10) and the PPP header (4). */
const headroomOctets = 16;
const slotOctets = headroomOctets + maxDatagramOctets;
/** So many late packets in a row mean that the peer counts anew. */
const lateRunLimit = 64;
const eagain = -11;

const pppIpv4 = 0x0021;
const pppIpv6 = 0x0057;
const linkLocalHigh = 0xfe800000;

export interface PlaneTunnel {
  localId: number;
  remoteId: number;
  socket: SocketId;
  remote: RawEndpoint;
  from: string | undefined;
}

/** Kept small: there may be a hundred thousand. */
export class PlaneSession {
  readonly key: SessionKey;
  readonly tunnel: PlaneTunnel;
  readonly remoteId: number;
  /** Whether we send sequence numbers. */
  sequencing: boolean;
  /** As LAC: send sequence numbers as the LNS does (RFC 2661 5.4). */
  readonly follows: boolean;
  ns = 0;
  /** The next Ns to be received. */
  expected = 0;
  lateRun = 0;
  carrier: Carrier | undefined = undefined;
  acfc = false;
  pfc = false;
  hasIpv4 = false;
  hasIpv6 = false;
  /** The peer's address, as a signed number. */
  ipv4 = 0;
  /** The peer's interface identifier. */
  interfaceIdHigh = 0;
  interfaceIdLow = 0;
  /** On a shared device: what the session may receive, and what it needs there of its own. */
  mtu = 0;
  hostRoute: DeviceRoute | undefined = undefined;
  linkLocal: LinkLocal | undefined = undefined;
  rxPackets = 0;
  rxOctets = 0;
  txPackets = 0;
  txOctets = 0;
  rxDropped = 0;
  txDropped = 0;
  rxOutOfOrder = 0;

  constructor(key: SessionKey, tunnel: PlaneTunnel, remoteId: number, sequencing: boolean, follows: boolean) {
    this.key = key;
    this.tunnel = tunnel;
    this.remoteId = remoteId;
    this.sequencing = sequencing;
    this.follows = follows;
  }
}

/** A TUN device as packets see it. */
export interface Carrier {
  readonly name: string;
  /** -1 while the device is gone. */
  readonly fd: number;
  /** The session that has the device for itself. */
  readonly sole: PlaneSession | undefined;
  /** A shared device's sessions by the peer's address, and by its interface identifier. */
  readonly byIpv4: ReadonlyMap<number, PlaneSession>;
  readonly byInterfaceId: ReadonlyMap<bigint, PlaneSession>;
}

/** An address fe80::id/64 of ours on a shared device, and how many sessions use it. */
export interface LinkLocal {
  readonly interfaceId: bigint;
  users: number;
}

export class DataPath {
  readonly tunnels = new Map<number, PlaneTunnel>();
  readonly sessions = new Map<SessionKey, PlaneSession>();
  /** Dropped packets by reason, both ways. */
  readonly dropped: Record<string, number> = {};

  readonly #transport: UdpTransport;
  readonly #events: PlaneEvents;
  readonly #header = newHeader();
  readonly #writeWords = new Int32Array(packetSlots * packetWords);
  readonly #writers: (PlaneSession | undefined)[] = new Array(packetSlots).fill(undefined);
  #writes = 0;
  readonly #readSlab = new Uint8Array(packetSlots * slotOctets);
  readonly #readLengths = new Int32Array(packetSlots);
  readonly #sendWords = new Int32Array(packetSlots * datagramWords);
  readonly #senders: (PlaneSession | undefined)[] = new Array(packetSlots).fill(undefined);
  readonly #frame = new Uint8Array(headroomOctets + maxDatagramOctets);

  constructor(transport: UdpTransport, events: PlaneEvents) {
    this.#transport = transport;
    this.#events = events;
    transport.afterBatch(() => this.writeOut(transport.receiveSlab));
  }

  // -------------------------------------------------------------- from the network

  receive(datagram: Datagram): void {
    const reason = this.take(datagram);
    if (reason !== undefined) this.count(reason);
  }

  /** Answers why the datagram is dropped. */
  private take({ bytes, start, end, from, socket }: Datagram): string | undefined {
    const header = this.#header;
    const defect = decodeDataHeader(bytes, start, end, header);
    if (defect !== undefined) return defect;
    const session = this.sessions.get(sessionKeyV2(header.tunnelId, header.sessionId));
    if (session === undefined) return 'noSession';
    // Only the tunnel's peer, over the tunnel's socket, may send into its sessions.
    const { tunnel } = session;
    if (socket !== tunnel.socket || !(from === tunnel.remote || isSame(from, tunnel.remote))) return 'wrongPeer';
    if (header.sequenced && !inOrder(session, header.ns)) return 'late';
    if (session.follows) session.sequencing = header.sequenced;
    const reason = this.carry(session, bytes, header.payloadStart, header.payloadEnd);
    if (reason !== undefined) session.rxDropped++;
    return reason;
  }

  /** Passes a PPP frame on: control protocols to the engine, user packets to the device. */
  private carry(session: PlaneSession, bytes: Uint8Array, start: number, end: number): string | undefined {
    // Address and control field, and the protocol's first octet, may be left out (RFC 1661 6.5, 6.6).
    let at = start;
    if (end - at >= 2 && bytes[at] === 0xff && bytes[at + 1] === 0x03) at += 2;
    if (end - at < 2) return 'truncatedPpp';
    let protocol = bytes[at++];
    if ((protocol & 1) === 0) protocol = (protocol << 8) | bytes[at++];

    const ip = protocol === pppIpv4 || protocol === pppIpv6;
    if (ip) {
      const reason = protocol === pppIpv4 ? refuseIpv4(session, bytes, at, end) : refuseIpv6(session, bytes, at, end);
      if (reason !== undefined) return reason;
    }
    session.rxPackets++;
    session.rxOctets += end - start;
    if (ip) this.write(session, bytes, at, end);
    else this.#events.frame(session.key, bytes, start, end);
    return undefined;
  }

  private write(session: PlaneSession, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#writes * packetWords;
    this.#writeWords[at + packetWord.fd] = session.carrier?.fd ?? -1;
    this.#writeWords[at + packetWord.offset] = start;
    this.#writeWords[at + packetWord.length] = end - start;
    this.#writers[this.#writes++] = session;
    const lasting = this.#transport.receiving && bytes === this.#transport.receiveSlab;
    if (!lasting || this.#writes === packetSlots) this.writeOut(bytes);
  }

  /** Gives the collected packets to their devices. */
  private writeOut(slab: Uint8Array): void {
    const count = this.#writes;
    if (count === 0) return;
    this.#writes = 0;
    if (native.writeBatch(slab, this.#writeWords, count) === count) return;
    for (let i = 0; i < count; i++) {
      const error = this.#writeWords[i * packetWords + packetWord.error];
      const session = this.#writers[i];
      if (error === 0 || session === undefined) continue;
      session.rxPackets--;
      session.rxDropped++;
      this.count(`device ${errnoName(-error)}`);
    }
  }

  /** Before a device is closed: packets that wait for it must not meet another with the same descriptor. */
  forget({ fd }: Carrier): void {
    for (let i = 0; i < this.#writes; i++) {
      const at = i * packetWords + packetWord.fd;
      if (this.#writeWords[at] === fd) this.#writeWords[at] = -1;
    }
  }

  private count(reason: string): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  // -------------------------------------------------------------- to the network

  /** Takes the packets that wait at a device. Answers a negative errno when the device is gone. */
  transmit(carrier: Carrier): number {
    for (let i = 0; i < batchesPerWake && carrier.fd >= 0; i++) {
      const count = native.readBatch(
        carrier.fd,
        this.#readSlab,
        slotOctets,
        headroomOctets,
        packetSlots,
        this.#readLengths,
      );
      if (count < 0) return count === eagain ? 0 : count;
      this.sendOut(this.encapsulate(carrier, count));
      if (count < packetSlots) break;
    }
    return 0;
  }

  /** Describes the datagrams to send; answers how many. */
  private encapsulate(carrier: Carrier, count: number): number {
    let datagrams = 0;
    for (let i = 0; i < count; i++) {
      const start = i * slotOctets + headroomOctets;
      const octets = this.#readLengths[i];
      const session = this.sessionFor(carrier, start, octets);
      if (session === undefined) continue;
      const at = this.prependPpp(session, start);
      if (this.describe(session, this.#readSlab, at, start + octets, datagrams * datagramWords)) {
        this.#senders[datagrams++] = session;
      }
    }
    return datagrams;
  }

  private sendOut(datagrams: number): void {
    if (datagrams === 0) return;
    this.#transport.sendFrom(this.#readSlab, this.#sendWords, datagrams);
    for (let i = 0; i < datagrams; i++) {
      const session = this.#senders[i];
      if (session === undefined || this.#sendWords[i * datagramWords + datagramWord.error] === 0) continue;
      session.txPackets--;
      session.txDropped++;
    }
  }

  private sessionFor(carrier: Carrier, start: number, octets: number): PlaneSession | undefined {
    const packet = this.#readSlab;
    const ipv4 = octets >= 20 && packet[start] >>> 4 === 4;
    const session = carrier.sole ?? (ipv4 ? this.byIpv4(carrier, start) : this.byInterfaceId(carrier, start, octets));
    if (session === undefined) {
      this.count('noSubscriber');
      return undefined;
    }
    const reason = !(ipv4 ? session.hasIpv4 : session.hasIpv6)
      ? 'notNegotiated'
      : // The tunnel's own packets would be wrapped for ever.
        ipv4 && (readU32(packet, start + 16) | 0) === session.tunnel.remote.ipv4
        ? 'tunnelLoop'
        : undefined;
    if (reason === undefined) return session;
    session.txDropped++;
    this.count(reason);
    return undefined;
  }

  private byIpv4(carrier: Carrier, start: number): PlaneSession | undefined {
    return carrier.byIpv4.get(readU32(this.#readSlab, start + 16) | 0);
  }

  private byInterfaceId(carrier: Carrier, start: number, octets: number): PlaneSession | undefined {
    if (octets < 40 || readU32(this.#readSlab, start + 24) !== linkLocalHigh) return undefined;
    const high = readU32(this.#readSlab, start + 32);
    return carrier.byInterfaceId.get((BigInt(high) << 32n) | BigInt(readU32(this.#readSlab, start + 36)));
  }

  /** Writes the PPP header in front of an IP packet; answers where it starts. */
  private prependPpp(session: PlaneSession, start: number): number {
    const slab = this.#readSlab;
    let at = start;
    slab[--at] = slab[start] >>> 4 === 4 ? pppIpv4 : pppIpv6;
    if (!session.pfc) slab[--at] = 0;
    if (!session.acfc) {
      slab[--at] = 0x03;
      slab[--at] = 0xff;
    }
    return at;
  }

  /** Writes the L2TP header in front of the payload slab[start, end) and the words of the datagram. */
  private describe(session: PlaneSession, slab: Uint8Array, start: number, end: number, words: number): boolean {
    const { tunnel } = session;
    if (!this.#transport.describe(this.#sendWords, words, tunnel.socket, tunnel.remote, tunnel.from)) {
      session.txDropped++;
      return false;
    }
    const at = this.prependL2tp(session, slab, start);
    this.#sendWords[words + datagramWord.offset] = at;
    this.#sendWords[words + datagramWord.length] = end - at;
    session.txPackets++;
    session.txOctets += end - start;
    return true;
  }

  private prependL2tp(session: PlaneSession, slab: Uint8Array, start: number): number {
    const at = start - dataHeaderOctets(false, session.sequencing);
    let ns: number | undefined;
    if (session.sequencing) {
      ns = session.ns;
      session.ns = (ns + 1) & 0xffff;
    }
    writeDataHeader(slab, at, session.tunnel.remoteId, session.remoteId, undefined, ns);
    return at;
  }

  /** Sends one whole PPP frame. */
  sendFrame(session: PlaneSession, frame: Uint8Array): void {
    if (frame.length > maxDatagramOctets - headroomOctets) {
      session.txDropped++;
      return;
    }
    this.#frame.set(frame, headroomOctets);
    const at = this.prependL2tp(session, this.#frame, headroomOctets);
    session.txPackets++;
    session.txOctets += frame.length;
    const { socket, remote, from } = session.tunnel;
    this.#transport.send(socket, remote, from, this.#frame, at, headroomOctets + frame.length);
  }
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}

/**
 * Late and repeated packets are dropped (RFC 2661 5.4); gaps are taken as losses. A long run of late ones means that
 * the peer has begun to count anew.
 */
function inOrder(session: PlaneSession, ns: number): boolean {
  const ahead = (ns - session.expected) & 0xffff;
  if (ahead >= 0x8000 && ++session.lateRun < lateRunLimit) {
    session.rxOutOfOrder++;
    return false;
  }
  session.lateRun = 0;
  session.expected = (ns + 1) & 0xffff;
  return true;
}

/** Why an IPv4 packet may not pass. Subscribers on a shared device must use the address that they were given. */
function refuseIpv4(session: PlaneSession, bytes: Uint8Array, start: number, end: number): string | undefined {
  if (session.carrier === undefined || !session.hasIpv4) return 'notAttached';
  if (end - start < 20 || bytes[start] >>> 4 !== 4) return 'malformedIp';
  const shared = session.carrier.sole === undefined;
  return shared && (readU32(bytes, start + 12) | 0) !== session.ipv4 ? 'spoofed' : undefined;
}

function refuseIpv6(session: PlaneSession, bytes: Uint8Array, start: number, end: number): string | undefined {
  if (session.carrier === undefined || !session.hasIpv6) return 'notAttached';
  if (end - start < 40 || bytes[start] >>> 4 !== 6) return 'malformedIp';
  if (session.carrier.sole !== undefined) return undefined;
  const own =
    readU32(bytes, start + 8) === linkLocalHigh &&
    readU32(bytes, start + 12) === 0 &&
    (readU32(bytes, start + 16) | 0) === session.interfaceIdHigh &&
    (readU32(bytes, start + 20) | 0) === session.interfaceIdLow;
  return own ? undefined : 'spoofed';
}
