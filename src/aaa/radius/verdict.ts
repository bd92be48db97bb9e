/** What a server's answer says of a peer (RFC 2865 4.2-4.4, RFC 2548 2, RFC 3579 2). */
import { createHash } from 'node:crypto';
import type { AuthenticateAnswer, Credentials } from '../../engine/aaa.ts';
import type { Attributes } from './dictionary.ts';
import { grantOf } from './grant.ts';
import { Unusable } from './limits.ts';
import type { AnswerType } from './packet.ts';

/** RFC 2548 2.4.1: a key of the LAN Manager's, then that of Windows NT. */
const lmKeyOctets = 8;
const ntKeyOctets = 16;

export function verdictOf(type: AnswerType, attributes: Attributes, credentials: Credentials): AuthenticateAnswer {
  switch (type) {
    case 'accessAccept':
      return accepted(attributes, credentials);
    case 'accessChallenge':
      return challenged(attributes, credentials);
    default:
      return rejected(attributes);
  }
}

function accepted(attributes: Attributes, credentials: Credentials): AuthenticateAnswer {
  try {
    return {
      verdict: 'accept',
      grant: grantOf(attributes),
      authenticatorResponse: behindIdentifier(attributes.msChap2Success),
      eap: attributes.eapMessage,
      mppeKeys: mppeKeysOf(attributes, credentials),
    };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { verdict: 'reject', message: `RADIUS grants what cannot be given: ${error.message}` };
  }
}

/** RFC 2865 4.4: what cannot be put to the peer is a reject. PPP can put to it what EAP asks. */
function challenged({ eapMessage, replyMessage }: Attributes, { method }: Credentials): AuthenticateAnswer {
  if (method === 'eap' && eapMessage) return { verdict: 'challenge', eap: eapMessage };
  const words = replyMessage ? `: ${replyMessage.join(' ')}` : '';
  return { verdict: 'reject', message: `RADIUS asks something back that ${method} has no way to ask${words}` };
}

function rejected({ replyMessage, msChapError, eapMessage }: Attributes): AuthenticateAnswer {
  const reply = replyMessage?.join(' ');
  return {
    verdict: 'reject',
    message: reply === undefined ? 'rejected by RADIUS' : `rejected by RADIUS: ${reply}`,
    reply,
    msChapError: behindIdentifier(msChapError),
    eap: eapMessage,
  };
}

/** RFC 2548 2.1.5, 2.3.3: text behind CHAP's identifier. */
function behindIdentifier(octets: Uint8Array | undefined): string | undefined {
  return octets && Buffer.from(octets.subarray(1)).toString();
}

type MppeKeys = Extract<AuthenticateAnswer, { verdict: 'accept' }>['mppeKeys'];

function mppeKeysOf(attributes: Attributes, credentials: Credentials): MppeKeys {
  const { msMppeSendKey, msMppeRecvKey, msChapMppeKeys } = attributes;
  if (msMppeSendKey && msMppeRecvKey) return { send: msMppeSendKey.reveal(), receive: msMppeRecvKey.reveal() };
  if (!msChapMppeKeys || credentials.method !== 'mschapv1') return undefined;
  // Zeros at its end are lost with the padding.
  const keys = new Uint8Array(lmKeyOctets + ntKeyOctets);
  keys.set(msChapMppeKeys.reveal().subarray(0, keys.length));
  const ntKey = keys.subarray(lmKeyOctets);
  // RFC 3079 2.2, A.3: the start key of 128 bits; the peer's LAN Manager key is for weaker ones.
  const digest = createHash('sha1').update(ntKey).update(ntKey).update(credentials.challenge).digest();
  const start = new Uint8Array(digest.subarray(0, ntKeyOctets));
  return { send: start, receive: start };
}
