import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Block, rangeOf } from '../../src/aaa/blocks.ts';
import { AddressPools } from '../../src/aaa/pools.ts';
import type { AllocateRequest } from '../../src/engine/aaa.ts';
import { formatIpv6Prefix, type Ipv6Prefix, type PoolSpec, parseIpv6Prefix } from '../../src/engine/spec.ts';

function prefix(text: string): Ipv6Prefix {
  const parsed = parseIpv6Prefix(text);
  if (!parsed) throw new Error(`${text} is no prefix`);
  return parsed;
}

function poolOf(name: string, delegationLength: number, prefixes: string[], exclude: string[] = []): PoolSpec {
  const excludePrefixes = exclude.map(prefix);
  return { name, ranges: [], exclude: [], prefixes: prefixes.map(prefix), delegationLength, excludePrefixes };
}

/** Four links, and four customers. */
const links = poolOf('links', 64, ['2001:db8:0:4::/62']);
const customers = poolOf('customers', 56, ['2001:db8:1::/54']);

let pools: AddressPools;
beforeEach(() => {
  pools = new AddressPools();
  pools.configure([links, customers]);
});

/** What a session gets, in words. */
function ask(session: number, wanted: Pick<AllocateRequest, 'user' | 'prefix' | 'delegated'>): (string | undefined)[] {
  const { prefix, delegated, refused } = pools.allocate({ session, aaa: 'local', ...wanted });
  return [
    prefix ? formatIpv6Prefix(prefix) : refused?.prefix,
    delegated ? formatIpv6Prefix(delegated) : refused?.delegated,
  ];
}

const both = { prefix: { pool: 'links' }, delegated: { pool: 'customers' } };
const delegate = (session: number, more: { user?: string; fixed?: string; pool?: string } = {}) => {
  const fixed = more.fixed === undefined ? undefined : prefix(more.fixed);
  return ask(session, { user: more.user, delegated: { fixed, pool: more.pool ?? 'customers' } })[1];
};
const used = () => pools.views().map(({ prefixes }) => prefixes.used);

describe('a pool of prefixes', () => {
  test('gives a link its /64 and a customer a piece, each once, and then refuses, saying why', () => {
    expect([1, 2, 3, 4].map((session) => ask(session, both))).toEqual([
      ['2001:db8:0:4::/64', '2001:db8:1::/56'],
      ['2001:db8:0:5::/64', '2001:db8:1:100::/56'],
      ['2001:db8:0:6::/64', '2001:db8:1:200::/56'],
      ['2001:db8:0:7::/64', '2001:db8:1:300::/56'],
    ]);
    expect(ask(5, both)).toEqual([
      'AddressPool links: all 4 prefixes are in use',
      'AddressPool customers: all 4 prefixes are in use',
    ]);
    const view = { total: 0, used: 0, prefixes: { total: 4, used: 4 }, refused: 1 };
    expect(pools.views()).toEqual([
      { ...view, name: 'links' },
      { ...view, name: 'customers' },
    ]);
    pools.release(2);
    expect(ask(5, both)).toEqual(['2001:db8:0:5::/64', '2001:db8:1:100::/56']);
  });

  test('leaves out pieces that are excluded, also in part', () => {
    pools.configure([poolOf('customers', 56, ['2001:db8:1::/54'], ['2001:db8:1:104::/62', '2001:db8:1:300::/56'])]);
    expect([1, 2, 3].map((session) => delegate(session))).toEqual([
      '2001:db8:1::/56',
      '2001:db8:1:200::/56',
      'AddressPool customers: all 2 prefixes are in use',
    ]);
  });

  test('of other than /64 gives no link a prefix', () => {
    expect(ask(1, { prefix: { pool: 'customers' } })[0]).toBe(
      'AddressPool customers gives out /56 prefixes; a link needs a /64',
    );
    expect(ask(1, { prefix: {} })[0]).toBe('neither prefix nor AddressPool is set for this session');
  });

  test('that is too large for its bitmap gives out the first 16,777,216', () => {
    pools.configure([poolOf('customers', 64, ['2001:db8::/32'])]);
    expect(pools.views()[0].prefixes).toEqual({ total: 2 ** 24, used: 0 });
    expect(delegate(1)).toBe('2001:db8::/64');
    expect(delegate(2, { fixed: '2001:db8::/40' })).toBe('prefix 2001:db8::/40 is in use by another session');
    pools.release(1);
    expect(delegate(2, { fixed: '2001:db8:ffff::/48' })).toBe('2001:db8:ffff::/48');
    expect(used()).toEqual([0]);
  });

  test('serves addresses besides, and links and customers from the same pieces', () => {
    const ranges = [{ first: 0x0a000001, last: 0x0a000002 }];
    pools.configure([{ ...links, ranges }]);
    const pool = { pool: 'links' };
    const answer = pools.allocate({ session: 1, aaa: 'local', ipv4: pool, prefix: pool, delegated: pool });
    expect(answer).toEqual({
      ipv4: 0x0a000001,
      prefix: prefix('2001:db8:0:4::/64'),
      delegated: prefix('2001:db8:0:5::/64'),
    });
    expect(pools.views()).toEqual([{ name: 'links', total: 2, used: 1, prefixes: { total: 4, used: 2 }, refused: 0 }]);
  });
});

describe('a fixed prefix', () => {
  test('takes away every piece that it covers', () => {
    expect(delegate(1, { fixed: '2001:db8:1::/55' })).toBe('2001:db8:1::/55');
    expect(used()).toEqual([0, 2]);
    expect([2, 3, 4].map((session) => delegate(session))).toEqual([
      '2001:db8:1:200::/56',
      '2001:db8:1:300::/56',
      'AddressPool customers: all 4 prefixes are in use',
    ]);
    pools.release(1);
    expect(delegate(4)).toBe('2001:db8:1::/56');
  });

  test('takes away the piece in which it lies, as long as another one lies there', () => {
    expect(delegate(1, { fixed: '2001:db8:1:1::/64' })).toBe('2001:db8:1:1::/64');
    expect(delegate(2, { fixed: '2001:db8:1:2::/64' })).toBe('2001:db8:1:2::/64');
    expect(used()).toEqual([0, 1]);
    pools.release(1);
    expect(delegate(3)).toBe('2001:db8:1:100::/56');
    expect(delegate(4, { fixed: '2001:db8:1::/56' })).toBe('prefix 2001:db8:1::/56 is in use by another session');
    pools.release(2);
    expect(used()).toEqual([0, 1]);
    expect(delegate(4, { fixed: '2001:db8:1::/56' })).toBe('2001:db8:1::/56');
  });

  test('is refused where it overlaps one that is held, in a pool or not', () => {
    delegate(1, { fixed: '2001:db8:ff00::/40' });
    for (const fixed of ['2001:db8:ff00::/40', '2001:db8:ff12::/48', '2001:db8::/32']) {
      expect(delegate(2, { fixed })).toBe(`prefix ${fixed} is in use by another session`);
    }
    expect(delegate(1, { fixed: '2001:db8:ff00::/40' })).toBe('2001:db8:ff00::/40');
    expect(delegate(2, { fixed: '2001:db8:fe00::/40' })).toBe('2001:db8:fe00::/40');
  });
});

describe('a user', () => {
  test('gets both prefixes again, and nobody else does while others are free', () => {
    const first = ask(1, { ...both, user: 'ann' });
    pools.release(1);
    ask(2, both);
    expect(ask(3, { ...both, user: 'ann' })).toEqual(first);
  });

  test('loses a prefix that is given out as a part of a larger one', () => {
    delegate(1, { user: 'ann' });
    pools.release(1);
    delegate(2, { fixed: '2001:db8:1::/55' });
    pools.release(2);
    expect(delegate(3, { user: 'ann' })).toBe('2001:db8:1:100::/56');
  });
});

test('no two sessions hold any part of the same, and everything comes back', () => {
  /** Anything in fd00:0:0:0::/58, of which the pools are made. */
  const block = fc
    .tuple(fc.nat(63), fc.integer({ min: 58, max: 64 }))
    .map(([at, length]): Block => ({ high: 0xfd00_0000_0000_0000n + BigInt(at - (at % 2 ** (64 - length))), length }));
  const blocks = fc.array(block, { maxLength: 3 });
  const specs = fc
    .tuple(blocks, blocks, blocks, fc.integer({ min: 60, max: 64 }))
    .map(([a, b, excludePrefixes, delegationLength]): PoolSpec[] => [
      { name: 'a', ranges: [], exclude: [], prefixes: a, delegationLength, excludePrefixes },
      { name: 'b', ranges: [], exclude: [], prefixes: b, delegationLength: 64, excludePrefixes: [] },
    ]);
  const wanted = fc.option(
    fc.record({ fixed: fc.option(block, { nil: undefined }), pool: fc.constantFrom('a', 'b') }),
    { nil: undefined },
  );
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        session: fc.nat(12),
        user: fc.constantFrom(undefined, 'ann', 'bob'),
        prefix: wanted,
        delegated: wanted,
      }),
    },
    { weight: 3, arbitrary: fc.record({ release: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.record({ specs }) },
  );
  fc.assert(
    fc.property(specs, fc.array(step, { maxLength: 60 }), (first, steps) => {
      const pools = new AddressPools();
      pools.configure(first);
      const held = new Map<number, { prefix?: Block; delegated?: Block }>();
      for (const step of steps) {
        if ('specs' in step) pools.configure(step.specs);
        else if ('release' in step) {
          pools.release(step.release);
          held.delete(step.release);
        } else {
          const { prefix, delegated } = pools.allocate({ aaa: 'local', ...step });
          const before = held.get(step.session);
          held.set(step.session, { prefix: prefix ?? before?.prefix, delegated: delegated ?? before?.delegated });
        }
        const ranges = [...held.values()]
          .flatMap(({ prefix, delegated }) => [prefix, delegated])
          .flatMap((block) => (block ? rangeOf(block, 64) : []))
          .toSorted((a, b) => (a.first < b.first ? -1 : 1));
        for (const [at, range] of ranges.slice(1).entries()) expect(range.first > ranges[at].last).toBe(true);
      }
      for (const session of held.keys()) pools.release(session);
      for (const { prefixes } of pools.views()) expect(prefixes.used).toBe(0);
      // Whatever waits for somebody can be had by others.
      for (const { name, prefixes } of pools.views()) {
        for (let session = 0; session < prefixes.total; session++) {
          expect(
            pools.allocate({ session: 100 + session, aaa: 'local', delegated: { pool: name } }).refused,
          ).toBeUndefined();
        }
        expect(pools.allocate({ session: 99, aaa: 'local', delegated: { pool: name } }).refused).toBeDefined();
        for (let session = 0; session < prefixes.total; session++) pools.release(100 + session);
      }
    }),
    { numRuns: 300 },
  );
});
