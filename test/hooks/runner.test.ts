import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { maxTimerMs, type SystemSpec } from '../../src/engine/spec.ts';
import { type HookFailure, type HookJob, HookRunner } from '../../src/hooks/runner.ts';
import '../netns/patience.ts';

/** Longer than any of these programs takes. */
const patienceMs = 60_000;

let directory: string;
let failures: HookFailure[];
let runner: HookRunner;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hooks-'));
  failures = [];
  runner = new HookRunner((failure) => failures.push(failure));
});
afterEach(() => rm(directory, { recursive: true }));

async function script(text: string): Promise<string> {
  const path = join(directory, 'hook.sh');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

function configure(command: readonly string[], timeoutMs = patienceMs, events = ['tunnelUp', 'tunnelDown']) {
  runner.configure(Object.fromEntries(events.map((event) => [event, { command, timeoutMs }])) as SystemSpec['hooks']);
}

function job(event: HookJob['event'], name = 'a', environment = {}): HookJob {
  return { event, kind: 'Tunnel', name, environment, input: `{"name":"${name}"}` };
}

const log = () => readFile(join(directory, 'log'), 'utf8');

it('gives the program its arguments, our environment and nothing else, and the object', async () => {
  process.env.NOT_FOR_HOOKS = 'x';
  configure([
    await script(`{ echo "$1"; cat; env | sort | grep -v '^_=\\|^PWD=\\|^SHLVL='; } > ${directory}/log`),
    'one two',
  ]);
  runner.offer(job('tunnelUp', 'a', { PROL2TP_TUNNEL: 'a' }));
  await runner.settled(patienceMs);
  const lines = (await log()).split('\n');
  expect(lines[0]).toBe('one two');
  const [object, ...environment] = lines.slice(1).join('\n').replace('}', '}\n').split('\n');
  expect(JSON.parse(object)).toEqual({ name: 'a' });
  expect(environment.map((line) => line.split('=')[0]).filter(Boolean)).toEqual([
    'LANG',
    'PATH',
    'PROL2TP_EVENT',
    'PROL2TP_TUNNEL',
  ]);
  expect(failures).toEqual([]);
});

it('lets a program run that may take longer than any timer', async () => {
  configure([await script('sleep 0.1')], 1_000 * maxTimerMs);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  expect(failures).toEqual([]);
});

it('runs what concerns one object in order, and others beside it', async () => {
  // Whoever comes first waits until a program of another object has run.
  configure([
    await script(
      `if [ "$PROL2TP_TUNNEL$PROL2TP_EVENT" = atunnelUp ]; then while [ ! -e ${directory}/b ]; do sleep 0.01; done; fi
       [ "$PROL2TP_TUNNEL" = b ] && touch ${directory}/b
       echo "$PROL2TP_TUNNEL $PROL2TP_EVENT" >> ${directory}/log`,
    ),
  ]);
  runner.offer(job('tunnelUp', 'a', { PROL2TP_TUNNEL: 'a' }));
  runner.offer(job('tunnelDown', 'a', { PROL2TP_TUNNEL: 'a' }));
  runner.offer(job('tunnelUp', 'b', { PROL2TP_TUNNEL: 'b' }));
  await runner.settled(patienceMs);
  const lines = (await log()).trim().split('\n');
  expect(lines.filter((line) => line.startsWith('a'))).toEqual(['a tunnelUp', 'a tunnelDown']);
  expect(lines).toContain('b tunnelUp');
});

it('tells how a program failed, and the end of what it complained of', async () => {
  configure([await script(`head -c 5000 /dev/zero | tr '\\0' x >&2; echo broken >&2; exit 7`)]);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  const [{ reason }] = failures;
  expect(reason).toMatch(/hook\.sh: exit code 7: x+broken$/);
  expect(reason.length).toBeLessThan(2_200);
});

it('ends a program that takes too long, even one that does not want to', async () => {
  configure([await script(`trap '' TERM; while :; do sleep 0.05; done`)], 100);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  expect(failures.map(({ reason }) => reason)).toEqual([expect.stringContaining('ended after 100 ms')]);
});

it('does not wait for what a program leaves running', async () => {
  configure([await script(`sleep 300 & echo $! > ${directory}/log`)]);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  process.kill(Number(await log()));
  expect(failures).toEqual([]);
});

it('tells that there is no such program', async () => {
  configure(['/nowhere/hook']);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  expect(failures.map(({ reason }) => reason)).toEqual([expect.stringMatching(/\/nowhere\/hook.*ENOENT/s)]);
});

it('outlives an argument that is none', async () => {
  configure(['/bin/true', 'a\0b']);
  runner.offer(job('tunnelUp'));
  await runner.settled(patienceMs);
  expect(failures.map(({ reason }) => reason)).toEqual([expect.stringContaining('null bytes')]);
});

it('does not mind a program that reads nothing', async () => {
  configure(['/bin/true']);
  runner.offer({ ...job('tunnelUp'), input: 'x'.repeat(1_000_000) });
  await runner.settled(patienceMs);
  expect(failures).toEqual([]);
});

it('lets so many wait and no more', async () => {
  configure([await script(`while [ ! -e ${directory}/go ]; do sleep 0.01; done`)]);
  for (let n = 0; n < 1_002; n++) runner.offer(job('tunnelUp'));
  expect(failures.map(({ reason }) => reason)).toEqual(['not run: 1000 others wait']);
  runner.configure({});
  expect(runner.wants('tunnelUp')).toBe(false);
  runner.forget();
  await writeFile(join(directory, 'go'), '');
  await runner.settled(patienceMs);
});
