/** A program that is attached to a circuit, as we reach it: its address, and what waits for it. */
import { type Backlog, WaitingMessages } from './backlog.ts';
import { errnoName, native } from './native.ts';

const eagain = -11;
const enoent = -2;
const econnrefused = -111;

export interface ProgramParts {
  /** Of our socket. */
  fd: number;
  address: Uint8Array;
  backlog: Backlog;
  /** It has died. */
  gone(): void;
  /** A message that waited, bytes[start, end), does not reach it. */
  lost(bytes: Uint8Array, start: number, end: number, reason: string): void;
}

export class Program {
  readonly #parts: ProgramParts;
  readonly #waiting = new WaitingMessages((bytes, start, end) => this.retry(bytes, start, end));

  constructor(parts: ProgramParts) {
    this.#parts = parts;
  }

  /** Whether a sender's address, behind which are zeros, is the program's. */
  is(sender: Uint8Array): boolean {
    const { address } = this.#parts;
    for (let i = 0; i < address.length; i++) if (address[i] !== sender[i]) return false;
    return true;
  }

  /** Sends a message behind those that wait, or lets it wait. Answers why it is lost. */
  send(bytes: Uint8Array, start: number, end: number): string | undefined {
    const result = this.#waiting.count > 0 ? eagain : this.attempt(bytes, start, end);
    if (result >= 0) return undefined;
    if (result !== eagain) return reasonOf(result);
    return this.#parts.backlog.add(this.#waiting, bytes, start, end) ? undefined : 'programBusy';
  }

  /** Sends a message now or not at all, which also shows whether the program lives. */
  attempt(bytes: Uint8Array, start: number, end: number): number {
    const { fd, address, gone } = this.#parts;
    const result = native.sendTo(fd, bytes, start, end, address);
    if (isGone(result)) gone();
    return result;
  }

  /** False while it is busy. */
  private retry(bytes: Uint8Array, start: number, end: number): boolean {
    const result = this.attempt(bytes, start, end);
    if (result === eagain) return false;
    if (result < 0 && !isGone(result)) this.#parts.lost(bytes, start, end, reasonOf(result));
    return true;
  }

  /** Nothing waits for it any more. */
  forget(): void {
    const { backlog, lost } = this.#parts;
    backlog.clear(this.#waiting, (bytes, start, end) => lost(bytes, start, end, 'noProgram'));
  }
}

/** Nobody has the socket, or nobody ever had. */
function isGone(result: number): boolean {
  return result === econnrefused || result === enoent;
}

function reasonOf(result: number): string {
  return isGone(result) ? 'noProgram' : `program ${errnoName(result)}`;
}
