/**
 * All tunnels and sessions of one daemon, without clock, socket or randomness of its own: inputs are method calls with
 * the present instant, outputs are the effects they return, and `deadline()` says when `tick` is due.
 */
import { type EngineCore, freeId, randomU64, tunnelLimit } from './core.ts';
import { DeadlineQueue } from './deadlines.ts';
import type { EngineEffect, Instant, Notice, Random } from './effects.ts';
import { type Result, WireError } from './errors.ts';
import { matchesAnyone, PeerTable } from './peers.ts';
import type { AllocateAnswer, AuthenticateAnswer, Datagram, PlaneFact, SessionKey, SocketId } from './ports.ts';
import type { PppEvent } from './ppp/link.ts';
import { describe, type Session } from './session.ts';
import type { Endpoint, GatewaySpec, PeerSpec, SessionSpec, SessionView, TunnelSpec, TunnelView } from './spec.ts';
import { Tunnel } from './tunnel.ts';
import type { AvpValues } from './wire/avp.ts';
import { type Dialect, dialectV2 } from './wire/dialect.ts';
import { type Header, newHeader } from './wire/header.ts';
import type { Message } from './wire/message.ts';

/** Tunnels whose peer has not yet shown that it is there; the oldest makes room for a new one. */
const maxHalfOpenTunnels = 1_000;

/** Of refused requests only one in this time makes a notice; all are counted. */
const refusalNoticeMs = 1_000;

/** RFC 2661 4.4.2: StopCCN result codes that the engine itself gives. */
const stopResult = { clear: 1, notAuthorized: 4, shuttingDown: 6 } as const;

/** All accepted sessions share a device, on which each IPv6 interface id of ours is one more address: one is enough. */
function withInterfaceId(peer: PeerSpec, interfaceId: bigint): PeerSpec {
  const { ipv6 } = peer.ppp;
  return { ...peer, ppp: { ...peer.ppp, ipv6: { ...ipv6, interfaceId: ipv6.interfaceId ?? interfaceId } } };
}

const unknownPeer: Result = { result: stopResult.notAuthorized, error: 0, message: 'no PeerProfile matches' };

export interface EngineOptions {
  random: Random;
  /** Wall-clock time of instant 0, for the times in views. */
  epochMs: number;
}

/** Why control datagrams were not taken, counted. */
export type DropCounters = Record<string, number>;

export class Engine {
  readonly drops: DropCounters = {};
  private readonly core: EngineCore;
  private readonly dialect: Dialect = dialectV2;
  private readonly tunnels = new Map<number, Tunnel>();
  private readonly tunnelsByName = new Map<string, Tunnel>();
  private readonly sessionsByName = new Map<string, Session>();
  /** The last state of declared tunnels and sessions that ended by themselves. */
  private readonly endedTunnels = new Map<string, TunnelView>();
  private readonly endedSessions = new Map<string, SessionView>();
  /** Accepted tunnels by the peer's endpoint and tunnel id, to know an SCCRQ that comes again. */
  private readonly byRequest = new Map<string, Tunnel>();
  /** In the order of their coming. */
  private readonly halfOpen = new Set<Tunnel>();
  private readonly header: Header = newHeader();
  private readonly interfaceId: bigint;
  private nextRefusalNotice: Instant = 0;

  constructor(options: EngineOptions, gateway: GatewaySpec) {
    this.interfaceId = randomU64(options.random);
    this.core = {
      random: options.random,
      epochMs: options.epochMs,
      deadlines: new DeadlineQueue(),
      sessions: new Map(),
      gateway,
      peers: this.peerTable(gateway),
      establishedTunnels: 0,
      declaredBegan: (session) => {
        if (session.declared) this.sessionsByName.set(session.declared.name, session);
      },
      declaredEnded: (session) => this.declaredEnded(session),
    };
  }

  // ------------------------------------------------------------ what is declared

  /** Accepted tunnels go on under the profile that matches their peer now; without one they are closed. */
  configure(gateway: GatewaySpec, now: Instant): EngineEffect[] {
    this.core.gateway = gateway;
    this.core.peers = this.peerTable(gateway);
    const out: EngineEffect[] = [];
    for (const tunnel of [...this.tunnels.values()]) out.push(...this.settle(tunnel, tunnel.rematch(now)));
    return out;
  }

  private peerTable(gateway: GatewaySpec): PeerTable {
    return new PeerTable(gateway.peers.map((peer) => withInterfaceId(peer, this.interfaceId)));
  }

  /** Dials. An ended tunnel of this name is forgotten. */
  openTunnel(
    spec: TunnelSpec,
    path: { socket: SocketId; local: Endpoint; remote: Endpoint },
    now: Instant,
  ): EngineEffect[] {
    const localId = this.freeTunnelId();
    if (localId === undefined || this.tunnelsByName.has(spec.name))
      return [{ effect: 'closeSocket', socket: path.socket }];
    const tunnel = new Tunnel(this.core, this.dialect, localId, { dialled: spec }, { ...path, from: undefined }, now);
    this.endedTunnels.delete(spec.name);
    tunnel.ownsSocket = true;
    this.tunnelsByName.set(spec.name, tunnel);
    this.tunnels.set(localId, tunnel);
    return this.settle(tunnel, tunnel.open(now));
  }

  modifyTunnel(spec: TunnelSpec): void {
    const tunnel = this.tunnelsByName.get(spec.name);
    tunnel?.modify(spec);
    if (tunnel) this.core.deadlines.update(tunnel);
  }

  /** Sends StopCCN and forgets the name at once; the control connection lingers without it. */
  closeTunnel(name: string, now: Instant): EngineEffect[] {
    this.endedTunnels.delete(name);
    const tunnel = this.tunnelsByName.get(name);
    if (!tunnel) return [];
    const out = tunnel.close({ result: stopResult.clear }, now);
    for (const [sessionName, view] of this.endedSessions) {
      if (view.tunnel === name) this.endedSessions.delete(sessionName);
    }
    this.tunnelsByName.delete(name);
    tunnel.name = undefined;
    return this.settle(tunnel, out);
  }

  /** Asks for a call in an established tunnel of ours; elsewhere it does nothing. */
  openSession(spec: SessionSpec, now: Instant): EngineEffect[] {
    const tunnel = this.tunnelsByName.get(spec.tunnel);
    if (tunnel?.state !== 'established' || this.sessionsByName.has(spec.name)) return [];
    this.endedSessions.delete(spec.name);
    return this.settle(tunnel, tunnel.calls.open(spec, now));
  }

  modifySession(spec: SessionSpec, now: Instant): EngineEffect[] {
    const session = this.sessionsByName.get(spec.name);
    const tunnel = session && this.tunnels.get(session.tunnel.localId);
    return tunnel ? this.settle(tunnel, tunnel.calls.modify(session, spec, now)) : [];
  }

  /** Sends CDN and forgets the name. */
  closeSession(name: string, now: Instant): EngineEffect[] {
    const session = this.sessionsByName.get(name);
    const tunnel = session && this.tunnels.get(session.tunnel.localId);
    const result = { result: 3, error: 0, message: 'closed by the operator' };
    const out = tunnel ? this.settle(tunnel, tunnel.calls.toSession(session, { event: 'close', result }, now)) : [];
    this.endedSessions.delete(name);
    return out;
  }

  /** A listener is going to be closed: so are the tunnels that came through it, while they can still be told. */
  closeListener(socket: SocketId, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const tunnel of [...this.tunnels.values()]) {
      if (tunnel.ownsSocket || tunnel.path.socket !== socket) continue;
      out.push(...tunnel.close({ result: stopResult.clear, error: 0, message: 'the listener is closed' }, now));
      tunnel.finished = true;
      this.settle(tunnel, out);
    }
    return out;
  }

  /** Ends everything because the daemon ends. `quiet` tells when all peers know. */
  shutdown(now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const tunnel of [...this.tunnels.values()]) {
      out.push(...this.settle(tunnel, tunnel.close({ result: stopResult.shuttingDown }, now)));
    }
    return out;
  }

  /** Whether no peer has anything left to acknowledge. */
  get quiet(): boolean {
    for (const tunnel of this.tunnels.values()) if (!tunnel.quiet) return false;
    return true;
  }

  // ------------------------------------------------------------ what arrives

  /**
   * A control message that came on a socket; its octets are only borrowed. `listening` is the socket's own endpoint if
   * it is a listener: only there may a peer ask for a tunnel, since other sockets end with the tunnels that they are for.
   */
  datagram(datagram: Datagram, listening: Endpoint | undefined, now: Instant): EngineEffect[] {
    const { header } = this;
    const { bytes, start, end, from } = datagram;
    try {
      this.dialect.decodeHeader(bytes, start, end, header);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.drop(error.reason);
    }
    if (!header.control) return this.drop('notControl');
    if (header.tunnelId === 0) {
      return listening ? this.withoutTunnel(datagram, listening, now) : this.drop('notListening');
    }
    const tunnel = this.tunnels.get(header.tunnelId);
    if (!tunnel) return this.drop('unknownTunnel');
    const { remote, socket } = tunnel.path;
    // RFC 2661 8.1: the first answer to a dialled tunnel may come from another port.
    const fromPeer = from.address === remote.address && (from.port === remote.port || tunnel.state === 'waitReply');
    if (!fromPeer || socket !== datagram.socket) return this.drop('wrongSource');
    return this.settle(tunnel, tunnel.datagram(header, datagram, now));
  }

  /** A PPP control frame of a session; its octets are only borrowed. */
  frame(session: SessionKey, bytes: Uint8Array, start: number, end: number, now: Instant): EngineEffect[] {
    return this.toPpp(session, { event: 'frame', bytes, start, end }, now);
  }

  authenticated(session: SessionKey, answer: AuthenticateAnswer, now: Instant): EngineEffect[] {
    return this.toPpp(session, { event: 'authenticated', answer }, now);
  }

  allocated(session: SessionKey, answer: AllocateAnswer, now: Instant): EngineEffect[] {
    return this.toPpp(session, { event: 'allocated', answer }, now);
  }

  /** The data plane's answer to an operation for a session. */
  planeFact(key: SessionKey, fact: PlaneFact, now: Instant): EngineEffect[] {
    const session = this.core.sessions.get(key);
    const tunnel = session && this.tunnels.get(session.tunnel.localId);
    return tunnel ? this.settle(tunnel, tunnel.calls.toSession(session, { event: 'fact', fact }, now)) : [];
  }

  deadline(): Instant | undefined {
    return this.core.deadlines.next();
  }

  /** Does what is due; call it again while `deadline()` is not later than now. */
  tick(now: Instant): EngineEffect[] {
    const due = this.core.deadlines.takeDue(now);
    if (due === undefined) return [];
    if (due instanceof Tunnel) return this.settle(due, due.tick(now));
    const tunnel = this.tunnels.get(due.tunnel.localId);
    return tunnel ? this.settle(tunnel, tunnel.calls.toSession(due, { event: 'tick' }, now)) : [];
  }

  // ------------------------------------------------------------ views

  /** Declared tunnels, those that ended by themselves included. */
  *declaredTunnels(): Iterable<TunnelView> {
    for (const tunnel of this.tunnelsByName.values()) yield tunnel.view();
    yield* this.endedTunnels.values();
  }

  *declaredSessions(): Iterable<SessionView> {
    for (const session of this.sessionsByName.values()) yield session.view();
    yield* this.endedSessions.values();
  }

  /** Every accepted tunnel that has not ended. */
  *acceptedTunnels(): Iterable<TunnelView> {
    for (const tunnel of this.tunnels.values()) {
      if (tunnel.name === undefined && tunnel.state !== 'closing' && tunnel.state !== 'closed') yield tunnel.view();
    }
  }

  *acceptedSessions(): Iterable<SessionView> {
    for (const session of this.core.sessions.values()) if (!session.declared) yield session.view();
  }

  /** How many accepted tunnels and sessions are established, without looking at each session. */
  accepted(): { tunnels: number; sessions: number } {
    let tunnels = 0;
    let sessions = 0;
    for (const tunnel of this.tunnels.values()) {
      if (tunnel.name !== undefined || tunnel.state !== 'established') continue;
      tunnels++;
      sessions += tunnel.calls.sessions.size;
    }
    return { tunnels, sessions };
  }

  /** Sizes of what is held, for metrics and tests. */
  sizes(): { tunnels: number; sessions: number; halfOpen: number; deadlines: number } {
    return {
      tunnels: this.tunnels.size,
      sessions: this.core.sessions.size,
      halfOpen: this.halfOpen.size,
      deadlines: this.core.deadlines.size,
    };
  }

  // ------------------------------------------------------------ accepting

  /** A message to tunnel 0: an SCCRQ, or its withdrawal. Everything else is dropped without an answer. */
  private withoutTunnel(datagram: Datagram, local: Endpoint, now: Instant): EngineEffect[] {
    const { header } = this;
    if (header.payloadStart === header.payloadEnd) return this.drop('ackWithoutTunnel');
    const { from, bytes } = datagram;
    let message: Message;
    try {
      message = this.dialect.decodeMessage(bytes, header.payloadStart, header.payloadEnd, {
        secretFor: (clear: AvpValues) => this.core.peers.find(clear.hostName ?? '', from.address)?.tunnel.secret,
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.drop(error.reason);
    }
    const request = `${from.address} ${from.port} ${message.avps.assignedTunnelId}`;
    const known = this.byRequest.get(request);
    // A peer that gives up before it has our id can only name its own (RFC 2661 4.4.3, Assigned Tunnel ID).
    if (message.type === 'StopCCN' && known) return this.settle(known, known.datagram(header, datagram, now));
    if (message.type !== 'SCCRQ') return this.drop('notARequest');
    if (header.ns !== 0) return this.drop('notTheFirst');
    if (known && this.isRepeated(known, now)) return this.settle(known, known.datagram(header, datagram, now));
    const peer = this.core.peers.find(message.avps.hostName, from.address);
    const refusal = this.refusal(peer);
    if (!peer || refusal) return this.refuse(datagram, message.avps.assignedTunnelId, refusal ?? unknownPeer, now);
    const tie = this.tie(from, message.avps.tieBreaker, now);
    if (tie.verdict === 'discard') return tie.effects;
    const localId = this.freeTunnelId();
    if (localId === undefined) return this.drop('tooManyTunnels');
    const out = tie.effects;
    if (this.halfOpen.size >= maxHalfOpenTunnels) out.push(...this.forgetOldestHalfOpen(now));
    const path = { socket: datagram.socket, local, remote: from, from: datagram.to };
    const origin = tie.adopts ? { dialled: tie.adopts, accepted: peer } : { accepted: peer };
    const tunnel = new Tunnel(this.core, this.dialect, localId, origin, path, now);
    this.tunnels.set(localId, tunnel);
    this.byRequest.set(request, tunnel);
    tunnel.requestKey = request;
    this.halfOpen.add(tunnel);
    if (tie.adopts) this.tunnelsByName.set(tie.adopts.name, tunnel);
    out.push(...this.settle(tunnel, tunnel.takeRequest(header, bytes, message, now)));
    return out;
  }

  /** Why a request of this peer is refused at the door, if it is. */
  private refusal(peer: PeerSpec | undefined): Result | undefined {
    const { acceptTunnels, drain } = this.core.gateway;
    if (!acceptTunnels) return { result: stopResult.notAuthorized, error: 0, message: 'no tunnels are accepted here' };
    if (!peer) return unknownPeer;
    if (peer.tunnel.authMode !== 'none' && matchesAnyone(peer)) return unknownPeer;
    if (drain) return { result: 2, error: 7, message: 'draining' };
    return tunnelLimit(this.core);
  }

  /** A StopCCN without any state of ours: a peer that does not get it asks again (RFC 2661 7.2.1, idle). */
  private refuse(datagram: Datagram, remoteTunnelId: number, resultCode: Result, now: Instant): EngineEffect[] {
    this.count('refusedRequest');
    const assignedTunnelId = this.freeTunnelId() ?? this.dialect.maxId;
    const body = this.dialect.encodeMessage({ type: 'StopCCN', avps: { assignedTunnelId, resultCode } });
    const stop = this.dialect.encodeControl(remoteTunnelId, 0, 0, 1, body);
    const out: EngineEffect[] = [
      { effect: 'send', socket: datagram.socket, to: datagram.from, from: datagram.to, datagram: stop },
    ];
    if (now < this.nextRefusalNotice) return out;
    this.nextRefusalNotice = now + refusalNoticeMs;
    const notice: Notice = {
      subject: 'gateway',
      name: datagram.from.address,
      event: 'refused',
      declared: false,
      message: `refused a tunnel from ${datagram.from.address}: ${describe(resultCode)}`,
    };
    out.push({ effect: 'notice', notice });
    return out;
  }

  /**
   * Whether an SCCRQ is one that this tunnel has had already. Later than a retransmission cycle it is a peer that has
   * started anew and counts its tunnels from the beginning.
   */
  private isRepeated(tunnel: Tunnel, now: Instant): boolean {
    return tunnel.halfOpen || now - tunnel.createdAt < tunnel.retransmissionCycleMs;
  }

  /** RFC 2661 4.4.3, Tie Breaker: the lower value wins, one beats none, equal values lose both, none at all is no tie. */
  private tie(
    from: Endpoint,
    theirs: bigint | undefined,
    now: Instant,
  ): { verdict: 'accept' | 'discard'; effects: EngineEffect[]; adopts?: TunnelSpec } {
    for (const tunnel of this.tunnelsByName.values()) {
      if (tunnel.state !== 'waitReply' || tunnel.path.remote.address !== from.address) continue;
      const ours = tunnel.tieBreaker;
      if (ours === undefined && theirs === undefined) continue;
      if (theirs === undefined || (ours !== undefined && ours < theirs)) {
        return { verdict: 'discard', effects: this.drop('lostTie') };
      }
      const spec = tunnel.origin.dialled;
      const effects = this.settle(tunnel, tunnel.abandon("the peer's own request won the tie", now));
      if (ours === theirs) return { verdict: 'discard', effects };
      // The peer's tunnel takes the place of ours: it carries our calls as well.
      if (spec) this.endedTunnels.delete(spec.name);
      return { verdict: 'accept', effects, adopts: spec };
    }
    return { verdict: 'accept', effects: [] };
  }

  private forgetOldestHalfOpen(now: Instant): EngineEffect[] {
    for (const tunnel of this.halfOpen) {
      this.count('halfOpenForgotten');
      // Counted only: one notice for each datagram of a flood would push out all others.
      const effects = this.settle(tunnel, tunnel.abandon('too many tunnels are half open', now));
      return effects.filter(({ effect }) => effect !== 'notice');
    }
    return [];
  }

  // ------------------------------------------------------------ book-keeping

  private toPpp(key: SessionKey, ppp: PppEvent, now: Instant): EngineEffect[] {
    const session = this.core.sessions.get(key);
    const tunnel = session && this.tunnels.get(session.tunnel.localId);
    return tunnel ? this.settle(tunnel, tunnel.calls.toSession(session, { event: 'ppp', ppp }, now)) : [];
  }

  /** After anything happened to a tunnel: file its deadline, and forget what has ended. */
  private settle(tunnel: Tunnel, effects: EngineEffect[]): EngineEffect[] {
    const ended = tunnel.state === 'closing' || tunnel.state === 'closed';
    if (tunnel.state === 'established') this.halfOpen.delete(tunnel);
    if (ended && tunnel.name !== undefined) {
      this.endedTunnels.set(tunnel.name, { ...tunnel.view(), state: 'closed' });
      this.tunnelsByName.delete(tunnel.name);
      tunnel.name = undefined;
    }
    if (!tunnel.finished) {
      this.core.deadlines.update(tunnel);
      return effects;
    }
    if (tunnel.ownsSocket) effects.push({ effect: 'closeSocket', socket: tunnel.path.socket });
    this.forget(tunnel);
    return effects;
  }

  private forget(tunnel: Tunnel): void {
    this.core.deadlines.remove(tunnel);
    this.tunnels.delete(tunnel.localId);
    this.halfOpen.delete(tunnel);
    if (tunnel.requestKey !== undefined && this.byRequest.get(tunnel.requestKey) === tunnel)
      this.byRequest.delete(tunnel.requestKey);
  }

  private declaredEnded(session: Session): void {
    const view = session.view();
    if (view.name === undefined || this.sessionsByName.get(view.name) !== session) return;
    this.sessionsByName.delete(view.name);
    this.endedSessions.set(view.name, view);
  }

  private freeTunnelId(): number | undefined {
    return freeId(this.core.random, this.dialect.maxId, this.tunnels);
  }

  private drop(reason: string): EngineEffect[] {
    this.count(reason);
    return [];
  }

  private count(reason: string): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }
}
