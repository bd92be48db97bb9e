import { mkdir, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import './patience.ts';
import { Lab, type Namespace } from './lab.ts';
import { until } from './until.ts';

let lab: Lab;
let a: Namespace;
let b: Namespace;

beforeEach(async () => {
  lab = await Lab.open();
  a = await lab.namespace('a');
  b = await lab.namespace('b');
  await lab.link(a, { device: 'wire', addresses: ['192.0.2.1/24', '2001:db8::1/64'] }, b, {
    device: 'wire',
    addresses: ['192.0.2.2/24', '2001:db8::2/64'],
  });
});

afterEach(() => lab.close());

test('joined namespaces reach each other and nothing else', async () => {
  await until('IPv4', () => a.pings('192.0.2.2'));
  await until('IPv6', () => b.pings('2001:db8::1'));
  expect(await a.pings('192.0.2.9')).toBe(false);
});

test('a cut wire carries nothing until it is mended', async () => {
  await until('the wire', () => a.pings('192.0.2.2'));
  await b.cut('wire');
  expect(await a.pings('192.0.2.2')).toBe(false);
  await b.mend('wire');
  await until('the wire', () => a.pings('192.0.2.2'));
});

test('a capture holds what was sent before it was stopped', async () => {
  const capture = await a.capture('wire');
  await until('the wire', () => a.pings('192.0.2.2', '-p', 'c0ffee'));
  const octets = await readFile(await capture.stop());
  expect(octets.toString('hex')).toContain('c0ffeec0ffee');
});

test('processes end with the lab, their children too, and the namespaces go', async () => {
  const other = await Lab.open();
  const namespace = await other.namespace('x');
  const parent = namespace.spawn('sh', ['-c', 'sleep 1001 & echo "child $!"; wait']);
  const child = (await parent.says(/child (\d+)/))[1];
  await other.close();
  expect(parent.running).toBe(false);
  await until('the child to end', async () => (await execa('kill', ['-0', child], { reject: false })).exitCode !== 0);
  expect((await execa('ip', ['netns', 'list'])).stdout).not.toContain(namespace.name);
});

test('what a killed run left behind is removed by the next', async () => {
  const dead = execa('true');
  await dead;
  const name = `pl2tp-${dead.pid}-1-x`;
  await execa('ip', ['netns', 'add', name]);
  await mkdir(join(tmpdir(), name));
  await (await Lab.open()).close();
  expect((await execa('ip', ['netns', 'list'])).stdout).not.toContain(name);
  expect(await readdir(tmpdir())).not.toContain(name);
});

test('a program that is missing is named', async () => {
  const process = lab.spawn('no-such-program', []);
  await expect(process.says(/ready/)).rejects.toThrow('no-such-program is not installed');
});
