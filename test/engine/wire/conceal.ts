/**
 * Hiding as RFC 2661 4.3 describes it, once more and without our code's rules: the inner length is whatever it is given.
 */
import { createHash } from 'node:crypto';

const block = 16;

function md5(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function stream(
  type: number,
  input: Uint8Array,
  secret: string,
  randomVector: Uint8Array,
  chained: 'input' | 'output',
): Uint8Array {
  const shared = Buffer.from(secret);
  const output = new Uint8Array(input.length);
  let key = md5(Uint8Array.of(type >> 8, type), shared, randomVector);
  for (let at = 0; at < input.length; at += block) {
    for (let i = at; i < Math.min(at + block, input.length); i++) output[i] = input[i] ^ key[i - at];
    key = md5(shared, (chained === 'input' ? input : output).subarray(at, at + block));
  }
  return output;
}

/** `clear`: two octets of inner length, the value, padding. */
export function conceal(type: number, clear: Uint8Array, secret: string, randomVector: Uint8Array): Uint8Array {
  return stream(type, clear, secret, randomVector, 'output');
}

/** Undoes it. */
export function reveal(type: number, hidden: Uint8Array, secret: string, randomVector: Uint8Array): Uint8Array {
  return stream(type, hidden, secret, randomVector, 'input');
}
