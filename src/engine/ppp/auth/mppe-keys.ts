/** Where MPPE's keys of 128 bits come from when MS-CHAP has let a peer in (RFC 3079). */
import { createHash } from 'node:crypto';
import type { Secret } from '../../wire/secret.ts';
import { md4 } from './md4.ts';
import { ntPasswordHash } from './ms-chap-digests.ts';

export interface MppeKeys {
  /** 16 octets each: what RFC 3079 calls start keys. */
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

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

/** RFC 3079 2.3: MS-CHAPv1's start key for 128 bits; the same in both directions. */
export function mschapv1Key(password: Secret, challenge: Uint8Array): Uint8Array {
  const hash = md4(ntPasswordHash(password));
  const digest = createHash('sha1').update(hash).update(hash).update(challenge.subarray(0, 8)).digest();
  return new Uint8Array(digest.subarray(0, 16));
}
