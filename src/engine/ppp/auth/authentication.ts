/** The authentication phase (RFC 1661 3.5): the peer proves itself to us, we to it, or both. Challenges may come later too. */
import type { Instant, Random } from '../../effects.ts';
import { equalBytes } from '../../wire/bytes.ts';
import type { Ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import { Protocol, packetEnd } from '../frame.ts';
import type { PppAuthMethod, PppSpec } from '../spec.ts';
import { earlier, isDue } from '../timed.ts';
import { chapChallengeIn } from './chap.ts';
import { ChapAuthenticator } from './chap-authenticator.ts';
import { ChapLogin } from './chap-login.ts';
import { eapChallengeIn } from './eap.ts';
import { EapAuthenticator } from './eap-authenticator.ts';
import { EapLogin } from './eap-login.ts';
import type { Authenticator, Captured, Login } from './exchange.ts';
import { protocolOfMethod } from './methods.ts';
import type { MppeKeys } from './mppe-keys.ts';
import { PapAuthenticator, PapLogin } from './pap.ts';

/** What LCP has agreed on. */
export interface AgreedMethods {
  /** How the peer proves itself. */
  readonly authenticatorMethod: PppAuthMethod | undefined;
  /** How we do. */
  readonly loginMethod: PppAuthMethod | undefined;
}

/** For the operator and for the link. */
interface Failure {
  readonly message: string;
  readonly why: Ending;
}

function failureOf(user: string, { reason, cause }: Ending): Failure {
  const message = `user ${JSON.stringify(user)}: ${reason}`;
  return { message, why: { reason: `authentication failed: ${reason}`, cause } };
}

export class Authentication {
  private readonly authenticatorProtocol: number;
  private readonly loginProtocol: number;
  private authenticator: Authenticator | undefined = undefined;
  private login: Login | undefined = undefined;

  /** `captured`: the peer's answer, if a LAC has it already. */
  constructor(spec: PppSpec, random: Random, agreed: AgreedMethods, captured: Captured | undefined, now: Instant) {
    const { authenticatorMethod, loginMethod } = agreed;
    this.authenticatorProtocol = protocolOfMethod(authenticatorMethod);
    this.loginProtocol = protocolOfMethod(loginMethod);
    if (captured !== undefined) this.authenticator = goOn(spec, random, captured, now);
    else if (authenticatorMethod !== undefined) {
      this.authenticator = authenticatorOf(spec, random, authenticatorMethod);
    }
    if (loginMethod !== undefined) this.login = loginOf(spec, random, loginMethod);
  }

  start(now: Instant, out: FrameSink): void {
    if (this.authenticator?.state === 'waiting') this.authenticator.start(now, out);
    this.login?.start(now, out);
  }

  /** When it wants a tick. 0: never. */
  get timerAt(): Instant {
    return earlier(this.authenticator?.timerAt ?? 0, this.login?.timerAt);
  }

  get passed(): boolean {
    return (this.authenticator?.state ?? 'passed') === 'passed' && (this.login?.state ?? 'passed') === 'passed';
  }

  /** What MPPE can make its keys of, once it has passed. */
  get mppeKeys(): MppeKeys | undefined {
    return this.authenticator?.mppeKeys ?? this.login?.mppeKeys;
  }

  /** The authenticator, while it wants a verdict. */
  get asking(): Authenticator | undefined {
    return this.authenticator?.state === 'asking' ? this.authenticator : undefined;
  }

  /** Why it failed. */
  get failure(): Failure | undefined {
    const { authenticator, login } = this;
    if (authenticator?.failure !== undefined) return failureOf(authenticator.user, authenticator.failure);
    return login?.failure && { message: login.failure.reason, why: login.failure };
  }

  /** Why the peer was refused, while it may still make up for it. */
  get refusal(): Failure | undefined {
    const { authenticator } = this;
    return authenticator?.refusal && failureOf(authenticator.user, authenticator.refusal);
  }

  receive(protocol: number, bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const reflected = this.isOwnChallenge(protocol, bytes, at, end);
    if (protocol === this.authenticatorProtocol) this.authenticator?.receive(bytes, at, end, now, out);
    if (protocol === this.loginProtocol && !reflected) this.login?.receive(bytes, at, end, now, out);
  }

  /** Nobody gets the answer to our own challenge from us, in whatever protocol it comes back. */
  private isOwnChallenge(protocol: number, bytes: Uint8Array, at: number, end: number): boolean {
    const own = this.authenticator?.challenge;
    const stop = packetEnd(bytes, at, end);
    if (own === undefined || stop < 0) return false;
    const challenge = protocol === Protocol.eap ? eapChallengeIn(bytes, at, stop) : chapChallengeIn(bytes, at, stop);
    return challenge !== undefined && equalBytes(challenge, own);
  }

  /** The peer speaks a network protocol, which it does when it has let us in. */
  onNetwork(): void {
    if (this.login instanceof EapLogin) this.login.onNetwork();
  }

  tick(now: Instant, out: FrameSink): void {
    const { authenticator, login } = this;
    if (isDue(authenticator, now)) authenticator.tick(now, out);
    if (isDue(login, now)) login.tick(now, out);
  }

  /**
   * Who speaks a network protocol has seen that it passed: lost verdicts need no more repeating. Returns whether anything
   * is left that may come again.
   */
  settle(): boolean {
    if (this.login instanceof PapLogin) this.login = undefined;
    if (this.authenticator?.timerAt === 0) this.authenticator = undefined;
    return this.authenticator !== undefined || this.login !== undefined;
  }
}

function authenticatorOf(spec: PppSpec, random: Random, method: PppAuthMethod): Authenticator {
  switch (method) {
    case 'pap':
      return new PapAuthenticator(spec);
    case 'chap':
    case 'mschapv1':
    case 'mschapv2':
      return new ChapAuthenticator(spec, random, method);
    case 'eap':
      return new EapAuthenticator(spec, random);
  }
}

function loginOf(spec: PppSpec, random: Random, method: PppAuthMethod): Login {
  switch (method) {
    case 'pap':
      return new PapLogin(spec, random);
    case 'chap':
    case 'mschapv1':
    case 'mschapv2':
      return new ChapLogin(spec, random, method);
    case 'eap':
      return new EapLogin(spec, random);
  }
}

function goOn(spec: PppSpec, random: Random, captured: Captured, now: Instant): Authenticator {
  if (captured.method === 'pap') {
    const pap = new PapAuthenticator(spec);
    pap.takeOver(captured, now);
    return pap;
  }
  const chap = new ChapAuthenticator(spec, random, 'chap');
  chap.takeOver(captured, now);
  return chap;
}
