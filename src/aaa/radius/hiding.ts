/** How RADIUS hides values from who does not know the secret: User-Password's way, and the way with a salt. */
import { createHash, randomInt } from 'node:crypto';
import type { Secret } from '../../engine/spec.ts';

const blockOctets = 16;
const saltOctets = 2;
/** RFC 2865 5.2. */
const maxPasswordOctets = 128;

/** The secret, and the Request Authenticator of the request, or of the one that is answered. */
export interface HidingKey {
  readonly secret: Secret;
  readonly authenticator: Uint8Array;
}

/**
 * Hides the first `length` octets of `room` in their place (RFC 2865 5.2); tells how many they are then.
 * @throws RangeError when it is too long
 */
export function hidePassword(room: Buffer, length: number, key: HidingKey): number {
  if (length > maxPasswordOctets)
    throw new RangeError(`a password of more than ${maxPasswordOctets} octets, which RADIUS takes`);
  const whole = Math.max(1, Math.ceil(length / blockOctets)) * blockOctets;
  room.fill(0, length, whole);
  encrypt(room.subarray(0, whole), key, noSalt);
  return whole;
}

/** Undefined: this is no hidden password. */
export function revealPassword(hidden: Buffer, key: HidingKey): Buffer | undefined {
  if (hidden.length < blockOctets || hidden.length > maxPasswordOctets || hidden.length % blockOctets !== 0) {
    return undefined;
  }
  const clear = decrypt(hidden, key, noSalt);
  let end = clear.length;
  while (end > 0 && clear[end - 1] === 0) end--;
  return clear.subarray(0, end);
}

/**
 * Hides the first `length` octets of `room` in their place, behind a salt (RFC 2868 3.5, RFC 2548 2.4.2); tells how many
 * they are then.
 * @throws RangeError when there is no room
 */
export function hideSalted(room: Buffer, length: number, key: HidingKey): number {
  const whole = Math.ceil((length + 1) / blockOctets) * blockOctets;
  if (saltOctets + whole > room.length) throw new RangeError('a secret of more octets than an attribute takes');
  const body = room.subarray(saltOctets, saltOctets + whole);
  room.copyWithin(saltOctets + 1, 0, length);
  body[0] = length;
  body.fill(0, length + 1);
  room.writeUInt16BE(randomInt(0x8000, 0x10000));
  encrypt(body, key, room.subarray(0, saltOctets));
  return saltOctets + whole;
}

/** Undefined: this hides nothing, or by another secret. */
export function revealSalted(hidden: Buffer, key: HidingKey): Buffer | undefined {
  const body = hidden.subarray(saltOctets);
  if (body.length === 0 || body.length % blockOctets !== 0) return undefined;
  const clear = decrypt(body, key, hidden.subarray(0, saltOctets));
  const length = clear[0];
  return length < clear.length ? clear.subarray(1, 1 + length) : undefined;
}

const noSalt = new Uint8Array(0);

/** Each block is XORed with MD5(secret, block before); before the first stand authenticator and salt. */
function encrypt(inPlace: Buffer, { secret, authenticator }: HidingKey, salt: Uint8Array): void {
  let mask = createHash('md5').update(secret.reveal()).update(authenticator).update(salt).digest();
  for (let at = 0; at < inPlace.length; at += blockOctets) {
    for (let i = 0; i < blockOctets; i++) inPlace[at + i] ^= mask[i];
    if (at + blockOctets === inPlace.length) return;
    mask = createHash('md5')
      .update(secret.reveal())
      .update(inPlace.subarray(at, at + blockOctets))
      .digest();
  }
}

function decrypt(hidden: Buffer, { secret, authenticator }: HidingKey, salt: Uint8Array): Buffer {
  const clear = Buffer.from(hidden);
  let mask = createHash('md5').update(secret.reveal()).update(authenticator).update(salt).digest();
  for (let at = 0; at < hidden.length; at += blockOctets) {
    for (let i = 0; i < blockOctets; i++) clear[at + i] ^= mask[i];
    mask = createHash('md5')
      .update(secret.reveal())
      .update(hidden.subarray(at, at + blockOctets))
      .digest();
  }
  return clear;
}
