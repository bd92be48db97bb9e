import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog, eventOf, eventOfStep } from '../../src/api/events.ts';
import { ApiServer } from '../../src/api/server.ts';
import { ask, getJson, jsonLines } from './client.ts';
import { FakeSource, NOON } from './fake-source.ts';

describe('the log', () => {
  test('keeps the newest thousand', () => {
    const log = new EventLog(() => NOON);
    for (let n = 1; n <= 2500; n++) log.append({ kind: 'Tunnel', name: 'a', reason: 'Up', message: `${n}` });
    expect(log.last(2).map(({ message }) => message)).toEqual(['2499', '2500']);
    const all = log.last(Number.POSITIVE_INFINITY);
    expect([all.length, all[0].id, all[0].message]).toEqual([1000, 1501, '1501']);
  });

  test('gives what is wanted, even if it is long ago', () => {
    const log = new EventLog(() => NOON);
    log.append({ kind: 'Tunnel', name: 'a', reason: 'Up', message: 'first' });
    for (let n = 0; n < 500; n++) log.append({ kind: 'Tunnel', name: 'b', reason: 'Up', message: '' });
    expect(log.last(5, ({ name }) => name === 'a').map(({ message }) => message)).toEqual(['first']);
  });

  test('remembers what concerns our resources however much peers do', () => {
    const log = new EventLog(() => NOON);
    log.append({ kind: 'Tunnel', name: 'ours', reason: 'Up', message: 'first' });
    for (let n = 0; n < 1500; n++) log.append({ kind: 'Session', name: `accepted-1-${n}`, reason: 'Up', message: '' });
    for (let n = 0; n < 1500; n++) log.append({ kind: 'Session', name: `access/${n}`, reason: 'Up', message: '' });
    log.append({ kind: 'Tunnel', name: 'ours', reason: 'Down', message: 'last' });
    expect(log.last(3).map(({ id }) => id)).toEqual([3000, 3001, 3002]);
    expect(log.last(5, ({ name }) => name === 'ours').map(({ message }) => message)).toEqual(['first', 'last']);
  });

  test('names accepted tunnels and sessions as the API does', () => {
    const notice = { event: 'authFailed', message: 'no', declared: false } as const;
    expect(eventOf({ ...notice, subject: 'tunnel', name: '4711' })).toEqual({
      kind: 'Tunnel',
      name: 'accepted-4711',
      reason: 'AuthenticationFailed',
      message: 'no',
    });
    expect(eventOf({ ...notice, subject: 'session', name: '4711/5' }).name).toBe('accepted-4711-5');
    expect(eventOf({ ...notice, subject: 'session', name: 'alice', declared: true }).name).toBe('alice');
    expect(eventOf({ ...notice, subject: 'tunnel', name: '12', declared: true }).name).toBe('12');
    expect(eventOf({ ...notice, subject: 'gateway', name: '192.0.2.1' }).name).toBe('192.0.2.1');
  });
});

test("the reconciler's steps are told with their object", () => {
  const step = { atMs: NOON, what: 'openTunnel', message: 'why' } as const;
  expect(eventOfStep({ ...step, object: 'Tunnel/a', outcome: 'taken' })).toEqual({
    kind: 'Tunnel',
    name: 'a',
    reason: 'OpenTunnel',
    message: 'why',
  });
  expect(eventOfStep({ ...step, object: 'Gateway', outcome: 'refused' })).toEqual({
    kind: 'Gateway',
    reason: 'ActionFailed',
    message: 'openTunnel: why',
  });
});

describe('over the socket', () => {
  let directory: string;
  let socketPath: string;
  let source: FakeSource;
  let server: ApiServer;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'prol2tp-events-'));
    socketPath = join(directory, 'api.sock');
    source = new FakeSource();
    server = new ApiServer({ socketPath, source });
    await server.start();
  });

  afterEach(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  const happen = (name: string, message = 'up') =>
    source.events.append({ kind: 'Tunnel', name, reason: 'Up', message });

  async function lines(response: IncomingMessage, count: number) {
    const found = [];
    for await (const line of jsonLines(response)) {
      found.push(line);
      if (found.length === count) return found;
    }
    return found;
  }

  test('the last ones are listed', async () => {
    for (const name of ['a', 'b', 'a']) happen(name);
    const { body } = await getJson(socketPath, '/v1/events?last=2');
    expect(body.events.map(({ id, name }: { id: number; name: string }) => [id, name])).toEqual([
      [2, 'b'],
      [3, 'a'],
    ]);
    expect((await getJson(socketPath, '/v1/events?kind=Tunnel&name=a')).body.events).toHaveLength(2);
    expect((await getJson(socketPath, '/v1/events?kind=Session&name=a')).body.events).toEqual([]);
  });

  test('followers get the past and then the present', async () => {
    happen('a');
    const response = await ask(socketPath, '/v1/events?follow=1&name=a');
    happen('b');
    happen('a');
    expect((await lines(response, 2)).map(({ id }) => id)).toEqual([1, 3]);
  });

  test('a slow follower misses events and is told how many', async () => {
    const response = await ask(socketPath, '/v1/events?follow=1&last=0');
    const total = 3000;
    // Far more than sockets and streams hold; the log keeps only the last thousand.
    for (let n = 0; n < total; n++) happen('a', 'x'.repeat(4000));
    let seen = 0;
    let missed = 0;
    for await (const { dropped } of jsonLines(response)) {
      if (dropped === undefined) seen++;
      else missed += dropped;
      if (seen + missed === total) break;
    }
    expect(missed).toBeGreaterThan(0);
    expect(seen + missed).toBe(total);
  });

  test('a follower that goes is forgotten, and stop ends the others', async () => {
    const gone = await ask(socketPath, '/v1/events?follow=1');
    gone.destroy();
    const response = await ask(socketPath, '/v1/events?follow=1');
    happen('a');
    expect(await lines(response, 1)).toHaveLength(1);
    const other = await ask(socketPath, '/v1/events?follow=1');
    const ended = new Promise((resolve) => other.on('close', resolve));
    await server.stop();
    other.resume();
    await ended;
    happen('b');
    expect(source.events.last(1)[0].name).toBe('b');
    await server.start();
  });
});
