/** Counts the frames that sessions lose here, and tells of them now and then: a LAC reports them to its LNS. */
import type { PlaneEvents } from '../engine/ports.ts';
import type { PlaneSession } from './sessions.ts';

/** RFC 2661 6.13: a WEN at most once in this time. */
const tellEveryMs = 60_000;

export class Drops {
  readonly #events: PlaneEvents;
  /** Those that have lost something since they were last told of. */
  readonly #sessions = new Set<PlaneSession>();
  #alarm: NodeJS.Timeout | undefined;

  constructor(events: PlaneEvents) {
    this.#events = events;
  }

  /** A frame that came. */
  received(session: PlaneSession): void {
    session.rxDropped++;
    this.note(session);
  }

  /** A frame that was to go. */
  sent(session: PlaneSession): void {
    session.txDropped++;
    this.note(session);
  }

  forget(session: PlaneSession): void {
    this.#sessions.delete(session);
  }

  close(): void {
    clearTimeout(this.#alarm);
    this.#sessions.clear();
  }

  private note(session: PlaneSession): void {
    this.#sessions.add(session);
    this.#alarm ??= setTimeout(() => this.tell(), tellEveryMs).unref();
  }

  private tell(): void {
    this.#alarm = undefined;
    const sessions = [...this.#sessions];
    this.#sessions.clear();
    for (const { key, rxDropped, txDropped } of sessions) this.#events.framesDropped(key, rxDropped + txDropped);
  }
}
