/**
 * Tunnel switching: a call that came in by one tunnel, or by PPPoE, goes on in another one. This is the content of the
 * call that came in, `Egress` that of the call that goes out; between them the data plane carries every frame.
 */
import type { AuthenticateRequest, Grant, GrantedTunnel, SessionLimits } from './aaa.ts';
import type { CallContent, ContentEffect, ContentEvent, Judged } from './call-content.ts';
import type { CallEnd } from './call-end.ts';
import type { CallInformation } from './call-information.ts';
import type { EngineCore } from './core.ts';
import { append, type EngineEffect, type Instant } from './effects.ts';
import { fitsGlob } from './glob.ts';
import { grantedName } from './granted-tunnels.ts';
import type { ForwardRequest } from './ports.ts';
import { PppIngress } from './ppp/ingress.ts';
import { capturedCredentials } from './ppp/proxy.ts';
import type { Relay } from './relayed-avps.ts';
import type { Session } from './session.ts';
import type { ForwardRule, ForwardSpec, PppProxy, PppSpec, PppView, SessionParameters } from './spec.ts';
import { terminateCauseOf } from './terminate-cause.ts';
import { lineWishes } from './termination.ts';
import { type AccountedCall, accountOf, hangUp, overuseOf, Usage } from './usage.ts';
import type { AvpValues } from './wire/avp.ts';
import type { OtherAvp } from './wire/message.ts';

/** The call that came in. */
export interface IngressCall extends AccountedCall {
  readonly title: string;
  readonly type: 'lacIncoming' | 'lacOutgoing' | 'lnsIncoming' | 'lnsOutgoing';
  readonly parameters: SessionParameters;
  /** What came with it. */
  readonly avps: AvpValues;
  /** AVPs that the table does not know. */
  readonly others?: readonly OtherAvp[];
  /** The declared tunnel that it came by: it does not go back there. */
  readonly cameBy: string | undefined;
}

/** What a call that goes out is made from. */
export interface SwitchedCall extends Relay {
  readonly type: 'lacIncoming' | 'lnsOutgoing';
  readonly parameters: SessionParameters;
  readonly ppp: PppSpec;
  readonly callSerialNumber: number;
  readonly ingress: Forwarding;
}

/** Frames that the client sends before its call goes on: an LCP request or two. */
const maxWaitingFrames = 4;
const maxWaitingFrameOctets = 1_600;

/** A declared tunnel by its name, or one that the AAA grants. */
type Way = string | GrantedTunnel;

type Phase =
  /** The rules want to know who calls. */
  | { phase: 'capture'; ingress: PppIngress; until: Instant }
  /** A plugin chooses. */
  | { phase: 'choose'; rule: ForwardRule; request: ForwardRequest }
  /** The AAA says whether it may go on, and perhaps where. */
  | { phase: 'ask'; rule: ForwardRule; request: AuthenticateRequest }
  /** A granted tunnel is being dialled. */
  | { phase: 'dial'; tunnel: GrantedTunnel; left: readonly Way[]; until: Instant }
  /** The egress is being placed; these tunnels are left if it fails. */
  | { phase: 'place'; egress: Session; left: readonly Way[] }
  | { phase: 'spliced'; egress: Session }
  | { phase: 'over' };

export class Forwarding implements CallContent {
  private readonly call: IngressCall;
  private readonly spec: ForwardSpec;
  private readonly core: EngineCore;
  private at: Phase = { phase: 'over' };
  /** Who calls, as far as it is known. */
  private user: string | undefined;
  private captured: PppProxy | undefined;
  private waiting: Uint8Array[] | undefined;
  private egressSerial: number | undefined;
  /** What the AAA has granted, if it was asked. */
  private grant: Grant | undefined;
  /** What the AAA has changed since, before the call goes on. */
  private early: SessionLimits | undefined;
  /** Of a call that goes on because the AAA says so. */
  private usage: Usage | undefined;

  constructor(call: IngressCall, spec: ForwardSpec, core: EngineCore) {
    this.call = call;
    this.spec = spec;
    this.core = core;
    this.user = call.avps.proxyAuthenName;
  }

  get switchedWith(): string | undefined {
    return this.at.phase === 'spliced' || this.at.phase === 'place' ? this.at.egress.title : undefined;
  }

  get title(): string {
    return this.call.title;
  }

  handle(event: ContentEvent, now: Instant): ContentEffect[] {
    switch (event.event) {
      case 'open':
        return this.needsUser() ? this.capture(now) : this.route(now);
      case 'frame':
        if (this.at.phase === 'capture') return this.fromIngress(this.at.ingress.handle(event, now), now);
        this.keep(event.bytes, event.start, event.end);
        return [];
      case 'tick':
        if (this.at.phase === 'spliced') return this.useUp(now);
        if (this.at.phase === 'dial' && now >= this.at.until) return this.place(this.at.left, now);
        if (this.at.phase !== 'capture') return [];
        if (now >= this.at.until) return this.tooLate();
        return this.fromIngress(this.at.ingress.handle(event, now), now);
      case 'forwardChosen':
        if (this.at.phase !== 'choose' || event.request !== this.at.request) return [];
        return this.place(event.answer ?? this.at.rule.tunnels, now);
      case 'information':
        if (this.at.phase !== 'spliced' || !this.mayPass(event.information)) return [];
        return this.core.tell(this.at.egress, event.information, now);
      case 'authenticated':
        if (this.at.phase !== 'ask' || event.request !== this.at.request) return [];
        return this.judged(this.at.rule, event, now);
      case 'dialled':
        if (this.at.phase !== 'dial' || grantedName(this.at.tunnel) !== event.tunnel) return [];
        return this.place(event.up ? [event.tunnel, ...this.at.left] : this.at.left, now);
      case 'disconnect':
        // Not `over`: the call that goes out has to be hung up too.
        return [hangUp(event.cause, event.message)];
      case 'limits':
        if (this.usage) this.usage.change(event.limits, now);
        else this.early = { ...this.early, ...event.limits };
        return [];
      case 'modified':
        this.usage?.retime(now);
        return [];
      case 'allocated':
      case 'circuit':
        return [];
      default:
        return event satisfies never;
    }
  }

  end(end: CallEnd, byUs: boolean, now: Instant): EngineEffect[] {
    const { at, usage } = this;
    this.leave();
    const out = usage ? [accountOf('stop', this.call, usage, now, terminateCauseOf(end))] : [];
    this.usage = undefined;
    append(out, this.leaveWay(at, end, byUs, now));
    return out;
  }

  private leaveWay(at: Phase, end: CallEnd, byUs: boolean, now: Instant): EngineEffect[] {
    switch (at.phase) {
      case 'capture':
        return byUs ? this.farewell(at.ingress, end, now) : [];
      case 'place':
      case 'spliced':
        return this.core.hangUp(at.egress, end, now);
      case 'dial':
        this.core.forgetDialled(at.tunnel, this.call.key);
        return [];
      case 'choose':
      case 'ask':
      case 'over':
        return [];
      default:
        return at satisfies never;
    }
  }

  deadline(): Instant | undefined {
    if (this.at.phase === 'spliced') return this.usage?.timerAt || undefined;
    if (this.at.phase === 'dial') return this.at.until;
    if (this.at.phase !== 'capture') return undefined;
    const { ingress, until } = this.at;
    return Math.min(until, ingress.deadline() ?? until);
  }

  view(): PppView | undefined {
    return this.user === undefined ? undefined : { phase: 'dead', peerMru: 1500, user: this.user };
  }

  // ------------------------------------------------------------ who calls

  private needsUser(): boolean {
    if (this.call.type === 'lacOutgoing' || this.user !== undefined) return false;
    return (
      this.call.parameters.usePppProxy || this.spec.rules.some(({ realm, aaa }) => realm !== undefined || aaa === true)
    );
  }

  /** Speaks LCP and asks for the name in the LNS's place. */
  private capture(now: Instant): ContentEffect[] {
    const ingress = new PppIngress(this.call.ppp, this.core.random, lineWishes(this.call.avps));
    // A client may begin anew as often as it likes, but not for ever.
    this.at = { phase: 'capture', ingress, until: now + this.core.gateway.sessionEstablishTimeoutMs };
    return this.fromIngress(ingress.handle({ event: 'open' }, now), now);
  }

  private fromIngress(effects: ReturnType<PppIngress['handle']>, now: Instant): ContentEffect[] {
    const out: ContentEffect[] = [];
    for (const effect of effects) {
      switch (effect.effect) {
        case 'frame':
          out.push({ effect: 'frame', session: this.call.key, frame: effect.frame });
          break;
        case 'notice':
          break;
        case 'down':
          out.push({ effect: 'over', end: { resultCode: { result: 1, error: 0, message: effect.reason } } });
          break;
        case 'captured':
          this.user = effect.user;
          this.captured = effect.proxy;
          out.push(...this.route(now));
          break;
        default:
          effect satisfies never;
      }
    }
    return out;
  }

  private tooLate(): ContentEffect[] {
    return this.over({ resultCode: { result: 10, error: 0, message: 'the client did not say in time who it is' } });
  }

  private farewell(ingress: PppIngress, { resultCode }: CallEnd, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const effect of ingress.handle({ event: 'close', reason: resultCode.message ?? 'closed' }, now)) {
      if (effect.effect === 'frame') out.push({ effect: 'frame', session: this.call.key, frame: effect.frame });
    }
    return out;
  }

  // ------------------------------------------------------------ where it goes

  private route(now: Instant): ContentEffect[] {
    const rule = this.spec.rules.find((each) => this.fits(each));
    if (!rule || (rule.plugin === undefined && !rule.aaa && rule.tunnels.length === 0)) return this.terminate();
    if (rule.aaa) return this.ask(rule);
    if (rule.plugin === undefined) return this.place(rule.tunnels, now);
    const { user } = this;
    const { key: session, avps: call, others } = this.call;
    const request: ForwardRequest = { session, plugin: rule.plugin, user, call, others };
    this.at = { phase: 'choose', rule, request };
    return [{ effect: 'forward', request }];
  }

  /** `judged`: what the AAA has answered already. */
  private terminate(judged?: Judged): ContentEffect[] {
    this.leave();
    return [{ effect: 'terminate', proxy: this.captured, judged }];
  }

  /** RFC 2868: the AAA learns who calls, and answers with tunnels. */
  private ask(rule: ForwardRule): ContentEffect[] {
    const { key: session, ppp, facts: call, avps } = this.call;
    const { user } = this;
    const credentials = capturedCredentials(this.captured ?? avps);
    const request: AuthenticateRequest = { session, aaa: ppp.aaa, user, credentials, call };
    this.at = { phase: 'ask', rule, request };
    return [{ effect: 'authenticate', request }];
  }

  private judged(rule: ForwardRule, { request, answer }: Judged, now: Instant): ContentEffect[] {
    switch (answer.verdict) {
      case 'accept':
      case 'check': {
        this.grant = answer.grant;
        const ways = answer.grant.tunnels ?? rule.tunnels;
        return ways.length > 0 ? this.place(ways, now) : this.terminate({ request, answer });
      }
      case 'challenge':
      case 'reject': {
        const why = answer.verdict === 'reject' ? answer.message : 'a challenge cannot be passed on';
        return this.over({ resultCode: { result: 3, error: 0, message: `not let in: ${why}` } });
      }
      default:
        return answer satisfies never;
    }
  }

  private fits({ realm, calledNumber }: ForwardRule): boolean {
    if (realm !== undefined && !fitsGlob(realm, realmOf(this.user))) return false;
    return calledNumber === undefined || fitsGlob(calledNumber, this.call.avps.calledNumber ?? '');
  }

  /** Places the call in the first of these tunnels that takes it. */
  private place(ways: readonly Way[], now: Instant): ContentEffect[] {
    if (this.egressSerial === undefined) {
      const { callSerialNumber } = this.call.avps;
      this.egressSerial = this.core.serials.take(callSerialNumber);
      if (this.egressSerial === undefined) {
        return this.over({ resultCode: { result: 3, error: 0, message: 'the call goes round in a circle' } });
      }
    }
    const [way, ...left] = ways.filter((each) => nameOf(each) !== this.call.cameBy);
    if (way === undefined) {
      return this.over({ resultCode: { result: 2, error: 7, message: 'no tunnel takes the call now' } });
    }
    const tunnel = nameOf(way);
    if (typeof way !== 'string' && !this.core.takesCalls(tunnel)) return this.dial(way, left, now);
    const placed = this.core.place(tunnel, this.switched(this.egressSerial, tunnel), now);
    if (!placed) return this.place(left, now);
    const { session: egress, effects } = placed;
    if (egress.state === 'closed') return [...effects, ...this.place(left, now)];
    this.at = { phase: 'place', egress, left };
    return effects;
  }

  private dial(tunnel: GrantedTunnel, left: readonly Way[], now: Instant): ContentEffect[] {
    const effects = this.core.dial(tunnel, this.call.key);
    if (!effects) return this.place(left, now);
    this.at = { phase: 'dial', tunnel, left, until: now + this.core.gateway.tunnelEstablishTimeoutMs };
    return effects;
  }

  /** The AAA's limits hold for switched calls as well, but for rates and filters: their packets are the LNS's. */
  private useUp(now: Instant): ContentEffect[] {
    const { usage } = this;
    const due = usage?.tick(now);
    if (!usage || due === undefined) return [];
    return due === 'interim' ? [accountOf('interim', this.call, usage, now)] : [overuseOf(due)];
  }

  private switched(callSerialNumber: number, tunnel: string): SwitchedCall {
    const { call } = this;
    // RFC 2868 3.6: what is granted counts before what came with the call.
    const granted = this.grant?.tunnels?.find((each) => grantedName(each) === tunnel)?.privateGroupId;
    const group = granted === undefined ? undefined : { privateGroupId: granted };
    return {
      type: call.type === 'lacOutgoing' ? 'lnsOutgoing' : 'lacIncoming',
      parameters: call.parameters,
      ppp: call.ppp,
      call: this.captured || group ? { ...call.avps, ...this.captured, ...group } : call.avps,
      treatments: this.spec.avps,
      callSerialNumber,
      ingress: this,
    };
  }

  private over(end: CallEnd): ContentEffect[] {
    this.leave();
    return [{ effect: 'over', end }];
  }

  private leave(): void {
    this.at = { phase: 'over' };
    if (this.egressSerial !== undefined) this.core.serials.release(this.egressSerial);
    this.egressSerial = undefined;
  }

  /** RFC 5515 4: of a line's speeds speak only those whose call came, and went on, with word that they may change. */
  private mayPass({ type }: CallInformation): boolean {
    if (type !== 'CSUN' && type !== 'CSURQ') return true;
    const { connectSpeedUpdateEnable: treatment = 'relay' } = this.spec.avps;
    return treatment === 'relay' && this.call.avps.connectSpeedUpdateEnable !== undefined;
  }

  /** What the client says before there is somebody to hear it. */
  private keep(bytes: Uint8Array, start: number, end: number): void {
    if (this.at.phase === 'spliced' || end - start > maxWaitingFrameOctets) return;
    this.waiting ??= [];
    if (this.waiting.length < maxWaitingFrames) this.waiting.push(new Uint8Array(bytes.subarray(start, end)));
  }

  // ------------------------------------------------------------ what the egress tells

  /** It stands: the two are joined. */
  egressUp(egress: Session, now: Instant): EngineEffect[] {
    const { key } = this.call;
    this.at = { phase: 'spliced', egress };
    const out: EngineEffect[] = [{ effect: 'plane', op: { op: 'splice', session: key, with: egress.key } }];
    for (const frame of this.waiting ?? []) out.push({ effect: 'frame', session: egress.key, frame });
    this.waiting = undefined;
    if (this.grant) {
      this.usage = new Usage(this.call, this.user, this.grant, now);
      if (this.early) this.usage.change(this.early, now);
      this.early = undefined;
      out.push(accountOf('start', this.call, this.usage, now));
    }
    out.push(...this.core.want(key, [{ effect: 'carrier', facts: egress.avps }], now));
    return out;
  }

  /** It is over: another tunnel may do better, unless the call was already up. Those that we do not wait for do not count. */
  egressDown(egress: Session, end: CallEnd, now: Instant): EngineEffect[] {
    const { at } = this;
    if ((at.phase !== 'place' && at.phase !== 'spliced') || at.egress !== egress) return [];
    // Its tunnel may be about to end, and would still take calls.
    const left = at.phase === 'place' ? at.left.filter((way) => nameOf(way) !== egress.cameBy) : [];
    const effects = left.length > 0 && mayDoElsewhere(end) ? this.place(left, now) : this.over(end);
    return this.core.want(this.call.key, effects, now);
  }

  /** Frames that came before the plane joined the calls. */
  egressSays(bytes: Uint8Array, start: number, end: number): EngineEffect[] {
    if (this.at.phase !== 'spliced') return [];
    return [{ effect: 'frame', session: this.call.key, frame: new Uint8Array(bytes.subarray(start, end)) }];
  }

  egressTells(information: CallInformation, now: Instant): EngineEffect[] {
    if (!this.mayPass(information)) return [];
    return this.core.want(this.call.key, [{ effect: 'tell', information }], now);
  }
}

function nameOf(way: Way): string {
  return typeof way === 'string' ? way : grantedName(way);
}

/** RFC 2661 4.4.2. With result 1 also all calls of a tunnel end that is lost. */
function mayDoElsewhere({ resultCode: { result, error } }: CallEnd): boolean {
  return [1, 4, 5, 10].includes(result) || (result === 2 && (error === 4 || error === 7));
}

/** `user@realm`, in lower case; empty without one. */
function realmOf(user = ''): string {
  const at = user.lastIndexOf('@');
  return at < 0 ? '' : user.slice(at + 1).toLowerCase();
}
