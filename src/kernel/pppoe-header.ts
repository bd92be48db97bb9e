/** PPPoE's header (RFC 2516 4), of discovery packets and of session packets, which carry PPP frames without FF 03. */
import { readU16, writeU16 } from '../engine/wire/bytes.ts';

export const etherTypePppoeDiscovery = 0x8863;
export const etherTypePppoeSession = 0x8864;
export const pppoeHeaderOctets = 6;
/** Header and payload in an Ethernet frame. */
export const maxPppoeOctets = 1500;

/** RFC 2516 4, 5.5: the code of session packets, and of the discovery packet that ends a session. */
export const sessionCode = 0x00;
export const padtCode = 0xa7;

const versionAndType = 0x11;

export interface PppoeHeader {
  code: number;
  sessionId: number;
  /** Where the payload ends; what follows is Ethernet's padding. */
  end: number;
}

/** Fills `into`. Answers whether it is a header of PPPoE and its length fits. */
export function readPppoeHeader(bytes: Uint8Array, start: number, end: number, into: PppoeHeader): boolean {
  if (end - start < pppoeHeaderOctets || bytes[start] !== versionAndType) return false;
  into.code = bytes[start + 1];
  into.sessionId = readU16(bytes, start + 2);
  into.end = start + pppoeHeaderOctets + readU16(bytes, start + 4);
  return into.end <= end;
}

export function writePppoeHeader(
  bytes: Uint8Array,
  at: number,
  code: number,
  sessionId: number,
  payloadOctets: number,
): void {
  bytes[at] = versionAndType;
  bytes[at + 1] = code;
  writeU16(bytes, at + 2, sessionId);
  writeU16(bytes, at + 4, payloadOctets);
}
