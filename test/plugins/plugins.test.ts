import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ForwardAnswer } from '../../src/engine/ports.ts';
import { Plugins } from '../../src/plugins/plugins.ts';
import { sessionView } from '../api/fake-source.ts';

const example = fileURLToPath(new URL('../../examples/plugins/realms.mjs', import.meta.url));

let directory: string;
let said: string[];
let plugins: Plugins;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plugins-'));
  said = [];
  plugins = new Plugins({
    log: (name, message) => said.push(`${name}: ${message}`),
    onFailure: (name, message) => said.push(`! ${name}: ${message}`),
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

async function plugin(text: string, name = 'p'): Promise<{ name: string; module: string; config: object }> {
  const module = join(directory, `${name}.mjs`);
  await writeFile(module, text);
  return { name, module, config: {} };
}

function choose(user: string, name = 'p'): Promise<ForwardAnswer> {
  return new Promise((answer) => plugins.chooseForward({ session: 1, plugin: name, user, call: {} }, answer));
}

it('chooses by the realm and shows a circuit, as the example does', async () => {
  const config = { tunnels: { 'isp.example': ['to-isp', 'to-backup'] } };
  await plugins.configure([{ name: 'realms', module: example, config }]);
  expect(await choose('alice@ISP.example', 'realms')).toEqual(['to-isp', 'to-backup']);
  expect(await choose('bob@elsewhere', 'realms')).toBeUndefined();
  expect(plugins.knows(32473, 1)).toBe(true);
  expect(plugins.knows(32473, 2)).toBe(false);
  const value = new TextEncoder().encode('dslam1 0/3\u001b');
  expect(plugins.describe({ vendor: 32473, type: 1, value })).toEqual({ label: 'Circuit', text: 'dslam1 0/3?' });
  expect(plugins.describe({ vendor: 32473, type: 1, value, hidden: true })).toBeUndefined();
  expect(plugins.listening).toBe(true);
  plugins.session({ event: 'sessionUp', name: 'call', view: sessionView(), message: '' });
  await vi.waitFor(() => expect(said).toEqual(['realms: call of alice: sessionUp']));
});

it('names what cannot be loaded, and has all the rest', async () => {
  const specs = [
    await plugin('export default () => { throw new Error("no licence"); }', 'a'),
    await plugin('export const x = 1', 'b'),
    await plugin('this is no language', 'c'),
    { name: 'd', module: '/nowhere/d.mjs', config: {} },
    { name: 'e', module: 'no-such-package', config: {} },
    await plugin('export default (api) => api.chooseForward(() => ["t"])', 'good'),
  ];
  const refused = plugins.configure(specs);
  await expect(refused).rejects.toThrow(/a\.mjs: Gateway: spec\.plugins: plugin a cannot be loaded: no licence/);
  await expect(refused).rejects.toThrow(/plugin b .*default export.*plugin c .*plugin d .*ENOENT.*plugin e/s);
  expect(await choose('x', 'good')).toEqual(['t']);
});

it('loads a plugin again when its file or its config changed, and forgets one that is gone', async () => {
  const spec = await plugin('export default (api) => { api.log("one"); api.chooseForward(() => ["one"]); }');
  await plugins.configure([spec]);
  await plugins.configure([spec]);
  expect(said).toEqual(['p: one']);
  await plugins.configure([{ ...spec, config: { a: 1 } }]);
  expect(said).toEqual(['p: one', 'p: one']);
  await plugin('export const x = 1');
  await expect(plugins.configure([spec])).rejects.toThrow('default export');
  expect(await choose('x')).toEqual(['one']);
  await plugins.configure([]);
  expect(await choose('x')).toBeUndefined();
  expect(said.at(-1)).toBe('! p: it is not loaded');
});

it('lets the rule decide when a plugin fails, or answers nonsense', async () => {
  await plugins.configure([
    await plugin('export default (api) => api.chooseForward(() => { throw new Error("broken"); })', 'a'),
    await plugin('export default (api) => api.chooseForward(async () => { throw new Error("broken"); })', 'b'),
    await plugin('export default (api) => api.chooseForward(() => [1])', 'c'),
    await plugin('export default () => undefined', 'd'),
  ]);
  for (const name of ['a', 'b', 'c', 'd']) expect(await choose('x', name)).toBeUndefined();
  expect(said).toEqual([
    '! a: broken',
    '! b: broken',
    '! c: its answer is not a list of tunnels',
    '! d: it chooses no tunnels',
  ]);
});

it('does not wait for ever, nor for ever more', async () => {
  await plugins.configure([await plugin('export default (api) => api.chooseForward(() => new Promise(() => {}))')]);
  vi.useFakeTimers();
  const answers = Array.from({ length: 1_001 }, () => choose('x'));
  expect(await answers[1_000]).toBeUndefined();
  expect(said).toEqual(['! p: 1000 calls wait for its answer']);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(new Set(await Promise.all(answers))).toEqual(new Set([undefined]));
  expect(said.at(-1)).toBe('! p: no answer within 2000 ms');
});

it('outlives a listener that fails', async () => {
  await plugins.configure([
    await plugin(
      'export default (api) => { api.onSession(() => { throw new Error("one"); }); api.onSession(async () => { throw new Error("two"); }); }',
    ),
  ]);
  plugins.session({ event: 'sessionUp', name: 'call', view: sessionView(), message: '' });
  await vi.waitFor(() => expect(said).toEqual(['! p: one', '! p: two']));
});
