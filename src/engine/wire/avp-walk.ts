/** AVPs as they stand in a message, without their meaning (RFC 2661 4.1). */
import { avpNumber } from './avp.ts';
import { avpOctetsAt, hiddenBit } from './avp-octets.ts';
import { readU16 } from './bytes.ts';
import { vocabularies } from './vocabulary.ts';

/** The AVPs that are hidden: their names in `AvpValues`, or `vendor/type`. Stops where the lengths do not fit. */
export function hiddenAvps(version: 2 | 3, bytes: Uint8Array, start: number, end: number): Set<string> {
  const { names, draftNames } = vocabularies[version];
  const hidden = new Set<string>();
  for (let at = start, octets = avpOctetsAt(bytes, at, end); octets > 0; octets = avpOctetsAt(bytes, at, end)) {
    const vendor = readU16(bytes, at + 2);
    const type = readU16(bytes, at + 4);
    const number = avpNumber(vendor, type);
    if (readU16(bytes, at) & hiddenBit) hidden.add(names.get(number) ?? draftNames.get(number) ?? `${vendor}/${type}`);
    at += octets;
  }
  return hidden;
}
