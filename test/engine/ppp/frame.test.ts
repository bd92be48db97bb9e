import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FrameWriter,
  informationAt,
  optionsAreWhole,
  Protocol,
  packetEnd,
  protocolOf,
} from '../../../src/engine/ppp/frame.ts';

function read(...octets: number[]): [protocol: number, information: number] {
  const bytes = Uint8Array.of(0xaa, ...octets, 0xaa);
  const protocol = protocolOf(bytes, 1, bytes.length - 1);
  return [protocol, protocol < 0 ? -1 : informationAt(bytes, 1, bytes.length - 1) - 1];
}

describe('a received frame', () => {
  it('may leave out address and control, and shorten its protocol field', () => {
    expect(read(0xff, 0x03, 0xc0, 0x21, 1)).toEqual([Protocol.lcp, 4]);
    expect(read(0xc0, 0x21, 1)).toEqual([Protocol.lcp, 2]);
    expect(read(0x21, 0x45)).toEqual([Protocol.ip, 1]);
    expect(read(0xff, 0x03, 0x21, 0x45)).toEqual([Protocol.ip, 3]);
    expect(read(0x00, 0x21, 0x45)).toEqual([Protocol.ip, 2]);
  });

  it('has no protocol when it is too short', () => {
    for (const octets of [[], [0xc0], [0xff, 0x03], [0xff, 0x03, 0x80]]) expect(read(...octets)).toEqual([-1, -1]);
  });
});

describe('a control packet', () => {
  it('ends where its length says, and later octets are padding', () => {
    const bytes = Uint8Array.of(1, 2, 0, 6, 9, 9, 0, 0);
    expect(packetEnd(bytes, 0, 8)).toBe(6);
    expect(packetEnd(bytes, 0, 5)).toBe(-1);
    expect(packetEnd(Uint8Array.of(1, 2, 0, 3), 0, 4)).toBe(-1);
    expect(packetEnd(Uint8Array.of(1, 2, 0), 0, 3)).toBe(-1);
  });

  it('has whole options or none', () => {
    expect(optionsAreWhole(Uint8Array.of(), 0, 0)).toBe(true);
    expect(optionsAreWhole(Uint8Array.of(1, 4, 5, 220, 7, 2), 0, 6)).toBe(true);
    expect(optionsAreWhole(Uint8Array.of(1, 4, 5), 0, 3)).toBe(false);
    expect(optionsAreWhole(Uint8Array.of(1, 1), 0, 2)).toBe(false);
    expect(optionsAreWhole(Uint8Array.of(7, 2, 1), 0, 3)).toBe(false);
  });

  it('is written with its length, and read back', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 2000 }), (code, identifier, data) => {
        const writer = new FrameWriter();
        writer.packet(Protocol.ipcp, 1, 2).u32(0xffffffff).finish();
        const frame = writer.packet(Protocol.lcp, code, identifier).octets(data).finish();
        expect(protocolOf(frame, 0, frame.length)).toBe(Protocol.lcp);
        const at = informationAt(frame, 0, frame.length);
        expect([frame[at], frame[at + 1]]).toEqual([code, identifier]);
        expect(packetEnd(frame, at, frame.length)).toBe(frame.length);
        expect(frame.slice(at + 4)).toEqual(data);
        expect(writer.dataEquals(frame, at + 4, frame.length)).toBe(true);
      }),
    );
  });

  it('knows its options again', () => {
    const writer = new FrameWriter().packet(Protocol.lcp, 1, 1).u8(1).u8(4).u16(1400).u8(7).u8(2);
    expect(writer.hasOption(Uint8Array.of(7, 2), 0)).toBe(true);
    expect(writer.hasOption(Uint8Array.of(1, 4, 1400 >> 8, 1400 & 255), 0)).toBe(true);
    expect(writer.hasOption(Uint8Array.of(1, 4, 0, 0), 0)).toBe(false);
    expect(writer.hasOption(Uint8Array.of(8, 2), 0)).toBe(false);
    expect(writer.dataEquals(Uint8Array.of(7, 2), 0, 2)).toBe(false);
  });
});
