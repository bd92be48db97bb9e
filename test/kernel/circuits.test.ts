import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Sublayer, sessionKeyV3 } from '../../src/engine/ports.ts';
import type { CircuitSpec, Pseudowire } from '../../src/engine/spec.ts';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import type { CircuitStatus } from '../../src/engine/wire/values.ts';
import { maxFrameOctets } from '../../src/kernel/circuit-protocol.ts';
import { Circuits } from '../../src/kernel/circuits.ts';
import { DataPath } from '../../src/kernel/data-path.ts';
import { L2tpSession, type PlaneTunnel } from '../../src/kernel/sessions.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { until } from '../netns/until.ts';
import { message, newDirectory, Program } from './circuit-program.ts';

const remoteId = 0x5566_7788;
const localId = 0x1122_3344;

let directory: string;
let socketPath: string;
let transport: SocketTransport;
let path: DataPath;
let circuits: Circuits;
let peer: Socket;
let received: number[][];
let statuses: CircuitStatus[];
let tunnel: PlaneTunnel;
let programs: Program[];

beforeEach(async () => {
  directory = newDirectory();
  socketPath = join(directory, 'circuit');
  transport = new SocketTransport();
  statuses = [];
  received = [];
  programs = [];
  const events = {
    frame: () => undefined,
    framesDropped: () => undefined,
    circuit: (_: number, status: CircuitStatus) => statuses.push(status),
    pppoeServed: () => undefined,
    discovery: () => undefined,
    drift: () => undefined,
  };
  path = new DataPath(transport, events);
  circuits = new Circuits({ path, events });
  peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  peer.on('message', (octets) => received.push([...octets]));
  const socket = transport.open({ address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false });
  const remote = transport.endpoints.raw({ address: '127.0.0.1', port: peer.address().port });
  tunnel = { localId: 7, remoteId: 8, version: 3, encapsulation: 'udp', socket, remote, from: undefined };
});

afterEach(() => {
  vi.useRealTimers();
  circuits.close();
  path.close();
  transport.close(tunnel.socket);
  peer.close();
  for (const program of programs) program.close();
  rmSync(directory, { recursive: true });
});

function addSession(pseudowire: Pseudowire, sublayer: Sublayer = 'none', id = localId): L2tpSession {
  const none = new Uint8Array(0);
  const session = new L2tpSession(sessionKeyV3(id), tunnel, {
    remoteId,
    pseudowire,
    format: {
      localSessionId: id,
      localCookie: none,
      remoteCookie: none,
      rxSublayer: sublayer,
      txSublayer: sublayer,
      checksSequence: false,
    },
    sequencing: 'none',
    follows: false,
    reorderTimeoutMs: 0,
    dscp: 0,
  });
  path.add(session);
  return session;
}

function attach(session: L2tpSession, circuit: Partial<CircuitSpec> = {}): void {
  circuits.attach(session, { owner: 'Session/line', circuit: { socket: socketPath, maxCells: 1, ...circuit } });
}

function newProgram(name = 'program'): Program {
  const program = new Program(socketPath, join(directory, name));
  programs.push(program);
  return program;
}

/** A session with its program. */
async function attached(
  pseudowire: keyof typeof pseudowireTypes,
  circuit: Partial<CircuitSpec> = {},
  sublayer: Sublayer = 'none',
): Promise<{ session: L2tpSession; program: Program }> {
  const session = addSession(pseudowire, sublayer);
  attach(session, circuit);
  const program = newProgram();
  program.attach(pseudowireTypes[pseudowire]);
  expect(await program.next()).toMatchObject({ type: message.attached });
  return { session, program };
}

const header = [0, 3, 0, 0, 0x55, 0x66, 0x77, 0x88];

/** What comes from the peer, behind L2TP's header. */
function receive(...payload: number[]): void {
  const bytes = Uint8Array.of(0, 3, 0, 0, 0x11, 0x22, 0x33, 0x44, ...payload);
  const { encapsulation, socket, remote } = tunnel;
  path.receive({ socket, encapsulation, from: remote, to: undefined, bytes, start: 0, end: bytes.length });
}

/** So many data messages at the peer. */
function sent(count: number): Promise<number[][]> {
  return until(`${count} data messages`, () => received.length >= count && received);
}

function cell(header: readonly number[], fill = 0x5a): number[] {
  return [...header, ...new Array<number>(48).fill(fill)];
}

describe('the socket', () => {
  test('is made with its directory, for owner and group, and goes with the session', () => {
    socketPath = join(directory, 'new', 'deeper', 'circuit');
    const session = addSession('hdlc');
    attach(session);
    expect(statSync(socketPath).isSocket()).toBe(true);
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    expect(circuits.size).toBe(1);
    circuits.detach(session);
    expect(existsSync(socketPath)).toBe(false);
    expect(session.circuit).toBeUndefined();
    expect(circuits.size).toBe(0);
    circuits.detach(session);
  });

  test('takes the place of a dead one, not of a living one', () => {
    const dead = new Program(socketPath, socketPath);
    expect(() => attach(addSession('hdlc'))).toThrow('EADDRINUSE');
    dead.close();
    expect(existsSync(socketPath)).toBe(true);
    attach(addSession('hdlc'));
    const other = addSession('hdlc', 'none', 9);
    expect(() => attach(other)).toThrow(`socket ${socketPath}: EADDRINUSE`);
    expect(other.circuit).toBeUndefined();
    expect(circuits.size).toBe(1);
  });

  test('takes the place of nothing else', () => {
    writeFileSync(socketPath, 'precious');
    expect(() => attach(addSession('hdlc'))).toThrow('EEXIST');
    rmSync(socketPath);
    symlinkSync('/dev/null', socketPath);
    expect(() => attach(addSession('hdlc'))).toThrow('EEXIST');
    rmSync(socketPath);
    mkdirSync(join(socketPath, 'x'.repeat(90)), { recursive: true });
    socketPath = join(socketPath, 'x'.repeat(90), 'circuit');
    expect(() => attach(addSession('hdlc'))).toThrow('ENAMETOOLONG');
    socketPath = join('/proc/self', 'circuit');
    expect(() => attach(addSession('hdlc'))).toThrow(/E(ACCES|NOENT|PERM|ROFS)/);
    expect(circuits.size).toBe(0);
  });

  test('that somebody has put in place of ours stays', () => {
    const session = addSession('hdlc');
    attach(session);
    rmSync(socketPath);
    const other = new Program(socketPath, socketPath);
    programs.push(other);
    circuits.detach(session);
    expect(existsSync(socketPath)).toBe(true);
  });

  test('moves with the declared path', async () => {
    const { session, program } = await attached('hdlc');
    const before = socketPath;
    socketPath = join(directory, 'elsewhere');
    attach(session);
    expect(await program.next()).toMatchObject({ type: message.detach });
    expect([existsSync(before), existsSync(socketPath), circuits.size]).toEqual([false, true, 1]);
  });

  test('is none of PPP and Ethernet', () => {
    expect(() => attach(addSession('ethernet'))).toThrow('EOPNOTSUPP');
  });
});

describe('the program', () => {
  test('is told what it is the circuit of, and how the peer is', async () => {
    const session = addSession('frameRelay');
    attach(session);
    const program = newProgram();
    program.attach(pseudowireTypes.frameRelay);
    const body = [0, 1, maxFrameOctets >> 8, maxFrameOctets & 0xff];
    expect(await program.next()).toEqual({ type: message.attached, value: 1, body });
    circuits.peerCircuit(session, false);
    expect(await program.next()).toEqual({ type: message.status, value: 0, body: [] });
    circuits.peerCircuit(session, true);
    expect(await program.next()).toEqual({ type: message.status, value: 1, body: [] });
    session.peerActive = false;
    program.attach(pseudowireTypes.frameRelay);
    expect(await program.next()).toEqual({ type: message.attached, value: 0, body });
  });

  test('is the only one, until it leaves or dies', async () => {
    const { program } = await attached('hdlc');
    const other = newProgram('other');
    other.attach(pseudowireTypes.hdlc);
    expect(await other.next()).toEqual({ type: message.refused, value: 1, body: [] });
    program.send(message.detach);
    other.attach(pseudowireTypes.hdlc);
    expect(await other.next()).toMatchObject({ type: message.attached });
    other.close();
    programs.splice(programs.indexOf(other), 1);
    const third = newProgram('third');
    third.attach(pseudowireTypes.hdlc);
    expect(await third.next()).toMatchObject({ type: message.attached });
  });

  test('must speak our version, and of our pseudowire', async () => {
    attach(addSession('hdlc'));
    const program = newProgram();
    program.sendOctets(Uint8Array.of(2, message.attach, 0, 1, 0, pseudowireTypes.hdlc));
    expect(await program.next()).toEqual({ type: message.refused, value: 2, body: [] });
    program.attach(pseudowireTypes.frameRelay);
    expect(await program.next()).toEqual({ type: message.refused, value: 3, body: [] });
    await Promise.resolve();
    expect(statuses).toEqual([{ active: false, isNew: false }]);
  });

  test('that was there before we were is told to attach again', async () => {
    attach(addSession('hdlc'));
    const program = newProgram();
    program.send(message.data, 0, [1, 3]);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
    program.send(message.keepalive);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
    expect(path.dropped).toMatchObject({ circuitStranger: 2 });
  });

  test('is told when the session ends', async () => {
    const { session, program } = await attached('hdlc');
    circuits.detach(session);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
  });

  test('gets keepalives, which show that it has died', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const { program } = await attached('hdlc');
    await until('the active circuit', () => statuses.length === 2);
    vi.advanceTimersByTime(5_000);
    expect(program.receive()).toEqual({ type: message.keepalive, value: 0, body: [] });
    expect(statuses).toHaveLength(2);
    program.close();
    programs.length = 0;
    vi.advanceTimersByTime(5_000);
    await until('the dead circuit', () => statuses.length === 3);
    expect(statuses[2]).toEqual({ active: false, isNew: false });
  });
});

describe('the status', () => {
  test('is not active without a program, and then what the program says', async () => {
    attach(addSession('hdlc'));
    await until('a status', () => statuses.length === 1);
    expect(statuses).toEqual([{ active: false, isNew: false }]);
    const program = newProgram();
    program.attach(pseudowireTypes.hdlc, 0x0001);
    await until('a status', () => statuses.length === 2);
    expect(statuses[1]).toEqual({ active: true, isNew: false });
    program.send(message.status, 0x000c);
    await until('a status', () => statuses.length === 3);
    expect(statuses[2]).toEqual({ active: false, isNew: false, circuitRxFault: true, circuitTxFault: true });
    program.send(message.status, 0x0001);
    await until('a status', () => statuses.length === 4);
    program.send(message.detach);
    await until('a status', () => statuses.length === 5);
    expect(statuses[4]).toEqual({ active: false, isNew: false });
  });

  test('is told once, however often the program says it, and of a burst the last', async () => {
    const { program } = await attached('hdlc');
    await until('a status', () => statuses.length === 2);
    for (const status of [0x0001, 0x0003, 0xff81]) program.send(message.status, status);
    for (const status of [0x0004, 0x0001, 0x0040, 0x0008]) program.send(message.status, status);
    await until('the last status', () => statuses.at(-1)?.circuitTxFault);
    expect(statuses).toHaveLength(3);
  });

  test('is told of no session that has ended', async () => {
    const session = addSession('hdlc');
    attach(session);
    circuits.detach(session);
    await Promise.resolve();
    expect(statuses).toEqual([]);
  });
});

describe('frames', () => {
  test('of HDLC go as they are, both ways, and are counted', async () => {
    const { session, program } = await attached('hdlc');
    program.send(message.data, 0, [0x0f, 0x00, 0x08, 0x00, 1, 2, 3]);
    expect(await sent(1)).toEqual([[...header, 0x0f, 0x00, 0x08, 0x00, 1, 2, 3]]);
    receive(0xff, 0x03, 0xc0, 0x21);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [0xff, 0x03, 0xc0, 0x21] });
    expect(session).toMatchObject({ txPackets: 1, txOctets: 7, rxPackets: 1, rxOctets: 4, rxDropped: 0, txDropped: 0 });
  });

  test('of Frame Relay get our DLCI when they come, and nothing else changes', async () => {
    const { session, program } = await attached('frameRelay', { dlci: 100 });
    program.send(message.data, 0, [0x1a, 0x4f, 7]);
    program.send(message.data, 0, [0x1a, 0x5f, 7]);
    expect(await sent(1)).toEqual([[...header, 0x1a, 0x4f, 7]]);
    receive(0x06, 0x1b, 9);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [0x1a, 0x4b, 9] });
    expect(session).toMatchObject({ txPackets: 1, txDropped: 1, rxPackets: 1 });
    expect(path.dropped).toMatchObject({ otherDlci: 1 });
  });

  test('of AAL5 have their flags in the sublayer, and OAM cells their own', async () => {
    const { program } = await attached('atmAal5', { vpi: 0, vci: 32 }, 'atm');
    program.send(message.data, 0x0007, [0xaa, 0xaa, 3]);
    program.send(message.data, 0xfff0, [1]);
    // PTI 5: OAM, end to end; CLP.
    program.send(message.data, 0x0008, cell([0, 0, 0x02, 0x0b]));
    expect(await sent(3)).toEqual([
      [...header, 0x07, 0, 0, 0, 0xaa, 0xaa, 3],
      [...header, 0x00, 0, 0, 0, 1],
      [...header, 0x0a, 0, 0, 0, ...cell([0, 0, 0x02, 0x0b])],
    ]);
    receive(0xf5, 0, 0, 0, 1, 2, 3);
    expect(await program.next()).toEqual({ type: message.data, value: 0x05, body: [1, 2, 3] });
    receive(0x08, 0, 0, 0, ...cell([0x00, 0x50, 0x07, 0x0a]));
    expect(await program.next()).toEqual({ type: message.data, value: 0x08, body: cell([0, 0, 0x02, 0x0a]) });
  });

  test('of AAL5 without its sublayer have no flags, and no cells', async () => {
    const { program } = await attached('atmAal5', {}, 'default');
    program.send(message.data, 0x0008, cell([0, 0, 0x02, 0x0b]));
    program.send(message.data, 0x0007, [1]);
    expect(await sent(1)).toEqual([[...header, 0, 0, 0, 0, 1]]);
    receive(0x0f, 0, 0, 0, 1);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [1] });
    expect(path.dropped).toMatchObject({ noAtmSublayer: 1 });
  });

  test('as long as they may be, and not longer', async () => {
    const { session, program } = await attached('hdlc');
    const longest = new Array<number>(maxFrameOctets).fill(7);
    program.send(message.data, 0, [...longest, 7]);
    program.send(message.data, 0, longest);
    expect(await sent(1)).toEqual([[...header, ...longest]]);
    expect(session).toMatchObject({ txPackets: 1, txDropped: 1 });
    expect(path.dropped).toMatchObject({ circuitFrameTooLong: 1 });
  });

  test('are dropped while nobody is there, or the peer is not active', async () => {
    const { session, program } = await attached('hdlc');
    session.peerActive = false;
    program.send(message.data, 0, [1, 3]);
    await until('the drop', () => session.txDropped === 1);
    program.close();
    programs.length = 0;
    receive(1, 3);
    receive(1, 3);
    expect(session).toMatchObject({ rxPackets: 0, rxDropped: 2 });
    expect(path.dropped).toEqual({ peerNotActive: 1, noProgram: 2 });
    await until('the dead circuit', () => statuses.length === 3);
  });

  test('that a busy program does not take are dropped, and the next ones go', async () => {
    const { session, program } = await attached('hdlc');
    const frames = 5_000;
    for (let i = 0; i < frames; i++) receive(1, 3, i >> 8, i & 0xff);
    const { programBusy } = path.dropped;
    expect(programBusy).toBeGreaterThan(0);
    expect(session).toMatchObject({ rxPackets: frames - programBusy, rxDropped: programBusy });
    for (let i = 0; i < frames - programBusy; i++) expect(program.receive()?.body.at(-1)).toBe(i & 0xff);
    expect(program.receive()).toBeUndefined();
    receive(1, 3, 0xff);
    expect(program.receive()?.body).toEqual([1, 3, 0xff]);
  });
});

describe('cells', () => {
  const one = [0x00, 0x10, 0x02, 0x00];

  test('that wait together go together, as many as may, without those that only fill', async () => {
    const { session, program } = await attached('atmCellVcc', { maxCells: 3 });
    const cells = Array.from({ length: 8 }, (_, i) => cell(one, i));
    program.send(message.data, 0, cells.slice(0, 2).flat());
    program.send(message.data, 0, [...cell([0, 0, 0, 1]), ...cells[2]]);
    for (const each of cells.slice(3)) program.send(message.data, 0, each);
    const octets = await until('all cells', () => {
      const payloads = received.map((octets) => octets.slice(header.length));
      return payloads.flat().length === 8 * 52 && payloads;
    });
    expect(octets.flat()).toEqual(cells.flat());
    expect(octets).toEqual([cells.slice(0, 3).flat(), cells.slice(3, 6).flat(), cells.slice(6).flat()]);
    expect(session).toMatchObject({ txPackets: 3, txOctets: 8 * 52 });
  });

  test('go one by one where the peer wants it so', async () => {
    const { program } = await attached('atmCellPort');
    program.send(message.data, 0, [...cell(one, 1), ...cell(one, 2)]);
    expect(await sent(2)).toEqual([
      [...header, ...cell(one, 1)],
      [...header, ...cell(one, 2)],
    ]);
  });

  test('of other circuits do not go, nor what is no cell', async () => {
    const { session, program } = await attached('atmCellVcc', { vpi: 1, vci: 32 });
    program.send(message.data, 0, [...cell([0x00, 0x20, 0x02, 0x00]), ...cell(one), ...cell([0x00, 0x10, 0x03, 0x00])]);
    program.send(message.data, 0, cell(one).slice(1));
    program.send(message.data, 0, []);
    expect(await sent(1)).toEqual([[...header, ...cell(one)]]);
    await until('the drops', () => session.txDropped === 4);
    expect(path.dropped).toEqual({ otherVpi: 1, otherVci: 1, noWholeCells: 2 });
  });

  test('that come get what is ours, as many as there are in a message', async () => {
    const { program } = await attached('atmCellVcc', { vpi: 1, vci: 32 });
    receive(...cell([0xff, 0xff, 0xff, 0xf5], 1), ...cell([0, 0, 0, 0x10], 2));
    const body = [...cell([0x00, 0x10, 0x02, 0x05], 1), ...cell(one, 2)];
    expect(await program.next()).toEqual({ type: message.data, value: 0, body });
    receive(1, 2, 3);
    expect(path.dropped).toEqual({ noWholeCells: 1 });
  });

  test('more of them than any message holds are split, and none is lost', async () => {
    const { session, program } = await attached('atmCellPort', { maxCells: 10_000 });
    const many = Array.from({ length: 315 }, (_, i) => cell(one, i & 0xff)).flat();
    for (let i = 0; i < 20; i++) {
      await until('room', () => program.send(message.data, 0, many) === undefined);
    }
    await until('all cells', () => session.txOctets === 20 * 315 * 52);
    await until(
      'all cells at the peer',
      () => received.reduce((sum, octets) => sum + octets.length - 8, 0) === 20 * 315 * 52,
    );
    expect(received.flatMap((octets) => octets.slice(8))).toEqual(Array(20).fill(many).flat());
  });

  test('follow what is declared anew', async () => {
    const { session, program } = await attached('atmCellVcc', { vpi: 1, vci: 32 });
    attach(session, { vpi: 2, vci: 33, maxCells: 2 });
    expect(circuits.size).toBe(1);
    receive(...cell(one));
    expect((await program.next()).body.slice(0, 4)).toEqual([0x00, 0x20, 0x02, 0x10]);
  });
});

describe('garbage', () => {
  test('from somebody without an address gets nowhere', async () => {
    attach(addSession('hdlc'));
    const nobody = new Program(socketPath);
    programs.push(nobody);
    nobody.attach(pseudowireTypes.hdlc);
    nobody.send(message.data, 0, [1, 3]);
    await until('both', () => path.dropped.circuitStranger === 1);
    expect(path.dropped).toEqual({ circuitMalformed: 1, circuitStranger: 1 });
    expect(statuses).toEqual([{ active: false, isNew: false }]);
  });

  test('is counted and does no harm', async () => {
    const { session, program } = await attached('frameRelay', { dlci: 100 });
    const nobody = new Program(socketPath);
    programs.push(nobody);
    const anything = fc.tuple(fc.nat(3), fc.nat(9), fc.uint8Array({ maxLength: 20 })).map(([version, type, rest]) =>
      // A detach would end what is under test.
      Uint8Array.of(version, type === message.detach ? 0 : type, ...rest),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 12 }), anything), fc.boolean(), async (octets, known) => {
        if (octets[0] === 1 && octets[1] === message.detach) return;
        const sender = known ? program : nobody;
        while (sender.sendOctets(octets) !== undefined) await new Promise((resolve) => setImmediate(resolve));
      }),
      { numRuns: 1_000 },
    );
    program.attach(pseudowireTypes.frameRelay);
    await until('the answer', () => {
      for (let got = program.receive(); got !== undefined; got = program.receive()) {
        if (got.type === message.attached) return true;
      }
      return false;
    });
    received.length = 0;
    program.send(message.data, 0, [0x18, 0x41, 1, 2, 3]);
    await until('the frame', () =>
      received.some((octets) => octets.join() === [...header, 0x18, 0x41, 1, 2, 3].join()),
    );
    expect(path.dropped.circuitMalformed).toBeGreaterThan(0);
    expect(session.circuit).toBeDefined();
  });
});
