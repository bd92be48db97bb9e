/**
 * Brings records to a server, as many at a time as it takes: those of a session one after the other, and otherwise about
 * in their order. What no server acknowledges is tried again, for ever; only what fails again and again while servers
 * acknowledge other records is given up, since it cannot be the servers' silence then.
 */
import type { Clock } from './clock.ts';
import { Fifo } from './fifo.ts';
import type { SpoolEntry } from './spool-entry.ts';

/** How many records are on their way at most; after a failure it is one, and each answer makes it one more. */
const MAX_UNDERWAY = 256;
/** How often a record may fail while others are acknowledged. */
const MAX_FAILURES = 50;
/** When such a one is tried again. */
const retryMs = 30_000;
/** How often a mark is tried. What comes after it waits. */
const MAX_MARK_TRIES = 5;

/** The pause while no server answers anything: doubled each time. */
const minPauseMs = 1_000;
const maxPauseMs = 30_000;
/** After so many pauses another record is tried first: the oldest one might be at fault. */
const probesOfOne = 3;

export interface DeliveryPort {
  /** Asks the servers, all that there are; answers once, at once or later, whether one has acknowledged the record. */
  send(entry: SpoolEntry, answer: (acknowledged: boolean) => void): void;
  /** A server has it. */
  acknowledged(entry: SpoolEntry): void;
  /** No server takes it. */
  givenUp(entry: SpoolEntry): void;
}

/** Something to say between the records before and those after it, such as Accounting-On. */
export interface Mark {
  send(answer: (acknowledged: boolean) => void): void;
  givenUp(): void;
}

interface Letter {
  readonly entry: SpoolEntry;
  /** How often it failed while others were acknowledged. */
  readonly failures: number;
  /** How many others were acknowledged before it was sent first, or had failed last. */
  readonly acknowledgedBefore: number;
}

interface Failed extends Letter {
  readonly againAtMs: number;
}

export class Delivery {
  readonly #port: DeliveryPort;
  readonly #clock: Clock;
  /** Never tried yet. */
  readonly #ready = new Fifo<SpoolEntry>();
  /** Of sessions that have a record on its way or waiting for it: those behind that one. */
  readonly #behind = new Map<string, SpoolEntry[] | undefined>();
  /** Tried while no server answered, in their order. */
  readonly #silenced: Letter[] = [];
  /** Tried in vain while servers answered, in the order of their next try. */
  readonly #failed = new Fifo<Failed>();
  #mark: { readonly mark: Mark; tries: number; underway: boolean } | undefined;
  /** What came after the mark. */
  #held: SpoolEntry[] = [];

  #underway = 0;
  #limit = 1;
  /** 0: servers answer. */
  #pauseMs = 0;
  #quietUntilMs = Number.NEGATIVE_INFINITY;
  #pauses = 0;
  /** How many were acknowledged so far. */
  #acknowledged = 0;
  #cancelAlarm: (() => void) | undefined;
  #sending = false;
  #stopped = false;

  constructor(port: DeliveryPort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  add(entry: SpoolEntry): void {
    if (this.#mark !== undefined) this.#held.push(entry);
    else this.#line(entry);
    this.#send();
  }

  /** The mark is said once all that came before was told or at least tried, and before all that comes after. */
  say(mark: Mark): void {
    this.#mark = { mark, tries: 0, underway: false };
    this.#send();
  }

  /** There are other servers: what was to wait is tried at once. */
  hurry(): void {
    this.#quietUntilMs = Number.NEGATIVE_INFINITY;
    this.#send();
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelAlarm?.();
  }

  /** Behind what its session has before it. */
  #line(entry: SpoolEntry): void {
    const { session } = entry;
    const behind = this.#behind.get(session);
    if (behind !== undefined) {
      behind.push(entry);
    } else if (this.#behind.has(session)) {
      this.#behind.set(session, [entry]);
    } else {
      this.#behind.set(session, undefined);
      this.#ready.push(entry);
    }
  }

  /** The session's record is done with: the next one is ready. */
  #follow({ session }: SpoolEntry): void {
    const next = this.#behind.get(session)?.shift();
    if (next === undefined) this.#behind.delete(session);
    else this.#ready.push(next);
  }

  #send(): void {
    // An answer may come at once.
    if (this.#sending || this.#stopped) return;
    this.#sending = true;
    const now = this.#clock.now();
    while (this.#underway < this.#limit && now >= this.#quietUntilMs) {
      const letter = this.#next(now);
      if (letter !== undefined) this.#sendRecord(letter);
      else if (!this.#sendMark()) break;
    }
    this.#sending = false;
    this.#setAlarm(now);
  }

  #next(now: number): Letter | undefined {
    for (;;) {
      const letter = this.#take(now);
      if (letter === undefined || letter.entry.pending) return letter;
      // A later record of its session has made it superfluous.
      this.#follow(letter.entry);
    }
  }

  #take(now: number): Letter | undefined {
    const failed = this.#failed.first;
    if (failed !== undefined && failed.againAtMs <= now) return this.#failed.shift();
    const turn = this.#pauseMs === 0 ? 0 : Math.floor(this.#pauses / probesOfOne) % (this.#silenced.length + 1);
    const [silenced] = this.#silenced.splice(turn, 1);
    if (silenced !== undefined) return silenced;
    const entry = this.#ready.shift();
    if (entry !== undefined) return { entry, failures: 0, acknowledgedBefore: this.#acknowledged };
    return this.#mark === undefined ? this.#silenced.shift() : undefined;
  }

  #sendRecord(letter: Letter): void {
    this.#underway++;
    this.#port.send(letter.entry, (acknowledged) => {
      this.#underway--;
      if (acknowledged) {
        this.#succeed();
        this.#port.acknowledged(letter.entry);
        this.#follow(letter.entry);
      } else {
        this.#fail(letter);
      }
      this.#send();
    });
  }

  /** Alone: what is on its way might else arrive behind it. */
  #sendMark(): boolean {
    const waiting = this.#mark;
    if (waiting === undefined || this.#underway > 0) return false;
    this.#underway++;
    waiting.tries++;
    waiting.mark.send((acknowledged) => {
      this.#underway--;
      if (acknowledged) {
        this.#succeed();
      } else if (waiting.tries >= MAX_MARK_TRIES) {
        waiting.mark.givenUp();
      } else {
        this.#pause();
        return this.#send();
      }
      this.#mark = undefined;
      for (const entry of this.#held.splice(0)) this.#line(entry);
      this.#send();
    });
    return true;
  }

  #succeed(): void {
    this.#acknowledged++;
    this.#pauseMs = 0;
    this.#quietUntilMs = Number.NEGATIVE_INFINITY;
    this.#limit = Math.min(this.#limit + 1, MAX_UNDERWAY);
  }

  #fail({ entry, failures, acknowledgedBefore }: Letter): void {
    const acknowledged = this.#acknowledged;
    this.#limit = 1;
    if (acknowledged === acknowledgedBefore) {
      this.#pause();
      const at = this.#silenced.findLastIndex((other) => other.entry.sequence < entry.sequence) + 1;
      this.#silenced.splice(at, 0, { entry, failures, acknowledgedBefore });
    } else if (failures + 1 < MAX_FAILURES) {
      const againAtMs = this.#clock.now() + retryMs;
      this.#failed.push({ entry, failures: failures + 1, acknowledgedBefore: acknowledged, againAtMs });
    } else {
      this.#port.givenUp(entry);
      this.#follow(entry);
    }
  }

  /** No server answers anything. All that was on its way when that began is one failure. */
  #pause(): void {
    const now = this.#clock.now();
    this.#limit = 1;
    if (now < this.#quietUntilMs) return;
    this.#pauses++;
    this.#pauseMs = Math.min(Math.max(2 * this.#pauseMs, minPauseMs), maxPauseMs);
    this.#quietUntilMs = now + this.#pauseMs;
  }

  #setAlarm(now: number): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    const failed = this.#failed.first;
    const waits = this.#silenced.length > 0 || this.#ready.length > 0 || this.#mark !== undefined;
    const atMs = Math.max(
      this.#quietUntilMs,
      waits && this.#quietUntilMs > now ? now : (failed?.againAtMs ?? Number.POSITIVE_INFINITY),
    );
    if (atMs === Number.POSITIVE_INFINITY || this.#underway >= this.#limit) return;
    this.#cancelAlarm = this.#clock.setTimer(atMs - now, () => {
      this.#cancelAlarm = undefined;
      this.#send();
    });
  }
}
