/** Data messages of L2TPv3, octet for octet after the figures of RFC 3931 4.1 and 4.6 and of RFC 4454 4.1. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataFormat, type SocketId, type Sublayer, sessionKeyV2, sessionKeyV3 } from '../../src/engine/ports.ts';
import type { Encapsulation, Endpoint } from '../../src/engine/spec.ts';
import { payloadHeadroomOctets } from '../../src/kernel/data-header.ts';
import { DataPath } from '../../src/kernel/data-path.ts';
import { type Circuit, L2tpSession, type L2tpSessionFacts, type PlaneTunnel } from '../../src/kernel/sessions.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { formatV3, pppFacts } from './sessions.ts';

/** What a circuit was given. */
interface Taken {
  payload: number[];
  flags: number;
}

class Sink implements Circuit {
  readonly taken: Taken[] = [];
  refusal: string | undefined = undefined;

  take(_session: L2tpSession, bytes: Uint8Array, start: number, end: number, flags: number): string | undefined {
    if (this.refusal === undefined) this.taken.push({ payload: [...bytes.subarray(start, end)], flags });
    return this.refusal;
  }
}

let transport: SocketTransport;
let path: DataPath;
let peer: Socket;
let got: number[][];
let socket: SocketId;
let tunnel: PlaneTunnel;
let circuit: Sink;
let frames: number[][];

beforeEach(async () => {
  transport = new SocketTransport();
  frames = [];
  got = [];
  circuit = new Sink();
  path = new DataPath(transport, {
    frame: (_session, bytes, start, end) => frames.push([...bytes.subarray(start, end)]),
    framesDropped: () => undefined,
    circuit: () => undefined,
    pppoeServed: () => undefined,
    discovery: () => undefined,
    drift: () => undefined,
  });
  peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  peer.on('message', (message) => got.push([...message]));
  socket = transport.open({ address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false });
  const remote = transport.endpoints.raw({ address: '127.0.0.1', port: peer.address().port });
  const ids = { localId: 0x1_0007, remoteId: 0x1_0008 };
  tunnel = { ...ids, version: 3, encapsulation: 'udp', socket, remote, from: undefined };
});

afterEach(() => {
  path.close();
  transport.close(socket);
  peer.close();
});

const localId = 0x89ab_cdef;
const remoteId = 0xfedc_ba98;
const cookie4 = Uint8Array.of(0xc0, 0xc1, 0xc2, 0xc3);
const cookie8 = Uint8Array.of(0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7);

type More = Partial<L2tpSessionFacts> & { form?: Partial<DataFormat>; over?: Encapsulation };

/**
 * A session over the tunnel. With `over: 'ip'` what goes over the UDP socket is what would stand behind the IP header:
 * the socket adds nothing of its own.
 */
function add({ form, over = 'udp', ...more }: More = {}): L2tpSession {
  tunnel.encapsulation = over;
  const format = { ...formatV3, localSessionId: localId, ...form };
  const facts: L2tpSessionFacts = { ...pppFacts, pseudowire: 'ethernet', remoteId, format, ...more };
  const session = new L2tpSession(sessionKeyV3(localId), tunnel, facts);
  session.circuit = circuit;
  path.add(session);
  return session;
}

function receive(octets: readonly number[], from: Endpoint = tunnel.remote, on = socket): void {
  // Something else stands around it in the slab.
  const bytes = Uint8Array.of(0xaa, ...octets, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb);
  const { encapsulation } = tunnel;
  path.receive({ socket: on, encapsulation, from, to: undefined, bytes, start: 1, end: 1 + octets.length });
}

/** Sends a payload as a circuit does. */
function send(session: L2tpSession, payload: readonly number[], isIp = false, flags = 0): void {
  const slab = Uint8Array.of(...new Array(payloadHeadroomOctets).fill(0xaa), ...payload);
  path.outgoing.sendPayload(session, slab, 0, payloadHeadroomOctets, slab.length, isIp, flags);
  path.flush();
}

async function sent(count: number): Promise<number[][]> {
  while (got.length < count) await once(peer, 'message');
  return got;
}

const payload = [0x11, 0x22, 0x33];
const udp = [0x00, 0x03, 0x00, 0x00];
const ids = { to: [0xfe, 0xdc, 0xba, 0x98], from: [0x89, 0xab, 0xcd, 0xef] };

describe.each([
  ['udp', udp],
  ['ip', []],
] as const)('over %s', (over, flagsAndVersion) => {
  test.each([
    ['nothing else', new Uint8Array(), 'none', []],
    ['a cookie of 4 octets', cookie4, 'none', [...cookie4]],
    ['a cookie of 8 octets', cookie8, 'none', [...cookie8]],
    ['the default sublayer', new Uint8Array(), 'default', [0, 0, 0, 0]],
    ['a cookie of 4 octets and the default sublayer', cookie4, 'default', [...cookie4, 0, 0, 0, 0]],
    ['a cookie of 8 octets and the ATM sublayer', cookie8, 'atm', [...cookie8, 0, 0, 0, 0]],
  ] as const)('a payload goes and comes behind the id and %s', async (_, cookie, sublayer, between) => {
    const form = { localCookie: cookie, remoteCookie: cookie, rxSublayer: sublayer, txSublayer: sublayer };
    const session = add({ over, form });
    send(session, payload);
    expect(await sent(1)).toEqual([[...flagsAndVersion, ...ids.to, ...between, ...payload]]);
    receive([...flagsAndVersion, ...ids.from, ...between, ...payload]);
    expect(circuit.taken).toEqual([{ payload, flags: 0 }]);
    expect(session).toMatchObject({ txPackets: 1, txOctets: 3, rxPackets: 1, rxOctets: 3, rxDropped: 0 });
  });

  test('each way has its own cookie and sublayer', async () => {
    const form = { localCookie: cookie8, remoteCookie: cookie4, rxSublayer: 'none', txSublayer: 'default' } as const;
    const session = add({ over, form });
    send(session, payload);
    expect(await sent(1)).toEqual([[...flagsAndVersion, ...ids.to, ...cookie4, 0, 0, 0, 0, ...payload]]);
    receive([...flagsAndVersion, ...ids.from, ...cookie8, ...payload]);
    expect(circuit.taken).toEqual([{ payload, flags: 0 }]);
  });

  test('no octets do harm: each datagram is a payload, or is dropped and counted', () => {
    add({ over, form: { localCookie: cookie4, rxSublayer: 'default', checksSequence: true }, reorderTimeoutMs: 0 });
    const begin = fc.constantFrom<number[]>(
      [],
      [...flagsAndVersion, ...ids.from],
      [...flagsAndVersion, ...ids.from, ...cookie4],
    );
    const dropped = (): number => Object.values(path.dropped).reduce((sum, count) => sum + count, 0);
    fc.assert(
      fc.property(begin, fc.uint8Array({ maxLength: 40 }), fc.nat(60), (start, rest, cut) => {
        const before = circuit.taken.length + dropped();
        receive([...start, ...rest].slice(0, cut));
        expect(circuit.taken.length + dropped()).toBe(before + 1);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is cut off within the header is dropped, at each octet', () => {
    const session = add({ over, form: { localCookie: cookie8, rxSublayer: 'atm' } });
    const whole = [...flagsAndVersion, ...ids.from, ...cookie8, 0x08, 0, 0, 0];
    for (let octets = 0; octets < whole.length; octets++) receive(whole.slice(0, octets));
    expect(path.dropped).toEqual({ truncatedHeader: whole.length - 4, truncatedSublayer: 4 });
    receive(whole);
    expect(circuit.taken).toEqual([{ payload: [], flags: 0x08 }]);
    expect(session).toMatchObject({ rxPackets: 1, rxOctets: 0 });
  });

  test.each([
    [4, cookie4],
    [8, cookie8],
  ])('one wrong bit in any of %i octets of the cookie is enough', (octets, cookie) => {
    const session = add({ over, form: { localCookie: cookie } });
    for (let bit = 0; bit < octets * 8; bit++) {
      const wrong = Uint8Array.from(cookie);
      wrong[bit >> 3] ^= 1 << (bit & 7);
      receive([...flagsAndVersion, ...ids.from, ...wrong, ...payload]);
    }
    expect(path.dropped).toEqual({ wrongCookie: octets * 8 });
    expect(circuit.taken).toEqual([]);
    expect(session.rxPackets).toBe(0);
  });

  test('only the peer is heard, over the socket of its tunnel', () => {
    add({ over });
    const { address, port } = tunnel.remote;
    const message = [...flagsAndVersion, ...ids.from, ...payload];
    receive(message, { address, port: port ^ 1 });
    receive(message, { address: '127.0.0.2', port });
    receive(message, tunnel.remote, socket + 1);
    expect(path.dropped).toEqual({ wrongPeer: 3 });
    receive(message, { address, port });
    expect(circuit.taken).toHaveLength(1);
    tunnel.socket = -1;
    receive(message, tunnel.remote, socket);
    expect(circuit.taken).toHaveLength(1);
  });

  test('an id is found in all of its 32 bits', () => {
    add({ over });
    for (let bit = 0; bit < 32; bit++) {
      const id = [...ids.from];
      id[bit >> 3] ^= 1 << (bit & 7);
      receive([...flagsAndVersion, ...id, ...payload]);
    }
    receive([...flagsAndVersion, 0, 0, 0, 0, ...payload]);
    expect(path.dropped).toEqual({ noSession: 33 });
    expect(circuit.taken).toEqual([]);
  });
});

test('reserved bits are ignored, T is not (RFC 3931 4.1.2.1)', () => {
  add({ form: { rxSublayer: 'default' } });
  for (const flags of [0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x7f]) {
    receive([flags, 0xf3, 0xff, 0xff, ...ids.from, 0xbf, 0xff, 0xff, 0xff, ...payload]);
  }
  expect(circuit.taken).toHaveLength(8);
  receive([0x80, 0x03, 0, 0, ...ids.from, 0, 0, 0, 0, ...payload]);
  expect(path.dropped).toEqual({ notData: 1 });
});

test('a session of L2TPv2 is not reached with the header of L2TPv3, nor the other way round', () => {
  const key = sessionKeyV2(0x89ab, 0xcdef);
  const v2 = new L2tpSession(key, { ...tunnel, version: 2 }, pppFacts);
  path.add(v2);
  receive([...udp, ...ids.from, 0xff, 0x03, 0xc0, 0x21]);
  path.end(v2);
  add({ pseudowire: 'ppp' });
  receive([0x00, 0x02, ...ids.from, 0xff, 0x03, 0xc0, 0x21]);
  expect(path.dropped).toEqual({ noSession: 2 });
  expect(frames).toEqual([]);
});

test('a session that has ended is found no more', () => {
  const session = add();
  path.end(session);
  receive([...udp, ...ids.from, ...payload]);
  expect(path.dropped).toEqual({ noSession: 1 });
  expect(path.tables()).toMatchObject({ sessions: 0 });
});

describe.each(['default', 'atm'] as const satisfies Sublayer[])('sequence numbers in the %s sublayer', (sublayer) => {
  const form = { rxSublayer: sublayer, txSublayer: sublayer, checksSequence: true };
  const numbered = (sequence: number, ...more: number[]): number[] => [
    ...udp,
    ...ids.from,
    0x40,
    (sequence >> 16) & 255,
    (sequence >> 8) & 255,
    sequence & 255,
    ...more,
  ];

  test('begin at 0 and go on at 0 after 2^24 - 1', async () => {
    const session = add({ form, sequencing: 'all' });
    send(session, payload);
    send(session, payload, true);
    session.ns = 0xff_ffff;
    send(session, payload);
    send(session, payload);
    const sequences = [0, 1, 0xff_ffff, 0].map((sequence) => [
      0x40,
      sequence >> 16,
      (sequence >> 8) & 255,
      sequence & 255,
    ]);
    expect(await sent(4)).toEqual(sequences.map((octets) => [...udp, ...ids.to, ...octets, ...payload]));
  });

  test('leave IP packets out where only others are numbered', async () => {
    const session = add({ form, sequencing: 'nonIp' });
    for (const isIp of [false, true, true, false]) send(session, payload, isIp);
    const octets = [
      [0x40, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0x40, 0, 0, 1],
    ];
    expect(await sent(4)).toEqual(octets.map((each) => [...udp, ...ids.to, ...each, ...payload]));
  });

  test('stand beside the flags of the circuit, both ways', async () => {
    const session = add({ form, sequencing: 'all' });
    send(session, payload, false, 0x0c);
    session.sequencing = 'none';
    send(session, payload, false, 0x0c);
    expect((await sent(2)).map((message) => message[8])).toEqual([0x4c, 0x0c]);
    receive([...udp, ...ids.from, 0x4c, 0, 0, 0, 1]);
    receive([...udp, ...ids.from, 0x0c, 0, 0, 0, 2]);
    expect(circuit.taken).toEqual([
      { payload: [1], flags: 0x4c },
      { payload: [2], flags: 0x0c },
    ]);
  });

  test('that come late are dropped, across the end of the numbers too', () => {
    const session = add({ form });
    session.expected = 0xff_fffe;
    for (const sequence of [0xff_fffe, 0xff_fffe, 0, 0xff_ffff, 1, 1]) receive(numbered(sequence, sequence & 255));
    expect(circuit.taken.map((taken) => taken.payload)).toEqual([[0xfe], [0], [1]]);
    expect(session).toMatchObject({ rxLost: 1, rxOutOfOrder: 3, expected: 2 });
    expect(path.dropped).toEqual({ late: 3 });
  });

  test('put what may wait into order, and what has none does not wait, nor end the waiting', () => {
    const session = add({ form, reorderTimeoutMs: 60_000 });
    receive(numbered(1, 1));
    receive([...udp, ...ids.from, 0x00, 0xff, 0xff, 0xff, 9]);
    expect(circuit.taken.map((taken) => taken.payload)).toEqual([[9]]);
    receive(numbered(0, 0));
    expect(circuit.taken.map((taken) => taken.payload)).toEqual([[9], [0], [1]]);
    expect(session).toMatchObject({ rxReordered: 1, rxLost: 0, held: undefined });
  });

  test('mean nothing where we did not ask for them', () => {
    const session = add({ form: { ...form, checksSequence: false } });
    for (const sequence of [7, 7, 3]) receive(numbered(sequence, sequence));
    expect(circuit.taken.map((taken) => taken.payload)).toEqual([[7], [7], [3]]);
    expect(session).toMatchObject({ rxLost: 0, rxOutOfOrder: 0, expected: 0 });
  });
});

test('without a sublayer nothing can be numbered', async () => {
  const session = add({ sequencing: 'all' });
  send(session, payload);
  expect(await sent(1)).toEqual([[...udp, ...ids.to, ...payload]]);
  expect(session.ns).toBe(0);
});

describe('a circuit', () => {
  test('that refuses a payload has it counted as dropped', () => {
    const session = add();
    circuit.refusal = 'runt';
    receive([...udp, ...ids.from, ...payload]);
    expect(path.dropped).toEqual({ runt: 1 });
    expect(session).toMatchObject({ rxPackets: 0, rxOctets: 0, rxDropped: 1 });
  });

  test('that is not there yet loses what comes', () => {
    const session = add();
    session.circuit = undefined;
    receive([...udp, ...ids.from, ...payload]);
    expect(path.dropped).toEqual({ notAttached: 1 });
    expect(session).toMatchObject({ rxPackets: 0, rxDropped: 1 });
  });

  test('that loses a payload afterwards, or one for the peer, says so', () => {
    const session = add();
    receive([...udp, ...ids.from, ...payload]);
    path.lose(session, payload.length, 'device EIO');
    path.refuse(session, 'oversize');
    expect(path.dropped).toEqual({ 'device EIO': 1, oversize: 1 });
    expect(session).toMatchObject({ rxPackets: 0, rxOctets: 0, rxDropped: 1, txDropped: 1 });
  });

  test('is asked to let go what it has gathered before the rest goes', () => {
    const flushed: number[] = [];
    add();
    path.beforeFlush(() => flushed.push(circuit.taken.length));
    receive([...udp, ...ids.from, ...payload]);
    expect(flushed).toEqual([1]);
  });

  test('whose peer is not active is sent nothing, nor is a PPP peer', async () => {
    const session = add();
    session.peerActive = false;
    send(session, payload);
    path.sendFrame(session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21));
    expect(session).toMatchObject({ txPackets: 0, txOctets: 0, txDropped: 2 });
    expect(path.dropped).toEqual({ peerNotActive: 2 });
    session.peerActive = true;
    send(session, [1]);
    expect(await sent(1)).toEqual([[...udp, ...ids.to, 1]]);
  });

  test('may leave no room in front: the octets there stay as they are', async () => {
    const session = add({ form: { remoteCookie: cookie8, txSublayer: 'default' } });
    const slab = Uint8Array.of(0xaa, 0xaa, 0xaa, ...payload);
    path.outgoing.sendPayload(session, slab, 0, 3, slab.length, false, 0);
    path.flush();
    expect(await sent(1)).toEqual([[...udp, ...ids.to, ...cookie8, 0, 0, 0, 0, ...payload]]);
    expect([...slab]).toEqual([0xaa, 0xaa, 0xaa, ...payload]);
    expect(session).toMatchObject({ txPackets: 1, txOctets: 3 });
  });
});

describe('PPP', () => {
  const lcp = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4];
  const form = { localCookie: cookie4, remoteCookie: cookie4, rxSublayer: 'default', txSublayer: 'default' } as const;
  const before = [...cookie4, 0, 0, 0, 0];

  test('has its control frames go up and come down', async () => {
    const session = add({ pseudowire: 'ppp', form });
    receive([...udp, ...ids.from, ...before, ...lcp]);
    expect(frames).toEqual([lcp]);
    path.sendFrame(session, Uint8Array.from(lcp));
    expect(await sent(1)).toEqual([[...udp, ...ids.to, ...before, ...lcp]]);
    expect(session).toMatchObject({ txPackets: 0, rxPackets: 0 });
  });

  test('is numbered by protocol where IP is left out', async () => {
    const session = add({ pseudowire: 'ppp', form, sequencing: 'nonIp' });
    // As a router's: the engine sends IPv6 as frames.
    path.sendFrame(session, Uint8Array.of(0xff, 0x03, 0x00, 0x57, 0x60));
    path.sendFrame(session, Uint8Array.from(lcp));
    path.sendFrame(session, Uint8Array.of(0xff, 0x03, 0x00, 0x21, 0x45));
    path.sendFrame(session, Uint8Array.of(0xff, 0x03, 0x00, 0xfd, 0x90));
    expect((await sent(4)).map((message) => message.slice(12, 16))).toEqual([
      [0, 0, 0, 0],
      [0x40, 0, 0, 0],
      [0, 0, 0, 0],
      [0x40, 0, 0, 1],
    ]);
  });
});
