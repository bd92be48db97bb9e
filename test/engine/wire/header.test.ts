import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import {
  controlStart,
  dataHeaderOctets,
  decodeDataHeader,
  decodeHeader,
  encodeControl,
  isControl,
  messageCodeAt,
  newHeader,
  patchNr,
  writeDataHeader,
} from '../../../src/engine/wire/header.ts';

const T = 0x8000;
const L = 0x4000;
const S = 0x0800;
const O = 0x0200;
const P = 0x0100;
const reserved = 0x34f0;

function u16(value: number): number[] {
  return [value >>> 8, value & 0xff];
}

/** A message with these flags as RFC 2661 3.1 draws it: tunnel 0x1234, session 0x5678, Ns 9, Nr 8, two octets of offset. */
function build(flags: number, payload: number[], length?: number): Uint8Array {
  const rest = [
    ...u16(0x1234),
    ...u16(0x5678),
    ...(flags & S ? [...u16(9), ...u16(8)] : []),
    ...(flags & O ? [...u16(2), 0xee, 0xee] : []),
    ...payload,
  ];
  const octets = 2 + (flags & L ? 2 : 0) + rest.length;
  return Uint8Array.from([...u16(flags | 2), ...(flags & L ? u16(length ?? octets) : []), ...rest]);
}

const id = fc.nat(0xffff);

function reasonOf(bytes: Uint8Array): string {
  try {
    decodeHeader(bytes, 0, bytes.length, newHeader());
  } catch (error) {
    if (error instanceof WireError) return `${error.scope} ${error.reason}`;
    throw error;
  }
  return 'taken';
}

const combinations = Array.from({ length: 32 }, (_, bits) => {
  const flags = [T, L, S, O, P].filter((_flag, i) => bits & (1 << i));
  return flags.reduce((sum, flag) => sum | flag, 0);
});

describe('every combination of flags', () => {
  for (const flags of combinations) {
    const name = [T, L, S, O, P].map((flag, i) => (flags & flag ? 'TLSOP'[i] : '-')).join('');
    const refused = flags & T && !(flags & L && flags & S && !(flags & O));
    it(`${name} is ${refused ? 'dropped' : 'taken'}`, () => {
      const bytes = build(flags, [1, 2, 3]);
      if (refused) {
        expect(reasonOf(bytes)).toBe('ignore controlFlags');
        expect(decodeDataHeader(bytes, 0, bytes.length, newHeader())).toBe('controlFlags');
        return;
      }
      const header = newHeader();
      decodeHeader(bytes, 0, bytes.length, header);
      expect(header).toEqual({
        version: 2,
        start: 0,
        control: (flags & T) !== 0,
        sequenced: (flags & S) !== 0,
        priority: (flags & P) !== 0,
        tunnelId: 0x1234,
        sessionId: 0x5678,
        ns: flags & S ? 9 : 0,
        nr: flags & S ? 8 : 0,
        payloadStart: bytes.length - 3,
        payloadEnd: bytes.length,
      });
      expect(isControl(bytes, 0, bytes.length)).toBe(header.control);
      expect(decodeDataHeader(bytes, 0, bytes.length, newHeader())).toBe(flags & T ? 'notData' : undefined);
    });

    it(`${name} cut short never reads outside`, () => {
      const bytes = build(flags, []);
      for (let end = 0; end < bytes.length; end++) {
        expect(decodeDataHeader(bytes, 0, end, newHeader())).toMatch(
          /^(truncatedHeader|headerLength|headerOffset|controlFlags)$/,
        );
      }
    });
  }
});

describe('what a header may not say', () => {
  it('reserved bits are ignored', () => {
    expect(reasonOf(build(T | L | S | reserved, []))).toBe('taken');
  });
  it('other versions are dropped, L2F among them', () => {
    for (let version = 0; version < 16; version++) {
      const bytes = build(T | L | S, []);
      bytes[1] = version;
      expect(reasonOf(bytes)).toBe(version === 2 || version === 3 ? 'taken' : 'ignore version');
    }
  });
  it('a Length beyond the datagram or inside the header is dropped', () => {
    expect(reasonOf(build(T | L | S, [1, 2], 15))).toBe('ignore headerLength');
    expect(reasonOf(build(T | L | S, [1, 2], 11))).toBe('ignore headerLength');
    expect(reasonOf(build(L, [1, 2], 0))).toBe('ignore headerLength');
  });
  it('octets behind Length do not belong to the message', () => {
    const header = newHeader();
    decodeHeader(build(T | L | S, [1, 2, 3], 13), 0, 15, header);
    expect([header.payloadStart, header.payloadEnd]).toEqual([12, 13]);
  });
  it('an Offset Size beyond the message is dropped', () => {
    const bytes = Uint8Array.from([...u16(O | 2), 0, 1, 0, 2, 0xff, 0xff, 1, 2]);
    expect(reasonOf(bytes)).toBe('ignore headerOffset');
  });
  it('the octets before and behind the datagram play no part', () => {
    const bytes = build(L | S, [7]);
    const buffer = new Uint8Array(bytes.length + 20).fill(0xff);
    buffer.set(bytes, 9);
    const header = newHeader();
    decodeHeader(buffer, 9, 9 + bytes.length, header);
    expect(header).toMatchObject({ tunnelId: 0x1234, ns: 9, payloadEnd: 9 + bytes.length });
    expect(buffer[header.payloadStart]).toBe(7);
  });
});

describe('any octets', () => {
  it('are refused with a reason, or give a payload inside the datagram', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, likely) => {
        const version = bytes[1] & 0xf;
        if (bytes.length > 1 && (likely || version === 3)) bytes[1] = (bytes[1] & 0xf0) | 2;
        const header = newHeader();
        const defect = decodeDataHeader(bytes, 0, bytes.length, header);
        if (defect === undefined) {
          expect(header.payloadStart).toBeGreaterThanOrEqual(6);
          expect(header.payloadStart).toBeLessThanOrEqual(header.payloadEnd);
          expect(header.payloadEnd).toBeLessThanOrEqual(bytes.length);
        } else if (defect !== 'notData') {
          expect(reasonOf(bytes)).toBe(`ignore ${defect}`);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** As RFC 3931 3.2.1 draws it: connection 0x12345678, Ns 9, Nr 8. */
function buildV3(flags: number, payload: number[], length = 12 + payload.length): Uint8Array {
  return Uint8Array.from([...u16(flags | 3), ...u16(length), ...u16(0x1234), ...u16(0x5678), 0, 9, 0, 8, ...payload]);
}

describe('the control header of L2TPv3 (RFC 3931 3.2.1)', () => {
  it('has one id of 32 bits, and reserved bits that are ignored', () => {
    for (const flags of [T | L | S, T | L | S | O | P | reserved]) {
      const header = newHeader();
      const around = Uint8Array.from([0xff, 0xff, ...buildV3(flags, [1, 2]), 0xff]);
      decodeHeader(around, 2, around.length, header);
      expect(header).toEqual({
        version: 3,
        start: 2,
        control: true,
        sequenced: true,
        priority: false,
        tunnelId: 0x12345678,
        sessionId: 0,
        ns: 9,
        nr: 8,
        payloadStart: 14,
        payloadEnd: 16,
      });
    }
  });
  it.each([
    ['data is not control', buildV3(L | S, []), 'notControl'],
    ['L must be set', buildV3(T | S, []), 'controlFlags'],
    ['S must be set', buildV3(T | L, []), 'controlFlags'],
    ['Length must hold the header', buildV3(T | L | S, [], 11), 'headerLength'],
    ['Length must not reach further than the datagram', buildV3(T | L | S, [1], 14), 'headerLength'],
  ])('%s', (_rule, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(`ignore ${reason}`);
  });
  it('is never read beyond the datagram', () => {
    const bytes = buildV3(T | L | S, []);
    for (let end = 2; end < bytes.length; end++)
      expect(reasonOf(bytes.subarray(0, end))).toBe('ignore truncatedHeader');
  });
  it('is no data message of L2TPv2', () => {
    const bytes = buildV3(T | L | S, []);
    expect(decodeDataHeader(bytes, 0, bytes.length, newHeader())).toBe('version');
  });
  it('is written as it is read', () => {
    const u32 = fc.nat(0xffffffff);
    fc.assert(
      fc.property(u32, u32, id, id, id, fc.uint8Array(), (first, tunnelId, ns, nr, newNr, body) => {
        const datagram = dialects[3].encodeControl(first, 7, ns, nr, body);
        dialects[3].patchNr(datagram, newNr);
        dialects[3].patchTunnelId(datagram, tunnelId);
        const header = newHeader();
        decodeHeader(datagram, 0, datagram.length, header);
        expect(header).toMatchObject({ version: 3, tunnelId, sessionId: 0, ns, nr: newNr });
        expect(datagram.subarray(header.payloadStart, header.payloadEnd)).toEqual(body);
      }),
    );
  });
});

describe('where a control message begins', () => {
  const message = buildV3(T | L | S, []);
  it('over UDP: at once, by the T bit', () => {
    expect(controlStart('udp', Uint8Array.from([0, ...message]), 1, 13)).toBe(1);
    expect(controlStart('udp', buildV3(L | S, []), 0, 12)).toBe(-1);
    expect(controlStart('udp', message, 0, 0)).toBe(-1);
  });
  it('over IP: behind the session id 0 (RFC 3931 4.1.1.2)', () => {
    const datagram = Uint8Array.from([0xff, 0, 0, 0, 0, ...message]);
    expect(controlStart('ip', datagram, 1, datagram.length)).toBe(5);
    for (const at of [1, 2, 3, 4]) {
      const data = Uint8Array.from(datagram);
      data[at] = 1;
      expect(controlStart('ip', data, 1, data.length)).toBe(-1);
    }
    expect(controlStart('ip', datagram, 1, 4)).toBe(-1);
  });
});

describe('the type of a message, before it is decoded', () => {
  it('is told, or that there is none', () => {
    const type = [0x80, 8, 0, 0, 0, 0, 0, 20];
    const bytes = buildV3(T | L | S, type);
    expect(messageCodeAt(bytes, 0, bytes.length)).toBe(20);
    for (const [at, to] of [
      [0, 0xc0],
      [1, 9],
      [3, 9],
      [5, 1],
    ]) {
      const other = Uint8Array.from(bytes);
      other[12 + at] = to;
      expect(messageCodeAt(other, 0, other.length)).toBeUndefined();
    }
    for (let end = 0; end < bytes.length; end++) expect(messageCodeAt(bytes, 0, end)).toBeUndefined();
  });
});

describe('writing', () => {
  it('control: what is written is read', () => {
    fc.assert(
      fc.property(id, id, id, id, id, fc.uint8Array(), (tunnelId, sessionId, ns, nr, newNr, body) => {
        const datagram = encodeControl(tunnelId, sessionId, ns, nr, body);
        patchNr(datagram, newNr);
        const header = newHeader();
        decodeHeader(datagram, 0, datagram.length, header);
        expect(header).toMatchObject({ control: true, priority: false, tunnelId, sessionId, ns, nr: newNr });
        expect(datagram.subarray(header.payloadStart, header.payloadEnd)).toEqual(body);
      }),
    );
  });

  it('data: what is written is read, at any place of a buffer', () => {
    const maybeNs = fc.option(id, { nil: undefined });
    fc.assert(
      fc.property(id, id, maybeNs, fc.boolean(), fc.nat(50), (tunnelId, sessionId, ns, withLength, at) => {
        const payload = Uint8Array.of(0xff, 0x03, 0xc0, 0x21);
        const octets = dataHeaderOctets(withLength, ns !== undefined);
        const buffer = new Uint8Array(at + octets + payload.length).fill(0xaa);
        const length = withLength ? payload.length : undefined;
        expect(writeDataHeader(buffer, at, tunnelId, sessionId, length, ns)).toBe(octets);
        buffer.set(payload, at + octets);
        const header = newHeader();
        expect(decodeDataHeader(buffer, at, buffer.length, header)).toBeUndefined();
        expect(header).toMatchObject({ tunnelId, sessionId, sequenced: ns !== undefined, ns: ns ?? 0, nr: 0 });
        expect(buffer.subarray(header.payloadStart, header.payloadEnd)).toEqual(payload);
        expect(buffer.subarray(0, at).every((octet) => octet === 0xaa)).toBe(true);
      }),
    );
  });

  it('data: the plain header is that of RFC 2661 3.1', () => {
    const buffer = new Uint8Array(12);
    writeDataHeader(buffer, 0, 1, 2, undefined, undefined);
    expect(Buffer.from(buffer.subarray(0, 6)).toString('hex')).toBe('000200010002');
    writeDataHeader(buffer, 0, 1, 2, 4, 3);
    expect(Buffer.from(buffer).toString('hex')).toBe('480200100001000200030000');
  });
});
