/** The side of CHAP that answers challenges (RFC 1994, RFC 2433, RFC 2759). */
import type { Instant, Random } from '../../effects.ts';
import { equalBytes } from '../../wire/bytes.ts';
import { Secret } from '../../wire/secret.ts';
import { reasonIn } from '../control-protocol.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { PACKET_HEADER_OCTETS, Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import { ChapCode, chapChallengeIn, chapFrame, startsWith } from './chap.ts';
import { CHAP_KINDS, type ChapMethod, type Proof } from './chap-kinds.ts';
import type { Login } from './exchange.ts';
import type { MppeKeys } from './mppe-keys.ts';
import { msChapFailureInWords } from './ms-chap-failure.ts';

/** Responses whose verdict may be due: challenges that come late, or twice, are answered too (RFC 1994 4.1). */
const MAX_ANSWERED = 4;

/** A response whose verdict may be due, and the challenge that it answers. */
interface Answered {
  readonly identifier: number;
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
  readonly proof: Proof;
}

const nothingAnswered: readonly Answered[] = [];

export class ChapLogin implements Login {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Login['state'] = 'waiting';
  mppeKeys: MppeKeys | undefined = undefined;
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly method: ChapMethod;
  /** The last one stands last. */
  private answered: readonly Answered[] = nothingAnswered;
  /** Of the challenge that had the last verdict. -1: none. */
  private settled = -1;
  /** Of responses sent unasked, the first ones included. */
  private rounds = 0;

  constructor(spec: PppSpec, random: Random, method: ChapMethod) {
    this.spec = spec;
    this.random = random;
    this.method = method;
  }

  /** Waits for the peer's challenge as long as we ourselves would try. */
  start(now: Instant): void {
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs * this.spec.chapMaxChallenge);
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || this.state === 'failed') return;
    switch (bytes[at]) {
      case ChapCode.challenge:
        this.onChallenge(bytes, at, stop, now, out);
        break;
      case ChapCode.success:
      case ChapCode.failure:
        this.onVerdict(bytes, at, stop);
        break;
    }
  }

  private onChallenge(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const value = chapChallengeIn(bytes, at, end);
    if (value === undefined) return;
    const identifier = bytes[at + 1];
    const same = this.answered.find((one) => one.identifier === identifier);
    // A late copy of an MS-CHAPv2 challenge that is already settled: a new peer challenge would not fit its Success.
    if (same === undefined && identifier === this.settled && this.method === 'mschapv2') return;
    if (same !== undefined && equalBytes(value, same.challenge)) {
      this.sendResponse(same, now, out);
      return;
    }
    const challenge = new Uint8Array(value);
    const { userName = '', password = new Secret('') } = this.spec;
    const answer = CHAP_KINDS[this.method].respond({ identifier, value: challenge }, userName, password, this.random);
    if (answer === undefined) return;
    const answered = { identifier, challenge, ...answer };
    this.answered = [...this.answered.filter((one) => one !== same), answered].slice(-MAX_ANSWERED);
    this.rounds = 1;
    this.sendResponse(answered, now, out);
  }

  /** Repeated until there is a verdict: RFC 1994 4.1 lets the authenticator say it again. */
  private sendResponse({ identifier, response }: Answered, now: Instant, out: FrameSink): void {
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    const frame = chapFrame(ChapCode.response, identifier, response, this.spec.userName ?? '');
    out.push({ effect: 'frame', frame });
  }

  private onVerdict(bytes: Uint8Array, at: number, end: number): void {
    const identifier = bytes[at + 1];
    const answered = this.answered.find((one) => one.identifier === identifier);
    if (answered === undefined) return;
    this.timerAt = 0;
    this.answered = nothingAnswered;
    this.settled = identifier;
    const text = at + PACKET_HEADER_OCTETS;
    if (bytes[at] === ChapCode.failure) {
      this.fail(`the peer refused our user name or password${this.failureIn(bytes, text, end)}`, 'weFailedAuth');
    } else if (!startsWith(bytes, text, end, answered.proof.message)) {
      // RFC 2759 5: the peer does not know our password either.
      this.fail('the peer could not prove that it knows our password', 'peerFailedAuth');
    } else {
      this.state = 'passed';
      if (this.spec.mppe !== 'none') this.mppeKeys = answered.proof.keys(false);
    }
  }

  private failureIn(bytes: Uint8Array, at: number, end: number): string {
    const said = reasonIn(bytes, at, end);
    return said === '' || this.method === 'chap' ? said : `: ${msChapFailureInWords(said.slice(2))}`;
  }

  private fail(reason: string, cause: CauseName): void {
    this.state = 'failed';
    this.failure = ending(reason, cause, Protocol.chap);
  }

  tick(now: Instant, out: FrameSink): void {
    const { answered } = this;
    if (answered.length > 0 && this.rounds < this.spec.chapMaxChallenge) {
      this.rounds++;
      for (const one of answered) this.sendResponse(one, now, out);
      return;
    }
    this.timerAt = 0;
    // Who passed once may stay when a later verdict is missing: it is the peer's to end the link.
    if (this.state === 'passed') {
      this.answered = nothingAnswered;
      return;
    }
    const reason = answered.length > 0 ? 'the peer gives no CHAP verdict' : 'the peer sends no CHAP challenge';
    this.fail(reason, 'authTimeout');
  }
}
