import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxStoredPackets } from '../../src/kernel/packet-store.ts';
import { L2tpSession } from '../../src/kernel/sessions.ts';
import {
  burstMs,
  leastBurstOctets,
  leastQueueOctets,
  queueMs,
  Shaper,
  Shaping,
  TokenBucket,
} from '../../src/kernel/shaping.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { session as key, pppFacts } from './sessions.ts';

const remote = new SocketTransport().endpoints.raw({ address: '192.0.2.1', port: 1701 });
const ids = { localId: 7, remoteId: 7, version: 2, encapsulation: 'udp' } as const;
const session = new L2tpSession(key, { ...ids, socket: 1, remote, from: undefined }, pppFacts);

const bps = fc.constantFrom(64_000, 1_000_000, 8_000_000, 100_000_000, 2_500_000_000);
const octetsPerMs = (rate: number): number => rate / 8000;
const burstOf = (rate: number): number => Math.max(octetsPerMs(rate) * burstMs, leastBurstOctets);

interface Sent {
  shaper: Shaper;
  at: number;
  mark: number;
  octets: number;
}

/** A shaping on a virtual clock; packets carry a mark in their first four octets. */
class World {
  now: number;
  readonly sent: Sent[] = [];
  readonly shaping = new Shaping((shaper, slab, floor, start, end) => {
    expect(start - floor).toBeGreaterThanOrEqual(16);
    this.note(shaper, slab, start, end);
  });
  #marks = 0;

  constructor(now = 0) {
    this.now = now;
  }

  private note(shaper: Shaper, bytes: Uint8Array, start: number, end: number): void {
    const mark = new DataView(bytes.buffer, bytes.byteOffset).getUint32(start);
    for (let at = start + 4; at < end; at++) if (bytes[at] !== (mark & 255)) throw new Error(`packet ${mark} spoiled`);
    this.sent.push({ shaper, at: this.now, mark, octets: end - start });
  }

  offer(shaper: Shaper, octets: number): 'now' | 'held' | 'full' {
    const packet = new Uint8Array(octets).fill(++this.#marks & 255);
    new DataView(packet.buffer).setUint32(0, this.#marks);
    const verdict = this.shaping.judge(shaper, packet, 0, octets, this.now);
    if (verdict === 'now') this.note(shaper, packet, 0, octets);
    return verdict;
  }

  /** Lets the time pass; timers come up to `lateMs` late. */
  pass(ms: number, lateMs = 0): void {
    const until = this.now + ms;
    for (let next = this.shaping.next(); next !== undefined && next <= until; next = this.shaping.next()) {
      this.now = Math.max(this.now, Math.min(Math.ceil(next) + lateMs, until));
      this.shaping.expire(this.now);
      if (next > this.now) break;
    }
    this.now = until;
  }
}

/** A packet's octets, and how long it comes after the one before. */
const packets = fc.array(fc.tuple(fc.integer({ min: 20, max: 1500 }), fc.nat(30)), { minLength: 1, maxLength: 200 });

test('in no time more passes than the rate lets through and a burst', () => {
  fc.assert(
    fc.property(bps, packets, fc.nat(10), (rate, traffic, lateMs) => {
      const world = new World();
      const shaper = new Shaper(session, 'tx', rate, 0);
      for (const [octets, afterMs] of traffic) {
        world.pass(afterMs / 10, lateMs);
        world.offer(shaper, octets);
      }
      world.pass(60_000, lateMs);
      expect(world.shaping.packets).toBe(0);
      const { sent } = world;
      for (let from = 0; from < sent.length; from++) {
        let octets = 0;
        for (let to = from; to < sent.length; to++) {
          octets += sent[to].octets;
          const most = octetsPerMs(rate) * (sent[to].at - sent[from].at) + burstOf(rate);
          expect(octets).toBeLessThanOrEqual(most + 0.1);
        }
      }
    }),
  );
});

test('packets of one direction keep their order, and each passes once or is refused', () => {
  fc.assert(
    fc.property(
      fc.array(bps, { minLength: 1, maxLength: 4 }),
      packets,
      fc.infiniteStream(fc.nat()),
      (rates, traffic, picks) => {
        const world = new World();
        const shapers = rates.map((rate) => new Shaper(session, 'rx', rate, 0));
        let refused = 0;
        for (const [octets, afterMs] of traffic) {
          world.pass(afterMs / 10);
          const pick: number = picks.next().value ?? 0;
          if (world.offer(shapers[pick % shapers.length], octets) === 'full') refused++;
        }
        world.pass(60_000);
        expect(world.sent.length + refused).toBe(traffic.length);
        for (const shaper of shapers) {
          const marks = world.sent.filter((sent) => sent.shaper === shaper).map(({ mark }) => mark);
          expect(marks).toEqual([...marks].sort((a, b) => a - b));
        }
        expect(world.shaping.next()).toBeUndefined();
      },
    ),
  );
});

test('what stays below the rate is never lost, and waits no longer than the queue lasts', () => {
  fc.assert(
    fc.property(bps, packets, (rate, traffic) => {
      const world = new World();
      const shaper = new Shaper(session, 'tx', rate, 0);
      for (const [octets] of traffic) {
        world.pass(octets / octetsPerMs(rate));
        expect(world.offer(shaper, octets)).not.toBe('full');
      }
      world.pass(1 + Math.max(queueMs, leastQueueOctets / octetsPerMs(rate)));
      expect(world.sent).toHaveLength(traffic.length);
    }),
  );
});

test('what is offered above the rate leaves at the rate', () => {
  for (const rate of [1_000_000, 20_000_000, 200_000_000]) {
    for (const lateMs of [0, 5]) {
      const world = new World();
      const shaper = new Shaper(session, 'tx', rate, 0);
      const ms = 1_000;
      for (let at = 0; at < ms; at += 0.5) {
        for (let octets = 0; octets < octetsPerMs(rate); octets += 1400) world.offer(shaper, 1400);
        world.pass(0.5, lateMs);
      }
      const octets = world.sent.reduce((sum, sent) => sum + sent.octets, 0);
      expect(octets).toBeGreaterThan(octetsPerMs(rate) * ms * 0.97);
      expect(octets).toBeLessThanOrEqual(octetsPerMs(rate) * ms + burstOf(rate));
    }
  }
});

test('on a clock that has run for a year, whose fractions are coarse, time goes on', () => {
  for (let i = 0; i < 5; i++) {
    const world = new World(3.2e10 + i / 7);
    const shaper = new Shaper(session, 'tx', 10_000_000_000, world.now);
    for (let packet = 0; packet < 2_500; packet++) world.offer(shaper, 15_000 - i);
    for (let next = world.shaping.next(); next !== undefined; next = world.shaping.next()) {
      expect(next).toBeGreaterThan(world.now);
      world.now = next;
      world.shaping.expire(next);
    }
    expect(world.shaping.packets).toBe(0);
  }
});

test('a packet longer than the burst passes when the whole burst is saved up', () => {
  const bucket = new TokenBucket(64_000, 0);
  expect(bucket.take(16_000, 0)).toBe(true);
  expect(bucket.take(1, 1_000)).toBe(false);
  expect(bucket.readyAt(16_000)).toBeCloseTo(2_000, 0);
  expect(bucket.take(16_000, 1_990)).toBe(false);
  expect(bucket.take(16_000, 2_000)).toBe(true);
});

test('another rate holds from now on, for what waits as well, and the end of the limit lets it go', () => {
  const world = new World();
  const shaper = new Shaper(session, 'tx', 64_000, 0);
  for (let i = 0; i < 10; i++) expect(world.offer(shaper, 1000)).not.toBe('full');
  expect(world.sent).toHaveLength(3);
  world.pass(1);
  // 1,000 octets a ms from now on, instead of 8.
  shaper.change(8_000_000, world.now);
  world.shaping.changed(shaper, world.now);
  world.pass(3);
  expect(world.sent.length).toBeGreaterThanOrEqual(5);
  expect(world.sent.length).toBeLessThan(8);
  world.shaping.flush(shaper);
  expect(world.sent.map(({ mark }) => mark)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(world.shaping.packets).toBe(0);
  expect(world.shaping.next()).toBeUndefined();
});

test('what is forgotten never passes, and its places are free again', () => {
  const world = new World();
  const [one, other] = [new Shaper(session, 'tx', 64_000, 0), new Shaper(session, 'rx', 64_000, 0)];
  for (const shaper of [one, other]) for (let i = 0; i < 6; i++) world.offer(shaper, 1000);
  const before = world.sent.length;
  world.shaping.forget(one);
  world.pass(60_000);
  expect(world.sent.slice(before).every(({ shaper }) => shaper === other)).toBe(true);
  expect(world.sent).toHaveLength(before + 3);
  expect(world.shaping.packets).toBe(0);
});

test('all sessions together hold no more than the store has room for', () => {
  const world = new World();
  let held = 0;
  for (let before = -1; before < held; ) {
    before = held;
    const shaper = new Shaper(session, 'tx', 8_000, 0);
    for (let i = 0; i < 10; i++) if (world.offer(shaper, 1000) === 'held') held++;
  }
  expect(held).toBe(maxStoredPackets);
  expect(world.shaping.packets).toBe(maxStoredPackets);
});

test('sessions that send many small packets leave room for the others', () => {
  const world = new World();
  for (let flooders = 1; flooders <= 5; flooders++) {
    const flooder = new Shaper(session, 'tx', 1_000_000_000, 0);
    for (let i = 0; i < 2 * maxStoredPackets + burstOf(1_000_000_000) / 40; i++) world.offer(flooder, 40);
    expect(flooder.packets).toBeLessThanOrEqual(maxStoredPackets / 2);
    const other = new Shaper(session, 'tx', 10_000_000, 0);
    const verdicts = Array.from({ length: 60 }, () => world.offer(other, 1400));
    // A burst, and then a queue.
    expect(verdicts).not.toContain('full');
    world.shaping.forget(other);
  }
});
