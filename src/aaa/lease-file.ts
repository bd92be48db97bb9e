/** Leases on disk, so that users get the same addresses again after the daemon has been restarted. */
import { readFileSync } from 'node:fs';
import { appendFile, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseIpv4, parseIpv6Prefix } from '../engine/spec.ts';
import { type Block, formatBlock, ipv4Block, type Kind, kinds } from './blocks.ts';
import type { Leases } from './leases.ts';

/** Changes are written together. What is lost with the power is at most as old. */
const batchMs = 1_000;
/** After a failure. */
const retryMs = 30_000;
/** Changes that wait to be written; when there are more, all leases are written anew instead. */
const maxPending = 100_000;
/** The file is written anew when it has twice as many lines as there are leases, and so many more. */
const spareLines = 10_000;
const linesAtOnce = 5_000;
/** Users are nobody else's business. */
const mode = 0o600;

/**
 * A journal, one JSON array a line: `["ipv4","10.0.0.1","ann"]` when the user got the address, `["ipv4","10.0.0.1"]`
 * when it is theirs no more. Of an address, and of a user's, the last line counts. A line that cannot be read is left
 * out. From time to time it is written anew.
 *
 * Nothing that goes wrong here keeps anybody from being served.
 */
export class LeaseFile {
  readonly #path: string;
  readonly #leases: Leases;
  readonly #onFailure: (message: string) => void;
  #pending: string[] = [];
  /** In the file. */
  #lines = 0;
  /** All leases have to be written, not the changes. */
  #whole = false;
  #dirty = false;
  #failing = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;

  /** `onFailure` is told once, and again after it has worked in between. */
  constructor(path: string, leases: Leases, onFailure: (message: string) => void) {
    this.#path = path;
    this.#leases = leases;
    this.#onFailure = onFailure;
  }

  /** Brings back what an earlier run wrote, before pools are configured. From then on changes are written. */
  load(): void {
    const users = new Map<string, { kind: Kind; block: Block; user: string }>();
    try {
      for (const line of this.#read()) {
        const { kind, block, user } = line;
        const key = `${kind} ${formatBlock(kind, block)}`;
        users.delete(key);
        if (user !== undefined) users.set(key, { kind, block, user });
      }
    } catch (error) {
      this.#whole = true;
      if (!isMissing(error)) this.#failed('read', error);
    }
    for (const { kind, block, user } of users.values()) this.#leases.restore(kind, block, user);
    this.#leases.onChange = (kind, block, user) => this.#note(kind, block, user);
  }

  /** Writes what has not been written yet. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#dirty) await this.#write();
  }

  *#read(): Iterable<Line> {
    const bytes = readFileSync(this.#path);
    let from = 0;
    for (let to = bytes.indexOf('\n'); to >= 0; to = bytes.indexOf('\n', from)) {
      const line = parseLine(bytes.toString('utf8', from, to));
      from = to + 1;
      this.#lines++;
      if (line) yield line;
      else this.#whole = true;
    }
    // What was added to half a line would be lost with it.
    if (from < bytes.length) this.#whole = true;
  }

  #note(kind: Kind, block: Block, user: string | undefined): void {
    this.#dirty = true;
    if (!this.#whole) this.#pending.push(lineOf(kind, block, user));
    if (this.#pending.length > maxPending) {
      this.#pending = [];
      this.#whole = true;
    }
    this.#later(batchMs);
  }

  #later(delayMs: number): void {
    if (this.#timer || this.#writing || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (this.#dirty) this.#later(this.#failing ? retryMs : batchMs);
      });
    }, delayMs);
  }

  async #write(): Promise<void> {
    const anew = this.#whole || this.#lines + this.#pending.length > 2 * this.#leases.count + spareLines;
    const changes = this.#pending;
    this.#pending = [];
    this.#whole = false;
    this.#dirty = false;
    try {
      if (anew) await this.#writeAnew();
      else {
        await appendFile(this.#path, changes.join(''), { mode });
        this.#lines += changes.length;
      }
      this.#failing = false;
    } catch (error) {
      this.#whole = true;
      this.#dirty = true;
      this.#pending = [];
      this.#failed('written', error);
    }
  }

  /** What changes meanwhile may be in it or not: it is added afterwards. */
  async #writeAnew(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const beside = `${this.#path}.new`;
    const file = await open(beside, 'w', mode);
    let written = 0;
    try {
      let lines: string[] = [];
      for (const lease of this.#leases.all()) {
        lines.push(lineOf(lease.kind, lease, lease.user));
        written++;
        if (lines.length < linesAtOnce) continue;
        await file.write(lines.join(''));
        lines = [];
      }
      await file.write(lines.join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
    this.#lines = written;
  }

  #failed(what: 'read' | 'written', error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onFailure(`leases cannot be ${what}: ${reason}`);
  }
}

interface Line {
  kind: Kind;
  block: Block;
  user?: string;
}

function lineOf(kind: Kind, block: Block, user: string | undefined): string {
  const fields = [kind, formatBlock(kind, block)];
  if (user !== undefined) fields.push(user);
  return `${JSON.stringify(fields)}\n`;
}

function parseLine(text: string): Line | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields)) return undefined;
  const [named, written, user]: unknown[] = fields;
  const kind = kinds.find((candidate) => candidate === named);
  if (!kind || typeof written !== 'string' || (user !== undefined && typeof user !== 'string')) return undefined;
  const block = parseBlock(kind, written);
  return block && { kind, block, user };
}

function parseBlock(kind: Kind, text: string): Block | undefined {
  if (kind !== 'ipv4') return parseIpv6Prefix(text);
  const address = parseIpv4(text);
  return address === undefined ? undefined : ipv4Block(address);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
