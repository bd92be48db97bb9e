import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientId,
  dhcp,
  iaAddress,
  iaNa,
  iaPd,
  iaPrefix,
  iaTa,
  OURS,
  option,
  RouterBench,
  serverId,
  solicitation,
} from './packets.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((octets) => [...octets]);

const dhcpOption: fc.Arbitrary<number[]> = fc.oneof(
  fc.constantFrom(
    clientId,
    serverId,
    option(14),
    iaPd(1),
    iaPd(2, iaPrefix('2001:db8:100::/56'), iaPrefix('::/60')),
    iaNa(3, iaAddress('2001:db8::1')),
    iaTa(4),
  ),
  fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 13, 14, 23, 25, 26, 999), bytes(60)).map(([type, data]) => {
    return option(type, ...data);
  }),
  fc.tuple(fc.nat(255), fc.array(bytes(30), { maxLength: 3 })).map(([iaid, inner]) => {
    return iaPd(iaid, ...inner.map((data) => option(26, ...data)));
  }),
  bytes(8),
);

const envelope = fc.record({
  from: fc.constantFrom('fe80::a:b', '::', OURS, 'ff02::1', '2001:db8::1', 'fe80::ffff:ffff:ffff:ffff'),
  to: fc.constantFrom('ff02::1:2', 'ff02::2', OURS, 'ff02::1', '::', '2001:db8::1'),
  hopLimit: fc.constantFrom(255, 64, 0),
});

const packet: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    fc
      .tuple(fc.nat(14), fc.array(dhcpOption, { maxLength: 12 }), envelope)
      .map(([type, options, around]) => dhcp(type, options, around)),
    fc
      .tuple(fc.constantFrom(1, 3, 5, 6), fc.array(dhcpOption, { maxLength: 12 }))
      .map(([type, options]) => dhcp(type, [clientId, ...(type === 3 || type === 5 ? [serverId] : []), ...options])),
    fc.tuple(bytes(40), envelope).map(([options, around]) => solicitation({ ...around, options })),
    fc.uint8Array({ maxLength: 120 }),
  )
  .chain((octets) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(octets) },
      { weight: 1, arbitrary: fc.nat(octets.length).map((length) => octets.subarray(0, length)) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.nat(Math.max(0, octets.length - 1)), fc.nat(255)).map(([at, value]) => {
          const changed = Uint8Array.from(octets);
          if (at < changed.length) changed[at] = value;
          return changed;
        }),
      },
    ),
  );

const spec = fc.record({
  mtu: fc.integer({ min: 0, max: 65_535 }),
  prefix: fc.option(fc.record({ high: fc.constant(0x2001_0db8_0000_0000n), length: fc.integer({ min: 1, max: 64 }) }), {
    nil: undefined,
  }),
  delegated: fc.option(
    fc.record({ high: fc.constant(0x2001_0db8_0100_0000n), length: fc.integer({ min: 33, max: 64 }) }),
    {
      nil: undefined,
    },
  ),
  dns: fc.array(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), { maxLength: 20 }),
});

/** Whether the options of a message of ours are whole, those within identity associations too. */
function areWhole(octets: Uint8Array): boolean {
  let at = 0;
  while (at + 4 <= octets.length) {
    const type = octets[at] * 256 + octets[at + 1];
    const end = at + 4 + octets[at + 2] * 256 + octets[at + 3];
    const skip = type === 3 || type === 25 ? 12 : type === 4 ? 4 : undefined;
    if (end > octets.length || (skip !== undefined && !areWhole(octets.subarray(at + 4 + skip, end)))) return false;
    at = end;
  }
  return at === octets.length;
}

describe('any packets', () => {
  it('do no harm: answers are few, small, whole, and go to who asked', () => {
    fc.assert(
      fc.property(
        spec,
        fc.array(fc.tuple(packet, fc.nat(400)), { maxLength: 40 }),
        fc.nat(),
        (changes, packets, seed) => {
          const bench = new RouterBench(changes, seed);
          const begin = bench.now;
          for (const [octets, waitMs] of packets) {
            const answers = bench.hear(octets);
            expect(answers.length).toBeLessThanOrEqual(1);
            for (const answer of answers) {
              // Its destination is the asker's address, which is link-local, on the same link.
              expect([...answer.subarray(24, 40)]).toEqual([...octets.subarray(8, 24)]);
              expect([answer[24], answer[25] & 0xc0]).toEqual([0xfe, 0x80]);
              expect(answer.length).toBeLessThanOrEqual(1280);
              expect([2, 7]).toContain(answer[48]);
              expect([...answer.subarray(49, 52)]).toEqual([...octets.subarray(49, 52)]);
              expect(areWhole(answer.subarray(52))).toBe(true);
            }
            bench.run(waitMs);
          }
          const seconds = (bench.now - begin) / 1_000;
          const advertised = bench.sent.filter(({ packet: sent }) => sent[6] === 58).length;
          expect(advertised).toBeLessThanOrEqual(1 + seconds / 3);
          expect(bench.sent.length - advertised).toBeLessThanOrEqual(8 * (seconds + 1));
        },
      ),
      { numRuns: 1_500 },
    );
  });

  it('that nobody has thought of are mostly not answered at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const bench = new RouterBench();
        expect(bench.hear(octets)).toEqual([]);
        bench.run(2_999);
        expect(bench.sent).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
