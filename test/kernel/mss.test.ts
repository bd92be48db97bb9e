import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clampMss } from '../../src/kernel/mss.ts';
import { ipPacket, type Made, tcpSegment, transportChecksum } from './ip-packets.ts';

const syn = 0x02;
const synAck = 0x12;
const ack = 0x10;
const v4 = { source: '10.9.0.2', destination: '192.0.2.80', protocol: 6 };
const v6 = { source: '2001:db8:a::2', destination: '2001:db8::80', protocol: 6 };
const mss = (octets: number): number[] => [2, 4, octets >> 8, octets & 255];

function clamped(packet: Uint8Array, mtu: number): Uint8Array {
  const copy = Uint8Array.from(packet);
  clampMss(copy, 0, copy.length, mtu);
  return copy;
}

const tcp = (made: Made, flags: number, options: number[]): Uint8Array =>
  ipPacket({ ...made, payload: tcpSegment(made.source, made.destination, flags, options) });

/** An option may begin at any octet: as it comes after one no-operation, the MSS stands astride the checksum's words. */
const optionLists: [string, (value: number) => number[]][] = [
  ['alone', (value) => mss(value)],
  ['after a no-operation', (value) => [1, ...mss(value), 4, 2]],
  ['after others', (value) => [3, 3, 7, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, ...mss(value)]],
];

test.each(optionLists)('the MSS of SYNs is lowered to what fits, never raised: option %s', (_, options) => {
  for (const flags of [syn, synAck, 0xc2]) {
    for (const mtu of [576, 1280, 1400, 1460]) {
      for (const [made, headers] of [
        [v4, 40],
        [v6, 60],
      ] as const) {
        for (const value of [536, 1220, 1421, 1460, 8960, 65535]) {
          const expected = tcp(made, flags, options(Math.min(value, mtu - headers)));
          expect(clamped(tcp(made, flags, options(value)), mtu)).toEqual(expected);
        }
      }
    }
  }
});

const at = (packet: Uint8Array, place: number, value: number): Uint8Array =>
  Uint8Array.from(packet).fill(value, place, place + 1);

test('everything else stays as it is', () => {
  const untouched: [string, Uint8Array][] = [
    ['no SYN', tcp(v4, ack, mss(1460))],
    ['no MSS', tcp(v4, syn, [4, 2])],
    ['after the end of the options', tcp(v4, syn, [0, 0, 0, 0, ...mss(1460)])],
    ['an option of no length', tcp(v4, syn, [3, 0, 0, 0, ...mss(1460)])],
    ['an option of length 1', tcp(v4, syn, [3, 1, 0, 0, ...mss(1460)])],
    ['an option beyond the header', tcp(v4, syn, [3, 40, 0, 0, ...mss(1460)])],
    ['an MSS of another length', tcp(v4, syn, [2, 6, 5, 0xb4, 0, 0])],
    ['an MSS cut off by the header', at(tcp(v4, syn, mss(1460)), 20 + 12, 0x50)],
    ['an MSS cut off by the packet', at(tcp(v4, syn, mss(1460)), 3, 42)],
    ['a header cut off', tcp(v4, syn, mss(1460)).subarray(0, 39)],
    [
      'a later fragment',
      ipPacket({ ...v4, fragmentOffset: 1, payload: tcpSegment(v4.source, v4.destination, syn, mss(1460)) }),
    ],
    ['UDP', ipPacket({ ...v4, protocol: 17, payload: tcpSegment(v4.source, v4.destination, syn, mss(1460)) })],
    [
      'a later fragment of IPv6',
      ipPacket({
        ...v6,
        extensions: [[44, Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 1)]],
        payload: tcpSegment(v6.source, v6.destination, syn, mss(1460)),
      }),
    ],
  ];
  for (const [what, packet] of untouched) expect([what, clamped(packet, 1000)]).toEqual([what, packet]);
});

test('behind options and extension headers, and in first fragments, it is found', () => {
  const found: [Made, number][] = [
    [{ ...v4, options: new Uint8Array(8).fill(1) }, 960],
    [{ ...v4, moreFragments: true }, 960],
    [{ ...v6, extensions: [[0, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)]] }, 940],
    [
      {
        ...v6,
        extensions: [
          [60, new Uint8Array(16).fill(1, 1, 2)],
          [51, new Uint8Array(16).fill(2, 1, 2)],
          [44, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1)],
        ],
      },
      940,
    ],
  ];
  for (const [made, value] of found)
    expect(clamped(tcp(made, syn, mss(1460)), 1000)).toEqual(tcp(made, syn, mss(value)));
});

test('no octets do harm, and nothing but an MSS with its checksum is changed', () => {
  const start = fc.constantFrom([], [...tcp(v4, syn, mss(1460))], [...tcp(v6, syn, [1, ...mss(9000)])]);
  const change = fc.tuple(fc.nat(100), fc.nat(255));
  fc.assert(
    fc.property(
      start,
      fc.array(change, { maxLength: 4 }),
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(120),
      fc.nat(9000),
      (octets, changes, more, cut, mtu) => {
        const packet = Uint8Array.of(...octets, ...more).subarray(0, cut);
        for (const [place, value] of changes) if (place < packet.length) packet[place] = value;
        // Beyond the packet lies another's.
        const slab = Uint8Array.of(1, 2, 3, 4, ...packet, 5, 6, 7, 8);
        const before = Uint8Array.from(slab);
        clampMss(slab, 4, 4 + packet.length, mtu);
        const changed = [...slab.keys()].filter((place) => slab[place] !== before[place]);
        expect(changed.every((place) => place >= 4 && place < 4 + packet.length)).toBe(true);
        expect(changed.length).toBeLessThanOrEqual(4);
      },
    ),
    { numRuns: 3000 },
  );
});

test('tshark reads the lowered MSS and finds the checksums right', () => {
  const packets = [v4, v6].flatMap((made) =>
    optionLists.map(([, options]) => clamped(tcp(made, syn, options(1460)), 1400)),
  );
  expect(transportChecksum(v4.source, v4.destination, 6, packets[0].subarray(20))).toBe(0);
  const directory = mkdtempSync(join(tmpdir(), 'pl2tp-mss-'));
  const path = join(directory, 'syn.pcap');
  // A capture of IP packets (LINKTYPE_RAW, 101).
  const file = [Buffer.alloc(24)];
  file[0].writeUInt32LE(0xa1b2c3d4, 0);
  file[0].writeUInt16LE(2, 4);
  file[0].writeUInt16LE(4, 6);
  file[0].writeUInt32LE(65535, 16);
  file[0].writeUInt32LE(101, 20);
  for (const packet of packets) {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(packet.length, 8);
    header.writeUInt32LE(packet.length, 12);
    file.push(header, Buffer.from(packet));
  }
  writeFileSync(path, Buffer.concat(file));
  const fields = ['tcp.options.mss_val', 'tcp.checksum.status'].flatMap((field) => ['-e', field]);
  const args = ['-n', '-r', path, '-o', 'tcp.check_checksum:TRUE', '-T', 'fields', ...fields];
  const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  rmSync(directory, { recursive: true });
  expect(lines.trim().split('\n')).toEqual([...new Array(3).fill('1360\t1'), ...new Array(3).fill('1340\t1')]);
});
