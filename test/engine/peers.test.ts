import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { PeerTable } from '../../src/engine/peers.ts';
import type { PeerSpec } from '../../src/engine/spec.ts';
import { peerSpec } from './world.ts';

interface Match {
  hostName?: string;
  addresses?: string[];
}

function table(matches: Record<string, Match>): PeerTable {
  return new PeerTable(
    Object.entries(matches).map(([name, { hostName, addresses = [] }]) =>
      peerSpec({ name, match: { hostName, addresses } }),
    ),
  );
}

const ranked = {
  anyone: {},
  wide: { addresses: ['10.0.0.0/8'] },
  narrow: { addresses: ['10.1.0.0/16', '192.0.2.0/24'] },
  single: { addresses: ['10.1.2.3'] },
  glob: { hostName: 'lac-*' },
  globNear: { hostName: 'lac-*', addresses: ['10.0.0.0/8'] },
  exact: { hostName: 'lac-1.example' },
  exactNear: { hostName: 'lac-1.example', addresses: ['10.1.0.0/16'] },
  six: { addresses: ['2001:db8::/32'] },
  sixNarrow: { addresses: ['2001:db8:1::/48'] },
  sixSingle: { addresses: ['2001:db8:1::9'] },
};

describe('which PeerProfile applies', () => {
  it.each([
    ['lac-1.example', '10.1.9.9', 'exactNear', 'an exact host name with an address that fits'],
    ['lac-1.example', '10.9.9.9', 'exact', 'an exact host name before a glob with a longer prefix'],
    ['lac-2.example', '10.1.2.3', 'globNear', 'a glob with an address before a glob without, and before any address'],
    ['lac-2.example', '172.16.0.1', 'glob', 'a glob before no host name'],
    ['other', '10.1.2.3', 'single', 'the longest prefix: a single address'],
    ['other', '10.1.2.4', 'narrow', 'the longest prefix: /16'],
    ['other', '192.0.2.7', 'narrow', 'any of several prefixes'],
    ['other', '10.2.0.1', 'wide', 'the longest prefix: /8'],
    ['other', '::ffff:10.2.0.1', 'wide', 'an IPv4 address inside IPv6'],
    ['other', '2001:db8:1::5', 'sixNarrow', 'the longest IPv6 prefix'],
    ['other', '2001:db8:1::9', 'sixSingle', 'a single IPv6 address'],
    ['lac-2.example', '2001:db8:1::9', 'glob', 'a glob before the longest prefix that there is'],
    ['other', '2001:db8:2::5', 'six', 'a shorter IPv6 prefix'],
    ['other', '2001:db9::5', 'anyone', 'the one that takes everyone, over IPv6'],
    ['other', 'fe80::1%eth0', 'anyone', 'the one that takes everyone, with a zone'],
    ['other', '172.16.0.1', 'anyone', 'the one that takes everyone'],
    ['LAC-1.Example', '10.1.9.9', 'exactNear', 'host names in any case'],
  ])('%s at %s: %s (%s)', (hostName, address, name) => {
    expect(table(ranked).find(hostName, address)?.name).toBe(name);
  });

  it('is none where nothing fits', () => {
    const { anyone, ...others } = ranked;
    expect(anyone).toEqual({});
    expect(table(others).find('other', '172.16.0.1')).toBe(undefined);
    expect(table(others).find('', '172.16.0.1')).toBe(undefined);
    expect(table({}).find('lac-1.example', '10.1.2.3')).toBe(undefined);
  });

  it('wants host name and address both where both are given', () => {
    const both = table({ both: { hostName: 'lac', addresses: ['10.0.0.0/8'] } });
    expect(both.find('lac', '10.0.0.1')?.name).toBe('both');
    expect(both.find('lac', '11.0.0.1')).toBe(undefined);
    expect(both.find('lac2', '10.0.0.1')).toBe(undefined);
  });

  it('is the one declared first among equals', () => {
    const equals = table({ first: { addresses: ['10.0.0.0/8'] }, second: { addresses: ['10.0.0.0/8'] } });
    expect(equals.find('x', '10.0.0.1')?.name).toBe('first');
  });

  it('knows every prefix length of both families', () => {
    for (let bits = 0; bits <= 32; bits++) {
      expect(table({ p: { addresses: [`255.255.255.255/${bits}`] } }).find('x', '255.255.255.255')?.name).toBe('p');
    }
    const all = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    for (let bits = 0; bits <= 128; bits++) {
      expect(table({ p: { addresses: [`${all}/${bits}`] } }).find('x', all)?.name).toBe('p');
    }
    expect(table({ p: { addresses: ['0.0.0.0/0'] } }).find('x', '::1')).toBe(undefined);
    expect(table({ p: { addresses: ['::/0'] } }).find('x', '10.0.0.1')).toBe(undefined);
  });

  it.each([
    ['lac-?', 'lac-1', true],
    ['lac-?', 'lac-', false],
    ['lac-?', 'lac-12', false],
    ['*', '', true],
    ['*.example', 'a.b.example', true],
    ['*.example', 'aXexample', false],
    ['*.example', 'x.example.org', false],
    ['lac.*', 'lac.', true],
    ['lac.*', 'lacx', false],
    ['l*c*1', 'lacxc1', true],
    ['l*c*1', 'lac1c', false],
    ['a+b(c)[d]{e}^$|\\*', 'a+b(c)[d]{e}^$|\\f', true],
  ])('the glob %s takes %s: %s', (hostName, name, fits) => {
    expect(table({ glob: { hostName } }).find(name, '10.0.0.1') !== undefined).toBe(fits);
  });

  it('matches globs as a plain recursive definition does', () => {
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 8, size: 'max' });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', 'A', '\n'), maxLength: 10, size: 'max' });
    fc.assert(
      fc.property(glob, name, (hostName, text) => {
        expect(table({ glob: { hostName } }).find(text, '10.0.0.1') !== undefined).toBe(
          fitsGlob(hostName, text.toLowerCase()),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('is what a look at each profile in turn finds', () => {
    const address = fc.constantFrom('10.1.2.3', '10.1.2.4', '10.1.255.3', '192.0.2.1', '2001:db8::1', '2001:db8:1::1');
    const prefix = fc.oneof(
      address,
      fc.tuple(address, fc.nat(128)).map(([text, bits]) => `${text}/${text.includes(':') ? bits : bits % 33}`),
    );
    const match = fc.record({
      hostName: fc.constantFrom(undefined, undefined, 'a', 'A', 'ab', 'b', 'a*', '*', '?', '*b'),
      addresses: fc.array(prefix, { maxLength: 3 }),
    });
    const host = fc.constantFrom('', 'a', 'B', 'ab', 'abb', 'c');
    fc.assert(
      fc.property(fc.array(match, { maxLength: 12 }), host, address, (matches, hostName, from) => {
        const peers = matches.map((each, place) => peerSpec({ name: String(place), match: each }));
        expect(new PeerTable(peers).find(hostName, from)?.name).toBe(scan(peers, hostName, from)?.name);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is not kept busy by a host name made against a glob', () => {
    // Backtracking over all ways to place eight stars would take longer than any test.
    const stars = table({ stars: { hostName: '*a*a*a*a*a*a*a*a*b' } });
    expect(stars.find('a'.repeat(1_000), '10.0.0.1')).toBe(undefined);
  });
});

/** The best of all by rank. */
function scan(peers: readonly PeerSpec[], hostName: string, address: string): PeerSpec | undefined {
  const source = ipaddr.parse(address);
  let best: { peer: PeerSpec; rank: number } | undefined;
  for (const peer of peers) {
    const { hostName: pattern, addresses } = peer.match;
    if (pattern !== undefined && !fitsGlob(pattern.toLowerCase(), hostName.toLowerCase())) continue;
    const holding = addresses
      .map((text) => ipaddr.parseCIDR(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`))
      .filter(([network, bits]) => network.kind() === source.kind() && source.match(network, bits))
      .map(([, bits]) => bits + 1);
    if (addresses.length > 0 && holding.length === 0) continue;
    const nameRank = pattern === undefined ? 0 : /[*?]/.test(pattern) ? 1 : 2;
    const rank = nameRank * 256 + Math.max(0, ...holding);
    if (!best || rank > best.rank) best = { peer, rank };
  }
  return best?.peer;
}

function fitsGlob(glob: string, text: string): boolean {
  if (glob === '') return text === '';
  if (glob[0] === '*') return fitsGlob(glob.slice(1), text) || (text !== '' && fitsGlob(glob, text.slice(1)));
  return text !== '' && (glob[0] === '?' || glob[0] === text[0]) && fitsGlob(glob.slice(1), text.slice(1));
}
