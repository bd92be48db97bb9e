import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FilterRule } from '../../src/engine/spec.ts';
import { PacketFilter, PacketFilters } from '../../src/kernel/filter.ts';
import { ipPacket, type Made, tcpSegment, udpDatagram } from './ip-packets.ts';

const v4 = { source: '10.9.0.2', destination: '192.0.2.80' };
const v6 = { source: '2001:db8:a:1::2', destination: '2001:db8:b::80' };
const udp = (made: Made, from: number, to: number): Uint8Array =>
  ipPacket({ ...made, protocol: 17, payload: udpDatagram(from, to) });
const tcp = (made: Made): Uint8Array =>
  ipPacket({ ...made, protocol: 6, payload: tcpSegment(made.source, made.destination, 2, []) });
const icmp = ipPacket({ ...v4, protocol: 1, payload: Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0) });

const denyAll: FilterRule = { action: 'deny', direction: 'both' };
const rule = (more: Partial<FilterRule>): FilterRule => ({ action: 'allow', direction: 'both', ...more });
const port = (first: number, last = first): { first: number; last: number } => ({ first, last });

function passes(rules: readonly FilterRule[], packet: Uint8Array, direction: 'in' | 'out' = 'in'): boolean {
  // Beyond the packet lies another's.
  const slab = Uint8Array.of(0xff, ...packet, 0xff, 0xff, 0xff, 0xff);
  return new PacketFilter(rules).permits(direction, slab, 1, 1 + packet.length);
}

/** What a list that allows the one and denies the rest lets pass. */
const fitting: [string, Partial<FilterRule>, Uint8Array, boolean][] = [
  ['anything', {}, icmp, true],
  ['protocol', { protocol: 17 }, udp(v4, 1, 2), true],
  ['another protocol', { protocol: 6 }, udp(v4, 1, 2), false],
  ['protocol of IPv6', { protocol: 17 }, udp(v6, 1, 2), true],
  ['source', { source: '10.9.0.0/16' }, udp(v4, 1, 2), true],
  ['source of another', { source: '10.8.0.0/16' }, udp(v4, 1, 2), false],
  ['source of all', { source: '0.0.0.0/0' }, udp(v4, 1, 2), true],
  ['source of the other family', { source: '::/0' }, udp(v4, 1, 2), false],
  ['IPv6 has no IPv4 source', { source: '0.0.0.0/0' }, udp(v6, 1, 2), false],
  ['destination', { destination: '192.0.2.80/32' }, udp(v4, 1, 2), true],
  ['destination of another', { destination: '192.0.2.81' }, udp(v4, 1, 2), false],
  ['IPv6 source', { source: '2001:db8:a::/48' }, udp(v6, 1, 2), true],
  ['IPv6 source of another', { source: '2001:db8:a:2::/64' }, udp(v6, 1, 2), false],
  ['IPv6 destination', { destination: '2001:db8:b::80' }, udp(v6, 1, 2), true],
  ['IPv6 destination of another', { destination: '2001:db8:b::81/128' }, udp(v6, 1, 2), false],
  ['source and destination', { source: '10.9.0.2', destination: '192.0.2.0/24' }, udp(v4, 1, 2), true],
  ['of two families', { source: '10.9.0.2', destination: '::/0' }, udp(v4, 1, 2), false],
  ['source port', { sourcePorts: port(1000, 2000) }, udp(v4, 2000, 53), true],
  ['source port above', { sourcePorts: port(1000, 2000) }, udp(v4, 2001, 53), false],
  ['destination port', { destinationPorts: port(53) }, udp(v4, 2001, 53), true],
  ['destination port below', { destinationPorts: port(53, 60) }, udp(v4, 53, 52), false],
  ['port of TCP', { destinationPorts: port(80) }, tcp(v4), true],
  ['port of TCP over IPv6', { destinationPorts: port(80) }, tcp(v6), true],
  ['ports of UDP only', { protocol: 17, destinationPorts: port(80) }, tcp(v4), false],
  ['ICMP has no ports', { sourcePorts: port(0, 65535) }, icmp, false],
  ['port behind IPv4 options', { destinationPorts: port(53) }, udp({ ...v4, options: new Uint8Array(8) }, 1, 53), true],
  ['ports of a first fragment', { destinationPorts: port(53) }, udp({ ...v4, moreFragments: true }, 1, 53), true],
  ['ports of a later fragment', { destinationPorts: port(53) }, udp({ ...v4, fragmentOffset: 185 }, 1, 53), false],
  ['a later fragment without ports', { protocol: 17 }, udp({ ...v4, fragmentOffset: 185 }, 1, 53), true],
];

test.each(fitting)('a rule fits by its conditions: %s', (_, conditions, packet, expected) => {
  expect(passes([rule(conditions), denyAll], packet)).toBe(expected);
  expect(passes([rule({ ...conditions, action: 'deny' })], packet)).toBe(!expected);
});

const fragment = (offset: number, next: number, more = 0): readonly [number, Uint8Array] => [
  44,
  Uint8Array.of(next, 0, (offset * 8) >> 8, ((offset * 8) & 255) | more, 0, 0, 0, 1),
];
const padding = (number: number, octets: number): readonly [number, Uint8Array] => [
  number,
  new Uint8Array(octets).fill(octets / 8 - 1, 1, 2),
];

test('IPv6 extension headers are looked behind', () => {
  const dns = [rule({ protocol: 17, destinationPorts: port(53) }), denyAll];
  const behind: [boolean, Made['extensions']][] = [
    [true, [padding(0, 8), padding(60, 24), padding(43, 16)]],
    [true, [[51, new Uint8Array(24).fill(4, 1, 2)]]],
    [true, [fragment(0, 17, 1)]],
    [true, [padding(135, 8), padding(139, 8), padding(140, 8)]],
    [false, [fragment(1, 17)]],
    [false, [padding(50, 8)]],
  ];
  for (const [expected, extensions] of behind) {
    expect(passes(dns, udp({ ...v6, extensions }, 1, 53))).toBe(expected);
    expect(passes(dns, udp({ ...v6, extensions }, 1, 54))).toBe(false);
  }
});

test('the later fragments of what is denied by port pass, for nobody can put them together', () => {
  const noDns = [rule({ action: 'deny', destinationPorts: port(53) })];
  expect(passes(noDns, udp({ ...v4, moreFragments: true }, 1, 53))).toBe(false);
  expect(passes(noDns, udp({ ...v4, fragmentOffset: 1 }, 1, 53))).toBe(true);
  expect(passes(noDns, udp({ ...v6, extensions: [fragment(0, 17, 1)] }, 1, 53))).toBe(false);
  expect(passes(noDns, udp({ ...v6, extensions: [fragment(3, 17)] }, 1, 53))).toBe(true);
});

test('what hides its transport header is denied, whatever the rules allow', () => {
  const lists: FilterRule[][] = [[rule({})], [rule({ action: 'deny', destinationPorts: port(53) })]];
  const hidden: [string, Uint8Array][] = [
    ['cut off before the ports', udp(v4, 1, 80).subarray(0, 23)],
    ['an IPv4 header cut off', udp(v4, 1, 80).subarray(0, 19)],
    ['an IPv6 header cut off', udp(v6, 1, 80).subarray(0, 39)],
    ['an IPv4 header that is too short', Uint8Array.from(udp(v4, 1, 80)).fill(0x44, 0, 1)],
    ['IPv4 options beyond the packet', Uint8Array.from(udp(v4, 1, 80)).fill(0x4f, 0, 1)],
    ['a total length before the ports', Uint8Array.from(udp(v4, 1, 80)).fill(21, 3, 4)],
    [
      'a first fragment that ends in extension headers',
      ipPacket({ ...v6, protocol: 60, extensions: [fragment(0, 60, 1)] }),
    ],
    [
      'an extension header beyond the packet',
      udp({ ...v6, extensions: [[0, new Uint8Array(8).fill(9, 1, 2)]] }, 1, 80),
    ],
    ['more extension headers than anybody sends', udp({ ...v6, extensions: new Array(9).fill(padding(60, 8)) }, 1, 80)],
  ];
  for (const rules of lists) {
    for (const [what, packet] of hidden) expect([what, passes(rules, packet)]).toEqual([what, false]);
  }
  expect(passes([], udp(v4, 1, 80).subarray(0, 23))).toBe(true);
});

test('the first rule that fits decides, in its direction', () => {
  const rules = [
    rule({ action: 'deny', direction: 'in', destination: '192.0.2.80' }),
    rule({ destination: '192.0.2.0/24' }),
    rule({ action: 'deny', direction: 'out' }),
  ];
  const packet = udp(v4, 1, 2);
  expect(passes(rules, packet, 'in')).toBe(false);
  expect(passes(rules, packet, 'out')).toBe(true);
  expect(passes(rules, icmp, 'in')).toBe(false);
  expect(passes(rules, udp({ ...v4, destination: '10.1.1.1' }, 1, 2), 'in')).toBe(true);
  expect(passes(rules, udp({ ...v4, destination: '10.1.1.1' }, 1, 2), 'out')).toBe(false);
});

test('no octets do harm', () => {
  const start = fc.constantFrom(
    [0x45],
    [0x60],
    [...udp(v4, 1, 2)],
    [...udp({ ...v6, extensions: [padding(0, 8)] }, 1, 2)],
  );
  const filter = new PacketFilter([rule({ action: 'deny', source: '10.0.0.0/8', sourcePorts: port(1) }), rule({})]);
  fc.assert(
    fc.property(
      start,
      fc.uint8Array({ maxLength: 100 }),
      fc.nat(150),
      fc.nat(60),
      fc.nat(255),
      (octets, more, cut, at, value) => {
        const packet = Uint8Array.of(...octets, ...more);
        if (at < packet.length) packet[at] = value;
        expect(filter.permits('in', packet, 0, Math.min(cut, packet.length))).toBeTypeOf('boolean');
      },
    ),
    { numRuns: 3000 },
  );
});

test('sessions with the same list share a filter, and a list with a bad network is refused', () => {
  const filters = new PacketFilters();
  const rules = [rule({})];
  expect(filters.of(rules)).toBe(filters.of(rules));
  expect(filters.of([...rules])).not.toBe(filters.of(rules));
  expect(() => filters.of([rule({ source: '10.0.0.0/33' })])).toThrow('EINVAL');
});
