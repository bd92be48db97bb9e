/** Two links against each other on a virtual clock, over a path that may lose, double and delay frames. */

import type { AllocateAnswer, AuthenticateAnswer } from '../../../src/engine/aaa.ts';
import type { Random } from '../../../src/engine/effects.ts';
import type { MppeKeys } from '../../../src/engine/ppp/auth/mppe-keys.ts';
import { type Network, type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { ADDRESSES } from './specs.ts';

/** A small generator of its own (mulberry32), so that a seed repeats a run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    bytes: (octets) => Uint8Array.from({ length: octets }, () => next() & 0xff),
  };
}

export interface Path {
  /** Of 100 frames. */
  lossPercent: number;
  duplicatePercent: number;
  /** Each frame takes from 1 to this many milliseconds: more than 1 reorders. */
  maxDelayMs: number;
}

export const PERFECT: Path = { lossPercent: 0, duplicatePercent: 0, maxDelayMs: 1 };

export interface World {
  seed?: number;
  path?: Path;
  /** The answer to `authenticate`. */
  judge?: (user: string, effect: PppEffect) => AuthenticateAnswer;
  allocate?: (wanted: number | undefined) => AllocateAnswer;
}

type SideName = 'client' | 'server';

export class Side {
  link: PppLink;
  network: Network | undefined = undefined;
  keys: MppeKeys | undefined = undefined;
  readonly told: ('encrypt' | 'network')[] = [];
  down: { reason: string; failed: boolean } | undefined = undefined;
  /** Code, protocol and direction, once it is down. */
  cause: readonly number[] = [];
  readonly notices: string[] = [];
  readonly sent: Uint8Array[] = [];
  allocations = 0;
  authentications = 0;

  constructor(link: PppLink) {
    this.link = link;
  }

  /** Frames sent of what comes to an end: a router's advertisements do not. */
  get talk(): number {
    return this.sent.filter((frame) => frame[2] !== 0x00 || frame[3] !== 0x57).length;
  }

  get hasIpv4(): boolean {
    return this.network?.ipv4 !== undefined;
  }

  get hasIpv6(): boolean {
    return this.network?.ipv6 !== undefined;
  }
}

const otherSide = { client: 'server', server: 'client' } as const;

export class Pair {
  now = 0;
  readonly client: Side;
  readonly server: Side;
  private readonly inFlight: { at: number; order: number; to: SideName; frame: Uint8Array }[] = [];
  private order = 0;
  private readonly chance: Random;
  private readonly world: World;
  /** Nothing that is sent now arrives. */
  cut = false;

  constructor(client: PppSpec, server: PppSpec, world: World = {}) {
    const seed = world.seed ?? 1;
    this.world = world;
    this.chance = seededRandom(seed);
    this.client = new Side(new PppLink(client, seededRandom(seed + 1000), 0));
    this.server = new Side(new PppLink(server, seededRandom(seed + 2000), ADDRESSES.server));
  }

  open(): this {
    this.perform('client', this.client.link.handle({ event: 'open' }, this.now));
    this.perform('server', this.server.link.handle({ event: 'open' }, this.now));
    return this;
  }

  /** One end has forgotten everything and begins anew, without a word to the other. */
  restart(side: SideName, spec: PppSpec): this {
    const seed = (this.world.seed ?? 1) + 3000;
    this[side].link = new PppLink(spec, seededRandom(seed), side === 'client' ? 0 : ADDRESSES.server);
    this[side].network = undefined;
    this.perform(side, this[side].link.handle({ event: 'open' }, this.now));
    return this;
  }

  close(side: SideName, reason = 'enough'): this {
    this.perform(side, this[side].link.handle({ event: 'close', reason }, this.now));
    return this;
  }

  /** Hands a frame to a link as if the other had sent it. */
  inject(to: SideName, frame: Uint8Array): this {
    this.perform(to, this[to].link.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, this.now));
    return this;
  }

  perform(side: SideName, effects: PppEffect[]): void {
    const here = this[side];
    for (const effect of effects) {
      if (here.down !== undefined) throw new Error(`${effect.effect} after down`);
      switch (effect.effect) {
        case 'frame':
          here.sent.push(effect.frame);
          this.send(otherSide[side], effect.frame);
          break;
        case 'authenticate': {
          here.authentications++;
          const answer = this.world.judge?.(effect.user ?? '', effect) ?? checkAgainst('hunter2');
          this.perform(side, here.link.handle({ event: 'authenticated', answer }, this.now));
          break;
        }
        case 'allocate': {
          here.allocations++;
          const answer = this.world.allocate?.(effect.ipv4?.fixed) ?? { ipv4: effect.ipv4?.fixed ?? ADDRESSES.client };
          this.perform(side, here.link.handle({ event: 'allocated', answer }, this.now));
          break;
        }
        case 'encrypt':
          here.told.push('encrypt');
          here.keys = effect.keys;
          break;
        case 'network':
          here.told.push('network');
          here.network = effect.network;
          break;
        case 'down':
          here.down = { reason: effect.reason, failed: effect.failed };
          here.cause = [effect.cause.code, effect.cause.protocol, effect.cause.direction];
          break;
        case 'notice':
          here.notices.push(`${effect.event}: ${effect.message}`);
          break;
      }
    }
  }

  private send(to: SideName, frame: Uint8Array): void {
    const { lossPercent, duplicatePercent, maxDelayMs } = this.world.path ?? PERFECT;
    if (this.cut) return;
    const copies = this.chance.below(100) < duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance.below(100) < lossPercent) continue;
      this.inFlight.push({ at: this.now + 1 + this.chance.below(maxDelayMs), order: this.order++, to, frame });
    }
  }

  /** Loses what is on its way. */
  dropAll(): void {
    this.inFlight.length = 0;
  }

  /** Goes to the next thing that happens: a frame's arrival or a deadline. False when there is none before `until`. */
  step(until: number): boolean {
    this.inFlight.sort((a, b) => a.at - b.at || a.order - b.order);
    const frame = this.inFlight[0];
    const deadlines = [this.client.link.deadline(), this.server.link.deadline()];
    const next = Math.min(frame?.at ?? Infinity, deadlines[0] ?? Infinity, deadlines[1] ?? Infinity);
    if (next > until) return false;
    this.now = Math.max(this.now, next);
    if (frame !== undefined && frame.at <= this.now) {
      this.inFlight.shift();
      // In a larger buffer that is overwritten afterwards, as a receive buffer is.
      const bytes = new Uint8Array(frame.frame.length + 8).fill(0xee);
      bytes.set(frame.frame, 5);
      const event = { event: 'frame', bytes, start: 5, end: 5 + frame.frame.length } as const;
      const effects = this[frame.to].link.handle(event, this.now);
      bytes.fill(0x55);
      this.perform(frame.to, effects);
      return true;
    }
    for (const side of ['client', 'server'] as const) {
      if ((this[side].link.deadline() ?? Infinity) <= this.now) {
        this.perform(side, this[side].link.handle({ event: 'tick' }, this.now));
      }
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

export function checkAgainst(password: string, ipv4?: number): AuthenticateAnswer {
  return { verdict: 'check', secret: new Secret(password), grant: { ipv4 } };
}

/** A control packet as a whole frame. */
export function packet(protocol: number, code: number, identifier: number, data: readonly number[] = []): Uint8Array {
  const length = data.length + 4;
  return Uint8Array.of(0xff, 3, protocol >> 8, protocol & 255, code, identifier, length >> 8, length & 255, ...data);
}
