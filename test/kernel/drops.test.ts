import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Drops } from '../../src/kernel/drops.ts';
import { PppoeSession } from '../../src/kernel/sessions.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function scene() {
  const told: [number, number][] = [];
  const nothing = () => undefined;
  const drops = new Drops({
    frame: nothing,
    discovery: nothing,
    drift: nothing,
    circuit: nothing,
    pppoeServed: () => undefined,
    framesDropped: (session, frames) => told.push([session, frames]),
  });
  const session = (key: number) =>
    Object.assign(Object.create(PppoeSession.prototype), { key, rxDropped: 0, txDropped: 0 });
  return { told, drops, session };
}

it('tells of each session that lost something once a minute, and not again until it loses more', () => {
  const { told, drops, session } = scene();
  const [one, other] = [session(1), session(2)];
  drops.received(one);
  drops.sent(one);
  drops.sent(other);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([
    [1, 2],
    [2, 1],
  ]);
  vi.advanceTimersByTime(120_000);
  expect(told).toHaveLength(2);
  drops.received(one);
  vi.advanceTimersByTime(60_000);
  expect(told.at(-1)).toEqual([1, 3]);
});

it('is silent of sessions that have ended, and after its end', () => {
  const { told, drops, session } = scene();
  const [one, other] = [session(1), session(2)];
  drops.sent(one);
  drops.forget(one);
  drops.sent(other);
  drops.close();
  vi.advanceTimersByTime(120_000);
  expect(told).toEqual([]);
});
