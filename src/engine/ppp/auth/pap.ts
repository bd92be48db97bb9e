/** The Password Authentication Protocol (RFC 1334 2). */
import type { AuthenticateAnswer, Credentials } from '../../aaa.ts';
import type { Instant, Random } from '../../effects.ts';
import { Reader } from '../../wire/bytes.ts';
import { Secret } from '../../wire/secret.ts';
import { reasonIn } from '../control-protocol.ts';
import { type CauseName, type Ending, ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { frameWriter, PACKET_HEADER_OCTETS, Protocol, packetEnd } from '../frame.ts';
import type { PppSpec } from '../spec.ts';
import {
  type Authenticator,
  type CapturedPap,
  type Login,
  MAX_NAME_OCTETS,
  NO_ROUNDS,
  NO_VERDICT,
  REFUSAL,
  shortText,
} from './exchange.ts';

const Code = { request: 1, ack: 2, nak: 3 } as const;

export class PapAuthenticator implements Authenticator {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Authenticator['state'] = 'waiting';
  user = '';
  private readonly spec: PppSpec;
  private password: Secret | undefined = undefined;
  /** Of the request to answer. Undefined: none. */
  private identifier: number | undefined = undefined;
  /** What a refused peer is told. */
  private message = REFUSAL;

  constructor(spec: PppSpec) {
    this.spec = spec;
  }

  start(now: Instant): void {
    const { papTimeoutMs, papRestartMs, papMaxRequests } = this.spec;
    this.timerAt = Math.ceil(now + (papTimeoutMs || papRestartMs * papMaxRequests));
  }

  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || bytes[at] !== Code.request) return;
    const nameAt = at + PACKET_HEADER_OCTETS + 1;
    const passwordAt = nameAt + (nameAt <= stop ? bytes[nameAt - 1] : 0) + 1;
    if (passwordAt > stop || passwordAt + bytes[passwordAt - 1] > stop) return;
    this.identifier = bytes[at + 1];
    // RFC 1334 2.2.1: the answer may have been lost; who asks again is told the same.
    if (this.state === 'passed' || this.state === 'failed') this.reply(out);
    if (this.state !== 'waiting') return;
    this.user = new Reader(bytes, nameAt, passwordAt - 1).text();
    this.password = new Secret(bytes.slice(passwordAt, passwordAt + bytes[passwordAt - 1]));
    this.state = 'asking';
    this.start(now);
  }

  /** Goes on with a request that a LAC has taken. */
  takeOver({ user, identifier, password }: CapturedPap, now: Instant): void {
    this.user = user;
    this.identifier = identifier;
    this.password = password;
    this.state = 'asking';
    this.start(now);
  }

  /** The request, for somebody else to judge. */
  handOver(): CapturedPap {
    return { method: 'pap', user: this.user, identifier: this.identifier, password: this.password ?? new Secret('') };
  }

  credentials(): Credentials {
    return { method: 'pap', password: this.password ?? new Secret('') };
  }

  answer(answer: AuthenticateAnswer, _now: Instant, out: FrameSink): void {
    const flaw = this.judge(answer);
    if (flaw !== undefined) this.failure = failed(flaw, 'peerFailedAuth');
    if (answer.verdict === 'reject' && answer.reply) this.message = answer.reply;
    this.timerAt = 0;
    this.state = flaw === undefined ? 'passed' : 'failed';
    this.password = undefined;
    this.reply(out);
  }

  /** Why the peer fails, or undefined when it passes. */
  private judge(answer: AuthenticateAnswer): string | undefined {
    switch (answer.verdict) {
      case 'accept':
        return undefined;
      case 'check':
        return answer.secret.equals(this.password ?? new Secret('')) ? undefined : 'wrong password';
      case 'challenge':
        return NO_ROUNDS;
      case 'reject':
        return answer.message || REFUSAL;
    }
  }

  private reply(out: FrameSink): void {
    if (this.identifier === undefined) return;
    const passed = this.state === 'passed';
    const message = shortText(passed ? '' : this.message);
    frameWriter.packet(Protocol.pap, passed ? Code.ack : Code.nak, this.identifier);
    out.push({ effect: 'frame', frame: frameWriter.u8(message.length).octets(message).finish() });
  }

  tick(): void {
    this.timerAt = 0;
    this.failure = failed(this.state === 'asking' ? NO_VERDICT : 'the peer sends no PAP request', 'authTimeout');
    this.state = 'failed';
  }
}

export class PapLogin implements Login {
  timerAt: Instant = 0;
  failure: Ending | undefined = undefined;
  state: Login['state'] = 'waiting';
  private readonly spec: PppSpec;
  private sent = 0;
  private identifier: number;

  constructor(spec: PppSpec, random: Random) {
    this.spec = spec;
    this.identifier = random.below(256);
  }

  start(now: Instant, out: FrameSink): void {
    const { userName, password, papRestartMs } = this.spec;
    this.sent++;
    this.identifier = (this.identifier + 1) & 0xff;
    this.timerAt = Math.ceil(now + papRestartMs);
    // RFC 1334 2.2.1: another identifier for each request.
    frameWriter.packet(Protocol.pap, Code.request, this.identifier);
    writeField(userName === undefined ? new Uint8Array() : new TextEncoder().encode(userName));
    writeField(password?.reveal() ?? new Uint8Array());
    out.push({ effect: 'frame', frame: frameWriter.finish() });
  }

  receive(bytes: Uint8Array, at: number, end: number): void {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || this.state !== 'waiting') return;
    // An answer that is late by a few requests answers all the same.
    const ago = (this.identifier - bytes[at + 1]) & 0xff;
    if (ago >= this.sent || (bytes[at] !== Code.ack && bytes[at] !== Code.nak)) return;
    this.timerAt = 0;
    this.state = bytes[at] === Code.ack ? 'passed' : 'failed';
    if (this.state === 'passed') return;
    const words = reasonIn(bytes, at + PACKET_HEADER_OCTETS + 1, stop);
    this.failure = failed(`the peer refused our user name or password${words}`, 'weFailedAuth');
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.sent < this.spec.papMaxRequests) {
      this.start(now, out);
      return;
    }
    this.timerAt = 0;
    this.state = 'failed';
    this.failure = failed('the peer does not answer PAP requests', 'authTimeout');
  }
}

function failed(reason: string, cause: CauseName): Ending {
  return ending(reason, cause, Protocol.pap);
}

function writeField(value: Uint8Array): void {
  const octets = Math.min(value.length, MAX_NAME_OCTETS);
  frameWriter.u8(octets).octets(value, 0, octets);
}
