/**
 * Ethernet frames as pseudowires carry them (RFC 4719 3.1): without preamble and FCS. What is asked and done for each
 * frame, in place and without allocating.
 */
import { readU16, writeU16 } from '../engine/wire/bytes.ts';

/** Two addresses and the EtherType. */
export const frameHeaderOctets = 14;
/** TPID and TCI (IEEE 802.1Q 9.3). */
export const tagOctets = 4;
const addressesOctets = 12;
/** A frame with more than these in a row counts as none of IP. */
const maxTags = 4;

export const etherType = { ipv4: 0x0800, ipv6: 0x86dd, customerTag: 0x8100, serviceTag: 0x88a8 } as const;

function isTag(type: number): boolean {
  return type === etherType.customerTag || type === etherType.serviceTag;
}

/** Whether a whole frame holds IP, behind whatever tags. */
export function holdsIp(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start + addressesOctets;
  for (let tags = 0; tags <= maxTags && end - at >= 2; tags++) {
    const type = readU16(bytes, at);
    if (!isTag(type)) return type === etherType.ipv4 || type === etherType.ipv6;
    at += tagOctets;
  }
  return false;
}

/** Whether a whole frame has a tag, all of which is there. */
export function isTagged(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= frameHeaderOctets + tagOctets && isTag(readU16(bytes, start + addressesOctets));
}

/** The VLAN of a tagged frame. */
export function vlanIdOf(bytes: Uint8Array, start: number): number {
  return readU16(bytes, start + frameHeaderOctets) & 0x0fff;
}

/** Priority and drop eligibility stay. */
export function rewriteVlanId(bytes: Uint8Array, start: number, vlanId: number): void {
  const at = start + frameHeaderOctets;
  writeU16(bytes, at, (readU16(bytes, at) & 0xf000) | vlanId);
}

/** Puts a tag of priority 0 into a frame, in front of which there is room for it. Answers where the frame starts then. */
export function imposeTag(bytes: Uint8Array, start: number, vlanId: number): number {
  const at = start - tagOctets;
  bytes.copyWithin(at, start, start + addressesOctets);
  writeU16(bytes, at + addressesOctets, etherType.customerTag);
  writeU16(bytes, at + frameHeaderOctets, vlanId);
  return at;
}

/** Takes the outer tag out of a tagged frame. Answers where the frame starts then. */
export function removeTag(bytes: Uint8Array, start: number): number {
  const at = start + tagOctets;
  bytes.copyWithin(at, start, start + addressesOctets);
  return at;
}
