/**
 * One client's PPPoE session: a call that comes in by Ethernet and goes on in a tunnel.
 */
import type { CallFacts } from '../aaa.ts';
import type { CallContent, ContentEffect, ContentEvent } from '../call-content.ts';
import type { CallEnd } from '../call-end.ts';
import type { EngineCore } from '../core.ts';
import { notQueued, type Queued } from '../deadlines.ts';
import type { EngineEffect, Instant, Notice, Random } from '../effects.ts';
import { Forwarding, type IngressCall } from '../forwarding.ts';
import { sessionKeyV2 } from '../ports.ts';
import { lineOptions } from '../ppp/lcp-options.ts';
import type { PppoeServerSpec, PppoeSessionView, PppSpec, SessionCounters, SessionParameters } from '../spec.ts';
import type { AvpValues } from '../wire/avp.ts';
import { hexOf } from '../wire/bytes.ts';
import { describeResult } from '../wire/result-text.ts';
import { accessLineOf } from './access-line.ts';
import { encodeDiscovery, type Tag } from './packet.ts';

/** RFC 2516 7, where ACFC is forbidden and PFC discouraged too. */
const maxPppoeMru = 1_492;

const noPlace: CallEnd = { resultCode: { result: 5, error: 0, message: 'no rule of forward fits the call' } };

export class PppoeSession implements IngressCall {
  readonly queued: Queued = notQueued();
  readonly id: number;
  readonly key: number;
  readonly type = 'lnsIncoming';
  readonly parameters: SessionParameters;
  readonly ppp: PppSpec;
  readonly avps: AvpValues;
  readonly cameBy = undefined;
  /** Whether the client has sent a word of PPP. */
  heard = false;
  private readonly core: EngineCore;
  private readonly server: PppoeServerSpec;
  private readonly peer: Uint8Array;
  private readonly onEnded: () => void;
  private content: CallContent | undefined;
  private sinceMs: number | undefined;

  constructor(
    core: EngineCore,
    server: PppoeServerSpec,
    id: number,
    peer: Uint8Array,
    tags: readonly Tag[],
    onEnded: () => void,
  ) {
    this.core = core;
    this.server = server;
    this.id = id;
    this.key = sessionKeyV2(0, id);
    this.peer = new Uint8Array(peer);
    this.onEnded = onEnded;
    this.parameters = server.session;
    this.ppp = server.ppp;
    this.avps = callOf(this.peer, tags, server.ppp);
  }

  get random(): Random {
    return this.core.random;
  }

  get facts(): CallFacts {
    return { port: this.title, avps: this.avps };
  }

  counters(): SessionCounters | undefined {
    return this.core.counters(this.key);
  }

  get title(): string {
    return `${this.server.name}/${this.id}`;
  }

  begin(now: Instant): EngineEffect[] {
    const { forward } = this.parameters;
    this.sinceMs = this.core.epochMs + now;
    const { key: session, id: pppoeSessionId, peer } = this;
    const out: EngineEffect[] = [
      { effect: 'plane', op: { op: 'pppoeUp', session, interface: this.server.interface, peer, pppoeSessionId } },
      this.notice('up', `PPPoE session of ${macText(peer)}`),
    ];
    if (!forward) return [...out, ...this.end(noPlace, true, now)];
    this.content = new Forwarding(this, forward, this.core);
    return [...out, ...this.handle({ event: 'open' }, now)];
  }

  handle(event: ContentEvent, now: Instant): EngineEffect[] {
    if (event.event === 'frame') this.heard = true;
    return this.want(this.content?.handle(event, now) ?? [], now);
  }

  /** What its content wants. */
  want(effects: readonly ContentEffect[], now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const effect of effects) {
      if (!this.content) break;
      switch (effect.effect) {
        case 'over':
          out.push(...this.end(effect.end, true, now));
          break;
        case 'terminate':
          out.push(...this.end(noPlace, true, now));
          break;
        case 'carrier':
        case 'tell':
          // Ethernet has no carrier to wait for, and nobody to set link options of.
          break;
        default:
          out.push(effect);
      }
    }
    if (this.content) this.core.deadlines.update(this);
    return out;
  }

  /** The client sent a PADT. */
  terminated(peer: Uint8Array, interfaceName: string, now: Instant): EngineEffect[] {
    if (interfaceName !== this.server.interface || macText(peer) !== macText(this.peer)) return [];
    const resultCode = { result: 1, error: 0, message: 'the client ended its PPPoE session' };
    return this.end({ resultCode, cause: 'userRequest' }, false, now);
  }

  /** The data plane cannot carry it. */
  refused(message: string, now: Instant): EngineEffect[] {
    return this.end({ resultCode: { result: 2, error: 4, message } }, true, now);
  }

  /** `tell`: the client has to be told. */
  end(end: CallEnd, tell: boolean, now: Instant): EngineEffect[] {
    if (this.core.pppoe.get(this.id) !== this) return [];
    const { content, peer } = this;
    this.content = undefined;
    this.core.pppoe.delete(this.id);
    this.core.deadlines.remove(this);
    this.onEnded();
    const out = content?.end(end, tell, now) ?? [];
    if (tell) {
      const packet = encodeDiscovery({ type: 'PADT', sessionId: this.id, tags: [] });
      out.push({ effect: 'discovery', interface: this.server.interface, peer, packet });
    }
    out.push({ effect: 'plane', op: { op: 'sessionDown', session: this.key } });
    out.push({ effect: 'release', session: this.key });
    out.push(this.notice('down', `PPPoE session of ${macText(peer)} ended: ${describeResult('CDN', end.resultCode)}`));
    return out;
  }

  deadline(): Instant | undefined {
    return this.content?.deadline();
  }

  view(): PppoeSessionView {
    return {
      server: this.server.name,
      sessionId: this.id,
      peer: macText(this.peer),
      user: this.content?.view()?.user,
      switchedWith: this.content?.switchedWith,
      call: this.avps,
      sinceMs: this.sinceMs ?? this.core.epochMs,
    };
  }

  private notice(event: Notice['event'], message: string): EngineEffect {
    return { effect: 'notice', notice: { subject: 'session', name: this.title, event, message, declared: false } };
  }
}

/** What an ICRQ and an ICCN can say of the call. */
function callOf(peer: Uint8Array, tags: readonly Tag[], ppp: PppSpec): AvpValues {
  const line = accessLineOf(tags);
  const options = lineOptions({ ...ppp, mru: Math.min(ppp.mru, maxPppoeMru), acfc: false, pfc: false });
  const service = tags.find(([name]) => name === 'serviceName')?.[1];
  const calledNumber = service && service.length > 0 ? new TextDecoder().decode(service) : undefined;
  return {
    ...line,
    callingNumber: macText(peer),
    calledNumber,
    txConnectSpeedBps: asU32(line.actualDataRateDownstreamBps),
    rxConnectSpeedBps: asU32(line.actualDataRateUpstreamBps),
    lcpWantOptions: options,
    lcpAllowOptions: options,
  };
}

function asU32(bps: number | undefined): number | undefined {
  return bps === undefined ? undefined : Math.min(bps, 0xffff_ffff);
}

/** A MAC address as text. */
export function macText(address: Uint8Array): string {
  return hexOf(address, ':');
}
