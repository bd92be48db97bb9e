/**
 * The accounting records that no server has acknowledged yet, and what was said last of each live session.
 *
 * What it promises: a record is given out for delivery only when it is on disk (written and synced, in batches), and is
 * forgotten there only after it was acknowledged. So a daemon that is killed loses no more than the records of its last
 * moments, and a session whose Stop was among them is ended at the next start, as are those that were live: with the
 * figures that were told last. A record may be delivered twice, with the same content; never another Stop of a session.
 * Where the disk does not let us write, records are given out all the same, and written when it does again.
 */
import { Buffer } from 'node:buffer';
import type { Clock } from './clock.ts';
import { isWanted, type Segment, type SpoolEntry } from './spool-entry.ts';
import { type AccountingRecord, doneLine, parseLine, recordLine } from './spool-lines.ts';
import { type Recovered, recover } from './spool-recovery.ts';
import type { SpoolStorage } from './spool-storage.ts';

/** What one daemon may leave undelivered, and what of it may lie in memory and on disk. */
export interface SpoolLimits {
  /** Records that wait for a server. */
  pending: number;
  /** On disk, of these and the live sessions' last ones. */
  octets: number;
  /** Records that wait for the disk. */
  unwritten: number;
  /** Records whose content lies in memory too. That of others is read back when their turn comes. */
  inMemory: number;
  /** A file that is larger is followed by another one. */
  fileOctets: number;
}

const usualLimits: SpoolLimits = {
  pending: 1_000_000,
  octets: 1 << 30,
  unwritten: 100_000,
  inMemory: 16_384,
  fileOctets: 4 << 20,
};
/** How many records go into one write. */
const MAX_BATCH = 4_096;

/** How long records are gathered for one write, and what is done with them when no record comes. */
const recordsMs = 20;
const doneMs = 50;
/** After a write that failed. */
const retryMs = 5_000;
/** How often the operator is told of lost records. */
const toldMs = 60_000;

export interface SpoolEvents {
  /** This record may be delivered; those of a session come in their order. */
  ready(entry: SpoolEntry): void;
  /** In words for the operator. */
  trouble(message: string): void;
}

export class Spool {
  readonly #storage: SpoolStorage;
  readonly #clock: Clock;
  readonly #events: SpoolEvents;
  readonly #limits: SpoolLimits;

  #sequence = 0;
  /** By sequence, so that the oldest comes first. */
  readonly #pending = new Map<number, SpoolEntry>();
  /** Those of them that a later record would make superfluous. */
  readonly #pendingUpdates = new Set<SpoolEntry>();
  readonly #lastOf = new Map<string, SpoolEntry>();
  #inMemory = 0;

  /** By number, so that the oldest comes first. The last one is written to, unless it is full or broken. */
  readonly #segments = new Map<number, Segment>();
  #current: Segment | undefined;
  #lastNumber = 0;
  #wantedOctets = 0;

  /** Records from before the spool was opened. */
  #early: AccountingRecord[] | undefined = [];
  #unwritten: SpoolEntry[] = [];
  #done: number[] = [];
  #ended: string[] = [];
  /** Given out although they could not be written. */
  readonly #unsafe = new Set<SpoolEntry>();
  #writing: Promise<void> | undefined;
  #alarm: { atMs: number; cancel(): void } | undefined;
  #inTrouble = false;
  #closed = false;
  #lost = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(storage: SpoolStorage, clock: Clock, events: SpoolEvents, limits: SpoolLimits = usualLimits) {
    this.#storage = storage;
    this.#clock = clock;
    this.#events = events;
    this.#limits = limits;
  }

  /** How many records wait for a server. */
  get pending(): number {
    return this.#pending.size + (this.#early?.length ?? 0);
  }

  /**
   * Takes over what an earlier run has left: gives out what was not acknowledged, and ends the sessions that were live.
   * All that was given out when it resolves; records that are appended before and meanwhile come after.
   * @param stopOf makes the content of a session's Stop from that of its last record; undefined: that is damaged
   * @throws Error when another daemon has the spool, or the system refuses; it may be tried again
   */
  async open(stopOf: (content: Uint8Array) => Uint8Array | undefined): Promise<void> {
    const { segments, entries, lastSequence, damaged } = await this.#recover();
    for (const segment of segments) this.#segments.set(segment.number, segment);
    this.#lastNumber = segments.at(-1)?.number ?? 0;
    this.#sequence = lastSequence;
    if (damaged > 0) this.#events.trouble(`accounting spool: ${damaged} damaged lines were skipped`);
    for (const entry of entries) {
      this.#wantedOctets += entry.octets;
      if (entry.last) this.#lastOf.set(entry.session, entry);
      if (!entry.pending) continue;
      this.#pending.set(entry.sequence, entry);
      if (entry.kind === 'interim') this.#pendingUpdates.add(entry);
    }
    const live = entries.filter(({ last }) => last);
    for (const last of live) {
      const said = await this.read(last);
      const content = said && stopOf(said);
      if (content) this.#enter({ session: last.session, kind: 'stop', atMs: last.atMs, content });
    }
    for (const entry of entries) if (entry.pending) this.#events.ready(entry);
    await this.#writeAll();
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const record of early) this.#enter(record);
    if (this.#unwritten.length > 0) this.#schedule(0);
  }

  async #recover(): Promise<Recovered> {
    const files = await this.#storage.open();
    try {
      return await recover(this.#storage, files);
    } catch (error) {
      await this.#storage.close();
      throw error;
    }
  }

  /** Whether something was said of the session, and not yet that it is over. */
  knows(session: string): boolean {
    return this.#lastOf.has(session) || (this.#early ?? []).some((record) => record.session === session);
  }

  append(record: AccountingRecord): void {
    if (this.#early === undefined) this.#enter(record);
    else if (this.#early.length < this.#limits.unwritten) this.#early.push(record);
    else this.#lost++;
  }

  /** A server has it, or it is given up. */
  acknowledge(entry: SpoolEntry): void {
    if (!entry.pending) return;
    this.#settle(entry);
    this.#done.push(entry.sequence);
    if (entry.kind === 'stop') this.#ended.push(entry.session);
    this.#schedule(doneMs);
  }

  /** The content of a record that is wanted; undefined when it cannot be read any more. */
  async read(entry: SpoolEntry): Promise<Uint8Array | undefined> {
    for (;;) {
      const { content, segment, offset, octets } = entry;
      if (content !== undefined || segment === undefined) return content;
      try {
        const line = parseLine((await this.#storage.readAt(segment.number, offset, octets)).toString());
        return line !== undefined && 'content' in line ? line.content : undefined;
      } catch (error) {
        // It may have been moved meanwhile.
        if (entry.segment !== segment) continue;
        this.#events.trouble(`accounting spool: ${messageOf(error)}`);
        return undefined;
      }
    }
  }

  /** Writes what there is, and lets go of the directory. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#alarm?.cancel();
    await this.#writing;
    if (this.#early === undefined) {
      await this.#writeAll();
      await this.#removeUnwanted();
    }
    await this.#storage.close();
  }

  #enter({ session, kind, atMs, content }: AccountingRecord): void {
    if (this.#isFull()) this.#makeRoom();
    const sequence = ++this.#sequence;
    const state = { pending: true, last: kind !== 'stop', queued: true, replaces: undefined };
    const entry = { sequence, session, kind, atMs, content, ...state, segment: undefined, offset: 0, octets: 0 };
    this.#replaceLast(entry);
    this.#pending.set(sequence, entry);
    if (kind === 'interim') this.#pendingUpdates.add(entry);
    this.#inMemory++;
    this.#unwritten.push(entry);
    this.#schedule(recordsMs);
  }

  /** The later record says all that an update says. */
  #replaceLast(entry: SpoolEntry): void {
    const before = this.#lastOf.get(entry.session);
    if (entry.last) this.#lastOf.set(entry.session, entry);
    else this.#lastOf.delete(entry.session);
    if (before === undefined) return;
    const isUpdate = before.kind === 'interim';
    if (isUpdate && before.queued) {
      entry.replaces = before.replaces;
      before.replaces = undefined;
      before.last = false;
    } else {
      entry.replaces = before;
    }
    if (isUpdate && before.pending) this.#settle(before);
    else this.#release(before);
  }

  /** The disk knows better now, or need not know. */
  #forgetReplaced(entry: SpoolEntry): void {
    const { replaces } = entry;
    if (replaces === undefined) return;
    entry.replaces = undefined;
    replaces.last = false;
    this.#release(replaces);
  }

  #settle(entry: SpoolEntry): void {
    entry.pending = false;
    this.#pending.delete(entry.sequence);
    this.#pendingUpdates.delete(entry);
    this.#release(entry);
  }

  /** Keeps no more of it than is wanted. */
  #release(entry: SpoolEntry): void {
    const { pending, last, segment } = entry;
    if (!pending && (!last || segment !== undefined)) this.#dropContent(entry);
    if (pending || last) return;
    this.#unsafe.delete(entry);
    if (segment?.entries.delete(entry)) this.#wantedOctets -= entry.octets;
  }

  #dropContent(entry: SpoolEntry): void {
    if (entry.content === undefined) return;
    entry.content = undefined;
    this.#inMemory--;
  }

  #isFull(): boolean {
    const { pending, octets, unwritten } = this.#limits;
    return this.#pending.size >= pending || this.#wantedOctets >= octets || this.#unwritten.length >= unwritten;
  }

  /** Updates go first: a later one says the same. Then it is the oldest record. */
  #makeRoom(): void {
    const { value: oldest } = this.#pending.values().next();
    const victims = this.#pendingUpdates.size > 0 || oldest === undefined ? [...this.#pendingUpdates] : [oldest];
    for (const entry of victims) this.acknowledge(entry);
    this.#lost += victims.length;
    if (this.#unwritten.length >= this.#limits.unwritten) {
      const unwanted = this.#unwritten.filter((entry) => !isWanted(entry));
      for (const entry of unwanted) this.#forgetReplaced(entry);
      this.#unwritten = this.#unwritten.filter(isWanted);
    }
  }

  // ---------------------------------------------------------------- the disk

  #schedule(delayMs: number): void {
    if (this.#early !== undefined || this.#closed || this.#writing !== undefined) return;
    const atMs = this.#clock.now() + (this.#inTrouble ? retryMs : delayMs);
    if (this.#alarm !== undefined && this.#alarm.atMs <= atMs) return;
    this.#alarm?.cancel();
    const cancel = this.#clock.setTimer(atMs - this.#clock.now(), () => {
      this.#alarm = undefined;
      this.#writing = this.#writeAll().finally(() => {
        this.#writing = undefined;
        if (this.#unwritten.length > 0) this.#schedule(recordsMs);
        else if (this.#done.length > 0) this.#schedule(doneMs);
      });
    });
    this.#alarm = { atMs, cancel };
  }

  async #writeAll(): Promise<void> {
    do {
      const entries = this.#nextBatch();
      const done = this.#done.splice(0);
      const ended = this.#ended.splice(0);
      try {
        await this.#write(entries, done.length > 0 ? doneLine({ done, ended }) : '');
        await this.#reclaim();
        if (this.#inTrouble) this.#events.trouble('accounting spool: records are on disk again');
        this.#inTrouble = false;
      } catch (error) {
        this.#fail(messageOf(error), entries, done, ended);
        return;
      } finally {
        this.#tellLost();
      }
    } while (this.#unwritten.length > 0);
  }

  #nextBatch(): SpoolEntry[] {
    const entries: SpoolEntry[] = [];
    for (const entry of this.#unwritten.splice(0, MAX_BATCH)) {
      entry.queued = false;
      if (isWanted(entry)) entries.push(entry);
      else this.#forgetReplaced(entry);
    }
    return entries;
  }

  async #write(entries: readonly SpoolEntry[], more: string): Promise<void> {
    const lines = entries.map((entry) => recordLine({ ...entry, content: entry.content ?? noOctets }));
    await this.#appendLines(entries, lines, more);
    for (const entry of entries) {
      this.#forgetReplaced(entry);
      // Those that were given out before may have been acknowledged meanwhile, and updates replaced.
      const isOut = this.#unsafe.delete(entry);
      this.#release(entry);
      if (entry.pending && !isOut) this.#events.ready(entry);
      if (this.#inMemory > this.#limits.inMemory) this.#dropContent(entry);
    }
  }

  /** Each entry's place is then where its line is. */
  async #appendLines(entries: readonly SpoolEntry[], lines: readonly string[], more: string): Promise<void> {
    const octets = Buffer.from(lines.join('') + more);
    if (octets.length === 0) return;
    const segment = this.#writable();
    // Without records it says only what need not be told again.
    await this.#storage.append(segment.number, octets, entries.length > 0);
    let offset = segment.octets;
    segment.octets += octets.length;
    entries.forEach((entry, i) => {
      const length = Buffer.byteLength(lines[i]);
      if (isWanted(entry)) {
        if (entry.segment?.entries.delete(entry)) this.#wantedOctets -= entry.octets;
        entry.segment = segment;
        entry.offset = offset;
        entry.octets = length;
        segment.entries.add(entry);
        this.#wantedOctets += length;
      }
      offset += length;
    });
  }

  #writable(): Segment {
    if (this.#current === undefined || this.#current.octets >= this.#limits.fileOctets) {
      this.#current = { number: ++this.#lastNumber, octets: 0, entries: new Set() };
      this.#segments.set(this.#current.number, this.#current);
    }
    return this.#current;
  }

  #fail(message: string, entries: SpoolEntry[], done: number[], ended: string[]): void {
    if (!this.#inTrouble)
      this.#events.trouble(`accounting records are not on disk, a crash would lose them: ${message}`);
    this.#inTrouble = true;
    // What the write has left of a line must not stand before another one.
    this.#current = undefined;
    const unwritten = entries.filter((entry) => isWanted(entry) && entry.segment === undefined);
    for (const entry of entries) if (!isWanted(entry)) this.#forgetReplaced(entry);
    for (const entry of unwritten) {
      entry.queued = true;
      if (this.#unsafe.has(entry)) continue;
      this.#unsafe.add(entry);
      if (entry.pending) this.#events.ready(entry);
    }
    this.#unwritten = unwritten.concat(this.#unwritten);
    this.#done = done.concat(this.#done);
    this.#ended = ended.concat(this.#ended);
  }

  #tellLost(): void {
    const now = this.#clock.now();
    if (this.#lost === 0 || now - this.#toldAtMs < toldMs) return;
    this.#events.trouble(`the accounting spool is full: ${this.#lost} records were dropped`);
    this.#lost = 0;
    this.#toldAtMs = now;
  }

  /**
   * Removes files of which nothing is wanted, the oldest first: a file also says of older ones what is done. Where more
   * than half of what is on disk is not wanted, what is wanted of the oldest file is written again.
   */
  async #reclaim(): Promise<void> {
    for (const segment of this.#segments.values()) {
      if (segment === this.#current) return;
      if (segment.entries.size > 0) {
        if (this.#octetsOnDisk() <= 2 * this.#wantedOctets + 2 * this.#limits.fileOctets) return;
        await this.#copyForward(segment);
      }
      await this.#storage.remove(segment.number);
      this.#segments.delete(segment.number);
    }
  }

  async #copyForward(segment: Segment): Promise<void> {
    const octets = await this.#storage.read(segment.number);
    const entries = [...segment.entries].filter(({ octets: length }) => length > 0);
    const lines = entries.map(({ offset, octets: length }) => octets.toString('utf8', offset, offset + length));
    const done = entries.filter(({ pending }) => !pending).map(({ sequence }) => sequence);
    await this.#appendLines(entries, lines, done.length > 0 ? doneLine({ done, ended: [] }) : '');
  }

  /** Where all was said and done, nothing stays behind. */
  async #removeUnwanted(): Promise<void> {
    if (this.#inTrouble) return;
    this.#current = undefined;
    await this.#reclaim().catch((error) => this.#events.trouble(`accounting spool: ${messageOf(error)}`));
  }

  #octetsOnDisk(): number {
    let octets = 0;
    for (const segment of this.#segments.values()) octets += segment.octets;
    return octets;
  }
}

const noOctets = new Uint8Array(0);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
