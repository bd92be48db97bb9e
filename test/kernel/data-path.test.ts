import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataSequencing } from '../../src/engine/spec.ts';
import { DataPath } from '../../src/kernel/data-path.ts';
import { NetworkTable } from '../../src/kernel/networks.ts';
import { type PppoeHeader, pppoeHeaderOctets, readPppoeHeader } from '../../src/kernel/pppoe-header.ts';
import { type Carrier, L2tpSession, type PlaneTunnel, PppoeSession } from '../../src/kernel/sessions.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { dataMessage, ipv4, ipv4Packet, session as key, pppFacts } from './sessions.ts';

let transport: SocketTransport;
let path: DataPath;
let peer: Socket;
let tunnel: PlaneTunnel;
let frames: number;

beforeEach(async () => {
  transport = new SocketTransport();
  frames = 0;
  path = new DataPath(transport, {
    frame: () => frames++,
    framesDropped: () => undefined,
    circuit: () => undefined,
    pppoeServed: () => undefined,
    discovery: () => undefined,
    drift: () => undefined,
  });
  peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const socket = transport.open({ address: '127.0.0.1', port: 0, encapsulation: 'udp', pmtuDiscovery: false });
  const remote = transport.endpoints.raw({ address: '127.0.0.1', port: peer.address().port });
  tunnel = { localId: 7, remoteId: 0x1234, version: 2, encapsulation: 'udp', socket, remote, from: undefined };
  path.tunnels.set(7, tunnel);
});

afterEach(() => {
  transport.close(tunnel.socket);
  peer.close();
});

function addSession(sequencing: DataSequencing = 'none', follows = false): L2tpSession {
  const session = new L2tpSession(key, tunnel, { ...pppFacts, remoteId: 0x5678, sequencing, follows });
  path.add(session);
  return session;
}

function receive(bytes: Uint8Array): void {
  const { encapsulation, socket, remote } = tunnel;
  path.receive({ socket, encapsulation, from: remote, to: undefined, bytes, start: 0, end: bytes.length });
}

async function sent(): Promise<number[]> {
  const [message] = await once(peer, 'message');
  return [...message];
}

const lcp = Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4);

test('a frame is sent with the peer ids, and with sequence numbers when they are on', async () => {
  const session = addSession();
  path.sendFrame(session, lcp);
  expect(await sent()).toEqual([0x00, 0x02, 0x12, 0x34, 0x56, 0x78, ...lcp]);
  session.sequencing = 'all';
  session.ns = 0xffff;
  path.sendFrame(session, lcp);
  expect(await sent()).toEqual([0x08, 0x02, 0x12, 0x34, 0x56, 0x78, 0xff, 0xff, 0, 0, ...lcp]);
  path.sendFrame(session, lcp);
  expect(await sent()).toEqual([0x08, 0x02, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, ...lcp]);
  // They are no user's packets.
  expect(session).toMatchObject({ txPackets: 0, txOctets: 0, txDropped: 0 });
});

test('a session that follows turns sequence numbers on and off with its peer', () => {
  const session = addSession('none', true);
  receive(dataMessage(0xc021, lcp.subarray(4), 0));
  expect(session.sequencing).toBe('all');
  receive(dataMessage(0xc021, lcp.subarray(4)));
  expect(session.sequencing).toBe('none');
  expect(frames).toBe(2);
});

test('Nr of a data message means nothing (RFC 2661 3.1)', () => {
  const session = addSession();
  for (const [ns, nr] of [
    [0, 0xabcd],
    [1, 0],
  ]) {
    receive(Uint8Array.of(0x08, 0x02, 0, 7, 0, 9, 0, ns, nr >> 8, nr & 255, ...lcp));
  }
  expect(frames).toBe(2);
  expect(session).toMatchObject({ rxPackets: 0, rxLost: 0, rxOutOfOrder: 0 });
});

test('no octets do harm: each datagram is a frame, or is dropped and counted', () => {
  const session = addSession();
  const dropped = (): number => Object.values(path.dropped).reduce((sum, count) => sum + count, 0);
  const header = fc.constantFrom(
    [0, 2, 0, 7, 0, 9],
    [8, 2, 0, 7, 0, 9],
    [0x4a, 2, 0, 20, 0, 7, 0, 9],
    [2, 2, 0, 7, 0, 9],
  );
  const ppp = fc.constantFrom([], [0xff, 0x03], [0xff, 0x03, 0, 0x21], [0x21, 0x45], [0x57, 0x60], [0, 0x57]);
  fc.assert(
    fc.property(header, ppp, fc.uint8Array({ maxLength: 60 }), fc.nat(80), (start, middle, rest, cut) => {
      const before = frames + dropped();
      receive(Uint8Array.of(...start, ...middle, ...rest).subarray(0, cut));
      expect(frames + dropped()).toBe(before + 1);
    }),
    { numRuns: 2000 },
  );
  expect(session.rxPackets).toBe(0);
});

test('no octets do harm to a PPPoE session or to the one it is spliced with', () => {
  const l2tp = addSession('all');
  const pppoe = new PppoeSession(5, { sessionFd: -1, index: 0 }, { high: 0x0200, low: 7 }, 5);
  path.pppoeSessions.set(5, pppoe);
  const dropped = (): number => Object.values(path.dropped).reduce((sum, count) => sum + count, 0);
  const slab = new Uint8Array(2048);
  const header: PppoeHeader = { code: 0, sessionId: 0, end: 0 };
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .tuple(fc.nat(40), fc.uint8Array({ maxLength: 40 }))
      .map(([length, rest]) => Uint8Array.of(0x11, 0, 0, 5, 0, length, ...rest)),
  );
  fc.assert(
    fc.property(octets, fc.boolean(), (bytes, spliced) => {
      if (spliced) path.splice(pppoe, l2tp);
      else if (pppoe.spliced !== undefined) restart();
      slab.set(bytes, 16);
      const end = 16 + bytes.length;
      if (!readPppoeHeader(slab, 16, end, header)) return;
      expect(header.end).toBeGreaterThanOrEqual(16 + pppoeHeaderOctets);
      expect(header.end).toBeLessThanOrEqual(end);
      const before = frames + dropped() + l2tp.txPackets + l2tp.txDropped;
      path.receivePppoe(pppoe, slab, 16 + pppoeHeaderOctets, header.end);
      path.flush();
      expect(frames + dropped() + l2tp.txPackets + l2tp.txDropped).toBe(before + 1);
    }),
    { numRuns: 2000 },
  );
  expect(pppoe.rxPackets).toBe(l2tp.txPackets + l2tp.txDropped);

  function restart(): void {
    path.end(pppoe);
    path.pppoeSessions.set(5, pppoe);
  }
});

test('a tunnel that is gone neither sends nor receives', () => {
  const session = addSession();
  tunnel = { ...tunnel };
  session.tunnel.socket = -1;
  path.sendFrame(session, lcp);
  receive(dataMessage(0xc021, lcp.subarray(4)));
  expect(frames).toBe(0);
  expect(path.dropped).toEqual({ wrongPeer: 1 });
  expect(transport.counters.errors).toEqual({ EBADF: 1 });
});

const packet = ipv4Packet('10.9.0.2', '10.9.0.1');

test('what the device does not take is dropped, and neither packet nor octets count', () => {
  const session = addSession();
  const gone: Carrier = {
    name: 'gone',
    fd: -1,
    sole: session,
    ipv4: new NetworkTable(),
    ipv6: new NetworkTable(),
    byInterfaceId: new Map(),
  };
  Object.assign(session, { carrier: gone, hasIpv4: true, ipv4: ipv4('10.9.0.2') });
  receive(dataMessage(0x21, packet));
  expect(session).toMatchObject({ rxPackets: 0, rxOctets: 0, rxDropped: 1 });
  expect(path.dropped).toEqual({ 'device EBADF': 1 });
});

test('what the network does not take is dropped, and neither packet nor octets count', () => {
  const session = addSession();
  // Nobody may send to all without asking for it.
  const remote = transport.endpoints.raw({ address: '255.255.255.255', port: 1701 });
  const other = new L2tpSession(5, { ...tunnel, localId: 8, remote }, { ...pppFacts, remoteId: 5 });
  path.splice(session, other);
  receive(dataMessage(0x21, packet));
  expect(session).toMatchObject({ rxPackets: 1, rxOctets: packet.length + 4 });
  expect(other).toMatchObject({ txPackets: 0, txOctets: 0, txDropped: 1 });
  expect(transport.counters.errors).toEqual({ EACCES: 1 });
});
