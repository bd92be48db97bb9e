/** Messages in one slab, described by words, and whose they are, until they go out in one call. */
import type { PlaneSession } from './sessions.ts';

const places = 64;

export interface Outlet {
  /** How many words describe one message, and which of them holds the errno afterwards. */
  readonly words: number;
  readonly errorWord: number;
  /** Answers how many went out. */
  send(slab: Uint8Array, words: Int32Array, count: number): number;
  /** `octets`: as they were counted. */
  failed(session: PlaneSession, error: number, octets: number): void;
}

export class Batch {
  readonly words: Int32Array;
  readonly #outlet: Outlet;
  readonly #sessions: (PlaneSession | undefined)[] = new Array(places).fill(undefined);
  readonly #octets = new Int32Array(places);
  #slab: Uint8Array = new Uint8Array(0);
  #count = 0;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
    this.words = new Int32Array(places * outlet.words);
  }

  /** Where the words of the next message go. Messages of another slab, or too many, are sent before. */
  place(slab: Uint8Array): number {
    if (this.#count === places || slab !== this.#slab) this.flush();
    this.#slab = slab;
    return this.#count * this.#outlet.words;
  }

  /** The message at the last `place` is described. It counts as so many octets of the session's. */
  add(session: PlaneSession, octets: number): void {
    this.#octets[this.#count] = octets;
    this.#sessions[this.#count++] = session;
  }

  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    if (this.#outlet.send(this.#slab, this.words, count) === count) return;
    const { words, errorWord } = this.#outlet;
    for (let i = 0; i < count; i++) {
      const session = this.#sessions[i];
      const error = this.words[i * words + errorWord];
      if (session !== undefined && error !== 0) this.#outlet.failed(session, error, this.#octets[i]);
    }
  }
}
