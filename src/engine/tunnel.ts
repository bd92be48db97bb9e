/**
 * One control connection, as initiator or responder (RFC 2661 7.2), and the calls inside it.
 */

import { Calls } from './calls.ts';
import { ControlChannel, type Incoming } from './control-channel.ts';
import type { EngineCore } from './core.ts';
import { notQueued, type Queued } from './deadlines.ts';
import { append, type EngineEffect, type Instant, type Notice } from './effects.ts';
import { type Result, WireError } from './errors.ts';
import { Handshake } from './handshake.ts';
import { matchesAnyone } from './peers.ts';
import type { Datagram, SocketId } from './ports.ts';
import { type QuirkName, quirksOf } from './quirks.ts';
import { describeResult } from './result-text.ts';
import {
  type Endpoint,
  type FailureView,
  type Ipv4,
  type PeerSpec,
  parseIpv4,
  type TunnelParameters,
  type TunnelSpec,
  type TunnelView,
} from './spec.ts';
import type { TraceSubject } from './trace.ts';
import { decodeMessage, encodeMessage } from './tunnel-messages.ts';
import { isTunnelMessage, type TunnelInput, type TunnelState, type TunnelStep, tunnelTable } from './tunnel-states.ts';
import { TunnelTraces } from './tunnel-traces.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Dialect } from './wire/dialect.ts';
import type { Header } from './wire/header.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';
import type { ReceivedAvps, SentAvps } from './wire/message-table.ts';

/** How long a tunnel stays after its last call where the peer forgets it without closing it. */
const emptyTunnelMs = 60_000;

/**
 * Who wants the tunnel, and which profile the peer's calls come under. Both in a declared tunnel whose peer matches a
 * profile: it carries the calls of either side.
 */
export type TunnelOrigin = { dialled: TunnelSpec; accepted?: PeerSpec } | { dialled?: undefined; accepted: PeerSpec };

export interface TunnelPath {
  socket: SocketId;
  local: Endpoint;
  remote: Endpoint;
  /** Our source address on a wildcard socket. */
  from: string | undefined;
}

export class Tunnel {
  readonly queued: Queued = notQueued();
  readonly dialect: Dialect;
  readonly localId: number;
  /** A dialled tunnel's name; a closing tunnel loses it. */
  name: string | undefined;
  state: TunnelState = 'idle';
  path: TunnelPath;
  readonly createdAt: Instant;
  readonly calls: Calls;
  /** Nothing is left to do: the owner may forget the tunnel. */
  finished = false;
  /** The key of the SCCRQ that made an accepted tunnel. */
  requestKey: string | undefined;
  /** The peer asked for a tunnel as well, and would have been let in had there been no tie. */
  askedUs = false;
  /** Whose answer it waits for, as the registry has filed it. */
  awaitedFrom: string | undefined;
  /** The socket is this tunnel's alone, and is closed with it. */
  ownsSocket = false;
  readonly core: EngineCore;
  readonly channel: ControlChannel;
  origin: TunnelOrigin;
  private readonly handshake: Handshake;
  /** Only then may our request ask for a single tunnel: a tie is between two. */
  private isAlone = true;
  private establishBy: Instant | undefined;
  private establishedAt: Instant | undefined;
  private lingerUntil: Instant | undefined;
  private readonly traces: TunnelTraces;
  /** Why it last ended: also what ended an earlier tunnel of its name. */
  failure: FailureView | undefined;

  constructor(
    core: EngineCore,
    dialect: Dialect,
    localId: number,
    origin: TunnelOrigin,
    path: TunnelPath,
    now: Instant,
  ) {
    this.core = core;
    this.dialect = dialect;
    this.localId = localId;
    this.origin = origin;
    this.path = path;
    this.createdAt = now;
    this.name = origin.dialled?.name;
    this.handshake = new Handshake(this, this.profileOf(''));
    this.calls = new Calls(core, this);
    this.channel = new ControlChannel(dialect, this.parameters, now);
    this.channel.keepEarly = origin.dialled !== undefined;
    this.traces = new TunnelTraces(this);
  }

  // ------------------------------------------------------------ what its sessions see

  get parameters(): TunnelParameters {
    return this.origin.dialled ? this.origin.dialled.parameters : this.origin.accepted.tunnel;
  }

  get peerFraming(): TunnelParameters['framingCapabilities'] {
    return this.handshake.framing;
  }

  get peerBearer(): NonNullable<AvpValues['bearerCapabilities']> {
    return this.handshake.bearer;
  }

  get quirks(): ReadonlySet<QuirkName> {
    return this.handshake.quirks;
  }

  get tieBreaker(): bigint | undefined {
    return this.handshake.tieBreaker;
  }

  get localIpv4(): Ipv4 {
    return parseIpv4(this.path.from ?? this.path.local.address) ?? 0;
  }

  // ------------------------------------------------------------ inputs

  get remoteId(): number {
    return this.channel.remoteTunnelId;
  }

  /** Whether the peer has not yet shown that it is there. */
  get halfOpen(): boolean {
    return this.state === 'idle' || this.state === 'waitConnect' || (this.state === 'closing' && !this.establishedAt);
  }

  get retransmissionCycleMs(): number {
    return this.channel.retransmissionCycleMs;
  }

  /** Whether everything that we sent has been acknowledged. */
  get quiet(): boolean {
    return this.channel.idle;
  }

  /** Asks the peer for it. `isAlone`: no other request of ours waits for an answer from there. */
  open(now: Instant, isAlone: boolean): EngineEffect[] {
    this.isAlone = isAlone;
    return this.step('open', undefined, now);
  }

  close(result: Result, now: Instant): EngineEffect[] {
    return this.step('close', undefined, now, result);
  }

  /** Takes the fields that may change in place. */
  modify(spec: TunnelSpec): void {
    if (!this.origin.dialled) return;
    this.origin = { ...this.origin, dialled: spec };
    this.channel.parameters = spec.parameters;
    this.retrace();
  }

  /** The profiles have changed: an accepted tunnel takes the one that matches its peer now, or ends. */
  rematch(now: Instant): EngineEffect[] {
    const { hostName } = this.handshake;
    if (hostName === undefined) return [];
    const accepted = this.profileOf(hostName);
    this.handshake.underProfile(accepted);
    if (this.origin.dialled) {
      this.admitCalls(accepted);
      return [];
    }
    if (!accepted) return this.close({ result: 1, error: 0, message: 'no PeerProfile matches any more' }, now);
    // The calls' device goes away with the old name: they come again on the new one.
    if (accepted.tunnel.interfaceName !== this.parameters.interfaceName) {
      return this.close({ result: 1, error: 0, message: 'the interface of its calls is another one now' }, now);
    }
    this.origin = { accepted: withSecret(accepted, this.parameters.secret) };
    this.channel.parameters = this.parameters;
    this.retrace();
    return [];
  }

  /** A control datagram whose header names this tunnel. `bytes` are only borrowed. */
  datagram(header: Header, datagram: Datagram, now: Instant): EngineEffect[] {
    const { from: remote, to: from } = datagram;
    const out: EngineEffect[] = [];
    for (const incoming of this.receive(header, datagram, now)) {
      try {
        const message = decodeMessage(incoming, this.dialect, {
          secretFor: () => this.parameters.secret,
          knows: this.core.knows,
          passesOver: (clear) => this.passesOver(clear),
        });
        for (const { text } of message.oddities) {
          if (this.traces.wants('protocol')) this.traces.record('protocol', text, true);
        }
        // RFC 2661 8.1: the one who answers may choose another port; from then on the path is fixed, at both ends.
        if (this.state === 'waitReply') this.path = { ...this.path, remote, from };
        append(out, this.message(message, incoming.sessionId, now));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        append(out, this.wireError(error, incoming.sessionId, now));
      }
    }
    append(out, this.sends(this.channel.fill(now)));
    this.linger(now);
    return out;
  }

  private receive(header: Header, datagram: Datagram, now: Instant): Incoming[] {
    const take = () => this.channel.receive(header, datagram.bytes, now);
    return this.traces.wantsDatagrams ? this.traces.received(datagram, take) : take();
  }

  /** Gives up without a word: the peer's own tunnel won the tie, or nobody did. */
  abandon(message: string, now: Instant): EngineEffect[] {
    const out = this.leave(message, undefined, now);
    this.state = 'closed';
    this.finished = true;
    return out;
  }

  tick(now: Instant): EngineEffect[] {
    const out = this.sends(this.channel.tick(now));
    const helloAt = this.helloAt();
    const idleAt = this.idleAt();
    if (this.channel.dead) {
      if (this.state === 'closing' || this.state === 'closed') this.finished = true;
      else append(out, this.abandon('the peer does not answer', now));
    } else if (this.lingerUntil !== undefined && now >= this.lingerUntil) {
      this.finished = true;
    } else if (this.establishBy !== undefined && now >= this.establishBy) {
      append(out, this.stop({ result: 1, message: 'the tunnel was not established in time' }, now));
    } else if (idleAt !== undefined && now >= idleAt) {
      append(out, this.stop({ result: 1, error: 0, message: 'no calls for a while' }, now));
    } else if (helloAt !== undefined && now >= helloAt) {
      append(out, this.send({ type: 'HELLO', avps: {} }, 0, now));
    }
    this.linger(now);
    return out;
  }

  deadline(): Instant | undefined {
    let earliest = this.channel.deadline();
    for (const at of [this.lingerUntil, this.establishBy, this.helloAt(), this.idleAt()]) {
      if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
    }
    return earliest;
  }

  view(): TunnelView {
    const { origin, path, core } = this;
    return {
      name: this.name,
      peerProfile: origin.accepted?.name,
      direction: origin.dialled ? 'dialled' : 'accepted',
      state: this.state,
      version: this.dialect.version,
      localId: this.localId,
      remoteId: this.channel.remoteTunnelId,
      local: this.local,
      remote: path.remote,
      peerHostName: this.handshake.hostName,
      peerVendorName: this.handshake.vendorName,
      authenticated: this.handshake.authenticated,
      quirks: this.quirks.size === 0 ? undefined : [...this.quirks],
      spec: origin.dialled,
      parameters: this.parameters,
      sessions: { established: this.calls.established, total: this.calls.sessions.size },
      sinceMs: this.establishedAt === undefined ? undefined : core.epochMs + this.establishedAt,
      failure: this.failure,
      transport: this.channel.counters,
    };
  }

  // ------------------------------------------------------------ the state machine

  /** Also entered from outside with the SCCRQ that made an accepted tunnel. */
  message(message: Message, headerSessionId: number, now: Instant): EngineEffect[] {
    return this.step(isTunnelMessage(message.type) ? message.type : 'call', message, now, undefined, headerSessionId);
  }

  /** Files an accepted tunnel's first message with its transport, so that it is acknowledged. */
  takeRequest(header: Header, datagram: Datagram, message: Message, now: Instant): EngineEffect[] {
    this.receive(header, datagram, now);
    return this.message(message, 0, now);
  }

  private step(
    input: TunnelInput,
    message: Message | undefined,
    now: Instant,
    result: Result = { result: 1 },
    headerSessionId = 0,
  ): EngineEffect[] {
    const { state } = this;
    const step: TunnelStep = tunnelTable[state][input];
    const out = this.take(step, message, now, result, headerSessionId);
    if (input !== 'call' && this.traces.wants('fsm'))
      this.traces.record('fsm', `${state}: ${input}: ${step}, now ${this.state}`);
    return out;
  }

  private take(
    step: TunnelStep,
    message: Message | undefined,
    now: Instant,
    result: Result,
    headerSessionId: number,
  ): EngineEffect[] {
    switch (step) {
      case 'request':
        return this.request(now);
      case 'answer':
        return message?.type === 'SCCRQ' ? this.answer(message.avps, now) : [];
      case 'confirm':
        return message?.type === 'SCCRP' ? this.confirm(message.avps, now) : [];
      case 'confirmed':
        return message?.type === 'SCCCN' ? this.confirmed(message.avps, now) : [];
      case 'stopped':
        return message?.type === 'StopCCN' ? this.stopped(message.avps, now) : [];
      case 'stop':
        return this.stop(result, now);
      case 'learnId':
        // What still has to be sent bears the peer's id from now on (RFC 2661 4.4.3, Assigned Tunnel ID).
        if (this.remoteId === 0) this.channel.remoteTunnelId = message?.avps.assignedTunnelId ?? 0;
        return [];
      case 'misplaced':
        return this.stop({ result: 7, error: 0, message: `${message?.type} in state ${this.state}` }, now);
      case 'toSession':
        return message ? this.calls.message(message, headerSessionId, now) : [];
      case 'discard':
        return [];
      default:
        return step satisfies never;
    }
  }

  /** Initiator: ask for a control connection. */
  private request(now: Instant): EngineEffect[] {
    this.state = 'waitReply';
    this.establishBy = now + this.core.gateway.tunnelEstablishTimeoutMs;
    const avps = this.handshake.request(this.parameters.useTieBreaker && this.isAlone, this.failure);
    return this.send({ type: 'SCCRQ', avps }, 0, now);
  }

  /** Responder: the peer asks for a control connection. */
  private answer(avps: ReceivedAvps<'SCCRQ'>, now: Instant): EngineEffect[] {
    this.meet(avps);
    const reply = this.handshake.answer(avps);
    if (reply.refusal) return this.stop(reply.refusal, now);
    this.state = 'waitConnect';
    this.establishBy = now + this.core.gateway.tunnelEstablishTimeoutMs;
    return this.send({ type: 'SCCRP', avps: reply.avps }, 0, now);
  }

  /** Initiator: the peer agrees. */
  private confirm(avps: ReceivedAvps<'SCCRP'>, now: Instant): EngineEffect[] {
    this.meet(avps);
    const connected = this.handshake.confirm(avps);
    if (connected.refusal) return this.stop(connected.refusal, now);
    this.admitCalls(this.profileOf(avps.hostName));
    const out = this.send({ type: 'SCCCN', avps: connected.avps }, 0, now);
    append(out, this.establish(now));
    return out;
  }

  /** Responder: the peer has our reply. */
  private confirmed(avps: ReceivedAvps<'SCCCN'>, now: Instant): EngineEffect[] {
    const refusal = this.handshake.refusal(avps);
    if (refusal) return this.stop(refusal, now);
    this.admitCalls(this.origin.accepted);
    return this.establish(now);
  }

  private establish(now: Instant): EngineEffect[] {
    this.state = 'established';
    this.channel.keepEarly = true;
    this.core.establishedTunnels++;
    this.establishedAt = now;
    this.establishBy = undefined;
    const { socket, remote, from } = this.path;
    if (this.traces.wants('data'))
      this.traces.record('data', `tunnelUp: tunnel ${this.localId} here, ${this.remoteId} at the peer`);
    const { hostName, quirks } = this.handshake;
    const workArounds = quirks.size === 0 ? '' : `, with ${[...quirks].join(', ')}`;
    return [
      {
        effect: 'plane',
        op: {
          op: 'tunnelUp',
          localTunnelId: this.localId,
          remoteTunnelId: this.remoteId,
          version: this.dialect.version,
          socket,
          remote,
          from,
        },
      },
      this.notice('up', `established with ${hostName} at ${remote.address}:${remote.port}${workArounds}`),
    ];
  }

  private meet(avps: ReceivedAvps<'SCCRQ' | 'SCCRP'>): void {
    this.channel.remoteTunnelId = avps.assignedTunnelId;
    this.channel.setPeerWindow(avps.receiveWindowSize ?? this.dialect.defaultReceiveWindow);
    this.handshake.meet(avps, this.profileOf(avps.hostName));
  }

  /** Whether unknown AVPs with the M bit are borne. The first message of the peer's tells who it is. */
  private passesOver({ hostName, vendorName }: AvpValues): boolean {
    const { quirks } =
      hostName === undefined ? this : { quirks: quirksOf(vendorName, this.profileOf(hostName)?.quirks) };
    return quirks.has('unknownMandatoryAvps');
  }

  private profileOf(hostName: string): PeerSpec | undefined {
    return this.core.peers.find(hostName, this.path.remote.address);
  }

  /**
   * A peer that is known by name or address, or that dialled us at the same time, may call us in a tunnel that we
   * dialled, if it has proved there what it would have to prove in one of its own.
   */
  private admitCalls(peer: PeerSpec | undefined): void {
    const { dialled } = this.origin;
    if (!dialled) return;
    const known = peer && (this.askedUs || !matchesAnyone(peer)) && this.core.gateway.acceptTunnels;
    const proved = peer?.tunnel.authMode !== 'challenge' || this.handshake.authenticated;
    this.origin = { dialled, accepted: known && proved ? peer : undefined };
  }

  /** The peer ends the tunnel: acknowledge for a whole retransmission cycle (RFC 2661 5.7). */
  private stopped(avps: ReceivedAvps<'StopCCN'>, now: Instant): EngineEffect[] {
    const result = avps.resultCode;
    // A refused request: only here do we learn whom the acknowledgement is for.
    if (this.channel.remoteTunnelId === 0) this.channel.remoteTunnelId = avps.assignedTunnelId ?? 0;
    const wasOpen = this.state !== 'closing';
    const out = wasOpen
      ? this.leave(`the peer closed the tunnel: ${describeResult('StopCCN', result)}`, result, now)
      : [];
    this.state = 'closed';
    this.channel.dropUnsent();
    this.lingerUntil = now + this.retransmissionCycleMs;
    return out;
  }

  /** We end the tunnel. */
  private stop(result: Result, now: Instant): EngineEffect[] {
    const out = this.leave(`we closed the tunnel: ${describeResult('StopCCN', result)}`, result, now);
    this.state = 'closing';
    this.channel.dropUnsent();
    const avps: SentAvps<'StopCCN'> = { assignedTunnelId: this.localId, resultCode: result };
    append(out, this.send({ type: 'StopCCN', avps }, 0, now));
    return out;
  }

  /** Leaves whatever state there was: all calls end without messages of their own (RFC 2661 6.4). */
  private leave(message: string, result: Result | undefined, now: Instant): EngineEffect[] {
    const out = this.calls.tunnelLost(message, now);
    if (this.state === 'established') {
      this.core.establishedTunnels--;
      out.push({ effect: 'plane', op: { op: 'tunnelDown', localTunnelId: this.localId } });
      if (this.traces.wants('data')) this.traces.record('data', `tunnelDown: tunnel ${this.localId}`);
    }
    this.establishBy = undefined;
    if (this.traces.wants('fsm')) this.traces.record('fsm', `${this.state}: ${message}`);
    this.failure = { atMs: this.core.epochMs + now, result: result?.result, error: result?.error, message };
    const event = result?.result === 4 ? 'authFailed' : this.establishedAt === undefined ? 'refused' : 'down';
    out.push(this.notice(event, message));
    return out;
  }

  /** Once a StopCCN is acknowledged, its retransmissions and the peer's may still be under way (RFC 2661 5.8). */
  private linger(now: Instant): void {
    if (this.state === 'closing' && this.channel.idle) this.lingerUntil ??= now + this.retransmissionCycleMs;
  }

  /** RFC 2661 5.5: after some time without a word of the peer's, ask; the transport does the rest. */
  private helloAt(): Instant | undefined {
    const { helloIntervalMs } = this.parameters;
    if (this.state !== 'established' || helloIntervalMs === 0 || !this.channel.idle) return undefined;
    return this.quirks.has('noHello') ? undefined : this.channel.lastReceivedAt + helloIntervalMs;
  }

  /** RFC 2661 7.6: when to close a tunnel without calls is free. One that is to persist would only be dialled again. */
  private idleAt(): Instant | undefined {
    const { sessions, emptySince = this.establishedAt } = this.calls;
    if (this.state !== 'established' || sessions.size > 0 || emptySince === undefined) return undefined;
    const { dialled } = this.origin;
    const { idleTimeoutMs } = this.parameters;
    if (dialled?.persist) return undefined;
    if (idleTimeoutMs > 0) return emptySince + idleTimeoutMs;
    const isForgotten = !dialled && this.calls.emptySince !== undefined && this.quirks.has('closeWhenEmpty');
    return isForgotten ? emptySince + emptyTunnelMs : undefined;
  }

  // ------------------------------------------------------------ sending

  /** Hands a message to the transport; `sessionId` is the peer's, 0 for the tunnel itself. */
  send(message: OutgoingMessage, sessionId: number, now: Instant): EngineEffect[] {
    const { dialect, parameters, core, quirks } = this;
    const clear = message.type === 'SCCRP' && quirks.has('clearReply');
    const body = encodeMessage(message, dialect, clear ? { ...parameters, hideAvps: false } : parameters, core.random);
    return this.sends(this.channel.send(sessionId, body, now));
  }

  private sends(datagrams: Uint8Array[]): EngineEffect[] {
    const { socket, remote: to, from } = this.path;
    const dscp = this.handshake.dscp ?? this.parameters.controlDscp;
    this.traces.sent(datagrams);
    return datagrams.map((datagram) => ({ effect: 'send', socket, to, from, datagram, dscp }));
  }

  /** A message that breaks the encoding rules ends what it is about (RFC 2661 4.1, 7.1). */
  private wireError(error: WireError, headerSessionId: number, now: Instant): EngineEffect[] {
    const note = this.notice('protocol', error.message);
    if (this.traces.wants('protocol')) this.traces.record('protocol', error.message, true);
    switch (error.scope) {
      case 'ignore':
        return [note];
      case 'session':
        if (this.state === 'established') return [note, ...this.calls.broken(headerSessionId, error, now)];
        return [note, ...this.close(error.result, now)];
      case 'tunnel':
        return [note, ...this.close(error.result, now)];
      default:
        return error.scope satisfies never;
    }
  }

  private notice(event: Notice['event'], message: string): EngineEffect {
    const name = this.name ?? String(this.localId);
    return { effect: 'notice', notice: { subject: 'tunnel', name, event, message, declared: this.name !== undefined } };
  }

  // ------------------------------------------------------------ traces

  retrace(): void {
    this.traces.retrace();
  }

  get traceMask(): number {
    return this.traces.mask;
  }

  get traceSubject(): TraceSubject {
    return this.traces.subject;
  }

  /** A tunnel that ends is still traced by its name. */
  get title(): string {
    return this.origin.dialled?.name ?? `#${this.localId}`;
  }

  /** The address that the peer sends to. */
  get local(): Endpoint {
    const { from, local } = this.path;
    return from === undefined ? local : { address: from, port: local.port };
  }
}

/** A profile's tunnel goes on with the secret that it was set up with: the peer may not have a new one before the next. */
function withSecret(peer: PeerSpec, secret: TunnelParameters['secret']): PeerSpec {
  const { tunnel } = peer;
  const same = tunnel.secret === secret || (secret !== undefined && tunnel.secret?.equals(secret));
  return same ? peer : { ...peer, tunnel: { ...tunnel, secret } };
}
