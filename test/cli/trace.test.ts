import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TraceRecord } from '../../src/engine/trace.ts';
import { ask } from '../api/client.ts';
import { until } from '../netns/until.ts';
import { Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.remove());

const record: TraceRecord = { category: 'fsm', tunnel: 'to-lns', message: 'idle: open: request, now waitReply' };

function packet(): TraceRecord {
  const endpoint = { address: '192.0.2.1', port: 1701 };
  const bytes = new Uint8Array(12);
  const of = { direction: 'sent', local: endpoint, remote: endpoint, bytes, start: 0, end: 12 } as const;
  return { category: 'transport', message: 'sent', packet: { ...of, describe: () => 'HELLO' } };
}

async function watcher() {
  return await until('somebody who watches', async () => [...bench.source.watchers][0]);
}

test('lines of a declared tunnel, until interrupted', async () => {
  const stop = new AbortController();
  const { ended, shown } = bench.start('trace tunnel to-lns --categories fsm,transport', stop);
  const { scope, take } = await watcher();
  expect(scope).toEqual({ tunnel: 'to-lns', categories: ['fsm', 'transport'] });
  take(record);
  take({ ...record, session: '12/34', message: 'odd\u001b[2J', error: true });
  await until('two lines', async () => shown().split('\n').length > 2);
  stop.abort();
  const { code, out } = await ended;
  expect(code).toBe(0);
  expect(out.split('\n').map((line) => line.split('  ').slice(1))).toEqual([
    ['fsm', 'to-lns', record.message],
    ['fsm', 'accepted-12-34', '! odd\\x1b[2J'],
    [],
  ]);
  await until('nobody to watch', async () => bench.source.watchers.size === 0);
});

test('accepted tunnels and sessions by their ids, and everything', async () => {
  for (const [line, scope] of [
    ['trace tunnel accepted-4711', { tunnel: '#4711' }],
    ['trace tunnel 4711', { tunnel: '#4711' }],
    ['trace session alice', { session: 'alice' }],
    ['trace session accepted-4711-5', { session: '4711/5' }],
    ['trace system', {}],
  ] as const) {
    const stop = new AbortController();
    const { ended } = bench.start(line, stop);
    expect((await watcher()).scope).toMatchObject(scope);
    stop.abort();
    await ended;
    await until('nobody to watch', async () => bench.source.watchers.size === 0);
  }
});

test.each([
  ['trace tunnel nowhere', 'tunnel nowhere is not declared'],
  ['trace tunnel', 'which tunnel?'],
  ['trace system x', 'system has no name'],
  ['trace pool home', 'pool cannot be traced'],
  ['trace system --categories fsm,nonsense', 'there is no category nonsense'],
])('%s is refused in words', async (line, words) => {
  const { code, err } = await bench.run(line);
  expect(code).toBe(1);
  expect(err).toContain(words);
});

test('a capture ends by itself after so many packets', async () => {
  const file = join(bench.directory, 'trace.pcapng');
  const { ended } = bench.start(`trace tunnel to-lns --pcapng ${file} --max-packets 2`, new AbortController());
  const { take } = await watcher();
  for (let n = 0; n < 3; n++) take(packet());
  expect(await ended).toMatchObject({ code: 0, err: `2 packets in ${file}\n` });
  const blocks: number[] = [];
  const octets = await readFile(file);
  for (let at = 0; at < octets.length; at += octets.readUInt32LE(at + 4)) blocks.push(octets.readUInt32LE(at));
  expect(blocks).toEqual([0x0a0d0d0a, 1, 6, 6, 5]);
});

test('an interrupted capture is whole', async () => {
  const file = join(bench.directory, 'trace.pcapng');
  const stop = new AbortController();
  const { ended } = bench.start(`trace system --pcapng ${file}`, stop);
  (await watcher()).take(packet());
  await until('the packet in the file', async () => (await readFile(file)).includes('HELLO'));
  stop.abort();
  expect(await ended).toMatchObject({ code: 0, err: `1 packets in ${file}\n` });
});

test('a client that does not read is told how much it missed', async () => {
  const lines: { dropped?: number }[] = [];
  const response = await ask(bench.socket, '/v1/trace/system');
  const { take } = await watcher();
  const sent = 20_000;
  for (let n = 0; n < sent; n++) take({ ...record, message: 'x'.repeat(100) });
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk) => {
    const whole = (rest + chunk).split('\n');
    rest = whole.pop() ?? '';
    for (const line of whole) lines.push(JSON.parse(line));
  });
  const dropped = await until('the note', async () => lines.find((line) => line.dropped !== undefined)?.dropped);
  expect(lines.length - 1 + dropped).toBe(sent);
  response.destroy();
});
