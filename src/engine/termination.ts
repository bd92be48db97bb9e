/**
 * A call whose PPP ends here: the link, the questions about its user, and the device that carries its packets.
 */
import type {
  AllocateAnswer,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
  Credentials,
  SessionLimits,
} from './aaa.ts';
import type { CallContent, ContentEffect, ContentEvent, Judged } from './call-content.ts';
import type { CallEnd } from './call-end.ts';
import type { EngineEffect, Instant, Notice } from './effects.ts';
import type { IpAttachment } from './ports.ts';
import type { LineWishes } from './ppp/lcp-options.ts';
import { type Network, type PppEffect, type PppEvent, PppLink } from './ppp/link.ts';
import { earlier } from './ppp/timed.ts';
import {
  type FilterRule,
  type Ipv4,
  isLac,
  type PppProxy,
  type PppView,
  type RateLimit,
  type SessionType,
} from './spec.ts';
import { terminateCauseOf } from './terminate-cause.ts';
import { type AccountedCall, accountOf, hangUp, overuseOf, Usage } from './usage.ts';
import type { AvpValues } from './wire/avp.ts';
import { equalBytes } from './wire/bytes.ts';

/** Longer than any way of authentication, with a person at its end, takes. */
const maxOpeningMs = 300_000;

type LcpEffect = Extract<PppEffect, { effect: 'lcp' }>;
type AuthenticateEffect = Extract<PppEffect, { effect: 'authenticate' }>;

/** What a termination needs to know of its call. */
export interface TerminatedCall extends AccountedCall {
  /** For notices and devices: the resource's name, or ids. */
  readonly title: string;
  readonly type: SessionType;
  /** What the peer has said of the call. */
  readonly avps: AvpValues;
  readonly interface: IpAttachment['interface'];
  /** Our IPv4 address towards the peer; 0 over IPv6. */
  readonly localIpv4: Ipv4;
  notice(event: Notice['event'], message: string): EngineEffect;
  /** A filter of the Gateway's. */
  filter(name: string): readonly FilterRule[] | undefined;
}

export class Termination implements CallContent {
  readonly switchedWith = undefined;
  private readonly call: TerminatedCall;
  private readonly link: PppLink;
  private attached = false;
  /** The questions whose answers are waited for. */
  private authenticating: AuthenticateRequest | undefined;
  private allocating: AllocateRequest | undefined;
  /** What the AAA said before the call came here. */
  private judged: Judged | undefined;
  /** Once the call has carried user packets. */
  private usage: Usage | undefined;
  /** What the AAA has changed before that. */
  private early: SessionLimits | undefined;
  /** As server: when the call must carry user packets at last. 0: it does. */
  private openBy: Instant = 0;
  /** What the plane enforces. */
  private rate: RateLimit | undefined;
  private filter: readonly FilterRule[] | undefined;

  constructor(call: TerminatedCall, proxy: PppProxy | undefined, judged?: Judged) {
    this.call = call;
    this.judged = judged;
    const wishes = lineWishes(call.avps) ?? (isAsync(call) ? {} : undefined);
    this.link = new PppLink(call.ppp, call.random, call.localIpv4, proxy, wishes);
  }

  handle(event: ContentEvent, now: Instant): ContentEffect[] {
    switch (event.event) {
      case 'open':
        // RFC 2661 5.0: no PPP before the session is established, which an outgoing call's is by the carrier.
        this.awaitNetwork(now);
        return [{ effect: 'carrier', facts: {} }, ...this.toLink(event, now)];
      case 'authenticated':
        return event.request === this.authenticating ? this.authenticated(event.answer, now) : [];
      case 'allocated':
        return event.request === this.allocating ? this.allocated(event.answer, now) : [];
      case 'limits':
        return this.change(event.limits, now);
      case 'disconnect':
        return [hangUp(event.cause, event.message)];
      case 'modified':
        this.usage?.retime(now);
        return this.usage ? this.enforce(this.usage) : [];
      case 'tick':
        return this.tick(now);
      case 'frame':
        return this.toLink(event, now);
      case 'forwardChosen':
      case 'dialled':
      case 'information':
      case 'circuit':
        return [];
      default:
        return event satisfies never;
    }
  }

  end(end: CallEnd, byUs: boolean, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    if (byUs) {
      for (const effect of this.link.handle({ event: 'close', reason: end.resultCode.message ?? 'closed' }, now)) {
        if (effect.effect === 'frame') out.push({ effect: 'frame', session: this.call.key, frame: effect.frame });
      }
    }
    if (this.attached) out.push({ effect: 'plane', op: { op: 'detach', session: this.call.key } });
    if (this.usage) {
      // Its call may be hung up before our own end of PPP has come to its end.
      const cause = this.link.endedByPeer ? 'userRequest' : terminateCauseOf(end);
      out.push(accountOf('stop', this.call, this.usage, now, cause));
    }
    return out;
  }

  deadline(): Instant | undefined {
    const at = earlier(earlier(this.link.deadline() ?? 0, this.usage?.timerAt), this.openBy);
    return at === 0 ? undefined : at;
  }

  view(): PppView {
    const view = this.link.view();
    const limits = this.usage?.view();
    return limits ? { ...view, limits } : view;
  }

  // ------------------------------------------------------------ the link

  private toLink(event: PppEvent, now: Instant): ContentEffect[] {
    const out: ContentEffect[] = [];
    for (const effect of this.link.handle(event, now)) {
      switch (effect.effect) {
        case 'lcp':
          out.push(...this.setLinkInfo(effect));
          break;
        case 'network':
          out.push(...this.network(effect.network, now));
          break;
        case 'authenticate':
          out.push(...this.ask(effect, now));
          break;
        default:
          out.push(this.fromLink(effect));
      }
    }
    return out;
  }

  /**
   * An LNS tells what LCP has agreed on where the LAC has to know: on asynchronous lines (RFC 2661 6.14), and when it
   * has given options to go by (RFC 3437 2.3).
   */
  private setLinkInfo({ accm, lastSent, lastReceived }: LcpEffect): ContentEffect[] {
    const guided = lineWishes(this.call.avps) !== undefined;
    if (isLac(this.call.type) || !(guided || isAsync(this.call))) return [];
    const told: Pick<AvpValues, 'accm' | 'lnsLastSentLcpConfReq' | 'lnsLastReceivedLcpConfReq'> = { accm };
    if (guided) {
      told.lnsLastSentLcpConfReq = lastSent;
      told.lnsLastReceivedLcpConfReq = lastReceived;
    }
    return [{ effect: 'tell', information: { type: 'SLI', avps: told } }];
  }

  /** The AAA is not asked again what it has just answered: a one-time password would not pass twice. */
  private ask({ user, credentials }: AuthenticateEffect, now: Instant): ContentEffect[] {
    const { judged } = this;
    this.judged = undefined;
    if (judged && judged.request.user === user && sameProof(judged.request.credentials, credentials)) {
      return this.toLink({ event: 'authenticated', answer: judged.answer }, now);
    }
    const { key: session, ppp, facts: call } = this.call;
    const request = { session, aaa: ppp.aaa, user, credentials, call };
    this.authenticating = request;
    return [{ effect: 'authenticate', request }];
  }

  private fromLink(effect: Exclude<PppEffect, { effect: 'lcp' | 'network' | 'authenticate' }>): ContentEffect {
    const { key: session, ppp } = this.call;
    switch (effect.effect) {
      case 'frame':
        return { effect: 'frame', session, frame: effect.frame };
      case 'allocate': {
        const { user, ipv4, prefix, delegated } = effect;
        const request = { session, aaa: ppp.aaa, user, ipv4, prefix, delegated };
        this.allocating = request;
        return { effect: 'allocate', request };
      }
      case 'encrypt':
        return { effect: 'plane', op: { op: 'encrypt', session, keys: effect.keys } };
      case 'notice':
        return this.call.notice(effect.event, effect.message);
      case 'down': {
        const resultCode = effect.failed
          ? { result: 2, error: 6, message: effect.reason }
          : { result: 1, error: 0, message: effect.reason };
        return { effect: 'over', end: { resultCode, pppDisconnectCauses: [effect.cause] } };
      }
      default:
        return effect satisfies never;
    }
  }

  private authenticated(answer: AuthenticateAnswer, now: Instant): ContentEffect[] {
    this.authenticating = undefined;
    const out = this.toLink({ event: 'authenticated', answer }, now);
    if (!this.usage || answer.verdict === 'reject') return out;
    // Of a later challenge: what is granted then counts from now on.
    this.usage.regrant(this.link.grant, now);
    return [...out, ...this.enforce(this.usage)];
  }

  private allocated(answer: AllocateAnswer, now: Instant): ContentEffect[] {
    this.allocating = undefined;
    return this.toLink({ event: 'allocated', answer }, now);
  }

  private network(network: Network, now: Instant): ContentEffect[] {
    const { key: session, title, ppp } = this.call;
    const { ipv4, ipv6, mtu, acfc, pfc, routes } = network;
    if (ipv4 === undefined && ipv6 === undefined) {
      this.attached = false;
      this.awaitNetwork(now);
      return [{ effect: 'plane', op: { op: 'detach', session } }];
    }
    const { defaultRoute, proxyArp } = ppp.ipv4;
    const attachment: IpAttachment = {
      interface: this.call.interface,
      owner: `Session/${title}`,
      mtu,
      mssClamp: ppp.mssClamp,
      ipv4: ipv4 && { local: ipv4.local, remote: ipv4.remote, defaultRoute, proxyArp },
      ipv6: ipv6 && {
        localInterfaceId: ipv6.localInterfaceId,
        remoteInterfaceId: ipv6.remoteInterfaceId,
        prefixes: [ipv6.prefix, ipv6.delegated].filter((prefix) => prefix !== undefined),
        router: ppp.role === 'server',
      },
      routes,
    };
    const out = this.begin(now);
    if (out.some(({ effect }) => effect === 'over')) return out;
    this.attached = true;
    this.openBy = 0;
    return [...out, { effect: 'plane', op: { op: 'attach', session, attachment, acfc, pfc } }];
  }

  /** A peer may begin anew as often as it likes, but not for ever: it holds a place. */
  private awaitNetwork(now: Instant): void {
    if (this.call.ppp.role === 'server') this.openBy = Math.ceil(now + maxOpeningMs);
  }

  /** Before user packets are carried: for the first time, or after a renegotiation. */
  private begin(now: Instant): ContentEffect[] {
    const { user, grant } = this.link;
    if (this.usage) {
      // Accounting and the place in the session limit are the first user's.
      if (user !== this.usage.user) return [hangUp('userRequest', 'another user logs in on a link that is up')];
      this.usage.regrant(grant, now);
      this.usage.addresses = this.link.addresses;
      return this.enforce(this.usage);
    }
    this.usage = new Usage(this.call, user, grant, now);
    if (this.early) this.usage.change(this.early, now);
    this.early = undefined;
    this.usage.addresses = this.link.addresses;
    return [accountOf('start', this.call, this.usage, now), ...this.enforce(this.usage)];
  }

  // ------------------------------------------------------------ what the user may use

  private change(limits: SessionLimits, now: Instant): ContentEffect[] {
    const { usage } = this;
    if (!usage) {
      this.early = { ...this.early, ...limits };
      return [];
    }
    usage.change(limits, now);
    return this.enforce(usage);
  }

  /** Tells the plane of rate and filter. Without the filter that is asked for, nobody gets through. */
  private enforce(usage: Usage): ContentEffect[] {
    const { rate, filter: name } = usage;
    const filter = name === undefined ? undefined : this.call.filter(name);
    if (name !== undefined && filter === undefined) {
      return [hangUp('serviceUnavailable', `the Gateway has no filter named ${name}`)];
    }
    if (sameRate(rate, this.rate) && filter === this.filter) return [];
    this.rate = rate;
    this.filter = filter;
    return [{ effect: 'plane', op: { op: 'limit', session: this.call.key, rate, filter } }];
  }

  private tick(now: Instant): ContentEffect[] {
    const { usage, openBy } = this;
    const out: ContentEffect[] = [];
    if (openBy !== 0 && openBy <= now) return [hangUp('serviceUnavailable', 'PPP did not open in time')];
    if (usage && usage.timerAt !== 0 && usage.timerAt <= now) {
      const due = usage.tick(now);
      if (due === 'interim') out.push(accountOf(due, this.call, usage, now));
      else if (due) return [overuseOf(due)];
    }
    out.push(...this.toLink({ event: 'tick' }, now));
    return out;
  }
}

function sameRate(a: RateLimit | undefined, b: RateLimit | undefined): boolean {
  return a?.txBps === b?.txBps && a?.rxBps === b?.rxBps;
}

/** Of methods that a LAC can hand over. */
function sameProof(one: Credentials, other: Credentials): boolean {
  if (one.method === 'pap') return other.method === 'pap' && one.password.equals(other.password);
  if (one.method !== 'chap' || other.method !== 'chap') return false;
  const { identifier, challenge, response } = other;
  return one.identifier === identifier && equalBytes(one.challenge, challenge) && equalBytes(one.response, response);
}

/** Whether an LNS has a LAC behind which octets are escaped. */
function isAsync({ type, avps }: TerminatedCall): boolean {
  return !isLac(type) && avps.framingType?.includes('async') === true;
}

/** How a LAC wants LCP to be negotiated, if it says so (RFC 3437 2). */
export function lineWishes({ lcpWantOptions: want, lcpAllowOptions: allow }: AvpValues): LineWishes | undefined {
  return want === undefined && allow === undefined ? undefined : { want, allow };
}
