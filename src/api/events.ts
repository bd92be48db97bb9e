import type { Notice } from '../engine/effects.ts';
import type { ReconcilerEvent } from '../reconciler/reconciler.ts';
import { acceptedName } from './names.ts';
import type { ApiEvent } from './types.ts';

/** How many events are remembered. */
const MAX_EVENTS = 1000;

export type NewEvent = Omit<ApiEvent, 'id' | 'time'>;

/** The last things that happened, and whoever wants to hear of the next. */
export class EventLog {
  readonly #now: () => Date;
  /** A ring: event `id` stands at `id % MAX_EVENTS`. */
  readonly #ring: ApiEvent[] = [];
  readonly #followers = new Set<(event: ApiEvent) => void>();
  #lastId = 0;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  append(event: NewEvent): void {
    const id = ++this.#lastId;
    const kept: ApiEvent = { id, time: this.#now().toISOString(), ...event };
    this.#ring[id % MAX_EVENTS] = kept;
    for (const follower of this.#followers) follower(kept);
  }

  /** The newest `count` events that are wanted, oldest first. */
  last(count: number, wanted: (event: ApiEvent) => boolean = () => true): ApiEvent[] {
    const found: ApiEvent[] = [];
    const oldest = Math.max(1, this.#lastId - MAX_EVENTS + 1);
    for (let id = this.#lastId; id >= oldest && found.length < count; id--) {
      const event = this.#ring[id % MAX_EVENTS];
      if (wanted(event)) found.push(event);
    }
    return found.reverse();
  }

  /** Calls `follower` with every later event until the returned function is called. A follower must not throw. */
  follow(follower: (event: ApiEvent) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

const KIND_OF = { gateway: 'Gateway', tunnel: 'Tunnel', session: 'Session' } as const;

const REASON_OF: Record<Notice['event'], string> = {
  up: 'Up',
  down: 'Down',
  refused: 'Refused',
  authFailed: 'AuthenticationFailed',
  ppp: 'Ppp',
  protocol: 'Protocol',
};

/** What the engine noticed, under the name that the API gives the object. */
export function eventOf(notice: Notice): NewEvent {
  // What peers opened goes by `tunnelId` or `tunnelId/sessionId`; a resource may be called `12` too.
  const ids = notice.declared ? undefined : /^(\d+)(?:\/(\d+))?$/.exec(notice.name);
  const name = ids ? acceptedName(Number(ids[1]), ids[2] === undefined ? undefined : Number(ids[2])) : notice.name;
  return { kind: KIND_OF[notice.subject], name, reason: REASON_OF[notice.event], message: notice.message };
}

/** A step that the reconciler took, or could not take. */
export function eventOfStep({ object, what, outcome, message }: ReconcilerEvent): NewEvent {
  const [kind, ...name] = object.split('/');
  const step = what[0].toUpperCase() + what.slice(1);
  return {
    kind,
    name: name.length === 0 ? undefined : name.join('/'),
    reason: outcome === 'taken' ? step : 'ActionFailed',
    message: outcome === 'taken' ? message : `${what}: ${message}`,
  };
}
