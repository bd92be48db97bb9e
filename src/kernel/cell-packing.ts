/**
 * ATM cells on their way to the peer: those that were read in one batch share data messages (RFC 4454 5.2). None waits
 * for a cell that is still to come.
 */
import { cellOctets } from './atm-cell.ts';
import { payloadHeadroomOctets } from './data-header.ts';
import type { Outgoing } from './outgoing.ts';
import type { L2tpSession } from './sessions.ts';

/** The most cells of one data message, whatever is configured. */
export const maxPackedCells = 315;
const slabOctets = 256 * 1024;
const maxMessageOctets = payloadHeadroomOctets + maxPackedCells * cellOctets;

export class CellPacking {
  readonly #outgoing: Outgoing;
  readonly #slab = new Uint8Array(slabOctets);
  /** Of the message that grows, and where its next cell goes. */
  #start = payloadHeadroomOctets;
  #end = payloadHeadroomOctets;

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing;
  }

  /** Takes a copy of the cell at `at`. All cells until `send` must be of one session. */
  add(session: L2tpSession, bytes: Uint8Array, at: number, maxCells: number): void {
    const slab = this.#slab;
    let end = this.#end;
    for (let i = at; i < at + cellOctets; i++) slab[end++] = bytes[i];
    this.#end = end;
    if (end - this.#start >= Math.min(maxCells, maxPackedCells) * cellOctets) this.send(session);
  }

  /** Sends the cells that are left. The batch is over with the next flush of what goes out. */
  send(session: L2tpSession): void {
    const start = this.#start;
    const end = this.#end;
    if (start === end) return;
    this.#outgoing.sendPayload(session, this.#slab, start - payloadHeadroomOctets, start, end, false, 0);
    this.#start = end + payloadHeadroomOctets;
    if (this.#start + maxMessageOctets > slabOctets) this.flush();
    else this.#end = this.#start;
  }

  /** Sends what goes out, before the slab is used again from its beginning. No message may be growing. */
  flush(): void {
    this.#outgoing.flush();
    this.#start = payloadHeadroomOctets;
    this.#end = payloadHeadroomOctets;
  }
}
