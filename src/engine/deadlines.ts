import type { Instant } from './effects.ts';

/** What stands in the queue: it knows its own deadline, and keeps its place for the queue. */
export interface Waiting {
  deadline(): Instant | undefined;
  /** The queue's own bookkeeping; start with `notQueued()`. */
  readonly queued: Queued;
}

/** `at` is the instant under which the machine is filed, never later than its true deadline. */
export interface Queued {
  index: number;
  at: Instant;
}

export function notQueued(): Queued {
  return { index: -1, at: 0 };
}

/**
 * One indexed deadline queue for all machines: a binary heap in which each machine knows its place. A deadline that
 * moves later is refiled only when its old instant comes, since that is what acknowledged timers do all the time.
 */
export class DeadlineQueue<M extends Waiting> {
  private readonly heap: M[] = [];

  /** Files the machine under its present deadline. Call it after everything that may have changed the deadline. */
  update(machine: M): void {
    const at = machine.deadline();
    const place = machine.queued;
    if (at === undefined) return;
    if (place.index < 0) {
      place.at = at;
      place.index = this.heap.length;
      this.heap.push(machine);
      this.up(place.index);
    } else if (at < place.at) {
      place.at = at;
      this.up(place.index);
    }
  }

  remove(machine: M): void {
    const { index } = machine.queued;
    if (index < 0) return;
    machine.queued.index = -1;
    const last = this.heap.pop();
    if (last === undefined || last === machine) return;
    this.place(last, index);
    this.up(index);
    this.down(last.queued.index);
  }

  /** The earliest instant at which a machine may be due: never later than the true one. */
  next(): Instant | undefined {
    return this.heap[0]?.queued.at;
  }

  /** Takes out one machine that is due at `now`; undefined when none is. Call `update` with it after handling. */
  takeDue(now: Instant): M | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.queued.at > now) return undefined;
      const at = first.deadline();
      if (at !== undefined && at > now) {
        first.queued.at = at;
        this.down(0);
        continue;
      }
      this.remove(first);
      if (at !== undefined) return first;
    }
  }

  get size(): number {
    return this.heap.length;
  }

  private place(machine: M, index: number): void {
    this.heap[index] = machine;
    machine.queued.index = index;
  }

  private up(from: number): void {
    const machine = this.heap[from];
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.heap[parent].queued.at <= machine.queued.at) break;
      this.place(this.heap[parent], index);
      index = parent;
    }
    this.place(machine, index);
  }

  private down(from: number): void {
    const machine = this.heap[from];
    if (machine === undefined) return;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && this.heap[child + 1].queued.at < this.heap[child].queued.at) child++;
      if (this.heap[child].queued.at >= machine.queued.at) break;
      this.place(this.heap[child], index);
      index = child;
    }
    this.place(machine, index);
  }
}
