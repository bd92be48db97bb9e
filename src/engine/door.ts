/**
 * The door: what arrives at a listener for no tunnel yet, and whether it becomes one.
 */
import type { Awaited } from './calls.ts';
import { type EngineCore, tunnelLimit } from './core.ts';
import { append, type EngineEffect, type Instant } from './effects.ts';
import { type Result, WireError } from './errors.ts';
import { admitsRequest, MessageAuthentication } from './message-authentication.ts';
import { matchesAnyone } from './peers.ts';
import type { Datagram } from './ports.ts';
import { quirksOf } from './quirks.ts';
import { existsAlready, type TunnelRegistry } from './registry.ts';
import { RequestRate } from './request-rate.ts';
import type { Encapsulation, Endpoint, PeerSpec, TunnelSpec } from './spec.ts';
import { Tunnel } from './tunnel.ts';
import { decodeMessage, overIp } from './tunnel-messages.ts';
import { answerTo } from './tunnel-version.ts';
import type { AvpValues } from './wire/avp.ts';
import { type Dialect, dialects } from './wire/dialect.ts';
import type { Header } from './wire/header.ts';
import type { Message } from './wire/message.ts';
import { describeResult } from './wire/result-text.ts';

/** Tunnels whose peer has not yet shown that it is there; the oldest makes room for a new one. */
const maxHalfOpenTunnels = 1_000;

/** Of refused and unreadable requests only one in this time makes a notice; all are counted. */
const noticeMs = 1_000;

/** RFC 2661 4.4.2. */
const notAuthorized = 4;
const unnamedPeer: Result = {
  result: notAuthorized,
  error: 0,
  message: 'no PeerProfile names this peer by host name or address',
};
const unknownPeer: Result = { result: notAuthorized, error: 0, message: 'no PeerProfile matches' };
const draining: Result = { result: 2, error: 7, message: 'draining' };
const noFreeId: Result = { result: 2, error: 4, message: 'no tunnel id is free' };

const lostTie: Result = { result: existsAlready, error: 0, message: 'another request won the tie' };

/** The request as the dialect has it that it is answered in: by the id that the peer has there. */
function asked(message: Message<'SCCRQ'>, dialect: Dialect, said: Dialect): Message<'SCCRQ'> {
  const { assignedControlConnectionId, assignedTunnelId } = message.avps;
  if (dialect === said) return message;
  return { ...message, avps: { ...message.avps, assignedTunnelId: assignedControlConnectionId ?? assignedTunnelId } };
}

/** What a tunnel takes over that won a tie against one of ours. */
interface Adopted {
  spec: TunnelSpec;
  /** The declared calls that the peer has to ask for. */
  awaited: readonly Awaited[];
}

export class Door {
  private readonly registry: TunnelRegistry;
  private readonly core: EngineCore;
  private readonly rate = new RequestRate();
  private readonly nextNotice = { refused: 0, protocol: 0 };

  constructor(registry: TunnelRegistry) {
    this.registry = registry;
    this.core = registry.core;
  }

  /**
   * A message to tunnel 0: an SCCRQ, or its withdrawal, or anything of a peer that knows no other id. Everything else is
   * dropped without an answer.
   */
  take(header: Header, datagram: Datagram, local: Endpoint, now: Instant): EngineEffect[] {
    const { registry, core } = this;
    const { from, bytes } = datagram;
    const said = dialects[header.version];
    const without = registry.onlyWithoutId(from);
    if (said.isAck(bytes, header)) {
      if (without) return registry.settle(without, without.datagram(header, datagram, now));
      return registry.drop('ackWithoutTunnel', from);
    }
    const profileOf = ({ hostName = '' }: AvpValues) => core.peers.find(hostName, from.address);
    let message: Message;
    try {
      const { payloadStart: start, payloadEnd: end } = header;
      message = decodeMessage({ bytes, start, end }, said, {
        secretFor: (clear) => profileOf(clear)?.tunnel.secret,
        knows: core.knows,
        passesOver: (clear) => quirksOf(clear.vendorName, profileOf(clear)?.quirks).has('unknownMandatoryAvps'),
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const told = this.notice('protocol', `dropped a message from ${from.address}: ${error.message}`, from, now);
      return [...registry.drop(error.reason, from), ...told];
    }
    const request = `${from.address} ${from.port} ${header.version} ${message.avps.assignedTunnelId}`;
    const known = registry.byRequest.get(request);
    // A peer that gives up before it has our id can only name its own (RFC 2661 4.4.3, Assigned Tunnel ID). Once it has
    // ours, somebody who does not name it is somebody else.
    if (message.type === 'StopCCN' && known && known.state !== 'established') {
      return registry.settle(known, known.datagram(header, datagram, now));
    }
    if (message.type !== 'SCCRQ') {
      if (without) return registry.settle(without, without.datagram(header, datagram, now));
      return registry.drop('notARequest', from);
    }
    if (header.ns !== 0) return registry.drop('notTheFirst', from);
    if (known && this.isRepeated(known, now)) return registry.settle(known, known.datagram(header, datagram, now));
    const peer = profileOf(message.avps);
    const answer = peer && answerTo(header, message.avps, peer.tunnel.version);
    const isDigested = answer?.dialect?.authentication === 'digest';
    if (peer && isDigested && !admitsRequest(peer.tunnel, bytes, header.start, header.payloadEnd)) {
      return registry.drop('wrongDigest', from);
    }
    if (!this.rate.admits(from.address, core.gateway.requestRateLimit, now)) {
      // Not even a refusal: the peer asks again (RFC 2661 5.8), and a flood gets nothing.
      return registry.drop('requestRateLimit', from);
    }
    const dialect = answer?.dialect;
    const localId = dialect && registry.freeId(dialect);
    const refusal = this.refusal(peer) ?? answer?.refusal ?? (localId === undefined ? noFreeId : undefined);
    if (!peer || !dialect || localId === undefined || refusal) {
      return this.refuse(said, datagram, message, refusal ?? unknownPeer, now);
    }
    const tie = this.tie(datagram, dialect, message.avps.tieBreaker, now);
    if (tie.verdict === 'discard') {
      if (tie.isOurs && dialect.tellsTieLosers) append(tie.effects, this.refuse(said, datagram, message, lostTie, now));
      return tie.effects;
    }
    const out = tie.effects;
    if (registry.halfOpen.size >= maxHalfOpenTunnels) out.push(...this.makeRoom(from.address, now));
    const { socket, encapsulation, to } = datagram;
    const path = { socket, encapsulation, local, remote: from, from: to };
    const origin = tie.adopts ? { dialled: tie.adopts.spec, accepted: peer } : { accepted: peer };
    const tunnel = new Tunnel(core, { dialect, localId }, origin, path, now);
    registry.file(tunnel);
    registry.byRequest.set(request, tunnel);
    tunnel.requestKey = request;
    tunnel.askedUs = true;
    registry.halfOpen.add(tunnel);
    if (tie.adopts) {
      registry.byName.set(tie.adopts.spec.name, tunnel);
      tunnel.calls.adopt(tie.adopts.awaited);
    }
    append(out, registry.settle(tunnel, tunnel.takeRequest(header, datagram, asked(message, dialect, said), now)));
    if (tunnel.quirks.has('tunnelIdZero')) registry.fileWithoutId(tunnel);
    return out;
  }

  /** Why a request of this peer is refused at the door, if it is. */
  private refusal(peer: PeerSpec | undefined): Result | undefined {
    const { acceptTunnels, drain } = this.core.gateway;
    if (!acceptTunnels) return { result: notAuthorized, error: 0, message: 'no tunnels are accepted here' };
    if (!peer) return unknownPeer;
    if (peer.tunnel.authMode !== 'none' && matchesAnyone(peer)) return unnamedPeer;
    if (drain) return draining;
    return tunnelLimit(this.core);
  }

  /** A StopCCN without any state of ours: a peer that does not get it asks again (RFC 2661 7.2.1, idle). */
  private refuse(
    dialect: Dialect,
    { socket, encapsulation, from, to }: Datagram,
    { avps }: Message<'SCCRQ'>,
    resultCode: Result,
    now: Instant,
  ): EngineEffect[] {
    this.registry.count('refusedRequest');
    this.traceRefusal(from, resultCode);
    const assignedTunnelId = this.registry.freeId(dialect) ?? dialect.ids.max;
    const authentication = this.authenticationOf(dialect, avps, from);
    const stop = { type: 'StopCCN', avps: { assignedTunnelId, resultCode } } as const;
    const body = dialect.encodeMessage(stop, 0, { digests: authentication?.room });
    const sent = dialect.encodeControl(avps.assignedTunnelId, 0, 0, 1, body);
    authentication?.sign(sent);
    const datagram = encapsulation === 'ip' ? overIp(sent) : sent;
    const out: EngineEffect[] = [{ effect: 'send', socket, to: from, from: to, datagram, dscp: 0 }];
    const message = `refused a tunnel from ${from.address}: ${describeResult('StopCCN', resultCode)}`;
    append(out, this.notice('refused', message, from, now));
    return out;
  }

  /** With which the peer can see that a refusal is ours. */
  private authenticationOf(
    dialect: Dialect,
    { hostName, messageNonce }: Message<'SCCRQ'>['avps'],
    { address }: Endpoint,
  ): MessageAuthentication | undefined {
    const profile = this.core.peers.find(hostName, address);
    if (dialect.authentication !== 'digest' || !profile) return undefined;
    const authentication = new MessageAuthentication(profile.tunnel);
    authentication.meet(messageNonce, false);
    return authentication;
  }

  /** For the operator, who cannot know otherwise why nobody gets in; a flood tells no more than one of its messages. */
  private notice(
    event: 'refused' | 'protocol',
    message: string,
    { address: name }: Endpoint,
    now: Instant,
  ): EngineEffect[] {
    if (now < this.nextNotice[event]) return [];
    this.nextNotice[event] = now + noticeMs;
    return [{ effect: 'notice', notice: { subject: 'gateway', name, event, declared: false, message } }];
  }

  private traceRefusal({ address, port }: Endpoint, result: Result): void {
    const { tracing } = this.core;
    if (!tracing.traces('system')) return;
    const message = `refused a tunnel to ${address} port ${port}: ${describeResult('StopCCN', result)}`;
    tracing.system({ category: 'system', message });
  }

  /**
   * Whether an SCCRQ is one that this tunnel has had already. Later than a retransmission cycle it is a peer that has
   * started anew and counts its tunnels from the beginning.
   */
  private isRepeated(tunnel: Tunnel, now: Instant): boolean {
    return tunnel.halfOpen || now - tunnel.createdAt < tunnel.retransmissionCycleMs;
  }

  /**
   * RFC 2661 4.4.3, Tie Breaker: the lower value wins, one beats none, equal values lose both, none at all is no tie.
   * Each end asks for a single tunnel only once at a time, and that request is the one that the tie is with; it is with
   * the oldest of our others where none of ours asks for that. So both ends see the same pair, and the rest of several
   * tunnels between two hosts only waits for a retransmission.
   */
  private tie(
    { from, encapsulation }: Datagram,
    dialect: Dialect,
    theirs: bigint | undefined,
    now: Instant,
  ): { verdict: 'accept' | 'discard'; effects: EngineEffect[]; isOurs?: true; adopts?: Adopted } {
    const tunnel = this.rival(from.address, encapsulation, dialect);
    const ours = tunnel?.tieBreaker;
    if (!tunnel && theirs !== undefined) {
      // Ours has lost the tie before we knew of theirs.
      const outdone = this.registry.outdoneBy(from.address, encapsulation, dialect);
      if (outdone) return { verdict: 'accept', effects: [], adopts: this.replaced(outdone, []) };
    }
    if (!tunnel || (ours === undefined && theirs === undefined)) return { verdict: 'accept', effects: [] };
    if (theirs === undefined || (ours !== undefined && ours < theirs)) {
      tunnel.askedUs = true;
      return { verdict: 'discard', effects: this.registry.drop('lostTie', from), isOurs: true };
    }
    const spec = tunnel.origin.dialled;
    const awaited = tunnel.calls.handOver();
    const effects = this.registry.settle(tunnel, tunnel.abandon("the peer's own request won the tie", now));
    if (ours === theirs) return { verdict: 'discard', effects };
    return { verdict: 'accept', effects, adopts: spec && this.replaced(spec, awaited) };
  }

  /** The peer's tunnel takes the place of ours: it carries our calls as well. */
  private replaced(spec: TunnelSpec, awaited: readonly Awaited[]): Adopted {
    this.registry.ended.delete(spec.name);
    return { spec, awaited };
  }

  /** Our request with which one from there competes: one for a tunnel that may be what theirs is going to be. */
  private rival(address: string, encapsulation: Encapsulation, dialect: Dialect): Tunnel | undefined {
    let oldest: Tunnel | undefined;
    for (const tunnel of this.registry.asking.get(address) ?? []) {
      if (tunnel.path.encapsulation !== encapsulation || !tunnel.maySpeak(dialect)) continue;
      if (tunnel.tieBreaker !== undefined) return tunnel;
      oldest ??= tunnel;
    }
    return oldest;
  }

  /** Forgets the oldest half-open tunnel of this address, or else of all: a flood from one place pushes out itself. */
  private makeRoom(address: string, now: Instant): EngineEffect[] {
    let oldest: Tunnel | undefined;
    for (const tunnel of this.registry.halfOpen) {
      oldest ??= tunnel;
      if (tunnel.path.remote.address !== address) continue;
      oldest = tunnel;
      break;
    }
    if (!oldest) return [];
    this.registry.count('halfOpenForgotten');
    // Counted only: one notice for each datagram of a flood would push out all others.
    const effects = this.registry.settle(oldest, oldest.abandon('too many tunnels are half open', now));
    return effects.filter(({ effect }) => effect !== 'notice');
  }
}
