/** The digests of MS-CHAPv2 (RFC 2759 8). */
import { createHash } from 'node:crypto';
import type { Secret } from '../../wire/secret.ts';
import { desEncrypt } from './des.ts';
import { md4 } from './md4.ts';

export const CHALLENGE_OCTETS = 16;
export const NT_RESPONSE_OCTETS = 24;

const MAGIC_1 = 'Magic server to client signing constant';
const MAGIC_2 = 'Pad to make it do more than one iteration';

/** The four things that both sides know of one exchange. The user name may bear a Windows domain before a backslash. */
export interface MsChapExchange {
  authenticatorChallenge: Uint8Array;
  peerChallenge: Uint8Array;
  user: string;
  password: Secret;
}

/** ChallengeHash(), 8.2. */
function challengeHash({ peerChallenge, authenticatorChallenge, user }: MsChapExchange): Uint8Array {
  const bareUser = user.slice(user.lastIndexOf('\\') + 1);
  const hash = createHash('sha1').update(peerChallenge).update(authenticatorChallenge).update(bareUser, 'utf8');
  return hash.digest().subarray(0, 8);
}

/** NtPasswordHash(), 8.3: over UTF-16, little-endian. */
export function ntPasswordHash(password: Secret): Uint8Array {
  const text = new TextDecoder().decode(password.reveal());
  return md4(Buffer.from(text, 'utf16le'));
}

/** GenerateNTResponse(), 8.1: 24 octets. */
export function ntResponse(exchange: MsChapExchange): Uint8Array {
  const challenge = challengeHash(exchange);
  const key = new Uint8Array(21);
  key.set(ntPasswordHash(exchange.password));
  const response = new Uint8Array(NT_RESPONSE_OCTETS);
  for (let part = 0; part < 3; part++) {
    response.set(desEncrypt(challenge, key.subarray(part * 7, part * 7 + 7)), part * 8);
  }
  return response;
}

/** GenerateAuthenticatorResponse(), 8.7: `S=` and 40 upper-case hexadecimal digits. */
export function authenticatorResponse(exchange: MsChapExchange, response: Uint8Array): string {
  const hashOfHash = md4(ntPasswordHash(exchange.password));
  const digest = createHash('sha1').update(hashOfHash).update(response).update(MAGIC_1).digest();
  const signature = createHash('sha1').update(digest).update(challengeHash(exchange)).update(MAGIC_2).digest('hex');
  return `S=${signature.toUpperCase()}`;
}
