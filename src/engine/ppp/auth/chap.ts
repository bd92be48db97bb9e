/** The Challenge Handshake Authentication Protocol with MD5 (RFC 1994) and as MS-CHAPv2 (RFC 2759). */
import { createHash } from 'node:crypto';
import type { Instant, Random } from '../../effects.ts';
import type { AuthenticateAnswer, Credentials } from '../../ports.ts';
import { equalBytes, Reader } from '../../wire/bytes.ts';
import { Secret } from '../../wire/secret.ts';
import { reasonIn } from '../control-protocol.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { frameWriter, PACKET_HEADER_OCTETS, Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import { type Authenticator, type CapturedChap, type Login, MAX_NAME_OCTETS, NO_VERDICT, REFUSAL } from './exchange.ts';
import { authenticatorResponse, CHALLENGE_OCTETS, NT_RESPONSE_OCTETS, ntResponse } from './mschapv2.ts';

const Code = { challenge: 1, response: 2, success: 3, failure: 4 } as const;

export type ChapMethod = 'chap' | 'mschapv2';

export const MD5_OCTETS = 16;
/** Peer challenge, eight zeros, NT response, flags (RFC 2759 4). */
const MS_VALUE_OCTETS = CHALLENGE_OCTETS + 8 + NT_RESPONSE_OCTETS + 1;
const NT_RESPONSE_AT = CHALLENGE_OCTETS + 8;

/** RFC 1994 4.1's response value. */
function md5Response(identifier: number, secret: Secret, challenge: Uint8Array): Uint8Array {
  const hash = createHash('md5').update(Uint8Array.of(identifier)).update(secret.reveal()).update(challenge);
  return hash.digest();
}

function writeValue(code: number, identifier: number, value: Uint8Array, name: string): Uint8Array {
  frameWriter.packet(Protocol.chap, code, identifier);
  return frameWriter.u8(value.length).octets(value).text(name).finish();
}

/** Where the name of a Challenge or Response begins, or -1 when value or name have a length that cannot be. */
function nameAt(bytes: Uint8Array, at: number, end: number): number {
  const sizeAt = at + PACKET_HEADER_OCTETS;
  if (sizeAt >= end || bytes[sizeAt] === 0) return -1;
  const name = sizeAt + 1 + bytes[sizeAt];
  return name > end || end - name > MAX_NAME_OCTETS ? -1 : name;
}

export class ChapAuthenticator implements Authenticator {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Authenticator['state'] = 'waiting';
  user = '';
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly method: ChapMethod;
  private identifier: number;
  private challenge: Uint8Array | undefined = undefined;
  private challengesSent = 0;
  private value: Uint8Array | undefined = undefined;
  /** The message of the Success or Failure that we sent, for those who missed it. */
  private message = '';

  constructor(spec: PppSpec, random: Random, method: ChapMethod) {
    this.spec = spec;
    this.random = random;
    this.method = method;
    this.identifier = random.below(256);
  }

  start(now: Instant, out: FrameSink): void {
    this.challengesSent = 0;
    this.sendChallenge(now, out);
  }

  /** RFC 1994 4.1: each Challenge has an identifier and a value of its own. */
  private sendChallenge(now: Instant, out: FrameSink): void {
    this.state = 'waiting';
    this.value = undefined;
    this.identifier = (this.identifier + 1) & 0xff;
    this.challenge = this.random.bytes(CHALLENGE_OCTETS);
    this.challengesSent++;
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    out.push({
      effect: 'frame',
      frame: writeValue(Code.challenge, this.identifier, this.challenge, this.spec.localName),
    });
  }

  /** Whether a packet is a Challenge with the value of our own open one. */
  isOwn(bytes: Uint8Array, at: number, end: number): boolean {
    const stop = packetEnd(bytes, at, end);
    const name = stop < 0 || bytes[at] !== Code.challenge ? -1 : nameAt(bytes, at, stop);
    if (name < 0 || this.challenge === undefined) return false;
    return equalBytes(bytes.subarray(at + PACKET_HEADER_OCTETS + 1, name), this.challenge);
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || bytes[at] !== Code.response || bytes[at + 1] !== this.identifier) return;
    const name = nameAt(bytes, at, stop);
    if (name < 0) return;
    // RFC 1994 4.1: who answers the same challenge again is told the same.
    if (this.state === 'passed' || this.state === 'failed') this.reply(out);
    if (this.state !== 'waiting') return;
    const value = bytes.slice(at + PACKET_HEADER_OCTETS + 1, name);
    if (value.length !== (this.method === 'chap' ? MD5_OCTETS : MS_VALUE_OCTETS)) return;
    this.user = new Reader(bytes, name, stop).text();
    this.value = value;
    this.ask(now);
  }

  private ask(now: Instant): void {
    this.state = 'asking';
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs * this.spec.chapMaxChallenge);
  }

  /** Goes on with a Response to a LAC's Challenge. */
  takeOver({ user, identifier, challenge, response }: CapturedChap, now: Instant): void {
    this.user = user;
    this.identifier = identifier;
    this.challenge = challenge;
    this.value = response;
    this.ask(now);
  }

  /** The Response to a Challenge with MD5, for somebody else to judge. */
  handOver(): CapturedChap {
    const { user, identifier, challenge, value } = this;
    return {
      method: 'chap',
      user,
      identifier,
      challenge: challenge ?? new Uint8Array(),
      response: value ?? new Uint8Array(),
    };
  }

  credentials(): Credentials {
    const { identifier, method } = this;
    const challenge = this.challenge ?? new Uint8Array();
    const value = this.value ?? new Uint8Array();
    if (method === 'chap') return { method, identifier, challenge, response: value };
    const peerChallenge = value.subarray(0, CHALLENGE_OCTETS);
    const response = value.subarray(NT_RESPONSE_AT, NT_RESPONSE_AT + NT_RESPONSE_OCTETS);
    return { method, identifier, challenge, peerChallenge, response };
  }

  answer(answer: AuthenticateAnswer, now: Instant, out: FrameSink): void {
    const flaw = this.judge(answer);
    this.failure = flaw === undefined ? undefined : failed(flaw, 'peerFailedAuth');
    this.state = flaw === undefined ? 'passed' : 'failed';
    if (this.state === 'failed') this.message = this.refusal();
    this.challenge = undefined;
    this.value = undefined;
    const again = this.state === 'passed' && this.spec.chapIntervalMs > 0;
    this.timerAt = again ? Math.ceil(now + this.spec.chapIntervalMs) : 0;
    this.reply(out);
  }

  /** Why the peer fails, or undefined when it passes. Sets a Success's message. */
  private judge(answer: AuthenticateAnswer): string | undefined {
    const credentials = this.credentials();
    if (answer.verdict === 'reject') return answer.message || REFUSAL;
    if (credentials.method === 'pap') return REFUSAL;
    this.message = '';
    if (credentials.method === 'chap') {
      if (answer.verdict === 'accept') return undefined;
      const expected = md5Response(credentials.identifier, answer.secret, credentials.challenge);
      return equalBytes(expected, credentials.response) ? undefined : 'wrong password';
    }
    if (answer.verdict === 'accept') {
      if (answer.authenticatorResponse === undefined) return 'nobody gave an authenticator response';
      this.message = answer.authenticatorResponse;
      return undefined;
    }
    const { challenge: authenticatorChallenge, peerChallenge, response } = credentials;
    const exchange = { authenticatorChallenge, peerChallenge, user: this.user, password: answer.secret };
    if (!equalBytes(ntResponse(exchange), response)) return 'wrong password';
    this.message = `${authenticatorResponse(exchange, response)} M=welcome`;
    return undefined;
  }

  /** RFC 2759 6: error 691 (authentication failure), no retry, the challenge, version 3. */
  private refusal(): string {
    if (this.method === 'chap') return REFUSAL;
    const challenge = Buffer.from(this.challenge ?? new Uint8Array(CHALLENGE_OCTETS)).toString('hex');
    return `E=691 R=0 C=${challenge.toUpperCase()} V=3 M=${REFUSAL}`;
  }

  private reply(out: FrameSink): void {
    frameWriter.packet(Protocol.chap, this.state === 'passed' ? Code.success : Code.failure, this.identifier);
    out.push({ effect: 'frame', frame: frameWriter.text(this.message).finish() });
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.state === 'passed') {
      this.start(now, out);
    } else if (this.state === 'waiting' && this.challengesSent < this.spec.chapMaxChallenge) {
      this.sendChallenge(now, out);
    } else {
      this.timerAt = 0;
      const reason = this.state === 'asking' ? NO_VERDICT : 'the peer does not answer CHAP challenges';
      this.failure = failed(reason, 'authTimeout');
      this.state = 'failed';
    }
  }
}

export class ChapLogin implements Login {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Login['state'] = 'waiting';
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly method: ChapMethod;
  /** Of the challenge that we answered last. -1: none. */
  private identifier = -1;
  /** What an MS-CHAPv2 Success must begin with, while one is due. */
  private expected: string | undefined = undefined;
  /** Our last response while its verdict is due, and the challenge that it answers. */
  private response: Uint8Array | undefined = undefined;
  private challenge: Uint8Array | undefined = undefined;
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
      case Code.challenge:
        this.onChallenge(bytes, at, stop, now, out);
        break;
      case Code.success:
      case Code.failure:
        if (this.response !== undefined && bytes[at + 1] === this.identifier) this.onVerdict(bytes, at, stop);
        break;
    }
  }

  private onChallenge(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const name = nameAt(bytes, at, end);
    if (name < 0) return;
    const challenge = bytes.slice(at + PACKET_HEADER_OCTETS + 1, name);
    if (this.method === 'mschapv2' && challenge.length !== CHALLENGE_OCTETS) return;
    const again = bytes[at + 1] === this.identifier;
    // A late copy of an MS-CHAPv2 challenge that is already settled: a new peer challenge would not fit its Success.
    if (again && this.response === undefined && this.method === 'mschapv2') return;
    const repeated = again && this.challenge !== undefined && equalBytes(challenge, this.challenge);
    if (!repeated || this.response === undefined) {
      this.identifier = bytes[at + 1];
      this.challenge = challenge;
      this.response = this.respond(challenge);
      this.responsesSent = 0;
    }
    this.sendResponse(this.response, now, out);
  }

  /** Repeated until there is a verdict: RFC 1994 4.1 lets the authenticator say it again. */
  private sendResponse(response: Uint8Array, now: Instant, out: FrameSink): void {
    this.responsesSent++;
    this.timerAt = Math.ceil(now + this.spec.chapRestartMs);
    const frame = writeValue(Code.response, this.identifier, response, this.spec.userName ?? '');
    out.push({ effect: 'frame', frame });
  }

  private respond(challenge: Uint8Array): Uint8Array {
    const password = this.spec.password ?? new Secret('');
    if (this.method === 'chap') return md5Response(this.identifier, password, challenge);
    const peerChallenge = this.random.bytes(CHALLENGE_OCTETS);
    const user = this.spec.userName ?? '';
    const exchange = { authenticatorChallenge: challenge, peerChallenge, user, password };
    const response = ntResponse(exchange);
    this.expected = authenticatorResponse(exchange, response);
    const value = new Uint8Array(MS_VALUE_OCTETS);
    value.set(peerChallenge);
    value.set(response, NT_RESPONSE_AT);
    return value;
  }

  private onVerdict(bytes: Uint8Array, at: number, end: number): void {
    const text = at + PACKET_HEADER_OCTETS;
    if (bytes[at] === Code.failure) {
      this.state = 'failed';
      const words = failureIn(reasonIn(bytes, text, end));
      this.failure = failed(`the peer refused our user name or password${words}`, 'weFailedAuth');
    } else if (this.expected !== undefined && !startsWith(bytes, text, end, this.expected)) {
      // RFC 2759 5: the peer does not know our password either.
      this.state = 'failed';
      this.failure = failed('the peer could not prove that it knows our password', 'peerFailedAuth');
    } else {
      this.state = 'passed';
    }
    this.timerAt = 0;
    this.expected = undefined;
    this.response = undefined;
    this.challenge = undefined;
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.response !== undefined && this.responsesSent < this.spec.chapMaxChallenge) {
      this.sendResponse(this.response, now, out);
      return;
    }
    this.timerAt = 0;
    // Who passed once may stay when a later verdict is missing: it is the peer's to end the link.
    if (this.state === 'passed') return;
    const reason = this.response === undefined ? 'the peer sends no CHAP challenge' : 'the peer gives no CHAP verdict';
    this.failure = failed(reason, 'authTimeout');
    this.state = 'failed';
  }
}

function failed(reason: string, cause: CauseName): Ending {
  return ending(reason, cause, Protocol.chap);
}

function startsWith(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  const wanted = new TextEncoder().encode(text);
  return end - at >= wanted.length && equalBytes(bytes.slice(at, at + wanted.length), wanted);
}

/** RFC 2759 6: of an MS-CHAPv2 failure its message and error number, not the challenge; other text as it is. */
function failureIn(reason: string): string {
  const [, error] = /E=(\d+)/.exec(reason) ?? [];
  if (error === undefined) return reason;
  const [, message] = / M=(.*)$/.exec(reason) ?? [];
  return message ? `: ${message} (error ${error})` : `: error ${error}`;
}
