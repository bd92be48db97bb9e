/**
 * Messages whose hidden AVPs stand open: their values are mutated in the clear, inner lengths included, and hidden
 * afterwards, so that what the decoder unhides is what the mutation made.
 */
import { conceal, reveal } from '../engine/wire/conceal.ts';

type Transform = typeof conceal;

/** Hides the value of every AVP that has the H bit, and a Random Vector before it. */
export function concealMessage(body: Uint8Array, avpsAt: number, secret: string | Uint8Array): Uint8Array {
  return transformed(body, avpsAt, secret, conceal);
}

/** Undoes it. */
export function revealMessage(body: Uint8Array, avpsAt: number, secret: string | Uint8Array): Uint8Array {
  return transformed(body, avpsAt, secret, reveal);
}

function transformed(body: Uint8Array, avpsAt: number, secret: string | Uint8Array, transform: Transform): Uint8Array {
  const out = Uint8Array.from(body);
  let randomVector: Uint8Array | undefined;
  for (let at = avpsAt; at + 6 <= out.length; ) {
    const octets = ((out[at] & 3) << 8) | out[at + 1];
    if (octets < 6 || at + octets > out.length) break;
    const hidden = (out[at] & 0x40) !== 0;
    const vendor = (out[at + 2] << 8) | out[at + 3];
    const type = (out[at + 4] << 8) | out[at + 5];
    const value = out.subarray(at + 6, at + octets);
    if (!hidden && vendor === 0 && type === 36) randomVector = Uint8Array.from(value);
    else if (hidden && randomVector) value.set(transform(type, value, secret, randomVector));
    at += octets;
  }
  return out;
}
