/** The program that users may begin with, beside the daemon's side of the socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import '../netns/patience.ts';
import { until } from '../netns/until.ts';
import { CircuitLab } from './circuit-lab.ts';

const script = fileURLToPath(new URL('../../examples/circuit/circuit.py', import.meta.url));
const header = [0, 3, 0, 0, 0x55, 0x66, 0x77, 0x88];

let lab: CircuitLab;
let example: ChildProcess | undefined;
let output: string;

beforeEach(async () => {
  lab = await CircuitLab.open();
});

afterEach(async () => {
  if (example?.exitCode === null && example.signalCode === null) {
    example.kill();
    await once(example, 'exit');
  }
  lab.close();
});

function start(...words: string[]): void {
  output = '';
  example = spawn('python3', [script, lab.socketPath, ...words], { stdio: 'pipe' });
  for (const stream of [example.stdout, example.stderr]) {
    stream?.on('data', (text) => {
      output += text;
    });
  }
}

function printed(line: string): Promise<boolean> {
  return until(`"${line}"`, () => output.split('\n').includes(line));
}

test('it sends what it is told to, prints what comes, and tells its status', async () => {
  const session = lab.addSession('atmAal5', 'atm');
  lab.attach(session);
  start('atmAal5');
  await printed('attached, peer active');
  example?.stdin?.write('0102\nflags 5 0304\nnonsense\nstatus 4\n');
  expect(await lab.sent(2)).toEqual([
    [...header, 0, 0, 0, 0, 1, 2],
    [...header, 5, 0, 0, 0, 3, 4],
  ]);
  await printed('not understood: nonsense');
  await until('its status', () => lab.statuses.at(-1)?.circuitRxFault);
  lab.receive(2, 0, 0, 0, 0xaa, 0xbb);
  await printed('flags 02 aabb');
  lab.circuits.peerCircuit(session, false);
  await printed('peer not active');
  const count = lab.statuses.length;
  example?.stdin?.end();
  await until('its farewell', () => lab.statuses.length > count);
  expect(lab.statuses.at(-1)).toEqual({ active: false, isNew: false });
});

test('it sends back what comes, and attaches again when the session is there again', async () => {
  start('frameRelay', '--echo', '--path', join(lab.directory, 'example'));
  const first = lab.addSession('frameRelay');
  lab.attach(first);
  await printed('attached, peer active');
  lab.receive(0x18, 0x41, 1, 2, 3);
  await printed('1841010203');
  expect(await lab.sent(1)).toEqual([[...header, 0x18, 0x41, 1, 2, 3]]);
  lab.circuits.detach(first);
  await printed('detached: the session has ended, or the daemon was started anew');
  output = '';
  lab.attach(lab.addSession('frameRelay'));
  await printed('attached, peer active');
});

test('it says why it is refused', async () => {
  lab.attach(lab.addSession('hdlc'));
  start('frameRelay');
  if (example === undefined) throw new Error('not started');
  const [code] = await once(example, 'close');
  expect(code).toBe(1);
  expect(output).toBe('refused: its pseudowire is of another kind\n');
});
