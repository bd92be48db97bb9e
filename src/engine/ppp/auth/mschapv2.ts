/** The digests of MS-CHAPv2 (RFC 2759 8). */
import { createHash } from 'node:crypto';
import type { Secret } from '../../wire/secret.ts';
import { md4 } from './md4.ts';
import { challengeResponse, ntPasswordHash } from './ms-chap-digests.ts';

const MAGIC_1 = 'Magic server to client signing constant';
const MAGIC_2 = 'Pad to make it do more than one iteration';

/** The four things that both sides know of one exchange. The user name may bear a Windows domain before a backslash. */
export interface MsChapExchange {
  authenticatorChallenge: Uint8Array;
  peerChallenge: Uint8Array;
  user: string;
  password: Secret;
}

/** A user name without its Windows domain (RFC 2759 4). */
export function bareUser(user: string): string {
  return user.slice(user.lastIndexOf('\\') + 1);
}

/** ChallengeHash(), 8.2. */
function challengeHash({ peerChallenge, authenticatorChallenge, user }: MsChapExchange): Uint8Array {
  const hash = createHash('sha1').update(peerChallenge).update(authenticatorChallenge).update(bareUser(user), 'utf8');
  return hash.digest().subarray(0, 8);
}

/** GenerateNTResponse(), 8.1: 24 octets. */
export function ntResponse(exchange: MsChapExchange): Uint8Array {
  return challengeResponse(challengeHash(exchange), ntPasswordHash(exchange.password));
}

/** GenerateAuthenticatorResponse(), 8.7: `S=` and 40 upper-case hexadecimal digits. */
export function authenticatorResponse(exchange: MsChapExchange, response: Uint8Array): string {
  const hashOfHash = md4(ntPasswordHash(exchange.password));
  const digest = createHash('sha1').update(hashOfHash).update(response).update(MAGIC_1).digest();
  const signature = createHash('sha1').update(digest).update(challengeHash(exchange)).update(MAGIC_2).digest('hex');
  return `S=${signature.toUpperCase()}`;
}
