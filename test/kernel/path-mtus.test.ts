import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PathMtus } from '../../src/kernel/path-mtus.ts';

/** What the kernel answers; each question is noted. */
let kernel: number | undefined;
let asked: string[];
let told: [socket: number, address: string, mtuOctets: number][];
let paths: PathMtus;

beforeEach(() => {
  vi.useFakeTimers();
  kernel = 1500;
  asked = [];
  told = [];
  paths = new PathMtus({
    ask: ({ words }, from) => {
      asked.push(`${words[0] >>> 0}${from ? ` from ${from.words[0] >>> 0}` : ''}`);
      return kernel;
    },
    changed: (socket, { address }, mtuOctets) => told.push([socket, address, mtuOctets]),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

const peer = (host: number) => ({ address: `10.0.${host >> 8}.${host & 0xff}`, port: 1701 });

test('what ICMP says many times is asked for once, and told when it is so', async () => {
  expect(paths.ask(1, peer(1), '192.0.2.1')).toBe(1500);
  kernel = 1400;
  asked = [];
  for (let i = 0; i < 1000; i++) paths.reported(1, peer(1));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual([`${0x0a000001} from ${0xc0000201}`]);
  expect(told).toEqual([[1, '10.0.0.1', 1400]]);
  paths.reported(1, peer(1));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toHaveLength(1);
});

test('of a path that nobody asked for ICMP may say what it will', async () => {
  paths.ask(1, peer(1), undefined);
  asked = [];
  for (let host = 2; host < 1000; host++) paths.reported(1, peer(host));
  paths.reported(2, peer(1));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toEqual([]);
});

test('a path that has grown is told within a minute or so, and one that is gone says nothing', async () => {
  kernel = 1400;
  paths.exceeded(1, peer(1), undefined);
  await vi.advanceTimersByTimeAsync(1_000);
  kernel = undefined;
  await vi.advanceTimersByTimeAsync(120_000);
  kernel = 1500;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(told).toEqual([
    [1, '10.0.0.1', 1400],
    [1, '10.0.0.1', 1500],
  ]);
});

test('who asks later does not keep a change from who asked before', async () => {
  paths.ask(1, peer(1), undefined);
  kernel = 1400;
  expect(paths.ask(1, peer(1), undefined)).toBe(1400);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([[1, '10.0.0.1', 1400]]);
});

test('no path is taken to carry less than its version of IP must', () => {
  kernel = 68;
  expect(paths.ask(1, peer(1), undefined)).toBe(576);
  expect(paths.ask(1, { address: '2001:db8::1', port: 0 }, undefined)).toBe(1280);
});

test('more paths than are remembered: the oldest is told of no more', async () => {
  for (let host = 1; host <= 4097; host++) paths.ask(1, peer(host), undefined);
  kernel = 1400;
  await vi.advanceTimersByTimeAsync(100_000);
  const addresses = new Set(told.map(([, address]) => address));
  expect(addresses.size).toBe(4096);
  expect(addresses.has(peer(1).address)).toBe(false);
});

test('however many paths are spoken of, few are asked for at a time', async () => {
  for (let host = 1; host <= 1000; host++) paths.ask(1, peer(host), undefined);
  asked = [];
  for (let host = 1; host <= 1000; host++) paths.reported(1, peer(host));
  await vi.advanceTimersByTimeAsync(100);
  expect(asked).toHaveLength(64);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(new Set(asked).size).toBe(1000);
  expect(asked).toHaveLength(1000);
});

test('a closed socket is told of no more, not even by who closes it meanwhile, and nothing runs on', async () => {
  const closing = new PathMtus({
    ask: () => kernel,
    changed: (socket, { address }, mtuOctets) => {
      told.push([socket, address, mtuOctets]);
      closing.forget(1);
    },
  });
  closing.ask(1, peer(1), undefined);
  closing.ask(1, peer(2), undefined);
  kernel = 1400;
  closing.reported(1, peer(1));
  closing.reported(1, peer(2));
  await vi.advanceTimersByTimeAsync(200_000);
  expect(told).toEqual([[1, '10.0.0.1', 1400]]);
  expect(vi.getTimerCount()).toBe(0);
});
