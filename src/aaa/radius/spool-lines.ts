/** How the spool stands on disk: a JSON object in a line, either a record or what has been done with records. */
import { Buffer } from 'node:buffer';

export const recordKinds = ['start', 'interim', 'stop'] as const;
export type RecordKind = (typeof recordKinds)[number];

export interface AccountingRecord {
  /** Acct-Session-Id. */
  readonly session: string;
  readonly kind: RecordKind;
  /** When it happened: wall-clock time, milliseconds since the epoch. */
  readonly atMs: number;
  /** What a server is told: octets that mean nothing here. */
  readonly content: Uint8Array;
}

export interface RecordLine extends AccountingRecord {
  /** Counts the records, also over restarts. */
  readonly sequence: number;
}

export interface DoneLine {
  /** The sequence numbers of records that need not be delivered any more. */
  readonly done: readonly number[];
  /** Sessions of which the Stop is among them: whatever else is found of these is old. */
  readonly ended: readonly string[];
}

export function recordLine({ sequence, session, kind, atMs, content }: RecordLine): string {
  return `${JSON.stringify({ sequence, session, kind, atMs, content: Buffer.from(content).toString('base64') })}\n`;
}

export function doneLine(line: DoneLine): string {
  return `${JSON.stringify(line)}\n`;
}

/** Undefined: it is neither, as where a machine has stopped in the middle of a write. */
export function parseLine(text: string): RecordLine | DoneLine | undefined {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof line !== 'object' || line === null) return undefined;
  return 'done' in line ? parseDone(line) : parseRecord(line);
}

function parseRecord(line: object): RecordLine | undefined {
  if (!('sequence' in line && 'session' in line && 'kind' in line && 'atMs' in line && 'content' in line)) {
    return undefined;
  }
  const { sequence, session, atMs, content } = line;
  const kind = recordKinds.find((known) => known === line.kind);
  if (!isCount(sequence) || typeof session !== 'string' || kind === undefined) return undefined;
  if (typeof atMs !== 'number' || typeof content !== 'string') return undefined;
  return { sequence, session, kind, atMs, content: Buffer.from(content, 'base64') };
}

function parseDone(line: { done: unknown }): DoneLine | undefined {
  const { done } = line;
  const ended = 'ended' in line ? line.ended : [];
  if (!Array.isArray(done) || !done.every(isCount)) return undefined;
  if (!Array.isArray(ended) || !ended.every((session) => typeof session === 'string')) return undefined;
  return { done, ended };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
