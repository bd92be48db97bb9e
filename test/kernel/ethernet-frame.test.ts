import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holdsIp, imposeTag, isTagged, removeTag, rewriteVlanId, vlanIdOf } from '../../src/kernel/ethernet-frame.ts';

const to = [0x02, 0, 0, 0, 0, 1];
const from = [0x02, 0, 0, 0, 0, 2];
const ipv4 = [0x08, 0x00];
const ipv6 = [0x86, 0xdd];
const arp = [0x08, 0x06];

/** A frame with room in front of it. */
function frame(...parts: number[][]): { bytes: Uint8Array; start: number; end: number } {
  const octets = [...to, ...from, ...parts.flat()];
  const bytes = Uint8Array.from([...new Array<number>(8).fill(0xee), ...octets]);
  return { bytes, start: 8, end: bytes.length };
}

describe('IP is seen by its EtherType', () => {
  test.each([
    ['IPv4', [ipv4], true],
    ['IPv6', [ipv6], true],
    ['ARP', [arp], false],
    ['an IEEE 802.3 length', [[0, 60]], false],
    ['IPv4 behind a tag', [[0x81, 0, 0, 5], ipv4], true],
    ['IPv6 behind two tags', [[0x88, 0xa8, 0, 5], [0x81, 0, 0, 6], ipv6], true],
    ['ARP behind a tag', [[0x81, 0, 0, 5], arp], false],
    ['a tag that is cut off', [[0x81, 0, 0]], false],
    ['nothing behind a tag', [[0x81, 0, 0, 5]], false],
  ])('%s', (_, parts, expected) => {
    const { bytes, start, end } = frame(...parts);
    expect(holdsIp(bytes, start, end)).toBe(expected);
  });

  test('never beyond the end', () => {
    const { bytes, start } = frame([0x81, 0, 0, 5], ipv4);
    expect(holdsIp(bytes, start, start + 16)).toBe(false);
    expect(isTagged(bytes, start, start + 17)).toBe(false);
    expect(isTagged(bytes, start, start + 18)).toBe(true);
  });
});

test('a tag that is imposed stands behind the addresses, and removing it gives the frame back (IEEE 802.1Q 9.3)', () => {
  const { bytes, start, end } = frame(ipv4, [1, 2, 3]);
  const at = imposeTag(bytes, start, 0x123);
  expect([...bytes.subarray(at, end)]).toEqual([...to, ...from, 0x81, 0x00, 0x01, 0x23, ...ipv4, 1, 2, 3]);
  expect(bytes[at - 1]).toBe(0xee);
  expect(isTagged(bytes, at, end)).toBe(true);
  expect(vlanIdOf(bytes, at)).toBe(0x123);
  const back = removeTag(bytes, at);
  expect([...bytes.subarray(back, end)]).toEqual([...to, ...from, ...ipv4, 1, 2, 3]);
});

test('another VLAN leaves priority and drop eligibility', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 1, max: 4094 }), (tci, vlanId) => {
      const { bytes, start, end } = frame([0x81, 0x00, tci >>> 8, tci & 0xff], ipv4);
      const before = [...bytes];
      rewriteVlanId(bytes, start, vlanId);
      expect(vlanIdOf(bytes, start)).toBe(vlanId);
      expect(bytes[start + 14] >>> 4).toBe(tci >>> 12);
      expect([...bytes.subarray(0, start + 14), ...bytes.subarray(start + 16, end)]).toEqual([
        ...before.slice(0, start + 14),
        ...before.slice(start + 16),
      ]);
    }),
  );
});
