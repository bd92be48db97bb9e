import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import '../netns/patience.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tshark-'));
});

afterAll(() => rm(directory, { recursive: true }));

function avp(type: number, value: string, vendor = 0): Buffer {
  const octets = Buffer.from(value, 'hex');
  const head = Buffer.alloc(6);
  head.writeUInt16BE(0x8000 | (6 + octets.length), 0);
  head.writeUInt16BE(vendor, 2);
  head.writeUInt16BE(type, 4);
  return Buffer.concat([head, octets]);
}

function control(...avps: Buffer[]): Buffer {
  const body = Buffer.concat(avps);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc802, 0);
  head.writeUInt16BE(12 + body.length, 2);
  return Buffer.concat([head, body]);
}

/** A capture file with one UDP datagram from 192.0.2.1 to 192.0.2.2, port 1701 both. */
async function captureOf(payload: Buffer): Promise<string> {
  const frame = Buffer.alloc(14 + 20 + 8);
  frame.writeUInt16BE(0x0800, 12);
  frame.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2], 14);
  frame.writeUInt16BE(28 + payload.length, 16);
  frame.writeUInt16BE(1701, 34);
  frame.writeUInt16BE(1701, 36);
  frame.writeUInt16BE(8 + payload.length, 38);
  const length = frame.length + payload.length;
  const head = Buffer.alloc(24 + 16);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(length, 32);
  head.writeUInt32LE(length, 36);
  const path = join(directory, 'one.pcap');
  await writeFile(path, Buffer.concat([head, frame, payload]));
  return path;
}

const sccrq = avp(0, '0001');

test('a good message has no complaint', async () => {
  const dissected = await dissect(await captureOf(control(sccrq, avp(2, '0100'))));
  expect(complaintsAbout(dissected, '192.0.2.1')).toEqual([]);
  expect(sentMessages(dissected, '192.0.2.1')).toEqual(['SCCRQ']);
});

test('silence is a complaint', async () => {
  const dissected = await dissect(await captureOf(control(sccrq)));
  expect(complaintsAbout(dissected, '192.0.2.2')).toEqual(['no control message from 192.0.2.2']);
});

test.each([
  { what: 'an attribute that nobody knows', payload: control(sccrq, avp(99, '0000')) },
  { what: "another vendor's attribute", payload: control(sccrq, avp(3, '0000', 1234)) },
  { what: 'a message type that nobody knows', payload: control(avp(0, '0063')) },
  { what: 'a message cut short', payload: control(sccrq, avp(2, '0100')).subarray(0, -1) },
  { what: 'an attribute cut short', payload: control(sccrq, avp(9, '00')) },
  { what: 'an attribute shorter than its header', payload: control(sccrq, Buffer.from('800200000002', 'hex')) },
  { what: 'octets after the last attribute', payload: control(sccrq, Buffer.from('8020', 'hex')) },
])('$what is a complaint', async ({ payload }) => {
  const dissected = await dissect(await captureOf(payload));
  expect(complaintsAbout(dissected, '192.0.2.1')).not.toEqual([]);
});
