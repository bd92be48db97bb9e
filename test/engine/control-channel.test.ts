import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChannelParameters, ControlChannel, type Incoming } from '../../src/engine/control-channel.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import { SeededRandom } from './world.ts';

const ackDelayMs = 10;

function channel(changes: Partial<ChannelParameters> = {}): ControlChannel {
  const parameters = { retryTimeoutMs: 1_000, maxRetries: 5, receiveWindow: 10, transmitWindow: 100, ...changes };
  return new ControlChannel(dialects[2], parameters, 0);
}

function body(number: number): Uint8Array {
  return Uint8Array.of(number >> 16, (number >> 8) & 0xff, number & 0xff);
}

function numberIn({ bytes, start, end }: Incoming): number {
  if (end - start !== 3) expect(end - start).toBe(3);
  return (bytes[start] << 16) | (bytes[start + 1] << 8) | bytes[start + 2];
}

function read(datagram: Uint8Array) {
  const header = newHeader();
  decodeHeader(datagram, 0, datagram.length, header);
  return header;
}

/** Lets a message arrive whose content is its own number. */
function arrive(to: ControlChannel, ns: number, nr: number, now: number, content = ns): number[] {
  const datagram = dialects[2].encodeControl(1, 0, ns, nr, body(content));
  return to.receive(read(datagram), datagram, now).map(numberIn);
}

function arriveAck(to: ControlChannel, ns: number, nr: number, now: number): Uint8Array[] {
  const datagram = dialects[2].encodeAck(1, ns, nr);
  const taken = to.receive(read(datagram), datagram, now);
  if (taken.length > 0) expect(taken).toEqual([]);
  return to.fill(now);
}

function sequence(datagrams: Uint8Array[]): number[] {
  return datagrams.map((datagram) => read(datagram).ns);
}

/** The Nr of the acknowledgement that is due at `now`; undefined when none is. */
function dueAck(of: ControlChannel, now: number): number | undefined {
  const [ack] = of.tick(now).map(read);
  if (ack) expect(ack.payloadStart).toBe(ack.payloadEnd);
  return ack?.nr;
}

/** Sends messages one by one, each acknowledged at once: the congestion window grows, the sequence numbers go on. */
function exchange(of: ControlChannel, count: number, nr = 0): void {
  for (let sent = 0; sent < count; sent++) {
    const [datagram] = of.send(0, body(sent), 0);
    arriveAck(of, nr, (read(datagram).ns + 1) & 0xffff, 0);
  }
}

describe('sequence numbers', () => {
  it('counts what it sends from 0, modulo 65536', () => {
    const sender = channel();
    for (let sent = 0; sent < 70_000; sent++) {
      const datagrams = sender.send(0, body(sent), sent);
      if (datagrams.length !== 1) expect(datagrams.length).toBe(1);
      const { ns } = read(datagrams[0]);
      if (ns !== (sent & 0xffff)) expect(ns).toBe(sent & 0xffff);
      arriveAck(sender, 0, (ns + 1) & 0xffff, sent);
    }
    expect(sender.idle).toBe(true);
    expect(sender.counters.sent).toBe(70_000);
    expect(sender.counters.retransmitted).toBe(0);
    expect(sender.deadline()).toBe(undefined);
  });

  it('takes what it receives from 0, modulo 65536', () => {
    const receiver = channel();
    for (let received = 0; received < 70_000; received++) {
      const taken = arrive(receiver, received & 0xffff, 0, received, received);
      if (taken[0] !== received) expect(taken).toEqual([received]);
    }
    expect(receiver.counters).toMatchObject({ received: 70_000, duplicates: 0, outOfOrder: 0 });
    expect(dueAck(receiver, 70_000)).toBe(70_000 & 0xffff);
  });

  it('keeps messages that come before their time across the wrap', () => {
    const receiver = channel();
    for (let ns = 0; ns < 65_534; ns++) arrive(receiver, ns, 0, 0);
    expect(arrive(receiver, 0, 0, 0)).toEqual([]);
    expect(arrive(receiver, 65_535, 0, 0)).toEqual([]);
    expect(arrive(receiver, 65_534, 0, 0)).toEqual([65_534, 65_535, 0]);
    expect(receiver.counters).toMatchObject({ outOfOrder: 2, duplicates: 0 });
  });

  it('takes the 32768 numbers up to the last received one for duplicates (RFC 2661 5.8, the example)', () => {
    const receiver = channel();
    for (let ns = 0; ns <= 15; ns++) arrive(receiver, ns, 0, 0);
    dueAck(receiver, 0);
    let duplicates = 0;
    for (const ns of [15, 0, 65_535, 32_784]) {
      expect(arrive(receiver, ns, 0, 1_000)).toEqual([]);
      expect(receiver.counters.duplicates).toBe(++duplicates);
      expect(dueAck(receiver, 1_000)).toBe(16);
    }
    expect(arrive(receiver, 32_783, 0, 2_000)).toEqual([]);
    expect(receiver.counters.duplicates).toBe(duplicates);
    expect(receiver.deadline()).toBe(undefined);
  });
});

describe('receiving', () => {
  it('takes what lies in the receive window and nothing behind it', () => {
    const receiver = channel({ receiveWindow: 4 });
    expect(arrive(receiver, 4, 0, 0)).toEqual([]);
    expect(receiver.deadline()).toBe(undefined);
    expect(arrive(receiver, 3, 0, 0)).toEqual([]);
    expect(receiver.counters.outOfOrder).toBe(1);
    expect(dueAck(receiver, 0)).toBe(0);
    expect([0, 1, 2].flatMap((ns) => arrive(receiver, ns, 0, 0))).toEqual([0, 1, 2, 3]);
    expect(arrive(receiver, 4, 0, 0)).toEqual([4]);
  });

  it('takes only the next message when its window is 1', () => {
    const receiver = channel({ receiveWindow: 1 });
    expect(arrive(receiver, 1, 0, 0)).toEqual([]);
    expect(receiver.deadline()).toBe(undefined);
    expect(arrive(receiver, 0, 0, 0)).toEqual([0]);
    expect(arrive(receiver, 1, 0, 0)).toEqual([1]);
  });

  it('brings messages that overtook each other into order, once each', () => {
    const receiver = channel();
    expect(arrive(receiver, 2, 0, 0)).toEqual([]);
    expect(arrive(receiver, 2, 0, 0)).toEqual([]);
    expect(arrive(receiver, 1, 0, 0)).toEqual([]);
    expect(arrive(receiver, 0, 0, 0)).toEqual([0, 1, 2]);
    expect(arrive(receiver, 1, 0, 0)).toEqual([]);
    expect(arrive(receiver, 3, 0, 0)).toEqual([3]);
  });

  it('keeps none that came early and is longer than any message', () => {
    const receiver = channel();
    const early = (ns: number, octets: number) => {
      const datagram = dialects[2].encodeControl(1, 0, ns, 0, new Uint8Array(octets));
      return receiver.receive(read(datagram), datagram, 0);
    };
    expect(early(1, 4_096)).toEqual([]);
    expect(early(2, 4_097)).toEqual([]);
    const first = dialects[2].encodeControl(1, 0, 0, 0, body(0));
    expect(receiver.receive(read(first), first, 0).map(({ start, end }) => end - start)).toEqual([3, 4_096]);
    expect(early(2, 4_097).length).toBe(1);
  });

  it('copies what it keeps out of the receive buffer', () => {
    const receiver = channel();
    const buffer = dialects[2].encodeControl(1, 9, 1, 0, body(0x123456));
    receiver.receive(read(buffer), buffer, 0);
    buffer.fill(0xff);
    const first = dialects[2].encodeControl(1, 0, 0, 0, body(7));
    const taken = receiver.receive(read(first), first, 0);
    expect(taken.map(numberIn)).toEqual([7, 0x123456]);
    expect(taken[1].sessionId).toBe(9);
  });

  it('takes nothing new while more answers than any peer can want are waiting to be sent', () => {
    const receiver = channel();
    for (let queued = 0; queued < 65_537; queued++) receiver.send(0, body(queued), 0);
    expect(arrive(receiver, 0, 0, 0)).toEqual([]);
    arriveAck(receiver, 0, 1, 0);
    expect(arrive(receiver, 0, 1, 0)).toEqual([0]);
  });
});

describe('acknowledgements', () => {
  it('wait a little for a message to ride on', () => {
    const receiver = channel();
    arrive(receiver, 0, 0, 1_000);
    expect(receiver.deadline()).toBe(1_000 + ackDelayMs);
    expect(receiver.tick(1_000 + ackDelayMs - 1)).toEqual([]);
    const [ack] = receiver.tick(1_000 + ackDelayMs).map(read);
    expect(ack).toMatchObject({ control: true, sessionId: 0, ns: 0, nr: 1, payloadStart: 12, payloadEnd: 12 });
    expect(receiver.deadline()).toBe(undefined);
  });

  it('are not put off by further messages', () => {
    const receiver = channel();
    arrive(receiver, 0, 0, 1_000);
    arrive(receiver, 1, 0, 1_000 + ackDelayMs - 1);
    expect(receiver.deadline()).toBe(1_000 + ackDelayMs);
  });

  it('ride on a message that is sent in time', () => {
    const receiver = channel();
    arrive(receiver, 0, 0, 1_000);
    const [datagram] = receiver.send(0, body(0), 1_005);
    expect(read(datagram).nr).toBe(1);
    expect(receiver.deadline()).toBe(1_005 + 1_000);
    expect(receiver.tick(1_000 + ackDelayMs)).toEqual([]);
  });

  it('come at once when half the window is used up', () => {
    const receiver = channel({ receiveWindow: 10 });
    for (let ns = 0; ns < 4; ns++) arrive(receiver, ns, 0, 100);
    expect(receiver.deadline()).toBe(100 + ackDelayMs);
    arrive(receiver, 4, 0, 101);
    expect(receiver.deadline()).toBe(101);
    expect(dueAck(receiver, 101)).toBe(5);
    arrive(receiver, 5, 0, 102);
    expect(receiver.deadline()).toBe(102 + ackDelayMs);
  });

  it('come at once for a duplicate and for a gap', () => {
    const receiver = channel();
    arrive(receiver, 0, 0, 0);
    expect(dueAck(receiver, ackDelayMs)).toBe(1);
    arrive(receiver, 0, 0, 50);
    expect(dueAck(receiver, 50)).toBe(1);
    arrive(receiver, 2, 0, 60);
    expect(dueAck(receiver, 60)).toBe(1);
  });

  it('take no sequence number and are not acknowledged themselves', () => {
    const receiver = channel();
    receiver.send(0, body(0), 0);
    arrive(receiver, 0, 1, 0);
    const acks = receiver.tick(ackDelayMs);
    expect(acks.map(read)).toMatchObject([{ ns: 1, nr: 1 }]);
    expect(sequence(receiver.send(0, body(1), 20))).toEqual([1]);
    arriveAck(receiver, 1, 2, 30);
    expect(receiver.deadline()).toBe(undefined);
    expect(receiver.counters.received).toBe(1);
    // The Ns of a ZLB is only the number that the next message will have.
    expect(arrive(receiver, 1, 2, 40)).toEqual([1]);
  });

  it('name the next message that was never sent, though older ones wait for it', () => {
    const sender = channel();
    sender.send(0, body(0), 0);
    sender.send(0, body(1), 0);
    arrive(sender, 0, 0, 0);
    expect(sender.tick(ackDelayMs).map(read)).toMatchObject([{ ns: 1, nr: 1 }]);
  });

  it('name it after a time-out too, when only the oldest is under way again', () => {
    const sender = channel();
    exchange(sender, 10);
    for (let number = 0; number < 4; number++) sender.send(0, body(number), 0);
    expect(sequence(sender.tick(1_000))).toEqual([10]);
    arrive(sender, 0, 10, 1_100);
    expect(sender.tick(1_100 + ackDelayMs).map(read)).toMatchObject([{ ns: 14, nr: 1 }]);
  });

  it('that make no sense change nothing', () => {
    const sender = channel();
    sender.setPeerWindow(8);
    exchange(sender, 5);
    for (let sent = 0; sent < 8; sent++) sender.send(0, body(sent), 0);
    const before = sender.deadline();
    // 6 of 8 are under way: Nr may be 5 .. 11.
    for (const nr of [4, 0, 12, 13, 5 + 0x8000, 65_535]) expect(sequence(arriveAck(sender, 0, nr, 500))).toEqual([]);
    expect(sender.deadline()).toBe(before);
    expect(sequence(arriveAck(sender, 0, 11, 500))).toEqual([11, 12]);
    arriveAck(sender, 0, 13, 600);
    expect(sender.idle).toBe(true);
  });
});

describe('windows', () => {
  it('is 4 for a peer that announces none, and for one that announces 0', () => {
    for (const announced of [undefined, 0]) {
      const sender = channel();
      if (announced !== undefined) sender.setPeerWindow(announced);
      exchange(sender, 50);
      let sent = 0;
      for (let queued = 0; queued < 10; queued++) sent += sender.send(0, body(queued), 0).length;
      expect(sent).toBe(4);
    }
  });

  it.each([1, 2, 7, 64])('never has more under way than the peer takes: %i', (window) => {
    const sender = channel();
    sender.setPeerWindow(window);
    exchange(sender, 500);
    let sent = 0;
    for (let queued = 0; queued < 100; queued++) sent += sender.send(0, body(queued), 0).length;
    expect(sent).toBe(window);
  });

  it('never has more under way than our own transmit window', () => {
    const sender = channel({ transmitWindow: 3 });
    sender.setPeerWindow(64);
    exchange(sender, 500);
    let sent = 0;
    for (let queued = 0; queued < 100; queued++) sent += sender.send(0, body(queued), 0).length;
    expect(sent).toBe(3);
  });

  it('doubles in slow start and grows by one a round afterwards (RFC 2661 Appendix A)', () => {
    const sender = channel({ maxRetries: 50 });
    sender.setPeerWindow(32);
    for (let queued = 0; queued < 1_000; queued++) sender.send(0, body(queued), 0);
    /** Acknowledges all that is under way, message by message; gives how many are under way then. */
    let next = 0;
    let underWay = 1;
    const round = (): number => {
      let filled = 0;
      for (let ack = 0; ack < underWay; ack++) filled += arriveAck(sender, 0, ++next & 0xffff, 0).length;
      underWay = filled;
      return filled;
    };
    expect([round(), round(), round(), round(), round(), round()]).toEqual([2, 4, 8, 16, 32, 32]);
    // A time-out: half of 32 is the new threshold, and it begins with one again.
    const again = sender.tick(1_000);
    expect(sequence(again)).toEqual([next]);
    // The peer has all 32; only the lost one was missing.
    next += 32;
    underWay = arriveAck(sender, 0, next, 1_000).length;
    // 32 acknowledged messages: 15 to the threshold of 16, then 16 for one more and 1 left over.
    expect(underWay).toBe(17);
    expect([round(), round(), round()]).toEqual([18, 19, 20]);
  });

  it('begins with one message after a time-out, and sends the rest again as acknowledgements come', () => {
    const sender = channel();
    exchange(sender, 10);
    const sent = [0, 1, 2, 3].flatMap((number) => sender.send(0, body(number), 0));
    expect(sequence(sent)).toEqual([10, 11, 12, 13]);
    expect(sequence(sender.tick(1_000))).toEqual([10]);
    expect(sequence(arriveAck(sender, 0, 11, 1_001))).toEqual([11, 12]);
    expect(sequence(arriveAck(sender, 0, 12, 1_002))).toEqual([13]);
    arriveAck(sender, 0, 14, 1_003);
    expect(sender.idle).toBe(true);
    expect(sender.counters).toMatchObject({ sent: 14, retransmitted: 4 });
  });

  it('takes an acknowledgement of what was sent before the time-out', () => {
    const sender = channel();
    exchange(sender, 10);
    for (let number = 0; number < 4; number++) sender.send(0, body(number), 0);
    sender.tick(1_000);
    expect(sequence(arriveAck(sender, 0, 13, 1_001))).toEqual([13]);
    arriveAck(sender, 0, 14, 1_002);
    expect(sender.idle).toBe(true);
  });
});

/** Ticks at every deadline until the channel is dead: the instants of retransmissions, and that of giving up. */
function untilDead(of: ControlChannel): { retries: number[]; deadAt: number | undefined } {
  const retries: number[] = [];
  for (let at = of.deadline(); at !== undefined && retries.length < 100; at = of.deadline()) {
    const datagrams = of.tick(at);
    if (of.dead) return { retries, deadAt: at };
    for (const datagram of datagrams) expect(read(datagram).ns).toBe(0);
    retries.push(...datagrams.map(() => at));
  }
  return { retries, deadAt: undefined };
}

describe('retransmission', () => {
  it('backs off 1, 2, 4, 8, 8 s and gives up after 31 s', () => {
    const sender = channel();
    sender.send(0, body(0), 0);
    expect(untilDead(sender)).toEqual({ retries: [1_000, 3_000, 7_000, 15_000, 23_000], deadAt: 31_000 });
    expect(sender.retransmissionCycleMs).toBe(31_000);
    expect(sender.deadline()).toBe(undefined);
  });

  it.each([
    { retryTimeoutMs: 3_000, maxRetries: 3, retries: [3_000, 9_000, 17_000], deadAt: 25_000 },
    { retryTimeoutMs: 500, maxRetries: 6, retries: [500, 1_500, 3_500, 7_500, 15_500, 23_500], deadAt: 31_500 },
    { retryTimeoutMs: 1_000, maxRetries: 0, retries: [], deadAt: 1_000 },
    { retryTimeoutMs: 1_000, maxRetries: 1, retries: [1_000], deadAt: 3_000 },
  ])('$maxRetries retries after $retryTimeoutMs ms', ({ retries, deadAt, ...parameters }) => {
    const sender = channel(parameters);
    sender.send(0, body(0), 0);
    expect(sender.retransmissionCycleMs).toBe(deadAt);
    expect(untilDead(sender)).toEqual({ retries, deadAt });
  });

  it('carries the newest Nr and the same Ns and content', () => {
    const sender = channel();
    const [first] = sender.send(5, body(42), 0).map((datagram) => datagram.slice());
    arrive(sender, 0, 0, 100);
    arrive(sender, 1, 0, 100);
    sender.tick(200);
    const [again] = sender.tick(1_000);
    expect(read(first)).toMatchObject({ ns: 0, nr: 0, sessionId: 5 });
    expect(read(again)).toMatchObject({ ns: 0, nr: 2, sessionId: 5 });
    expect(again.subarray(12)).toEqual(first.subarray(12));
  });

  it('begins anew with every acknowledged message', () => {
    const sender = channel();
    for (const number of [0, 1]) sender.send(0, body(number), 0);
    sender.tick(1_000);
    sender.tick(3_000);
    expect(sequence(arriveAck(sender, 0, 1, 4_000))).toEqual([1]);
    expect(sender.deadline()).toBe(5_000);
    sender.tick(5_000);
    expect(sender.deadline()).toBe(7_000);
  });

  it('is not put off by words of the peer that acknowledge nothing', () => {
    const sender = channel();
    sender.send(0, body(0), 0);
    arriveAck(sender, 0, 0, 900);
    arrive(sender, 0, 0, 950);
    expect(sequence(sender.tick(1_000))).toEqual([0]);
  });

  it('goes on for what was sent when all else is dropped', () => {
    const sender = channel();
    sender.send(0, body(0), 0);
    sender.send(0, body(1), 0);
    sender.dropUnsent();
    expect(sequence(sender.send(0, body(2), 0))).toEqual([]);
    expect(sequence(sender.tick(1_000))).toEqual([0]);
    const [last] = arriveAck(sender, 0, 1, 1_001);
    expect(read(last).ns).toBe(1);
    expect(last.subarray(12)).toEqual(body(2));
    arriveAck(sender, 0, 2, 1_002);
    expect(sender.idle).toBe(true);
  });
});

/** One end of the property below: it sends what it is given and notes what it gets. */
class End {
  readonly channel: ControlChannel;
  readonly got: number[] = [];
  sent = 0;

  constructor(receiveWindow: number, transmitWindow: number, peerWindow: number) {
    this.channel = channel({ receiveWindow, transmitWindow, maxRetries: 100 });
    this.channel.setPeerWindow(peerWindow);
  }
}

describe('two channels over a bad network', () => {
  const networks = fc.record({
    seed: fc.nat(),
    loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
    duplication: fc.double({ min: 0, max: 0.3, noNaN: true }),
    maxDelayMs: fc.integer({ min: 1, max: 3_000 }),
    windows: fc.tuple(...[1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 20 }))),
    /** How far the sequence numbers have come before the network turns bad. */
    prelude: fc.constantFrom(0, 0, 65_500),
    counts: fc.tuple(fc.nat(100), fc.nat(100)),
  });

  it('deliver everything, once and in order, and fall silent', () => {
    fc.assert(
      fc.property(networks, ({ seed, loss, duplication, maxDelayMs, windows, prelude, counts }) => {
        const random = new SeededRandom(seed);
        const ends = [new End(windows[0], windows[1], windows[2]), new End(windows[2], windows[3], windows[0])];
        for (const end of ends) {
          exchange(end.channel, prelude);
          for (let ns = 0; ns < prelude; ns++) arrive(end.channel, ns, prelude, 0);
          end.channel.tick(0);
        }
        const wire: { at: number; to: number; datagram: Uint8Array }[] = [];
        let now = 1;
        const transmit = (from: number, datagrams: Uint8Array[]): void => {
          for (const datagram of datagrams) {
            const copies = random.chance(loss) ? 0 : random.chance(duplication) ? 2 : 1;
            for (let copy = 0; copy < copies; copy++) {
              wire.push({ at: now + random.next() * maxDelayMs, to: 1 - from, datagram: datagram.slice() });
            }
          }
        };
        for (let step = 0; step < 100_000; step++) {
          for (const [index, end] of ends.entries()) {
            if (end.sent < counts[index] && random.chance(0.3)) {
              transmit(index, end.channel.send(0, body(end.sent++), now));
            }
          }
          const waiting = ends.some(({ sent }, index) => sent < counts[index]);
          const times = [...wire.map(({ at }) => at), ...ends.flatMap((end) => end.channel.deadline() ?? [])];
          if (times.length === 0 && !waiting) break;
          now = Math.max(now, Math.min(...times, waiting ? now + 50 : Number.POSITIVE_INFINITY));
          for (const [index, end] of ends.entries()) {
            if ((end.channel.deadline() ?? Number.POSITIVE_INFINITY) <= now) transmit(index, end.channel.tick(now));
          }
          for (const packet of wire.filter(({ at }) => at <= now)) {
            wire.splice(wire.indexOf(packet), 1);
            const end = ends[packet.to];
            const header = read(packet.datagram);
            end.got.push(...end.channel.receive(header, packet.datagram, now).map(numberIn));
            transmit(packet.to, end.channel.fill(now));
          }
        }
        for (const [index, end] of ends.entries()) {
          expect(end.got).toEqual(Array.from({ length: counts[1 - index] }, (_, number) => number));
          expect(end.channel.idle).toBe(true);
          expect(end.channel.dead).toBe(false);
          expect(end.channel.deadline()).toBe(undefined);
        }
      }),
      { numRuns: 60 },
    );
  });
});
