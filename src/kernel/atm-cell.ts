/**
 * An ATM cell without its HEC, as it stands in a pseudowire (RFC 4454 5.2): the header and 48 octets of payload.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |        VPI            |           VCI                 |PTI  |C|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { readU16, readU32 } from '../engine/wire/bytes.ts';

export const cellOctets = 52;

/** Bits of the ATM-Specific Sublayer's first octet (RFC 4454 4.1): those that say something of the payload. */
export const atmFlag = {
  /** The payload is one cell, not an AAL5 frame. */
  cell: 0x08,
  /** EFCI. */
  congestion: 0x04,
  /** CLP. */
  lossPriority: 0x02,
  /** FRF.8.1's C/R, from the lowest bit of CPCS-UU. */
  commandResponse: 0x01,
} as const;
export const atmFlags = 0x0f;

const clpBit = 0x01;
const efciBit = 0x04;
/** Set where the PTI is one of OAM, resource management or none: such a cell has no EFCI. */
const noUserCellBit = 0x08;

export function readVpi(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) >>> 4;
}

export function readVci(bytes: Uint8Array, at: number): number {
  return (readU32(bytes, at) >>> 4) & 0xffff;
}

export function writeVpi(bytes: Uint8Array, at: number, vpi: number): void {
  bytes[at] = vpi >>> 4;
  bytes[at + 1] = ((vpi & 0x0f) << 4) | (bytes[at + 1] & 0x0f);
}

export function writeVci(bytes: Uint8Array, at: number, vci: number): void {
  bytes[at + 1] = (bytes[at + 1] & 0xf0) | (vci >>> 12);
  bytes[at + 2] = (vci >>> 4) & 0xff;
  bytes[at + 3] = ((vci & 0x0f) << 4) | (bytes[at + 3] & 0x0f);
}

/** Idle and unassigned cells only fill a line (RFC 4454 5.2.3). On a UNI, what precedes eight bits of VPI is the GFC. */
export function isIdleCell(bytes: Uint8Array, at: number): boolean {
  return (readU32(bytes, at) & 0x0fff_fff0) === 0;
}

/** The OAM flows of a virtual path, by segment and end to end: they end where its channels are taken apart (RFC 4454 5.3.1). */
export function isPathOam(vci: number): boolean {
  return vci === 3 || vci === 4;
}

/** What the ATM-Specific Sublayer says of a single cell. */
export function flagsOfCell(bytes: Uint8Array, at: number): number {
  const last = bytes[at + 3];
  const congested = (last & noUserCellBit) === 0 && (last & efciBit) !== 0;
  return atmFlag.cell | (congested ? atmFlag.congestion : 0) | ((last & clpBit) !== 0 ? atmFlag.lossPriority : 0);
}
