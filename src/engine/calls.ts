/**
 * The calls of one tunnel: who may come in, which session a message is for, what its effects mean for the tunnel.
 */
import { type EngineCore, freeId } from './core.ts';
import type { EngineEffect, Instant } from './effects.ts';
import type { Result, WireError } from './errors.ts';
import { Session, type SessionEffect, type SessionEvent, type SessionOrigin, type SessionTunnel } from './session.ts';
import type { PeerSpec, SessionSpec } from './spec.ts';
import type { Dialect } from './wire/dialect.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';

/** What the calls need of the tunnel that they are in. */
export interface CallsTunnel extends SessionTunnel {
  readonly dialect: Dialect;
  readonly origin: { readonly accepted?: PeerSpec };
  send(message: OutgoingMessage, sessionId: number, now: Instant): EngineEffect[];
}

export class Calls {
  /** By local session id. */
  readonly sessions = new Map<number, Session>();
  established = 0;
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
    const session = this.create({ declared: spec });
    if (!session) return [];
    this.core.declaredBegan(session);
    return this.toSession(session, { event: 'open' }, now);
  }

  toSession(session: Session, event: SessionEvent, now: Instant): EngineEffect[] {
    const before = Number(session.state === 'established');
    const { remoteId } = session;
    const effects = session.handle(event, now);
    this.established += Number(session.state === 'established') - before;
    if (session.remoteId !== remoteId && !this.byRemoteId.has(session.remoteId)) {
      this.byRemoteId.set(session.remoteId, session);
    }
    return this.fromSession(session, effects, now);
  }

  modify(session: Session, spec: SessionSpec, now: Instant): EngineEffect[] {
    return this.fromSession(session, session.modify(spec), now);
  }

  /** A call message of the peer's. */
  message(message: Message, headerSessionId: number, now: Instant): EngineEffect[] {
    const session = this.sessions.get(headerSessionId) ?? this.ofPeersId(message, headerSessionId);
    if (session) return this.toSession(session, { event: 'message', message }, now);
    if (headerSessionId === 0 && message.type === 'ICRQ') {
      return this.incoming(message, message.avps.assignedSessionId, now);
    }
    if (headerSessionId === 0 && message.type === 'OCRQ') {
      const facilities = { result: 5, error: 0, message: 'outgoing calls are not configured here' };
      return this.refuse(message.avps.assignedSessionId, facilities, now);
    }
    // RFC 2661 7.4.2, idle: whoever waits for an answer to this gets one.
    if (message.type !== 'ICRP' && message.type !== 'OCRP') return [];
    const unknown = { result: 2, error: 5, message: `there is no session ${headerSessionId}` };
    return this.refuse(message.avps.assignedSessionId, unknown, now);
  }

  /** A message that breaks the encoding rules ends the call that it is about, if there is one. */
  broken(headerSessionId: number, error: WireError, now: Instant): EngineEffect[] {
    const session = this.sessions.get(headerSessionId);
    if (session) return this.toSession(session, { event: 'close', result: error.result }, now);
    return error.assignedSessionId === undefined ? [] : this.refuse(error.assignedSessionId, error.result, now);
  }

  /** All calls end with their tunnel, without messages of their own (RFC 2661 6.4). */
  tunnelLost(message: string, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const session of [...this.sessions.values()]) {
      out.push(...this.toSession(session, { event: 'tunnelLost', message: `its tunnel ended: ${message}` }, now));
    }
    return out;
  }

  /**
   * A peer that hangs up before it knows our id can only name its own (RFC 2661 4.4.4, Assigned Session ID). One that
   * asks for a call under an id that is in use means the call that is there, for which that is out of place (7.4).
   */
  private ofPeersId({ type, avps }: Message, headerSessionId: number): Session | undefined {
    if (headerSessionId !== 0 || (type !== 'CDN' && type !== 'ICRQ')) return undefined;
    return avps.assignedSessionId === undefined ? undefined : this.byRemoteId.get(avps.assignedSessionId);
  }

  private incoming(message: Message, remoteSessionId: number, now: Instant): EngineEffect[] {
    const { maxSessions, drain } = this.core.gateway;
    const peer = this.tunnel.origin.accepted;
    if (!peer || peer.role === 'lns') {
      const refusal = { result: 5, error: 0, message: 'calls from this peer are not accepted' };
      return this.refuse(remoteSessionId, refusal, now);
    }
    if (drain) return this.refuse(remoteSessionId, { result: 2, error: 7, message: 'draining' }, now);
    const limit = this.tunnel.parameters.maxSessions;
    const full =
      (maxSessions > 0 && this.core.sessions.size >= maxSessions) || (limit > 0 && this.sessions.size >= limit);
    const session = full ? undefined : this.create({ accepted: peer });
    if (session) return this.toSession(session, { event: 'message', message }, now);
    return this.refuse(remoteSessionId, { result: 4, error: 0, message: 'no more sessions are allowed' }, now);
  }

  private refuse(remoteSessionId: number, resultCode: Result, now: Instant): EngineEffect[] {
    const assignedSessionId = this.freeSessionId() ?? this.tunnel.dialect.maxId;
    return this.tunnel.send({ type: 'CDN', avps: { assignedSessionId, resultCode } }, remoteSessionId, now);
  }

  private create(origin: SessionOrigin): Session | undefined {
    const localId = this.freeSessionId();
    if (localId === undefined) return undefined;
    const { core, tunnel } = this;
    const session = new Session(tunnel, origin, tunnel.dialect.sessionKey(tunnel.localId, localId), localId);
    this.sessions.set(localId, session);
    core.sessions.set(session.key, session);
    return session;
  }

  private freeSessionId(): number | undefined {
    return freeId(this.core.random, this.tunnel.dialect.maxId, this.sessions);
  }

  private fromSession(session: Session, effects: SessionEffect[], now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const effect of effects) {
      if (effect.effect === 'message') {
        out.push(...this.tunnel.send(effect.message, session.remoteId, now));
      } else if (effect.effect === 'ended') {
        this.sessions.delete(session.localId);
        if (this.byRemoteId.get(session.remoteId) === session) this.byRemoteId.delete(session.remoteId);
        this.core.sessions.delete(session.key);
        this.core.deadlines.remove(session);
        if (session.declared) this.core.declaredEnded(session);
      } else {
        out.push(effect);
      }
    }
    if (session.state !== 'closed') this.core.deadlines.update(session);
    return out;
  }
}
