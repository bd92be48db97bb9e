/** What a peer has answered, as a RADIUS server is told it (RFC 2865 5, RFC 2548 2, RFC 3579 3.1). */
import type { Credentials } from '../../engine/aaa.ts';
import { type Attributes, serviceTypes } from './dictionary.ts';
import { changePasswordCode } from './packet.ts';

/** RFC 2433 10, RFC 2759 7: of encrypted passwords and hashes. */
const passwordOctets = 516;
const hashOctets = 16;
const responseOctets = 24;
const flagsOctets = 2;
/** RFC 2433 10: of the flags, that what is encrypted with the LAN Manager's hash counts. */
const lmPasswordIsValid = 2;
/** RFC 2548 2.3.4. */
const changePasswordCode2 = 7;
/** RFC 3579 2.4: what an EAP packet of the server's must fit into; every link of ours carries that. */
const eapMtu = 1_400;

export function credentialAttributes(credentials: Credentials): Attributes {
  switch (credentials.method) {
    case 'none':
      // RFC 2865 5.6: only the call itself is asked about.
      return { serviceType: serviceTypes.callCheck };
    case 'pap':
      return { userPassword: credentials.password };
    case 'chap': {
      const { identifier, challenge, response } = credentials;
      return { chapPassword: joined([identifier], response), chapChallenge: challenge };
    }
    case 'mschapv1': {
      const { identifier, challenge, response } = credentials;
      const head = [identifier, response.useNt ? 1 : 0];
      return { msChapChallenge: challenge, msChapResponse: joined(head, response.lm, response.nt) };
    }
    case 'mschapv2': {
      const { identifier, challenge, peerChallenge, response } = credentials;
      const reserved = new Uint8Array(8);
      return {
        msChapChallenge: challenge,
        msChap2Response: joined([identifier, 0], peerChallenge, reserved, response),
      };
    }
    case 'mschapv1NewPassword':
      return newPassword1(credentials);
    case 'mschapv2NewPassword':
      return newPassword2(credentials);
    case 'eap':
      return { eapMessage: credentials.packet, framedMtu: eapMtu };
    default:
      return credentials satisfies never;
  }
}

type NewPassword = Extract<Credentials, { data: Uint8Array }>;

/** RFC 2433 10 to RFC 2548 2.1.7, 2.1.8, 2.2. */
function newPassword1({ identifier, challenge, data }: NewPassword): Attributes {
  const [ntPassword, ntHash, lmPassword, lmHash, lmResponse, ntResponse, flags] = parts(data, [
    passwordOctets,
    hashOctets,
    passwordOctets,
    hashOctets,
    responseOctets,
    responseOctets,
    flagsOctets,
  ]);
  const withLm = (flags[1] & lmPasswordIsValid) !== 0;
  return {
    msChapChallenge: challenge,
    msChapCpw2: joined([changePasswordCode, identifier], ntHash, lmHash, lmResponse, ntResponse, flags),
    msChapNtEncPw: { identifier, octets: ntPassword },
    msChapLmEncPw: withLm ? { identifier, octets: lmPassword } : undefined,
  };
}

/** RFC 2759 7 to RFC 2548 2.3.4, 2.2. */
function newPassword2({ identifier, challenge, data }: NewPassword): Attributes {
  const peerChallengeOctets = 24; // with what is reserved
  const [password, hash, peerChallenge, response, flags] = parts(data, [
    passwordOctets,
    hashOctets,
    peerChallengeOctets,
    responseOctets,
    flagsOctets,
  ]);
  return {
    msChapChallenge: challenge,
    msChap2Cpw: joined([changePasswordCode2, identifier], hash, peerChallenge, response, flags),
    msChapNtEncPw: { identifier, octets: password },
  };
}

function parts(data: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((octets) => {
    at += octets;
    return data.subarray(at - octets, at);
  });
}

function joined(head: readonly number[], ...tail: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), ...tail]));
}
