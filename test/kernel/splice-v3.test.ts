/** Tunnel switching between the two versions of L2TP, over real sockets. */
import '../netns/patience.ts';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PlaneFact, type PlaneOp, type SocketId, sessionKeyV2, sessionKeyV3 } from '../../src/engine/ports.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { UserspacePlane } from '../../src/kernel/userspace-plane.ts';
import { until } from './lab.ts';
import { clientSide, formatV3 } from './sessions.ts';

let transport: SocketTransport;
let plane: UserspacePlane;
let socket: SocketId;
let lac: { udp: Socket; got: number[][] };
let lns: { udp: Socket; got: number[][] };

const localId = 0xf000_0001;
const lacKey = sessionKeyV2(0x101, 0x101);
const lnsKey = sessionKeyV3(localId);
const cookie = [1, 2, 3, 4, 5, 6, 7, 8];

beforeEach(async () => {
  transport = new SocketTransport();
  plane = new UserspacePlane(transport, {
    frame: () => undefined,
    framesDropped: () => undefined,
    circuit: () => undefined,
    pppoeServed: () => undefined,
    discovery: () => undefined,
    drift: () => undefined,
  });
  transport.onDatagram((datagram) => plane.deliver(datagram));
  socket = transport.open({ address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false });
  lac = await peer();
  lns = await peer();
  const facts = { encapsulation: 'udp', socket, from: undefined } as const;
  tunnelUp({ localTunnelId: 0x101, remoteTunnelId: 0x101, version: 2, remote: endpoint(lac.udp), ...facts });
  tunnelUp({ localTunnelId: 0x1_0001, remoteTunnelId: 0x1_0002, version: 3, remote: endpoint(lns.udp), ...facts });
  const v2 = { session: lacKey, localTunnelId: 0x101, remoteSessionId: 0x101 };
  apply({ op: 'sessionUp', pseudowire: 'ppp', sequencing: 'none', reorderTimeoutMs: 60_000, dscp: 0, ...v2 });
  const octets = Uint8Array.from(cookie);
  const sublayers = { rxSublayer: 'default', txSublayer: 'default', checksSequence: true } as const;
  const format = { ...formatV3, localSessionId: localId, localCookie: octets, remoteCookie: octets, ...sublayers };
  const v3 = { session: lnsKey, localTunnelId: 0x1_0001, remoteSessionId: 0xe000_0002, format };
  apply({ op: 'sessionUp', pseudowire: 'ppp', sequencing: 'all', reorderTimeoutMs: 60_000, dscp: 0, ...v3 });
  expect(apply({ op: 'splice', session: lacKey, with: lnsKey })).toEqual({ fact: 'done' });
});

afterEach(async () => {
  await plane.close();
  transport.close(socket);
  lac.udp.close();
  lns.udp.close();
});

async function peer(): Promise<typeof lac> {
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const got: number[][] = [];
  udp.on('message', (message) => got.push([...message]));
  return { udp, got };
}

const endpoint = (udp: Socket): { address: string; port: number } => ({
  address: '127.0.0.1',
  port: udp.address().port,
});

function apply(op: PlaneOp): PlaneFact {
  const facts: PlaneFact[] = [];
  plane.apply(op, (fact) => facts.push(fact));
  expect(facts).toHaveLength(1);
  return facts[0];
}

function tunnelUp(facts: Omit<Extract<PlaneOp, { op: 'tunnelUp' }>, 'op'>): void {
  expect(apply({ op: 'tunnelUp', ...facts })).toEqual({ fact: 'done' });
}

function send(from: typeof lac, ...datagrams: number[][]): void {
  for (const octets of datagrams) from.udp.send(Uint8Array.from(octets), transport.local(socket).port, '127.0.0.1');
}

async function got(by: typeof lac, count: number): Promise<number[][]> {
  return until(
    async () => by.got,
    (all) => all.length >= count,
  );
}

const u24 = (number: number): number[] => [(number >> 16) & 255, (number >> 8) & 255, number & 255];
const v2 = (frame: number[], ns?: number): number[] =>
  ns === undefined ? [0, 2, 1, 1, 1, 1, ...frame] : [8, 2, 1, 1, 1, 1, (ns >> 8) & 255, ns & 255, 0, 0, ...frame];
const toLns = (frame: number[], sequence: number): number[] => [
  ...[0, 3, 0, 0, 0xe0, 0, 0, 2, ...cookie, 0x40, ...u24(sequence)],
  ...frame,
];
const fromLns = (frame: number[], sequence: number): number[] => [
  ...[0, 3, 0, 0, 0xf0, 0, 0, 1, ...cookie, 0x40, ...u24(sequence)],
  ...frame,
];
const lcp = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4];

test('frames go through both ways, each with the header of its way out', async () => {
  send(lac, v2(lcp), v2([0x21, 0x45, 1]));
  send(lns, fromLns(lcp, 0), fromLns([0x57, 0x60], 1));
  expect(await got(lns, 2)).toEqual([toLns(lcp, 0), toLns([0x21, 0x45, 1], 1)]);
  expect(await got(lac, 2)).toEqual([v2(lcp), v2([0x57, 0x60])]);
  expect(plane.counters(lacKey)).toMatchObject({ rxPackets: 2, txPackets: 2, rxOctets: 11, txOctets: 10 });
  expect(plane.counters(lnsKey)).toMatchObject({ rxPackets: 2, txPackets: 2, rxOctets: 10, txOctets: 11 });
});

test('what came out of order leaves in order', async () => {
  const frame = (number: number): number[] => [0xff, 0x03, 0x00, 0x21, number];
  send(lns, ...[0, 3, 1, 2, 4].map((number) => fromLns(frame(number), number)));
  expect(await got(lac, 5)).toEqual([0, 1, 2, 3, 4].map((number) => v2(frame(number))));
  send(lac, ...[1, 2, 0].map((number) => v2(frame(number), number)));
  expect(await got(lns, 3)).toEqual([0, 1, 2].map((number) => toLns(frame(number), number)));
});

test('many long frames, which the longer header finds no room before, keep their octets and their order', async () => {
  const frame = (number: number): number[] => [0xff, 0x03, 0x00, 0x21, ...new Array(1500).fill(number & 255)];
  const wave = 40;
  // More than may wait with room made for them.
  for (let first = 0; first < 280; first += wave) {
    lns.got.length = 0;
    const numbers = Array.from({ length: wave }, (_, i) => first + i);
    send(lac, ...numbers.map((number) => v2(frame(number))));
    expect(await got(lns, wave)).toEqual(numbers.map((number) => toLns(frame(number), number)));
  }
});

test('what carries no PPP is not spliced, attached as PPP, limited, or encrypted', () => {
  const session = sessionKeyV3(0xf000_0003);
  const format = { ...formatV3, localSessionId: 0xf000_0003 };
  const facts = {
    localTunnelId: 0x1_0001,
    remoteSessionId: 5,
    reorderTimeoutMs: 0,
    dscp: 0,
    sequencing: 'none',
  } as const;
  const refused = (op: PlaneOp): string => {
    const fact = apply(op);
    return fact.fact === 'failed' ? fact.error.code : fact.fact;
  };
  expect(refused({ op: 'sessionUp', session, pseudowire: 'hdlc', format, ...facts })).toBe('done');
  expect(refused({ op: 'splice', session: lacKey, with: session })).toBe('EOPNOTSUPP');
  expect(refused({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false })).toBe('EOPNOTSUPP');
  expect(refused({ op: 'limit', session, rate: undefined, filter: undefined })).toBe('EOPNOTSUPP');
  expect(refused({ op: 'encrypt', session, keys: undefined })).toBe('EOPNOTSUPP');
  const ethernet = { vlanAction: 'keep', addresses: [] } as const;
  expect(refused({ op: 'attachEthernet', session, attachment: { owner: 'Session/x', ethernet } })).toBe('EOPNOTSUPP');
  const circuit = { socket: '/nowhere', maxCells: 1 };
  expect(refused({ op: 'attachCircuit', session: lnsKey, attachment: { owner: 'Session/x', circuit } })).toBe(
    'EOPNOTSUPP',
  );
  // L2TPv2 has nothing to carry others in.
  expect(refused({ op: 'sessionUp', session: sessionKeyV2(0x101, 5), pseudowire: 'ethernet', ...facts })).toBe(
    'EINVAL',
  );
});

test('an edit changes how a session numbers, waits and marks', async () => {
  apply({ op: 'sessionModify', session: lnsKey, sequencing: 'nonIp', reorderTimeoutMs: 0, dscp: 0 });
  send(lac, v2([0x21, 0x45]), v2(lcp));
  expect((await got(lns, 2)).map((message) => message.slice(16, 20))).toEqual([
    [0, 0, 0, 0],
    [0x40, 0, 0, 0],
  ]);
  // Nothing waits any more.
  send(lns, fromLns(lcp, 5), fromLns(lcp, 3));
  expect(await got(lac, 1)).toEqual([v2(lcp)]);
  expect(plane.counters(lnsKey)).toMatchObject({ rxLost: 5 });
});

test('while the peer of one is not active, what came for it is lost', async () => {
  apply({ op: 'peerCircuit', session: lnsKey, active: false });
  send(lac, v2(lcp));
  await until(
    async () => plane.counters(lnsKey),
    (counters) => counters?.txDropped === 1,
  );
  apply({ op: 'peerCircuit', session: lnsKey, active: true });
  send(lac, v2([0x21, 7]));
  expect(await got(lns, 1)).toEqual([toLns([0x21, 7], 0)]);
  expect(plane.dropped()).toEqual({ peerNotActive: 1 });
});
