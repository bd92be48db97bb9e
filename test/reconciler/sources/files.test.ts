import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/engine/spec.ts';
import { fileSecretKey, type Snapshot } from '../../../src/reconciler/resources.ts';
import { FilesSource, loadDirectory, loadTexts } from '../../../src/reconciler/sources/files.ts';
import { doc, secretDoc, secretText } from '../declare.ts';

let folder: string;
let source: FilesSource | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prol2tp-files-'));
});

afterEach(async () => {
  await source?.stop();
  source = undefined;
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, ...documents: string[]) => writeFile(join(folder, name), documents.join('\n---\n'));
const tunnel = (name: string, spec: object = {}) => doc('Tunnel', name, spec);
const ids = ({ resources }: Snapshot) => resources.map(({ id }) => id).sort();

function fileSecret(snapshot: Snapshot, id: string, path: string): string | undefined {
  const found = snapshot.secrets.files.get(fileSecretKey(id, path));
  return found instanceof Secret ? secretText(found) : found;
}

describe('a directory that is read once', () => {
  it('is all its YAML files, folders included, others and hidden ones not', async () => {
    await mkdir(join(folder, 'more'));
    await mkdir(join(folder, '..data.d'));
    await write('a.yaml', tunnel('a'));
    await write('b.yml', tunnel('b'), tunnel('c'));
    await write('more/d.yaml', tunnel('d'));
    await write('notes.txt', tunnel('e'));
    await write('a.yaml~', tunnel('f'));
    await write('.#a.yaml', tunnel('g'));
    await write('..data.d/h.yaml', tunnel('h'));
    const snapshot = await loadDirectory(folder);
    expect(snapshot.errors).toEqual([]);
    expect(ids(snapshot)).toEqual(['Tunnel/a', 'Tunnel/b', 'Tunnel/c', 'Tunnel/d']);
    const d = snapshot.resources.find(({ name }) => name === 'd');
    expect(d?.locate([])).toMatchObject({ file: join(folder, 'more/d.yaml'), line: 1 });
  });

  it('follows links, as in a mounted ConfigMap', async () => {
    await mkdir(join(folder, '..2024'));
    await write('..2024/a.yaml', tunnel('a'));
    await symlink('..2024', join(folder, '..data'));
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    expect(ids(await loadDirectory(folder))).toEqual(['Tunnel/a']);
  });

  it('follows links to folders, but not in a circle', async () => {
    await mkdir(join(folder, '..2024/sub'), { recursive: true });
    await write('..2024/sub/a.yaml', tunnel('a'));
    await symlink('..2024', join(folder, '..data'));
    await symlink('..data/sub', join(folder, 'sub'));
    await symlink('.', join(folder, 'round'));
    const snapshot = await loadDirectory(folder);
    expect(ids(snapshot)).toEqual(['Tunnel/a']);
    expect(snapshot.errors).toEqual([]);
  });

  it('may be a single file', async () => {
    await write('a.txt', tunnel('a'));
    expect(ids(await loadDirectory(join(folder, 'a.txt')))).toEqual(['Tunnel/a']);
  });

  it('that is not there is an error', async () => {
    const { errors } = await loadDirectory(join(folder, 'none'));
    expect(errors.map(String)).toEqual([`${join(folder, 'none')}: the directory cannot be read: ENOENT`]);
  });

  it('says which of its files is too large', async () => {
    await write('a.yaml', `# ${'x'.repeat(4 * 1024 * 1024)}`);
    const { errors } = await loadDirectory(folder);
    expect(errors.map(({ message }) => message)).toEqual(['cannot be read: it has more than 4194304 octets']);
  });

  it('brings the secrets of its Secret documents and of files beside its documents', async () => {
    await mkdir(join(folder, 'more'));
    await write('a.yaml', tunnel('a', { secretFile: 'a.secret' }), secretDoc('s', { k: 'v' }));
    await write('more/b.yaml', tunnel('b', { secretFile: '../b.secret' }), tunnel('c', { secretFile: 'none' }));
    await write('a.secret', 'one\n');
    await write('b.secret', 'two\n\n');
    const snapshot = await loadDirectory(folder);
    expect(fileSecret(snapshot, 'Tunnel/a', 'a.secret')).toBe('one');
    expect(fileSecret(snapshot, 'Tunnel/b', '../b.secret')).toBe('two\n');
    expect(fileSecret(snapshot, 'Tunnel/c', 'none')).toBe(`${join(folder, 'more/none')} cannot be read: ENOENT`);
    expect(secretText(snapshot.secrets.documents.get('s')?.get('k'))).toBe('v');
  });

  it('brings both secrets of a Session', async () => {
    const proxyAuth = { type: 'pap', name: 'a', id: 1, responseFile: 'a.response' };
    await write('a.yaml', doc('Session', 'a', { tunnel: 't', passwordFile: 'a.password', proxyAuth }));
    await write('a.password', 'one\n');
    await write('a.response', 'two\n');
    const snapshot = await loadDirectory(folder);
    expect(fileSecret(snapshot, 'Session/a', 'a.password')).toBe('one');
    expect(fileSecret(snapshot, 'Session/a', 'a.response')).toBe('two');
  });

  it('may be texts only, whose secret files are read', async () => {
    await write('a.secret', 'one');
    const text = tunnel('a', { secretFile: 'a.secret' });
    const snapshot = await loadTexts([{ file: join(folder, 'never-written.yaml'), text }]);
    expect(fileSecret(snapshot, 'Tunnel/a', 'a.secret')).toBe('one');
  });
});

/** Starts a source and collects its snapshots; `until` waits for one that is as wanted. */
async function watching() {
  const snapshots: Snapshot[] = [];
  let look: () => void = () => undefined;
  source = new FilesSource(folder, (snapshot) => {
    snapshots.push(snapshot);
    look();
  });
  await source.start();
  const until = (wanted: (snapshot: Snapshot) => boolean) =>
    new Promise<Snapshot>((done) => {
      look = () => {
        const last = snapshots.at(-1);
        if (last && wanted(last)) done(last);
      };
      look();
    });
  return { snapshots, until };
}

const mtuOf = ({ resources }: Snapshot, name: string) =>
  resources.flatMap((found) => (found.kind === 'Tunnel' && found.name === name ? [found.document.spec.mtu] : []))[0];

describe('a directory that is watched', () => {
  it('tells files that come, change by writing or renaming, and go', async () => {
    await write('a.yaml', tunnel('a', { mtu: 1400 }));
    const { until } = await watching();
    await until((found) => mtuOf(found, 'a') === 1400);
    await write('b.yaml', tunnel('b'));
    await until((found) => ids(found).length === 2);
    await write('a.yaml', tunnel('a', { mtu: 1300 }));
    await until((found) => mtuOf(found, 'a') === 1300);
    await write('a.new', tunnel('a', { mtu: 1200 }));
    await rename(join(folder, 'a.new'), join(folder, 'a.yaml'));
    await until((found) => mtuOf(found, 'a') === 1200);
    await rm(join(folder, 'a.yaml'));
    const last = await until((found) => ids(found).length === 1);
    expect(ids(last)).toEqual(['Tunnel/b']);
  });

  it('keeps the last good version of what became wrong, and starts without what is wrong', async () => {
    await write('a.yaml', tunnel('a', { mtu: 1400 }));
    await write('b.yaml', tunnel('b', { mtu: 'wide' }));
    const { until } = await watching();
    const first = await until(() => true);
    expect(ids(first)).toEqual(['Tunnel/a']);
    await write('a.yaml', tunnel('a', { mtu: 'narrow' }));
    const wrong = await until(({ errors }) => errors.length === 2);
    expect(mtuOf(wrong, 'a')).toBe(1400);
    await write('a.yaml', tunnel('a', { mtu: 1300 }));
    await until((found) => mtuOf(found, 'a') === 1300 && found.errors.length === 1);
  });

  it('reads secret files again that change, wherever they are', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'prol2tp-secret-'));
    try {
      const path = join(elsewhere, 'x.secret');
      await writeFile(path, 'old');
      await write('a.yaml', tunnel('a', { secretFile: path }));
      const { until } = await watching();
      await until((found) => fileSecret(found, 'Tunnel/a', path) === 'old');
      await writeFile(path, 'new');
      await until((found) => fileSecret(found, 'Tunnel/a', path) === 'new');
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('misses no change of secret files that it has just come to know', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'prol2tp-secret-'));
    try {
      const paths = Array.from({ length: 100 }, (_, index) => join(elsewhere, `${index}.secret`));
      for (const path of paths) await writeFile(path, 'old');
      const documents = paths.map((path, index) => tunnel(`t${index}`, { secretFile: path }));
      await write('a.yaml', ...documents);
      const { until } = await watching();
      const all = (found: Snapshot, value: string) =>
        paths.every((path, index) => fileSecret(found, `Tunnel/t${index}`, path) === value);
      await until((found) => all(found, 'old'));
      for (const path of paths) writeFileSync(path, 'new');
      await until((found) => all(found, 'new'));
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('keeps everything while it cannot be read, and finds it again', async () => {
    await write('a.yaml', tunnel('a'));
    const { until } = await watching();
    await rename(folder, `${folder}-away`);
    const away = await until(({ errors }) => errors.length === 1);
    expect(ids(away)).toEqual(['Tunnel/a']);
    await rename(`${folder}-away`, folder);
    await source?.reload();
    const back = await until(({ errors }) => errors.length === 0);
    expect(ids(back)).toEqual(['Tunnel/a']);
  });

  it('may come later than the source', async () => {
    await rm(folder, { recursive: true });
    const { until } = await watching();
    await until(({ errors }) => errors.length === 1);
    await mkdir(folder);
    await write('a.yaml', tunnel('a'));
    await until((found) => ids(found).length === 1);
  });

  it('tells nothing after it was stopped', async () => {
    const { snapshots } = await watching();
    await source?.stop();
    const told = snapshots.length;
    await write('a.yaml', tunnel('a'));
    await source?.reload();
    expect(snapshots).toHaveLength(told);
  });
});
