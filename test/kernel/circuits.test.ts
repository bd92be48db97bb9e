import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import { maxFrameOctets } from '../../src/kernel/circuit-protocol.ts';
import '../netns/patience.ts';
import { until } from '../netns/until.ts';
import { CircuitLab } from './circuit-lab.ts';
import { message, Program } from './circuit-program.ts';

let lab: CircuitLab;

beforeEach(async () => {
  lab = await CircuitLab.open();
});

afterEach(() => {
  vi.useRealTimers();
  lab.close();
});

const header = [0, 3, 0, 0, 0x55, 0x66, 0x77, 0x88];

describe('the socket', () => {
  test('is made with its directory, for owner and group, and goes with the session', () => {
    lab.socketPath = join(lab.directory, 'new', 'deeper', 'circuit');
    const session = lab.addSession('hdlc');
    lab.attach(session);
    expect(statSync(lab.socketPath).isSocket()).toBe(true);
    expect(statSync(lab.socketPath).mode & 0o777).toBe(0o660);
    expect(lab.circuits.size).toBe(1);
    lab.circuits.detach(session);
    expect(existsSync(lab.socketPath)).toBe(false);
    expect(session.circuit).toBeUndefined();
    expect(lab.circuits.size).toBe(0);
    lab.circuits.detach(session);
  });

  test('takes the place of a dead one, not of a living one', () => {
    const dead = new Program(lab.socketPath, lab.socketPath);
    expect(() => lab.attach(lab.addSession('hdlc'))).toThrow('EADDRINUSE');
    dead.close();
    expect(existsSync(lab.socketPath)).toBe(true);
    lab.attach(lab.addSession('hdlc'));
    const other = lab.addSession('hdlc', 'none', 9);
    expect(() => lab.attach(other)).toThrow(`socket ${lab.socketPath}: EADDRINUSE`);
    expect(other.circuit).toBeUndefined();
    expect(lab.circuits.size).toBe(1);
  });

  test('takes the place of nothing else', () => {
    writeFileSync(lab.socketPath, 'precious');
    expect(() => lab.attach(lab.addSession('hdlc'))).toThrow('EEXIST');
    rmSync(lab.socketPath);
    symlinkSync('/dev/null', lab.socketPath);
    expect(() => lab.attach(lab.addSession('hdlc'))).toThrow('EEXIST');
    rmSync(lab.socketPath);
    mkdirSync(join(lab.socketPath, 'x'.repeat(90)), { recursive: true });
    lab.socketPath = join(lab.socketPath, 'x'.repeat(90), 'circuit');
    expect(() => lab.attach(lab.addSession('hdlc'))).toThrow('ENAMETOOLONG');
    lab.socketPath = join('/proc/self', 'circuit');
    expect(() => lab.attach(lab.addSession('hdlc'))).toThrow(/E(ACCES|NOENT|PERM|ROFS)/);
    expect(lab.circuits.size).toBe(0);
  });

  test('that somebody has put in place of ours stays', () => {
    const session = lab.addSession('hdlc');
    lab.attach(session);
    rmSync(lab.socketPath);
    lab.program('circuit');
    lab.circuits.detach(session);
    expect(existsSync(lab.socketPath)).toBe(true);
  });

  test('moves with the declared path', async () => {
    const { session, program } = await lab.attached('hdlc');
    const before = lab.socketPath;
    lab.socketPath = join(lab.directory, 'elsewhere');
    lab.attach(session);
    expect(await program.next()).toMatchObject({ type: message.detach });
    expect([existsSync(before), existsSync(lab.socketPath), lab.circuits.size]).toEqual([false, true, 1]);
  });

  test('is none of PPP and Ethernet', () => {
    expect(() => lab.attach(lab.addSession('ethernet'))).toThrow('EOPNOTSUPP');
  });
});

describe('the program', () => {
  test('is told what it is the circuit of, and how the peer is', async () => {
    const session = lab.addSession('frameRelay');
    lab.attach(session);
    const program = lab.program('program');
    program.attach(pseudowireTypes.frameRelay);
    const body = [0, 1, maxFrameOctets >> 8, maxFrameOctets & 0xff];
    expect(await program.next()).toEqual({ type: message.attached, value: 1, body });
    lab.circuits.peerCircuit(session, false);
    expect(await program.next()).toEqual({ type: message.status, value: 0, body: [] });
    lab.circuits.peerCircuit(session, true);
    expect(await program.next()).toEqual({ type: message.status, value: 1, body: [] });
    session.peerActive = false;
    program.attach(pseudowireTypes.frameRelay);
    expect(await program.next()).toEqual({ type: message.attached, value: 0, body });
  });

  test('is the only one, until it leaves or dies', async () => {
    const { program } = await lab.attached('hdlc');
    const other = lab.program('other');
    other.attach(pseudowireTypes.hdlc);
    expect(await other.next()).toEqual({ type: message.refused, value: 1, body: [] });
    program.send(message.detach);
    other.attach(pseudowireTypes.hdlc);
    expect(await other.next()).toMatchObject({ type: message.attached });
    lab.kill(other);
    const third = lab.program('third');
    third.attach(pseudowireTypes.hdlc);
    expect(await third.next()).toMatchObject({ type: message.attached });
  });

  test('must speak our version, and of our pseudowire', async () => {
    lab.attach(lab.addSession('hdlc'));
    const program = lab.program('program');
    program.sendOctets(Uint8Array.of(2, message.attach, 0, 1, 0, pseudowireTypes.hdlc));
    expect(await program.next()).toEqual({ type: message.refused, value: 2, body: [] });
    program.attach(pseudowireTypes.frameRelay);
    expect(await program.next()).toEqual({ type: message.refused, value: 3, body: [] });
    await Promise.resolve();
    expect(lab.statuses).toEqual([{ active: false, isNew: false }]);
  });

  test('that was there before we were is told to attach again', async () => {
    lab.attach(lab.addSession('hdlc'));
    const program = lab.program('program');
    program.send(message.data, 0, [1, 3]);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
    program.send(message.keepalive);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
    expect(lab.path.dropped).toMatchObject({ circuitStranger: 2 });
  });

  test('that cannot be answered is none', async () => {
    lab.attach(lab.addSession('hdlc'));
    const program = lab.program('program');
    rmSync(join(lab.directory, 'program'));
    program.attach(pseudowireTypes.hdlc);
    await until('the attempt', () => lab.path.dropped['circuit ENOENT'] === 1);
    await Promise.resolve();
    expect(lab.statuses).toEqual([{ active: false, isNew: false }]);
  });

  test('is told when the session ends', async () => {
    const { session, program } = await lab.attached('hdlc');
    lab.circuits.detach(session);
    expect(await program.next()).toEqual({ type: message.detach, value: 0, body: [] });
  });

  test('gets keepalives, which show that it has died', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const { program } = await lab.attached('hdlc');
    await until('the active circuit', () => lab.statuses.length === 2);
    vi.advanceTimersByTime(5_000);
    expect(program.receive()).toEqual({ type: message.keepalive, value: 0, body: [] });
    expect(lab.statuses).toHaveLength(2);
    lab.kill(program);
    vi.advanceTimersByTime(5_000);
    await until('the dead circuit', () => lab.statuses.length === 3);
    expect(lab.statuses[2]).toEqual({ active: false, isNew: false });
  });
});

describe('the status', () => {
  test('is not active without a program, and then what the program says', async () => {
    lab.attach(lab.addSession('hdlc'));
    await until('a status', () => lab.statuses.length === 1);
    expect(lab.statuses).toEqual([{ active: false, isNew: false }]);
    const program = lab.program('program');
    program.attach(pseudowireTypes.hdlc, 0x0001);
    await until('a status', () => lab.statuses.length === 2);
    expect(lab.statuses[1]).toEqual({ active: true, isNew: false });
    program.send(message.status, 0x000c);
    await until('a status', () => lab.statuses.length === 3);
    expect(lab.statuses[2]).toEqual({ active: false, isNew: false, circuitRxFault: true, circuitTxFault: true });
    program.send(message.status, 0x0001);
    await until('a status', () => lab.statuses.length === 4);
    program.send(message.detach);
    await until('a status', () => lab.statuses.length === 5);
    expect(lab.statuses[4]).toEqual({ active: false, isNew: false });
  });

  test('is told once, however often the program says it, and of a burst the last', async () => {
    const { program } = await lab.attached('hdlc');
    await until('a status', () => lab.statuses.length === 2);
    for (const status of [0x0001, 0x0003, 0xff81]) program.send(message.status, status);
    for (const status of [0x0004, 0x0001, 0x0040, 0x0008]) program.send(message.status, status);
    await until('the last status', () => lab.statuses.at(-1)?.circuitTxFault);
    expect(lab.statuses).toHaveLength(3);
  });

  test('is told of no session that has ended', async () => {
    const session = lab.addSession('hdlc');
    lab.attach(session);
    lab.circuits.detach(session);
    await Promise.resolve();
    expect(lab.statuses).toEqual([]);
  });
});

describe('garbage', () => {
  test('from somebody without an address gets nowhere', async () => {
    lab.attach(lab.addSession('hdlc'));
    const nobody = lab.program();
    nobody.attach(pseudowireTypes.hdlc);
    nobody.send(message.data, 0, [1, 3]);
    await until('both', () => lab.path.dropped.circuitStranger === 1);
    expect(lab.path.dropped).toEqual({ circuitMalformed: 1, circuitStranger: 1 });
    expect(lab.statuses).toEqual([{ active: false, isNew: false }]);
  });

  test('is counted and does no harm', async () => {
    const { session, program } = await lab.attached('frameRelay', { dlci: 100 });
    const nobody = lab.program();
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
    lab.received.length = 0;
    program.send(message.data, 0, [0x18, 0x41, 1, 2, 3]);
    await until('the frame', () =>
      lab.received.some((octets) => octets.join() === [...header, 0x18, 0x41, 1, 2, 3].join()),
    );
    expect(lab.path.dropped.circuitMalformed).toBeGreaterThan(0);
    expect(session.circuit).toBeDefined();
  });
});
