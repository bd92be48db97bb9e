import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  datagramsPerSlot,
  datagramWord,
  datagramWords,
  errnoName,
  frameWords,
  native,
  packetWords,
} from '../../src/kernel/native.ts';

const slab = new Uint8Array(64);
const words = new Int32Array(2 * datagramWords);
const many = new Int32Array(100 * datagramsPerSlot * datagramWords);

/** Runs TypeScript in a process of its own. */
function runScript(code: string): { status: number | null; stdout: string; stderr: string } {
  const door = fileURLToPath(new URL('../../src/kernel/native.ts', import.meta.url));
  const source = `import { native } from ${JSON.stringify(door)};\n${code}`;
  const command = ['--import', 'tsx', '--input-type=module', '--eval', source];
  return spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 15_000 });
}

const boundSocket = `const fd = native.socket(2, 2, 0);
native.bind(fd, Uint8Array.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
const name = new Uint8Array(16);
native.getsockname(fd, name);
const poke = () => {
  const words = new Int32Array(17);
  words.set([fd, 0, 1, 2, (name[2] << 8) | name[3], 0, 0x7f000001]);
  native.sendBatch(new Uint8Array(1), words, 1);
};
`;

describe('bounds', () => {
  test('batches outside their buffers are refused before any system call', () => {
    expect(() => native.receiveBatch(0, slab, 64, 2, many)).toThrow(RangeError);
    expect(() => native.receiveBatch(0, slab, 64, 1, words)).toThrow(RangeError);
    expect(() => native.receiveBatch(0, slab, 0, 1, many)).toThrow(RangeError);
    expect(() => native.receiveBatch(0, new Uint8Array(65), 1, 65, many)).toThrow(RangeError);
    expect(() => native.sendBatch(slab, words, 3)).toThrow(RangeError);
    expect(() => native.readBatch(0, slab, 32, 32, 1, words)).toThrow(RangeError);
    expect(() => native.readBatch(0, slab, 32, 0, 3, words)).toThrow(RangeError);
    expect(() => native.readBatch(0, slab, 32, 0, 2, new Int32Array(1))).toThrow(RangeError);
    expect(() => native.writeBatch(slab, new Int32Array(packetWords), 2)).toThrow(RangeError);
    expect(() => native.receiveFrames(0, slab, 32, 32, 1, many)).toThrow(RangeError);
    expect(() => native.receiveFrames(0, slab, 32, 0, 3, many)).toThrow(RangeError);
    expect(() => native.receiveFrames(0, slab, 1, 0, 64, new Int32Array(64 * frameWords - 1))).toThrow(RangeError);
    expect(() => native.receiveFrames(0, new Uint8Array(65), 1, 0, 65, many)).toThrow(RangeError);
    expect(() => native.sendFrames(slab, new Int32Array(frameWords), 2)).toThrow(RangeError);
    expect(() => native.send(0, slab, 0, 65)).toThrow(RangeError);
    expect(() => native.send(0, slab, 2, 1)).toThrow(RangeError);
    expect(() => native.sendTo(0, slab, 0, 65, slab)).toThrow(RangeError);
    expect(() => native.sendTo(0, slab, 0, 64, new Uint8Array(129))).toThrow(RangeError);
    expect(() => native.receiveFrom(0, slab, new Uint8Array(129))).toThrow(RangeError);
    expect(() => native.ioctl(0, 0x400454ca, new Uint8Array(39))).toThrow(RangeError);
    expect(() => native.pollAgain(9999)).toThrow(RangeError);
  });

  test('a message that points outside the slab is refused', () => {
    for (const [offset, length] of [
      [-1, 1],
      [0, 65],
      [64, 1],
      [1, -1],
      [0x7fffffff, 0x7fffffff],
    ]) {
      const message = new Int32Array(datagramWords);
      message[datagramWord.offset] = offset;
      message[datagramWord.length] = length;
      expect(() => native.sendBatch(slab, message, 1)).toThrow(RangeError);
      expect(() => native.sendFrames(slab, message, 1)).toThrow(RangeError);
      expect(() => native.writeBatch(slab, Int32Array.of(0, offset, length, 0), 1)).toThrow(RangeError);
    }
  });

  test('a ioctl that the door does not know does not pass', () => {
    expect(errnoName(native.ioctl(0, 0x5413, new Uint8Array(64)))).toBe('ENOTTY');
  });

  test('whatever the arguments, a call answers a number or throws', () => {
    const argument = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.constant(undefined),
      fc.constant(null),
      fc.bigInt(),
      fc.uint8Array({ maxLength: 80 }),
      fc.int32Array({ maxLength: 80 }),
      fc.float64Array({ maxLength: 4 }),
      fc.constant(new Uint8Array(0)),
    );
    // Not close(): it would close a descriptor of the test's own.
    const { close: _, pollStop: __, pollStart: ___, ...calls } = native;
    for (const [name, call] of Object.entries(calls)) {
      fc.assert(
        fc.property(fc.array(argument, { maxLength: 7 }), (given) => {
          // A descriptor that cannot exist, where one is expected first.
          const rest = ['sendBatch', 'sendFrames', 'writeBatch', 'open'].includes(name) ? given : [-1, ...given];
          try {
            const answer: unknown = Reflect.apply(call, undefined, rest);
            expect(typeof answer).toBe('number');
            if (name === 'socket' || name === 'open') native.close(Number(answer));
          } catch (error) {
            expect(String(error)).toMatch(/^(TypeError|RangeError)/);
          }
        }),
        { numRuns: 200 },
      );
    }
  });
});

describe('polling', () => {
  test('a throwing callback is an uncaught exception', () => {
    const { status, stderr } = runScript(`${boundSocket}
      native.pollStart(fd, 1, () => { throw new Error('from the callback'); });
      poke();`);
    expect(stderr).toContain('from the callback');
    expect(status).toBe(1);
  });

  test('promises and ticks run after the callback, and stopping lets the process end', () => {
    const { status, stdout } = runScript(`${boundSocket}
      const poller = native.pollStart(fd, 1, (events) => {
        Promise.resolve().then(() => console.log('promise', events));
        native.pollStop(poller);
        native.close(fd);
      });
      poke();`);
    expect(stdout).toBe('promise 1\n');
    expect(status).toBe(0);
  });

  test('process.exit with a running poller is clean, and so is the end of a worker that holds one', () => {
    const exit = runScript(`${boundSocket} native.pollStart(fd, 1, () => process.exit(7)); poke();`);
    expect(exit).toMatchObject({ status: 7, stderr: '' });
    const door = fileURLToPath(new URL('../../build/prol2tp.node', import.meta.url));
    const inWorker = `const native = require(${JSON.stringify(door)});
      for (let i = 0; i < 20; i++) native.pollStart(native.socket(2, 2, 0), 1, () => undefined);
      require('node:worker_threads').parentPort.postMessage('up');`;
    const worker = runScript(`import { Worker } from 'node:worker_threads';
      const worker = new Worker(${JSON.stringify(inWorker)}, { eval: true, execArgv: [] });
      worker.on('message', async () => console.log('ended', await worker.terminate()));`);
    expect(worker).toMatchObject({ status: 0, stderr: '', stdout: 'ended 1\n' });
  });
});

describe('unix datagram sockets', () => {
  const unix = 1;
  const datagram = 2;
  const path = (text: string): Uint8Array => Uint8Array.of(unix, 0, ...Buffer.from(text), 0);

  test('datagrams go to a path and tell the path that they came from', () => {
    const directory = mkdtempSync(join(tmpdir(), 'native-'));
    const [here, there] = [join(directory, 'here'), join(directory, 'there')];
    const [a, b] = [native.socket(unix, datagram, 0), native.socket(unix, datagram, 0)];
    try {
      expect(native.bind(a, path(here))).toBe(0);
      expect(native.bind(b, path(there))).toBe(0);
      expect(native.sendTo(a, Buffer.from('<frame>'), 1, 6, path(there))).toBe(5);
      const octets = new Uint8Array(3);
      const from = new Uint8Array(110).fill(0xff);
      expect(native.receiveFrom(b, octets, from)).toBe(5);
      expect(Buffer.from(octets).toString()).toBe('fra');
      expect(from).toEqual(Uint8Array.of(...path(here), ...new Uint8Array(110 - path(here).length)));
      expect(native.sendTo(b, Buffer.from('back'), 0, 4, from.subarray(0, path(here).length))).toBe(4);
      expect(native.receiveFrom(a, octets, new Uint8Array(0))).toBe(4);
      expect(errnoName(native.receiveFrom(a, octets, from))).toBe('EAGAIN');
      expect(errnoName(native.sendTo(a, octets, 0, 3, path(join(directory, 'nobody'))))).toBe('ENOENT');
      native.close(b);
      expect(errnoName(native.sendTo(a, octets, 0, 3, path(there)))).toBe('ECONNREFUSED');
    } finally {
      native.close(a);
      rmSync(directory, { recursive: true });
    }
  });

  test('a sender without a path is told as none', () => {
    const directory = mkdtempSync(join(tmpdir(), 'native-'));
    const [a, b] = [native.socket(unix, datagram, 0), native.socket(unix, datagram, 0)];
    try {
      native.bind(a, path(join(directory, 'here')));
      expect(native.sendTo(b, Uint8Array.of(7), 0, 1, path(join(directory, 'here')))).toBe(1);
      const from = new Uint8Array(110).fill(0xff);
      expect(native.receiveFrom(a, new Uint8Array(1), from)).toBe(1);
      expect(from.subarray(2)).toEqual(new Uint8Array(108));
    } finally {
      native.close(a);
      native.close(b);
      rmSync(directory, { recursive: true });
    }
  });
});
