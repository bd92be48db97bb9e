/**
 * One control connection, as initiator or responder (RFC 2661 7.2), and the calls inside it.
 */

import type { CallFacts } from './aaa.ts';
import { Calls } from './calls.ts';
import { ControlChannel, type Incoming } from './control-channel.ts';
import type { EngineCore } from './core.ts';
import { notQueued, type Queued } from './deadlines.ts';
import { append, type EngineEffect, type Instant, type Notice } from './effects.ts';
import { type Result, WireError } from './errors.ts';
import { Handshake } from './handshake.ts';
import { MessageAuthentication } from './message-authentication.ts';
import type { Datagram, SocketId } from './ports.ts';
import { type QuirkName, quirksOf } from './quirks.ts';
import {
  type Encapsulation,
  type Endpoint,
  endpointText,
  type FailureView,
  type Ipv4,
  type PeerSpec,
  type Pseudowire,
  parseIpv4,
  type TunnelParameters,
  type TunnelSpec,
  type TunnelView,
} from './spec.ts';
import type { TraceSubject } from './trace.ts';
import { abandon, linger, stop, stopAgain, stopped } from './tunnel-ending.ts';
import { decodeMessage, encodeMessage, overIp } from './tunnel-messages.ts';
import { mayCall, parametersOf, rematched, type TunnelOrigin } from './tunnel-origin.ts';
import { helloAt, idleAt, silenceText } from './tunnel-silence.ts';
import { isTunnelMessage, type TunnelInput, type TunnelState, type TunnelStep, tunnelTable } from './tunnel-states.ts';
import { TunnelTraces } from './tunnel-traces.ts';
import type { TunnelIdentity } from './tunnel-version.ts';
import { viewOf } from './tunnel-view.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Dialect } from './wire/dialect.ts';
import type { DigestRoom } from './wire/digest.ts';
import type { Header } from './wire/header.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';
import type { ReceivedAvps } from './wire/message-table.ts';

export interface TunnelPath {
  socket: SocketId;
  encapsulation: Encapsulation;
  local: Endpoint;
  remote: Endpoint;
  /** Our source address on a wildcard socket. */
  from: string | undefined;
}

export class Tunnel {
  readonly queued: Queued = notQueued();
  dialect: Dialect;
  localId: number;
  /** What the tunnel becomes if the peer answers in the other version (RFC 3931 4.7.3). */
  offered: TunnelIdentity | undefined;
  /** The ids under which the registry has filed it. */
  filedIds: readonly number[] = [];
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
  /** Of the messages themselves, where the version has that. */
  readonly authentication: MessageAuthentication;
  origin: TunnelOrigin;
  readonly handshake: Handshake;
  /** Only then may our request ask for a single tunnel: a tie is between two. */
  private isAlone = true;
  establishBy: Instant | undefined;
  establishedAt: Instant | undefined;
  lingerUntil: Instant | undefined;
  readonly traces: TunnelTraces;
  /** Why it last ended: also what ended an earlier tunnel of its name. */
  failure: FailureView | undefined;

  constructor(
    core: EngineCore,
    { dialect, localId }: TunnelIdentity,
    origin: TunnelOrigin,
    path: TunnelPath,
    now: Instant,
    offered?: TunnelIdentity,
  ) {
    this.core = core;
    this.dialect = dialect;
    this.localId = localId;
    this.offered = offered;
    this.origin = origin;
    this.path = path;
    this.createdAt = now;
    this.name = origin.dialled?.name;
    this.handshake = new Handshake(this, origin.accepted ?? this.profileOf(''));
    this.calls = new Calls(core, this);
    this.channel = new ControlChannel(dialect, this.parameters, now);
    this.channel.keepEarly = origin.dialled !== undefined;
    this.authentication = new MessageAuthentication(this.parameters);
    this.traces = new TunnelTraces(this);
  }

  // ------------------------------------------------------------ what its sessions see

  get parameters(): TunnelParameters {
    return parametersOf(this.origin);
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

  /** What both ends can carry. */
  get pseudowires(): readonly Pseudowire[] {
    return this.handshake.pseudowires;
  }

  /** Whether the peer has shown that it knows the secret. */
  get authenticated(): boolean {
    return this.handshake.authenticated || this.authentication.proved;
  }

  get tieBreaker(): bigint | undefined {
    return this.handshake.tieBreaker;
  }

  get localIpv4(): Ipv4 {
    return parseIpv4(this.path.from ?? this.path.local.address) ?? 0;
  }

  /** The AAA granted it to a call: no resource declares it. */
  get isGranted(): boolean {
    return this.origin.dialled?.granted === true;
  }

  /** By its Host Name (RFC 3931 3.3), where it is, and what it has proved: nobody without the secret is the same one. */
  get peer(): string {
    return `${this.path.remote.address}\n${this.handshake.hostName}\n${this.authenticated}`;
  }

  get facts(): CallFacts['tunnel'] {
    const { local, remote, from } = this.path;
    const address = from ?? local.address;
    return {
      local: { address, port: local.port },
      remote,
      ours: this.parameters.hostName,
      peers: this.handshake.hostName,
    };
  }

  // ------------------------------------------------------------ inputs

  /** The ids by which the peer may name it. */
  get localIds(): readonly number[] {
    return this.offered ? [this.localId, this.offered.localId] : [this.localId];
  }

  /** Whether the peer may name it so: by the id that it has in the version of the header. */
  speaks({ version, tunnelId }: Pick<Header, 'version' | 'tunnelId'>): boolean {
    if (this.isStatic) return false;
    if (this.dialect.version === version) return this.localId === tunnelId;
    return this.offered?.dialect.version === version && this.offered.localId === tunnelId;
  }

  maySpeak(dialect: Dialect): boolean {
    return this.dialect === dialect || this.offered?.dialect === dialect;
  }

  /** Without a control connection. */
  get isStatic(): boolean {
    return this.origin.dialled?.static !== undefined;
  }

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
    return this.step(this.isStatic ? 'openStatic' : 'open', undefined, now);
  }

  close(result: Result, now: Instant): EngineEffect[] {
    return this.step(this.isStatic ? 'closeStatic' : 'close', undefined, now, result);
  }

  /** Takes the fields that may change in place. */
  modify(spec: TunnelSpec): void {
    if (!this.origin.dialled) return;
    this.origin = { ...this.origin, dialled: spec };
    this.underParameters();
  }

  private underParameters(): void {
    const { parameters } = this;
    this.channel.parameters = parameters;
    this.authentication.modify(parameters, this.channel.waiting);
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
    const origin = rematched(this.origin, accepted, this.dialect.authentication);
    if ('ends' in origin) return this.close(origin.ends, now);
    this.origin = origin;
    this.underParameters();
    return [];
  }

  /** A control datagram whose header names this tunnel. `bytes` are only borrowed. */
  datagram(header: Header, datagram: Datagram, now: Instant): EngineEffect[] {
    const { from: remote, to: from } = datagram;
    const out: EngineEffect[] = [];
    if (!this.admits(header, datagram)) return out;
    for (const incoming of this.receive(header, datagram, now)) {
      try {
        const message = decodeMessage(incoming, this.dialect, {
          secretFor: () => incoming.secret,
          knows: this.core.knows,
          passesOver: (clear) => this.passesOver(clear),
        });
        for (const { text } of message.oddities) {
          if (this.traces.wants('protocol')) this.traces.record('protocol', text, true);
        }
        // RFC 2661 8.1: the one who answers may choose another port; from then on the path is fixed, at both ends.
        if (this.state === 'waitReply') this.path = { ...this.path, remote, from };
        append(out, this.message(message, this.dialect.sessionIdOf(incoming.sessionId, message.avps), now));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        append(out, this.wireError(error, error.sessionId ?? incoming.sessionId, now));
      }
    }
    append(out, this.sends(this.channel.fill(now)));
    linger(this, now);
    return out;
  }

  /** Whether the datagram may be used at all. The peer's first answer shows which version it speaks. */
  private admits(header: Header, { bytes }: Datagram): boolean {
    const { offered } = this;
    const isOffered = offered !== undefined && header.version === offered.dialect.version;
    const dialect = isOffered ? offered.dialect : this.dialect;
    const isAuthentic =
      dialect.authentication !== 'digest' || this.authentication.admits(bytes, header.start, header.payloadEnd);
    if (!isAuthentic) {
      this.channel.counters.digestFailures++;
      if (this.traces.wants('protocol')) this.traces.record('protocol', 'dropped: its message digest is wrong', true);
      return false;
    }
    if (isOffered) this.become(offered);
    // An empty message of L2TPv2 tells nothing, and anybody can write one.
    if (isOffered || !dialect.isAck(bytes, header)) this.offered = undefined;
    return true;
  }

  private become({ dialect, localId }: TunnelIdentity): void {
    this.dialect = dialect;
    this.localId = localId;
    this.channel.become(dialect);
  }

  /** The room for digests in what we send. */
  get digests(): DigestRoom | undefined {
    if (this.dialect.authentication !== 'digest' && !this.offered) return undefined;
    const { room } = this.authentication;
    return room && this.quirks.has('draftAvps') ? { ...room, draft: true } : room;
  }

  private receive(header: Header, datagram: Datagram, now: Instant): Incoming[] {
    const take = () => this.channel.receive(header, datagram.bytes, now, this.authentication.secret);
    return this.traces.wantsDatagrams ? this.traces.received(datagram, take) : take();
  }

  /** Gives up without a word: the peer's own tunnel won the tie, or nobody did. */
  abandon(message: string, now: Instant): EngineEffect[] {
    return abandon(this, message, now);
  }

  tick(now: Instant): EngineEffect[] {
    this.channel.digests = this.digests;
    const out = this.sends(this.channel.tick(now));
    const askAt = helloAt(this);
    const closeAt = idleAt(this);
    if (this.channel.dead) {
      if (this.state === 'closing' || this.state === 'closed') this.finished = true;
      else append(out, this.abandon(silenceText(this), now));
    } else if (this.lingerUntil !== undefined && now >= this.lingerUntil) {
      this.finished = true;
    } else if (this.establishBy !== undefined && now >= this.establishBy) {
      append(out, stop(this, { result: 1, message: 'the tunnel was not established in time' }, now));
    } else if (closeAt !== undefined && now >= closeAt) {
      append(out, stop(this, { result: 1, error: 0, message: 'no calls for a while' }, now));
    } else if (askAt !== undefined && now >= askAt) {
      append(out, this.send({ type: 'HELLO', avps: {} }, 0, now));
    }
    linger(this, now);
    return out;
  }

  deadline(): Instant | undefined {
    let earliest = this.channel.deadline();
    for (const at of [this.lingerUntil, this.establishBy, helloAt(this), idleAt(this)]) {
      if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
    }
    return earliest;
  }

  view(): TunnelView {
    return viewOf(this);
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
      case 'establish':
        this.channel.remoteTunnelId = this.origin.dialled?.static?.remoteTunnelId ?? 0;
        return this.establish(now);
      case 'abandon':
        return this.abandon('closed by the operator', now);
      case 'answer':
        return message?.type === 'SCCRQ' ? this.answer(message.avps, now) : [];
      case 'confirm':
        return message?.type === 'SCCRP' ? this.confirm(message.avps, now) : [];
      case 'confirmed':
        return message?.type === 'SCCCN' ? this.confirmed(message.avps, now) : [];
      case 'stopped':
        return message?.type === 'StopCCN' ? stopped(this, message.avps, now) : [];
      case 'stop':
        return stop(this, result, now);
      case 'learnId':
        // What still has to be sent bears the peer's id from now on (RFC 2661 4.4.3, Assigned Tunnel ID).
        if (this.remoteId !== 0) return [];
        this.channel.remoteTunnelId = message?.avps.assignedTunnelId ?? 0;
        return this.quiet ? stopAgain(this, now) : [];
      case 'misplaced':
        return stop(this, { result: 7, error: 0, message: `${message?.type} in state ${this.state}` }, now);
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
    if (reply.refusal) return stop(this, reply.refusal, now);
    this.state = 'waitConnect';
    this.establishBy = now + this.core.gateway.tunnelEstablishTimeoutMs;
    return this.send({ type: 'SCCRP', avps: reply.avps }, 0, now);
  }

  /** Initiator: the peer agrees. */
  private confirm(avps: ReceivedAvps<'SCCRP'>, now: Instant): EngineEffect[] {
    this.meet(avps);
    const connected = this.handshake.confirm(avps);
    if (connected.refusal) return stop(this, connected.refusal, now);
    this.admitCalls(this.profileOf(avps.hostName));
    const out = this.send({ type: 'SCCCN', avps: connected.avps }, 0, now);
    append(out, this.establish(now));
    return out;
  }

  /** Responder: the peer has our reply. */
  private confirmed(avps: ReceivedAvps<'SCCCN'>, now: Instant): EngineEffect[] {
    const refusal = this.handshake.refusal(avps);
    if (refusal) return stop(this, refusal, now);
    this.admitCalls(this.profileOf(this.handshake.hostName ?? ''));
    return this.establish(now);
  }

  private establish(now: Instant): EngineEffect[] {
    this.state = 'established';
    this.channel.keepEarly = true;
    this.core.establishedTunnels++;
    this.establishedAt = now;
    this.establishBy = undefined;
    const { socket, encapsulation, remote, from } = this.path;
    if (this.traces.wants('data'))
      this.traces.record('data', `tunnelUp: tunnel ${this.localId} here, ${this.remoteId} at the peer`);
    const { hostName = 'an unnamed peer', quirks } = this.handshake;
    const workArounds = quirks.size === 0 ? '' : `, with ${[...quirks].join(', ')}`;
    const out: EngineEffect[] = [
      {
        effect: 'plane',
        op: {
          op: 'tunnelUp',
          localTunnelId: this.localId,
          remoteTunnelId: this.remoteId,
          version: this.dialect.version,
          encapsulation,
          socket,
          remote,
          from,
        },
      },
      this.notice('up', `established with ${hostName} at ${endpointText(remote)}${workArounds}`),
    ];
    if (this.isGranted && this.name !== undefined) append(out, this.core.dialled(this.name, true, now));
    return out;
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

  private admitCalls(peer: PeerSpec | undefined): void {
    const { dialled } = this.origin;
    if (!dialled) return;
    const { askedUs, core } = this;
    const admitted =
      peer && core.gateway.acceptTunnels && mayCall(peer, { askedUs, authenticated: this.authenticated });
    this.origin = { dialled, accepted: admitted ? peer : undefined };
  }

  // ------------------------------------------------------------ sending

  /** Hands a message to the transport; `sessionId` is the peer's, 0 for the tunnel itself. */
  send(message: OutgoingMessage, sessionId: number, now: Instant): EngineEffect[] {
    if (this.isStatic) return [];
    const { dialect, parameters, core, quirks, digests } = this;
    const refuses = message.type === 'StopCCN' && this.establishedAt === undefined;
    // Perhaps it is for want of the right secret that the peer is refused: it shall be able to read why.
    const clear = refuses || !this.mayHide || (message.type === 'SCCRP' && quirks.has('clearReply'));
    const hiding = clear ? { ...parameters, hideAvps: false } : parameters;
    const body = encodeMessage(message, sessionId, dialect, hiding, core.random, {
      digests,
      drafts: quirks.has('draftAvps'),
    });
    return this.sends(this.channel.send(sessionId, body, now));
  }

  /** In one version a secret is enough, in the other both ends have to make use of it. */
  private get mayHide(): boolean {
    return this.dialect.authentication !== 'digest' || this.authentication.isMutual;
  }

  private sends(datagrams: Uint8Array[]): EngineEffect[] {
    const { socket, encapsulation, remote: to, from } = this.path;
    const dscp = this.handshake.dscp ?? this.parameters.controlDscp;
    if (this.digests) for (const datagram of datagrams) this.authentication.sign(datagram);
    this.traces.sent(datagrams);
    return datagrams.map((message) => {
      const datagram = encapsulation === 'ip' ? overIp(message) : message;
      return { effect: 'send', socket, to, from, datagram, dscp };
    });
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

  notice(event: Notice['event'], message: string): EngineEffect {
    const name = this.name ?? String(this.localId);
    return {
      effect: 'notice',
      notice: { subject: 'tunnel', name, event, message, declared: this.name !== undefined && !this.isGranted },
    };
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
