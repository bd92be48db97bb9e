/** Tunnel switching: what comes for one session leaves through the other, over real sockets. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type PlaneFact, type PlaneOp, type SocketId, sessionKeyV2 } from '../../src/engine/ports.ts';
import { type DataSequencing, maxTimerMs } from '../../src/engine/spec.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { UserspacePlane } from '../../src/kernel/userspace-plane.ts';
import { until } from './lab.ts';
import { clientSide } from './sessions.ts';

/** A peer of ours: its tunnel and session ids here, and there, are the same. */
interface Peer {
  udp: Socket;
  id: number;
  key: number;
  got: Buffer[];
}

let transport: SocketTransport;
let plane: UserspacePlane;
let socket: SocketId;
let lac: Peer;
let lns: Peer;
let frames: { session: number; bytes: number[] }[];

beforeEach(async () => {
  transport = new SocketTransport();
  frames = [];
  plane = new UserspacePlane(transport, {
    frame: (session, bytes, start, end) => frames.push({ session, bytes: [...bytes.subarray(start, end)] }),
    framesDropped: () => undefined,
    circuit: () => undefined,
    pppoeServed: () => undefined,
    discovery: () => undefined,
    drift: () => undefined,
  });
  transport.onDatagram((datagram) => plane.deliver(datagram));
  socket = transport.open({ address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false });
  lac = await peer(0x101);
  lns = await peer(0x202);
});

afterEach(async () => {
  await plane.close();
  transport.close(socket);
  lac.udp.close();
  lns.udp.close();
});

async function peer(id: number): Promise<Peer> {
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const made: Peer = { udp, id, key: sessionKeyV2(id, id), got: [] };
  udp.on('message', (message) => made.got.push(message));
  const remote = { address: '127.0.0.1', port: udp.address().port };
  const ids = { localTunnelId: id, remoteTunnelId: id, version: 2, encapsulation: 'udp' } as const;
  apply({ op: 'tunnelUp', ...ids, socket, remote, from: undefined });
  sessionUp(made);
  return made;
}

function sessionUp({ id, key }: Peer, more: { sequencing?: DataSequencing; reorderTimeoutMs?: number } = {}): void {
  apply({
    op: 'sessionUp',
    session: key,
    localTunnelId: id,
    remoteSessionId: id,
    pseudowire: 'ppp',
    sequencing: 'none',
    reorderTimeoutMs: 0,
    dscp: 0,
    ...more,
  });
}

function apply(op: PlaneOp): PlaneFact {
  const facts: PlaneFact[] = [];
  plane.apply(op, (fact) => facts.push(fact));
  expect(facts).toHaveLength(1);
  return facts[0];
}

const splice = (): PlaneFact => apply({ op: 'splice', session: lac.key, with: lns.key });

/** What a peer may put into a data message's header. */
interface Form {
  length: boolean;
  offset: number | undefined;
  ns: number | undefined;
}

function message({ id }: Peer, { length, offset, ns }: Form, frame: Uint8Array): Buffer {
  const flags = (length ? 0x4000 : 0) | (ns === undefined ? 0 : 0x0800) | (offset === undefined ? 0 : 0x0200) | 2;
  const ids = [id >> 8, id & 255];
  const sequence = ns === undefined ? [] : [ns >> 8, ns & 255, 0, 0];
  const pad = offset === undefined ? [] : [offset >> 8, offset & 255, ...new Array(offset).fill(0xee)];
  const octets = 2 + (length ? 2 : 0) + 4 + sequence.length + pad.length + frame.length;
  const size = length ? [octets >> 8, octets & 255] : [];
  return Buffer.from([flags >> 8, flags & 255, ...size, ...ids, ...ids, ...sequence, ...pad, ...frame]);
}

const plain: Form = { length: false, offset: undefined, ns: undefined };

function send(from: Peer, ...datagrams: Uint8Array[]): void {
  for (const datagram of datagrams) from.udp.send(datagram, transport.local(socket).port, '127.0.0.1');
}

async function got(by: Peer, count: number): Promise<Buffer[]> {
  return until(
    async () => by.got,
    (all) => all.length >= count,
  );
}

const lcpEcho = Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4);
const ip = Uint8Array.of(0x21, 0x45, 0, 0, 20);

test('control protocols and user packets go through both ways as they came, and the engine sees none', async () => {
  expect(splice()).toEqual({ fact: 'done' });
  send(lac, message(lac, plain, lcpEcho), message(lac, plain, ip));
  send(lns, message(lns, plain, ip));
  expect(await got(lns, 2)).toEqual([message(lns, plain, lcpEcho), message(lns, plain, ip)]);
  expect(await got(lac, 1)).toEqual([message(lac, plain, ip)]);
  expect(frames).toEqual([]);
  const up = { packets: 2, octets: lcpEcho.length + ip.length };
  const down = { packets: 1, octets: ip.length };
  const counted = (rx: typeof up, tx: typeof up): object => ({
    rxPackets: rx.packets,
    rxOctets: rx.octets,
    txPackets: tx.packets,
    txOctets: tx.octets,
    rxDropped: 0,
    txDropped: 0,
    rxOutOfOrder: 0,
    rxReordered: 0,
    rxLost: 0,
  });
  expect(plane.counters(lac.key)).toEqual(counted(up, down));
  expect(plane.counters(lns.key)).toEqual(counted(down, up));
});

test('any form of header comes in, one form goes out, with sequence numbers of the way out', async () => {
  splice();
  const form = fc.record({
    length: fc.boolean(),
    offset: fc.option(fc.nat(20), { nil: undefined }),
    sequenced: fc.boolean(),
  });
  const start = fc.constantFrom([], [0x21], [0x57], [0, 0x57], [0xff, 0x03, 0, 0x21], [0xff, 0x03, 0, 0xfd]);
  const rest = fc.uint8Array({ minLength: 4, maxLength: 1600 });
  const frame = fc.tuple(start, rest).map(([before, after]) => Uint8Array.of(...before, ...after));
  const isIp = (bytes: Uint8Array): boolean => /^(ff03)?(00)?(21|57)/.test(Buffer.from(bytes).toString('hex'));
  // The forms and the way out change from message to message: none may overtake another, or harm another's octets.
  const burst = fc.array(fc.tuple(form, frame), { minLength: 1, maxLength: 40 });
  let ns = 0;
  let nsOut = 0;
  await fc.assert(
    fc.asyncProperty(burst, fc.constantFrom<DataSequencing>('none', 'nonIp', 'all'), async (messages, sequencing) => {
      lns.got.length = 0;
      apply({ op: 'sessionModify', session: lns.key, sequencing, reorderTimeoutMs: 0, dscp: 0 });
      send(
        lac,
        ...messages.map(([{ length, offset, sequenced }, bytes]) => {
          const numbered = sequenced ? ns++ & 0xffff : undefined;
          return message(lac, { length, offset, ns: numbered }, bytes);
        }),
      );
      const expected = messages.map(([, bytes]) => {
        const isNumbered = sequencing === 'all' || (sequencing === 'nonIp' && !isIp(bytes));
        return message(lns, { ...plain, ns: isNumbered ? nsOut++ & 0xffff : undefined }, bytes);
      });
      expect(await got(lns, messages.length)).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test('what came out of order leaves in order', async () => {
  sessionUp(lac, { reorderTimeoutMs: 60_000 });
  splice();
  const frame = (ns: number): Uint8Array => Uint8Array.of(0xff, 0x03, 0x00, 0x21, ns);
  send(lac, ...[0, 3, 1, 4, 2, 5].map((ns) => message(lac, { ...plain, ns }, frame(ns))));
  expect(await got(lns, 6)).toEqual([0, 1, 2, 3, 4, 5].map((ns) => message(lns, plain, frame(ns))));
  expect(plane.counters(lac.key)).toMatchObject({ rxPackets: 6, rxReordered: 2, rxLost: 0, rxOutOfOrder: 0 });
});

test('a gap that is not filled is given up after its time, in or out of a splice', async () => {
  sessionUp(lac, { reorderTimeoutMs: 20 });
  const numbered = (ns: number): Buffer => message(lac, { ...plain, ns }, lcpEcho);
  send(lac, numbered(1), numbered(2));
  await until(
    async () => frames,
    (all) => all.length === 2,
  );
  expect(plane.counters(lac.key)).toMatchObject({ rxLost: 1, rxReordered: 0 });
  splice();
  send(lac, numbered(5));
  expect(await got(lns, 1)).toEqual([message(lns, plain, lcpEcho)]);
  expect(plane.counters(lac.key)).toMatchObject({ rxPackets: 1, rxLost: 3 });
  expect(plane.tables()).toMatchObject({ reorderingSessions: 0, reorderingOctets: 0 });
});

test('messages without numbers end the waiting of those with', async () => {
  sessionUp(lac, { reorderTimeoutMs: 60_000 });
  send(lac, message(lac, { ...plain, ns: 3 }, lcpEcho), message(lac, plain, Uint8Array.of(0xc0, 0x21, 1)));
  await until(
    async () => frames,
    (all) => all.length === 2,
  );
  expect(frames.map(({ bytes }) => bytes[0])).toEqual([0xff, 0xc0]);
  expect(plane.counters(lac.key)).toMatchObject({ rxLost: 3 });
});

test('what may wait longer than any timer takes no timer that ends at once', async () => {
  sessionUp(lac, { reorderTimeoutMs: 1_000 * maxTimerMs });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  send(lac, message(lac, { ...plain, ns: 1 }, lcpEcho));
  await until(
    async () => plane.tables(),
    (tables) => tables.reorderingSessions === 1,
  );
  const delays = timers.mock.calls.map(([, delayMs]) => delayMs);
  timers.mockRestore();
  expect(delays).toContain(maxTimerMs);
});

test('no time to wait any more lets go what waits', async () => {
  sessionUp(lac, { reorderTimeoutMs: 60_000 });
  send(lac, message(lac, { ...plain, ns: 1 }, lcpEcho));
  await until(
    async () => plane.tables(),
    (tables) => tables.reorderingSessions === 1,
  );
  apply({ op: 'sessionModify', session: lac.key, sequencing: 'none', reorderTimeoutMs: 0, dscp: 0 });
  expect(frames).toHaveLength(1);
  expect(plane.tables()).toMatchObject({ reorderingSessions: 0, reorderingOctets: 0 });
});

test('when one session ends, the other has its frames again for itself', async () => {
  splice();
  apply({ op: 'sessionDown', session: lns.key });
  send(lac, message(lac, plain, ip), message(lac, plain, lcpEcho));
  await until(
    async () => frames,
    (all) => all.length === 1,
  );
  expect(frames).toEqual([{ session: lac.key, bytes: [...lcpEcho] }]);
  expect(plane.dropped()).toEqual({ notAttached: 1 });
  // A new session under the old key knows nothing of the splice.
  sessionUp(lns);
  send(lns, message(lns, plain, lcpEcho));
  await until(
    async () => frames,
    (all) => all.length === 2,
  );
  expect(frames[1].session).toBe(lns.key);
  expect(lac.got).toEqual([]);
});

test('a new splice takes the place of an old one', async () => {
  const third = await peer(0x303);
  splice();
  expect(apply({ op: 'splice', session: third.key, with: lns.key })).toEqual({ fact: 'done' });
  send(lac, message(lac, plain, lcpEcho));
  send(lns, message(lns, plain, lcpEcho));
  expect(await got(third, 1)).toEqual([message(third, plain, lcpEcho)]);
  await until(
    async () => frames,
    (all) => all.length === 1,
  );
  expect(frames[0].session).toBe(lac.key);
  third.udp.close();
});

test('what cannot be spliced or attached is refused', () => {
  expect(apply({ op: 'splice', session: lac.key, with: lac.key })).toMatchObject({ error: { code: 'EINVAL' } });
  expect(apply({ op: 'splice', session: lac.key, with: 4711 })).toMatchObject({ error: { code: 'ENOENT' } });
  splice();
  const attach = { op: 'attach', session: lac.key, attachment: clientSide, acfc: false, pfc: false } as const;
  expect(apply(attach)).toMatchObject({ error: { code: 'EBUSY' } });
});

test('what cannot leave is counted where it should have left', async () => {
  splice();
  apply({ op: 'tunnelDown', localTunnelId: lns.id });
  send(lac, message(lac, plain, ip), message(lac, plain, Uint8Array.of(0xff, 0x03, 0x21)), message(lac, plain, ip));
  await until(
    async () => plane.counters(lns.key),
    (counters) => counters?.txDropped === 2,
  );
  expect(plane.counters(lns.key)).toMatchObject({ txPackets: 0, txOctets: 0 });
  expect(plane.counters(lac.key)).toMatchObject({ rxPackets: 2, rxDropped: 1 });
  expect(plane.dropped()).toEqual({ truncatedPpp: 1 });
});

test('frames of our own keep their place among those that pass', async () => {
  // What is not said stays.
  for (const sequencing of ['all', undefined] as const) {
    apply({ op: 'sessionModify', session: lns.key, sequencing, reorderTimeoutMs: 0, dscp: 0 });
  }
  splice();
  send(lac, message(lac, { ...plain, ns: 0 }, ip));
  transport.onDatagram((datagram) => {
    plane.deliver(datagram);
    plane.sendControl(lns.key, lcpEcho);
  });
  expect(await got(lns, 2)).toEqual([
    message(lns, { ...plain, ns: 0 }, ip),
    message(lns, { ...plain, ns: 1 }, lcpEcho),
  ]);
});
