/** What an earlier run has left in the spool. */
import type { Segment, SpoolEntry } from './spool-entry.ts';
import { parseLine } from './spool-lines.ts';
import type { SpoolStorage } from './spool-storage.ts';

const lineFeed = 10;

export interface Recovered {
  /** In the order of the files. */
  segments: Segment[];
  /** What is still wanted, in the order in which it happened. */
  entries: SpoolEntry[];
  lastSequence: number;
  /** Lines that say nothing, in the middle of files. */
  damaged: number;
}

/** @throws Error when the system refuses */
export async function recover(storage: SpoolStorage, files: readonly number[]): Promise<Recovered> {
  const found = new Map<number, SpoolEntry>();
  const done = new Set<number>();
  const ended = new Set<string>();
  const segments: Segment[] = [];
  let lastSequence = 0;
  let damaged = 0;
  for (const number of files) {
    const octets = await storage.read(number);
    const segment: Segment = { number, octets: octets.length, entries: new Set() };
    segments.push(segment);
    for (let at = 0, end = octets.indexOf(lineFeed); end >= 0; at = end + 1, end = octets.indexOf(lineFeed, at)) {
      const line = parseLine(octets.toString('utf8', at, end));
      if (line === undefined) {
        damaged++;
      } else if ('done' in line) {
        for (const sequence of line.done) {
          done.add(sequence);
          lastSequence = Math.max(lastSequence, sequence);
        }
        for (const session of line.ended) ended.add(session);
      } else {
        // Of one that was moved the later place counts: its file stays longer.
        const { sequence, session, kind, atMs } = line;
        const place = { segment, offset: at, octets: end + 1 - at };
        lastSequence = Math.max(lastSequence, sequence);
        found.set(sequence, {
          sequence,
          session,
          kind,
          atMs,
          content: undefined,
          pending: true,
          last: false,
          queued: false,
          replaces: undefined,
          ...place,
        });
      }
    }
  }
  const entries = [...found.values()]
    .sort((a, b) => a.sequence - b.sequence)
    .filter(({ session }) => !ended.has(session));
  const lastOf = new Map(entries.map((entry) => [entry.session, entry]));
  for (const entry of entries) {
    const last = lastOf.get(entry.session) === entry;
    entry.last = last && entry.kind !== 'stop';
    // A later record says all that an update says.
    entry.pending = !done.has(entry.sequence) && (last || entry.kind !== 'interim');
  }
  const wanted = entries.filter(({ pending, last }) => pending || last);
  for (const entry of wanted) entry.segment?.entries.add(entry);
  return { segments, entries: wanted, lastSequence, damaged };
}
