import type { SpoolStorage } from '../../../src/aaa/radius/spool-storage.ts';

/** A disk that can lose its power. Everything takes a turn. */
export class SpoolDisk implements SpoolStorage {
  readonly files = new Map<number, Buffer>();
  /** What is on its way: it is lost with the power, but for a part. */
  #underway: { file: number; octets: Buffer } | undefined;
  #dead = false;
  /** Whether writes are refused. */
  broken = false;

  async open(): Promise<number[]> {
    return [...this.files.keys()].sort((a, b) => a - b);
  }

  async read(file: number): Promise<Buffer> {
    await this.#work();
    return this.#file(file);
  }

  async readAt(file: number, offset: number, octets: number): Promise<Buffer> {
    await this.#work();
    return this.#file(file).subarray(offset, offset + octets);
  }

  async append(file: number, octets: Buffer): Promise<void> {
    this.#underway = { file, octets };
    await this.#work();
    this.#underway = undefined;
    if (this.broken) {
      this.#put(file, octets.subarray(0, octets.length >> 1));
      throw new Error('ENOSPC');
    }
    this.#put(file, octets);
  }

  async remove(file: number): Promise<void> {
    await this.#work();
    this.files.delete(file);
  }

  async close(): Promise<void> {
    await this.#work();
  }

  /** The disk as the next life finds it; of what was on its way, `kept` (0 to 1) has arrived. */
  crash(kept: number): SpoolDisk {
    const after = new SpoolDisk();
    for (const [file, octets] of this.files) after.files.set(file, octets);
    if (this.#underway) {
      const { file, octets } = this.#underway;
      after.#put(file, octets.subarray(0, Math.floor(octets.length * kept)));
    }
    this.#dead = true;
    return after;
  }

  get octets(): number {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  async #work(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    // Who is dead is not told anything any more.
    if (this.#dead) await new Promise(() => undefined);
  }

  #put(file: number, octets: Buffer): void {
    this.files.set(file, Buffer.concat([this.files.get(file) ?? Buffer.alloc(0), octets]));
  }

  #file(file: number): Buffer {
    const octets = this.files.get(file);
    if (octets === undefined) throw new Error(`ENOENT: ${file}`);
    return octets;
  }
}
