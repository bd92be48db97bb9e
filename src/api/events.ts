import type { Notice } from '../engine/effects.ts';
import type { ReconcilerEvent } from '../reconciler/reconciler.ts';
import { ACCEPTED, acceptedName } from './names.ts';
import type { ApiEvent } from './types.ts';

/** How many events are remembered of what is declared, and as many of what peers opened. */
const MAX_EVENTS = 1000;

export type NewEvent = Omit<ApiEvent, 'id' | 'time'>;

interface Kept {
  id: number;
  atMs: number;
  event: NewEvent;
}

/** The last events of one sort: number n stands at n % MAX_EVENTS. */
class Ring {
  readonly #kept: Kept[] = [];
  #count = 0;

  append(kept: Kept): void {
    this.#kept[this.#count++ % MAX_EVENTS] = kept;
  }

  *newestFirst(): Generator<Kept> {
    for (let n = this.#count - 1; n >= Math.max(0, this.#count - MAX_EVENTS); n--) yield this.#kept[n % MAX_EVENTS];
  }
}

/**
 * The last things that happened, and whoever wants to hear of the next. What peers open has a ring of its own: their
 * thousands of calls a second must not push out what concerns our resources.
 */
export class EventLog {
  readonly #now: () => number;
  readonly #declared = new Ring();
  readonly #accepted = new Ring();
  readonly #followers = new Set<(event: ApiEvent) => void>();
  #lastId = 0;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  append(event: NewEvent): void {
    const kept = { id: ++this.#lastId, atMs: this.#now(), event };
    const ring = isOfPeers(event) ? this.#accepted : this.#declared;
    ring.append(kept);
    for (const follower of this.#followers) follower(shown(kept));
  }

  /** The newest `count` events that are wanted, oldest first. */
  last(count: number, wanted: (event: ApiEvent) => boolean = () => true): ApiEvent[] {
    const found = [this.#declared, this.#accepted].flatMap((ring) => {
      const events: ApiEvent[] = [];
      for (const kept of ring.newestFirst()) {
        if (events.length === count) break;
        const event = shown(kept);
        if (wanted(event)) events.push(event);
      }
      return events;
    });
    return found.sort((a, b) => a.id - b.id).slice(-count);
  }

  /** Calls `follower` with every later event until the returned function is called. A follower must not throw. */
  follow(follower: (event: ApiEvent) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

/** No resource's name has a slash: `server/id` is a PPPoE client. */
function isOfPeers({ name = '' }: NewEvent): boolean {
  return name.startsWith(ACCEPTED) || name.includes('/');
}

function shown({ id, atMs, event }: Kept): ApiEvent {
  return { id, time: new Date(atMs).toISOString(), ...event };
}

const KIND_OF = { gateway: 'Gateway', tunnel: 'Tunnel', session: 'Session' } as const;

const REASON_OF: Record<Notice['event'], string> = {
  up: 'Up',
  down: 'Down',
  refused: 'Refused',
  authFailed: 'AuthenticationFailed',
  line: 'Line',
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
