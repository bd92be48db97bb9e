/**
 * Messages that busy programs have not taken yet, those of each program in their order. The kernel does not tell when a
 * unix datagram socket has room again, so they are tried again and again.
 */
import { PacketStore } from './packet-store.ts';

/** The most messages that wait for one program; of all programs together: maxStoredPackets. */
export const maxWaitingMessages = 256;
/** The least and the greatest time between two attempts: as long as no program takes anything, it is doubled. */
const leastRetryMs = 2;
const greatestRetryMs = 128;

/** What waits for one program. */
export class WaitingMessages {
  count = 0;
  /** Places in the store. */
  first = -1;
  last = -1;
  /** Answers false while the program is busy. */
  readonly deliver: (bytes: Uint8Array, start: number, end: number) => boolean;

  constructor(deliver: (bytes: Uint8Array, start: number, end: number) => boolean) {
    this.deliver = deliver;
  }
}

export class Backlog {
  readonly #store = new PacketStore();
  readonly #queues = new Set<WaitingMessages>();
  #retry: NodeJS.Timeout | undefined;
  #retryMs = leastRetryMs;

  /** How many messages wait. */
  get size(): number {
    return this.#store.size;
  }

  /** Takes a copy of a message behind those that wait already. False: there is no room. */
  add(queue: WaitingMessages, bytes: Uint8Array, start: number, end: number): boolean {
    if (queue.count === maxWaitingMessages) return false;
    const place = this.#store.put(bytes, start, end);
    if (place < 0) return false;
    if (queue.count++ === 0) queue.first = place;
    else this.#store.link(queue.last, place);
    queue.last = place;
    this.#queues.add(queue);
    this.arm();
    return true;
  }

  /** Drops all that waits for a program, showing each to `lost`. */
  clear(queue: WaitingMessages, lost: (bytes: Uint8Array, start: number, end: number) => void): void {
    while (queue.count > 0) {
      const place = this.take(queue);
      const start = this.#store.start(place);
      lost(this.#store.slab, start, start + this.#store.octets(place));
    }
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  private arm(): void {
    this.#retry ??= setTimeout(() => this.retry(), this.#retryMs);
  }

  private retry(): void {
    this.#retry = undefined;
    let taken = false;
    for (const queue of this.#queues) taken = this.drain(queue) || taken;
    this.#retryMs = taken ? leastRetryMs : Math.min(this.#retryMs * 2, greatestRetryMs);
    if (this.#queues.size > 0) this.arm();
  }

  /** Answers whether the program has taken something. */
  private drain(queue: WaitingMessages): boolean {
    let taken = false;
    while (queue.count > 0) {
      const start = this.#store.start(queue.first);
      if (!queue.deliver(this.#store.slab, start, start + this.#store.octets(queue.first))) break;
      taken = true;
      // Who found the program gone has cleared the queue.
      if (queue.count > 0) this.take(queue);
    }
    return taken;
  }

  /** The first place, which is free from now on and readable until the next message is added. */
  private take(queue: WaitingMessages): number {
    const place = queue.first;
    queue.first = this.#store.next(place);
    this.#store.free(place);
    if (--queue.count === 0) this.#queues.delete(queue);
    return place;
  }
}
