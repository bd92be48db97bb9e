/**
 * A call whose PPP ends here: the link, and the device that carries its packets.
 */
import type { CallContent, ContentEffect, ContentEvent } from './call-content.ts';
import type { CallEnd } from './call-end.ts';
import type { EngineEffect, Instant, Notice, Random } from './effects.ts';
import type { IpAttachment, SessionKey } from './ports.ts';
import type { LineWishes } from './ppp/lcp-options.ts';
import { type Network, type PppEffect, type PppEvent, PppLink } from './ppp/link.ts';
import { type Ipv4, isLac, type PppProxy, type PppSpec, type PppView, type SessionType } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { SentAvps } from './wire/message-table.ts';

type LcpEffect = Extract<PppEffect, { effect: 'lcp' }>;

/** What a termination needs to know of its call. */
export interface TerminatedCall {
  readonly key: SessionKey;
  /** For notices and devices: the resource's name, or ids. */
  readonly title: string;
  readonly type: SessionType;
  readonly ppp: PppSpec;
  /** What the peer has said of the call. */
  readonly avps: AvpValues;
  readonly interface: IpAttachment['interface'];
  readonly random: Random;
  /** Our IPv4 address towards the peer; 0 over IPv6. */
  readonly localIpv4: Ipv4;
  notice(event: Notice['event'], message: string): EngineEffect;
}

export class Termination implements CallContent {
  readonly switchedWith = undefined;
  private readonly call: TerminatedCall;
  private readonly link: PppLink;
  private attached = false;

  constructor(call: TerminatedCall, proxy: PppProxy | undefined) {
    this.call = call;
    const wishes = lineWishes(call.avps) ?? (isAsync(call) ? {} : undefined);
    this.link = new PppLink(call.ppp, call.random, call.localIpv4, proxy, wishes);
  }

  handle(event: ContentEvent, now: Instant): ContentEffect[] {
    switch (event.event) {
      case 'open':
        // RFC 2661 5.0: no PPP before the session is established, which an outgoing call's is by the carrier.
        return [{ effect: 'carrier', facts: {} }, ...this.toLink(event, now)];
      case 'forwardChosen':
      case 'information':
        return [];
      default:
        return this.toLink(event, now);
    }
  }

  end({ resultCode }: CallEnd, byUs: boolean, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    if (byUs) {
      for (const effect of this.link.handle({ event: 'close', reason: resultCode.message ?? 'closed' }, now)) {
        if (effect.effect === 'frame') out.push({ effect: 'frame', session: this.call.key, frame: effect.frame });
      }
    }
    if (this.attached) out.push({ effect: 'plane', op: { op: 'detach', session: this.call.key } });
    return out;
  }

  deadline(): Instant | undefined {
    return this.link.deadline();
  }

  view(): PppView {
    return this.link.view();
  }

  private toLink(event: PppEvent, now: Instant): ContentEffect[] {
    const out: ContentEffect[] = [];
    for (const effect of this.link.handle(event, now)) {
      if (effect.effect === 'lcp') out.push(...this.setLinkInfo(effect));
      else out.push(this.fromLink(effect));
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
    const told: SentAvps<'SLI'> = { accm };
    if (guided) {
      told.lnsLastSentLcpConfReq = lastSent;
      told.lnsLastReceivedLcpConfReq = lastReceived;
    }
    return [{ effect: 'tell', information: { type: 'SLI', avps: told } }];
  }

  private fromLink(effect: Exclude<PppEffect, LcpEffect>): ContentEffect {
    const { key: session, ppp } = this.call;
    switch (effect.effect) {
      case 'frame':
        return { effect: 'frame', session, frame: effect.frame };
      case 'authenticate':
        return { effect: 'authenticate', request: { session, user: effect.user, credentials: effect.credentials } };
      case 'allocate':
        return {
          effect: 'allocate',
          request: { session, user: effect.user, pool: ppp.ipv4.pool, ipv4: effect.ipv4 },
        };
      case 'network':
        return this.network(effect.network);
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

  private network(network: Network): EngineEffect {
    const { key: session, title, ppp } = this.call;
    const { ipv4, ipv6, mtu, acfc, pfc } = network;
    this.attached = ipv4 !== undefined || ipv6 !== undefined;
    if (!this.attached) return { effect: 'plane', op: { op: 'detach', session } };
    const attachment: IpAttachment = {
      interface: this.call.interface,
      owner: `Session/${title}`,
      mtu,
      ipv4: ipv4 && { local: ipv4.local, remote: ipv4.remote, defaultRoute: ppp.ipv4.defaultRoute },
      ipv6,
    };
    return { effect: 'plane', op: { op: 'attach', session, attachment, acfc, pfc } };
  }
}

/** Whether an LNS has a LAC behind which octets are escaped. */
function isAsync({ type, avps }: TerminatedCall): boolean {
  return !isLac(type) && avps.framingType?.includes('async') === true;
}

/** How a LAC wants LCP to be negotiated, if it says so (RFC 3437 2). */
export function lineWishes({ lcpWantOptions: want, lcpAllowOptions: allow }: AvpValues): LineWishes | undefined {
  return want === undefined && allow === undefined ? undefined : { want, allow };
}
