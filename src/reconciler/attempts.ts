/** When an action may be taken again: the one place that knows back-off. */
import { same } from './compare.ts';
import type { Action, DesiredState, ObservedState } from './live.ts';
import { objectOf } from './plan.ts';

/** The first wait; it doubles with every try up to the action's bound. */
const firstWaitMs = 1000;
/** A tunnel or session that was up for this long is dialled again as if for the first time. */
const steadyMs = 30_000;
/** A device that was whole for this long is repaired at once; one that somebody keeps changing is not fought over. */
const wholeMs = 10_000;

/** What is known of one action on one object that did not lead to its end yet, or is kept for a redial. */
export interface Attempt {
  object: string;
  action: Action['action'];
  spec: unknown;
  tries: number;
  /** Monotonic: not before this. */
  dueAt: number;
  /** Taken, and its effect not seen to be missing yet. */
  underway: boolean;
  /** Monotonic: since when the object is seen to be up. */
  upAt?: number;
  /** Why the last try was refused by the system. */
  error?: { atMs: number; message: string };
}

export interface Bounds {
  tunnelMs: number;
  sessionMs: number;
}

/** The longest wait before an action other than dialling is tried again. */
const otherBoundMs = 60_000;
const repairBoundMs = 5_000;

export class Attempts {
  readonly #random: () => number;
  readonly #attempts = new Map<string, Attempt>();

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Takes note of what is planned now: forgets what led to its end, starts the wait of what has to be tried again. */
  note(actions: readonly Action[], desired: DesiredState, observed: ObservedState, bounds: Bounds, now: number): void {
    const planned = new Map(actions.map((action) => [keyOf(action), action]));
    for (const [key, attempt] of this.#attempts) {
      const action = planned.get(key);
      if (action) {
        if (!same(attempt.spec, specOf(action)) || isLongWhole(attempt, now)) this.#attempts.delete(key);
        else if (attempt.underway) this.#wait(attempt, action, bounds, now);
      } else if (!this.#isKept(attempt, desired, observed, now)) {
        this.#attempts.delete(key);
      } else if (isUp(attempt.object, observed)) {
        attempt.upAt ??= now;
        attempt.error = undefined;
      }
    }
  }

  isDue(action: Action, now: number): boolean {
    const attempt = this.#attempts.get(keyOf(action));
    return attempt === undefined || attempt.dueAt <= now;
  }

  taken(action: Action): void {
    const attempt = this.#of(action);
    attempt.underway = true;
    attempt.error = undefined;
  }

  refused(action: Action, bounds: Bounds, now: number, error: { atMs: number; message: string }): void {
    const attempt = this.#of(action);
    attempt.error = error;
    this.#wait(attempt, action, bounds, now);
  }

  /** The earliest time at which one of these actions becomes due. */
  nextDue(actions: readonly Action[]): number | undefined {
    let earliest: number | undefined;
    for (const action of actions) {
      const dueAt = this.#attempts.get(keyOf(action))?.dueAt;
      if (dueAt !== undefined && (earliest === undefined || dueAt < earliest)) earliest = dueAt;
    }
    return earliest;
  }

  /** All that is known, by object. */
  byObject(): Map<string, Attempt[]> {
    const found = new Map<string, Attempt[]>();
    for (const attempt of this.#attempts.values()) {
      found.set(attempt.object, [...(found.get(attempt.object) ?? []), attempt]);
    }
    return found;
  }

  #of(action: Action): Attempt {
    const key = keyOf(action);
    const attempt = this.#attempts.get(key) ?? {
      object: objectOf(action),
      action: action.action,
      spec: specOf(action),
      tries: 0,
      dueAt: 0,
      underway: false,
    };
    attempt.tries++;
    this.#attempts.set(key, attempt);
    return attempt;
  }

  #wait(attempt: Attempt, action: Action, bounds: Bounds, now: number): void {
    if (attempt.upAt !== undefined && now - attempt.upAt >= steadyMs) attempt.tries = 1;
    attempt.upAt = undefined;
    attempt.underway = false;
    const bound = boundOf(action, bounds);
    const wait = Math.min(bound, firstWaitMs * 2 ** Math.min(attempt.tries - 1, 30));
    // Up to a quarter less, so that many tunnels to one dead peer do not knock all at once.
    attempt.dueAt = now + wait * (1 - this.#random() / 4);
  }

  /**
   * A dial that is underway or up; how long it is up decides whether the next one waits longer. Calls that went down
   * with their tunnel are placed at once when it is back: the tunnel has done the waiting. Likewise a repair.
   */
  #isKept(
    { object, action, upAt }: Attempt,
    { tunnels, sessions }: DesiredState,
    observed: ObservedState,
    now: number,
  ): boolean {
    const [kind, name] = object.split('/');
    if (action === 'repairDevice') return observed.devices.has(name) && !isLongWhole({ action, upAt }, now);
    if (!isDial(action)) return false;
    if (kind === 'Tunnel') return tunnels.has(name);
    const session = sessions.get(name);
    const tunnel = session && observed.tunnels.get(session.tunnel);
    return session !== undefined && (upAt === undefined || tunnel?.state === 'established');
  }
}

function isLongWhole({ action, upAt }: Pick<Attempt, 'action' | 'upAt'>, now: number): boolean {
  return action === 'repairDevice' && upAt !== undefined && now - upAt >= wholeMs;
}

/**
 * A call is up when it carries user packets or a circuit's frames, or frames for another one: PPP that never opens takes
 * longer to give up than `steadyMs`.
 */
function isUp(object: string, { tunnels, sessions, devices }: ObservedState): boolean {
  const [kind, name] = object.split('/');
  if (kind === 'Device') return devices.has(name);
  if (kind === 'Tunnel') return tunnels.get(name)?.state === 'established';
  const view = sessions.get(name);
  if (view?.state !== 'established') return false;
  const { pseudowire, ppp, switched } = view;
  return (switched ?? (pseudowire === 'ppp' ? (ppp.ipv4 ?? ppp.ipv6) : view.interface)) !== undefined;
}

function keyOf(action: Action): string {
  return `${objectOf(action)} ${action.action}`;
}

function specOf(action: Action): unknown {
  return 'spec' in action ? action.spec : undefined;
}

function isDial(action: Action['action']): boolean {
  return action === 'openTunnel' || action === 'openSession';
}

function boundOf(action: Action, bounds: Bounds): number {
  switch (action.action) {
    case 'openTunnel':
      return bounds.tunnelMs;
    case 'openSession':
      return bounds.sessionMs;
    case 'repairDevice':
      return repairBoundMs;
    default:
      return otherBoundMs;
  }
}
