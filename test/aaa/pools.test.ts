import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Leases } from '../../src/aaa/leases.ts';
import { AddressPools } from '../../src/aaa/pools.ts';
import { formatIpv4, type Ipv4, type PoolSpec, parseIpv4 } from '../../src/engine/spec.ts';

const ip = (text: string): Ipv4 => parseIpv4(text) ?? Number.NaN;
const range = (first: string, last: string) => ({ first: ip(first), last: ip(last) });

/** `10.0.0.0/30` as a pool of four. */
const small = poolOf('small', [range('10.0.0.0', '10.0.0.3')]);

function poolOf(name: string, ranges: Ranges, exclude: Ranges = []): PoolSpec {
  return { name, ranges, exclude, prefixes: [], delegationLength: 64, excludePrefixes: [] };
}

const view = (total: number, used: number, refused = 0) => ({
  name: 'small',
  total,
  used,
  prefixes: { total: 0, used: 0 },
  refused,
});

let pools: AddressPools;
const take = (session: number, more: { user?: string; pool?: string; ipv4?: Ipv4 } = {}) => {
  const { user, ipv4: fixed, pool = 'small' } = more;
  const { ipv4, refused } = pools.allocate({ session, aaa: 'local', user, ipv4: { fixed, pool } });
  return ipv4 === undefined ? refused?.ipv4 : formatIpv4(ipv4);
};

beforeEach(() => {
  pools = new AddressPools();
  pools.configure([small]);
});

describe('a pool', () => {
  test('gives every address once and then refuses, saying why', () => {
    const given = [1, 2, 3, 4].map((session) => take(session));
    expect(given).toEqual(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(take(5)).toBe('AddressPool small: all 4 addresses are in use');
    expect(pools.views()).toEqual([view(4, 4, 1)]);
  });

  test('lets a returned address rest until the others have had their turn', () => {
    take(1);
    pools.release(1);
    expect([2, 3, 4, 5].map((session) => take(session))).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.0']);
  });

  test('leaves out what is excluded, and counts overlapping ranges once', () => {
    pools.configure([
      poolOf(
        'small',
        [range('10.0.0.4', '10.0.0.9'), range('10.0.0.0', '10.0.0.5')],
        [range('10.0.0.1', '10.0.0.3'), range('10.0.0.3', '10.0.0.4'), range('10.0.0.9', '10.0.0.9')],
      ),
    ]);
    expect([1, 2, 3, 4, 5].map((session) => take(session))).toEqual([
      '10.0.0.0',
      '10.0.0.5',
      '10.0.0.6',
      '10.0.0.7',
      '10.0.0.8',
    ]);
    expect(take(6)).toBe('AddressPool small: all 5 addresses are in use');
  });

  test('reaches the ends of the address space', () => {
    pools.configure([poolOf('small', [range('0.0.0.0', '0.0.0.0'), range('255.255.255.255', '255.255.255.255')])]);
    expect([take(1), take(2)]).toEqual(['0.0.0.0', '255.255.255.255']);
  });

  test('that is empty or unknown, or not named, refuses', () => {
    pools.configure([poolOf('small', small.ranges, small.ranges)]);
    expect(take(1)).toBe('AddressPool small: all 0 addresses are in use');
    expect(take(1, { pool: 'other' })).toBe('AddressPool other does not exist');
    expect(pools.allocate({ session: 1, aaa: 'local', ipv4: {} }).refused?.ipv4).toBe(
      'neither address nor AddressPool is set for this session',
    );
  });

  test('of a million addresses gives a hundred thousand, each once, and takes them back', () => {
    pools.configure([poolOf('small', [range('10.0.0.0', '10.15.255.255')])]);
    const total = 1 << 20;
    const sessions = 100_000;
    const timesGiven = new Uint8Array(total);
    for (let session = 0; session < sessions; session++) {
      const { ipv4 } = pools.allocate({ session, aaa: 'local', ipv4: { pool: 'small' } });
      if (ipv4 !== undefined) timesGiven[ipv4 - ip('10.0.0.0')]++;
    }
    expect(timesGiven.filter((times) => times === 1).length).toBe(sessions);
    expect(pools.views()).toEqual([view(total, sessions)]);
    for (let session = 0; session < sessions; session++) pools.release(session);
    expect(pools.views()).toEqual([view(total, 0)]);
  });
});

describe('a session', () => {
  test('that asks again keeps its address', () => {
    expect([take(1), take(1)]).toEqual(['10.0.0.0', '10.0.0.0']);
    expect(pools.views()[0].used).toBe(1);
  });

  test('that then wants another one gives the first back', () => {
    take(1);
    expect(take(1, { ipv4: ip('192.0.2.1') })).toBe('192.0.2.1');
    expect(pools.views()[0].used).toBe(0);
  });

  test('keeps its address when the one it wants is taken', () => {
    take(1);
    take(2);
    expect(take(1, { ipv4: ip('10.0.0.1') })).toBe('address 10.0.0.1 is in use by another session');
    expect(take(1)).toBe('10.0.0.0');
  });

  test('releases nothing twice', () => {
    take(1);
    pools.release(1);
    take(2, { ipv4: ip('10.0.0.0') });
    pools.release(1);
    expect(pools.views()[0].used).toBe(1);
  });
});

describe('a fixed address', () => {
  test('is out of the pool while it is held', () => {
    expect(take(1, { ipv4: ip('10.0.0.1') })).toBe('10.0.0.1');
    expect([2, 3, 4, 5].map((session) => take(session))).toEqual([
      '10.0.0.0',
      '10.0.0.2',
      '10.0.0.3',
      'AddressPool small: all 4 addresses are in use',
    ]);
    pools.release(1);
    expect(take(5)).toBe('10.0.0.1');
  });

  test('outside every pool is also held by one session only', () => {
    expect(take(1, { ipv4: ip('192.0.2.1') })).toBe('192.0.2.1');
    expect(take(2, { ipv4: ip('192.0.2.1') })).toBe('address 192.0.2.1 is in use by another session');
  });
});

describe('a user', () => {
  test('gets the last address again while it is free', () => {
    take(1, { user: 'ann' });
    pools.release(1);
    take(2);
    expect(take(3, { user: 'ann' })).toBe('10.0.0.0');
    expect(take(4, { user: 'ann' })).toBe('10.0.0.2');
  });

  test('keeps it while strangers find others', () => {
    take(1, { user: 'ann' });
    pools.release(1);
    expect([2, 3, 4].map((session) => take(session))).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect(pools.views()).toEqual([view(4, 3)]);
    expect(take(5, { user: 'ann' })).toBe('10.0.0.0');
  });

  test('loses it when nothing else is free, and first the one who has been away longest', () => {
    for (const [session, user] of [
      [1, 'ann'],
      [2, 'bob'],
      [3, 'cid'],
      [4, 'dan'],
    ] as const) {
      take(session, { user });
    }
    for (const session of [2, 1, 3]) pools.release(session);
    expect(take(5, { user: 'eve' })).toBe('10.0.0.1');
    expect(take(6)).toBe('10.0.0.0');
    expect(take(7, { user: 'bob' })).toBe('10.0.0.2');
    expect(take(8, { user: 'ann' })).toBe('AddressPool small: all 4 addresses are in use');
    // Nobody is remembered there any more: it is as good as new.
    pools.release(6);
    expect(take(9, { user: 'ann' })).toBe('10.0.0.0');
  });

  test('keeps one address among several sessions', () => {
    expect([1, 2].map((session) => take(session, { user: 'ann' }))).toEqual(['10.0.0.0', '10.0.0.1']);
    pools.release(2);
    pools.release(1);
    expect([3, 4].map((session) => take(session, { user: 'ann' }))).toEqual(['10.0.0.0', '10.0.0.2']);
  });

  test('has to share with one who is given the very address', () => {
    take(1, { user: 'ann' });
    pools.release(1);
    take(2, { user: 'bob', ipv4: ip('10.0.0.0') });
    expect(take(3, { user: 'ann' })).toBe('10.0.0.1');
    pools.release(2);
    pools.release(3);
    expect(take(4, { user: 'ann' })).toBe('10.0.0.1');
  });

  test('moves to another pool with a new address', () => {
    pools.configure([small, poolOf('other', [range('10.1.0.0', '10.1.0.3')])]);
    take(1, { user: 'ann' });
    pools.release(1);
    expect(take(1, { user: 'ann', pool: 'other' })).toBe('10.1.0.0');
    pools.release(1);
    expect([2, 3, 4, 5].map((session) => take(session))).toContain('10.0.0.0');
    expect(take(6, { pool: 'other' })).toBe('10.1.0.1');
  });

  test('comes back to a pool that was away, and to a larger one', () => {
    take(1, { user: 'ann' });
    take(2, { user: 'bob' });
    pools.release(2);
    pools.configure([]);
    pools.configure([small]);
    expect(take(3, { user: 'bob' })).toBe('10.0.0.1');
    pools.release(1);
    pools.configure([poolOf('small', [range('9.255.255.0', '10.0.0.255')])]);
    expect(take(4, { user: 'ann' })).toBe('10.0.0.0');
  });

  test('is remembered only so long as there are not too many others', () => {
    pools = new AddressPools(new Leases(2));
    pools.configure([poolOf('small', [range('10.0.0.0', '10.0.0.255')])]);
    for (const user of ['ann', 'bob', 'cid']) {
      take(1, { user });
      pools.release(1);
    }
    expect(take(1, { user: 'bob' })).toBe('10.0.0.1');
    expect(take(2, { user: 'cid' })).toBe('10.0.0.2');
    expect(take(3, { user: 'ann' })).toBe('10.0.0.3');
    expect(pools.leases.count).toBe(2);
  });
});

describe('reconfiguring', () => {
  test('keeps what live sessions hold', () => {
    take(1);
    take(2);
    pools.configure([poolOf('small', [range('10.0.0.1', '10.0.0.2')])]);
    expect(pools.views()).toEqual([view(2, 1)]);
    expect([take(3), take(4)]).toEqual(['10.0.0.2', 'AddressPool small: all 2 addresses are in use']);
    expect(take(5, { ipv4: ip('10.0.0.0') })).toBe('address 10.0.0.0 is in use by another session');
    pools.configure([small]);
    expect(pools.views()).toEqual([view(4, 3)]);
  });

  test('with the same ranges goes on where it was', () => {
    take(1);
    pools.release(1);
    pools.configure([structuredClone(small)]);
    expect(take(2)).toBe('10.0.0.1');
  });

  test('takes a removed pool away', () => {
    take(1);
    pools.configure([]);
    expect(pools.views()).toEqual([]);
    expect(take(2)).toBe('AddressPool small does not exist');
  });
});

test('every user has an address of their own for ever, as long as there are enough for all', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ dial: fc.constantFrom('ann', 'bob', 'cid', 'dan', 'eve') }) },
    { weight: 3, arbitrary: fc.record({ stranger: fc.nat(2) }) },
    { weight: 5, arbitrary: fc.record({ hangUp: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ edit: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ restart: fc.constant(true) }) },
  );
  const users = ['ann', 'bob', 'cid', 'dan', 'eve'];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const eight = poolOf('small', [range('10.0.0.0', '10.0.0.7')]);
      pools = new AddressPools();
      pools.configure([eight]);
      const addresses = new Map<string, string>();
      for (const step of steps) {
        if ('dial' in step) {
          const address = take(users.indexOf(step.dial), { user: step.dial }) ?? '';
          expect(address).toBe(addresses.get(step.dial) ?? address);
          addresses.set(step.dial, address);
        } else if ('stranger' in step) expect([...addresses.values()]).not.toContain(take(5 + step.stranger));
        else if ('hangUp' in step) pools.release(step.hangUp);
        else if ('edit' in step)
          pools.configure(step.edit ? [eight, poolOf('more', [range('10.1.0.0', '10.1.0.1')])] : []);
        else {
          const leases = new Leases();
          for (const lease of pools.leases.all()) leases.restore(lease.kind, lease, lease.user);
          pools = new AddressPools(leases);
        }
        // An edit that takes the pool away is taken back.
        pools.configure([eight]);
      }
    }),
    { numRuns: 300 },
  );
});

test('no address is held twice and everything comes back, with overlapping pools and changing ranges', () => {
  const address = fc.integer({ min: 0x0a000000, max: 0x0a00001f });
  const ranges = fc.array(
    fc.tuple(address, address).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    { maxLength: 3 },
  );
  const specs = fc.record({ a: ranges, b: ranges, exclude: ranges });
  const step = fc.oneof(
    fc.record({
      do: fc.constant('allocate' as const),
      session: fc.nat(20),
      pool: fc.constantFrom('a', 'b'),
      user: fc.option(fc.constantFrom('ann', 'bob'), { nil: undefined }),
      ipv4: fc.option(address, { nil: undefined, freq: 4 }),
    }),
    fc.record({ do: fc.constant('release' as const), session: fc.nat(20) }),
    specs.map((spec) => ({ do: 'configure' as const, ...spec })),
  );
  const configure = (pools: AddressPools, { a, b, exclude }: { a: Ranges; b: Ranges; exclude: Ranges }) => {
    pools.configure([poolOf('a', a, exclude), poolOf('b', b)]);
  };
  fc.assert(
    fc.property(specs, fc.array(step, { maxLength: 80 }), (first, steps) => {
      const pools = new AddressPools();
      configure(pools, first);
      const held = new Map<number, Ipv4>();
      for (const step of steps) {
        if (step.do === 'configure') configure(pools, step);
        if (step.do === 'release') {
          pools.release(step.session);
          held.delete(step.session);
        }
        if (step.do === 'allocate') {
          const { session, user, ipv4: fixed, pool } = step;
          const { ipv4 } = pools.allocate({ session, aaa: 'local', user, ipv4: { fixed, pool } });
          if (ipv4 !== undefined) held.set(step.session, ipv4);
        }
        expect(new Set(held.values()).size).toBe(held.size);
      }
      for (const session of held.keys()) pools.release(session);
      for (const view of pools.views()) expect(view.used).toBe(0);
    }),
    { numRuns: 300 },
  );
});

type Ranges = PoolSpec['ranges'];
