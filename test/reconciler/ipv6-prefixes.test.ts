import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv6Prefix, type Ipv6Prefix, parseIpv6Prefix } from '../../src/engine/spec.ts';
import {
  contains,
  HeldPrefixes,
  mergePrefixes,
  prefixesOverlap,
  sharedPart,
} from '../../src/reconciler/ipv6-prefixes.ts';

const prefix = (text: string) => parseIpv6Prefix(text) as Ipv6Prefix;

/** Prefixes of a few bits, so that many of them overlap. */
const few = fc
  .record({ bits: fc.nat(63), length: fc.integer({ min: 1, max: 6 }) })
  .map(({ bits, length }) => ({ high: BigInt((bits >> (6 - length)) << (6 - length)) << 58n, length }));

const leavesOf = ({ high, length }: Ipv6Prefix) =>
  Array.from({ length: 2 ** (6 - length) }, (_, at) => Number(high >> 58n) + at);

describe('prefixes', () => {
  it('overlap where one holds the other', () => {
    const [wide, narrow, beside] = ['2001:db8::/32', '2001:db8:1::/48', '2001:db9::/32'].map(prefix);
    expect([contains(wide, narrow), contains(narrow, wide), contains(wide, wide)]).toEqual([true, false, true]);
    expect([prefixesOverlap(narrow, wide), prefixesOverlap(wide, beside)]).toEqual([true, false]);
    expect([sharedPart(wide, narrow), sharedPart(narrow, wide), sharedPart(wide, beside)]).toEqual([
      narrow,
      narrow,
      undefined,
    ]);
  });

  it('are merged: halves to wholes, parts into what holds them', () => {
    const texts = ['2001:db8:0:2::/63', '2001:db8::/64', '2001:db8:0:1::/64', '2001:db8:0:3::/64', '2001:db9::/64'];
    expect(mergePrefixes(texts.map(prefix)).map(formatIpv6Prefix)).toEqual(['2001:db8::/62', '2001:db9::/64']);
  });

  it('are the same addresses when merged, none of them twice', () => {
    fc.assert(
      fc.property(fc.array(few, { maxLength: 12 }), (prefixes) => {
        const before = [...new Set(prefixes.flatMap(leavesOf))].sort((a, b) => a - b);
        expect(mergePrefixes(prefixes).flatMap(leavesOf)).toEqual(before);
      }),
    );
  });

  it('that are held are found by whatever overlaps them, and by nothing else', () => {
    fc.assert(
      fc.property(fc.array(few, { maxLength: 12 }), fc.array(few, { maxLength: 12 }), (wanted, asked) => {
        const held = new HeldPrefixes();
        const own: Ipv6Prefix[] = [];
        for (const [at, one] of [...wanted, ...asked].entries()) {
          const rival = held.rivalOf(one);
          expect(rival !== undefined).toBe(own.some((other) => prefixesOverlap(other, one)));
          if (rival) expect(prefixesOverlap(rival.prefix, one)).toBe(true);
          if (rival || at >= wanted.length) continue;
          held.hold(one, String(at));
          own.push(one);
        }
      }),
    );
  });
});
