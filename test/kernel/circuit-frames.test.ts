/** Headers of Frame Relay and ATM, beside figures of RFC 4591 4.1 and RFC 4454 5.2. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flagsOfCell, isIdleCell, isPathOam, readVci, readVpi, writeVci, writeVpi } from '../../src/kernel/atm-cell.ts';
import { makeOurs, refuseCell, refuseFrame } from '../../src/kernel/circuit-frames.ts';
import {
  circuitStatusOf,
  plainStatus,
  readAttachBody,
  readMessageType,
  readMessageValue,
  writeMessageHeader,
} from '../../src/kernel/circuit-protocol.ts';
import { frameRelayHeaderOctets, readDlci, writeDlci } from '../../src/kernel/frame-relay.ts';

const circuit = { socket: '/run/circuit', maxCells: 1 };

describe('Frame Relay', () => {
  test.each([
    // hi dlci 4, C/R; lo dlci 5, FECN, BECN, DE, end.
    ['two octets', [0b000100_1_0, 0b0101_1_1_1_1], 2, 0x45],
    // 6, 4, 7 and 6 bits of DLCI; D/C is 0.
    [
      'four octets',
      [0b100000_0_0, 0b0001_0_0_0_0, 0b0000010_0, 0b000011_0_1],
      4,
      (32 << 17) | (1 << 13) | (2 << 6) | 3,
    ],
  ] as const)('a header of %s', (_, octets, length, dlci) => {
    const bytes = Uint8Array.of(0xee, ...octets, 0xaa);
    expect(frameRelayHeaderOctets(bytes, 1, bytes.length)).toBe(length);
    expect(readDlci(bytes, 1, length)).toBe(dlci);
  });

  test.each([
    ['cut off', [0x18]],
    ['of one octet', [0x19, 0x41]],
    ['of three octets', [0x18, 0x40, 0x01, 0x00]],
    ['of four, cut off', [0x18, 0x40, 0x02]],
    ['without an end', [0x18, 0x40, 0x02, 0x00]],
    ['of four with no DLCI in its last octet (D/C)', [0x18, 0x40, 0x02, 0x03]],
  ])('no header: %s', (_, octets) => {
    const bytes = Uint8Array.from(octets);
    expect(frameRelayHeaderOctets(bytes, 0, bytes.length)).toBe(0);
    expect(refuseFrame('frameRelay', circuit, bytes, 0, bytes.length, 0)).toBe('malformedFrameRelay');
    expect(makeOurs('frameRelay', circuit, bytes, 0, bytes.length, 0)).toBe('malformedFrameRelay');
  });

  test('a DLCI is written without touching C/R, FECN, BECN and DE, and read again', () => {
    const short = fc.record({ length: fc.constant(2 as const), dlci: fc.nat(0x3ff) });
    const long = fc.record({ length: fc.constant(4 as const), dlci: fc.nat(0x7fffff) });
    fc.assert(
      fc.property(fc.oneof(short, long), fc.uint8Array({ minLength: 4, maxLength: 4 }), ({ length, dlci }, bytes) => {
        bytes[0] &= 0xfe;
        if (length === 2) bytes[1] |= 1;
        else {
          bytes[1] &= 0xfe;
          bytes[2] &= 0xfe;
          bytes[3] = (bytes[3] & 0xfc) | 1;
        }
        const before = [bytes[0] & 3, bytes[1] & 15, bytes[2] & 1, bytes[3] & 3];
        expect(writeDlci(bytes, 0, length, dlci)).toBe(true);
        expect(readDlci(bytes, 0, length)).toBe(dlci);
        expect([bytes[0] & 3, bytes[1] & 15, bytes[2] & 1, bytes[3] & 3]).toEqual(before);
        expect(frameRelayHeaderOctets(bytes, 0, 4)).toBe(length);
      }),
    );
  });

  test('a DLCI that two octets cannot hold does not go into them', () => {
    const bytes = Uint8Array.of(0x18, 0x41);
    expect(writeDlci(bytes, 0, 2, 1024)).toBe(false);
    expect([...bytes]).toEqual([0x18, 0x41]);
    expect(makeOurs('frameRelay', { ...circuit, dlci: 1024 }, bytes, 0, 2, 0)).toBe('shortFrameRelay');
  });

  test('frames of another DLCI than ours do not go to the peer; without one of ours, all do', () => {
    const frame = Uint8Array.of(0x18, 0x41, 1);
    expect(readDlci(frame, 0, 2)).toBe(100);
    expect(refuseFrame('frameRelay', { ...circuit, dlci: 100 }, frame, 0, 3, 0)).toBeUndefined();
    expect(refuseFrame('frameRelay', { ...circuit, dlci: 101 }, frame, 0, 3, 0)).toBe('otherDlci');
    expect(refuseFrame('frameRelay', circuit, frame, 0, 3, 0)).toBeUndefined();
  });
});

test('HDLC has an address and a control field', () => {
  expect(refuseFrame('hdlc', circuit, Uint8Array.of(1, 3), 0, 2, 0)).toBeUndefined();
  expect(refuseFrame('hdlc', circuit, Uint8Array.of(1), 0, 1, 0)).toBe('truncatedHdlc');
  expect(makeOurs('hdlc', circuit, Uint8Array.of(1), 0, 1, 0)).toBe('truncatedHdlc');
});

describe('ATM', () => {
  // VPI 0xabc, VCI 0x1234, PTI 2 (congestion), CLP.
  const header = [0xab, 0xc1, 0x23, 0x45];
  const cell = (...octets: number[]): Uint8Array => Uint8Array.of(...octets, ...new Uint8Array(48).fill(0x5a));

  test('a header', () => {
    const bytes = Uint8Array.from(header);
    expect([readVpi(bytes, 0), readVci(bytes, 0)]).toEqual([0xabc, 0x1234]);
  });

  test('VPI and VCI are written without touching the rest, and read again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(0xfff), fc.nat(0xffff), (bytes, vpi, vci) => {
        const low = bytes[3] & 0x0f;
        const before = readVci(bytes, 0);
        writeVpi(bytes, 0, vpi);
        expect([readVpi(bytes, 0), readVci(bytes, 0)]).toEqual([vpi, before]);
        writeVci(bytes, 0, vci);
        expect([readVpi(bytes, 0), readVci(bytes, 0), bytes[3] & 0x0f]).toEqual([vpi, vci, low]);
      }),
    );
  });

  test('idle and unassigned cells, and the OAM of paths, are known', () => {
    expect(isIdleCell(Uint8Array.of(0, 0, 0, 1), 0)).toBe(true);
    expect(isIdleCell(Uint8Array.of(0xf0, 0, 0, 0x0e), 0)).toBe(true);
    expect(isIdleCell(Uint8Array.of(0, 0, 0, 0x51), 0)).toBe(false);
    expect(isIdleCell(Uint8Array.of(0, 0x10, 0, 1), 0)).toBe(false);
    expect([2, 3, 4, 5].map(isPathOam)).toEqual([false, true, true, false]);
  });

  test.each([
    ['a user cell without congestion', 0b0000, 0x08],
    ['a user cell that met congestion', 0b0100, 0x0c],
    ['a user cell of low priority', 0b0001, 0x0a],
    ['an OAM cell, end to end', 0b1010, 0x08],
    ['a cell of resource management, of low priority', 0b1101, 0x0a],
  ])('the sublayer says of %s', (_, low, flags) => {
    expect(flagsOfCell(Uint8Array.of(0, 0, 0, low), 0)).toBe(flags);
  });

  test.each([
    ['atmCellVcc', { vpi: 0xabc, vci: 0x1234 }, undefined],
    ['atmCellVcc', {}, undefined],
    ['atmCellVcc', { vpi: 1 }, 'otherVpi'],
    ['atmCellVcc', { vci: 1 }, 'otherVci'],
    ['atmCellVpc', { vpi: 0xabc, vci: 1 }, undefined],
    ['atmCellVpc', { vpi: 1 }, 'otherVpi'],
    ['atmCellPort', { vpi: 1, vci: 1 }, undefined],
    ['atmAal5', { vci: 1 }, 'otherVci'],
  ] as const)('%s of %o: a cell of VPI 0xabc and VCI 0x1234', (pseudowire, channel, reason) => {
    expect(refuseCell(pseudowire, { ...circuit, ...channel }, Uint8Array.from(header), 0)).toBe(reason);
  });

  test('the OAM of a path goes with the path, not with its channels', () => {
    const oam = Uint8Array.of(0x00, 0x10, 0x00, 0x40);
    expect(refuseCell('atmCellVcc', circuit, oam, 0)).toBe('pathOam');
    expect(refuseCell('atmAal5', circuit, oam, 0)).toBe('pathOam');
    expect(refuseCell('atmCellVpc', circuit, oam, 0)).toBeUndefined();
    expect(refuseCell('atmCellPort', circuit, oam, 0)).toBeUndefined();
  });

  const ours = { ...circuit, vpi: 1, vci: 32 };

  test.each([
    ['atmCellVcc', [0x00, 0x10, 0x02, 0x05]],
    ['atmCellVpc', [0x00, 0x11, 0x23, 0x45]],
    ['atmCellPort', header],
  ] as const)('cells that came over %s get what is ours', (pseudowire, expected) => {
    const bytes = Uint8Array.of(...cell(...header), ...cell(...header));
    expect(makeOurs(pseudowire, ours, bytes, 0, bytes.length, 0)).toBeUndefined();
    expect(bytes).toEqual(Uint8Array.of(...cell(...expected), ...cell(...expected)));
  });

  test('nothing but whole cells is taken', () => {
    for (const octets of [0, 1, 51, 53, 103]) {
      expect(makeOurs('atmCellVcc', ours, new Uint8Array(octets), 0, octets, 0)).toBe('noWholeCells');
    }
  });

  test('AAL5: a frame stays as it is, a cell gets what is ours', () => {
    const bytes = cell(...header);
    expect(makeOurs('atmAal5', ours, bytes, 0, 52, 0x06)).toBeUndefined();
    expect(bytes).toEqual(cell(...header));
    expect(makeOurs('atmAal5', ours, bytes, 0, 52, 0x08)).toBeUndefined();
    expect(bytes).toEqual(cell(0x00, 0x10, 0x02, 0x05));
    expect(makeOurs('atmAal5', ours, bytes, 0, 51, 0x08)).toBe('noWholeCells');
    expect(makeOurs('atmAal5', ours, bytes, 0, 0, 0)).toBe('emptyAal5');
    expect(refuseFrame('atmAal5', ours, bytes, 0, 104, 0x08)).toBe('noWholeCells');
    expect(refuseFrame('atmAal5', ours, bytes, 0, 0, 0)).toBe('emptyAal5');
    expect(refuseFrame('atmAal5', ours, bytes, 0, 1, 0x07)).toBeUndefined();
  });
});

describe('messages', () => {
  test('the header is written and read again', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffff), (type, value) => {
        const bytes = new Uint8Array(6);
        writeMessageHeader(bytes, 1, type, value);
        expect([...bytes]).toEqual([0, 1, type, value >> 8, value & 0xff, 0]);
        expect(readMessageType(bytes, 1, 6)).toBe(type);
        expect(readMessageValue(bytes, 1)).toBe(value);
      }),
    );
  });

  test('short messages and other versions are told apart', () => {
    expect(readMessageType(Uint8Array.of(1, 7, 0), 0, 3)).toBe('malformed');
    expect(readMessageType(Uint8Array.of(2, 7, 0, 0), 0, 4)).toBe('otherVersion');
    expect(readAttachBody(Uint8Array.of(1, 1, 0, 1, 0), 0, 5)).toBeUndefined();
    expect(readAttachBody(Uint8Array.of(1, 1, 0, 1, 0, 6, 9), 0, 7)).toBe(6);
  });

  test.each([
    [0x0001, { active: true }],
    [0x0003, { active: true }],
    [0x0000, { active: false }],
    [0x0005, { active: false, circuitRxFault: true }],
    [0x0009, { active: false, circuitTxFault: true }],
    [0x0031, { active: false, pseudowireRxFault: true, pseudowireTxFault: true }],
    [0xff41, { active: true, standby: true }],
  ])('the status %s', (value, status) => {
    expect(circuitStatusOf(plainStatus(value))).toEqual({ isNew: false, ...status });
  });
});
