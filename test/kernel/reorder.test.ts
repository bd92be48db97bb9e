import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EndpointCache } from '../../src/kernel/endpoints.ts';
import { lateRunLimit, maxHeldMessages, maxHeldOctets, Reorder } from '../../src/kernel/reorder.ts';
import { L2tpSession, type PlaneTunnel } from '../../src/kernel/sessions.ts';
import { formatV3, pppFacts } from './sessions.ts';

const remote = new EndpointCache().raw({ address: '127.0.0.1', port: 1701 });
const ids = { localId: 7, remoteId: 7, version: 2, encapsulation: 'udp' } as const;
const tunnel: PlaneTunnel = { ...ids, socket: 1, remote, from: undefined };

function newSession(reorderTimeoutMs: number, expected = 0, bits: 16 | 24 = 16): L2tpSession {
  const facts = { ...pppFacts, reorderTimeoutMs, format: bits === 24 ? formatV3 : undefined };
  const session = new L2tpSession(9, tunnel, facts);
  session.expected = expected;
  return session;
}

interface Passed {
  /** The message's number in the order of sending. */
  sent: number;
  at: number;
}

/** A session's messages on their way, on a clock of its own. Each bears its number, so that a mix-up shows. */
class Way {
  now = 0;
  readonly passed: Passed[] = [];
  readonly reorder = new Reorder(
    (session, bytes, start, end) => this.pass(session, bytes, start, end),
    () => this.now,
  );
  onPass: (session: L2tpSession) => void = () => undefined;

  arrive(session: L2tpSession, sent: number, first = 0, octets = 4): void {
    const bytes = new Uint8Array(octets + 2);
    new DataView(bytes.buffer).setUint32(1, sent);
    const mask = session.format === undefined ? 0xffff : 0xff_ffff;
    if (this.reorder.arrive(session, (first + sent) & mask, bytes, 1, 1 + octets, 0) === 'now') {
      this.pass(session, bytes, 1, 1 + octets);
      this.reorder.release(session);
    }
  }

  private pass(session: L2tpSession, bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
    this.passed.push({ sent: view.getUint32(0), at: this.now });
    this.onPass(session);
  }

  /** Lets the time pass, waking up when asked to. */
  until(instant: number): void {
    for (let next = this.reorder.next(); next !== undefined && next <= instant; next = this.reorder.next()) {
      this.now = Math.max(this.now, next);
      this.reorder.expire(this.now);
    }
    this.now = instant;
  }

  get order(): number[] {
    return this.passed.map(({ sent }) => sent);
  }
}

interface Outcome {
  passed: Passed[];
  late: number;
  lost: number;
  reordered: number;
}

/** What should become of the messages, written down as plainly as possible: numbers without end, lists, no limits. */
function model(arrivals: readonly { sent: number; at: number }[], timeoutMs: number): Outcome {
  const outcome: Outcome = { passed: [], late: 0, lost: 0, reordered: 0 };
  let waiting: { sent: number; at: number }[] = [];
  let expected = 0;
  const passWaiting = (at: number): number => {
    let count = 0;
    while (waiting.some(({ sent }) => sent === expected)) {
      waiting = waiting.filter(({ sent }) => sent !== expected);
      outcome.passed.push({ sent: expected++, at });
      count++;
    }
    return count;
  };
  const passTime = (until: number): void => {
    for (;;) {
      const due = Math.min(...waiting.map(({ at }) => at + timeoutMs));
      if (due > until) return;
      const next = Math.min(...waiting.map(({ sent }) => sent));
      outcome.lost += next - expected;
      expected = next;
      passWaiting(due);
    }
  };
  for (const { sent, at } of arrivals) {
    passTime(at);
    if (sent < expected || waiting.some((other) => other.sent === sent)) {
      outcome.late++;
    } else if (sent > expected) {
      waiting.push({ sent, at });
    } else {
      expected++;
      outcome.passed.push({ sent, at });
      outcome.reordered += passWaiting(at);
    }
  }
  passTime(Number.MAX_SAFE_INTEGER);
  return outcome;
}

/** Messages sent one each millisecond, some delayed, repeated or lost, in the order of their arrival. */
const journeys = fc
  .array(fc.record({ delay: fc.oneof(fc.constant(0), fc.nat(40)), copies: fc.constantFrom(1, 1, 1, 1, 0, 2) }), {
    maxLength: 120,
  })
  .map((messages) =>
    messages
      .flatMap(({ delay, copies }, sent) =>
        Array.from({ length: copies }, (_, i) => ({ sent, at: sent + delay + 3 * i })),
      )
      .sort((a, b) => a.at - b.at),
  );

describe('the order of messages', () => {
  test.each([
    [16, [0, 65_500, 32_700]],
    [24, [0, 2 ** 24 - 36, 2 ** 23 - 68, 65_500]],
  ] as const)(
    'is what a simple model makes of any loss, delay and repetition: %i bits, from any number',
    (bits, firsts) => {
      fc.assert(
        fc.property(
          journeys,
          fc.integer({ min: 1, max: 30 }),
          fc.constantFrom(...firsts),
          (arrivals, timeoutMs, first) => {
            const session = newSession(timeoutMs, first, bits);
            const way = new Way();
            for (const { sent, at } of arrivals) {
              way.until(at);
              way.arrive(session, sent, first);
            }
            way.until(1_000_000);
            const expected = model(arrivals, timeoutMs);
            expect(way.passed).toEqual(expected.passed);
            expect(session).toMatchObject({
              rxOutOfOrder: expected.late,
              rxLost: expected.lost,
              rxReordered: expected.reordered,
              held: undefined,
            });
            expect(way.reorder).toMatchObject({ octets: 0, size: 0 });
          },
        ),
        { numRuns: 1500 },
      );
    },
  );

  test('is that of sending, complete, when nothing is lost and nothing late', () => {
    const shuffled = fc.nat(200).chain((count) => fc.shuffledSubarray([...Array(count).keys()], { minLength: count }));
    fc.assert(
      fc.property(shuffled, (sent) => {
        const session = newSession(1000);
        const way = new Way();
        for (const one of sent) way.arrive(session, one);
        expect(way.order).toEqual([...sent].sort((a, b) => a - b));
        expect(session).toMatchObject({ rxOutOfOrder: 0, rxLost: 0, held: undefined });
      }),
    );
  });

  test('of several sessions is kept by one queue, each with its own time', () => {
    const way = new Way();
    const patient = newSession(100);
    const hasty = newSession(10);
    way.arrive(patient, 1);
    way.arrive(hasty, 2);
    expect(way.reorder.next()).toBe(10);
    way.until(50);
    expect(way.order).toEqual([2]);
    expect(hasty.rxLost).toBe(2);
    expect(way.reorder.next()).toBe(100);
    way.arrive(patient, 0);
    expect(way.order).toEqual([2, 0, 1]);
    expect(patient).toMatchObject({ rxLost: 0, rxReordered: 1 });
    expect(way.reorder).toMatchObject({ octets: 0, size: 0 });
  });
});

describe('what lies behind', () => {
  test.each([
    [16, 0x7fff, 0x8000],
    [24, 0x7f_ffff, 0x80_0000],
  ] as const)('is half of the numbers of %i bits', (bits, ahead, behind) => {
    const way = new Way();
    const session = newSession(0, 0, bits);
    way.arrive(session, behind);
    expect(session).toMatchObject({ rxOutOfOrder: 1, expected: 0 });
    way.arrive(session, ahead);
    expect(session).toMatchObject({ rxOutOfOrder: 1, rxLost: ahead, expected: ahead + 1 });
    expect(way.order).toEqual([ahead]);
  });

  test('the flags of the sublayer wait with their payload', () => {
    const flags: number[] = [];
    const reorder = new Reorder(
      (_session, _bytes, _start, _end, its) => flags.push(its),
      () => 0,
    );
    const session = newSession(10, 0, 24);
    for (const [ns, its] of [
      [2, 0x48],
      [1, 0x44],
    ]) {
      expect(reorder.arrive(session, ns, new Uint8Array(4), 0, 4, its)).toBe('held');
    }
    expect(reorder.arrive(session, 0, new Uint8Array(4), 0, 4, 0x40)).toBe('now');
    reorder.release(session);
    expect(flags).toEqual([0x44, 0x48]);
  });
});

describe('without time to wait', () => {
  test('gaps are losses, what comes late is dropped', () => {
    const session = newSession(0);
    const way = new Way();
    for (const sent of [0, 3, 1, 4, 4]) way.arrive(session, sent);
    expect(way.order).toEqual([0, 3, 4]);
    expect(session).toMatchObject({ rxLost: 2, rxOutOfOrder: 2, rxReordered: 0, held: undefined });
  });
});

describe.each([0, 50])('a peer that counts anew, with %d ms to wait', (timeoutMs) => {
  test('is followed after a run of late messages, and nothing that waited is lost', () => {
    const session = newSession(timeoutMs, 1000);
    const way = new Way();
    way.arrive(session, 1000);
    way.arrive(session, 1002);
    for (let sent = 0; sent < lateRunLimit + 10; sent++) way.arrive(session, sent);
    expect(way.order).toEqual([1000, 1002, ...Array.from({ length: 11 }, (_, i) => lateRunLimit - 1 + i)]);
    expect(session).toMatchObject({ rxOutOfOrder: lateRunLimit - 1, rxLost: 1, held: undefined });
  });
});

test('late messages that are in no order are no peer that counts anew (RFC 3931 Appendix C)', () => {
  const session = newSession(0, 1000);
  const way = new Way();
  for (let run = 0; run < 2 * lateRunLimit; run++) way.arrive(session, 7);
  for (let sent = 2 * lateRunLimit; sent > 0; sent--) way.arrive(session, sent);
  expect(way.order).toEqual([]);
  expect(session).toMatchObject({ rxOutOfOrder: 4 * lateRunLimit, expected: 1000 });
});

describe('the room', () => {
  test('of a session has an end: then the first gap is given up', () => {
    const session = newSession(1000);
    const way = new Way();
    for (let sent = 1; sent <= maxHeldMessages; sent++) way.arrive(session, sent);
    expect(way.order).toEqual([]);
    way.arrive(session, maxHeldMessages + 2);
    expect(way.order).toEqual(Array.from({ length: maxHeldMessages }, (_, i) => i + 1));
    expect(session.held?.messages.map(({ ns }) => ns)).toEqual([maxHeldMessages + 2]);
    expect(session).toMatchObject({ rxLost: 1, rxReordered: 0 });
  });

  test('that is full lets one pass that comes before all that wait', () => {
    const session = newSession(1000);
    const way = new Way();
    for (let sent = 0; sent < maxHeldMessages; sent++) way.arrive(session, sent + 9);
    way.arrive(session, 5);
    expect(way.order).toEqual([5]);
    for (const sent of [6, 7, 8]) way.arrive(session, sent);
    expect(way.order).toEqual(Array.from({ length: maxHeldMessages + 4 }, (_, i) => i + 5));
    expect(session.rxLost).toBe(5);
  });

  test('of all sessions together has an end, and is free again afterwards', () => {
    const way = new Way();
    const octets = 16_000;
    const each = 100;
    const sessions = Array.from({ length: 20 }, () => newSession(1000));
    for (const session of sessions) {
      for (let sent = 1; sent <= each; sent++) {
        way.arrive(session, sent, 0, octets);
        expect(way.reorder.octets).toBeLessThanOrEqual(maxHeldOctets);
      }
    }
    expect(way.order.length).toBeGreaterThan(0);
    expect(way.order.length).toBeLessThan(20 * each);
    way.until(10_000);
    expect(way.order.length).toBe(20 * each);
    expect(way.reorder).toMatchObject({ octets: 0, size: 0 });
  });
});

describe('changes while messages wait', () => {
  test('a session that ends takes them along, also from within', () => {
    const session = newSession(1000);
    const way = new Way();
    for (const sent of [1, 2, 4]) way.arrive(session, sent);
    way.onPass = (one) => way.order.length === 2 && way.reorder.forget(one);
    way.arrive(session, 0);
    expect(way.order).toEqual([0, 1]);
    expect(session.held).toBeUndefined();
    expect(way.reorder).toMatchObject({ octets: 0, size: 0 });
    expect(way.reorder.next()).toBeUndefined();
  });

  test('less time counts at once, and no time passes them on', () => {
    const session = newSession(1000);
    const way = new Way();
    way.arrive(session, 1);
    way.arrive(session, 3);
    session.reorderTimeoutMs = 10;
    way.reorder.retime(session);
    expect(way.reorder.next()).toBe(10);
    session.reorderTimeoutMs = 0;
    way.reorder.retime(session);
    expect(way.order).toEqual([1, 3]);
    expect(way.reorder.next()).toBeUndefined();
  });
});
