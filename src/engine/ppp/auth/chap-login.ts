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

/** A response whose verdict is due, and the challenge that it answers. */
interface Answered {
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
  readonly proof: Proof;
}

export class ChapLogin implements Login {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Login['state'] = 'waiting';
  mppeKeys: MppeKeys | undefined = undefined;
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly method: ChapMethod;
  /** Of the challenge that we answered last. -1: none. */
  private identifier = -1;
  private answered: Answered | undefined = undefined;
  private responsesSent = 0;

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
        if (bytes[at + 1] === this.identifier) this.onVerdict(bytes, at, stop);
        break;
    }
  }

  private onChallenge(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const value = chapChallengeIn(bytes, at, end);
    if (value === undefined) return;
    const identifier = bytes[at + 1];
    const again = identifier === this.identifier;
    // A late copy of an MS-CHAPv2 challenge that is already settled: a new peer challenge would not fit its Success.
    if (again && this.answered === undefined && this.method === 'mschapv2') return;
    const repeated = again && this.answered !== undefined && equalBytes(value, this.answered.challenge);
    if (!repeated) {
      const challenge = new Uint8Array(value);
      const { userName = '', password = new Secret('') } = this.spec;
      const answer = CHAP_KINDS[this.method].respond({ identifier, value: challenge }, userName, password, this.random);
      if (answer === undefined) return;
      this.identifier = identifier;
      this.answered = { challenge, ...answer };
      this.responsesSent = 0;
    }
    this.sendResponse(now, out);
  }

  /** Repeated until there is a verdict: RFC 1994 4.1 lets the authenticator say it again. */
  private sendResponse(now: Instant, out: FrameSink): void {
    if (this.answered === undefined) return;
    this.responsesSent++;
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    const frame = chapFrame(ChapCode.response, this.identifier, this.answered.response, this.spec.userName ?? '');
    out.push({ effect: 'frame', frame });
  }

  private onVerdict(bytes: Uint8Array, at: number, end: number): void {
    const { answered } = this;
    if (answered === undefined) return;
    this.timerAt = 0;
    this.answered = undefined;
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
    if (this.answered !== undefined && this.responsesSent < this.spec.chapMaxChallenge) {
      this.sendResponse(now, out);
      return;
    }
    this.timerAt = 0;
    // Who passed once may stay when a later verdict is missing: it is the peer's to end the link.
    if (this.state === 'passed') return;
    this.fail(this.answered ? 'the peer gives no CHAP verdict' : 'the peer sends no CHAP challenge', 'authTimeout');
  }
}
