import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FreeSet } from '../../src/aaa/free-set.ts';

describe('FreeSet', () => {
  test('behaves like a sorted Set, whatever its size', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constantFrom(1023, 1024, 1025, 33_000));
    fc.assert(
      fc.property(size, fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 200 }), fc.nat(), (size, steps, n) => {
        const free = new FreeSet(size);
        const model = new Set(Array.from({ length: size }, (_, i) => i));
        for (const [add, number] of size > 0 ? steps : []) {
          const member = number % size;
          if (add) free.add(member);
          else free.delete(member);
          if (add) model.add(member);
          else model.delete(member);
          expect(free.has(member)).toBe(add);
        }
        expect(free.count).toBe(model.size);
        const from = n % (size + 2);
        const expected = Array.from({ length: size }, (_, i) => i).find((i) => i >= from && model.has(i));
        expect(free.next(from)).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });

  test('finds the only member among two million', () => {
    const free = new FreeSet(2_000_000);
    for (let i = 0; i < free.size; i++) free.delete(i);
    expect(free.next(0)).toBeUndefined();
    free.add(1_234_567);
    expect([free.next(0), free.next(1_234_567), free.next(1_234_568)]).toEqual([1_234_567, 1_234_567, undefined]);
  });
});
