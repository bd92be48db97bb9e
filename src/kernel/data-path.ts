/**
 * The way of a user's packet without allocating: L2TP data messages and PPPoE session packets from a receive slab to TUN
 * devices, to circuits or, spliced, out again; and packets from TUN devices, with the headers written in front of them.
 */
import type { Datagram, PlaneEvents, SessionKey } from '../engine/ports.ts';
import { sessionKeyV2 } from '../engine/ports.ts';
import { type Endpoint, type FilterRule, maxTimerMs, type RateLimit } from '../engine/spec.ts';
import { decodeDataHeader, newHeader } from '../engine/wire/header.ts';
import { isForRouter, refuseIpv4, refuseIpv6 } from './admission.ts';
import { type HeaderV3, isVersion3, readHeaderV3, refuseV3, sessionIdV3 } from './data-header.ts';
import { DevicePackets } from './device-packets.ts';
import { Drops } from './drops.ts';
import { Outgoing } from './outgoing.ts';
import { packetAt, pppProtocol, protocolAt, skipAddress } from './ppp-header.ts';
import { Reorder } from './reorder.ts';
import { type Carrier, L2tpSession, type PlaneSession, type PlaneTunnel, PppoeSession } from './sessions.ts';
import type { SocketTransport } from './sockets.ts';
import { UserPackets } from './user-packets.ts';

/** In front of what a PPPoE client's session packet carries, its header included. */
const pppoeHeadroomOctets = 22;

export class DataPath {
  readonly tunnels = new Map<number, PlaneTunnel>();
  /** L2TP's sessions. */
  readonly sessions = new Map<SessionKey, L2tpSession>();
  readonly pppoeSessions = new Map<SessionKey, PppoeSession>();
  /** Dropped packets by reason, both ways. */
  readonly dropped: Record<string, number> = {};

  readonly #transport: SocketTransport;
  readonly #events: PlaneEvents;
  readonly #header = newHeader();
  readonly #headerV3: HeaderV3 = { flags: 0, sequence: -1, payloadStart: 0 };
  /** L2TPv3's sessions by their local ids as signed numbers, which stay small integers. */
  readonly #sessionsV3 = new Map<number, L2tpSession>();
  readonly #drops: Drops;
  readonly outgoing: Outgoing;
  readonly #users: UserPackets;
  readonly #devicePackets: DevicePackets;
  readonly #reorder = new Reorder(
    (session, bytes, start, end, flags) => this.pass(session, bytes, 0, start, end, flags),
    () => performance.now(),
  );
  #alarm: NodeJS.Timeout | undefined;
  #alarmAt = 0;

  /** What circuits have gathered is sent before the rest. */
  readonly #flushCircuits: (() => void)[] = [];

  constructor(transport: SocketTransport, events: PlaneEvents) {
    this.#transport = transport;
    this.#events = events;
    this.#drops = new Drops(events);
    const count = (reason: string): void => this.count(reason);
    this.outgoing = new Outgoing(transport, this.#drops, count);
    this.#users = new UserPackets(this.#drops, this.outgoing, count, () => this.arm());
    this.#devicePackets = new DevicePackets(this.#users, this.outgoing, this.#drops, count);
    transport.afterBatch(() => this.flush());
  }

  /** Sends what is gathered; to be called while the receive slab still holds it. */
  flush(): void {
    for (const flushCircuit of this.#flushCircuits) flushCircuit();
    this.#users.flush();
    this.outgoing.flush();
  }

  count(reason: string): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  close(): void {
    clearTimeout(this.#alarm);
    this.#drops.close();
    for (const session of this.sessions.values()) this.end(session);
    for (const session of this.pppoeSessions.values()) this.end(session);
    this.tunnels.clear();
  }

  // -------------------------------------------------------------- sessions

  session(key: SessionKey): PlaneSession | undefined {
    return this.sessions.get(key) ?? this.pppoeSessions.get(key);
  }

  add(session: L2tpSession): void {
    this.sessions.set(session.key, session);
    if (session.format !== undefined) this.#sessionsV3.set(session.format.localSessionId | 0, session);
  }

  /** Forgets a session, which must be detached. */
  end(session: PlaneSession): void {
    unsplice(session);
    this.#drops.forget(session);
    if (session instanceof PppoeSession) {
      this.pppoeSessions.delete(session.key);
    } else {
      this.#reorder.forget(session);
      this.#users.forget(session);
      this.sessions.delete(session.key);
      if (session.format !== undefined) this.#sessionsV3.delete(session.format.localSessionId | 0);
    }
  }

  /** From now on every frame of one goes out of the other. */
  splice(one: PlaneSession, other: PlaneSession): void {
    unsplice(one);
    unsplice(other);
    one.spliced = other;
    other.spliced = one;
  }

  /** After a change of how long the session's messages may wait. */
  retime(session: L2tpSession): void {
    this.#reorder.retime(session);
    if (!this.#transport.receiving) this.flush();
    this.arm();
  }

  /**
   * Holds a session's user packets to a rate and a filter.
   * @throws PlaneError EINVAL when a filter's network is none
   */
  limit(session: L2tpSession, rate: RateLimit | undefined, rules: readonly FilterRule[] | undefined): void {
    this.#users.limit(session, rate, rules);
    this.flush();
  }

  /** Drops what waits for a session that is detached. */
  forgetPackets(session: L2tpSession): void {
    this.#users.forget(session);
  }

  // -------------------------------------------------------------- circuits

  /** Who is called before what is gathered goes out: at the end of each batch of datagrams, and of what waited. */
  beforeFlush(flush: () => void): void {
    this.#flushCircuits.push(flush);
  }

  /** A frame of a circuit that is not sent to the peer. */
  refuse(session: L2tpSession, reason: string): void {
    this.#drops.sent(session);
    this.count(reason);
  }

  /** A payload of so many octets that a circuit took, and that was counted, has got lost there. */
  lose(session: L2tpSession, octets: number, reason: string): void {
    session.rxPackets--;
    session.rxOctets -= octets;
    this.#drops.received(session);
    this.count(reason);
  }

  // -------------------------------------------------------------- what waits

  /** One timer for all that waits. */
  private arm(): void {
    const next = earlier(this.#reorder.next(), this.#users.next());
    if (next === undefined || (this.#alarm !== undefined && this.#alarmAt <= next)) return;
    clearTimeout(this.#alarm);
    this.#alarmAt = next;
    const delayMs = Math.ceil(next - performance.now());
    this.#alarm = setTimeout(() => this.expire(), Math.min(delayMs, maxTimerMs));
  }

  private expire(): void {
    this.#alarm = undefined;
    const now = performance.now();
    this.#reorder.expire(now);
    this.#users.expire(now);
    this.flush();
    this.arm();
  }

  /** How much each table holds. */
  tables(): Record<string, number> {
    return {
      tunnels: this.tunnels.size,
      sessions: this.sessions.size,
      pppoeSessions: this.pppoeSessions.size,
      reorderingSessions: this.#reorder.size,
      reorderingOctets: this.#reorder.octets,
      waitingPackets: this.#users.waiting,
    };
  }

  // -------------------------------------------------------------- from the network

  receive(datagram: Datagram): void {
    const reason = this.take(datagram);
    if (reason !== undefined) this.count(reason);
    if (!this.#transport.receiving) this.flush();
  }

  /** Answers why the datagram is dropped before its frame is looked at. */
  private take(datagram: Datagram): string | undefined {
    if (isVersion3(datagram)) return this.takeV3(datagram);
    const { bytes, start, end } = datagram;
    const header = this.#header;
    const defect = decodeDataHeader(bytes, start, end, header);
    if (defect !== undefined) return defect;
    const session = this.sessions.get(sessionKeyV2(header.tunnelId, header.sessionId));
    if (session === undefined) return 'noSession';
    if (!isFromPeer(datagram, session)) return 'wrongPeer';
    const { sequenced, ns, payloadStart, payloadEnd } = header;
    if (session.follows) session.sequencing = sequenced ? 'all' : 'none';
    if (sequenced) return this.order(session, ns, bytes, start, payloadStart, payloadEnd, 0);
    // The peer has ceased to number its messages (RFC 2661 5.4): nothing more will fill the gaps.
    if (session.held !== undefined) this.#reorder.flush(session);
    this.carry(session, bytes, start, payloadStart, payloadEnd);
    return undefined;
  }

  private takeV3(datagram: Datagram): string | undefined {
    const defect = refuseV3(datagram);
    if (defect !== undefined) return defect;
    const session = this.#sessionsV3.get(sessionIdV3(datagram));
    if (session?.format === undefined) return 'noSession';
    if (!isFromPeer(datagram, session)) return 'wrongPeer';
    const header = this.#headerV3;
    const refused = readHeaderV3(datagram, session.format, header);
    if (refused !== undefined) return refused;
    const { bytes, start, end } = datagram;
    const { sequence, payloadStart, flags } = header;
    if (session.format.checksSequence && sequence >= 0) {
      return this.order(session, sequence, bytes, start, payloadStart, end, flags);
    }
    this.pass(session, bytes, start, payloadStart, end, flags);
    return undefined;
  }

  /** Passes a numbered payload on when it is its turn. */
  private order(
    session: L2tpSession,
    sequence: number,
    bytes: Uint8Array,
    floor: number,
    start: number,
    end: number,
    flags: number,
  ): string | undefined {
    const arrival = this.#reorder.arrive(session, sequence, bytes, start, end, flags);
    if (arrival === 'held') this.arm();
    if (arrival !== 'now') return arrival === 'late' ? 'late' : undefined;
    this.pass(session, bytes, floor, start, end, flags);
    if (session.held !== undefined) this.#reorder.release(session);
    return undefined;
  }

  /** Passes a payload on. What lies between `floor` and it may be overwritten. */
  private pass(
    session: L2tpSession,
    bytes: Uint8Array,
    floor: number,
    start: number,
    end: number,
    flags: number,
  ): void {
    if (session.pseudowire === 'ppp') this.carry(session, bytes, floor, start, end);
    else this.leave(session, bytes, start, end, flags);
  }

  /** Gives a payload to the session's circuit. */
  private leave(session: L2tpSession, bytes: Uint8Array, start: number, end: number, flags: number): void {
    const reason =
      session.circuit === undefined ? 'notAttached' : session.circuit.take(session, bytes, start, end, flags);
    if (reason === undefined) {
      session.rxPackets++;
      session.rxOctets += end - start;
    } else {
      this.#drops.received(session);
      this.count(reason);
    }
  }

  /** Takes the PPP frame of a PPPoE session packet, before which some octets may be overwritten. */
  receivePppoe(session: PppoeSession, bytes: Uint8Array, start: number, end: number): void {
    // From here on it looks like L2TP's.
    bytes[start - 1] = 0x03;
    bytes[start - 2] = 0xff;
    this.carry(session, bytes, start - pppoeHeadroomOctets, start - 2, end);
  }

  /** Passes a PPP frame on. What lies between `floor` and it may be overwritten. */
  private carry(session: PlaneSession, bytes: Uint8Array, floor: number, start: number, end: number): void {
    const reason =
      session.spliced === undefined
        ? this.terminate(session, bytes, start, end)
        : this.relay(session, session.spliced, bytes, floor, start, end);
    if (reason === undefined) return;
    this.#drops.received(session);
    this.count(reason);
  }

  /** Control protocols go to the engine, user packets to the device. Answers why the frame is dropped. */
  private terminate(session: PlaneSession, bytes: Uint8Array, start: number, end: number): string | undefined {
    const field = skipAddress(bytes, start, end);
    if (end - field < 2) return 'truncatedPpp';
    const protocol = protocolAt(bytes, field);
    if (protocol === pppProtocol.mppe && session instanceof L2tpSession && session.mppe !== undefined) {
      const plain = session.mppe.decrypt(bytes, packetAt(bytes, field), end);
      return plain < 0 ? 'notDecrypted' : this.takeUserPacket(session, bytes, plain, plain, end);
    }
    if (protocol !== pppProtocol.ipv4 && protocol !== pppProtocol.ipv6) {
      this.#events.frame(session.key, bytes, start, end);
      return undefined;
    }
    if (!(session instanceof L2tpSession)) return 'notAttached';
    return session.mppe === undefined ? this.takeUserPacket(session, bytes, start, field, end) : 'notEncrypted';
  }

  /** Takes a PPP frame with an IP packet, whose protocol field stands at `field`. */
  private takeUserPacket(
    session: L2tpSession,
    bytes: Uint8Array,
    start: number,
    field: number,
    end: number,
  ): string | undefined {
    const at = packetAt(bytes, field);
    const ipv6 = bytes[at - 1] === pppProtocol.ipv6;
    if (session.router && ipv6 && isForRouter(session, bytes, at, end)) {
      this.#events.frame(session.key, bytes, start, end);
      return undefined;
    }
    const refused = ipv6 ? refuseIpv6(session, bytes, at, end) : refuseIpv4(session, bytes, at, end);
    return refused ?? this.#users.up(session, bytes, at, end);
  }

  private relay(
    from: PlaneSession,
    to: PlaneSession,
    bytes: Uint8Array,
    floor: number,
    start: number,
    end: number,
  ): string | undefined {
    const at = skipAddress(bytes, start, end);
    if (end - at < 2) return 'truncatedPpp';
    from.rxPackets++;
    from.rxOctets += end - start;
    if (to instanceof PppoeSession) this.outgoing.sendPppoe(to, bytes, at, end);
    else this.outgoing.sendL2tp(to, bytes, floor, start, end, end - start);
    return undefined;
  }

  /** Before a device is closed: packets that wait must not meet another with the same descriptor. */
  closing(): void {
    this.#users.flush();
  }

  // -------------------------------------------------------------- to the network

  /** Sends one whole PPP frame, in the form that it has in L2TP. */
  sendFrame(session: PlaneSession, frame: Uint8Array): void {
    this.outgoing.sendFrame(session, frame);
  }

  /** Takes the packets that wait at a device. Answers a negative errno when the device is gone. */
  transmit(carrier: Carrier): number {
    return this.#devicePackets.transmit(carrier);
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function unsplice(session: PlaneSession): void {
  if (session.spliced !== undefined) session.spliced.spliced = undefined;
  session.spliced = undefined;
}

/** Only the tunnel's peer, over the tunnel's socket, may send into its sessions. */
function isFromPeer({ socket, from }: Datagram, { tunnel }: L2tpSession): boolean {
  return socket === tunnel.socket && (from === tunnel.remote || isSame(from, tunnel.remote));
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}
