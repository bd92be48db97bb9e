/**
 * One call of any of the four types (RFC 2661 7.4, 7.5): its state machine. What is inside it is its content's.
 */
import type { CallFacts, TerminateCause } from './aaa.ts';
import type { CallContent, ContentEffect, ContentEvent } from './call-content.ts';
import { type CallEnd, cdnAvps, endText, failureOf } from './call-end.ts';
import { addressedTo, connectSpeed, informationText, isInformation, recordInformation } from './call-information.ts';
import {
  badFraming,
  cannotPlace,
  incomingConnected,
  outgoingConnected,
  replyFor,
  requestFor,
  unfitCircuit,
} from './call-requests.ts';
import { activeCircuit, Circuit, type CircuitFacts, firstStatus } from './circuit.ts';
import { randomU64 } from './core.ts';
import { DataTerms } from './data-terms.ts';
import { notQueued, type Queued } from './deadlines.ts';
import type { EngineEffect, Instant, Machine, Notice } from './effects.ts';
import { Egress } from './egress.ts';
import type { Result } from './errors.ts';
import { Forwarding } from './forwarding.ts';
import { withOthers } from './other-avps.ts';
import type { IpAttachment, PlaneFact, SessionKey } from './ports.ts';
import { SessionData } from './session-data.ts';
import {
  attachmentOf,
  endIdOf,
  interfaceOf,
  parametersOf,
  pppOf,
  type SessionOrigin,
  type SessionTunnel,
  typeOf,
} from './session-origin.ts';
import {
  isSessionMessage,
  type SessionInput,
  type SessionState,
  type SessionStep,
  sessionTables,
} from './session-states.ts';
import {
  type FailureView,
  type FilterRule,
  type Ipv4,
  isLac,
  isPlaced,
  type PppProxy,
  type PppSpec,
  type PppView,
  type SessionCounters,
  type SessionParameters,
  type SessionSpec,
  type SessionType,
  type SessionView,
  type StaticSession,
} from './spec.ts';
import { Termination } from './termination.ts';
import { type TraceCategory, type TraceSubject, traceBit, traceMask } from './trace.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';
import type { Message, OtherAvp, OutgoingMessage } from './wire/message.ts';
import { describeResult } from './wire/result-text.ts';

export type SessionEvent =
  | { event: 'open' }
  | { event: 'close'; end: CallEnd }
  | { event: 'message'; message: Message }
  | { event: 'content'; content: ContentEvent }
  /** What the content wants because of something that happened elsewhere. */
  | { event: 'wanted'; effects: readonly ContentEffect[] }
  | { event: 'fact'; fact: PlaneFact }
  /** The tunnel is gone: no message can be sent any more. */
  | { event: 'tunnelLost'; message: string; cause: TerminateCause }
  | { event: 'tick' };

/** `message` goes to the peer through the tunnel's control channel. `ended` is the last effect of a session. */
export type SessionEffect = EngineEffect | { effect: 'message'; message: OutgoingMessage } | { effect: 'ended' };

/** More than any PPP request that opens a link. */
const maxEarlyFrameOctets = 512;
export class Session implements Machine<SessionEvent, SessionEffect> {
  readonly queued: Queued = notQueued();
  readonly tunnel: SessionTunnel;
  readonly key: SessionKey;
  readonly localId: number;
  remoteId = 0;
  state: SessionState = 'idle';
  readonly origin: SessionOrigin;
  private establishBy: Instant | undefined;
  private establishedAt: Instant | undefined;
  private call: AvpValues = {};
  /** The Call Serial Number of a call that we asked for. */
  private serial: number | undefined;
  others: readonly OtherAvp[] | undefined;
  private content: CallContent | undefined;
  /** Of L2TPv3: what both ends want of data messages. */
  readonly terms: DataTerms | undefined;
  /** The value in the request that we sent (RFC 3931 5.4.4, Session Tie Breaker). */
  tieBreaker: bigint | undefined;
  private device: string | undefined;
  private readonly data: SessionData;
  /** What is traced of this session, beside what is of its tunnel. */
  traceMask = 0;
  /** A PPP frame that overtook the ICCN or OCCN: dropping it would cost the call a retransmission time-out. */
  private earlyFrame: Uint8Array | undefined;
  /** Why it last ended: also what ended an earlier session of its name. */
  failure: FailureView | undefined;

  constructor(tunnel: SessionTunnel, origin: SessionOrigin, key: SessionKey, localId: number) {
    this.tunnel = tunnel;
    this.origin = origin;
    this.key = key;
    this.localId = localId;
    this.terms = tunnel.dialect.pseudowires ? new DataTerms(this) : undefined;
    this.data = new SessionData(this);
    this.retrace();
    if ('switched' in origin) this.content = new Egress(this, origin.switched.ingress);
  }

  get declared(): SessionSpec | undefined {
    return 'declared' in this.origin ? this.origin.declared : undefined;
  }

  /** Without any control message. */
  get static(): StaticSession | undefined {
    return this.declared?.static;
  }

  get type(): SessionType {
    return typeOf(this.origin);
  }

  /** Takes the fields that may change in place; data messages follow at once. */
  modify(spec: SessionSpec, now: Instant): SessionEffect[] {
    if (!('declared' in this.origin)) return [];
    const before = this.parameters;
    const sequencingBefore = this.data.sequencing;
    this.origin.declared = spec;
    this.retrace();
    // Unasked it would undo what the LNS has turned on or off since (RFC 2661 5.4).
    const { up, sequencing: sequencingNow } = this.data;
    const sequencing = sequencingNow === sequencingBefore ? undefined : sequencingNow;
    const changed = sequencing !== undefined || spec.parameters.reorderTimeoutMs !== before.reorderTimeoutMs;
    const out: SessionEffect[] = up && changed ? [this.data.modify(sequencing)] : [];
    out.push(...this.toContent({ event: 'modified' }, now));
    const { tx, rx } = before.connectSpeedBps;
    const speed = spec.parameters.connectSpeedBps;
    if (this.state === 'established' && (speed.tx !== tx || speed.rx !== rx)) out.push(...this.tellSpeed());
    return out;
  }

  handle(event: SessionEvent, now: Instant): SessionEffect[] {
    switch (event.event) {
      case 'open':
        return this.step(this.static ? 'openStatic' : 'open', undefined, now);
      case 'close':
        return this.step('close', undefined, now, event.end);
      case 'message': {
        const { message } = event;
        return isSessionMessage(message.type) ? this.step(message.type, message, now) : [];
      }
      case 'content':
        return this.toContent(event.content, now);
      case 'wanted':
        return this.state === 'closed' ? [] : this.fromContent(event.effects, now);
      case 'fact':
        return this.takeFact(event.fact, now);
      case 'tunnelLost': {
        if (this.state === 'closed') return [];
        const resultCode: Result = { result: 1, message: event.message };
        return this.finish({ resultCode, cause: event.cause }, false, event.message, now);
      }
      case 'tick':
        return this.tick(now);
    }
  }

  deadline(): Instant | undefined {
    const content = this.content?.deadline();
    if (this.establishBy === undefined || (content !== undefined && content < this.establishBy)) return content;
    return this.establishBy;
  }

  view(): SessionView {
    const { declared, type } = this;
    const switchedWith = this.content?.switchedWith;
    return {
      name: declared?.name,
      tunnel: this.tunnel.name,
      tunnelLocalId: this.tunnel.localId,
      version: this.tunnel.dialect.version,
      state: this.state === 'idle' ? 'waitReply' : this.state,
      direction: isPlaced(type) ? 'dialled' : 'accepted',
      type,
      localId: this.localId,
      remoteId: this.remoteId,
      pseudowire: this.parameters.pseudowire,
      spec: declared,
      callSerialNumber: this.serial ?? this.call.callSerialNumber,
      call: this.call,
      others: this.others,
      switched: switchedWith === undefined ? undefined : { with: switchedWith },
      ppp: this.content?.view() ?? noPpp,
      interface: this.device,
      circuit: this.circuits,
      sinceMs: this.establishedAt === undefined ? undefined : this.tunnel.core.epochMs + this.establishedAt,
      failure: this.failure,
    };
  }

  // ------------------------------------------------------------ what its content sees

  get title(): string {
    return this.declared?.name ?? `${this.tunnel.localId}/${this.localId}`;
  }

  get parameters(): SessionParameters {
    return parametersOf(this.origin);
  }

  get ppp(): PppSpec {
    return pppOf(this.origin);
  }

  get interface(): IpAttachment['interface'] {
    return interfaceOf(this.origin);
  }

  // ------------------------------------------------------------ what its circuit sees

  get attachment(): CircuitFacts | undefined {
    return attachmentOf(this.origin);
  }

  get placesLine(): boolean {
    return this.type === 'lacOutgoing' && this.static === undefined;
  }

  /** By which both ends know the circuit. */
  get endId(): string {
    return endIdOf(this.origin, this.tunnel.parameters.hostName);
  }

  private get circuits(): SessionView['circuit'] {
    if (!this.terms) return undefined;
    return { local: this.localCircuit, peer: this.call.circuitStatus ?? activeCircuit };
  }

  /** As the peer is told. */
  get localCircuit(): CircuitStatus {
    return this.content instanceof Circuit ? this.content.local : firstStatus(this.attachment);
  }

  get random() {
    return this.tunnel.core.random;
  }

  get facts(): CallFacts {
    const { tunnel, localId } = this;
    return { port: `${tunnel.localId}/${localId}`, avps: this.call, tunnel: tunnel.facts };
  }

  filter(name: string): readonly FilterRule[] | undefined {
    return this.tunnel.core.gateway.filters.find((filter) => filter.name === name)?.rules;
  }

  counters(): SessionCounters | undefined {
    return this.tunnel.core.counters(this.key);
  }

  get localIpv4(): Ipv4 {
    return this.tunnel.localIpv4;
  }

  get cameBy(): string | undefined {
    return this.tunnel.name;
  }

  /** What the peer has said of the call. */
  get avps(): AvpValues {
    return this.call;
  }

  notice(event: Notice['event'], message: string): EngineEffect {
    const declared = this.declared !== undefined;
    return { effect: 'notice', notice: { subject: 'session', name: this.title, event, message, declared } };
  }

  // ------------------------------------------------------------ traces

  /** Something may have changed that says what is traced. */
  retrace(): void {
    this.traceMask = traceMask(this.parameters.trace) | this.tunnel.core.tracing.watched('session', () => this.title);
  }

  get traceSubject(): TraceSubject {
    const { tunnel, declared } = this.tunnel.traceSubject;
    return { tunnel, session: this.title, declared: declared | traceMask(this.parameters.trace) };
  }

  traces(category: TraceCategory): boolean {
    return ((this.tunnel.core.tracing.mask | this.tunnel.traceMask | this.traceMask) & traceBit[category]) !== 0;
  }

  trace(category: TraceCategory, message: string, fields?: Record<string, unknown>): void {
    this.tunnel.core.tracing.record(this.traceSubject, { category, message, fields });
  }

  // ------------------------------------------------------------ the state machine

  private step(input: SessionInput, message: Message | undefined, now: Instant, end?: CallEnd): SessionEffect[] {
    const { state } = this;
    if (message) this.others = withOthers(this.others, message);
    const step: SessionStep = sessionTables[this.static ? 'static' : this.type][state][input];
    const out = this.enter(step, input, message, now, end);
    if (this.traces('fsm')) this.trace('fsm', `${state}: ${input}: ${step}, now ${this.state}`);
    return out;
  }

  private enter(
    step: SessionStep,
    input: SessionInput,
    message: Message | undefined,
    now: Instant,
    end: CallEnd | undefined,
  ): SessionEffect[] {
    const avps = message?.avps ?? {};
    switch (step) {
      case 'request':
        return this.request(now);
      case 'establish':
        this.remoteId = this.static?.remoteSessionId ?? 0;
        return this.establish(now);
      case 'answer':
        return this.answer(avps, now);
      case 'connect':
        return this.connect(avps, now);
      case 'proceed':
        return this.proceed(avps, now);
      case 'connected':
        // RFC 2661 4.4.3, Framing Capabilities.
        if (avps.framingType?.some((type) => !this.tunnel.parameters.framingCapabilities.includes(type))) {
          return this.hangUp({ resultCode: badFraming }, now);
        }
        // Not a spread: V8 would give each merged object a hidden class of its own.
        Object.assign(this.call, avps);
        return this.refuseTerms(now) ?? this.establish(now);
      case 'ended': {
        Object.assign(this.call, avps, { assignedSessionId: this.call.assignedSessionId });
        const resultCode = avps.resultCode ?? { result: 1, message: `peer sent ${input}` };
        const { q931Cause, pppDisconnectCauses } = avps;
        const told = { resultCode, q931Cause, pppDisconnectCauses };
        const out = this.finish(told, false, `the peer ended the call: ${endText(told)}`, now);
        if (this.failure) this.failure.byPeer = true;
        return out;
      }
      case 'hangUp':
        return this.hangUp(end ?? { resultCode: { result: 3 } }, now);
      case 'refuse':
        return this.hangUp({ resultCode: { result: 2, error: 6, message: `${input} in state ${this.state}` } }, now);
      case 'inform':
        return this.inform(message, now);
      case 'discard':
        return [];
      default:
        return step satisfies never;
    }
  }

  /** We ask for the call. */
  private request(now: Instant): SessionEffect[] {
    if (this.terms) this.tieBreaker = randomU64(this.random);
    const message = requestFor(this);
    if ('result' in message) return this.finish({ resultCode: message }, false, describeResult('CDN', message), now);
    this.serial = message.avps.callSerialNumber;
    this.state = 'waitReply';
    this.establishBy = now + this.tunnel.core.gateway.sessionEstablishTimeoutMs;
    return [{ effect: 'message', message }];
  }

  /** The peer asks for the call; the tunnel has checked its limits. */
  private answer(avps: AvpValues, now: Instant): SessionEffect[] {
    this.call = avps;
    this.remoteId = avps.assignedSessionId ?? 0;
    this.establishBy = now + this.tunnel.core.gateway.sessionEstablishTimeoutMs;
    const unfit = this.refuseTerms(now);
    if (unfit) return unfit;
    const reply = replyFor(this, this.data.replyTo(avps));
    if (this.type === 'lnsIncoming') {
      this.state = 'waitConnect';
      return [this.data.tell(), { effect: 'message', message: { type: 'ICRP', avps: reply } }];
    }
    const refusal = cannotPlace(this, avps);
    if (refusal) return this.hangUp({ resultCode: refusal }, now);
    this.state = 'waitAnswer';
    return [this.data.tell(), { effect: 'message', message: { type: 'OCRP', avps: reply } }, ...this.begin(now)];
  }

  /** As LAC: the LNS takes the incoming call, or the line of an outgoing one has answered with these facts. */
  private connect(facts: AvpValues, now: Instant): SessionEffect[] {
    if (this.type === 'lacOutgoing') {
      return [{ effect: 'message', message: outgoingConnected(this, this.call, facts) }, ...this.establish(now)];
    }
    this.take(facts);
    const unfit = this.refuseTerms(now);
    return unfit ?? [{ effect: 'message', message: incomingConnected(this) }, ...this.establish(now)];
  }

  /** The peer wants data messages that we cannot send. */
  private refuseTerms(now: Instant): SessionEffect[] | undefined {
    const refusal = this.terms && (this.terms.refusal ?? unfitCircuit(this, this.call));
    return refusal && this.hangUp({ resultCode: refusal }, now);
  }

  /** As LNS: the LAC places the outgoing call. */
  private proceed(reply: AvpValues, now: Instant): SessionEffect[] {
    this.take(reply);
    const unfit = this.refuseTerms(now);
    if (unfit) return unfit;
    this.state = 'waitConnect';
    return [this.data.tell()];
  }

  /** The peer's reply to our request. */
  private take(reply: AvpValues): void {
    this.call = reply;
    this.remoteId = reply.assignedSessionId ?? 0;
    this.data.takeReply(reply);
  }

  private establish(now: Instant): SessionEffect[] {
    this.state = 'established';
    this.establishedAt = now;
    this.establishBy = undefined;
    const out: SessionEffect[] = [this.data.tell()];
    out.push(this.notice('up', `call established, ids ${this.localId}/${this.remoteId}`));
    // The content of an outgoing call began with its line.
    if (!this.placesLine) out.push(...this.begin(now));
    return out;
  }

  /** What the LAC hands over of its client's PPP, if we want it (RFC 2661 4.4.5). */
  private proxied(): PppProxy | undefined {
    return this.tunnel.parameters.allowPppProxy && !isLac(this.type) ? this.call : undefined;
  }

  /** The content begins: with the call, or with the line of an outgoing one. */
  private begin(now: Instant): SessionEffect[] {
    this.content ??= this.newContent();
    const out = this.toContent({ event: 'open' }, now);
    const { earlyFrame } = this;
    this.earlyFrame = undefined;
    if (earlyFrame) {
      const frame = { event: 'frame', bytes: earlyFrame, start: 0, end: earlyFrame.length } as const;
      out.push(...this.toContent(frame, now));
    }
    return out;
  }

  private newContent(): CallContent {
    if (this.parameters.pseudowire !== 'ppp') return new Circuit(this);
    const forward = isPlaced(this.type) ? undefined : this.parameters.forward;
    return forward ? new Forwarding(this, forward, this.tunnel.core) : new Termination(this, this.proxied());
  }

  // ------------------------------------------------------------ the content

  private toContent(event: ContentEvent, now: Instant): SessionEffect[] {
    if (this.state === 'waitConnect' && event.event === 'frame') {
      const { bytes, start, end } = event;
      if (end - start <= maxEarlyFrameOctets) this.earlyFrame ??= new Uint8Array(bytes.subarray(start, end));
      return [];
    }
    return this.content ? this.fromContent(this.content.handle(event, now), now) : [];
  }

  private fromContent(effects: readonly ContentEffect[], now: Instant): SessionEffect[] {
    const out: SessionEffect[] = [];
    for (const effect of effects) {
      if (this.state === 'closed') break;
      switch (effect.effect) {
        case 'carrier':
          out.push(...this.carrier(effect.facts, now));
          break;
        case 'tell':
          out.push({ effect: 'message', message: addressedTo(this, effect.information) });
          break;
        case 'over':
          out.push(...this.hangUp(effect.end, now));
          break;
        case 'terminate':
          this.content = new Termination(this, effect.proxy ?? this.proxied(), effect.judged);
          out.push(...this.toContent({ event: 'open' }, now));
          break;
        default:
          out.push(effect);
      }
    }
    return out;
  }

  private carrier(facts: AvpValues, now: Instant): SessionEffect[] {
    return sessionTables[this.type][this.state].carrier === 'connect' ? this.connect(facts, now) : [];
  }

  /** The peer tells something: it is recorded, and ends nothing. */
  private inform(message: Message | undefined, now: Instant): SessionEffect[] {
    if (!message || !isInformation(message)) return [];
    const { type, avps } = message;
    const out: SessionEffect[] = [];
    if (type === 'CSURQ') {
      out.push(...this.tellSpeed());
    } else {
      recordInformation(this.call, message);
      const [speed] = avps.connectSpeedUpdates ?? [];
      if (speed) {
        this.call.txConnectSpeedBps = speed.txConnectSpeedBps;
        this.call.rxConnectSpeedBps = speed.rxConnectSpeedBps;
      }
      out.push(this.notice('line', informationText(type, avps)));
    }
    out.push(...this.toContent({ event: 'information', information: message }, now));
    return out;
  }

  /** RFC 5515 4: the LNS knows of a declared call that its line's speeds may change. */
  private tellSpeed(): SessionEffect[] {
    if (!this.declared || this.type !== 'lacIncoming') return [];
    const speed = connectSpeed(this.remoteId, this.parameters.connectSpeedBps);
    return [{ effect: 'message', message: addressedTo(this, speed) }];
  }

  private takeFact(fact: PlaneFact, now: Instant): SessionEffect[] {
    if (this.state === 'closed') return [];
    switch (fact.fact) {
      case 'attached':
        this.device = fact.interface;
        return [
          this.notice(
            this.parameters.pseudowire === 'ppp' ? 'ppp' : 'line',
            `carries ${this.parameters.pseudowire} on ${fact.interface}`,
          ),
        ];
      case 'failed': {
        const resultCode = { result: 2, error: 4, message: fact.error.message };
        return this.hangUp({ resultCode }, now);
      }
      case 'done':
        return [];
      default:
        return fact satisfies never;
    }
  }

  private tick(now: Instant): SessionEffect[] {
    if (this.establishBy !== undefined && now >= this.establishBy) {
      const result = this.tunnel.dialect.results.sessionTimeout;
      const resultCode = { result, error: 0, message: 'the call was not established in time' };
      return this.hangUp({ resultCode }, now);
    }
    return this.toContent({ event: 'tick' }, now);
  }

  // ------------------------------------------------------------ the end

  /** Ends the call from our side: the content's farewell, then a CDN. */
  private hangUp(end: CallEnd, now: Instant): SessionEffect[] {
    if (this.state === 'closed') return [];
    return this.finish(end, true, `we ended the call: ${endText(end)}`, now);
  }

  private finish(end: CallEnd, byUs: boolean, message: string, now: Instant): SessionEffect[] {
    const { content } = this;
    if (this.traces('fsm')) this.trace('fsm', `${this.state}: ${message}`);
    this.state = 'closed';
    this.content = undefined;
    this.earlyFrame = undefined;
    this.establishBy = undefined;
    this.failure = failureOf(end.resultCode, this.tunnel.core.epochMs + now);
    const out: SessionEffect[] = content?.end(end, byUs, now) ?? [];
    if (byUs) {
      out.push({ effect: 'message', message: { type: 'CDN', avps: cdnAvps(this.localId, end) } });
    }
    if (this.data.up) {
      out.push({ effect: 'plane', op: { op: 'sessionDown', session: this.key } });
      out.push({ effect: 'release', session: this.key });
    }
    out.push(this.notice('down', message), { effect: 'ended' });
    return out;
  }
}

const noPpp: PppView = { phase: 'dead', peerMru: 1500 };
