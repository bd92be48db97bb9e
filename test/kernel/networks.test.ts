import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIp } from '../../src/kernel/address.ts';
import {
  addressOfNetwork,
  covers,
  ipv4Host,
  type Network,
  NetworkTable,
  parseNetwork,
  prefixNetwork,
} from '../../src/kernel/networks.ts';

function octetsOf(address: string): Uint8Array {
  const octets = new Uint8Array(16);
  const view = new DataView(octets.buffer);
  for (const [at, word] of parseIp(address).words.entries()) view.setInt32(4 * at, word);
  return octets;
}

test('networks are read as they are written everywhere, without bits beyond their length', () => {
  const texts: [string, string, number][] = [
    ['10.9.0.0/16', '10.9.0.0', 16],
    ['10.9.1.2/16', '10.9.0.0', 16],
    ['10.9.1.2', '10.9.1.2', 32],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['2001:DB8:0:0::/32', '2001:db8::', 32],
    ['2001:db8:ffff:ffff::1/52', '2001:db8:ffff:f000::', 52],
    ['2001:db8::1', '2001:db8::1', 128],
    ['::/0', '::', 0],
  ];
  for (const [text, address, length] of texts) {
    const network = parseNetwork(text);
    expect([addressOfNetwork(network), network.length]).toEqual([address, length]);
  }
  for (const none of ['10.9.0.0/33', '10.9.0.0/', '10.9.0.0/x', '2001:db8::/129', 'x/8', '']) {
    expect(() => parseNetwork(none)).toThrow('EINVAL');
  }
  expect(prefixNetwork({ high: 0x20010db800aa8000n, length: 56 })).toEqual(parseNetwork('2001:db8:aa:8000::/56'));
  expect(ipv4Host(0xc0000201)).toEqual(parseNetwork('192.0.2.1'));
});

test('a network covers what lies in it', () => {
  const covered = (outer: string, inner: string): boolean => covers(parseNetwork(outer), parseNetwork(inner));
  expect(covered('10.8.0.0/15', '10.9.3.4')).toBe(true);
  expect(covered('10.8.0.0/15', '10.10.0.0')).toBe(false);
  expect(covered('10.8.0.0/15', '10.8.0.0/14')).toBe(false);
  expect(covered('0.0.0.0/0', '10.8.0.0/14')).toBe(true);
  expect(covered('0.0.0.0/0', '::/0')).toBe(false);
  expect(covered('2001:db8::/40', '2001:db8:ff:1::/64')).toBe(true);
  expect(covered('2001:db8::/40', '2001:db8:100::/64')).toBe(false);
});

const network: fc.Arbitrary<Network> = fc
  .tuple(fc.array(fc.constantFrom(0, 1, 0x80000000, 0xfe800000, -1), { minLength: 4, maxLength: 4 }), fc.nat(128))
  .map(([words, length]) => {
    const text = words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]).join(':');
    return parseNetwork(`${text}/${length}`);
  });

/** What a list would answer. */
function longest(list: readonly (readonly [Network, number])[], address: Network): number | undefined {
  const fitting = list.filter(([outer]) => covers(outer, address));
  return fitting.sort(([a], [b]) => b.length - a.length)[0]?.[1];
}

test('the longest network wins, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(network, fc.boolean()), { maxLength: 40 }), fc.array(network), (changes, asked) => {
      const table = new NetworkTable<number>();
      let list: (readonly [Network, number])[] = [];
      for (const [at, [changed, here]] of changes.entries()) {
        list = list.filter(([other]) => JSON.stringify(other) !== JSON.stringify(changed));
        if (here) {
          table.set(changed, at);
          list.push([changed, at]);
        } else {
          table.delete(changed);
        }
        expect(table.get(changed)).toBe(here ? at : undefined);
      }
      for (const one of asked) {
        const text = addressOfNetwork(one);
        expect(table.find(octetsOf(text), 0)).toBe(longest(list, parseNetwork(text)));
      }
    }),
  );
});

test('IPv4 addresses are found among hosts and networks', () => {
  const table = new NetworkTable<string>();
  for (const cidr of ['10.9.0.2', '10.20.0.0/16', '10.20.5.0/24']) table.set(parseNetwork(cidr), cidr);
  const found = (address: string): string | undefined => table.find(octetsOf(address), 0);
  expect(found('10.9.0.2')).toBe('10.9.0.2');
  expect(found('10.9.0.3')).toBeUndefined();
  expect(found('10.20.4.1')).toBe('10.20.0.0/16');
  expect(found('10.20.5.1')).toBe('10.20.5.0/24');
  table.delete(parseNetwork('10.20.5.0/24'));
  expect(found('10.20.5.1')).toBe('10.20.0.0/16');
});
