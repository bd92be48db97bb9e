/**
 * Packets that wait, of all sessions together, in one slab: so that they go out in batches, and nothing is allocated for
 * any of them. The slab is taken when the first packet waits; the system gives memory for those parts of it alone that
 * were ever used.
 */
import { payloadHeadroomOctets } from './data-header.ts';
import { maxDatagramOctets } from './sockets.ts';

/** The most packets that wait. */
export const maxStoredPackets = 8192;
const slotOctets = payloadHeadroomOctets + maxDatagramOctets;

/** A packet's place is its number; places link to the next ones. */
export class PacketStore {
  slab = new Uint8Array(0);
  #lengths = new Int32Array(0);
  #next = new Int32Array(0);
  /** Free places, those used last on top. */
  #free = new Int32Array(0);
  #freeCount = 0;

  get size(): number {
    return this.#free.length - this.#freeCount;
  }

  /** How many more packets have a place. */
  get room(): number {
    return maxStoredPackets - this.size;
  }

  /** Copies bytes[start, end) in; answers its place, or -1 when there is no room. */
  put(bytes: Uint8Array, start: number, end: number): number {
    if (this.#free.length === 0) this.allocate();
    const octets = end - start;
    if (this.#freeCount === 0 || octets > slotOctets - payloadHeadroomOctets) return -1;
    const place = this.#free[--this.#freeCount];
    this.#lengths[place] = octets;
    this.#next[place] = -1;
    this.slab.set(bytes.subarray(start, end), this.start(place));
    return place;
  }

  private allocate(): void {
    this.slab = new Uint8Array(maxStoredPackets * slotOctets);
    this.#lengths = new Int32Array(maxStoredPackets);
    this.#next = new Int32Array(maxStoredPackets);
    this.#free = new Int32Array(maxStoredPackets).map((_, at) => maxStoredPackets - 1 - at);
    this.#freeCount = maxStoredPackets;
  }

  /** The packet stays readable until the next `put`. */
  free(place: number): void {
    this.#free[this.#freeCount++] = place;
  }

  link(place: number, next: number): void {
    this.#next[place] = next;
  }

  next(place: number): number {
    return this.#next[place];
  }

  octets(place: number): number {
    return this.#lengths[place];
  }

  floor(place: number): number {
    return place * slotOctets;
  }

  start(place: number): number {
    return place * slotOctets + payloadHeadroomOctets;
  }
}
