import type {
  Aaa,
  AllocateAnswer,
  AllocateRequest,
  AuthenticateAnswer,
  AuthenticateRequest,
  SessionKey,
} from '../engine/ports.ts';
import type { AaaSpec, PoolView, SubscriberSpec } from '../engine/spec.ts';
import { AddressPools } from './pools.ts';

/**
 * Declared subscribers and address pools. It answers within the call.
 *
 * A session takes its place in the user's session limit when it asks for an address: only then has the user been
 * authenticated, so that nobody without the password can use up the places or learn that the user exists.
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
    const subscriber = this.#subscribers.get(request.user);
    // Worded so that it does not tell an unknown user from a wrong password.
    if (!subscriber) answer({ verdict: 'reject', message: 'authentication failed' });
    else answer({ verdict: 'check', secret: subscriber.password, grant: { ipv4: subscriber.ipv4 } });
  }

  allocate(request: AllocateRequest, answer: (answer: AllocateAnswer) => void): void {
    answer(this.#refusal(request) ?? this.#admit(request));
  }

  release(session: SessionKey): void {
    this.#pools.release(session);
    this.#leave(session);
  }

  pools(): PoolView[] {
    return this.#pools.views();
  }

  #refusal({ session, user }: AllocateRequest): AllocateAnswer | undefined {
    if (user === undefined || this.#userOf.get(session) === user) return undefined;
    const limit = this.#subscribers.get(user)?.sessionLimit ?? 0;
    if (limit === 0 || (this.#sessionsOf.get(user) ?? 0) < limit) return undefined;
    return { refused: `user ${user} has reached the limit of ${limit} ${limit === 1 ? 'session' : 'sessions'}` };
  }

  #admit(request: AllocateRequest): AllocateAnswer {
    const answer = this.#pools.allocate(request);
    if ('ipv4' in answer) this.#enter(request.session, request.user);
    return answer;
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
