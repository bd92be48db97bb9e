import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PlannedAction } from '../../src/api/types.ts';
import { SpecError } from '../../src/engine/errors.ts';
import { Bench } from './bench.ts';

let bench: Bench;
let directory: string;
beforeEach(async () => {
  bench = await Bench.create();
  directory = join(bench.directory, 'etc');
  await mkdir(join(directory, 'more'), { recursive: true });
  await writeFile(join(directory, 'lac.yaml'), 'kind: Tunnel\n');
});
afterEach(() => bench.remove());

const actions: PlannedAction[] = [
  { change: 'update', kind: 'Tunnel', name: 'to-lns', reason: 'helloInterval 60s -> 30s' },
  { change: 'replace', kind: 'Tunnel', name: 'to-backup', reason: 'remoteAddress 192.0.2.10 -> 192.0.2.11' },
  { change: 'delete', kind: 'Session', name: 'bob', reason: 'no longer declared' },
  { change: 'create', kind: 'Session', name: 'carol', reason: 'not there yet' },
];

test('sends every YAML file with its absolute path', async () => {
  await writeFile(join(directory, 'more', 'b.yml'), 'kind: Session\n');
  await writeFile(join(directory, 'notes.txt'), 'no');
  await writeFile(join(directory, '.lac.yaml.swp.yaml'), 'no');
  await bench.run(`plan ${directory}`);
  expect(bench.source.planned).toEqual([
    { file: join(directory, 'lac.yaml'), text: 'kind: Tunnel\n' },
    { file: join(directory, 'more', 'b.yml'), text: 'kind: Session\n' },
  ]);
});

test('sends the files of a mounted ConfigMap once', async () => {
  await mkdir(join(directory, '..2024', 'sub'), { recursive: true });
  await writeFile(join(directory, '..2024', 'sub', 'a.yaml'), 'kind: Session\n');
  await symlink('..2024', join(directory, '..data'));
  await symlink('..data/sub', join(directory, 'sub'));
  await symlink('.', join(directory, 'round'));
  await bench.run(`plan ${directory}`);
  expect(bench.source.planned?.map(({ file }) => file)).toEqual([
    join(directory, 'lac.yaml'),
    join(directory, 'sub', 'a.yaml'),
  ]);
});

test('with nothing to do ends with 0', async () => {
  expect(await bench.run(`plan ${directory}`)).toEqual({
    code: 0,
    out: 'Nothing to do: what is declared is what is.\n',
    err: '',
  });
});

test('with changes ends with 2, and says what drops', async () => {
  bench.source.outcome = { actions, drops: { tunnels: ['to-backup'], sessions: ['bob', 'accepted-1-2'] }, errors: [] };
  const { code, out } = await bench.run(`plan ${directory}`);
  expect(code).toBe(2);
  expect(out).toBe(
    [
      '  ~ Tunnel/to-lns      helloInterval 60s -> 30s',
      '-/+ Tunnel/to-backup   remoteAddress 192.0.2.10 -> 192.0.2.11',
      '  - Session/bob        no longer declared',
      '  + Session/carol      not there yet',
      '',
      'Plan: 1 to create, 1 to update, 1 to replace, 1 to delete.',
      'These tunnels drop: to-backup',
      'These calls drop: bob, accepted-1-2',
      '',
    ].join('\n'),
  );
});

test('shows colours on a terminal that has them', async () => {
  bench.source.outcome = { actions, drops: { tunnels: [], sessions: [] }, errors: [] };
  const { out } = await bench.start(`plan ${directory}`, new AbortController(), true).ended;
  expect(out).toContain('\x1b[32m  +\x1b[39m Session/carol');
  expect(out).toContain('\x1b[31m  -\x1b[39m Session/bob');
});

test('with mistakes ends with 1, and still shows what the rest would do', async () => {
  const at = { file: 'lac.yaml', line: 7, column: 3, path: 'spec.helloIntervall' };
  const error = new SpecError('unknown field; did you mean helloInterval?', at, 'Tunnel/to-lns');
  bench.source.outcome = { actions: actions.slice(0, 1), drops: { tunnels: [], sessions: [] }, errors: [error] };
  const { code, out, err } = await bench.run(`plan ${directory}`);
  expect(code).toBe(1);
  expect(err).toBe('lac.yaml:7:3: Tunnel/to-lns: spec.helloIntervall: unknown field; did you mean helloInterval?\n');
  expect(out).toContain('Plan: 1 to update.\n');
  bench.source.outcome = { ...bench.source.outcome, actions: [] };
  expect((await bench.run(`plan ${directory}`)).out).toBe('Nothing to do but to correct these mistakes.\n');
});

test('as JSON', async () => {
  bench.source.outcome = { actions, drops: { tunnels: [], sessions: ['bob'] }, errors: [] };
  const { code, out } = await bench.run(`plan ${directory} -o json`);
  expect(code).toBe(2);
  expect(JSON.parse(out)).toEqual(bench.source.outcome);
});

test('of a directory that is not there', async () => {
  const { code, err } = await bench.run('plan /nowhere');
  expect(code).toBe(1);
  expect(err).toMatch(/^error: \/nowhere cannot be read: ENOENT/);
});
