import { existsSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { runInMachine } from './machine.ts';

vi.setConfig({ testTimeout: 300_000 });

test('a command runs under another kernel, on this root, and changes nothing here', async () => {
  let output = '';
  let error = '';
  const mark = `/lab-was-here-${process.pid}`;
  const command = `set -e; id -u; pwd; cat package.json | head -n 2; echo "$1" >&2
    touch ${mark}; ip link add name lab0 type veth peer name lab1
    grep -o '^[a-z0-9_]*' /proc/modules; exit 3`;
  const code = await runInMachine(['sh', '-c', command, 'sh', `it's "quoted" $HOME`], {
    onOutput: (text) => {
      output += text;
    },
    onError: (text) => {
      error += text;
    },
  });
  expect(error).toBe(`it's "quoted" $HOME\n`);
  expect(output.split('\n').slice(0, 4)).toEqual(['0', process.cwd(), '{', '  "name": "prol2tp",']);
  expect(output.split('\n')).toEqual(expect.arrayContaining(['l2tp_ppp', 'pppoe', 'tun', 'veth']));
  expect(code).toBe(3);
  expect(existsSync(mark)).toBe(false);
});

test('a machine that stops too early is an error with its last words', async () => {
  await expect(
    runInMachine(['sh', '-c', 'echo goodbye > /dev/kmsg; dmesg -n 7; echo o > /proc/sysrq-trigger; sleep 60']),
  ).rejects.toThrow(/stopped too early/);
});
