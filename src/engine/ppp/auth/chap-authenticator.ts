/** The side of CHAP that challenges, with MD5 (RFC 1994) and as Microsoft has it (RFC 2433, RFC 2759). */
import type { AuthenticateAnswer, Credentials } from '../../aaa.ts';
import type { Instant, Random } from '../../effects.ts';
import { Reader } from '../../wire/bytes.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { CODE_AT, frameWriter, PACKET_HEADER_OCTETS, Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import { ChapCode, chapFrame, nameAfterValue, VALUE_AT } from './chap.ts';
import { CHAP_KINDS, type ChapKind, type ChapMethod, type Proof, refusalText } from './chap-kinds.ts';
import {
  type Authenticator,
  type CapturedChap,
  isUndecided,
  NO_ROUNDS,
  NO_VERDICT,
  REFUSAL,
  shortText,
} from './exchange.ts';
import type { MppeKeys } from './mppe-keys.ts';
import { MsChapError, type MsChapFailure, readMsChapFailure, withoutRetry } from './ms-chap-failure.ts';

/** Passwords that a user may try (RFC 2433 11), a new one in place of an expired one included. */
const MAX_TRIES = 3;
/** RFC 2433 8, RFC 2759 6: how long a user may look for another password. */
const RETRY_MS = 60_000;

const NO_OCTETS: Uint8Array = new Uint8Array();

/** What came of an answer: `said` is what the peer is told. */
type Judgement = { proof: Proof } | { flaw: string; said: string };

/** What the peer may do after a Failure, and why the link ends if it does not. */
interface Retry {
  readonly why: string;
  readonly mayRespond: boolean;
  readonly mayChange: boolean;
}

export class ChapAuthenticator implements Authenticator {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Authenticator['state'] = 'waiting';
  user = '';
  mppeKeys: MppeKeys | undefined = undefined;
  challenge: Uint8Array | undefined = undefined;
  private readonly spec: PppSpec;
  private readonly random: Random;
  /** Whether the peer has passed before. */
  private admitted = false;
  private readonly method: ChapMethod;
  private identifier: number;
  private challengesSent = 0;
  private triesLeft = MAX_TRIES;
  private retry: Retry | undefined = undefined;
  /** What the peer answered, while that wants a verdict: a Response's value, or the data of a Change-Password packet. */
  private value = NO_OCTETS;
  private changesPassword = false;
  /** The Success or Failure that we sent last, for those who missed it. */
  private verdict: Uint8Array | undefined = undefined;

  constructor(spec: PppSpec, random: Random, method: ChapMethod) {
    this.spec = spec;
    this.random = random;
    this.method = method;
    this.identifier = random.below(256);
  }

  get refusal(): Ending | undefined {
    return this.retry && this.state === 'waiting' ? ending(this.retry.why, 'peerFailedAuth', Protocol.chap) : undefined;
  }

  private get kind(): ChapKind {
    return CHAP_KINDS[this.method];
  }

  start(now: Instant, out: FrameSink): void {
    this.challengesSent = 0;
    this.sendChallenge(now, out);
  }

  /** RFC 1994 4.1: each Challenge has an identifier and a value of its own. */
  private sendChallenge(now: Instant, out: FrameSink): void {
    this.state = 'waiting';
    this.verdict = undefined;
    this.identifier = (this.identifier + 1) & 0xff;
    this.challenge = this.random.bytes(this.kind.challengeOctets);
    this.challengesSent++;
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    const frame = chapFrame(ChapCode.challenge, this.identifier, this.challenge, this.spec.localName);
    out.push({ effect: 'frame', frame });
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0) return;
    switch (bytes[at]) {
      case ChapCode.response:
        this.onResponse(bytes, at, stop, now, out);
        break;
      case ChapCode.changePassword1:
      case ChapCode.changePassword2:
      case ChapCode.changePassword3:
        this.onNewPassword(bytes, at, stop, now, out);
        break;
    }
  }

  private onResponse(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const name = nameAfterValue(bytes, at + PACKET_HEADER_OCTETS, end);
    if (name < 0 || this.repeats(bytes[at + 1], out) || !this.awaits(bytes[at + 1])) return;
    if (this.retry?.mayRespond === false || name - at - VALUE_AT !== this.kind.responseOctets) return;
    this.user = new Reader(bytes, name, end).text();
    this.take(bytes.slice(at + VALUE_AT, name), false, now);
  }

  private onNewPassword(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const [code, identifier] = [bytes[at], bytes[at + 1]];
    if (this.repeats(identifier, out) || !this.awaits(identifier) || !this.retry?.mayChange) return;
    const form = this.kind.microsoft?.newPassword;
    const data = at + PACKET_HEADER_OCTETS;
    if (code === form?.code && end - data === form.octets) {
      this.take(bytes.slice(data, end), true, now);
    } else if (code === ChapCode.changePassword1 && this.method === 'mschapv1') {
      const flaw = 'the peer wants to change its password in a way that shows it';
      this.refuse({ flaw, said: this.textOf(MsChapError.changingPassword) }, now, out);
    }
  }

  private awaits(identifier: number): boolean {
    return this.state === 'waiting' && identifier === this.identifier;
  }

  /** RFC 1994 4.1: who answers the same challenge again is told the same. */
  private repeats(identifier: number, out: FrameSink): boolean {
    const { verdict } = this;
    if (verdict === undefined || verdict[CODE_AT + 1] !== identifier) return false;
    out.push({ effect: 'frame', frame: verdict });
    return true;
  }

  private take(value: Uint8Array, changesPassword: boolean, now: Instant): void {
    this.value = value;
    this.changesPassword = changesPassword;
    this.state = 'asking';
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs * this.spec.chapMaxChallenge);
  }

  /** Goes on with a Response to a LAC's Challenge. */
  takeOver({ user, identifier, challenge, response }: CapturedChap, now: Instant): void {
    this.user = user;
    this.identifier = identifier;
    this.challenge = challenge;
    this.take(response, false, now);
  }

  /** The Response to a Challenge with MD5, for somebody else to judge. */
  handOver(): CapturedChap {
    const { user, identifier, challenge = NO_OCTETS, value } = this;
    return { method: 'chap', user, identifier, challenge, response: value };
  }

  credentials(): Credentials {
    const { identifier, challenge = NO_OCTETS, value, kind } = this;
    if (this.changesPassword && kind.microsoft !== undefined) {
      return { method: kind.microsoft.newPassword.method, identifier, challenge, data: value };
    }
    return kind.credentials({ identifier, value: challenge }, value);
  }

  answer(answer: AuthenticateAnswer, now: Instant, out: FrameSink): void {
    if (this.admitted && isUndecided(answer)) {
      this.stay(now);
      return;
    }
    const judgement = this.judge(answer);
    this.value = NO_OCTETS;
    if ('flaw' in judgement) {
      this.refuse(judgement, now, out);
      return;
    }
    if (this.spec.mppe !== 'none') this.mppeKeys = judgement.proof.keys(true);
    this.admitted = true;
    this.triesLeft = 0;
    this.retry = undefined;
    this.stay(now);
    this.reply(ChapCode.success, judgement.proof.message, out);
  }

  /** Until the next challenge, if there is to be one. */
  private stay(now: Instant): void {
    this.state = 'passed';
    this.value = NO_OCTETS;
    this.challenge = undefined;
    this.timerAt = this.spec.chapIntervalMs > 0 ? Math.ceil(now + this.spec.chapIntervalMs) : 0;
  }

  private judge(answer: AuthenticateAnswer): Judgement {
    const { kind, challenge = NO_OCTETS, identifier } = this;
    switch (answer.verdict) {
      case 'reject': {
        const said = kind.microsoft === undefined ? undefined : answer.msChapError;
        const error = this.changesPassword ? MsChapError.changingPassword : MsChapError.authenticationFailure;
        return { flaw: answer.message || REFUSAL, said: said ?? this.textOf(error, answer.reply) };
      }
      case 'challenge':
        return { flaw: NO_ROUNDS, said: this.textOf(MsChapError.authenticationFailure) };
      case 'accept': {
        const { authenticatorResponse, mppeKeys } = answer;
        if (this.method === 'mschapv2' && authenticatorResponse === undefined) {
          const flaw = 'nobody gave an authenticator response';
          return { flaw, said: this.textOf(MsChapError.authenticationFailure) };
        }
        const message = this.method === 'mschapv2' ? (authenticatorResponse ?? '') : '';
        return { proof: { message, keys: () => mppeKeys } };
      }
      case 'check': {
        if (this.changesPassword) {
          const flaw = 'the password cannot be changed here';
          return { flaw, said: this.textOf(MsChapError.changingPassword) };
        }
        const proof = kind.check({ identifier, value: challenge }, this.value, this.user, answer.secret);
        return proof ? { proof } : { flaw: 'wrong password', said: this.textOf(MsChapError.authenticationFailure) };
      }
    }
  }

  private textOf(error: number, words?: string): string {
    return refusalText(this.kind, this.challenge ?? NO_OCTETS, error, words);
  }

  /** Fails the peer, or lets it try again if that is what it is told and it has not tried too often. */
  private refuse({ flaw, said }: { flaw: string; said: string }, now: Instant, out: FrameSink): void {
    if (this.triesLeft > 0) this.triesLeft--;
    const failure = this.kind.microsoft && readMsChapFailure(said);
    const retry = failure && this.retryAfter(failure, flaw);
    this.reply(ChapCode.failure, failure && !retry?.mayRespond ? withoutRetry(said) : said, out);
    this.retry = retry;
    if (retry === undefined || failure === undefined) {
      this.fail(flaw, 'peerFailedAuth');
      return;
    }
    this.state = 'waiting';
    // RFC 2433 B.1, RFC 2759 7: each try counts the identifier on.
    this.identifier = (this.identifier + 1) & 0xff;
    this.challenge = this.kind.microsoft?.next(this.challenge ?? NO_OCTETS, failure.challenge, failure.error);
    this.timerAt = Math.ceil(now + RETRY_MS);
  }

  /** RFC 2433 B.1: no try follows a change of the password. */
  private retryAfter({ error, retry }: MsChapFailure, why: string): Retry | undefined {
    if (this.triesLeft === 0 || this.changesPassword) return undefined;
    const mayChange = error === MsChapError.passwordExpired;
    return retry || mayChange ? { why, mayRespond: retry, mayChange } : undefined;
  }

  private reply(code: number, message: string, out: FrameSink): void {
    frameWriter.packet(Protocol.chap, code, this.identifier);
    this.verdict = frameWriter.octets(shortText(message)).finish();
    out.push({ effect: 'frame', frame: this.verdict });
  }

  private fail(reason: string, cause: CauseName): void {
    this.timerAt = 0;
    this.challenge = undefined;
    this.state = 'failed';
    this.failure = ending(reason, cause, Protocol.chap);
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.state === 'passed') this.start(now, out);
    else if (this.state === 'asking' && this.admitted) this.stay(now);
    else if (this.state === 'asking') this.fail(NO_VERDICT, 'authTimeout');
    else if (this.retry !== undefined) this.fail(this.retry.why, 'peerFailedAuth');
    else if (this.challengesSent < this.spec.chapMaxChallenge) this.sendChallenge(now, out);
    else this.fail('the peer does not answer CHAP challenges', 'authTimeout');
  }
}
