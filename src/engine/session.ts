/**
 * One incoming call, as LAC or as LNS (RFC 2661 7.4): its state machine, and the PPP link inside it.
 */
import type { EngineCore } from './core.ts';
import { notQueued, type Queued } from './deadlines.ts';
import type { EngineEffect, Instant, Machine, Notice } from './effects.ts';
import type { Result } from './errors.ts';
import type { ForwardAnswer, IpAttachment, PlaneFact, SessionKey } from './ports.ts';
import { type Network, type PppEffect, type PppEvent, PppLink } from './ppp/link.ts';
import { describeResult } from './result-text.ts';
import {
  isSessionMessage,
  lacIncomingTable,
  lnsIncomingTable,
  type SessionInput,
  type SessionState,
  type SessionTable,
} from './session-states.ts';
import type {
  FailureView,
  Ipv4,
  PeerSpec,
  PppSpec,
  PppView,
  SessionParameters,
  SessionSpec,
  SessionView,
  TunnelParameters,
} from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';
import type { SentAvps } from './wire/message-table.ts';

export type SessionEvent =
  | { event: 'open' }
  | { event: 'close'; result: Result }
  | { event: 'message'; message: Message }
  | { event: 'ppp'; ppp: PppEvent }
  | { event: 'fact'; fact: PlaneFact }
  /** A plugin's answer to `forward`. */
  | { event: 'forwardChosen'; answer: ForwardAnswer }
  /** The tunnel is gone: no message can be sent any more. */
  | { event: 'tunnelLost'; message: string }
  | { event: 'tick' };

/** `message` goes to the peer through the tunnel's control channel. `ended` is the last effect of a session. */
export type SessionEffect = EngineEffect | { effect: 'message'; message: OutgoingMessage } | { effect: 'ended' };

/** What a session needs to know of its tunnel, fixed for its life. */
export interface SessionTunnel {
  readonly core: Pick<EngineCore, 'random' | 'epochMs' | 'gateway' | 'callSerialNumber'>;
  readonly localId: number;
  readonly name?: string;
  readonly parameters: TunnelParameters;
  /** The framing types that the peer takes. */
  readonly peerFraming: TunnelParameters['framingCapabilities'];
  /** Our IPv4 address towards the peer; 0 over IPv6. */
  readonly localIpv4: Ipv4;
}

/** Who wants the session: a declaration of ours, or a peer that matched a profile. */
export type SessionOrigin = { declared: SessionSpec } | { accepted: PeerSpec };

/** More than any PPP request that opens a link. */
const maxEarlyFrameOctets = 512;

export class Session implements Machine<SessionEvent, SessionEffect> {
  readonly queued: Queued = notQueued();
  readonly tunnel: SessionTunnel;
  readonly key: SessionKey;
  readonly localId: number;
  remoteId = 0;
  state: SessionState = 'idle';
  private readonly origin: SessionOrigin;
  private establishBy: Instant | undefined;
  private establishedAt: Instant | undefined;
  private call: AvpValues = {};
  private ppp: PppLink | undefined;
  private device: string | undefined;
  /** Whether the plane knows the session. */
  private planeUp = false;
  private attached = false;
  /** A PPP frame that overtook the ICCN: dropping it would cost the call a retransmission time-out. */
  private earlyFrame: Uint8Array | undefined;
  /** Why it last ended: also what ended an earlier session of its name. */
  failure: FailureView | undefined;

  constructor(tunnel: SessionTunnel, origin: SessionOrigin, key: SessionKey, localId: number) {
    this.tunnel = tunnel;
    this.origin = origin;
    this.key = key;
    this.localId = localId;
  }

  get declared(): SessionSpec | undefined {
    return 'declared' in this.origin ? this.origin.declared : undefined;
  }

  /** Takes the fields that may change in place; data messages follow at once. */
  modify(spec: SessionSpec): SessionEffect[] {
    if (!('declared' in this.origin)) return [];
    const before = this.sequencing;
    this.origin.declared = spec;
    // Unasked it would undo what the LNS has turned on or off since (RFC 2661 5.4).
    if (this.state !== 'established' || this.sequencing === before) return [];
    return [this.plane()];
  }

  handle(event: SessionEvent, now: Instant): SessionEffect[] {
    switch (event.event) {
      case 'open':
        return this.step('open', undefined, now);
      case 'close':
        this.fail(event.result, now);
        return this.step('close', undefined, now, event.result);
      case 'message': {
        const { message } = event;
        return isSessionMessage(message.type) ? this.step(message.type, message.avps, now) : [];
      }
      case 'ppp':
        return this.toPpp(event.ppp, now);
      case 'fact':
        return this.takeFact(event.fact, now);
      case 'forwardChosen':
        return [];
      case 'tunnelLost':
        if (this.state === 'closed') return [];
        this.fail({ result: 1, message: event.message }, now);
        return this.finish(event.message);
      case 'tick':
        return this.tick(now);
    }
  }

  deadline(): Instant | undefined {
    const ppp = this.ppp?.deadline();
    if (this.establishBy === undefined || (ppp !== undefined && ppp < this.establishBy)) return ppp;
    return this.establishBy;
  }

  view(): SessionView {
    const { declared } = this;
    return {
      name: declared?.name,
      tunnel: this.tunnel.name,
      tunnelLocalId: this.tunnel.localId,
      state: this.state === 'idle' ? 'waitReply' : this.state,
      direction: declared ? 'dialled' : 'accepted',
      type: declared ? 'lacIncoming' : 'lnsIncoming',
      localId: this.localId,
      remoteId: this.remoteId,
      pseudowire: 'ppp',
      spec: declared,
      call: this.call,
      ppp: this.ppp?.view() ?? noPpp,
      interface: this.device,
      sinceMs: this.establishedAt === undefined ? undefined : this.tunnel.core.epochMs + this.establishedAt,
      failure: this.failure,
    };
  }

  private get table(): SessionTable {
    return this.declared ? lacIncomingTable : lnsIncomingTable;
  }

  private get parameters(): SessionParameters {
    return 'declared' in this.origin ? this.origin.declared.parameters : this.origin.accepted.session;
  }

  private get pppSpec(): PppSpec {
    return 'declared' in this.origin ? this.origin.declared.ppp : this.origin.accepted.ppp;
  }

  private get sequencing(): boolean {
    const { sequencingRequired, useSequenceNumbers } = this.parameters;
    return sequencingRequired || useSequenceNumbers || this.call.sequencingRequired !== undefined;
  }

  private step(input: SessionInput, avps: AvpValues | undefined, now: Instant, result?: Result): SessionEffect[] {
    const step = this.table[this.state][input];
    switch (step) {
      case 'request':
        return this.request(now);
      case 'answer':
        return this.answer(avps ?? {}, now);
      case 'connect':
        return this.connect(avps ?? {}, now);
      case 'connected':
        // RFC 2661 4.4.3, Framing Capabilities.
        if (avps?.framingType?.some((type) => !this.tunnel.parameters.framingCapabilities.includes(type))) {
          return this.hangUp({ result: 5, error: 0, message: 'this framing type is not offered here' }, now);
        }
        // Not a spread: V8 would give each merged object a hidden class of its own.
        Object.assign(this.call, avps);
        return this.establish(now);
      case 'ended': {
        const reason = avps?.resultCode ?? { result: 1, message: `peer sent ${input}` };
        this.fail(reason, now);
        return this.finish(`the peer ended the call: ${describeResult('CDN', reason)}`);
      }
      case 'hangUp':
        return this.hangUp(result ?? { result: 3 }, now);
      case 'refuse':
        return this.hangUp({ result: 2, error: 6, message: `${input} in state ${this.state}` }, now);
      case 'discard':
        return [];
      default:
        return step satisfies never;
    }
  }

  /** LAC: ask for the call. */
  private request(now: Instant): SessionEffect[] {
    const { declared } = this;
    if (!declared) return [];
    this.state = 'waitReply';
    this.establishBy = now + this.tunnel.core.gateway.sessionEstablishTimeoutMs;
    const { core } = this.tunnel;
    core.callSerialNumber = (core.callSerialNumber + 1) >>> 0;
    const avps: SentAvps<'ICRQ'> = {
      assignedSessionId: this.localId,
      callSerialNumber: core.callSerialNumber,
      bearerType: this.parameters.bearerType,
      callingNumber: declared.callingNumber,
      calledNumber: declared.calledNumber,
      subAddress: declared.subAddress,
    };
    return [{ effect: 'message', message: { type: 'ICRQ', avps } }];
  }

  /** LNS: the peer asks for a call; the tunnel has checked its limits. */
  private answer(avps: AvpValues, now: Instant): SessionEffect[] {
    this.call = avps;
    this.remoteId = avps.assignedSessionId ?? 0;
    this.state = 'waitConnect';
    this.establishBy = now + this.tunnel.core.gateway.sessionEstablishTimeoutMs;
    const message: OutgoingMessage = { type: 'ICRP', avps: { assignedSessionId: this.localId } };
    return [this.plane(), { effect: 'message', message }];
  }

  /** LAC: the peer takes the call. */
  private connect(reply: AvpValues, now: Instant): SessionEffect[] {
    this.call = reply;
    this.remoteId = reply.assignedSessionId ?? 0;
    const { connectSpeedBps, framingType, privateGroupId, sequencingRequired } = this.parameters;
    const avps: SentAvps<'ICCN'> = {
      txConnectSpeedBps: connectSpeedBps.tx,
      // RFC 2661 4.4.3, Framing Capabilities: nothing that the peer does not take.
      framingType: framingType.filter((type) => this.tunnel.peerFraming.includes(type)),
      rxConnectSpeedBps: connectSpeedBps.rx === connectSpeedBps.tx ? undefined : connectSpeedBps.rx,
      privateGroupId,
      sequencingRequired: sequencingRequired ? true : undefined,
    };
    return [{ effect: 'message', message: { type: 'ICCN', avps } }, ...this.establish(now)];
  }

  private establish(now: Instant): SessionEffect[] {
    this.state = 'established';
    this.establishedAt = now;
    this.establishBy = undefined;
    this.ppp = new PppLink(this.pppSpec, this.tunnel.core.random, this.tunnel.localIpv4);
    const out: SessionEffect[] = [this.plane()];
    out.push(this.notice('up', `call established, ids ${this.localId}/${this.remoteId}`));
    out.push(...this.toPpp({ event: 'open' }, now));
    const { earlyFrame } = this;
    this.earlyFrame = undefined;
    if (earlyFrame) {
      out.push(...this.toPpp({ event: 'frame', bytes: earlyFrame, start: 0, end: earlyFrame.length }, now));
    }
    return out;
  }

  /** Tells the plane of the session, or what has changed since. */
  private plane(): SessionEffect {
    const { key: session, sequencing } = this;
    const { reorderTimeoutMs, dscp } = this.parameters;
    if (this.planeUp)
      return { effect: 'plane', op: { op: 'sessionModify', session, sequencing, reorderTimeoutMs, dscp } };
    this.planeUp = true;
    return {
      effect: 'plane',
      op: {
        op: 'sessionUp',
        session,
        localTunnelId: this.tunnel.localId,
        remoteSessionId: this.remoteId,
        pseudowire: 'ppp',
        sequencing,
        reorderTimeoutMs,
        dscp,
        followSequencing: this.declared !== undefined && !this.parameters.sequencingRequired,
      },
    };
  }

  private toPpp(event: PppEvent, now: Instant): SessionEffect[] {
    if (this.ppp) return this.fromPpp(this.ppp.handle(event, now), now);
    if (this.state === 'waitConnect' && event.event === 'frame' && event.end - event.start <= maxEarlyFrameOctets) {
      this.earlyFrame ??= new Uint8Array(event.bytes.subarray(event.start, event.end));
    }
    return [];
  }

  private fromPpp(effects: PppEffect[], now: Instant): SessionEffect[] {
    const out: SessionEffect[] = [];
    for (const effect of effects) {
      switch (effect.effect) {
        case 'frame':
          out.push({ effect: 'frame', session: this.key, frame: effect.frame });
          break;
        case 'authenticate':
          out.push({
            effect: 'authenticate',
            request: { session: this.key, user: effect.user, credentials: effect.credentials },
          });
          break;
        case 'allocate':
          out.push({
            effect: 'allocate',
            request: { session: this.key, user: effect.user, pool: this.pppSpec.ipv4.pool, ipv4: effect.ipv4 },
          });
          break;
        case 'network':
          out.push(...this.network(effect.network));
          break;
        case 'notice':
          out.push(this.notice(effect.event, effect.message));
          break;
        case 'down':
          this.ppp = undefined;
          out.push(...this.pppDown(effect.reason, effect.failed, now));
          break;
        default:
          effect satisfies never;
      }
    }
    return out;
  }

  private network(network: Network): SessionEffect[] {
    const { ipv4, ipv6 } = network;
    if (!ipv4 && !ipv6) {
      this.attached = false;
      return [{ effect: 'plane', op: { op: 'detach', session: this.key } }];
    }
    this.attached = true;
    const { origin } = this;
    const attachment: IpAttachment = {
      interface:
        'declared' in origin
          ? { kind: 'own', name: origin.declared.interfaceName }
          : { kind: 'shared', name: origin.accepted.tunnel.interfaceName },
      owner: `Session/${this.title}`,
      mtu: network.mtu,
      ipv4: ipv4 && { local: ipv4.local, remote: ipv4.remote, defaultRoute: this.pppSpec.ipv4.defaultRoute },
      ipv6,
    };
    return [
      {
        effect: 'plane',
        op: { op: 'attach', session: this.key, attachment, acfc: network.acfc, pfc: network.pfc },
      },
    ];
  }

  private pppDown(reason: string, failed: boolean, now: Instant): SessionEffect[] {
    const result: Result = failed ? { result: 2, error: 6, message: reason } : { result: 1, error: 0, message: reason };
    this.fail(result, now);
    return this.hangUp(result, now);
  }

  private takeFact(fact: PlaneFact, now: Instant): SessionEffect[] {
    if (this.state === 'closed') return [];
    switch (fact.fact) {
      case 'attached':
        this.device = fact.interface;
        return [this.notice('ppp', `carries user packets on ${fact.interface}`)];
      case 'failed': {
        const result = { result: 2, error: 4, message: fact.error.message };
        this.fail(result, now);
        return this.hangUp(result, now);
      }
      case 'done':
        return [];
      default:
        return fact satisfies never;
    }
  }

  private tick(now: Instant): SessionEffect[] {
    if (this.establishBy !== undefined && now >= this.establishBy) {
      const result = { result: 10, error: 0, message: 'the call was not established in time' };
      this.fail(result, now);
      return this.hangUp(result, now);
    }
    return this.toPpp({ event: 'tick' }, now);
  }

  /** Ends the call from our side: PPP's farewell if it is up, then a CDN. */
  private hangUp(result: Result, now: Instant): SessionEffect[] {
    if (this.state === 'closed') return [];
    const farewell: SessionEffect[] = [];
    if (this.ppp) {
      for (const effect of this.ppp.handle({ event: 'close', reason: result.message ?? 'closed' }, now)) {
        if (effect.effect === 'frame') farewell.push({ effect: 'frame', session: this.key, frame: effect.frame });
      }
    }
    this.failure ??= { atMs: this.tunnel.core.epochMs + now, ...result, message: describeResult('CDN', result) };
    const cdn: SessionEffect = {
      effect: 'message',
      message: { type: 'CDN', avps: { assignedSessionId: this.localId, resultCode: result } },
    };
    return [...farewell, cdn, ...this.finish(`we ended the call: ${describeResult('CDN', result)}`)];
  }

  private finish(message: string): SessionEffect[] {
    this.state = 'closed';
    this.ppp = undefined;
    this.earlyFrame = undefined;
    this.establishBy = undefined;
    const out: SessionEffect[] = [];
    if (this.attached) out.push({ effect: 'plane', op: { op: 'detach', session: this.key } });
    if (this.planeUp) {
      out.push({ effect: 'plane', op: { op: 'sessionDown', session: this.key } });
      out.push({ effect: 'release', session: this.key });
    }
    out.push(this.notice('down', message), { effect: 'ended' });
    return out;
  }

  private fail(result: Result, now: Instant): void {
    const { result: code, error, message } = result;
    this.failure = {
      atMs: this.tunnel.core.epochMs + now,
      result: code,
      error,
      message: message ?? describeResult('CDN', result),
    };
  }

  private get title(): string {
    return this.declared?.name ?? `${this.tunnel.localId}/${this.localId}`;
  }

  private notice(event: Notice['event'], message: string): SessionEffect {
    const declared = this.declared !== undefined;
    return { effect: 'notice', notice: { subject: 'session', name: this.title, event, message, declared } };
  }
}

const noPpp: PppView = { phase: 'dead', peerMru: 1500 };
