/** Asks RADIUS servers who may connect and what they get (RFC 2865, RFC 2548, RFC 2868, RFC 2869, RFC 3162, RFC 3579). */
import type { AuthenticateAnswer, AuthenticateRequest } from '../../engine/aaa.ts';
import type { SessionKey } from '../../engine/ports.ts';
import type { RadiusServerView, RadiusSpec } from '../../engine/spec.ts';
import { callAttributes, nasAttributes } from './call-attributes.ts';
import { RadiusClient } from './client.ts';
import type { Clock } from './clock.ts';
import { credentialAttributes } from './credentials.ts';
import type { Attributes } from './dictionary.ts';
import type { Outcome, Question, RadiusServer } from './server.ts';
import type { RadiusSessions } from './sessions.ts';
import type { OpenChannel } from './udp.ts';
import { maxValueOctets } from './values.ts';
import { verdictOf } from './verdict.ts';

/** RFC 3748 4.1, 5.1: code, identifier, length, type. */
const eap = { response: 2, typeAt: 4, identity: 1 } as const;

/** What is under way for a call. */
interface Exchange {
  open?: Question;
  /** Where the server goes on with the peer's next EAP packet (RFC 2865 5.24). */
  next?: { readonly server: RadiusServer; readonly state: Uint8Array | undefined };
}

export class RadiusAuthentication {
  readonly #sessions: RadiusSessions;
  readonly #client: RadiusClient;
  readonly #exchanges = new Map<SessionKey, Exchange>();
  #nas: Attributes = {};

  constructor(sessions: RadiusSessions, clock: Clock, open: OpenChannel) {
    this.#sessions = sessions;
    this.#client = new RadiusClient(clock, open);
  }

  /** Open questions go on, to other servers if theirs are gone. */
  configure(spec: RadiusSpec): void {
    this.#nas = nasAttributes(spec);
    const asked = spec.servers.filter(({ authPort }) => authPort !== 0);
    this.#client.configure(
      asked.map(({ authPort, ...server }) => ({ ...server, port: authPort })),
      spec.deadTimeMs,
    );
  }

  authenticate(request: AuthenticateRequest, answer: (answer: AuthenticateAnswer) => void): void {
    const { session, credentials } = request;
    const userName = request.user ?? request.call.avps.callingNumber;
    if (userName !== undefined && Buffer.byteLength(userName) > maxValueOctets) {
      answer({
        verdict: 'reject',
        message: `the user's name has more than ${maxValueOctets} octets, which RADIUS takes`,
      });
      return;
    }
    const exchange = this.#exchangeOf(session);
    // A link that is negotiated anew again and again has one question open, and no answer to an earlier one counts.
    if (exchange.open) this.#client.cancel(exchange.open);
    exchange.open = undefined;
    if (credentials.method !== 'eap' || isIdentity(credentials.packet)) exchange.next = undefined;
    const { next } = exchange;
    const attributes: Attributes = {
      userName,
      ...this.#nas,
      ...callAttributes(session, request.call),
      ...credentialAttributes(credentials),
      acctSessionId: this.#sessions.of(session).acctSessionId,
      state: next?.state,
    };
    const answered = (outcome: Outcome) => {
      exchange.open = undefined;
      answer(this.#verdict(request, exchange, outcome));
    };
    // The answer may come within the call.
    const question = this.#client.ask('accessRequest', attributes, answered, next?.server);
    if (!question.ended) exchange.open = question;
  }

  /** Open questions are moot, and what is known of the session is forgotten. */
  release(session: SessionKey): void {
    const exchange = this.#exchanges.get(session);
    this.#exchanges.delete(session);
    if (exchange?.open) this.#client.cancel(exchange.open);
    this.#sessions.delete(session);
  }

  /** Open questions are answered by rejects. */
  close(): void {
    this.#client.close();
  }

  /** Undefined: that server is not asked. */
  view(address: string, port: number): RadiusServerView | undefined {
    return this.#client.view(address, port);
  }

  #exchangeOf(session: SessionKey): Exchange {
    const known = this.#exchanges.get(session);
    if (known) return known;
    const begun: Exchange = {};
    this.#exchanges.set(session, begun);
    return begun;
  }

  #verdict(
    { session, user, credentials }: AuthenticateRequest,
    exchange: Exchange,
    outcome: Outcome,
  ): AuthenticateAnswer {
    if ('failure' in outcome) {
      this.#end(session, exchange);
      // What cannot be asked is the peer's own doing.
      const undecided = outcome.unaskable ? undefined : true;
      return { verdict: 'reject', message: outcome.failure, undecided };
    }
    const { type, attributes } = outcome.packet;
    const verdict = verdictOf(type, attributes, credentials);
    if (verdict.verdict === 'challenge') {
      exchange.next = { server: outcome.server, state: attributes.state };
      return verdict;
    }
    this.#end(session, exchange);
    if (verdict.verdict === 'accept') {
      const known = this.#sessions.of(session);
      known.user = attributes.userName ?? user;
      known.classes = attributes.class;
    }
    return verdict;
  }

  #end(session: SessionKey, exchange: Exchange): void {
    exchange.next = undefined;
    this.#exchanges.delete(session);
  }
}

/** With it a conversation begins anew. */
function isIdentity(packet: Uint8Array): boolean {
  return packet[0] === eap.response && packet[eap.typeAt] === eap.identity;
}
