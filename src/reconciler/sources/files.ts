import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { SpecError } from '../../engine/errors.ts';
import { Secret } from '../../engine/spec.ts';
import { fileSecretKey, type Resource, type Snapshot } from '../resources.ts';
import { emptyShelf, type FileText, type Shelf, shelve } from './last-good.ts';

/** The largest document or secret file that is read, in octets. */
const fileLimit = 4 * 1024 * 1024;
/** The most document files that are read. */
const filesLimit = 10_000;
/** How many folders deep documents are looked for. */
const depthLimit = 8;
/** How long the directory must be quiet before it is read again: editors write, rename and delete in a row. */
const quietMs = 100;
/** How often a directory is looked for that is not there: what comes into it at once with itself, its watch may miss. */
const missingMs = 1_000;

/** Reads a directory of *.yaml and *.yml once, folders within it included; or one file, whatever its name. */
export async function loadDirectory(directory: string): Promise<Snapshot> {
  return (await read(resolve(directory), emptyShelf)).snapshot;
}

/** What these documents declare, as if they were the directory; secret files that they name are read. */
export function loadTexts(files: readonly { file: string; text: string }[]): Promise<Snapshot> {
  return snapshotOf(shelve(files, emptyShelf));
}

/** Watches a directory and tells about every change, with the last good version of what became wrong. */
export class FilesSource {
  readonly #directory: string;
  readonly #onChange: (snapshot: Snapshot) => void;
  #shelf: Shelf = emptyShelf;
  #watcher: FSWatcher | undefined;
  #secretsWatcher: FSWatcher | undefined;
  #watchedSecrets = new Set<string>();
  #quiet: NodeJS.Timeout | undefined;
  #loading: Promise<void> | undefined;
  #again = false;
  #wasMissing = false;
  #stopped = false;

  constructor(directory: string, onChange: (snapshot: Snapshot) => void) {
    this.#directory = resolve(directory);
    this.#onChange = onChange;
  }

  /** Reads the directory for the first time (wrong documents are left out) and watches it from then on. */
  async start(): Promise<void> {
    // Tells of each file once it is watched: it may have changed since it was read.
    this.#secretsWatcher = this.#listen(watch([], { ignoreInitial: false }));
    await this.#watchDirectory();
    await this.reload();
  }

  async #watchDirectory(): Promise<void> {
    await this.#watcher?.close();
    const watcher = this.#listen(watch(this.#directory, { ignoreInitial: true, depth: depthLimit }));
    this.#watcher = watcher;
    await new Promise<void>((ready) => watcher.once('ready', ready));
  }

  #listen(watcher: FSWatcher): FSWatcher {
    // A watch that fails leaves the documents as they are; `reload` still reads them.
    return watcher.on('all', () => this.#changed()).on('error', () => this.#changed());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#quiet);
    await this.#loading;
    await Promise.all([this.#watcher?.close(), this.#secretsWatcher?.close()]);
  }

  /** Reads everything again now. Calls during a reading are answered by one more reading. */
  reload(): Promise<void> {
    this.#again = true;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  #changed(waitMs = quietMs): void {
    if (this.#stopped) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => void this.reload(), waitMs);
  }

  async #load(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const { shelf, snapshot, isThere } = await read(this.#directory, this.#shelf);
      if (this.#stopped) return;
      if (isThere && this.#wasMissing) {
        await this.#watchDirectory();
        this.#again = true;
      }
      this.#wasMissing = !isThere;
      if (!isThere) this.#changed(missingMs);
      this.#shelf = shelf;
      this.#watchSecrets();
      this.#onChange(snapshot);
    }
  }

  #watchSecrets(): void {
    const wanted = new Set(secretFilesOf(this.#shelf).map(({ file }) => file));
    const added = [...wanted].filter((file) => !this.#watchedSecrets.has(file));
    const gone = [...this.#watchedSecrets].filter((file) => !wanted.has(file));
    if (added.length > 0) this.#secretsWatcher?.add(added);
    if (gone.length > 0) this.#secretsWatcher?.unwatch(gone);
    this.#watchedSecrets = wanted;
  }
}

/** Reads the directory over what was read before; a directory that cannot be read leaves everything as it was. */
async function read(directory: string, before: Shelf): Promise<{ shelf: Shelf; snapshot: Snapshot; isThere: boolean }> {
  try {
    const shelf = shelve(await readTexts(directory), before);
    return { shelf, snapshot: await snapshotOf(shelf), isThere: true };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const kept = await snapshotOf(before);
    return { shelf: before, snapshot: { ...kept, errors: [...kept.errors, error] }, isThere: false };
  }
}

async function snapshotOf(shelf: Shelf): Promise<Snapshot> {
  const resources: Resource[] = [];
  const documents = new Map<string, ReadonlyMap<string, Secret>>();
  for (const declared of shelf.declared) {
    if (declared.kind === 'Secret') documents.set(declared.name, declared.values);
    else resources.push(declared);
  }
  const files = new Map<string, Secret | string>();
  for (const { key, file } of secretFilesOf(shelf)) files.set(key, await readSecret(file));
  return { resources, secrets: { documents, files }, errors: shelf.errors, machineName: hostname() };
}

/** The secret files that documents name, relative to the documents' own directory. */
function secretFilesOf(shelf: Shelf): { key: string; file: string }[] {
  return shelf.declared.flatMap((declared) => {
    if (declared.kind === 'Secret') return [];
    const { spec } = declared.document;
    const paths = [
      'secretFile' in spec ? spec.secretFile : undefined,
      'secondSecretFile' in spec ? spec.secondSecretFile : undefined,
      'passwordFile' in spec ? spec.passwordFile : undefined,
      'proxyAuth' in spec ? spec.proxyAuth?.responseFile : undefined,
      ...('radius' in spec ? (spec.radius?.servers.map((server) => server.secretFile) ?? []) : []),
    ].filter((path) => path !== undefined);
    const document = declared.locate([]).file;
    if (document === undefined) return [];
    return paths.map((path) => ({ key: fileSecretKey(declared.id, path), file: resolve(dirname(document), path) }));
  });
}

async function readSecret(file: string): Promise<Secret | string> {
  const { text, error } = await readText(file);
  return text === undefined ? `${file} cannot be read: ${error}` : new Secret(text.replace(/\r?\n$/, ''));
}

async function readTexts(directory: string): Promise<FileText[]> {
  const files: string[] = [];
  if (await isFile(directory)) files.push(directory);
  else await find(directory, 0, files);
  return (await Promise.all(files.map(readText))).filter(({ text, error }) => text !== undefined || error !== 'ENOENT');
}

/** @throws SpecError when the directory itself cannot be read */
async function find(directory: string, depth: number, files: string[]): Promise<void> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (depth > 0 && codeOf(error) === 'ENOENT') return;
    throw new SpecError(`the directory cannot be read: ${codeOf(error)}`, { file: directory, path: '' });
  }
  for (const entry of entries) {
    // Names with a dot are editors' temporary files and the turntables of mounted ConfigMaps.
    if (entry.name.startsWith('.')) continue;
    const path = join(directory, entry.name);
    const isFolder = entry.isSymbolicLink() ? await isDirectory(path) : entry.isDirectory();
    if (/\.ya?ml$/.test(entry.name) && !isFolder) {
      if (files.length >= filesLimit) {
        throw new SpecError(`more than ${filesLimit} files`, { file: directory, path: '' });
      }
      files.push(path);
    } else if (isFolder && depth < depthLimit && !(await isLoop(entry, path))) {
      await find(path, depth + 1, files);
    }
  }
}

/** Whether a link leads to a folder that it stands in. */
async function isLoop(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return false;
  const [target, here] = await Promise.all([realpath(path), realpath(dirname(path))]);
  return `${here}/`.startsWith(`${target}/`);
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function readText(file: string): Promise<FileText> {
  try {
    const { size } = await stat(file);
    if (size > fileLimit) return { file, error: `it has more than ${fileLimit} octets` };
    return { file, text: await readFile(file, 'utf8') };
  } catch (error) {
    return { file, error: codeOf(error) };
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}
