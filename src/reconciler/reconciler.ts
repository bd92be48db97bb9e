/** The loop that makes what is into what should be. The only place that redials. */
import { PlaneError, type SpecError } from '../engine/errors.ts';
import { Attempts } from './attempts.ts';
import { same } from './compare.ts';
import type { Fields } from './context.ts';
import { type Desired, desired } from './desired.ts';
import { foresee } from './foresee.ts';
import { Generations } from './generations.ts';
import type { Action, Live, ObservedState } from './live.ts';
import { type Impact, impact, objectOf, plan } from './plan.ts';
import type { Snapshot } from './resources.ts';
import type { Status } from './standing.ts';
import { statusesOf } from './status.ts';
import { inWords } from './system-words.ts';

/** How often the world is observed when nothing happens. */
const resyncMs = 30_000;
/** The least time between two passes, so that many wake-ups at once cost one. */
const paceMs = 50;
/** The most steps on one object within one pass; a world that needs more is looked at again a little later. */
const roundLimit = 16;

export interface ReconcilerClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** Calls back once after a time; the answer calls it off. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

export interface ReconcilerEvent {
  /** Milliseconds since the epoch. */
  atMs: number;
  /** `Tunnel/to-lns`, `Device/l2tp0`, `Gateway`, `AAA`, `World`. */
  object: string;
  what: Action['action'] | 'observe';
  outcome: 'taken' | 'refused';
  message: string;
}

/** What would happen, and what would go down by it. */
export interface Preview {
  actions: Action[];
  impact: Impact;
  errors: readonly SpecError[];
}

export interface ReconcilerOptions {
  live: Live;
  clock: ReconcilerClock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Called after every pass, when statuses may be new. */
  onChange?: () => void;
  /** Called at every step taken or refused. */
  onEvent?: (event: ReconcilerEvent) => void;
}

export class Reconciler {
  readonly #live: Live;
  readonly #clock: ReconcilerClock;
  readonly #onChange: () => void;
  readonly #onEvent: (event: ReconcilerEvent) => void;
  readonly #attempts: Attempts;
  readonly #generations = new Generations();
  /** Dials that have not begun yet, by object: a name may take long to resolve, and nobody else waits for it. */
  readonly #dialling = new Map<string, Action>();
  #desired: Desired | undefined;
  #statuses: ReadonlyMap<string, Status> = new Map();
  #running: Promise<void> | undefined;
  #callOffTimer: () => void = () => undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #paceUntil = Number.NEGATIVE_INFINITY;
  #isWoken = false;
  #isStopped = false;

  constructor({ live, clock, random, onChange = () => undefined, onEvent = () => undefined }: ReconcilerOptions) {
    this.#live = live;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#onEvent = onEvent;
    this.#attempts = new Attempts(random);
  }

  /** By resource id; also of documents that are wrong but say whose they are. */
  get statuses(): ReadonlyMap<string, Status> {
    return this.#statuses;
  }

  get errors(): readonly SpecError[] {
    return this.#desired?.errors ?? [];
  }

  get desired(): Desired | undefined {
    return this.#desired;
  }

  /** Every resolved field of a resource, with where it came from. */
  explain(id: string): Fields | undefined {
    return this.#desired?.explain(id);
  }

  /** Takes what is declared now. What has an error stays as it was. */
  setSnapshot(snapshot: Snapshot): void {
    this.#desired = desired(snapshot, this.#desired);
    this.#generations.note(snapshot.resources);
    this.wake();
  }

  /** Something happened in the world: look at it soon. */
  wake(): void {
    if (this.#isStopped) return;
    this.#isWoken = true;
    if (!this.#running) this.#arm(this.#paceUntil);
  }

  /** What would be done, for what is declared now or for something else. Changes nothing. */
  async planFor(snapshot?: Snapshot): Promise<Preview> {
    const wanted = snapshot ? desired(snapshot, this.#desired) : this.#desired;
    if (!wanted) return { actions: [], impact: { tunnels: [], sessions: [] }, errors: [] };
    const observed = await this.#live.observe();
    const actions = foresee(wanted.state, observed);
    return { actions, impact: impact(actions, observed), errors: wanted.errors };
  }

  /** Takes no further action; what is up stays up. A dial that still resolves its name is not waited for. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#callOffTimer();
    await this.#running;
  }

  /** One alarm: at this time, or earlier where it already stands earlier. */
  #arm(at: number): void {
    if (this.#isStopped || at >= this.#timerAt) return;
    this.#callOffTimer();
    this.#timerAt = at;
    this.#callOffTimer = this.#clock.setTimer(Math.max(0, at - this.#clock.now()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#running ??= this.#pass().finally(() => {
        this.#running = undefined;
        if (this.#isWoken) this.#arm(this.#paceUntil);
      });
    });
  }

  async #pass(): Promise<void> {
    this.#isWoken = false;
    let next: number | undefined;
    try {
      next = await this.#rounds();
    } catch (error) {
      this.#tell('World', 'observe', 'refused', messageOf(error));
    }
    const now = this.#clock.now();
    this.#paceUntil = now + paceMs;
    this.#arm(Math.min(now + resyncMs, Math.max(next ?? Number.POSITIVE_INFINITY, this.#paceUntil)));
    this.#onChange();
  }

  /**
   * Observes, plans and acts until nothing is due.
   * @returns when the next action is due
   */
  async #rounds(): Promise<number | undefined> {
    for (let round = 0; round < roundLimit && this.#desired && !this.#isStopped; round++) {
      const wanted = this.#desired;
      const observed = await this.#live.observe();
      const actions = plan(wanted.state, observed);
      const now = this.#clock.now();
      this.#attempts.note(actions, wanted.state, observed, wanted.redialBounds, now);
      this.#report(wanted, observed);
      const free = actions.filter((action) => !this.#isDialling(action));
      const due = free.filter((action) => this.#attempts.isDue(action, now));
      if (due.length === 0) return this.#attempts.nextDue(free);
      for (const action of due) {
        if (this.#isStopped || this.#desired !== wanted) break;
        if (action.action === 'openTunnel') this.#dial(action, wanted);
        else await this.#take(action, wanted);
      }
    }
    return this.#clock.now();
  }

  #isDialling(action: Action): boolean {
    const dialling = this.#dialling.get(objectOf(action));
    return dialling?.action === 'openTunnel' && action.action === 'openTunnel' && same(dialling.spec, action.spec);
  }

  #dial(action: Action, wanted: Desired): void {
    const object = objectOf(action);
    this.#dialling.set(object, action);
    void this.#take(action, wanted).finally(() => {
      if (this.#dialling.get(object) === action) this.#dialling.delete(object);
      this.wake();
    });
  }

  async #take(action: Action, { redialBounds }: Desired): Promise<void> {
    try {
      await this.#live.apply(action);
      this.#attempts.taken(action);
      this.#tell(objectOf(action), action.action, 'taken', action.reason);
    } catch (error) {
      const message = messageOf(error);
      const atMs = this.#clock.wall();
      this.#attempts.refused(action, redialBounds, this.#clock.now(), { atMs, message });
      this.#tell(objectOf(action), action.action, 'refused', message);
    }
  }

  #report(wanted: Desired, observed: ObservedState): void {
    const nowMs = this.#clock.wall();
    this.#statuses = statusesOf({
      desired: wanted,
      observed,
      attempts: this.#attempts.byObject(),
      generations: this.#generations.byId(),
      before: this.#statuses,
      nowMs,
      wallOffsetMs: nowMs - this.#clock.now(),
    });
  }

  #tell(object: string, what: ReconcilerEvent['what'], outcome: ReconcilerEvent['outcome'], message: string): void {
    this.#onEvent({ atMs: this.#clock.wall(), object, what, outcome, message });
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof PlaneError ? inWords(error.message) : error.message;
}
