/**
 * What is asked of one server: the identifiers in use, what waits for one, the timeouts, and whether the server lives
 * (RFC 2865 2.5, RFC 5080 2.2). It knows nothing of other servers.
 */
import { randomBytes } from 'node:crypto';
import type { RadiusServerView, Secret } from '../../engine/spec.ts';
import type { Clock } from './clock.ts';
import { decodeAnswer, identifierOf } from './decoding.ts';
import type { Attributes } from './dictionary.ts';
import { authenticatorOf, encodeRequest } from './encoding.ts';
import { Fifo } from './fifo.ts';
import { type AnswerType, authenticatorOctets, BadPacket, type Packet } from './packet.ts';
import type { Channel, OpenChannel } from './udp.ts';

/** Source ports towards one server: each has 256 identifiers, so this bounds what it is asked at once. */
const MAX_CHANNELS = 16;
const IDENTIFIERS = 256;

/** What may answer what. */
const answersTo = {
  accessRequest: ['accessAccept', 'accessReject', 'accessChallenge'],
  accountingRequest: ['accountingResponse'],
} as const satisfies Record<string, readonly AnswerType[]>;

export type AskedType = keyof typeof answersTo;

/** A server for one purpose. */
export interface ServerSpec {
  readonly address: string;
  readonly port: number;
  readonly secret: Secret;
  readonly timeoutMs: number;
  readonly retries: number;
}

export interface Answer {
  readonly packet: Packet<AnswerType>;
  /** Who gave it: what goes on with its State must go there. */
  readonly server: RadiusServer;
}

/** A failure says, in words, why there is no answer. `unaskable`: no server could have been asked such a thing. */
export type Outcome = Answer | { readonly failure: string; readonly unaskable?: true };

/** Something that is asked, until it is answered. Belongs to one server at a time. */
export interface Question {
  readonly type: AskedType;
  readonly attributes: Attributes;
  /** Whether no other server may be asked. */
  readonly pinned: boolean;
  /** Called once, or not at all when it is cancelled. */
  readonly answer: (outcome: Outcome) => void;
  ended: boolean;
  /** The server that has it now. */
  server?: RadiusServer;
  /** Those that have not answered it. */
  tried?: RadiusServer[];
  /** Its source port and identifier; absent while it waits for one. */
  slot?: number;
  packet?: Uint8Array;
  triesLeft: number;
  firstSentMs: number;
  dueMs: number;
}

export interface ServerEvents {
  answered(question: Question, answer: Answer): void;
  /** It has not answered it in time, however often it was asked. */
  silent(question: Question, server: RadiusServer): void;
  /** The question cannot be put into a packet. */
  unaskable(question: Question, reason: string): void;
  /** The server has answered, but its answer means nothing, as the reason says. */
  unreadable(question: Question, reason: string): void;
  /** There is something to wait for, until then. */
  due(atMs: number): void;
}

export class RadiusServer {
  spec: ServerSpec;
  /** Until when it is left alone, while it is taken to be dead. */
  deadUntilMs: number | undefined;
  /** The question by whose answer it is known to live again. */
  probe: Question | undefined;
  readonly #clock: Clock;
  readonly #open: OpenChannel;
  readonly #events: ServerEvents;
  readonly #channels: Channel[] = [];
  /** By slot: channel * 256 + identifier. */
  readonly #bySlot: (Question | undefined)[] = [];
  /** Those free for longest come first, so that late answers find nobody. */
  readonly #free = new Fifo<number>();
  /** In the order in which they are due. */
  readonly #sent = new Set<Question>();
  readonly #waiting = new Set<Question>();
  #lastAnswerMs = Number.NEGATIVE_INFINITY;
  #requests = 0;
  #accepts = 0;
  #rejects = 0;
  #timeouts = 0;
  #drops = 0;
  #lastError: string | undefined;

  constructor(spec: ServerSpec, clock: Clock, open: OpenChannel, events: ServerEvents) {
    this.spec = spec;
    this.#clock = clock;
    this.#open = open;
    this.#events = events;
  }

  get view(): RadiusServerView {
    return {
      address: this.spec.address,
      alive: this.deadUntilMs === undefined,
      requests: this.#requests,
      accepts: this.#accepts,
      rejects: this.#rejects,
      timeouts: this.#timeouts,
      drops: this.#drops,
      lastError: this.#lastError,
    };
  }

  /** When something is due; undefined: it has nothing to wait for. */
  get dueMs(): number | undefined {
    for (const question of this.#sent) return question.dueMs;
    return undefined;
  }

  /** All that it is asked now. */
  questions(): Question[] {
    return [...this.#sent, ...this.#waiting];
  }

  ask(question: Question): void {
    question.server = this;
    question.triesLeft = this.probe === question ? 0 : this.spec.retries;
    const slot = this.#freeSlot();
    if (slot === undefined) this.#waiting.add(question);
    else this.#send(question, slot);
  }

  /** It is asked no more. */
  drop(question: Question): void {
    question.server = undefined;
    if (this.probe === question) this.probe = undefined;
    this.#waiting.delete(question);
    this.#sent.delete(question);
    const { slot } = question;
    if (slot === undefined) return;
    question.slot = undefined;
    question.packet = undefined;
    this.#bySlot[slot] = undefined;
    this.#free.push(slot);
    this.#sendNext();
  }

  /** Asks again, or no more, what it has not answered by now. */
  tick(now: number): void {
    for (const question of this.#sent) {
      if (question.dueMs > now) return;
      this.#sent.delete(question);
      if (question.triesLeft > 0) {
        question.triesLeft--;
        this.#transmit(question, now);
      } else {
        this.#timeouts++;
        this.#lastError = 'no answer';
        this.#events.silent(question, this);
      }
    }
  }

  /** Whether it has answered anything since the question was first sent to it. */
  hasAnsweredSince(question: Question): boolean {
    return this.#lastAnswerMs >= question.firstSentMs;
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
    this.#channels.length = 0;
  }

  #freeSlot(): number | undefined {
    const count = this.#channels.length;
    if (this.#free.length === 0 && count < MAX_CHANNELS) {
      this.#channels.push(
        this.#open(this.spec, {
          received: (packet) => this.#received(count, packet),
          strange: (from) => this.#dropped(`a packet from ${from}, who was not asked`),
          failed: (message) => {
            this.#lastError = message;
          },
        }),
      );
      for (let identifier = 0; identifier < IDENTIFIERS; identifier++)
        this.#free.push(count * IDENTIFIERS + identifier);
    }
    return this.#free.shift();
  }

  #send(question: Question, slot: number): void {
    const { type, attributes } = question;
    const identifier = slot % IDENTIFIERS;
    try {
      const random = randomBytes(authenticatorOctets);
      question.packet = encodeRequest({ type, identifier, attributes }, this.spec.secret, random);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#free.push(slot);
      this.#events.unaskable(question, error.message);
      return;
    }
    const now = this.#clock.now();
    question.slot = slot;
    question.firstSentMs = now;
    this.#bySlot[slot] = question;
    this.#requests++;
    this.#transmit(question, now);
  }

  /** RFC 5080 2.2.2: again means the same octets from the same port. */
  #transmit(question: Question, now: number): void {
    const { slot, packet } = question;
    if (slot === undefined || packet === undefined) return;
    question.dueMs = now + this.spec.timeoutMs;
    this.#sent.add(question);
    this.#events.due(question.dueMs);
    this.#channels[Math.floor(slot / IDENTIFIERS)].send(packet);
  }

  #sendNext(): void {
    for (const question of this.#waiting) {
      const slot = this.#free.shift();
      if (slot === undefined) return;
      this.#waiting.delete(question);
      this.#send(question, slot);
    }
  }

  #received(channel: number, bytes: Uint8Array): void {
    const identifier = identifierOf(bytes);
    const question = identifier === undefined ? undefined : this.#bySlot[channel * IDENTIFIERS + identifier];
    if (question?.packet === undefined) {
      this.#dropped('an answer to nothing, or a late one');
      return;
    }
    try {
      const packet = decodeAnswer(bytes, this.spec.secret, authenticatorOf(question.packet));
      const due: readonly AnswerType[] = answersTo[question.type];
      if (due.includes(packet.type)) this.#answered(question, packet);
      else this.#dropped(`${packet.type} is no answer to ${question.type}`);
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      this.#dropped(error.message);
      // Values are read only of who knows the secret: it would say the same again (RFC 2865 5).
      if (error.reason !== 'attributeValue') return;
      this.#lives();
      this.#events.unreadable(question, `the answer of ${this.spec.address} cannot be read: ${error.message}`);
    }
  }

  #answered(question: Question, packet: Packet<AnswerType>): void {
    this.#lives();
    if (packet.type === 'accessAccept') this.#accepts++;
    if (packet.type === 'accessReject') this.#rejects++;
    this.#events.answered(question, { packet, server: this });
  }

  #lives(): void {
    this.#lastAnswerMs = this.#clock.now();
    this.deadUntilMs = undefined;
  }

  #dropped(why: string): void {
    this.#drops++;
    this.#lastError = why;
  }
}
