import type { Aaa, AllocateAnswer, AllocateRequest, AuthenticateAnswer, AuthenticateRequest } from '../engine/aaa.ts';
import type { SessionKey } from '../engine/ports.ts';
import type { AaaSpec, PoolView, SubscriberSpec } from '../engine/spec.ts';
import { AddressPools } from './pools.ts';

/**
 * Declared subscribers and address pools. It answers within the call.
 *
 * A session takes its place in the user's session limit when it asks for an address: only then has the user been
 * authenticated, so that nobody without the password can use up the places.
 */
export class LocalAaa implements Aaa {
  readonly #pools = new AddressPools();
  #subscribers: ReadonlyMap<string, SubscriberSpec> = new Map();
  readonly #userOf = new Map<SessionKey, string>();
  readonly #sessionsOf = new Map<string, number>();

  /** Live sessions keep their addresses and places. */
  configure(spec: AaaSpec): void {
    this.#pools.configure(spec.pools);
    this.#subscribers = new Map(spec.subscribers.map((subscriber) => [subscriber.userName, subscriber]));
  }

  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void {
    const subscriber = request.user === undefined ? undefined : this.#subscribers.get(request.user);
    const full = this.#limitReached(request);
    // An unknown user is told nothing else than a wrong password, so that names cannot be tried out.
    if (!subscriber) answer({ verdict: 'reject', message: 'wrong password' });
    else if (full !== undefined) answer({ verdict: 'reject', message: full });
    else answer({ verdict: 'check', secret: subscriber.password, grant: { ipv4: subscriber.ipv4 } });
  }

  allocate(request: AllocateRequest, answer: (answer: AllocateAnswer) => void): void {
    // Several sessions may have been authenticated while there was one place left.
    const full = this.#limitReached(request);
    answer(full === undefined ? this.#admit(request) : { refused: { ipv4: full, prefix: full, delegated: full } });
  }

  account(): void {
    // Nobody asks here what was used.
  }

  release(session: SessionKey): void {
    this.#pools.release(session);
    this.#leave(session);
  }

  pools(): PoolView[] {
    return this.#pools.views();
  }

  /** Why the user may not have this session besides the others, or undefined. */
  #limitReached({ session, user }: Pick<AllocateRequest, 'session' | 'user'>): string | undefined {
    if (user === undefined || this.#userOf.get(session) === user) return undefined;
    const limit = this.#subscribers.get(user)?.sessionLimit ?? 0;
    if (limit === 0 || (this.#sessionsOf.get(user) ?? 0) < limit) return undefined;
    return `the user's limit of ${limit} ${limit === 1 ? 'session' : 'sessions'} is reached`;
  }

  #admit(request: AllocateRequest): AllocateAnswer {
    // Also without an address: the session may go on with IPv6.
    this.#enter(request.session, request.user);
    return this.#pools.allocate(request);
  }

  #enter(session: SessionKey, user: string | undefined): void {
    if (this.#userOf.get(session) === user) return;
    this.#leave(session);
    if (user === undefined) return;
    this.#userOf.set(session, user);
    this.#sessionsOf.set(user, (this.#sessionsOf.get(user) ?? 0) + 1);
  }

  #leave(session: SessionKey): void {
    const user = this.#userOf.get(session);
    if (user === undefined) return;
    this.#userOf.delete(session);
    const left = (this.#sessionsOf.get(user) ?? 1) - 1;
    if (left === 0) this.#sessionsOf.delete(user);
    else this.#sessionsOf.set(user, left);
  }
}
