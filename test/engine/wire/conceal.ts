/**
 * Hiding as RFC 2661 4.3 describes it, once more and without our code's rules: the inner length is whatever it is given.
 * L2TPv3 does it with a key that is made from the secret (RFC 3931 5.3).
 */
import { createHash, createHmac } from 'node:crypto';

const block = 16;

function md5(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function stream(
  type: number,
  input: Uint8Array,
  secret: string | Uint8Array,
  randomVector: Uint8Array,
  chained: 'input' | 'output',
): Uint8Array {
  const shared = typeof secret === 'string' ? Buffer.from(secret) : secret;
  const output = new Uint8Array(input.length);
  let key = md5(Uint8Array.of(type >> 8, type), shared, randomVector);
  for (let at = 0; at < input.length; at += block) {
    for (let i = at; i < Math.min(at + block, input.length); i++) output[i] = input[i] ^ key[i - at];
    key = md5(shared, (chained === 'input' ? input : output).subarray(at, at + block));
  }
  return output;
}

/** `clear`: two octets of inner length, the value, padding. */
export function conceal(
  type: number,
  clear: Uint8Array,
  secret: string | Uint8Array,
  randomVector: Uint8Array,
): Uint8Array {
  return stream(type, clear, secret, randomVector, 'output');
}

/** Undoes it. */
export function reveal(
  type: number,
  hidden: Uint8Array,
  secret: string | Uint8Array,
  randomVector: Uint8Array,
): Uint8Array {
  return stream(type, hidden, secret, randomVector, 'input');
}

/** RFC 3931 5.3. */
export function hidingKeyV3(secret: string): Uint8Array {
  return createHmac('md5', secret).update('\x01').digest();
}
