/** AVPs as they stand in a message, without their meaning (RFC 2661 4.1). */
import { avpNameOf } from './avp.ts';
import { avpHeaderOctets, hiddenBit, lengthBits } from './avp-octets.ts';
import { readU16 } from './bytes.ts';

/** The AVPs that are hidden: their names in `AvpValues`, or `vendor/type`. Stops where the lengths do not fit. */
export function hiddenAvps(bytes: Uint8Array, start: number, end: number): Set<string> {
  const names = new Set<string>();
  for (let at = start; end - at >= avpHeaderOctets; ) {
    const head = readU16(bytes, at);
    const octets = head & lengthBits;
    if (octets < avpHeaderOctets || octets > end - at) break;
    const vendor = readU16(bytes, at + 2);
    const type = readU16(bytes, at + 4);
    if (head & hiddenBit) names.add(avpNameOf(vendor, type) ?? `${vendor}/${type}`);
    at += octets;
  }
  return names;
}
