import type { Clock } from '../../../src/aaa/radius/clock.ts';

/** Time that passes when told. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  /** Wall-clock time at the beginning. */
  static readonly epochMs = 1_800_000_000_000;

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return VirtualClock.epochMs + this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that were set and have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass; what is due happens in its order, and what that begins has some turns before the next. */
  async pass(ms: number, turns = 8): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      let next: { atMs: number; callback: () => void } | undefined;
      for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }
}
