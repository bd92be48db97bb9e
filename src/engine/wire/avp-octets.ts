import { readU16 } from './bytes.ts';

/** How an AVP stands in a message (RFC 2661 4.1). */
export const mandatoryBit = 0x8000;
export const hiddenBit = 0x4000;
export const reservedBits = 0x3c00;
export const lengthBits = 0x03ff;
export const avpHeaderOctets = 6;
export const maxAvpOctets = 1023;
/** A hidden value has its length before it (RFC 2661 4.3). */
export const maxHideableOctets = maxAvpOctets - avpHeaderOctets - 2;

/** How long the AVP is that begins there; 0: none does that fits. */
export function avpOctetsAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < avpHeaderOctets) return 0;
  const octets = readU16(bytes, at) & lengthBits;
  return octets < avpHeaderOctets || octets > end - at ? 0 : octets;
}

/** Whether the AVP that begins there is this one, with its value in the clear. */
export function isClearAvp(bytes: Uint8Array, at: number, vendor: number, type: number): boolean {
  const isHidden = (readU16(bytes, at) & hiddenBit) !== 0;
  return !isHidden && readU16(bytes, at + 2) === vendor && readU16(bytes, at + 4) === type;
}
