import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineQueue, notQueued, type Waiting } from '../../src/engine/deadlines.ts';

class Clock implements Waiting {
  readonly queued = notQueued();
  at: number | undefined;
  readonly name: number;

  constructor(name: number) {
    this.name = name;
  }

  deadline(): number | undefined {
    return this.at;
  }
}

describe('a deadline queue', () => {
  it('gives those that are due, earliest first', () => {
    const queue = new DeadlineQueue<Clock>();
    for (const at of [30, 10, 20, 40]) {
      const clock = new Clock(at);
      clock.at = at;
      queue.update(clock);
    }
    expect(queue.next()).toBe(10);
    const due = [queue.takeDue(30), queue.takeDue(30), queue.takeDue(30), queue.takeDue(30)];
    expect(due.map((clock) => clock?.name)).toEqual([10, 20, 30, undefined]);
    expect(queue.next()).toBe(40);
    expect(queue.size).toBe(1);
  });

  it('follows a deadline that moves earlier at once, and one that moves later when its old instant comes', () => {
    const queue = new DeadlineQueue<Clock>();
    const clock = new Clock(0);
    clock.at = 100;
    queue.update(clock);
    clock.at = 50;
    queue.update(clock);
    expect(queue.next()).toBe(50);
    clock.at = 80;
    queue.update(clock);
    expect(queue.next()).toBe(50);
    expect(queue.takeDue(50)).toBe(undefined);
    expect(queue.next()).toBe(80);
    expect(queue.takeDue(80)).toBe(clock);
    expect(queue.next()).toBe(undefined);
  });

  it('lets go of what has no deadline any more', () => {
    const queue = new DeadlineQueue<Clock>();
    const clock = new Clock(0);
    clock.at = 100;
    queue.update(clock);
    clock.at = undefined;
    queue.update(clock);
    expect(queue.takeDue(1_000)).toBe(undefined);
    expect(queue.size).toBe(0);
    queue.update(clock);
    expect(queue.size).toBe(0);
  });

  it('removes what stands in it, and minds nothing else', () => {
    const queue = new DeadlineQueue<Clock>();
    const clock = new Clock(0);
    queue.remove(clock);
    clock.at = 1;
    queue.update(clock);
    queue.remove(clock);
    queue.remove(clock);
    expect(queue.size).toBe(0);
    queue.update(clock);
    expect(queue.takeDue(1)).toBe(clock);
  });

  const operations = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ op: fc.constant('set'), name: fc.nat(30), at: fc.nat(200) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('unset'), name: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('remove'), name: fc.nat(30) }) },
      { weight: 3, arbitrary: fc.record({ op: fc.constant('advance'), by: fc.nat(40) }) },
    ) as fc.Arbitrary<
      { op: 'set'; name: number; at: number } | { op: 'unset' | 'remove'; name: number } | { op: 'advance'; by: number }
    >,
    { maxLength: 300, size: 'max' },
  );

  it('agrees with a list that is searched from end to end', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const queue = new DeadlineQueue<Clock>();
        const clocks = Array.from({ length: 31 }, (_, name) => new Clock(name));
        const model = new Map<Clock, number>();
        let now = 0;
        for (const step of steps) {
          switch (step.op) {
            case 'set': {
              const clock = clocks[step.name];
              clock.at = now + step.at;
              model.set(clock, clock.at);
              queue.update(clock);
              break;
            }
            case 'unset': {
              const clock = clocks[step.name];
              clock.at = undefined;
              model.delete(clock);
              queue.update(clock);
              break;
            }
            case 'remove': {
              const clock = clocks[step.name];
              model.delete(clock);
              queue.remove(clock);
              break;
            }
            case 'advance': {
              now += step.by;
              const due = new Set<Clock>();
              for (let clock = queue.takeDue(now); clock; clock = queue.takeDue(now)) {
                expect(due.has(clock)).toBe(false);
                due.add(clock);
              }
              const expected = [...model].filter(([, at]) => at <= now).map(([clock]) => clock.name);
              expect([...due].map(({ name }) => name).sort()).toEqual(expected.sort());
              for (const clock of due) model.delete(clock);
              break;
            }
          }
          const earliest = Math.min(...model.values());
          expect(queue.next() ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(earliest);
          expect(queue.size).toBeGreaterThanOrEqual(model.size);
          expect(queue.size).toBeLessThanOrEqual(clocks.length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
