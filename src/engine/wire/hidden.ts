/**
 * What the shared secret of a tunnel is used for: hiding AVP values (RFC 2661 4.3, RFC 3931 5.3) and answering challenges
 * (RFC 2661 5.1.1). The key to hide with is made from the secret as the version has it.
 */
import { createHash } from 'node:crypto';
import { maxAvpOctets } from './avp-octets.ts';
import { Reader, Truncated, writeU16 } from './bytes.ts';
import { MalformedValue } from './codec.ts';
import type { Secret } from './secret.ts';

/** MD5 works on the value in pieces of its own size. */
const blockOctets = 16;
/** What an AVP's header leaves room for. */
const maxHiddenOctets = maxAvpOctets - 6;

/**
 * The hidden form of a value: its length, the value, and zeros up to whole blocks where they fit, all encrypted. The
 * zeros mask how long the value is, and l2tpns refuses hidden values of fewer than 8 octets.
 */
export function hideValue(avpType: number, value: Uint8Array, key: Uint8Array, randomVector: Uint8Array): Uint8Array {
  const octets = 2 + value.length;
  const padded = Math.min(Math.ceil(octets / blockOctets) * blockOctets, maxHiddenOctets);
  const hidden = new Uint8Array(Math.max(octets, padded));
  writeU16(hidden, 0, value.length);
  hidden.set(value, 2);
  let pad = firstPad(avpType, key, randomVector);
  for (let at = 0; at < hidden.length; at += blockOctets) {
    const block = hidden.subarray(at, at + blockOctets);
    xor(block, pad);
    pad = nextPad(key, block);
  }
  return hidden;
}

/**
 * The original value of a hidden one. With a wrong secret the outcome is noise, mostly a MalformedValue.
 * @throws MalformedValue
 */
export function unhideValue(
  avpType: number,
  hidden: Uint8Array,
  key: Uint8Array,
  randomVector: Uint8Array,
): Uint8Array {
  const clear = new Uint8Array(hidden);
  let pad = firstPad(avpType, key, randomVector);
  for (let at = 0; at < clear.length; at += blockOctets) {
    const block = clear.subarray(at, at + blockOctets);
    xor(block, pad);
    pad = nextPad(key, hidden.subarray(at, at + blockOctets));
  }
  const reader = new Reader(clear);
  try {
    return reader.copy(reader.u16());
  } catch (error) {
    if (error instanceof Truncated) throw new MalformedValue(2, 'does not unhide; do the secrets differ?');
    throw error;
  }
}

function firstPad(avpType: number, key: Uint8Array, randomVector: Uint8Array): Uint8Array {
  const type = new Uint8Array(2);
  writeU16(type, 0, avpType);
  return createHash('md5').update(type).update(key).update(randomVector).digest();
}

function nextPad(key: Uint8Array, previousBlock: Uint8Array): Uint8Array {
  return createHash('md5').update(key).update(previousBlock).digest();
}

function xor(block: Uint8Array, pad: Uint8Array): void {
  for (let i = 0; i < block.length; i++) block[i] ^= pad[i];
}

/**
 * The answer to a Challenge AVP, 16 octets. `chapId` is the code of the message that carries the answer:
 * 2 for an SCCRP, 3 for an SCCCN (RFC 2661 4.4.3, RFC 1994 4.1).
 */
export function challengeResponse(chapId: number, secret: Secret, challenge: Uint8Array): Uint8Array {
  const hash = createHash('md5').update(Uint8Array.of(chapId)).update(secret.reveal()).update(challenge);
  return new Uint8Array(hash.digest());
}
