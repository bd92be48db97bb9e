import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.remove());

test('shows every value with where it comes from', async () => {
  expect((await bench.run('explain tunnel to-lns')).out).toBe(
    [
      'FIELD                 VALUE              FROM',
      'helloInterval         30s                TunnelProfile/fast',
      'framingCapabilities   ["sync","async"]   built-in',
      '',
    ].join('\n'),
  );
});

test('as JSON', async () => {
  const { kind, values } = JSON.parse((await bench.run('explain tunnels to-lns -o json')).out);
  expect([kind, values.length]).toEqual(['Tunnel', 2]);
});

test('of what is not declared', async () => {
  expect(await bench.run('explain session accepted-1-2')).toEqual({
    code: 1,
    out: '',
    err: 'error: Session accepted-1-2 is not declared\n',
  });
});
