/** The side of EAP that proves itself (RFC 3748), by MD5-Challenge or EAP-MSCHAPv2. */
import type { Instant, Random } from '../../effects.ts';
import { readU16 } from '../../wire/bytes.ts';
import { Secret } from '../../wire/secret.ts';
import { reasonIn } from '../control-protocol.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import { startsWith } from './chap.ts';
import { CHAP_KINDS, type Proof } from './chap-kinds.ts';
import {
  DATA_AT,
  EapCode,
  EapType,
  eapChallengeIn,
  eapFrame,
  MS_CHAP_V2_HEADER_OCTETS,
  MsChapV2Op,
  msChapV2Data,
  sizedValue,
  TYPE_AT,
} from './eap.ts';
import { type Login, shortText } from './exchange.ts';
import type { MppeKeys } from './mppe-keys.ts';
import { msChapFailureInWords } from './ms-chap-failure.ts';

const NO_OCTETS: Uint8Array = new Uint8Array();

/** The method of a conversation, once we have answered in its type. */
interface Begun {
  readonly type: number;
  readonly proof: Proof;
  /** `proved`: by EAP-MSCHAPv2 the peer has proved itself too. */
  outcome: 'open' | 'proved';
}

export class EapLogin implements Login {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Login['state'] = 'waiting';
  mppeKeys: MppeKeys | undefined = undefined;
  private readonly spec: PppSpec;
  private readonly random: Random;
  /** Of the Request that we answered last. -1: none. */
  private identifier = -1;
  /** The frame that we answered it with, while the conversation lasts. */
  private response: Uint8Array | undefined = undefined;
  private begun: Begun | undefined = undefined;
  /** What the peer has let us know (RFC 3748 5.2). */
  private notification = '';

  constructor(spec: PppSpec, random: Random) {
    this.spec = spec;
    this.random = random;
  }

  start(now: Instant): void {
    this.wait(now);
  }

  /** For the peer, as long as we ourselves would try: a Response is never repeated unasked (RFC 3748 4.1). */
  private wait(now: Instant): void {
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs * this.spec.chapMaxChallenge);
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || this.state === 'failed') return;
    switch (bytes[at]) {
      case EapCode.request:
        if (stop > at + TYPE_AT) this.onRequest(bytes, at, stop, now, out);
        break;
      case EapCode.success:
      case EapCode.failure:
        this.onVerdict(bytes[at], bytes[at + 1]);
        break;
    }
  }

  private onRequest(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    if (bytes[at + 1] === this.identifier) {
      // RFC 3748 4.1: a copy is answered with a copy, as long as that matters.
      if (this.response !== undefined) out.push({ effect: 'frame', frame: this.response });
      return;
    }
    const type = bytes[at + TYPE_AT];
    const data = this.respond(type, bytes, at, end);
    if (data === undefined) return;
    const frame = eapFrame(EapCode.response, bytes[at + 1], isKnown(type) ? type : EapType.nak, data);
    out.push({ effect: 'frame', frame });
    if (this.state === 'failed') return;
    this.identifier = bytes[at + 1];
    this.response = frame;
    this.wait(now);
  }

  /** The data of our Response; undefined for a Request that is not in order. */
  private respond(type: number, bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
    const { begun } = this;
    switch (type) {
      case EapType.identity:
        // RFC 3748 2.1: not once a method has begun.
        return begun === undefined ? shortText(this.spec.userName ?? '') : undefined;
      case EapType.notification:
        this.notification = reasonIn(bytes, at + DATA_AT, end);
        return NO_OCTETS;
      case EapType.md5:
        return begun === undefined || begun.type === type ? this.respondToMd5(bytes, at, end) : undefined;
      case EapType.msChapV2:
        return this.respondToMsChapV2(bytes, at, end);
      default:
        // RFC 3748 5.3.1: what we can do instead; types below 4 are no methods.
        return type > EapType.nak && begun === undefined ? Uint8Array.of(EapType.msChapV2, EapType.md5) : undefined;
    }
  }

  private respondToMd5(bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
    const value = eapChallengeIn(bytes, at, end);
    if (value === undefined) return undefined;
    const { userName = '', password = new Secret('') } = this.spec;
    const challenge = { identifier: bytes[at + 1], value: new Uint8Array(value) };
    const answer = CHAP_KINDS.chap.respond(challenge, userName, password, this.random);
    if (answer === undefined) return undefined;
    this.begun = { type: EapType.md5, proof: answer.proof, outcome: 'open' };
    return sizedValue(answer.response, userName);
  }

  private respondToMsChapV2(bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
    const data = at + DATA_AT;
    if (end - data < MS_CHAP_V2_HEADER_OCTETS || readU16(bytes, data + 2) > end - data) return undefined;
    const { begun } = this;
    if (begun === undefined) {
      return bytes[data] === MsChapV2Op.challenge ? this.respondToChallenge(bytes, at, end) : undefined;
    }
    if (begun.type !== EapType.msChapV2 || begun.outcome !== 'open') return undefined;
    const text = data + MS_CHAP_V2_HEADER_OCTETS;
    const textEnd = data + readU16(bytes, data + 2);
    switch (bytes[data]) {
      case MsChapV2Op.success:
        return this.onProof(begun, startsWith(bytes, text, textEnd, begun.proof.message));
      case MsChapV2Op.failure: {
        const words = reasonIn(bytes, text, textEnd).slice(2);
        this.refused(words && `: ${msChapFailureInWords(words)}`);
        return Uint8Array.of(MsChapV2Op.failure);
      }
      default:
        return undefined;
    }
  }

  private respondToChallenge(bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
    const value = eapChallengeIn(bytes, at, end);
    const { userName = '', password = new Secret('') } = this.spec;
    const identifier = bytes[at + DATA_AT + 1];
    if (value === undefined) return undefined;
    const challenge = { identifier, value: new Uint8Array(value) };
    const answer = CHAP_KINDS.mschapv2.respond(challenge, userName, password, this.random);
    if (answer === undefined) return undefined;
    this.begun = { type: EapType.msChapV2, proof: answer.proof, outcome: 'open' };
    return msChapV2Data(MsChapV2Op.response, identifier, sizedValue(answer.response, userName));
  }

  /** RFC 2759 5: a peer that does not know our password either is not to be trusted. */
  private onProof(begun: Begun, proved: boolean): Uint8Array {
    if (proved) {
      begun.outcome = 'proved';
      return Uint8Array.of(MsChapV2Op.success);
    }
    this.fail('the peer could not prove that it knows our password', 'peerFailedAuth');
    return Uint8Array.of(MsChapV2Op.failure);
  }

  /** RFC 3748 4.2: only a verdict that could have come now. */
  private onVerdict(code: number, identifier: number): void {
    const { begun, response } = this;
    // RFC 3748 has our Response's identifier there; pppd counts on.
    const fits = identifier === this.identifier || identifier === ((this.identifier + 1) & 0xff);
    if (response === undefined || !fits) return;
    if (code === EapCode.success) {
      if (this.isComplete) this.pass();
    } else if (begun?.outcome !== 'proved') {
      this.refused('');
    }
  }

  /** Whether the method has said all that it has to say, and only a Success is due. */
  private get isComplete(): boolean {
    const { begun } = this;
    return begun !== undefined && (begun.type === EapType.md5 || begun.outcome === 'proved');
  }

  /** A network protocol of the peer's came: its Success may have been lost (RFC 3748 3.4, 7.12). */
  onNetwork(): void {
    if (this.state === 'waiting' && this.isComplete) this.pass();
  }

  private pass(): void {
    if (this.spec.mppe !== 'none') this.mppeKeys = this.begun?.proof.keys(false);
    this.state = 'passed';
    this.endConversation();
  }

  private refused(words: string): void {
    const told = words || this.notification;
    this.fail(`the peer refused our user name or password${told}`, 'weFailedAuth');
  }

  private fail(reason: string, cause: CauseName): void {
    this.state = 'failed';
    this.failure = ending(reason, cause, Protocol.eap);
    this.endConversation();
  }

  private endConversation(): void {
    this.timerAt = 0;
    this.response = undefined;
    this.begun = undefined;
    this.notification = '';
  }

  tick(): void {
    const { begun } = this;
    if (begun?.outcome === 'proved') {
      // RFC 3748 4.2: after success on both sides the Success may be missing.
      this.pass();
    } else if (this.state === 'passed') {
      // Who passed once may stay when a later verdict is missing: it is the peer's to end the link.
      this.endConversation();
    } else {
      const reason = this.response === undefined ? 'the peer sends no EAP request' : 'the peer gives no EAP verdict';
      this.fail(reason, 'authTimeout');
    }
  }
}

/** Whether a Request of this type is answered in its type, if at all; others are refused by a Nak. */
function isKnown(type: number): boolean {
  return type <= EapType.md5 || type === EapType.msChapV2;
}
