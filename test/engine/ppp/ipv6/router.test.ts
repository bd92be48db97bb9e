import { describe, expect, it } from 'vitest';
import { address, OURS, PEER, prefixOf, RouterBench, solicitation } from './packets.ts';

const DAY_MS = 86_400_000;

/** The option of an advertisement, header included. */
function optionOf(packet: Uint8Array, type: number): number[] | undefined {
  for (let at = 56; at < packet.length; at += 8 * packet[at + 1]) {
    if (packet[at] === type) return [...packet.subarray(at, at + 8 * packet[at + 1])];
  }
  return undefined;
}

function advertisement(bench: RouterBench): Uint8Array {
  bench.run(60_000);
  return bench.sent[0].packet;
}

describe('router advertisements', () => {
  it('come from our link-local address to all nodes, unforwarded', () => {
    const packet = advertisement(new RouterBench());
    expect([packet[6], packet[7]]).toEqual([58, 255]);
    expect([...packet.subarray(8, 40)]).toEqual([...address(OURS), ...address('ff02::1')]);
    expect([packet[40], packet[41]]).toEqual([134, 0]);
  });

  it('name a default router for three intervals, and DHCPv6 for the rest', () => {
    // Hop limit 64, O, 5400 s.
    expect([...advertisement(new RouterBench()).subarray(44, 56)]).toEqual([
      64, 0x40, 0x15, 0x18, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });

  it.each([
    { name: 'name servers', changes: { delegated: undefined }, flags: 0x40 },
    { name: 'a delegated prefix', changes: { dns: [] }, flags: 0x40 },
    { name: 'neither', changes: { dns: [], delegated: undefined }, flags: 0 },
  ])('tell of DHCPv6 when it has $name', ({ changes, flags }) => {
    expect(advertisement(new RouterBench(changes))[45]).toBe(flags);
  });

  it('give the prefix for addresses, and call nobody on-link', () => {
    const option = optionOf(advertisement(new RouterBench()), 3);
    const lifetimes = [0, 0, 0x2a, 0x30, 0, 0, 0x15, 0x18];
    expect(option).toEqual([3, 4, 64, 0x40, ...lifetimes, 0, 0, 0, 0, ...address('2001:db8:0:7::')]);
  });

  it('give of a shorter prefix the first /64', () => {
    const option = optionOf(advertisement(new RouterBench({ prefix: prefixOf('2001:db8:7000::/36') })), 3);
    expect(option?.slice(2, 3)).toEqual([64]);
    expect(option?.slice(16)).toEqual([...address('2001:db8:7000::')]);
  });

  it('give the MTU, unless IPv6 has no use for it', () => {
    expect(optionOf(advertisement(new RouterBench()), 5)).toEqual([5, 1, 0, 0, 0, 0, 0x05, 0xd4]);
    expect(optionOf(advertisement(new RouterBench({ mtu: 1279 })), 5)).toBeUndefined();
  });

  it('give the name servers, at most eight', () => {
    const servers = [...address('2001:db8::53'), ...address('2001:db8::54')];
    expect(optionOf(advertisement(new RouterBench()), 25)).toEqual([25, 5, 0, 0, 0, 0, 0x15, 0x18, ...servers]);
    const many = Array.from({ length: 100 }, (_, i) => BigInt(i + 1));
    expect(optionOf(advertisement(new RouterBench({ dns: many })), 25)?.length).toBe(8 + 8 * 16);
  });

  it('without prefix and name servers tell only of the router', () => {
    const packet = advertisement(new RouterBench({ prefix: undefined, dns: [], mtu: 0 }));
    expect(packet.length).toBe(40 + 16);
  });

  it('come three times soon, then seldom, for ever', () => {
    for (let seed = 0; seed < 20; seed++) {
      const bench = new RouterBench({}, seed);
      bench.run(2 * DAY_MS);
      const times = bench.sent.map(({ at }) => at - 1_000);
      expect(times.slice(0, 3)).toEqual([3_000, 19_000, 35_000]);
      const gaps = times.slice(3).map((at, i) => at - times[i + 2]);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_350_000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(1_800_000);
      expect(gaps.length).toBeGreaterThan(90);
    }
  });
});

describe('router solicitations', () => {
  it.each([
    { name: 'from its link-local address', octets: solicitation() },
    { name: 'before it has an address', octets: solicitation({ from: '::' }) },
    { name: 'to us alone', octets: solicitation({ to: OURS }) },
    { name: 'with a link-layer address', octets: solicitation({ options: [1, 1, 2, 0, 0, 0, 0, 1] }) },
    { name: 'with an unknown option', octets: solicitation({ options: [99, 1, 0, 0, 0, 0, 0, 0] }) },
  ])('$name bring the next advertisement within half a second', ({ octets }) => {
    for (let seed = 0; seed < 20; seed++) {
      const bench = new RouterBench({}, seed);
      expect(bench.hear(octets)).toEqual([]);
      bench.run(500);
      expect(bench.sent.length).toBe(1);
    }
  });

  it.each([
    { name: 'a wrong checksum', octets: solicitation({ badChecksum: true }) },
    { name: 'a hop limit that says it was forwarded', octets: solicitation({ hopLimit: 254 }) },
    { name: 'another code', octets: solicitation({ code: 1 }) },
    { name: 'another type', octets: solicitation({ type: 135 }) },
    { name: 'an option of no length', octets: solicitation({ options: [5, 0, 0, 0, 0, 0, 0, 0] }) },
    { name: 'an option that is cut off', octets: solicitation({ options: [5, 2, 0, 0, 0, 0, 0, 0] }) },
    { name: 'half an option header', octets: solicitation({ options: [5] }) },
    {
      name: 'a link-layer address and no address',
      octets: solicitation({ from: '::', options: [1, 1, 2, 0, 0, 0, 0, 1] }),
    },
    { name: 'our own address', octets: solicitation({ from: OURS }) },
    { name: 'another destination', octets: solicitation({ to: 'ff02::1' }) },
    { name: 'another router as destination', octets: solicitation({ to: PEER }) },
    { name: 'a missing octet', octets: solicitation().subarray(0, 47) },
    { name: 'no payload', octets: solicitation().subarray(0, 40) },
    { name: 'version 4', octets: Uint8Array.from(solicitation(), (octet, i) => (i === 0 ? 0x40 : octet)) },
    { name: 'a hop-by-hop header', octets: Uint8Array.from(solicitation(), (octet, i) => (i === 6 ? 0 : octet)) },
  ])('with $name are dropped', ({ octets }) => {
    const bench = new RouterBench();
    bench.hear(octets);
    bench.run(2_999);
    expect(bench.sent).toEqual([]);
  });

  it('with octets after the packet are heard: they are padding', () => {
    const bench = new RouterBench();
    bench.hear(Uint8Array.of(...solicitation(), 1, 2, 3));
    bench.run(500);
    expect(bench.sent.length).toBe(1);
  });

  it('however many bring one advertisement in three seconds', () => {
    const bench = new RouterBench();
    for (let i = 0; i < 60_000; i++) {
      bench.hear(solicitation());
      bench.run(1);
    }
    expect(bench.sent.length).toBeGreaterThan(15);
    expect(bench.sent.length).toBeLessThanOrEqual(20);
    const gaps = bench.sent.slice(1).map(({ at }, i) => at - bench.sent[i].at);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3_000);
  });

  it('do not put off what is due sooner', () => {
    const bench = new RouterBench();
    bench.run(2_999);
    bench.hear(solicitation());
    bench.run(1);
    expect(bench.sent.length).toBe(1);
  });
});
