import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Spool } from '../../../src/aaa/radius/spool.ts';
import { SpoolDirectory } from '../../../src/aaa/radius/spool-storage.ts';
import '../../netns/patience.ts';
import { VirtualClock } from './virtual-clock.ts';

let path: string;

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'spool-')), 'accounting');
});

afterEach(async () => {
  await rm(join(path, '..'), { recursive: true });
});

test('what is appended is read back, whole and in part, by the next daemon too', async () => {
  const first = new SpoolDirectory(path);
  expect(await first.open()).toEqual([]);
  await first.append(9, Buffer.from('one\n'), true);
  await first.append(10, Buffer.from('two\n'), true);
  await first.append(10, Buffer.from('three\n'), false);
  await first.close();
  const second = new SpoolDirectory(path);
  expect(await second.open()).toEqual([9, 10]);
  expect(String(await second.read(10))).toBe('two\nthree\n');
  expect(String(await second.readAt(10, 4, 6))).toBe('three\n');
  await second.remove(9);
  expect((await readdir(path)).sort()).toEqual(['10.jsonl', 'lock']);
  await second.close();
  expect(String(await readFile(join(path, '10.jsonl')))).toBe('two\nthree\n');
});

test('only its owner reads it', async () => {
  const directory = new SpoolDirectory(path);
  await directory.open();
  await directory.append(1, Buffer.from('one\n'), true);
  const modes = await Promise.all(['.', '1.jsonl', 'lock'].map(async (name) => (await stat(join(path, name))).mode));
  expect(modes.map((mode) => mode & 0o777)).toEqual([0o700, 0o600, 0o600]);
  await directory.close();
});

test('two daemons cannot have it at a time', async () => {
  const first = new SpoolDirectory(path);
  await first.open();
  await expect(new SpoolDirectory(path).open()).rejects.toThrow('another daemon has the accounting spool');
  await first.close();
  const second = new SpoolDirectory(path);
  await second.open();
  await second.close();
});

test('a daemon that was killed does not have it any more', async () => {
  const module = new URL('../../../src/aaa/radius/spool-storage.ts', import.meta.url).pathname;
  const script = `import { Spool } from '../../../src/aaa/radius/spool.ts';
import { SpoolDirectory } from ${JSON.stringify(module)};
    await new SpoolDirectory(${JSON.stringify(path)}).open();
    process.stdout.write('has it');
    setInterval(() => undefined, 60_000);`;
  const holder = spawn('npx', ['tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  await once(holder.stdout, 'data');
  const directory = new SpoolDirectory(path);
  await expect(directory.open()).rejects.toThrow('another daemon');
  process.kill(-(holder.pid ?? 0), 'SIGKILL');
  await once(holder, 'exit');
  await expect.poll(() => directory.open().catch(String), { timeout: 30_000 }).toEqual([]);
  await directory.close();
});

test('a spool whose directory was away for a while is as before when it is there again, and leaves nothing behind', async () => {
  const clock = new VirtualClock();
  const troubles: string[] = [];
  const spool: Spool = new Spool(new SpoolDirectory(path), clock, {
    ready: (entry) => spool.acknowledge(entry),
    trouble: (message) => void troubles.push(message),
  });
  await spool.open(() => undefined);
  await rm(path, { recursive: true });
  const record = { session: 'a', atMs: 0, content: new Uint8Array(1) };
  const troublesWhile = async (wanted: number) => {
    await expect.poll(() => clock.pass(1_000).then(() => troubles.length), { timeout: 30_000 }).toBe(wanted);
  };
  spool.append({ ...record, kind: 'start' });
  await troublesWhile(1);
  await mkdir(path);
  await troublesWhile(2);
  expect(troubles[1]).toBe('accounting spool: records are on disk again');
  spool.append({ ...record, kind: 'stop' });
  await spool.close();
  expect(await readdir(path)).toEqual([]);
  expect(troubles).toHaveLength(2);
});
