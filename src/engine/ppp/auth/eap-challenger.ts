/** The EAP methods that we demand proof with on our own, when we have the user's password (RFC 3748 5.4; EAP-MSCHAPv2). */
import type { Random } from '../../effects.ts';
import { Reader, readU16 } from '../../wire/bytes.ts';
import type { Secret } from '../../wire/secret.ts';
import type { PppSpec } from '../spec.ts';
import { nameAfterValue } from './chap.ts';
import { CHAP_KINDS, type Proof, refusalText } from './chap-kinds.ts';
import { EapType, MS_CHAP_V2_HEADER_OCTETS, MsChapV2Op, msChapV2Data, sizedValue } from './eap.ts';
import { MsChapError } from './ms-chap-failure.ts';
import { bareUser } from './mschapv2.ts';

/** What a Response has led to. */
export type EapStep =
  /** It cannot be right. */
  | 'ignored'
  /** The data of the next Request. */
  | { next: Uint8Array }
  | { proof: Proof }
  | { flaw: string };

export interface EapChallenger {
  readonly type: number;
  /** Why the peer fails, while it has still to hear of it. */
  readonly refusal?: string;
  /** The data of the first Request. */
  begin(identifier: number): Uint8Array;
  /** Takes the data of a Response of this type. */
  take(data: Uint8Array): EapStep;
}

/** By strength. */
export const CHALLENGERS = [EapType.msChapV2, EapType.md5] as const;

export type ChallengerType = (typeof CHALLENGERS)[number];

/** `user`: who the peer says it is. */
export function challengerOf(
  type: ChallengerType,
  spec: PppSpec,
  random: Random,
  user: string,
  password: Secret,
): EapChallenger {
  return type === EapType.md5
    ? new Md5Challenger(spec, random, user, password)
    : new MsChapV2Challenger(spec, random, user, password);
}

const WRONG_PASSWORD = 'wrong password';

/** The password was asked for the user of the Identity, so that no other may answer with it. */
function otherUser(name: string): string {
  return `${JSON.stringify(name)} answers for it`;
}

class Md5Challenger implements EapChallenger {
  readonly type = EapType.md5;
  private readonly localName: string;
  private readonly user: string;
  private readonly password: Secret;
  private readonly value: Uint8Array;
  private identifier = 0;

  constructor(spec: PppSpec, random: Random, user: string, password: Secret) {
    this.localName = spec.localName;
    this.user = user;
    this.password = password;
    this.value = random.bytes(CHAP_KINDS.chap.challengeOctets);
  }

  begin(identifier: number): Uint8Array {
    this.identifier = identifier;
    return sizedValue(this.value, this.localName);
  }

  take(data: Uint8Array): EapStep {
    const nameAt = nameAfterValue(data, 0, data.length);
    if (nameAt !== 1 + CHAP_KINDS.chap.responseOctets) return 'ignored';
    const name = new Reader(data, nameAt).text();
    // Some send no name: the Identity has said it.
    if (name !== '' && bareUser(name) !== bareUser(this.user)) return { flaw: otherUser(name) };
    const challenge = { identifier: this.identifier, value: this.value };
    const proof = CHAP_KINDS.chap.check(challenge, data.subarray(1, nameAt), this.user, this.password);
    return proof ? { proof } : { flaw: WRONG_PASSWORD };
  }
}

class MsChapV2Challenger implements EapChallenger {
  readonly type = EapType.msChapV2;
  private readonly localName: string;
  private readonly user: string;
  private readonly password: Secret;
  private readonly value: Uint8Array;
  private identifier = 0;
  /** What came of the peer's response, while the peer has still to say that it has heard of it. */
  private outcome: { proof: Proof } | { flaw: string } | undefined = undefined;

  constructor(spec: PppSpec, random: Random, user: string, password: Secret) {
    this.localName = spec.localName;
    this.user = user;
    this.password = password;
    this.value = random.bytes(CHAP_KINDS.mschapv2.challengeOctets);
  }

  begin(identifier: number): Uint8Array {
    this.identifier = identifier;
    return msChapV2Data(MsChapV2Op.challenge, identifier, sizedValue(this.value, this.localName));
  }

  get refusal(): string | undefined {
    return this.outcome && 'flaw' in this.outcome ? this.outcome.flaw : undefined;
  }

  take(data: Uint8Array): EapStep {
    const { outcome } = this;
    if (outcome === undefined) return data[0] === MsChapV2Op.response ? this.judge(data) : 'ignored';
    // After a Failure whatever the peer says ends it (RFC 3748 4.2).
    if ('flaw' in outcome) return outcome;
    if (data[0] === MsChapV2Op.success) return outcome;
    return data[0] === MsChapV2Op.failure ? { flaw: 'the peer does not believe that we know its password' } : 'ignored';
  }

  private judge(data: Uint8Array): EapStep {
    if (data.length < MS_CHAP_V2_HEADER_OCTETS || data[1] !== this.identifier) return 'ignored';
    const end = readU16(data, 2);
    const valueAt = MS_CHAP_V2_HEADER_OCTETS + 1;
    const nameAt = end > data.length ? -1 : nameAfterValue(data, MS_CHAP_V2_HEADER_OCTETS, end);
    if (nameAt !== valueAt + CHAP_KINDS.mschapv2.responseOctets) return 'ignored';
    const name = new Reader(data, nameAt, end).text();
    const challenge = { identifier: this.identifier, value: this.value };
    const same = bareUser(name) === bareUser(this.user);
    const proof = CHAP_KINDS.mschapv2.check(challenge, data.subarray(valueAt, nameAt), name, this.password);
    this.outcome = proof && same ? { proof } : { flaw: same ? WRONG_PASSWORD : otherUser(name) };
    const said = 'proof' in this.outcome ? this.outcome.proof.message : this.refusalText();
    const op = 'proof' in this.outcome ? MsChapV2Op.success : MsChapV2Op.failure;
    return { next: msChapV2Data(op, this.identifier, new TextEncoder().encode(said)) };
  }

  private refusalText(): string {
    return refusalText(CHAP_KINDS.mschapv2, this.value, MsChapError.authenticationFailure);
  }
}
