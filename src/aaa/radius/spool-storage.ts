/** Where the spool lies: numbered files in a directory that one daemon at a time may have. */
import { Buffer } from 'node:buffer';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, readFile, rm, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

export interface SpoolStorage {
  /** Takes the directory, and tells the numbers of its files, the smallest first. @throws Error when it cannot be had */
  open(): Promise<number[]>;
  /** A whole file. */
  read(file: number): Promise<Buffer>;
  readAt(file: number, offset: number, octets: number): Promise<Buffer>;
  /**
   * When it resolves the octets outlive the daemon, and a failure of power too if they are to be `synced`. What a failed
   * one leaves behind may be in part.
   */
  append(file: number, octets: Buffer, synced: boolean): Promise<void>;
  /** A file, if it is there: one of which the first write failed is not. */
  remove(file: number): Promise<void>;
  close(): Promise<void>;
}

const fileName = /^(\d{1,15})\.jsonl$/;

export class SpoolDirectory implements SpoolStorage {
  readonly #path: string;
  #lock: Server | undefined;
  #written: { file: number; handle: FileHandle } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<number[]> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    this.#lock = await lock(join(this.#path, 'lock'));
    const names = await readdir(this.#path);
    return names
      .flatMap((name) => fileName.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  read(file: number): Promise<Buffer> {
    return readFile(this.#pathOf(file));
  }

  async readAt(file: number, offset: number, octets: number): Promise<Buffer> {
    const handle = await open(this.#pathOf(file), 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(octets), 0, octets, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  async append(file: number, octets: Buffer, synced: boolean): Promise<void> {
    if (this.#written?.file !== file) {
      await this.#written?.handle.close();
      this.#written = undefined;
      this.#written = { file, handle: await open(this.#pathOf(file), 'a', 0o600) };
      await syncDirectory(this.#path);
    }
    await this.#written.handle.appendFile(octets);
    if (synced) await this.#written.handle.datasync();
  }

  async remove(file: number): Promise<void> {
    await rm(this.#pathOf(file), { force: true });
  }

  async close(): Promise<void> {
    await this.#written?.handle.close();
    this.#written = undefined;
    await new Promise((resolve) => (this.#lock ? this.#lock.close(resolve) : resolve(undefined)));
    this.#lock = undefined;
  }

  #pathOf(file: number): string {
    return join(this.#path, `${file}.jsonl`);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

/** A socket on which nobody is answered: the system lets go of it when its daemon dies, however that happens. */
async function lock(path: string): Promise<Server> {
  const there = await lstat(path).catch(() => undefined);
  if (there?.isSocket() && !(await isHeld(path))) await unlink(path);
  const server = createServer((client) => client.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`another daemon has the accounting spool: ${path}`) : error),
    );
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return server.unref();
}

/** Only a refused connection shows that nobody has it. */
function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const done = (held: boolean) => {
      probe.destroy();
      resolve(held);
    };
    probe.on('connect', () => done(true));
    probe.on('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}
