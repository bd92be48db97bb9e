/** What MS-CHAPv1 and MS-CHAPv2 make of passwords (RFC 2433 A, RFC 2759 8). */
import type { Secret } from '../../wire/secret.ts';
import { desEncrypt } from './des.ts';
import { md4 } from './md4.ts';

export const NT_RESPONSE_OCTETS = 24;

/** NtPasswordHash() (RFC 2759 8.3): over UTF-16, little-endian. 16 octets. */
export function ntPasswordHash(password: Secret): Uint8Array {
  const text = new TextDecoder().decode(password.reveal());
  return md4(Buffer.from(text, 'utf16le'));
}

/** ChallengeResponse() (RFC 2433 A.7, RFC 2759 8.5): 24 octets for a challenge of 8 and a hash of 16. */
export function challengeResponse(challenge: Uint8Array, passwordHash: Uint8Array): Uint8Array {
  const key = new Uint8Array(21);
  key.set(passwordHash);
  const response = new Uint8Array(NT_RESPONSE_OCTETS);
  for (let part = 0; part < 3; part++) {
    response.set(desEncrypt(challenge, key.subarray(part * 7, part * 7 + 7)), part * 8);
  }
  return response;
}
