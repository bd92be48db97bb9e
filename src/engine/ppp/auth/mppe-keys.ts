/** Where MPPE's keys come from when MS-CHAP has let a peer in (RFC 3079). */
import { createHash } from 'node:crypto';
import type { Secret } from '../../wire/secret.ts';
import { md4 } from './md4.ts';
import { lmPasswordHash, ntPasswordHash } from './ms-chap-digests.ts';

export interface MppeKeys {
  /** 16 octets each: what RFC 3079 calls start keys. Of MPPE with 40 or 56 bits the first eight count. */
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

export type MppeBits = 40 | 56 | 128;

const PAD_1 = new Uint8Array(40);
const PAD_2 = new Uint8Array(40).fill(0xf2);
const MASTER = 'This is the MPPE Master Key';
/** RFC 3079 3.4's Magic2 and Magic3, by who sends under the key. */
const CLIENT_SENDS = 'On the client side, this is the send key; on the server side, it is the receive key.';
const SERVER_SENDS = 'On the client side, this is the receive key; on the server side, it is the send key.';

/** RFC 3079 3.1, 3.3: the start keys of an MS-CHAPv2 exchange with this NT response. `server`: our end challenged. */
export function mschapv2Keys(password: Secret, ntResponse: Uint8Array, server: boolean): MppeKeys {
  const hash = createHash('sha1')
    .update(md4(ntPasswordHash(password)))
    .update(ntResponse)
    .update(MASTER);
  const master = hash.digest().subarray(0, 16);
  const client = asymmetricKey(master, CLIENT_SENDS);
  const other = asymmetricKey(master, SERVER_SENDS);
  return server ? { send: other, receive: client } : { send: client, receive: other };
}

/** GetAsymmetricStartKey(), 3.4. */
function asymmetricKey(master: Uint8Array, magic: string): Uint8Array {
  const hash = createHash('sha1').update(master).update(PAD_1).update(magic).update(PAD_2);
  return new Uint8Array(hash.digest().subarray(0, 16));
}

/** RFC 3079 2.1-2.3: MS-CHAPv1's start key, of 8 octets or for 128 bits of 16; the same in both directions. */
export function mschapv1Key(password: Secret, challenge: Uint8Array, bits: MppeBits): Uint8Array {
  if (bits !== 128) return lmPasswordHash(password).subarray(0, 8);
  const hash = md4(ntPasswordHash(password));
  const digest = createHash('sha1').update(hash).update(hash).update(challenge.subarray(0, 8)).digest();
  return new Uint8Array(digest.subarray(0, 16));
}

/** The first session key under a start key (RFC 3079 2.4's Get_Key, 3.1-3.3), its strength already reduced. */
export function firstSessionKey(start: Uint8Array, bits: MppeBits): Uint8Array {
  const key = start.subarray(0, bits === 128 ? 16 : 8);
  const hash = createHash('sha1').update(key).update(PAD_1).update(key).update(PAD_2);
  const session = new Uint8Array(hash.digest().subarray(0, key.length));
  if (bits === 40) session.set([0xd1, 0x26, 0x9e]);
  if (bits === 56) session[0] = 0xd1;
  return session;
}
