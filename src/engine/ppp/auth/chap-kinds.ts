/**
 * What CHAP's algorithms do differently, at both ends: MD5 (RFC 1994), MS-CHAPv1 (RFC 2433), MS-CHAPv2 (RFC 2759). EAP
 * carries the first and the last as well.
 */
import { createHash } from 'node:crypto';
import type { Credentials } from '../../aaa.ts';
import type { Random } from '../../effects.ts';
import { equalBytes } from '../../wire/bytes.ts';
import type { Secret } from '../../wire/secret.ts';
import type { PppAuthMethod } from '../spec.ts';
import { ChapCode } from './chap.ts';
import { REFUSAL } from './exchange.ts';
import { type MppeKeys, mschapv1Key, mschapv2Keys } from './mppe-keys.ts';
import { challengeResponse, NT_RESPONSE_OCTETS, ntPasswordHash } from './ms-chap-digests.ts';
import { MsChapError, writeMsChapFailure } from './ms-chap-failure.ts';
import { authenticatorResponse, ntResponse } from './mschapv2.ts';

export type ChapMethod = Exclude<PppAuthMethod, 'pap' | 'eap'>;

export const MD5_OCTETS = 16;

/** What was asked. */
export interface Challenge {
  readonly identifier: number;
  readonly value: Uint8Array;
}

/** A user who has answered, and what is known of it. */
export interface Proof {
  /** What a Success says, or has to begin with. */
  readonly message: string;
  /** `server`: our end challenged. */
  keys(server: boolean): MppeKeys | undefined;
}

/** Of Microsoft's kinds. */
interface Microsoft {
  readonly newPassword: {
    readonly code: number;
    /** Of the packet without its header. */
    readonly octets: number;
    readonly method: 'mschapv1NewPassword' | 'mschapv2NewPassword';
  };
  /** The version of the change that a Failure offers. */
  readonly version: number;
  /** RFC 2433 8 and 10, RFC 2759 7: what the peer answers after a Failure that named `given`, or no challenge at all. */
  next(last: Uint8Array, given: Uint8Array | undefined, error: number): Uint8Array;
}

export interface ChapKind {
  /** Of the challenges that we send. */
  readonly challengeOctets: number;
  readonly responseOctets: number;
  readonly microsoft?: Microsoft;
  credentials(challenge: Challenge, response: Uint8Array): Credentials;
  /** Whether the password was used. */
  check(challenge: Challenge, response: Uint8Array, user: string, password: Secret): Proof | undefined;
  /** Undefined for a challenge that cannot be answered. */
  respond(
    challenge: Challenge,
    user: string,
    password: Secret,
    random: Random,
  ): { response: Uint8Array; proof: Proof } | undefined;
}

const nothingMore: Proof = { message: '', keys: () => undefined };

/** RFC 1994 4.1. */
function md5Response(challenge: Challenge, password: Secret): Uint8Array {
  const hash = createHash('md5').update(Uint8Array.of(challenge.identifier)).update(password.reveal());
  return new Uint8Array(hash.update(challenge.value).digest());
}

const md5: ChapKind = {
  challengeOctets: 16,
  responseOctets: MD5_OCTETS,
  credentials: ({ identifier, value }, response) => ({ method: 'chap', identifier, challenge: value, response }),
  check: (challenge, response, _user, password) =>
    equalBytes(md5Response(challenge, password), response) ? nothingMore : undefined,
  respond: (challenge, _user, password) => ({ response: md5Response(challenge, password), proof: nothingMore }),
};

const V1_CHALLENGE_OCTETS = 8;
/** RFC 2433 6: LAN Manager's response, Windows NT's, and whether the latter counts. */
const V1_NT_AT = 24;
const V1_FLAG_AT = V1_NT_AT + NT_RESPONSE_OCTETS;

function v1Parts(response: Uint8Array): { lm: Uint8Array; nt: Uint8Array; useNt: boolean } {
  return {
    lm: response.slice(0, V1_NT_AT),
    nt: response.slice(V1_NT_AT, V1_FLAG_AT),
    useNt: response[V1_FLAG_AT] === 1,
  };
}

function v1Proof({ value }: Challenge, password: Secret): Proof {
  const keys = (): MppeKeys => {
    const key = mschapv1Key(password, value);
    return { send: key, receive: key };
  };
  return { message: '', keys };
}

const v1: ChapKind = {
  challengeOctets: V1_CHALLENGE_OCTETS,
  responseOctets: V1_FLAG_AT + 1,
  microsoft: {
    newPassword: { code: ChapCode.changePassword2, octets: 1114, method: 'mschapv1NewPassword' },
    version: 2,
    next(last, given, error) {
      // RFC 2433 10: with the challenge of the last response.
      if (error === MsChapError.passwordExpired) return last;
      if (given?.length === V1_CHALLENGE_OCTETS) return given;
      // RFC 2433 8.
      const next = last.slice();
      next[0] += 23;
      return next;
    },
  },
  credentials: ({ identifier, value }, response) => ({
    method: 'mschapv1',
    identifier,
    challenge: value,
    response: v1Parts(response),
  }),
  check(challenge, response, _user, password) {
    const { nt, useNt } = v1Parts(response);
    // RFC 2433 6: LAN Manager's response is deprecated; alone it is nothing.
    if (!useNt || !equalBytes(challengeResponse(challenge.value, ntPasswordHash(password)), nt)) return undefined;
    return v1Proof(challenge, password);
  },
  respond(challenge, _user, password) {
    if (challenge.value.length !== V1_CHALLENGE_OCTETS) return undefined;
    const response = new Uint8Array(V1_FLAG_AT + 1);
    response.set(challengeResponse(challenge.value, ntPasswordHash(password)), V1_NT_AT);
    response[V1_FLAG_AT] = 1;
    return { response, proof: v1Proof(challenge, password) };
  },
};

const V2_CHALLENGE_OCTETS = 16;
/** RFC 2759 4: the peer's challenge, eight zeros, the NT response, flags. */
const V2_NT_AT = V2_CHALLENGE_OCTETS + 8;

function v2Parts(response: Uint8Array): { peerChallenge: Uint8Array; nt: Uint8Array } {
  return {
    peerChallenge: response.slice(0, V2_CHALLENGE_OCTETS),
    nt: response.slice(V2_NT_AT, V2_NT_AT + NT_RESPONSE_OCTETS),
  };
}

const v2: ChapKind = {
  challengeOctets: V2_CHALLENGE_OCTETS,
  responseOctets: V2_NT_AT + NT_RESPONSE_OCTETS + 1,
  microsoft: {
    newPassword: { code: ChapCode.changePassword3, octets: 582, method: 'mschapv2NewPassword' },
    version: 3,
    next: (last, given) => (given?.length === V2_CHALLENGE_OCTETS ? given : last),
  },
  credentials({ identifier, value }, response) {
    const { peerChallenge, nt } = v2Parts(response);
    return { method: 'mschapv2', identifier, challenge: value, peerChallenge, response: nt };
  },
  check({ value }, response, user, password) {
    const { peerChallenge, nt } = v2Parts(response);
    const exchange = { authenticatorChallenge: value, peerChallenge, user, password };
    if (!equalBytes(ntResponse(exchange), nt)) return undefined;
    return {
      message: `${authenticatorResponse(exchange, nt)} M=welcome`,
      keys: (server) => mschapv2Keys(password, nt, server),
    };
  },
  respond({ value }, user, password, random) {
    if (value.length !== V2_CHALLENGE_OCTETS) return undefined;
    const peerChallenge = random.bytes(V2_CHALLENGE_OCTETS);
    const exchange = { authenticatorChallenge: value, peerChallenge, user, password };
    const nt = ntResponse(exchange);
    const response = new Uint8Array(V2_NT_AT + NT_RESPONSE_OCTETS + 1);
    response.set(peerChallenge);
    response.set(nt, V2_NT_AT);
    const keys = (server: boolean): MppeKeys => mschapv2Keys(password, nt, server);
    return { response, proof: { message: authenticatorResponse(exchange, nt), keys } };
  },
};

export const CHAP_KINDS: Readonly<Record<ChapMethod, ChapKind>> = { chap: md5, mschapv1: v1, mschapv2: v2 };

/** What a refused peer is told when nobody has put it for us. */
export function refusalText(kind: ChapKind, challenge: Uint8Array, error: number, words = REFUSAL): string {
  if (kind.microsoft === undefined) return words;
  return writeMsChapFailure({
    error,
    retry: false,
    challenge,
    version: kind.microsoft.version,
    message: words,
  });
}
