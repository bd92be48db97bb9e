/**
 * What a call may use while it carries user packets, and what it has used: idle and maximum times, rate and filter, and
 * when accounting is told. What the AAA has granted or changed counts before the profile.
 */
import type { AccountRecord, CallFacts, Grant, SessionLimits, TerminateCause } from './aaa.ts';
import type { ContentEffect } from './call-content.ts';
import type { EngineEffect, Instant, Random } from './effects.ts';
import type { SessionKey } from './ports.ts';
import { earlier } from './ppp/timed.ts';
import type { PppLimitsView, PppSpec, RateLimit, SessionCounters } from './spec.ts';

/** Nobody tells us of user packets: we look so many times in an idle time-out, and end a call by so much too late. */
const looksInIdleTime = 8;
/** Among how many instants the first tellings of calls that began at once are spread. */
const interimSpread = 1 << 16;

/** The call, as its use concerns it. */
export interface UsedCall {
  /** The profile's values, as they are now. */
  readonly ppp: PppSpec;
  readonly random: Random;
  /** What the data plane has counted of it. */
  counters(): SessionCounters | undefined;
}

export interface AccountedCall extends UsedCall {
  readonly key: SessionKey;
  readonly facts: CallFacts;
}

/** As accounting is told them. */
export type UsedAddresses = Pick<AccountRecord, 'ipv4' | 'prefix' | 'delegated' | 'interfaceId'>;

/** What its owner has to do. */
export type Due = 'idle' | 'expired' | 'interim';

export class Usage {
  readonly startedAt: Instant;
  /** To whom it is told: to the same from the beginning to the end, whatever the profile says meanwhile. */
  readonly aaa: string;
  private readonly call: UsedCall;
  private grant: Grant;
  private limits: SessionLimits;
  private packets: number;
  private activeAt: Instant;
  private lookAt: Instant = 0;
  private interimAt: Instant = 0;

  /** To whom and to what accounting counts it. */
  readonly user: string | undefined;
  addresses: UsedAddresses = {};

  constructor(call: UsedCall, user: string | undefined, grant: Grant, now: Instant) {
    this.call = call;
    this.user = user;
    this.grant = grant;
    this.limits = grant;
    this.startedAt = now;
    this.aaa = call.ppp.aaa;
    this.packets = this.userPackets();
    this.activeAt = now;
    this.retime(now);
  }

  get rate(): RateLimit | undefined {
    const { rate = this.call.ppp.rate } = this.limits;
    return rate === 'none' ? undefined : rate;
  }

  get filter(): string | undefined {
    return this.limits.filter ?? this.call.ppp.filter;
  }

  /** The link was negotiated anew: what was granted then counts, if it is another grant. */
  regrant(grant: Grant, now: Instant): void {
    if (grant === this.grant) return;
    this.grant = grant;
    this.limits = grant;
    this.retime(now);
  }

  /** Takes what the AAA changes; what it does not name stays. */
  change(limits: SessionLimits, now: Instant): void {
    this.limits = { ...this.limits, ...limits };
    this.retime(now);
  }

  /** The profile or the limits may have changed. What was due sooner stays so: edits must not put it off for ever. */
  retime(now: Instant): void {
    const { idleMs, interimMs, interimAt } = this;
    this.lookAt = idleMs > 0 ? earlier(this.nextLook(now), this.lookAt) : 0;
    if (interimMs === 0) this.interimAt = 0;
    else if (interimAt === 0 || interimAt > Math.ceil(now + interimMs)) this.interimAt = this.firstInterim(now);
  }

  private nextLook(now: Instant): Instant {
    return Math.ceil(now + this.idleMs / looksInIdleTime);
  }

  /**
   * Anywhere in the second half of an interval: thousands of calls that began at once, as after a restart, are not told
   * of at once each time (RFC 2869 2.1).
   */
  private firstInterim(now: Instant): Instant {
    return Math.ceil(now + this.interimMs * (1 - this.call.random.below(interimSpread) / interimSpread / 2));
  }

  private get idleMs(): number {
    return this.limits.idleTimeoutMs ?? this.call.ppp.idleTimeoutMs;
  }

  private get interimMs(): number {
    // RFC 2869 2.1: what is configured here overrides what is granted.
    const { interimIntervalMs: byProfile } = this.call.ppp;
    return byProfile || (this.limits.interimIntervalMs ?? this.grant.usualInterimIntervalMs ?? 0);
  }

  private get maximumMs(): number {
    return this.limits.sessionTimeoutMs ?? this.call.ppp.maxConnectMs;
  }

  private get expiresAt(): Instant {
    return this.maximumMs > 0 ? Math.ceil(this.startedAt + this.maximumMs) : 0;
  }

  private userPackets(): number {
    const counters = this.call.counters();
    return counters ? counters.rxPackets + counters.txPackets : 0;
  }

  /** When it wants a `tick`. 0: never. */
  get timerAt(): Instant {
    return earlier(earlier(this.lookAt, this.interimAt), this.expiresAt);
  }

  tick(now: Instant): Due | undefined {
    const { expiresAt } = this;
    if (expiresAt !== 0 && now >= expiresAt) return 'expired';
    if (this.lookAt !== 0 && now >= this.lookAt) {
      this.look(now);
      if (now - this.activeAt >= this.idleMs) return 'idle';
    }
    if (this.interimAt === 0 || now < this.interimAt) return undefined;
    this.interimAt = Math.ceil(now + this.interimMs);
    return 'interim';
  }

  private look(now: Instant): void {
    const packets = this.userPackets();
    if (packets !== this.packets) this.activeAt = now;
    this.packets = packets;
    this.lookAt = this.nextLook(now);
  }

  view(): PppLimitsView | undefined {
    const { rate, filter } = this;
    const idleTimeoutMs = this.idleMs || undefined;
    const sessionTimeoutMs = this.maximumMs || undefined;
    if (rate === undefined && filter === undefined && !idleTimeoutMs && !sessionTimeoutMs) return undefined;
    return { idleTimeoutMs, sessionTimeoutMs, rate, filter };
  }
}

/** What an overused call comes to. */
export function overuseOf(due: Exclude<Due, 'interim'>): Extract<ContentEffect, { effect: 'over' }> {
  switch (due) {
    case 'idle':
      return hangUp('idleTimeout', 'idle for too long');
    case 'expired':
      return hangUp('sessionTimeout', 'the maximum connect time is over');
  }
}

/** RFC 2661 4.4.2: for administrative reasons. */
export function hangUp(cause: TerminateCause, message: string): Extract<ContentEffect, { effect: 'over' }> {
  return { effect: 'over', end: { resultCode: { result: 3, error: 0, message }, cause } };
}

export function accountOf(
  event: AccountRecord['event'],
  { key: session, facts: call }: AccountedCall,
  { aaa, user, addresses, startedAt }: Usage,
  now: Instant,
  cause?: TerminateCause,
): EngineEffect {
  return {
    effect: 'account',
    record: { event, session, aaa, user, call, ...addresses, sessionMs: now - startedAt, cause },
  };
}
