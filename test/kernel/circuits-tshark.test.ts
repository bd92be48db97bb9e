/** What stands on the wire between the ends of a pseudowire, as tshark reads it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sublayer } from '../../src/engine/ports.ts';
import type { CircuitSpec, Pseudowire } from '../../src/engine/spec.ts';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import '../netns/patience.ts';
import { pcapOf } from '../pcap.ts';
import { CircuitLab, cell, localId, remoteId } from './circuit-lab.ts';
import { message } from './circuit-program.ts';

let lab: CircuitLab;

beforeEach(async () => {
  lab = await CircuitLab.open();
});

afterEach(() => lab.close());

function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

function avp(type: number, value: readonly number[]): number[] {
  return [...u16(0x8000 | (6 + value.length)), 0, 0, ...u16(type), ...value];
}

/** A control message over UDP (RFC 3931 3.2.1) with its message type in front. */
function control(connectionId: number, type: number, ...avps: number[][]): Uint8Array {
  const body = [avp(0, u16(type)), ...avps].flat();
  return Uint8Array.of(0xc8, 3, ...u16(12 + body.length), ...u32(connectionId), 0, 0, 0, 0, ...body);
}

const assignedControlConnectionId = 61;
const localSessionId = 63;
const remoteSessionId = 64;
const pseudowireTypeAvp = 68;
const sublayerAvp = 69;
const sublayers: Record<Sublayer, number> = { none: 0, default: 1, atm: 2 };

/** What tshark learns the session from. */
function call(pseudowire: Pseudowire, sublayer: Sublayer): Uint8Array[] {
  const l2 = avp(sublayerAvp, u16(sublayers[sublayer]));
  const local = avp(localSessionId, u32(localId));
  return [
    control(0, 1, avp(assignedControlConnectionId, u32(0x11111))),
    control(0x11111, 2, avp(assignedControlConnectionId, u32(0x22222))),
    control(0x22222, 10, local, avp(pseudowireTypeAvp, u16(pseudowireTypes[pseudowire])), l2),
    control(0x11111, 11, avp(localSessionId, u32(remoteId)), avp(remoteSessionId, u32(localId)), l2),
  ];
}

/** Fields of our data messages, one row a message. */
function dissect(pseudowire: Pseudowire, sublayer: Sublayer, fields: readonly string[]): string[][] {
  const path = join(lab.directory, 'capture');
  const setUp = call(pseudowire, sublayer);
  writeFileSync(path, pcapOf([...setUp, ...lab.received.map((octets) => Uint8Array.from(octets))]));
  const args = ['-n', '-r', path, '-Y', `frame.number > ${setUp.length}`, '-T', 'fields', '-E', 'occurrence=l'];
  const words = [...args, ...['l2tp.sid', ...fields].flatMap((field) => ['-e', field])];
  const text = execFileSync('tshark', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const rows = text.split('\n').filter((line) => line !== '');
  return rows.map((line) => {
    const [sessionId, ...rest] = line.split('\t');
    expect(Number(sessionId)).toBe(remoteId);
    return rest;
  });
}

/** Has a program send frames, each with its flags. */
async function send(
  pseudowire: Pseudowire,
  sublayer: Sublayer,
  circuit: Partial<CircuitSpec>,
  ...frames: [number, readonly number[]][]
): Promise<void> {
  const { program } = await lab.attached(pseudowire, circuit, sublayer);
  for (const [flags, frame] of frames) program.send(message.data, flags, frame);
  await lab.sent(frames.length);
}

const ip = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];

test.each(['none', 'default'] as const)('HDLC, with the sublayer %s', async (sublayer) => {
  await send('hdlc', sublayer, {}, [0, [0x0f, 0x00, 0x08, 0x00, ...ip]]);
  const fields = ['chdlc.address', 'chdlc.protocol', 'ip.src', 'l2tp.l2_spec_s'];
  const [[address, protocol, source, numbered]] = dissect('hdlc', sublayer, fields);
  expect([Number(address), Number(protocol), source]).toEqual([0x0f, 0x0800, '192.0.2.1']);
  expect(numbered).toBe(sublayer === 'none' ? '' : '0');
});

describe('Frame Relay', () => {
  const fields = ['fr.dlci', 'fr.cr', 'fr.fecn', 'fr.becn', 'fr.de', 'ip.dst'];

  test('with a header of two octets', async () => {
    await send(
      'frameRelay',
      'none',
      { dlci: 100 },
      [0, [0x1a, 0x49, 0x03, 0xcc, ...ip]],
      [0, [0x18, 0x47, 0x03, 0xcc, ...ip]],
    );
    expect(dissect('frameRelay', 'none', fields)).toEqual([
      ['100', '1', '1', '0', '0', '192.0.2.2'],
      ['100', '0', '0', '1', '1', '192.0.2.2'],
    ]);
  });

  test('with a header of four octets', async () => {
    const dlci = (32 << 17) | (1 << 13) | (2 << 6) | 3;
    await send('frameRelay', 'default', { dlci }, [0, [0x80, 0x1c, 0x04, 0x0d, 0x03, 0xcc, ...ip]]);
    expect(dissect('frameRelay', 'default', fields)).toEqual([[String(dlci), '0', '1', '1', '0', '192.0.2.2']]);
  });
});

describe('ATM', () => {
  const flags = ['l2tp.l2_spec_t', 'l2tp.l2_spec_g', 'l2tp.l2_spec_c', 'l2tp.l2_spec_u'];

  test('AAL5, with its flags', async () => {
    const llc = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...ip];
    await send('atmAal5', 'atm', {}, [0, llc], [4, llc], [2, llc], [1, llc]);
    expect(dissect('atmAal5', 'atm', [...flags, 'llc.type', 'ip.dst'])).toEqual(
      ['0000', '0100', '0010', '0001'].map((bits) => [...bits, '0x0800', '192.0.2.2']),
    );
  });

  test('an OAM cell among AAL5', async () => {
    await send('atmAal5', 'atm', { vpi: 1, vci: 32 }, [8, cell([0x00, 0x10, 0x02, 0x0b])]);
    const [row] = dissect('atmAal5', 'atm', [
      ...flags,
      'atm.vpi',
      'atm.vci',
      'atm.payload_type',
      'atm.cell_loss_priority',
    ]);
    expect(row).toEqual(['1', '0', '1', '0', '1', '32', '5', '1']);
  });

  test.each([
    ['atmCellVcc', 'none'],
    ['atmCellVpc', 'default'],
    ['atmCellPort', 'atm'],
  ] as const)('%s, whose cells are whole and together', async (pseudowire, sublayer) => {
    const cells = [...cell([0x00, 0x10, 0x02, 0x00], 1), ...cell([0x00, 0x10, 0x02, 0x02], 2)];
    await send(pseudowire, sublayer, { maxCells: 2 }, [0, cells]);
    const [[oneCell, data]] = dissect(pseudowire, sublayer, ['l2tp.l2_spec_t', 'data']);
    expect(oneCell).toBe(sublayer === 'atm' ? '0' : '');
    expect(data).toBe(Buffer.from(cells).toString('hex'));
  });
});
