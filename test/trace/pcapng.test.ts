import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TracedPacket } from '../../src/engine/trace.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { ipPacket } from '../../src/trace/packet.ts';
import { capturedPacket, captureHeader, captureStatistics } from '../../src/trace/pcapng.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pcapng-'));
});
afterAll(() => rm(directory, { recursive: true }));

const body = dialects[2].encodeMessage({ type: 'HELLO', avps: {} }, 0);
const hello = dialects[2].encodeControl(7, 0, 3, 4, body);

function packet(of: Partial<TracedPacket> = {}): TracedPacket {
  return {
    direction: 'sent',
    local: { address: '192.0.2.1', port: 1701 },
    remote: { address: '192.0.2.2', port: 40_000 },
    bytes: hello,
    start: 0,
    end: hello.length,
    describe: () => 'HELLO',
    ...of,
  };
}

async function tshark(...args: string[]): Promise<string[][]> {
  const { stdout } = await execa('tshark', ['-n', ...args], { stdin: 'ignore' });
  return stdout.split('\n').map((line) => line.split('\t'));
}

it('is read by tshark: packets with right sums, times, directions and comments', async () => {
  const file = join(directory, 'two.pcapng');
  const v6 = packet({
    direction: 'received',
    local: { address: '2001:db8::1', port: 1701 },
    remote: { address: '2001:db8::2', port: 1702 },
  });
  const comment = 'HELLO\nHost Name: größe';
  await writeFile(
    file,
    Buffer.concat([
      captureHeader('prol2tpd'),
      capturedPacket(ipPacket(packet()), 'sent', 1_700_000_000_123.456, comment),
      capturedPacket(ipPacket(v6), 'received', 1_700_000_001_000, 'x'),
      captureStatistics(1_700_000_002_000, 5, 3),
    ]),
  );
  const checks = ['-o', 'udp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE', '-r', file, '-T', 'fields'];
  const fields = [
    'frame.time_epoch',
    'ip.src',
    'ip.dst',
    'ipv6.src',
    'ipv6.dst',
    'udp.srcport',
    'udp.dstport',
    'udp.checksum.status',
    'ip.checksum.status',
    'l2tp.tunnel',
    'l2tp.Ns',
    'l2tp.Nr',
    'l2tp.avp.message_type',
    'frame.packet_flags_direction',
  ];
  const rows = await tshark(...checks, ...fields.flatMap((field) => ['-e', field]));
  expect(rows).toEqual([
    [
      '1700000000.123456000',
      '192.0.2.1',
      '192.0.2.2',
      '',
      '',
      '1701',
      '40000',
      '1',
      '1',
      '7',
      '3',
      '4',
      '6',
      '0x00000002',
    ],
    [
      '1700000001.000000000',
      '',
      '',
      '2001:db8::2',
      '2001:db8::1',
      '1702',
      '1701',
      '1',
      '',
      '7',
      '3',
      '4',
      '6',
      '0x00000001',
    ],
  ]);
  const { stdout } = await execa('tshark', ['-n', '-r', file, '-T', 'fields', '-e', 'frame.comment'], {
    stdin: 'ignore',
  });
  expect(stdout).toContain('HELLO');
  expect(stdout).toContain('Host Name: größe');
});

it.each([
  ['192.0.2.1', '192.0.2.2', '1'],
  ['2001:db8::1', '2001:db8::2', ''],
])('is read by tshark without UDP, from %s', async (near, far, sum) => {
  const file = join(directory, 'direct.pcapng');
  const connection = 0x1234_5678;
  const { encodeControl, encodeMessage } = dialects[3];
  const message = encodeControl(connection, 0, 3, 4, encodeMessage({ type: 'HELLO', avps: {} }, 0));
  const bytes = Uint8Array.of(9, 9, 9, 9, ...message);
  const local = { address: near, port: 0 };
  const direct = packet({ local, remote: { address: far, port: 0 }, bytes, start: 4, end: bytes.length });
  await writeFile(
    file,
    Buffer.concat([captureHeader('prol2tpd'), capturedPacket(ipPacket(direct), 'sent', 1_000, 'HELLO')]),
  );
  const fields = ['frame.protocols', 'ip.checksum.status', 'l2tp.sid', 'l2tp.ccid', 'l2tp.Ns', 'l2tp.Nr'];
  const asked = [...fields, 'l2tp.avp.message_type', '_ws.malformed'].flatMap((field) => ['-e', field]);
  const checks = ['-o', 'ip.check_checksum:TRUE', '-E', 'occurrence=f', '-r', file, '-T', 'fields'];
  const version = near.includes(':') ? 'ipv6' : 'ip';
  expect(await tshark(...checks, ...asked)).toEqual([
    [`raw:${version}:l2tp`, sum, '0x00000000', '0x12345678', '3', '4', '6', ''],
  ]);
});

it('cuts what is too long for a comment between two characters', async () => {
  const file = join(directory, 'long.pcapng');
  const long = capturedPacket(ipPacket(packet()), 'sent', 0, 'ü'.repeat(40_000));
  await writeFile(file, Buffer.concat([captureHeader('prol2tpd'), long]));
  const [[comment]] = await tshark('-r', file, '-T', 'fields', '-e', 'frame.comment');
  expect(comment).toBe('ü'.repeat(32_767));
});
