/** What the spool knows of each record and file. */
import type { RecordKind } from './spool-lines.ts';

/** A record, as the spool knows it. */
export interface SpoolEntry {
  readonly sequence: number;
  readonly session: string;
  readonly kind: RecordKind;
  readonly atMs: number;
  /** Absent: on disk only. */
  content: Uint8Array | undefined;
  /** To be delivered still. */
  pending: boolean;
  /** Nothing was said of its session since, or that is not on disk yet, and the session is live as far as the disk knows. */
  last: boolean;
  /** Waits to be written. */
  queued: boolean;
  /** What is `last` until this is on disk. */
  replaces: SpoolEntry | undefined;
  /** Where it is on disk, once it is. */
  segment: Segment | undefined;
  offset: number;
  octets: number;
}

export interface Segment {
  readonly number: number;
  octets: number;
  /** What is in it and still wanted. */
  readonly entries: Set<SpoolEntry>;
}

/** Whether the disk must have it. */
export function isWanted({ pending, last }: SpoolEntry): boolean {
  return pending || last;
}
