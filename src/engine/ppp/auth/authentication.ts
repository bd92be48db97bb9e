/** The authentication phase (RFC 1661 3.5): the peer proves itself to us, we to it, or both. Challenges may come later too. */
import type { Instant, Random } from '../../effects.ts';
import type { Ending } from '../disconnect-cause.ts';
import type { FrameSink } from '../events.ts';
import type { PppAuthMethod, PppSpec } from '../spec.ts';
import { earlier, isDue } from '../timed.ts';
import { ChapAuthenticator, ChapLogin } from './chap.ts';
import type { Authenticator, Captured, Login } from './exchange.ts';
import { protocolOfMethod } from './methods.ts';
import { PapAuthenticator, PapLogin } from './pap.ts';

/** What LCP has agreed on. */
export interface AgreedMethods {
  /** How the peer proves itself. */
  readonly authenticatorMethod: PppAuthMethod | undefined;
  /** How we do. */
  readonly loginMethod: PppAuthMethod | undefined;
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
    else if (authenticatorMethod === 'pap') this.authenticator = new PapAuthenticator(spec);
    else if (authenticatorMethod !== undefined) {
      this.authenticator = new ChapAuthenticator(spec, random, authenticatorMethod);
    }
    if (loginMethod === 'pap') this.login = new PapLogin(spec, random);
    else if (loginMethod !== undefined) this.login = new ChapLogin(spec, random, loginMethod);
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

  /** The authenticator, while it wants a verdict. */
  get asking(): Authenticator | undefined {
    return this.authenticator?.state === 'asking' ? this.authenticator : undefined;
  }

  /** Why it failed, for the operator and for the link. */
  get failure(): { message: string; why: Ending } | undefined {
    const { authenticator, login } = this;
    if (authenticator?.failure !== undefined) {
      const { reason, cause } = authenticator.failure;
      const message = `user ${JSON.stringify(authenticator.user)}: ${reason}`;
      return { message, why: { reason: `authentication failed: ${reason}`, cause } };
    }
    return login?.failure && { message: login.failure.reason, why: login.failure };
  }

  receive(protocol: number, bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const { authenticator, login } = this;
    if (protocol === this.authenticatorProtocol) authenticator?.receive(bytes, at, end, now, out);
    // Nobody gets the answer to our own challenge from us.
    const reflected = authenticator instanceof ChapAuthenticator && authenticator.isOwn(bytes, at, end);
    if (protocol === this.loginProtocol && !reflected) login?.receive(bytes, at, end, now, out);
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
