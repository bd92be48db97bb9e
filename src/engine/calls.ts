/**
 * The calls of one tunnel: who may come in, which session a message is for, what its effects mean for the tunnel.
 */
import type { TerminateCause } from './aaa.ts';
import { circuitKey, forget, isCircuit } from './circuits.ts';
import { type EngineCore, freeId, type PlacedCall } from './core.ts';
import { append, type EngineEffect, type Instant } from './effects.ts';
import type { Result, WireError } from './errors.ts';
import type { SwitchedCall } from './forwarding.ts';
import type { SessionKey } from './ports.ts';
import { Session, type SessionEffect, type SessionEvent } from './session.ts';
import { circuitEndId, type SessionOrigin, type SessionTunnel } from './session-origin.ts';
import {
  type FailureView,
  isPlaced,
  type PeerSpec,
  type Pseudowire,
  type SessionSpec,
  type SessionView,
} from './spec.ts';
import { traceEffect, tracePpp } from './trace-session.ts';
import type { Dialect } from './wire/dialect.ts';
import type { Message, MessageType, OutgoingMessage } from './wire/message.ts';

/** What the calls need of the tunnel that they are in. */
export interface CallsTunnel extends SessionTunnel {
  readonly dialect: Dialect;
  readonly origin: { readonly accepted?: PeerSpec };
  send(message: OutgoingMessage, sessionId: number, now: Instant): EngineEffect[];
}

type Request = Message<'ICRQ' | 'OCRQ'>;

/** What a declared call may say of the peer's request. */
const says = ['callingNumber', 'calledNumber', 'subAddress', 'remoteEndId'] as const;

/** A declared call that the peer has to ask for. */
export interface Awaited {
  spec: SessionSpec;
  /** Why it last ended. */
  failure: FailureView | undefined;
}

export class Calls {
  /** By local session id. */
  readonly sessions = new Map<number, Session>();
  established = 0;
  /** Those of the established ones that are no resources of ours. */
  accepted = 0;
  /** When the last of them ended, while there is none. */
  emptySince: Instant | undefined;
  /** What is traced of any of them, beside what is of their tunnel. */
  traceMask = 0;
  /** By name; few tunnels have any. */
  private awaited: Map<string, Awaited> | undefined;
  /** By the id that the peer gave, once it is known. */
  private readonly byRemoteId = new Map<number, Session>();
  private readonly core: EngineCore;
  private readonly tunnel: CallsTunnel;

  constructor(core: EngineCore, tunnel: CallsTunnel) {
    this.core = core;
    this.tunnel = tunnel;
  }

  /** Asks the peer for a declared call. */
  open(spec: SessionSpec, now: Instant): EngineEffect[] {
    const out = this.retire(spec, now);
    const session = this.create({ declared: spec }, spec.static?.localSessionId);
    if (!session) return out;
    this.core.declaredBegan(session);
    append(out, this.toSession(session, { event: 'open' }, now));
    return out;
  }

  /** A circuit that the peer brought before gets to be as it is declared: it is asked for anew. */
  private retire(spec: SessionSpec, now: Instant): EngineEffect[] {
    if (spec.static || spec.parameters.pseudowire === 'ppp') return [];
    const before = this.core.circuits.brought.get(this.circuitKey(circuitEndId(spec)));
    return before === undefined ? [] : this.core.hangUp(before, { resultCode: declaredHere }, now);
  }

  /** Asks the peer for a call that is switched into this tunnel; undefined when there is no room for it. */
  place(switched: SwitchedCall, now: Instant): PlacedCall | undefined {
    const session = this.full ? undefined : this.create({ switched });
    return session && { session, effects: this.toSession(session, { event: 'open' }, now) };
  }

  toSession(session: Session, event: SessionEvent, now: Instant): EngineEffect[] {
    const { state, remoteId } = session;
    const before = Number(state === 'established');
    const effects = session.traces('ppp') ? tracePpp(session, event, now) : session.handle(event, now);
    const change = Number(session.state === 'established') - before;
    this.established += change;
    if (!session.declared) this.accepted += change;
    if (session.remoteId !== remoteId && !this.byRemoteId.has(session.remoteId)) {
      this.byRemoteId.set(session.remoteId, session);
    }
    if (session.state !== state) this.fileCircuit(session);
    return this.fromSession(session, effects, now);
  }

  /** What we ask for could be asked for by the peer as well. */
  private fileCircuit(session: Session): void {
    const { declared, state } = session;
    const isDeclared = declared !== undefined && isCircuit(declared);
    if (session.tieBreaker === undefined && !isDeclared) return;
    const { ours } = this.core.circuits;
    const key = this.circuitKey(session.endId);
    if (state === 'waitReply' || (isDeclared && state !== 'closed')) ours.set(key, session);
    else forget(ours, key, session);
  }

  private circuitKey(endId: string): string {
    return circuitKey(this.tunnel.peer, endId);
  }

  modify(session: Session, spec: SessionSpec, now: Instant): EngineEffect[] {
    return this.fromSession(session, session.modify(spec, now), now);
  }

  // ------------------------------------------------------------ what the peer has to ask for

  /** A declared call that the peer has to ask for. */
  expect(spec: SessionSpec, failure: FailureView | undefined, now: Instant): EngineEffect[] {
    this.await(spec, failure);
    return this.retire(spec, now);
  }

  /** Waits for the peer to ask. `failure`: why the call last ended. */
  private await(spec: SessionSpec, failure: FailureView | undefined): void {
    this.awaited ??= new Map();
    this.awaited.set(spec.name, { spec, failure });
  }

  /** Another tunnel waits from now on. */
  handOver(): Awaited[] {
    const awaited = [...(this.awaited?.values() ?? [])];
    this.awaited = undefined;
    return awaited;
  }

  adopt(awaited: readonly Awaited[]): void {
    for (const { spec, failure } of awaited) this.await(spec, failure);
  }

  modifyAwaited(spec: SessionSpec): void {
    const awaited = this.awaited?.get(spec.name);
    if (awaited) awaited.spec = spec;
  }

  forgetAwaited(name: string): void {
    this.awaited?.delete(name);
  }

  *awaitedViews(): Iterable<SessionView> {
    for (const { spec, failure } of this.awaited?.values() ?? []) {
      yield {
        name: spec.name,
        tunnel: spec.tunnel,
        tunnelLocalId: this.tunnel.localId,
        version: this.tunnel.dialect.version,
        state: 'waitCall',
        direction: 'accepted',
        type: spec.parameters.type,
        localId: 0,
        remoteId: 0,
        pseudowire: spec.parameters.pseudowire,
        spec,
        call: {},
        ppp: { phase: 'dead', peerMru: spec.ppp.mru },
        failure,
      };
    }
  }

  /** The declared call that a request is for: of several that fit the one that says most. */
  private takeAwaited({ type, avps }: Request): Awaited | undefined {
    const wanted = type === 'ICRQ' ? 'lnsIncoming' : 'lacOutgoing';
    let best: Awaited | undefined;
    let bestSays = -1;
    for (const awaited of this.awaited?.values() ?? []) {
      const { spec } = awaited;
      const given = says.filter((name) => spec[name] !== undefined);
      const fits =
        spec.parameters.type === wanted &&
        spec.parameters.pseudowire === (avps.pseudowireType ?? 'ppp') &&
        given.every((name) => spec[name] === avps[name]);
      if (!fits || given.length <= bestSays) continue;
      best = awaited;
      bestSays = given.length;
    }
    if (best) this.awaited?.delete(best.spec.name);
    return best;
  }

  // ------------------------------------------------------------ what arrives

  /** A call message of the peer's. */
  message(message: Message, headerSessionId: number, now: Instant): EngineEffect[] {
    if (message.type === 'CSUN' || message.type === 'CSURQ') return this.connectSpeeds(message, now);
    const { type, avps } = message;
    const named = namedByPeersId.has(type) ? this.ofPeersId(headerSessionId, avps.assignedSessionId) : undefined;
    const session = this.sessions.get(headerSessionId) ?? named;
    if (session) return this.toSession(session, { event: 'message', message }, now);
    if (headerSessionId === 0 && (message.type === 'ICRQ' || message.type === 'OCRQ')) {
      return this.requested(message, now);
    }
    // RFC 2661 7.4.2, idle: whoever waits for an answer to this gets one.
    if (message.type !== 'ICRP' && message.type !== 'OCRP') return [];
    const unknown = { result: 2, error: 5, message: `there is no session ${headerSessionId}` };
    return this.refuse(message.avps.assignedSessionId, unknown, now);
  }

  /** RFC 5515 4: one message is about many sessions, by the ids that their receiver gave them. */
  private connectSpeeds(message: Message<'CSUN' | 'CSURQ'>, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const update of message.avps.connectSpeedUpdates) {
      const session = this.sessions.get(update.remoteSessionId);
      if (!session) continue;
      const its: Message = { ...message, avps: { connectSpeedUpdates: [update] } };
      append(out, this.toSession(session, { event: 'message', message: its }, now));
    }
    return out;
  }

  /** A message that breaks the encoding rules ends the call that it is about, if there is one. */
  broken(headerSessionId: number, error: WireError, now: Instant): EngineEffect[] {
    const { assignedSessionId, result: resultCode } = error;
    const session = this.sessions.get(headerSessionId) ?? this.ofPeersId(headerSessionId, assignedSessionId);
    if (session) return this.toSession(session, { event: 'close', end: { resultCode } }, now);
    return assignedSessionId === undefined ? [] : this.refuse(assignedSessionId, resultCode, now);
  }

  /** All calls end with their tunnel, without messages of their own (RFC 2661 6.4). */
  tunnelLost(message: string, cause: TerminateCause, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const session of [...this.sessions.values()]) {
      const lost = { event: 'tunnelLost', message: `its tunnel ended: ${message}`, cause } as const;
      append(out, this.toSession(session, lost, now));
    }
    this.awaited = undefined;
    return out;
  }

  /**
   * A peer that hangs up before it knows our id can only name its own (RFC 2661 4.4.4, Assigned Session ID). One that
   * asks for a call under an id that is in use means the call that is there, for which that is out of place (7.4).
   */
  private ofPeersId(headerSessionId: number, assignedSessionId: number | undefined): Session | undefined {
    if (headerSessionId !== 0 || assignedSessionId === undefined) return undefined;
    return this.byRemoteId.get(assignedSessionId);
  }

  private requested(message: Request, now: Instant): EngineEffect[] {
    const { avps } = message;
    const { assignedSessionId } = avps;
    if (this.core.gateway.drain) return this.refuse(assignedSessionId, draining, now);
    const { pseudowireType = 'ppp', remoteEndId } = avps;
    const ours = remoteEndId === undefined ? undefined : this.core.circuits.ours.get(this.circuitKey(remoteEndId));
    if (ours?.parameters.pseudowire === pseudowireType) {
      if (ours.state === 'waitReply') return this.tie(ours, message, now);
      if (ours.tunnel !== this.tunnel) return this.move(ours, message, now);
    }
    if (this.full) return this.refuse(assignedSessionId, noRoom, now);
    const awaited = this.takeAwaited(message);
    if (awaited) return this.begin({ declared: awaited.spec }, message, now, awaited.failure);
    const declared = remoteEndId === undefined ? undefined : this.core.declaredCircuit(this.tunnel.peer, remoteEndId);
    if (declared?.parameters.pseudowire === pseudowireType) {
      return this.begin({ declared, type: answeringType(message) }, message, now);
    }
    const peer = this.tunnel.origin.accepted;
    if (peer && peer.session.pseudowire !== pseudowireType) {
      return this.refuse(assignedSessionId, unsupported(pseudowireType), now);
    }
    const incoming = message.type === 'ICRQ';
    if (!peer || peer.role === (incoming ? 'lns' : 'lac')) return this.refuse(assignedSessionId, notFromThem, now);
    if (!incoming && peer.session.type !== 'lacOutgoing') return this.refuse(assignedSessionId, noOutgoing, now);
    return this.begin({ accepted: peer, type: answeringType(message), endId: remoteEndId }, message, now);
  }

  /**
   * Both ends ask for the same circuit (RFC 3931 5.4.4, Session Tie Breaker): the lower value wins, one beats none; with
   * equal values, and with none, both requests are void.
   */
  private tie(ours: Session, message: Request, now: Instant): EngineEffect[] {
    const { assignedSessionId, tieBreaker: theirs } = message.avps;
    const { tieBreaker = 0n, declared } = ours;
    if (theirs === undefined || tieBreaker < theirs) return this.refuse(assignedSessionId, lostTie, now);
    const end = { resultCode: lostTie };
    const out = this.core.hangUp(ours, end, now);
    if (theirs === tieBreaker || !declared || ours.parameters.pseudowire === 'ppp')
      return [...out, ...this.refuse(assignedSessionId, lostTie, now)];
    append(out, this.begin({ declared, type: answeringType(message) }, message, now));
    return out;
  }

  /** Nobody asks for a circuit that is up: the peer has lost the tunnel that it is up in, before we know of that. */
  private move(ours: Session, message: Request, now: Instant): EngineEffect[] {
    const { declared } = ours;
    const out = this.core.hangUp(ours, { resultCode: movedOn }, now);
    if (declared) append(out, this.begin({ declared, type: answeringType(message) }, message, now));
    return out;
  }

  private begin(origin: SessionOrigin, message: Request, now: Instant, failure?: FailureView): EngineEffect[] {
    const session = this.create(origin);
    if (!session) return this.refuse(message.avps.assignedSessionId, noRoom, now);
    this.core.declaredBegan(session);
    session.failure ??= failure;
    if (!session.declared && session.parameters.pseudowire !== 'ppp') {
      this.core.circuits.brought.set(this.circuitKey(session.endId), session);
    }
    return this.toSession(session, { event: 'message', message }, now);
  }

  private get full(): boolean {
    const { maxSessions } = this.core.gateway;
    const limit = this.tunnel.parameters.maxSessions;
    return (maxSessions > 0 && this.core.sessions.size >= maxSessions) || (limit > 0 && this.sessions.size >= limit);
  }

  private refuse(remoteSessionId: number, resultCode: Result, now: Instant): EngineEffect[] {
    const assignedSessionId = this.freeSessionId() ?? this.tunnel.dialect.ids.max;
    return this.tunnel.send({ type: 'CDN', avps: { assignedSessionId, resultCode } }, remoteSessionId, now);
  }

  /** `localId`: as it is declared. */
  private create(origin: SessionOrigin, localId = this.freeSessionId()): Session | undefined {
    const { core } = this;
    if (localId === undefined || core.sessions.has(this.keyOf(localId))) return undefined;
    const session = new Session(this.tunnel, origin, this.keyOf(localId), localId);
    this.traceMask |= session.traceMask;
    this.sessions.set(localId, session);
    core.sessions.set(session.key, session);
    return session;
  }

  retrace(): void {
    this.traceMask = 0;
    for (const session of this.sessions.values()) {
      session.retrace();
      this.traceMask |= session.traceMask;
    }
  }

  /** The session that a datagram is about, if that can be seen. */
  traced(direction: 'sent' | 'received', headerSessionId: number, message: Message | undefined): Session | undefined {
    if (direction === 'received') return this.sessions.get(headerSessionId);
    const id = headerSessionId === 0 ? message?.avps.assignedSessionId : undefined;
    return id === undefined ? this.byRemoteId.get(headerSessionId) : this.sessions.get(id);
  }

  private freeSessionId(): number | undefined {
    const { core, sessions, tunnel } = this;
    const taken = { size: sessions.size, has: (id: number) => core.sessions.has(this.keyOf(id)) };
    return freeId(core.random, tunnel.dialect.ids, taken);
  }

  private keyOf(localId: number): SessionKey {
    const { dialect, localId: tunnelId } = this.tunnel;
    return dialect.sessionKey(tunnelId, localId);
  }

  private fromSession(session: Session, effects: SessionEffect[], now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    const traced = session.traces('ppp') || session.traces('data');
    for (const effect of effects) {
      if (traced) traceEffect(session, effect);
      if (effect.effect === 'message') {
        if (session.static) continue;
        append(out, this.tunnel.send(effect.message, session.remoteId, now));
      } else if (effect.effect === 'ended') {
        this.ended(session);
        if (this.sessions.size === 0) this.emptySince = now;
      } else {
        out.push(effect);
      }
    }
    if (session.state !== 'closed') this.core.deadlines.update(session);
    return out;
  }

  private ended(session: Session): void {
    const { declared, failure } = session;
    this.sessions.delete(session.localId);
    const { brought } = this.core.circuits;
    if (brought.size > 0) forget(brought, this.circuitKey(session.endId), session);
    if (this.byRemoteId.get(session.remoteId) === session) this.byRemoteId.delete(session.remoteId);
    this.core.sessions.delete(session.key);
    this.core.deadlines.remove(session);
    if (!declared) return;
    const waits = !isPlaced(declared.parameters.type) && !declared.static;
    // The peer may ask for it again at any moment.
    if (waits) this.await(declared, failure);
    this.core.declaredEnded(session, waits);
  }
}

/** RFC 2661 4.4.2: another LNS may have room. */
const draining: Result = { result: 2, error: 7, message: 'draining' };
const noRoom: Result = { result: 2, error: 7, message: 'no more sessions are allowed' };
const notFromThem: Result = { result: 5, error: 0, message: 'calls from this peer are not accepted' };
const noOutgoing: Result = { result: 5, error: 0, message: 'outgoing calls are not configured here' };
const declaredHere: Result = { result: 3, error: 0, message: 'this circuit is declared here, and asked for anew' };
const movedOn: Result = { result: 3, error: 0, message: 'the peer asks for this circuit in another tunnel' };
const lostTie: Result = { result: 13, error: 0, message: 'another request for this circuit won the tie' };

/** Messages that a peer may send before it knows our id (RFC 2661 4.4.4, RFC 3931 5.4.4, Remote Session ID). */
const namedByPeersId: ReadonlySet<MessageType> = new Set(['CDN', 'ICRQ', 'OCRQ', 'WEN', 'SLI']);

/** What we are in a call that the peer asks for. */
function answeringType({ type }: Request): 'lnsIncoming' | 'lacOutgoing' {
  return type === 'ICRQ' ? 'lnsIncoming' : 'lacOutgoing';
}

/** RFC 3931 5.4.2. */
function unsupported(pseudowire: Pseudowire | number): Result {
  const name = typeof pseudowire === 'number' ? `of type ${pseudowire}` : pseudowire;
  return { result: 14, error: 0, message: `${name} pseudowires of this peer's are not accepted here` };
}
