/**
 * All tunnels and sessions of one daemon, without clock, socket or randomness of its own: inputs are method calls with
 * the present instant, outputs are the effects they return, and `deadline()` says when `tick` is due.
 */
import type {
  AllocateAnswer,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
  SessionLimits,
  TerminateCause,
} from './aaa.ts';
import type { ContentEvent } from './call-content.ts';
import { noErrors } from './call-information.ts';
import { CallSerials } from './call-serials.ts';
import { type EngineCore, type PlacedCall, randomU64, tunnelLimit } from './core.ts';
import { DeadlineQueue } from './deadlines.ts';
import { Door } from './door.ts';
import { append, type EngineEffect, type Instant, type Random } from './effects.ts';
import { EndedSessions } from './ended-sessions.ts';
import { WireError } from './errors.ts';
import type { SwitchedCall } from './forwarding.ts';
import { GrantedTunnels } from './granted-tunnels.ts';
import { PeerTable } from './peers.ts';
import type { Datagram, ForwardAnswer, ForwardRequest, PlaneFact, SessionKey, SocketId } from './ports.ts';
import { Concentrators } from './pppoe/concentrators.ts';
import { PppoeSession } from './pppoe/session.ts';
import { TunnelRegistry } from './registry.ts';
import type { Session, SessionEvent } from './session.ts';
import {
  type Endpoint,
  type GatewaySpec,
  isLac,
  isPlaced,
  type PeerSpec,
  type PppoeServerView,
  type PppoeSessionView,
  type Pseudowire,
  type SessionCounters,
  type SessionSpec,
  type SessionView,
  type TunnelSpec,
  type TunnelView,
} from './spec.ts';
import { type TraceCategory, type TracePorts, type TraceRecord, type TraceScope, Tracing } from './trace.ts';
import { Tunnel } from './tunnel.ts';
import { stopResult } from './tunnel-ending.ts';
import { dialectsOf, type TunnelIdentity } from './tunnel-version.ts';
import type { CircuitStatus } from './wire/avp.ts';
import { dialects } from './wire/dialect.ts';
import { controlStart, decodeHeader, type Header, newHeader } from './wire/header.ts';
import type { DecodeOptions } from './wire/message.ts';

/** All accepted sessions share a device, on which each IPv6 interface id of ours is one more address: one is enough. */
function withInterfaceId(peer: PeerSpec, interfaceId: bigint): PeerSpec {
  const { ipv6 } = peer.ppp;
  return { ...peer, ppp: { ...peer.ppp, ipv6: { ...ipv6, interfaceId: ipv6.interfaceId ?? interfaceId } } };
}

export interface EngineOptions {
  random: Random;
  /** Wall-clock time of instant 0, for the times in views. */
  epochMs: number;
  /** Absent: only watchers see traces. */
  trace?: TracePorts;
  /** What the data plane has counted of a session. */
  counters: (session: SessionKey) => SessionCounters | undefined;
  /** Which AVPs somebody understands beside those that the engine does. Must not throw. */
  knows?: DecodeOptions['knows'];
  /** What the data plane can carry. */
  pseudowires: readonly Pseudowire[];
}

const noTracePorts: TracePorts = { record: () => undefined };

export class Engine {
  private readonly core: EngineCore;
  private readonly registry: TunnelRegistry;
  private readonly door: Door;
  private readonly concentrators: Concentrators;
  private readonly sessionsByName = new Map<string, Session>();
  /** The last state of declared sessions that ended by themselves. */
  private readonly endedSessions = new EndedSessions();
  private readonly granted = new GrantedTunnels();
  private readonly header: Header = newHeader();
  private readonly interfaceId: bigint;

  constructor(options: EngineOptions, gateway: GatewaySpec) {
    this.interfaceId = randomU64(options.random);
    this.core = {
      random: options.random,
      epochMs: options.epochMs,
      deadlines: new DeadlineQueue(),
      sessions: new Map(),
      pppoe: new Map(),
      gateway,
      peers: this.peerTable(gateway),
      establishedTunnels: 0,
      pseudowires: options.pseudowires,
      serials: new CallSerials(options.random),
      tracing: new Tracing(options.trace ?? noTracePorts),
      counters: options.counters,
      knows: options.knows,
      declaredBegan: (session) => {
        const name = session.declared?.name;
        if (name === undefined) return;
        session.failure = this.endedSessions.get(name)?.failure;
        this.endedSessions.delete(name);
        this.sessionsByName.set(name, session);
      },
      circuits: { ours: new Map(), brought: new Map() },
      declaredCircuit: (peer, endId) => this.endedSessions.circuit(peer, endId),
      declaredEnded: (session, isAwaitedAgain) => this.declaredEnded(session, isAwaitedAgain),
      takesCalls: (name) => this.takesCalls(name),
      dial: (granted, call) => {
        const { drain, grantedTunnels } = this.core.gateway;
        return drain || tunnelLimit(this.core) ? undefined : this.granted.want(granted, grantedTunnels, call);
      },
      forgetDialled: (granted, call) => this.granted.forget(granted, call),
      dialled: (name, up, now) => this.dialled(name, up, now),
      place: (name, call, now) => this.place(name, call, now),
      hangUp: (session, end, now) => this.toSession(session, { event: 'close', end }, now),
      tell: (session, information, now) =>
        this.toSession(session, { event: 'wanted', effects: [{ effect: 'tell', information }] }, now),
      want: (key, effects, now) => {
        const pppoe = this.core.pppoe.get(key);
        return pppoe
          ? pppoe.want(effects, now)
          : this.toSession(this.core.sessions.get(key), { event: 'wanted', effects }, now);
      },
    };
    this.registry = new TunnelRegistry(this.core);
    this.door = new Door(this.registry);
    this.concentrators = new Concentrators(this.core);
  }

  /** Why control datagrams were not taken, counted. */
  get drops(): Readonly<Record<string, number>> {
    return this.registry.drops;
  }

  // ------------------------------------------------------------ traces

  get tracing(): Tracing {
    return this.core.tracing;
  }

  /** Shows `take` what is traced in `scope` until the returned function is called. It must not throw. */
  watch(scope: TraceScope, take: (record: TraceRecord) => void): () => void {
    const unwatch = this.core.tracing.watch(scope, take);
    this.retrace();
    return () => {
      unwatch();
      this.retrace();
    };
  }

  /** What the Gateway wants traced. */
  traceSystem(categories: readonly TraceCategory[]): void {
    this.core.tracing.declare(categories);
  }

  private retrace(): void {
    for (const tunnel of this.registry.all()) tunnel.retrace();
  }

  // ------------------------------------------------------------ what is declared

  /** Accepted tunnels go on under the profile that matches their peer now; without one they are closed. */
  configure(gateway: GatewaySpec, now: Instant): EngineEffect[] {
    const filtersChanged = gateway.filters !== this.core.gateway.filters;
    this.core.gateway = gateway;
    this.core.peers = this.peerTable(gateway);
    const out: EngineEffect[] = [];
    for (const tunnel of this.registry.all()) append(out, this.registry.settle(tunnel, tunnel.rematch(now)));
    append(out, this.concentrators.configure(gateway.pppoeServers, now));
    if (filtersChanged) {
      for (const key of [...this.core.sessions.keys()]) append(out, this.toContent(key, { event: 'modified' }, now));
    }
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
    const { registry } = this;
    const identities = registry.byName.has(spec.name) ? [] : this.identitiesFor(spec);
    const [identity, offered] = identities;
    if (identity === undefined) {
      const out: EngineEffect[] = [{ effect: 'closeSocket', socket: path.socket }];
      if (spec.granted) append(out, this.dialled(spec.name, false, now));
      return out;
    }
    const { encapsulation } = spec;
    const tunnel = new Tunnel(
      this.core,
      identity,
      { dialled: spec },
      { ...path, encapsulation, from: undefined },
      now,
      offered,
    );
    tunnel.failure = registry.ended.get(spec.name)?.failure;
    registry.ended.delete(spec.name);
    tunnel.ownsSocket = true;
    registry.byName.set(spec.name, tunnel);
    registry.file(tunnel);
    return registry.settle(tunnel, tunnel.open(now, !registry.asking.has(path.remote.address)));
  }

  /** The versions that a tunnel of ours may speak, with its id in each: first the one that it asks in. */
  private identitiesFor({ static: declared, parameters, encapsulation }: TunnelSpec): TunnelIdentity[] {
    if (declared) {
      const { localTunnelId } = declared;
      return this.registry.byLocalId.has(localTunnelId) ? [] : [{ dialect: dialects[3], localId: localTunnelId }];
    }
    const identities: TunnelIdentity[] = [];
    for (const dialect of dialectsOf(parameters.version, encapsulation)) {
      const localId = this.registry.freeId(dialect);
      if (localId === undefined) return [];
      identities.push({ dialect, localId });
    }
    return identities;
  }

  modifyTunnel(spec: TunnelSpec): void {
    const tunnel = this.registry.byName.get(spec.name);
    tunnel?.modify(spec);
    if (tunnel) this.core.deadlines.update(tunnel);
  }

  /** Sends StopCCN and forgets the name at once; the control connection lingers without it. */
  closeTunnel(name: string, now: Instant): EngineEffect[] {
    this.registry.ended.delete(name);
    const tunnel = this.registry.byName.get(name);
    if (!tunnel) return [];
    const out = tunnel.close({ result: stopResult.clear }, now);
    this.endedSessions.deleteAllOf(name);
    this.registry.byName.delete(name);
    tunnel.name = undefined;
    return this.registry.settle(tunnel, out);
  }

  /** Asks for a call in an established tunnel of ours; elsewhere it does nothing. */
  openSession(spec: SessionSpec, now: Instant): EngineEffect[] {
    const tunnel = this.registry.byName.get(spec.tunnel);
    if (!tunnel || this.sessionsByName.has(spec.name)) return [];
    if (isPlaced(spec.parameters.type) || spec.static) {
      return tunnel.state === 'established' ? this.registry.settle(tunnel, tunnel.calls.open(spec, now)) : [];
    }
    const { failure } = this.endedSessions.get(spec.name) ?? {};
    this.endedSessions.delete(spec.name);
    return this.registry.settle(tunnel, tunnel.calls.expect(spec, failure, now));
  }

  modifySession(spec: SessionSpec, now: Instant): EngineEffect[] {
    const session = this.sessionsByName.get(spec.name);
    if (!session) this.registry.byName.get(spec.tunnel)?.calls.modifyAwaited(spec);
    const tunnel = session && this.registry.byLocalId.get(session.tunnel.localId);
    return tunnel ? this.registry.settle(tunnel, tunnel.calls.modify(session, spec, now)) : [];
  }

  /** Sends CDN and forgets the name. */
  closeSession(name: string, now: Instant): EngineEffect[] {
    const resultCode = { result: 3, error: 0, message: 'closed by the operator' };
    const session = this.sessionsByName.get(name);
    // One that is up waits again in its own tunnel.
    const tunnel = session && this.registry.byLocalId.get(session.tunnel.localId);
    const out = this.toSession(session, { event: 'close', end: { resultCode } }, now);
    this.endedSessions.delete(name);
    for (const each of tunnel ? [tunnel] : this.registry.byName.values()) each.calls.forgetAwaited(name);
    return out;
  }

  /** A listener is going to be closed: so are the tunnels that came through it, while they can still be told. */
  closeListener(socket: SocketId, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const tunnel of this.registry.all()) {
      if (tunnel.ownsSocket || tunnel.path.socket !== socket) continue;
      append(out, tunnel.close({ result: stopResult.clear, error: 0, message: 'the listener is closed' }, now));
      tunnel.finished = true;
      this.registry.settle(tunnel, out);
    }
    return out;
  }

  /** Ends everything because the daemon ends. `quiet` tells when all peers know. */
  shutdown(now: Instant): EngineEffect[] {
    // Who was sent away and comes again at once must not end up with one that is about to fall silent.
    this.core.gateway = { ...this.core.gateway, drain: true };
    const out = this.concentrators.close('the requester is being shut down', 'adminReboot', now);
    for (const tunnel of this.registry.all()) {
      append(out, this.registry.settle(tunnel, tunnel.close({ result: stopResult.shuttingDown }, now)));
    }
    return out;
  }

  /** Whether no peer has anything left to acknowledge. */
  get quiet(): boolean {
    for (const tunnel of this.registry.all()) if (!tunnel.quiet) return false;
    return true;
  }

  // ------------------------------------------------------------ what arrives

  /**
   * A control message that came on a socket; its octets are only borrowed. `listening` is the socket's own endpoint if
   * it is a listener: only there may a peer ask for a tunnel, since other sockets end with the tunnels that they are for.
   */
  datagram(datagram: Datagram, listening: Endpoint | undefined, now: Instant): EngineEffect[] {
    const { header } = this;
    const { bytes, end, from, encapsulation } = datagram;
    const start = controlStart(encapsulation, bytes, datagram.start, end);
    if (start < 0) return this.registry.drop('notControl', from);
    try {
      decodeHeader(bytes, start, end, header);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.registry.drop(error.reason, from);
    }
    if (header.tunnelId === 0) {
      return listening ? this.door.take(header, datagram, listening, now) : this.registry.drop('notListening', from);
    }
    const tunnel = this.registry.byLocalId.get(header.tunnelId);
    if (!tunnel?.speaks(header)) return this.registry.drop('unknownTunnel', from);
    const { remote, socket } = tunnel.path;
    // RFC 2661 8.1: the first answer to a dialled tunnel may come from another port.
    const fromPeer = from.address === remote.address && (from.port === remote.port || tunnel.state === 'waitReply');
    if (!fromPeer || socket !== datagram.socket) return this.registry.drop('wrongSource', from);
    return this.registry.settle(tunnel, tunnel.datagram(header, datagram, now));
  }

  /** The circuit that a session is attached to has changed. */
  circuit(session: SessionKey, status: CircuitStatus, now: Instant): EngineEffect[] {
    return this.toContent(session, { event: 'circuit', status }, now);
  }

  /** A PPP control frame of a session; its octets are only borrowed. */
  frame(session: SessionKey, bytes: Uint8Array, start: number, end: number, now: Instant): EngineEffect[] {
    return this.toContent(session, { event: 'frame', bytes, start, end }, now);
  }

  /** The AAA's answer to this very request, since keys come again. */
  authenticated(request: AuthenticateRequest, answer: AuthenticateAnswer, now: Instant): EngineEffect[] {
    return this.toContent(request.session, { event: 'authenticated', request, answer }, now);
  }

  allocated(request: AllocateRequest, answer: AllocateAnswer, now: Instant): EngineEffect[] {
    return this.toContent(request.session, { event: 'allocated', request, answer }, now);
  }

  /** The AAA ends a call. Undefined: there is none. */
  disconnect(key: SessionKey, cause: TerminateCause, message: string, now: Instant): EngineEffect[] | undefined {
    return this.knowsCall(key) ? this.toContent(key, { event: 'disconnect', cause, message }, now) : undefined;
  }

  /** The AAA puts other limits in force. Undefined: there is no such call. */
  changeLimits(key: SessionKey, limits: SessionLimits, now: Instant): EngineEffect[] | undefined {
    return this.knowsCall(key) ? this.toContent(key, { event: 'limits', limits }, now) : undefined;
  }

  hasFilter(name: string): boolean {
    return this.core.gateway.filters.some((filter) => filter.name === name);
  }

  /** A plugin's answer to `forward`: to this very request. */
  forwardChosen(request: ForwardRequest, answer: ForwardAnswer, now: Instant): EngineEffect[] {
    return this.toContent(request.session, { event: 'forwardChosen', request, answer }, now);
  }

  /** A PPPoE discovery packet that came on an interface; its octets are only borrowed. */
  discovery(
    interfaceName: string,
    peer: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: Instant,
  ): EngineEffect[] {
    return this.concentrators.discovery(interfaceName, peer, bytes, start, end, now);
  }

  /** Whether the data plane serves PPPoE on an interface now. */
  pppoeOpened(interfaceName: string, failure: string | undefined): void {
    this.concentrators.opened(interfaceName, failure);
  }

  /** The data plane has dropped so many frames of a session since its beginning: a LAC tells its LNS (RFC 2661 6.13). */
  framesDropped(key: SessionKey, frames: number, now: Instant): EngineEffect[] {
    const callErrors = { ...noErrors, bufferOverruns: frames };
    const information = { type: 'WEN', avps: { callErrors } } as const;
    const pppoe = this.core.pppoe.get(key);
    if (pppoe) return pppoe.handle({ event: 'information', information }, now);
    const session = this.core.sessions.get(key);
    if (session?.state !== 'established' || !isLac(session.type)) return [];
    return this.core.tell(session, information, now);
  }

  /** The data plane's answer to an operation for a session. */
  planeFact(key: SessionKey, fact: PlaneFact, now: Instant): EngineEffect[] {
    const pppoe = this.core.pppoe.get(key);
    if (pppoe) return fact.fact === 'failed' ? pppoe.refused(fact.error.message, now) : [];
    return this.toSession(this.core.sessions.get(key), { event: 'fact', fact }, now);
  }

  deadline(): Instant | undefined {
    return this.core.deadlines.next();
  }

  /** Does what is due; call it again while `deadline()` is not later than now. */
  tick(now: Instant): EngineEffect[] {
    const due = this.core.deadlines.takeDue(now);
    if (due === undefined) return [];
    if (due instanceof PppoeSession) return due.handle({ event: 'tick' }, now);
    if (due instanceof Tunnel) return this.registry.settle(due, due.tick(now));
    return this.toSession(due, { event: 'tick' }, now);
  }

  // ------------------------------------------------------------ views

  /** Declared tunnels, those that ended by themselves included. */
  *declaredTunnels(): Iterable<TunnelView> {
    for (const tunnel of this.registry.byName.values()) if (!tunnel.isGranted) yield tunnel.view();
    yield* this.registry.ended.values();
  }

  *declaredSessions(): Iterable<SessionView> {
    for (const session of this.sessionsByName.values()) yield session.view();
    for (const tunnel of this.registry.byName.values()) yield* tunnel.calls.awaitedViews();
    yield* this.endedSessions.all();
  }

  /** By a declared tunnel's name, or `#` and the local id. */
  tunnelView(title: string): TunnelView | undefined {
    const { byLocalId, byName, ended } = this.registry;
    if (title.startsWith('#')) return byLocalId.get(Number(title.slice(1)))?.view();
    return byName.get(title)?.view() ?? ended.get(title);
  }

  /** A live session by its name, or `tunnelId/sessionId`. */
  sessionView(title: string): SessionView | undefined {
    const [tunnel, session] = title.split('/').map(Number);
    const named = this.sessionsByName.get(title);
    const found = named ?? this.registry.byLocalId.get(tunnel)?.calls.sessions.get(session);
    return found?.title === title ? found.view() : undefined;
  }

  *liveTunnels(): Iterable<{ title: string; view: TunnelView }> {
    for (const tunnel of this.registry.all()) {
      yield { title: tunnel.name ?? `#${tunnel.localId}`, view: tunnel.view() };
    }
  }

  *liveSessions(): Iterable<{ title: string; view: SessionView }> {
    for (const session of this.core.sessions.values()) yield { title: session.title, view: session.view() };
  }

  /** Every accepted or granted tunnel that has not ended. */
  *acceptedTunnels(): Iterable<TunnelView> {
    for (const tunnel of this.registry.all()) {
      const declared = tunnel.name !== undefined && !tunnel.isGranted;
      if (!declared && tunnel.state !== 'closing' && tunnel.state !== 'closed') yield tunnel.view();
    }
  }

  *acceptedSessions(): Iterable<SessionView> {
    for (const session of [...this.core.sessions.values()]) {
      if (!session.declared && session.state !== 'closed') yield session.view();
    }
  }

  *pppoeServers(): Iterable<PppoeServerView> {
    yield* this.concentrators.views();
  }

  *pppoeSessions(): Iterable<PppoeSessionView> {
    for (const session of [...this.core.pppoe.values()]) yield session.view();
  }

  /** How many tunnels and sessions are established that are no resources, without looking at each session. */
  accepted(): { tunnels: number; sessions: number } {
    let tunnels = 0;
    let sessions = 0;
    for (const tunnel of this.registry.all()) {
      if ((tunnel.name === undefined || tunnel.isGranted) && tunnel.state === 'established') tunnels++;
      sessions += tunnel.calls.accepted;
    }
    return { tunnels, sessions };
  }

  /** Sizes of what is held, for metrics and tests. */
  sizes(): { tunnels: number; sessions: number; pppoe: number; halfOpen: number; deadlines: number; serials: number } {
    return {
      pppoe: this.core.pppoe.size,
      serials: this.core.serials.size,
      tunnels: this.registry.all().length,
      sessions: this.core.sessions.size,
      halfOpen: this.registry.halfOpen.size,
      deadlines: this.core.deadlines.size,
    };
  }

  // ------------------------------------------------------------ book-keeping

  private knowsCall(key: SessionKey): boolean {
    return this.core.pppoe.has(key) || this.core.sessions.has(key);
  }

  private toContent(key: SessionKey, content: ContentEvent, now: Instant): EngineEffect[] {
    const pppoe = this.core.pppoe.get(key);
    if (pppoe) return pppoe.handle(content, now);
    return this.toSession(this.core.sessions.get(key), { event: 'content', content }, now);
  }

  /** A tunnel was dialled for calls: they are told what became of it. */
  dialled(name: string, up: boolean, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const call of this.granted.take(name)) {
      append(out, this.toContent(call, { event: 'dialled', tunnel: name, up }, now));
    }
    return out;
  }

  private takesCalls(name: string): boolean {
    return this.registry.byName.get(name)?.state === 'established' && !this.core.gateway.drain;
  }

  /** A switched call goes on in this tunnel, if it is there and takes calls. */
  private place(name: string, call: SwitchedCall, now: Instant): PlacedCall | undefined {
    const tunnel = this.registry.byName.get(name);
    if (!tunnel || !this.takesCalls(name)) return undefined;
    const placed = tunnel.calls.place(call, now);
    return placed && { ...placed, effects: this.registry.settle(tunnel, placed.effects) };
  }

  private toSession(session: Session | undefined, event: SessionEvent, now: Instant): EngineEffect[] {
    const tunnel = session && this.registry.byLocalId.get(session.tunnel.localId);
    return tunnel ? this.registry.settle(tunnel, tunnel.calls.toSession(session, event, now)) : [];
  }

  private declaredEnded(session: Session, isAwaitedAgain: boolean): void {
    const { declared } = session;
    if (declared === undefined || this.sessionsByName.get(declared.name) !== session) return;
    this.sessionsByName.delete(declared.name);
    if (!isAwaitedAgain) this.endedSessions.add(declared, session);
  }
}
