/**
 * Holds user packets to a rate: a token bucket for each direction of each limited session, with a short queue behind it.
 * Rates count the octets of IP packets.
 */
import { DeadlineQueue, notQueued, type Waiting } from '../engine/deadlines.ts';
import { PacketStore } from './packet-store.ts';
import type { L2tpSession } from './sessions.ts';

/** What may go at once after a pause: so much time at the rate, which a late timer may take as well. */
export const burstMs = 20;
/** But always two packets of Ethernet's size. */
export const leastBurstOctets = 3_000;
/** How much waits: so much time at the rate. */
export const queueMs = 50;
/** But always what TCP needs to learn of a loss before its timer does. */
export const leastQueueOctets = 12_000;

/** What still waits is not looked at again before: timers are no finer, nor, after a year, are clocks much. */
const leastWaitMs = 1;

const bitsPerOctet = 8;
const msPerSecond = 1000;
/** Of an octet: what rounding may lack. */
const rounding = 1e-3;

/** In any time t it lets through at most rate * t + burst octets; a longer packet than that waits for the whole burst. */
export class TokenBucket {
  readonly #octetsPerMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(bps: number, now: number, tokens = Number.POSITIVE_INFINITY) {
    this.#octetsPerMs = bps / bitsPerOctet / msPerSecond;
    this.#burst = Math.max(this.#octetsPerMs * burstMs, leastBurstOctets);
    this.#tokens = Math.min(tokens, this.#burst);
    this.#at = now;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Whether a packet may go. If so, it counts as gone. */
  take(octets: number, now: number): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#octetsPerMs);
      this.#at = now;
    }
    if (this.#tokens + rounding < Math.min(octets, this.#burst)) return false;
    this.#tokens -= octets;
    return true;
  }

  /** When a packet may go. */
  readyAt(octets: number): number {
    return this.#at + Math.max(0, Math.min(octets, this.#burst) - this.#tokens) / this.#octetsPerMs;
  }
}

/** rx: from the peer. */
export type ShapedDirection = 'rx' | 'tx';

/** One direction of one session: its bucket, and what waits, as a chain in the store. */
export class Shaper implements Waiting {
  readonly queued = notQueued();
  readonly session: L2tpSession;
  readonly direction: ShapedDirection;
  bucket: TokenBucket;
  most: number;
  /** Octets and packets that wait. */
  octets = 0;
  packets = 0;
  first = -1;
  last = -1;
  /** When the first of them may go. */
  readyAt = 0;

  constructor(session: L2tpSession, direction: ShapedDirection, bps: number, now: number) {
    this.session = session;
    this.direction = direction;
    this.bucket = new TokenBucket(bps, now);
    this.most = mostWaiting(bps);
  }

  /** From now on another rate: what waits goes on at that one. */
  change(bps: number, now: number): void {
    this.bucket.take(0, now);
    this.bucket = new TokenBucket(bps, now, this.bucket.tokens);
    this.most = mostWaiting(bps);
  }

  deadline(): number | undefined {
    return this.first < 0 ? undefined : this.readyAt;
  }
}

function mostWaiting(bps: number): number {
  return Math.max((bps / bitsPerOctet / msPerSecond) * queueMs, leastQueueOctets);
}

/** `now`: it goes on. `held`: it waits, `next` may have changed. `full`: there is no room. */
export type Verdict = 'now' | 'held' | 'full';

/** All shapers that have something waiting. */
export class Shaping {
  readonly #queue = new DeadlineQueue<Shaper>();
  readonly #store = new PacketStore();
  readonly #release: (shaper: Shaper, slab: Uint8Array, floor: number, start: number, end: number) => void;

  /**
   * `release` takes the packets that have waited, before which there is room for headers from `floor` on. They lie
   * there until the next packet is judged.
   */
  constructor(release: (shaper: Shaper, slab: Uint8Array, floor: number, start: number, end: number) => void) {
    this.#release = release;
  }

  /** How many packets wait. */
  get packets(): number {
    return this.#store.size;
  }

  judge(shaper: Shaper, bytes: Uint8Array, start: number, end: number, now: number): Verdict {
    const octets = end - start;
    if (shaper.first < 0 && shaper.bucket.take(octets, now)) return 'now';
    if (shaper.octets + octets > shaper.most && shaper.first >= 0) return 'full';
    // Nobody holds more places than are left for the others, however small the packets.
    if (shaper.packets >= this.#store.room) return 'full';
    const place = this.#store.put(bytes, start, end);
    if (place < 0) return 'full';
    shaper.octets += octets;
    shaper.packets++;
    if (shaper.first >= 0) {
      this.#store.link(shaper.last, place);
      shaper.last = place;
      return 'held';
    }
    shaper.first = place;
    shaper.last = place;
    this.file(shaper, now);
    return 'held';
  }

  /** `earliest`: not before then, however soon the bucket has enough. */
  private file(shaper: Shaper, earliest: number): void {
    if (shaper.first < 0) return;
    shaper.readyAt = Math.max(earliest, shaper.bucket.readyAt(this.#store.octets(shaper.first)));
    this.#queue.update(shaper);
  }

  /** When `expire` should be called next; never later than needed. */
  next(): number | undefined {
    return this.#queue.next();
  }

  /** Releases what may go by now. */
  expire(now: number): void {
    for (let shaper = this.#queue.takeDue(now); shaper !== undefined; shaper = this.#queue.takeDue(now)) {
      while (shaper.first >= 0 && shaper.bucket.take(this.#store.octets(shaper.first), now)) this.pass(shaper);
      this.file(shaper, now + leastWaitMs);
    }
  }

  /** Takes the first that waits out of the queue. */
  private take(shaper: Shaper): number {
    const place = shaper.first;
    shaper.octets -= this.#store.octets(place);
    shaper.packets--;
    shaper.first = this.#store.next(place);
    this.#store.free(place);
    return place;
  }

  private pass(shaper: Shaper): void {
    const place = this.take(shaper);
    const floor = this.#store.floor(place);
    const start = this.#store.start(place);
    this.#release(shaper, this.#store.slab, floor, start, start + this.#store.octets(place));
  }

  /** After its rate has changed. */
  changed(shaper: Shaper, now: number): void {
    this.#queue.remove(shaper);
    this.file(shaper, now);
  }

  /** Releases all that waits: the limit is gone. */
  flush(shaper: Shaper): void {
    while (shaper.first >= 0) this.pass(shaper);
    this.#queue.remove(shaper);
  }

  /** Drops what waits. */
  forget(shaper: Shaper): void {
    while (shaper.first >= 0) this.take(shaper);
    this.#queue.remove(shaper);
  }
}
