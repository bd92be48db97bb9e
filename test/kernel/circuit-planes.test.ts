/** Two planes, each in a namespace of its own, and a program behind either end of a pseudowire. */
import { existsSync, rmSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import type { CircuitSpec, Pseudowire } from '../../src/engine/spec.ts';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import '../netns/patience.ts';
import { until } from '../netns/until.ts';
import { cell } from './circuit-lab.ts';
import { message, newDirectory, Program } from './circuit-program.ts';
import { farTerms, nearTerms, pseudowireUp, type Terms, tunnelUp } from './ethernet-world.ts';
import { type Fact, join, Namespace, PlaneProcess } from './lab.ts';

const id = 0x8000_0001;
const key = sessionKeyV3(id);

interface End {
  plane: PlaneProcess;
  socket: string;
  program: Program;
}

let left: Namespace;
let right: Namespace;
let near: PlaneProcess;
let far: PlaneProcess;
let directory: string;
let programs: Program[];

beforeEach(() => {
  left = new Namespace('cleft');
  right = new Namespace('cright');
  join(left, right);
  near = new PlaneProcess(left);
  far = new PlaneProcess(right);
  directory = newDirectory();
  programs = [];
});

afterEach(async () => {
  for (const program of programs) program.close();
  await near.kill();
  await far.kill();
  left.remove();
  right.remove();
  rmSync(directory, { recursive: true });
});

function attach(plane: PlaneProcess, socket: string, circuit: Partial<CircuitSpec>): Promise<Fact> {
  const attachment = { owner: 'Session/line', circuit: { socket, maxCells: 4, ...circuit } };
  return plane.apply({ op: 'attachCircuit', session: key, attachment });
}

async function end(
  plane: PlaneProcess,
  name: string,
  pseudowire: Pseudowire,
  terms: Terms,
  circuit: Partial<CircuitSpec>,
): Promise<End> {
  await tunnelUp(plane, terms);
  await pseudowireUp(plane, id, pseudowire, terms);
  const socket = joinPath(directory, name);
  expect(await attach(plane, socket, circuit)).toEqual({ fact: 'attached', session: key, interface: socket });
  await until('the circuit without a program', async () => (await plane.circuits()).length === 1);
  const program = new Program(socket, `${socket}.program`);
  programs.push(program);
  program.attach(pseudowireTypes[pseudowire]);
  expect(await program.next()).toMatchObject({ type: message.attached, value: 1 });
  await until('the circuit with one', async () => (await plane.circuits()).length === 2);
  const told = (await plane.circuits()).map(({ session, status }) => [session, status.active]);
  expect(told).toEqual([
    [key, false],
    [key, true],
  ]);
  return { plane, socket, program };
}

/** Both ends of one pseudowire. */
async function ends(
  pseudowire: Pseudowire,
  terms: Partial<Terms>,
  nearCircuit: Partial<CircuitSpec>,
  farCircuit: Partial<CircuitSpec>,
): Promise<[End, End]> {
  const crosswise = terms.cookies && { local: terms.cookies.remote, remote: terms.cookies.local };
  return [
    await end(near, 'near', pseudowire, { ...nearTerms, ...terms }, nearCircuit),
    await end(far, 'far', pseudowire, { ...farTerms, ...terms, cookies: crosswise }, farCircuit),
  ];
}

async function passes(from: End, to: End, flags: number, frame: readonly number[], expected: readonly number[]) {
  expect(from.program.send(message.data, flags, frame)).toBeUndefined();
  expect(await to.program.next()).toEqual({ type: message.data, value: flags, body: expected });
}

test('HDLC frames pass over UDP, and in order when they are many', async () => {
  const [one, other] = await ends('hdlc', { sublayer: 'default', sequencing: 'all' }, {}, {});
  await passes(one, other, 0, [0xff, 0x03, 1], [0xff, 0x03, 1]);
  await passes(other, one, 0, [0x0f, 0x00, 2], [0x0f, 0x00, 2]);
  const count = 200;
  for (let i = 0; i < count; i++) {
    const frame = [0x0f, 0x00, i >> 8, i & 0xff];
    await until('room', () => one.program.send(message.data, 0, frame) === undefined);
  }
  for (let i = 0; i < count; i++) expect((await other.program.next()).body).toEqual([0x0f, 0x00, i >> 8, i & 0xff]);
  expect(await far.counters(key)).toMatchObject({ rxPackets: count + 1, rxDropped: 0, rxLost: 0 });
});

test('Frame Relay frames change their DLCI over IP, with cookies', async () => {
  const cookies = { local: [1, 2, 3, 4, 5, 6, 7, 8], remote: [8, 7, 6, 5, 4, 3, 2, 1] };
  const [one, other] = await ends('frameRelay', { encapsulation: 'ip', cookies }, { dlci: 100 }, { dlci: 16 });
  await passes(one, other, 0, [0x1a, 0x4d, 9], [0x06, 0x0d, 9]);
  await passes(other, one, 0, [0x04, 0x03, 9], [0x18, 0x43, 9]);
});

test('AAL5 keeps its flags, and its OAM cells get the channel of where they come out', async () => {
  const [one, other] = await ends('atmAal5', { sublayer: 'atm' }, { vpi: 1, vci: 32 }, { vpi: 2, vci: 33 });
  await passes(one, other, 7, [1, 2, 3], [1, 2, 3]);
  await passes(other, one, 8, cell([0x00, 0x20, 0x02, 0x1a]), cell([0x00, 0x10, 0x02, 0x0a]));
});

test('cells pass several at a time', async () => {
  const [one, other] = await ends('atmCellVcc', { encapsulation: 'ip' }, { vpi: 1, vci: 32 }, { vpi: 2, vci: 33 });
  const cells = (first: readonly number[]) => [...cell(first, 1), ...cell(first, 2), ...cell(first, 3)];
  await passes(one, other, 0, cells([0x00, 0x10, 0x02, 0x00]), cells([0x00, 0x20, 0x02, 0x10]));
});

test('a circuit that is not active gets nothing, and its program hears how the other is', async () => {
  const [one, other] = await ends('hdlc', {}, {}, {});
  expect(await near.apply({ op: 'peerCircuit', session: key, active: false })).toEqual({ fact: 'done' });
  expect(await one.program.next()).toEqual({ type: message.status, value: 0, body: [] });
  one.program.send(message.data, 0, [1, 3]);
  await until('the drop', async () => (await near.dropped()).peerNotActive === 1);
  await near.apply({ op: 'peerCircuit', session: key, active: true });
  expect(await one.program.next()).toEqual({ type: message.status, value: 1, body: [] });
  await passes(one, other, 0, [1, 3], [1, 3]);
});

test('errors are facts, and what ends leaves nothing', async () => {
  const [one, other] = await ends('hdlc', {}, {}, {});
  await pseudowireUp(far, id + 1, 'hdlc');
  const attachment = { owner: 'Session/second', circuit: { socket: other.socket, maxCells: 1 } };
  const fact = await far.apply({ op: 'attachCircuit', session: key + 1, attachment });
  expect(fact).toMatchObject({ fact: 'failed', code: 'EADDRINUSE' });
  await near.apply({ op: 'sessionDown', session: key });
  expect(await one.program.next()).toMatchObject({ type: message.detach });
  expect(await near.tables()).toMatchObject({ circuits: 0, circuitMessages: 0, sessions: 0 });
  expect(existsSync(one.socket)).toBe(false);
  expect(await far.close()).toBe(0);
  expect(await other.program.next()).toMatchObject({ type: message.detach });
  expect(existsSync(other.socket)).toBe(false);
});

test('what a crash has left is replaced', async () => {
  const [, other] = await ends('hdlc', {}, {}, {});
  await far.kill();
  expect(existsSync(other.socket)).toBe(true);
  expect(other.program.send(message.keepalive)).toBe('ECONNREFUSED');
  far = new PlaneProcess(right);
  await tunnelUp(far, farTerms);
  await pseudowireUp(far, id, 'hdlc');
  expect(await attach(far, other.socket, {})).toMatchObject({ fact: 'attached' });
  other.program.attach(pseudowireTypes.hdlc);
  expect(await other.program.next()).toMatchObject({ type: message.attached });
});
