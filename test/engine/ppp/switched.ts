/** A client that meets a LAC first and an LNS then, on a virtual clock; the way to the client may be bad. */

import type { AuthenticateAnswer } from '../../../src/engine/aaa.ts';
import type { Random } from '../../../src/engine/effects.ts';
import { type IngressEffect, PppIngress } from '../../../src/engine/ppp/ingress.ts';
import type { LineWishes } from '../../../src/engine/ppp/lcp-options.ts';
import { type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import type { PppProxy } from '../../../src/engine/spec.ts';
import { checkAgainst, type Path, PERFECT, Side, seededRandom } from './pair.ts';
import { ADDRESSES } from './specs.ts';

export interface Way {
  seed?: number;
  path?: Path;
  /** How long the LNS is not there yet. */
  callMs?: number;
  /** What the LNS gets to see of the LAC's facts. */
  proxy?: (captured: PppProxy) => PppProxy | undefined;
  wishes?: LineWishes;
  judge?: (user: string) => AuthenticateAnswer;
}

/** Frames that the LAC keeps for the LNS. */
const MAX_WAITING = 4;

type End = 'client' | 'provider';

export class Switched {
  now = 0;
  readonly client: Side;
  readonly ingress: PppIngress;
  /** The LAC's side of the client's line. */
  readonly lac: { sent: Uint8Array[]; down: { reason: string; failed: boolean } | undefined; cause: number[] } = {
    sent: [],
    down: undefined,
    cause: [],
  };
  captured: { user: string | undefined; proxy: PppProxy; at: number } | undefined = undefined;
  lns: Side | undefined = undefined;
  readonly lcpTold: PppEffect[] = [];
  private readonly waiting: Uint8Array[] = [];
  private readonly lnsSpec: PppSpec;
  private readonly way: Way;
  private readonly chance: Random;
  private readonly inFlight: { at: number; order: number; to: End; frame: Uint8Array }[] = [];
  private order = 0;

  constructor(client: PppSpec, lac: PppSpec, lns: PppSpec, way: Way = {}) {
    const seed = way.seed ?? 1;
    this.way = way;
    this.lnsSpec = lns;
    this.chance = seededRandom(seed);
    this.client = new Side(new PppLink(client, seededRandom(seed + 1000), 0));
    this.ingress = new PppIngress(lac, seededRandom(seed + 2000), way.wishes);
    this.fromClient(this.client.link.handle({ event: 'open' }, 0));
    this.fromIngress(this.ingress.handle({ event: 'open' }, 0));
  }

  private get spliceAt(): number | undefined {
    return this.captured && this.lns === undefined ? this.captured.at + (this.way.callMs ?? 0) : undefined;
  }

  private fromClient(effects: PppEffect[]): void {
    for (const effect of effects) this.note(this.client, effect, 'provider', (more) => this.fromClient(more));
  }

  private fromLns(lns: Side, effects: PppEffect[]): void {
    for (const effect of effects) this.note(lns, effect, 'client', (more) => this.fromLns(lns, more));
  }

  private note(side: Side, effect: PppEffect, to: End, go: (effects: PppEffect[]) => void): void {
    if (side.down !== undefined) throw new Error(`${effect.effect} after down`);
    switch (effect.effect) {
      case 'frame':
        side.sent.push(effect.frame);
        this.send(to, effect.frame);
        break;
      case 'authenticate':
        side.authentications++;
        go(side.link.handle({ event: 'authenticated', answer: this.judge(effect.user ?? '') }, this.now));
        break;
      case 'allocate':
        side.allocations++;
        go(
          side.link.handle({ event: 'allocated', answer: { ipv4: effect.ipv4?.fixed ?? ADDRESSES.client } }, this.now),
        );
        break;
      case 'network':
        side.network = effect.network;
        break;
      case 'down':
        side.down = { reason: effect.reason, failed: effect.failed };
        side.cause = [effect.cause.code, effect.cause.protocol, effect.cause.direction];
        break;
      case 'notice':
        side.notices.push(`${effect.event}: ${effect.message}`);
        break;
      case 'lcp':
        this.lcpTold.push(effect);
        break;
    }
  }

  private judge(user: string): AuthenticateAnswer {
    return this.way.judge?.(user) ?? checkAgainst('hunter2');
  }

  private fromIngress(effects: IngressEffect[]): void {
    for (const effect of effects) {
      if (this.lac.down !== undefined || this.captured !== undefined) throw new Error(`${effect.effect} after the end`);
      switch (effect.effect) {
        case 'frame':
          this.lac.sent.push(effect.frame);
          this.send('client', effect.frame);
          break;
        case 'captured':
          this.captured = { user: effect.user, proxy: effect.proxy, at: this.now };
          break;
        case 'down':
          this.lac.down = { reason: effect.reason, failed: effect.failed };
          this.lac.cause = [effect.cause.code, effect.cause.protocol, effect.cause.direction];
          break;
      }
    }
  }

  private send(to: End, frame: Uint8Array): void {
    const { lossPercent, duplicatePercent, maxDelayMs } = this.way.path ?? PERFECT;
    const copies = this.chance.below(100) < duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance.below(100) < lossPercent) continue;
      this.inFlight.push({ at: this.now + 1 + this.chance.below(maxDelayMs), order: this.order++, to, frame });
    }
  }

  /** The LNS is there: the two ends are one link from now on. */
  private splice(captured: PppProxy): void {
    const proxy = this.way.proxy === undefined ? captured : this.way.proxy(captured);
    const { wishes, seed = 1 } = this.way;
    const link = new PppLink(this.lnsSpec, seededRandom(seed + 3000), ADDRESSES.server, proxy, wishes);
    const lns = new Side(link);
    this.lns = lns;
    this.fromLns(lns, link.handle({ event: 'open' }, this.now));
    for (const frame of this.waiting) this.toLns(lns, frame);
    this.waiting.length = 0;
  }

  private toLns(lns: Side, frame: Uint8Array): void {
    this.fromLns(lns, lns.link.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, this.now));
  }

  /** A frame of the client's arrives at whoever is there. */
  inject(frame: Uint8Array): void {
    if (this.lns !== undefined) {
      this.toLns(this.lns, frame);
    } else if (this.captured !== undefined) {
      if (this.waiting.length === MAX_WAITING) this.waiting.shift();
      this.waiting.push(frame);
    } else {
      this.fromIngress(this.ingress.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, this.now));
    }
  }

  step(until: number): boolean {
    this.inFlight.sort((a, b) => a.at - b.at || a.order - b.order);
    const frame = this.inFlight[0];
    const deadlines = [this.client.link.deadline(), this.ingress.deadline(), this.lns?.link.deadline(), this.spliceAt];
    const next = Math.min(frame?.at ?? Infinity, ...deadlines.map((at) => at ?? Infinity));
    if (next > until) return false;
    this.now = Math.max(this.now, next);
    if (frame !== undefined && frame.at <= this.now) {
      this.inFlight.shift();
      const bytes = frame.frame.slice();
      if (frame.to === 'provider') this.inject(bytes);
      else this.fromClient(this.client.link.handle({ event: 'frame', bytes, start: 0, end: bytes.length }, this.now));
      return true;
    }
    if (this.captured && (this.spliceAt ?? Infinity) <= this.now) this.splice(this.captured.proxy);
    const { lns } = this;
    if ((this.client.link.deadline() ?? Infinity) <= this.now) {
      this.fromClient(this.client.link.handle({ event: 'tick' }, this.now));
    }
    if ((this.ingress.deadline() ?? Infinity) <= this.now) {
      this.fromIngress(this.ingress.handle({ event: 'tick' }, this.now));
    }
    if (lns !== undefined && (lns.link.deadline() ?? Infinity) <= this.now) {
      this.fromLns(lns, lns.link.handle({ event: 'tick' }, this.now));
    }
    return true;
  }

  /** Runs until nothing more happens or `forMs` are over. */
  run(forMs = 600_000): this {
    const until = this.now + forMs;
    for (let steps = 0; this.step(until); steps++) {
      if (steps > 50_000) throw new Error('does not come to rest');
    }
    return this;
  }
}
