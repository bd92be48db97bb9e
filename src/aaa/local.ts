import { randomBytes } from 'node:crypto';
import type { AccountRecord, AuthenticateAnswer, AuthenticateRequest, Grant } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import { Secret, type SubscriberSpec } from '../engine/spec.ts';

/** The password of who is not declared. */
const nobodys = new Secret(randomBytes(32));

/**
 * The declared subscribers. It answers within the call.
 *
 * A session takes its place in the user's session limit when it asks for addresses or carries user packets: only then
 * has the user been authenticated, so that nobody without the password can use up the places.
 */
export class LocalSubscribers {
  #subscribers: ReadonlyMap<string, SubscriberSpec> = new Map();
  readonly #userOf = new Map<SessionKey, string>();
  readonly #sessionsOf = new Map<string, number>();

  /** Live sessions keep their places. */
  configure(subscribers: readonly SubscriberSpec[]): void {
    this.#subscribers = new Map(subscribers.map((subscriber) => [subscriber.userName, subscriber]));
  }

  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void {
    answer(this.#judge(request));
  }

  /** Gives the session its place, or says why the user may not have it besides the others. */
  admit(session: SessionKey, user: string | undefined): string | undefined {
    // Several sessions may have been authenticated while there was one place left.
    const full = this.#limitReached(session, user);
    if (full === undefined) this.#enter(session, user);
    return full;
  }

  account({ session, user }: AccountRecord): void {
    this.#enter(session, user);
  }

  release(session: SessionKey): void {
    const user = this.#userOf.get(session);
    if (user === undefined) return;
    this.#userOf.delete(session);
    const left = (this.#sessionsOf.get(user) ?? 1) - 1;
    if (left === 0) this.#sessionsOf.delete(user);
    else this.#sessionsOf.set(user, left);
  }

  #judge({ session, user, credentials }: AuthenticateRequest): AuthenticateAnswer {
    // Without a proof nobody gets what is a subscriber's.
    if (credentials.method === 'none') return { verdict: 'accept', grant: {} };
    const subscriber = user === undefined ? undefined : this.#subscribers.get(user);
    // An unknown user is told nothing else than a wrong password, so that names cannot be tried out: in EAP after a challenge.
    if (!subscriber) {
      if (credentials.method === 'eap') return { verdict: 'check', secret: nobodys, grant: {} };
      return { verdict: 'reject', message: 'wrong password' };
    }
    switch (credentials.method) {
      case 'mschapv1NewPassword':
      case 'mschapv2NewPassword':
        return { verdict: 'reject', message: "a declared subscriber's password is changed where it is declared" };
      default: {
        const full = this.#limitReached(session, user);
        if (full !== undefined) return { verdict: 'reject', message: full };
        return { verdict: 'check', secret: subscriber.password, grant: grantOf(subscriber) };
      }
    }
  }

  #limitReached(session: SessionKey, user: string | undefined): string | undefined {
    if (user === undefined || this.#userOf.get(session) === user) return undefined;
    const limit = this.#subscribers.get(user)?.sessionLimit ?? 0;
    if (limit === 0 || (this.#sessionsOf.get(user) ?? 0) < limit) return undefined;
    return `the user's limit of ${limit} ${limit === 1 ? 'session' : 'sessions'} is reached`;
  }

  #enter(session: SessionKey, user: string | undefined): void {
    if (this.#userOf.get(session) === user) return;
    this.release(session);
    if (user === undefined) return;
    this.#userOf.set(session, user);
    this.#sessionsOf.set(user, (this.#sessionsOf.get(user) ?? 0) + 1);
  }
}

function grantOf({ ipv4, prefix, delegated, routes, rate, filter }: SubscriberSpec): Grant {
  return { ipv4, prefix, delegated, routes: routes.length > 0 ? routes : undefined, rate, filter };
}
