/**
 * The side of EAP that demands proof (RFC 3748). Whoever knows the users may judge for itself: then packets pass through
 * unread. Or it tells us the password, and we run a method of our own.
 */
import type { AuthenticateAnswer, Credentials } from '../../aaa.ts';
import type { Instant, Random } from '../../effects.ts';
import { Reader } from '../../wire/bytes.ts';
import type { Secret } from '../../wire/secret.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { CODE_AT, Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import {
  DATA_AT,
  EapCode,
  EapType,
  eapChallengeIn,
  eapFrame,
  eapPacketFrame,
  eapTypeName,
  eapVerdict,
  isEapRequest,
  TYPE_AT,
} from './eap.ts';
import { CHALLENGERS, type ChallengerType, challengerOf, type EapChallenger } from './eap-challenger.ts';
import { type Authenticator, isUndecided, MAX_NAME_OCTETS, NO_VERDICT, REFUSAL } from './exchange.ts';
import type { MppeKeys } from './mppe-keys.ts';

/** Requests in one conversation that passes through: certificates come in many pieces. */
const MAX_ROUNDS = 100;
/** How long one conversation may last altogether: the peer's user may have to type something in. */
const MAX_CONVERSATION_MS = 180_000;
/** Octets of a packet that passes through: what RADIUS has room for (RFC 2865 3: 4096 octets with all else). */
const MAX_PACKET_OCTETS = 3000;

/** Of those that a peer would rather use, in a message. */
const MAX_NAMED_TYPES = 8;

const NO_OCTETS: Uint8Array = new Uint8Array();

/** Who asks what now. */
type Stage =
  | { asks: 'identity' }
  /** Whoever knows the users. */
  | { asks: 'judge' }
  /** `begun`: the peer has answered in the method's type. */
  | { asks: 'us'; challenger: EapChallenger; password: Secret; begun: boolean; left: readonly ChallengerType[] };

export class EapAuthenticator implements Authenticator {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Authenticator['state'] = 'waiting';
  user = '';
  mppeKeys: MppeKeys | undefined = undefined;
  private readonly spec: PppSpec;
  private readonly random: Random;
  /** Whether the peer has passed before. */
  private admitted = false;
  private identifier: number;
  private stage: Stage = { asks: 'identity' };
  /** The frame that the peer has to answer. */
  private request: Uint8Array | undefined = undefined;
  private requestsSent = 0;
  private rounds = 0;
  private begunAt: Instant = 0;
  /** The peer's Response, while somebody else has to judge it. */
  private response = NO_OCTETS;
  /** The Success or Failure that we sent, for those who missed it. */
  private verdict: Uint8Array | undefined = undefined;

  constructor(spec: PppSpec, random: Random) {
    this.spec = spec;
    this.random = random;
    this.identifier = random.below(256);
  }

  get refusal(): Ending | undefined {
    const reason = this.stage.asks === 'us' ? this.stage.challenger.refusal : undefined;
    return reason === undefined ? undefined : ending(reason, 'peerFailedAuth', Protocol.eap);
  }

  get challenge(): Uint8Array | undefined {
    return this.request && eapChallengeIn(this.request, CODE_AT, this.request.length);
  }

  /** A conversation begins with who the peer is, each time. */
  start(now: Instant, out: FrameSink): void {
    this.stage = { asks: 'identity' };
    this.rounds = 0;
    this.begunAt = now;
    this.verdict = undefined;
    this.ask(EapType.identity, NO_OCTETS, now, out);
  }

  private ask(type: number, data: Uint8Array, now: Instant, out: FrameSink): void {
    this.identifier = (this.identifier + 1) & 0xff;
    this.send(eapFrame(EapCode.request, this.identifier, type, data), now, out);
  }

  private send(request: Uint8Array, now: Instant, out: FrameSink): void {
    this.state = 'waiting';
    this.request = request;
    this.requestsSent = 1;
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    out.push({ effect: 'frame', frame: request });
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < at + DATA_AT || bytes[at] !== EapCode.response || bytes[at + 1] !== this.identifier) return;
    // Nobody sends a verdict again unasked (RFC 3748 4.2), so it is said again to who asks.
    if (this.verdict !== undefined) out.push({ effect: 'frame', frame: this.verdict });
    if (this.state !== 'waiting') return;
    const type = bytes[at + TYPE_AT];
    switch (this.stage.asks) {
      case 'identity':
        if (type === EapType.identity) this.onIdentity(bytes, at, stop, now);
        break;
      case 'judge':
        this.passOn(bytes, at, stop, now);
        break;
      case 'us':
        if (type === EapType.nak) this.onNak(bytes, at, stop, now, out);
        else if (type === this.stage.challenger.type) this.onProof(bytes, at, stop, now, out);
        break;
    }
  }

  private onIdentity(bytes: Uint8Array, at: number, end: number, now: Instant): void {
    if (end - at - DATA_AT > MAX_NAME_OCTETS) return;
    this.user = new Reader(bytes, at + DATA_AT, end).text();
    this.passOn(bytes, at, end, now);
  }

  private passOn(bytes: Uint8Array, at: number, end: number, now: Instant): void {
    if (end - at > MAX_PACKET_OCTETS) return;
    this.response = new Uint8Array(bytes.subarray(at, end));
    this.request = undefined;
    this.state = 'asking';
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs * this.spec.chapMaxChallenge);
  }

  credentials(): Credentials {
    return { method: 'eap', packet: this.response };
  }

  answer(answer: AuthenticateAnswer, now: Instant, out: FrameSink): void {
    this.response = NO_OCTETS;
    if (this.admitted && isUndecided(answer)) {
      this.stay(now);
      return;
    }
    switch (answer.verdict) {
      case 'accept':
        if (this.spec.mppe !== 'none') this.mppeKeys = answer.mppeKeys;
        this.pass(now, out);
        break;
      case 'reject':
        this.refuse(answer.message || REFUSAL, out);
        break;
      case 'challenge':
        this.forward(answer.eap, now, out);
        break;
      case 'check':
        // Two methods in one conversation are one too many (RFC 3748 2.1).
        if (this.stage.asks === 'identity') this.challengeWith(CHALLENGERS, answer.secret, now, out);
        else this.refuse(NO_VERDICT, out);
        break;
    }
  }

  /** RFC 3748 2.3. */
  private forward(packet: Uint8Array, now: Instant, out: FrameSink): void {
    this.rounds++;
    if (!isEapRequest(packet) || packet.length > MAX_PACKET_OCTETS) {
      this.refuse('whoever knows the users sent no EAP request', out);
    } else if (this.rounds > MAX_ROUNDS) {
      this.refuse(`EAP does not end after ${MAX_ROUNDS} requests`, out);
    } else if (now - this.begunAt > MAX_CONVERSATION_MS) {
      this.refuse(`EAP does not end within ${MAX_CONVERSATION_MS / 1000} seconds`, out);
    } else {
      this.stage = { asks: 'judge' };
      this.identifier = packet[1];
      this.send(eapPacketFrame(packet), now, out);
    }
  }

  private challengeWith(types: readonly ChallengerType[], password: Secret, now: Instant, out: FrameSink): void {
    const [type, ...left] = types;
    const challenger = challengerOf(type, this.spec, this.random, this.user, password);
    this.stage = { asks: 'us', challenger, password, begun: false, left };
    this.ask(type, challenger.begin((this.identifier + 1) & 0xff), now, out);
  }

  /** RFC 3748 5.3.1: the peer names the methods that it would rather answer; before it has begun one. */
  private onNak(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const { stage } = this;
    if (stage.asks !== 'us' || stage.begun) return;
    const wishes = bytes.subarray(at + DATA_AT, end);
    const types = stage.left.filter((type) => wishes.includes(type));
    if (types.length > 0) {
      this.challengeWith(types, stage.password, now, out);
    } else {
      const refused = eapTypeName(stage.challenger.type);
      const offered = [...wishes.subarray(0, MAX_NAMED_TYPES)].filter((type) => type !== 0).map(eapTypeName);
      this.refuse(`the peer refused ${refused}, offered ${offered.join(', ') || 'no other'}`, out, 'authRefusedByPeer');
    }
  }

  private onProof(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const { stage } = this;
    if (stage.asks !== 'us') return;
    const step = stage.challenger.take(bytes.slice(at + DATA_AT, end));
    if (step === 'ignored') return;
    stage.begun = true;
    if ('next' in step) {
      this.ask(stage.challenger.type, step.next, now, out);
    } else if ('flaw' in step) {
      this.refuse(step.flaw, out);
    } else {
      if (this.spec.mppe !== 'none') this.mppeKeys = step.proof.keys(true);
      this.pass(now, out);
    }
  }

  /** RFC 3748 4.2: with the identifier of the Response, whatever the judge put there. */
  private conclude(code: number, out: FrameSink): void {
    this.forget();
    this.verdict = eapVerdict(code, this.identifier);
    out.push({ effect: 'frame', frame: this.verdict });
  }

  private pass(now: Instant, out: FrameSink): void {
    this.admitted = true;
    this.stay(now);
    this.conclude(EapCode.success, out);
  }

  /** Until the next conversation, if there is to be one. */
  private stay(now: Instant): void {
    this.state = 'passed';
    this.forget();
    this.timerAt = this.spec.chapIntervalMs > 0 ? Math.ceil(now + this.spec.chapIntervalMs) : 0;
  }

  private forget(): void {
    this.request = undefined;
    this.response = NO_OCTETS;
    this.stage = { asks: 'identity' };
  }

  private refuse(reason: string, out: FrameSink, cause: CauseName = 'peerFailedAuth'): void {
    this.fail(reason, cause);
    this.conclude(EapCode.failure, out);
  }

  private fail(reason: string, cause: CauseName): void {
    this.timerAt = 0;
    this.state = 'failed';
    this.failure = ending(reason, cause, Protocol.eap);
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.state === 'passed') {
      this.start(now, out);
    } else if (this.state === 'asking' && this.admitted) {
      this.stay(now);
    } else if (this.state === 'waiting' && this.request && this.requestsSent < this.spec.chapMaxChallenge) {
      // RFC 3748 4.1: the very same request.
      this.requestsSent++;
      this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
      out.push({ effect: 'frame', frame: this.request });
    } else {
      this.fail(this.state === 'asking' ? NO_VERDICT : 'the peer does not answer EAP requests', 'authTimeout');
    }
  }
}
