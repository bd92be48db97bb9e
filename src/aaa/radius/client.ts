/**
 * Questions to a list of servers: the first one that lives is asked, and others when it does not answer. Each question is
 * answered once, whatever is lost, unless it is cancelled.
 */
import type { RadiusServerView } from '../../engine/spec.ts';
import type { Clock } from './clock.ts';
import type { Attributes } from './dictionary.ts';
import { type AskedType, type Question, RadiusServer, type ServerEvents, type ServerSpec } from './server.ts';
import type { OpenChannel } from './udp.ts';

/** Questions that may be open at once; further ones fail. */
const MAX_OPEN = 20_000;

export class RadiusClient {
  readonly #clock: Clock;
  readonly #open: OpenChannel;
  #servers: readonly RadiusServer[] = [];
  #deadTimeMs = 0;
  #openQuestions = 0;
  #alarm: { atMs: number; cancel(): void } | undefined;

  constructor(clock: Clock, open: OpenChannel) {
    this.#clock = clock;
    this.#open = open;
  }

  /**
   * `servers` in the order of preference; `deadTimeMs`: how long one that does not answer is left alone while another one
   * may be asked. What a server that is gone was asked goes on to others.
   */
  configure(servers: readonly ServerSpec[], deadTimeMs: number): void {
    const before = this.#servers;
    this.#deadTimeMs = deadTimeMs;
    this.#servers = servers.map((spec) => {
      const kept = before.find((server) => isSame(server.spec, spec));
      if (kept) kept.spec = spec;
      return kept ?? new RadiusServer(spec, this.#clock, this.#open, this.#events);
    });
    for (const server of before) {
      if (this.#servers.includes(server)) continue;
      this.#moveOn(server.questions(), server);
      server.close();
    }
  }

  /**
   * Asks; the answer may come within the call.
   * @param only whom to ask: the server whose State the question goes on with
   */
  ask(type: AskedType, attributes: Attributes, answer: Question['answer'], only?: RadiusServer): Question {
    const question: Question = {
      type,
      attributes,
      pinned: only !== undefined,
      answer,
      ended: false,
      triesLeft: 0,
      firstSentMs: 0,
      dueMs: 0,
    };
    this.#openQuestions++;
    if (this.#openQuestions > MAX_OPEN) this.#fail(question, `${MAX_OPEN} questions to RADIUS servers are open`);
    else if (only === undefined) this.#askSome(question);
    else if (this.#servers.includes(only)) only.ask(question);
    else this.#fail(question, 'the RADIUS server that began this exchange is no longer configured');
    return question;
  }

  /** Whatever answers it is dropped. */
  cancel(question: Question): void {
    if (!question.ended) this.#end(question);
  }

  /** Open questions fail. */
  close(): void {
    this.configure([], 0);
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  /** Undefined: it is not among the servers. */
  view(address: string, port: number): RadiusServerView | undefined {
    return this.#servers.find(({ spec }) => spec.address === address && spec.port === port)?.view;
  }

  /** How many questions are open. */
  get openQuestions(): number {
    return this.#openQuestions;
  }

  readonly #events: ServerEvents = {
    answered: (question, answer) => {
      this.#end(question);
      question.answer(answer);
    },
    silent: (question, server) => {
      if (!server.hasAnsweredSince(question)) this.#bury(server);
      if (question.server === server) this.#moveOn([question], server);
    },
    unaskable: (question, failure) => this.#fail(question, failure, true),
    unreadable: (question, failure) => this.#fail(question, failure),
    due: (atMs) => this.#wakeAt(atMs),
  };

  /** The first that lives or may live again; else the first of all, since there is no other. */
  #choose(question: Question): RadiusServer | undefined {
    const now = this.#clock.now();
    let last: RadiusServer | undefined;
    for (const server of this.#servers) {
      if (question.tried?.includes(server)) continue;
      if (server.deadUntilMs === undefined) return server;
      if (now >= server.deadUntilMs && server.probe === undefined) {
        server.probe = question;
        return server;
      }
      last ??= server;
    }
    return last;
  }

  /** What it was asked goes to those who live. What only it can answer, or nobody else, stays and is repeated. */
  #bury(server: RadiusServer): void {
    server.deadUntilMs = this.#clock.now() + this.#deadTimeMs;
    const living = this.#servers.filter(({ deadUntilMs }) => deadUntilMs === undefined);
    // Nothing of what it was asked is looked at where nobody lives: each of thousands of questions comes here then.
    if (living.length === 0) return;
    const canGoOn = ({ pinned, tried }: Question) => !pinned && living.some((other) => !tried?.includes(other));
    this.#moveOn(server.questions().filter(canGoOn), server);
  }

  #moveOn(questions: readonly Question[], from: RadiusServer): void {
    // Those that wait stand last and go first, so that they do not take the places of the others.
    for (const question of questions.toReversed()) from.drop(question);
    for (const question of questions) {
      // By what came of another one of them.
      if (question.ended) continue;
      question.tried = [...(question.tried ?? []), from];
      if (question.pinned) this.#fail(question, this.#silence(question));
      else this.#askSome(question);
    }
  }

  #askSome(question: Question): void {
    const server = this.#choose(question);
    if (server) server.ask(question);
    else this.#fail(question, this.#silence(question));
  }

  #silence({ tried }: Question): string {
    if (this.#servers.length === 0) return 'there is no RADIUS server to ask';
    return `no RADIUS server answers: ${(tried ?? this.#servers).map(({ spec }) => spec.address).join(', ')}`;
  }

  #fail(question: Question, failure: string, unaskable?: true): void {
    this.#end(question);
    question.answer({ failure, unaskable });
  }

  #end(question: Question): void {
    question.ended = true;
    this.#openQuestions--;
    question.server?.drop(question);
  }

  /** One timer, for whatever is due first. */
  #wakeAt(atMs: number): void {
    if (this.#alarm !== undefined && this.#alarm.atMs <= atMs) return;
    this.#alarm?.cancel();
    const cancel = this.#clock.setTimer(atMs - this.#clock.now(), () => this.#wake());
    this.#alarm = { atMs, cancel };
  }

  #wake(): void {
    this.#alarm = undefined;
    const now = this.#clock.now();
    for (const server of this.#servers) server.tick(now);
    for (const { dueMs } of this.#servers) if (dueMs !== undefined) this.#wakeAt(dueMs);
  }
}

function isSame(a: ServerSpec, b: ServerSpec): boolean {
  return a.address === b.address && a.port === b.port && a.secret.equals(b.secret);
}
