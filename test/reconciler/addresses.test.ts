import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../src/engine/spec.ts';
import { canonicalPrefix, coveringPrefixes, mergeRanges, parseRange } from '../../src/reconciler/addresses.ts';

describe('ranges', () => {
  it.each([
    ['10.0.0.0/24', '10.0.0.0', '10.0.0.255'],
    ['10.0.0.9/30', '10.0.0.8', '10.0.0.11'],
    ['10.0.0.1-10.0.1.9', '10.0.0.1', '10.0.1.9'],
    ['10.0.0.1', '10.0.0.1', '10.0.0.1'],
    ['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['255.255.255.255/32', '255.255.255.255', '255.255.255.255'],
  ])('%s', (text, first, last) => {
    expect(parseRange(text)).toEqual({ first: parseIpv4(first), last: parseIpv4(last) });
  });

  it.each(['10.0.0.0/33', '10.0.0.9-10.0.0.1', '10.0.0', '10.0.0.0/', '10.0.0.1-', '1-2-3', '::1', '10.0.0.0/8/8'])(
    '%s is none',
    (text) => {
      expect(parseRange(text)).toBeUndefined();
    },
  );
});

describe('prefixes', () => {
  it.each([
    ['192.0.2.9', '192.0.2.9/32'],
    ['192.0.2.9/24', '192.0.2.0/24'],
    ['2001:DB8:0::1/32', '2001:db8::/32'],
    ['2001:db8::1', '2001:db8::1/128'],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
  });

  it.each(['192.0.2.0/33', '192.0.2/24', '1', '::/129', 'x', '192.0.2.0/'])('%s is none', (text) => {
    expect(canonicalPrefix(text)).toBeUndefined();
  });

  const range = fc
    .tuple(fc.nat(0xffffffff), fc.nat(5000))
    .map(([first, more]) => ({ first, last: Math.min(first + more, 0xffffffff) }));

  it('cover the ranges and nothing else, with no two that could be one', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
        const prefixes = coveringPrefixes(ranges);
        const covered = prefixes.map((prefix) => parseRange(prefix));
        expect(covered).not.toContain(undefined);
        expect(mergeRanges(covered.flatMap((found) => found ?? []))).toEqual(mergeRanges(ranges));
        expect(new Set(prefixes).size).toBe(prefixes.length);
        for (const prefix of prefixes) {
          const length = Number(prefix.split('/')[1]);
          const parent = canonicalPrefix(`${prefix.split('/')[0]}/${length - 1}`);
          const siblings = prefixes.filter(
            (other) =>
              other.endsWith(`/${length}`) && canonicalPrefix(`${other.split('/')[0]}/${length - 1}`) === parent,
          );
          if (length > 0) expect(siblings).toHaveLength(1);
        }
      }),
    );
  });
});
