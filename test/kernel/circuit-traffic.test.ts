import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pseudowireTypes } from '../../src/engine/wire/pseudowire.ts';
import { maxWaitingMessages } from '../../src/kernel/backlog.ts';
import { maxFrameOctets } from '../../src/kernel/circuit-protocol.ts';
import '../netns/patience.ts';
import { until } from '../netns/until.ts';
import { CircuitLab, cell } from './circuit-lab.ts';
import { message, type Program } from './circuit-program.ts';

let lab: CircuitLab;

beforeEach(async () => {
  lab = await CircuitLab.open();
});

afterEach(() => lab.close());

const header = [0, 3, 0, 0, 0x55, 0x66, 0x77, 0x88];

describe('frames', () => {
  test('of HDLC go as they are, both ways, and are counted', async () => {
    const { session, program } = await lab.attached('hdlc');
    program.send(message.data, 0, [0x0f, 0x00, 0x08, 0x00, 1, 2, 3]);
    expect(await lab.sent(1)).toEqual([[...header, 0x0f, 0x00, 0x08, 0x00, 1, 2, 3]]);
    lab.receive(0xff, 0x03, 0xc0, 0x21);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [0xff, 0x03, 0xc0, 0x21] });
    expect(session).toMatchObject({ txPackets: 1, txOctets: 7, rxPackets: 1, rxOctets: 4, rxDropped: 0, txDropped: 0 });
  });

  test('of Frame Relay get our DLCI when they come, and nothing else changes', async () => {
    const { session, program } = await lab.attached('frameRelay', { dlci: 100 });
    program.send(message.data, 0, [0x1a, 0x4f, 7]);
    program.send(message.data, 0, [0x1a, 0x5f, 7]);
    expect(await lab.sent(1)).toEqual([[...header, 0x1a, 0x4f, 7]]);
    lab.receive(0x06, 0x1b, 9);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [0x1a, 0x4b, 9] });
    expect(session).toMatchObject({ txPackets: 1, txDropped: 1, rxPackets: 1 });
    expect(lab.path.dropped).toMatchObject({ otherDlci: 1 });
  });

  test('of AAL5 have their flags in the sublayer, and OAM cells their own', async () => {
    const { program } = await lab.attached('atmAal5', { vpi: 0, vci: 32 }, 'atm');
    program.send(message.data, 0x0007, [0xaa, 0xaa, 3]);
    program.send(message.data, 0xfff0, [1]);
    // PTI 5: OAM, end to end; CLP.
    program.send(message.data, 0x0008, cell([0, 0, 0x02, 0x0b]));
    expect(await lab.sent(3)).toEqual([
      [...header, 0x07, 0, 0, 0, 0xaa, 0xaa, 3],
      [...header, 0x00, 0, 0, 0, 1],
      [...header, 0x0a, 0, 0, 0, ...cell([0, 0, 0x02, 0x0b])],
    ]);
    lab.receive(0xf5, 0, 0, 0, 1, 2, 3);
    expect(await program.next()).toEqual({ type: message.data, value: 0x05, body: [1, 2, 3] });
    lab.receive(0x08, 0, 0, 0, ...cell([0x00, 0x50, 0x07, 0x0a]));
    expect(await program.next()).toEqual({ type: message.data, value: 0x08, body: cell([0, 0, 0x02, 0x0a]) });
  });

  test('of AAL5 without its sublayer have no flags, and no cells', async () => {
    const { program } = await lab.attached('atmAal5', {}, 'default');
    program.send(message.data, 0x0008, cell([0, 0, 0x02, 0x0b]));
    program.send(message.data, 0x0007, [1]);
    expect(await lab.sent(1)).toEqual([[...header, 0, 0, 0, 0, 1]]);
    lab.receive(0x0f, 0, 0, 0, 1);
    expect(await program.next()).toEqual({ type: message.data, value: 0, body: [1] });
    expect(lab.path.dropped).toMatchObject({ noAtmSublayer: 1 });
  });

  test('as long as they may be, and not longer', async () => {
    const { session, program } = await lab.attached('hdlc');
    const longest = new Array<number>(maxFrameOctets).fill(7);
    program.send(message.data, 0, [...longest, 7]);
    program.send(message.data, 0, longest);
    expect(await lab.sent(1)).toEqual([[...header, ...longest]]);
    expect(session).toMatchObject({ txPackets: 1, txDropped: 1 });
    expect(lab.path.dropped).toMatchObject({ circuitFrameTooLong: 1 });
  });

  test('are dropped while nobody is there, or the peer is not active', async () => {
    const { session, program } = await lab.attached('hdlc');
    session.peerActive = false;
    program.send(message.data, 0, [1, 3]);
    await until('the drop', () => session.txDropped === 1);
    lab.kill(program);
    lab.receive(1, 3);
    lab.receive(1, 3);
    expect(session).toMatchObject({ rxPackets: 0, rxDropped: 2 });
    expect(lab.path.dropped).toEqual({ peerNotActive: 1, noProgram: 2 });
    await until('the dead circuit', () => lab.statuses.length === 3);
  });

  test('are dropped both ways while the circuit is in standby', async () => {
    const { session, program } = await lab.attached('hdlc');
    program.send(message.status, 0x0041);
    program.send(message.data, 0, [1, 3]);
    await until('the drop', () => session.txDropped === 1);
    lab.receive(1, 3);
    expect(lab.path.dropped).toEqual({ standby: 2 });
    program.send(message.status, 0x0001);
    program.send(message.data, 0, [1, 3]);
    expect(await lab.sent(1)).toEqual([[...header, 1, 3]]);
  });

  /** Frames that a program has got, by their last two octets. */
  async function numbers(program: Program, count: number): Promise<number[]> {
    const got: number[] = [];
    while (got.length < count) {
      const { type, body } = await program.next();
      expect(type).toBe(message.data);
      got.push(body[2] * 256 + body[3]);
    }
    return got;
  }

  function receiveNumbered(from: number, to: number): void {
    for (let i = from; i < to; i++) lab.receive(1, 3, i >> 8, i & 0xff);
  }

  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

  test('wait for a busy program, in order, and so does what it is told', async () => {
    const { session, program } = await lab.attached('hdlc');
    receiveNumbered(0, 200);
    lab.circuits.peerCircuit(session, false);
    expect(await numbers(program, 200)).toEqual(upTo(200));
    expect(await program.next()).toMatchObject({ type: message.status, value: 0 });
    expect(session).toMatchObject({ rxPackets: 200, rxDropped: 0 });
    expect(lab.circuits.waiting).toBe(0);
  });

  test('are dropped when too many wait, and the next ones go', async () => {
    const { session, program } = await lab.attached('hdlc');
    receiveNumbered(0, 5_000);
    expect(lab.circuits.waiting).toBe(maxWaitingMessages);
    const { programBusy } = lab.path.dropped;
    expect(session).toMatchObject({ rxPackets: 5_000 - programBusy, rxDropped: programBusy });
    expect(await numbers(program, 5_000 - programBusy)).toEqual(upTo(5_000 - programBusy));
    receiveNumbered(7, 8);
    expect(await numbers(program, 1)).toEqual([7]);
    expect(lab.circuits.waiting).toBe(0);
  });

  test('in the way of what a program is to be told let it be told later', async () => {
    const { session, program } = await lab.attached('hdlc');
    receiveNumbered(0, 1_000);
    session.peerActive = false;
    lab.circuits.peerCircuit(session, false);
    await numbers(program, 1_000 - lab.path.dropped.programBusy);
    expect(await program.next()).toMatchObject({ type: message.status, value: 0 });
    expect(lab.circuits.waiting).toBe(0);
  });

  test('that wait are lost with their program, and with the session', async () => {
    const { session, program } = await lab.attached('hdlc');
    receiveNumbered(0, 200);
    const { waiting } = lab.circuits;
    expect(waiting).toBeGreaterThan(0);
    lab.kill(program);
    await until('the dead circuit', () => lab.statuses.length === 3);
    expect(lab.circuits.waiting).toBe(0);
    expect(session).toMatchObject({ rxPackets: 200 - waiting, rxOctets: 4 * (200 - waiting), rxDropped: waiting });
    expect(lab.path.dropped).toEqual({ noProgram: waiting });
    const again = lab.program('again');
    again.attach(pseudowireTypes.hdlc);
    await again.next();
    receiveNumbered(0, 200);
    lab.circuits.detach(session);
    expect(lab.circuits.waiting).toBe(0);
    expect(session.rxPackets + session.rxDropped).toBe(400);
  });

  test('come in order, however a program reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ frames: fc.nat(40), reads: fc.nat(40) }), { maxLength: 6 }),
        async (turns) => {
          const fresh = await CircuitLab.open();
          try {
            const { program } = await fresh.attached('hdlc');
            const got: number[] = [];
            let sent = 0;
            for (const { frames, reads } of turns) {
              for (let i = 0; i < frames; i++) fresh.receive(1, 3, sent >> 8, sent++ & 0xff);
              for (let i = 0; i < reads; i++) {
                const received = program.receive();
                if (received?.type === message.data) got.push(received.body[2] * 256 + received.body[3]);
              }
              await new Promise((resolve) => setImmediate(resolve));
            }
            got.push(...(await numbers(program, sent - got.length)));
            expect(got).toEqual(upTo(sent));
          } finally {
            fresh.close();
          }
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('cells', () => {
  const one = [0x00, 0x10, 0x02, 0x00];

  test('that wait together go together, as many as may, without those that only fill', async () => {
    const { session, program } = await lab.attached('atmCellVcc', { maxCells: 3 });
    const cells = Array.from({ length: 8 }, (_, i) => cell(one, i));
    program.send(message.data, 0, cells.slice(0, 2).flat());
    program.send(message.data, 0, [...cell([0, 0, 0, 1]), ...cells[2]]);
    for (const each of cells.slice(3)) program.send(message.data, 0, each);
    const octets = await until('all cells', () => {
      const payloads = lab.received.map((octets) => octets.slice(header.length));
      return payloads.flat().length === 8 * 52 && payloads;
    });
    expect(octets.flat()).toEqual(cells.flat());
    expect(octets).toEqual([cells.slice(0, 3).flat(), cells.slice(3, 6).flat(), cells.slice(6).flat()]);
    expect(session).toMatchObject({ txPackets: 3, txOctets: 8 * 52 });
  });

  test('go one by one where the peer wants it so', async () => {
    const { program } = await lab.attached('atmCellPort');
    program.send(message.data, 0, [...cell(one, 1), ...cell(one, 2)]);
    expect(await lab.sent(2)).toEqual([
      [...header, ...cell(one, 1)],
      [...header, ...cell(one, 2)],
    ]);
  });

  test('of other circuits do not go, nor what is no cell', async () => {
    const { session, program } = await lab.attached('atmCellVcc', { vpi: 1, vci: 32 });
    program.send(message.data, 0, [...cell([0x00, 0x20, 0x02, 0x00]), ...cell(one), ...cell([0x00, 0x10, 0x03, 0x00])]);
    program.send(message.data, 0, cell(one).slice(1));
    program.send(message.data, 0, []);
    expect(await lab.sent(1)).toEqual([[...header, ...cell(one)]]);
    await until('the drops', () => session.txDropped === 4);
    expect(lab.path.dropped).toEqual({ otherVpi: 1, otherVci: 1, noWholeCells: 2 });
  });

  test('that come get what is ours, as many as there are in a message', async () => {
    const { program } = await lab.attached('atmCellVcc', { vpi: 1, vci: 32 });
    lab.receive(...cell([0xff, 0xff, 0xff, 0xf5], 1), ...cell([0, 0, 0, 0x10], 2));
    const body = [...cell([0x00, 0x10, 0x02, 0x05], 1), ...cell(one, 2)];
    expect(await program.next()).toEqual({ type: message.data, value: 0, body });
    lab.receive(1, 2, 3);
    expect(lab.path.dropped).toEqual({ noWholeCells: 1 });
  });

  test('more of them than any message holds are split, and none is lost', async () => {
    const { session, program } = await lab.attached('atmCellPort', { maxCells: 10_000 });
    const many = Array.from({ length: 315 }, (_, i) => cell(one, i & 0xff)).flat();
    for (let i = 0; i < 20; i++) {
      await until('room', () => program.send(message.data, 0, many) === undefined);
    }
    await until('all cells', () => session.txOctets === 20 * 315 * 52);
    await until(
      'all cells at the peer',
      () => lab.received.reduce((sum, octets) => sum + octets.length - 8, 0) === 20 * 315 * 52,
    );
    expect(lab.received.flatMap((octets) => octets.slice(8))).toEqual(Array(20).fill(many).flat());
  });

  test('follow what is declared anew', async () => {
    const { session, program } = await lab.attached('atmCellVcc', { vpi: 1, vci: 32 });
    lab.attach(session, { vpi: 2, vci: 33, maxCells: 2 });
    expect(lab.circuits.size).toBe(1);
    lab.receive(...cell(one));
    expect((await program.next()).body.slice(0, 4)).toEqual([0x00, 0x20, 0x02, 0x10]);
  });
});
