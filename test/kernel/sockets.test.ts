import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Datagram } from '../../src/engine/ports.ts';
import type { ListenSpec } from '../../src/engine/spec.ts';
import { maxDatagramOctets, SocketTransport } from '../../src/kernel/sockets.ts';

interface Received {
  socket: number;
  from: { address: string; port: number };
  to: string | undefined;
  text: string;
}

let transport: SocketTransport;
let received: Received[];
let wanted: { count: number; done: () => void } | undefined;
let opened: number[];

beforeEach(() => {
  transport = new SocketTransport();
  received = [];
  opened = [];
  transport.onDatagram(take);
});

afterEach(() => {
  for (const socket of opened) transport.close(socket);
});

function take({ socket, from, to, bytes, start, end }: Datagram): void {
  received.push({ socket, from, to, text: Buffer.from(bytes.subarray(start, end)).toString() });
  if (wanted && received.length >= wanted.count) wanted.done();
}

async function whenReceived(count: number): Promise<Received[]> {
  if (received.length < count) await new Promise<void>((done) => (wanted = { count, done }));
  wanted = undefined;
  return received;
}

const udp = { encapsulation: 'udp', pmtuDiscovery: false } as const;

function open(address: string, port = 0, more: Partial<ListenSpec> = {}): number {
  const socket = transport.open({ address, port, ...udp, ...more });
  opened.push(socket);
  return socket;
}

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.each([
  { family: 'IPv4', host: '127.0.0.1', other: '127.0.0.9', any: '0.0.0.0' },
  { family: 'IPv6', host: '::1', other: '::1', any: '::' },
])('$family', ({ host, other, any }) => {
  test('datagrams go and come between two sockets', async () => {
    const a = open(host);
    const b = open(host);
    transport.send(a, transport.local(b), undefined, octets('there'));
    const [there] = await whenReceived(1);
    expect(there).toMatchObject({ socket: b, text: 'there', to: host, from: { address: host } });
    expect(there.from.port).toBe(transport.local(a).port);
    transport.send(b, there.from, there.to, octets('and back'), 0, 4);
    expect((await whenReceived(2))[1]).toMatchObject({ socket: a, text: 'back' });
    expect(transport.counters).toEqual({ received: 2, sent: 2, oversized: 0, errors: {} });
  });

  test('a wildcard socket tells the address that was meant, and answers from it', async () => {
    const server = open(any);
    const client = open(host);
    const { port } = transport.local(server);
    transport.send(client, { address: other, port }, undefined, octets('hello'));
    const [hello] = await whenReceived(1);
    expect(hello).toMatchObject({ socket: server, to: other, text: 'hello' });
    transport.send(server, hello.from, hello.to, octets('answer'));
    expect((await whenReceived(2))[1]).toMatchObject({ socket: client, from: { address: other, port } });
  });

  test('the same peer is the same object, and a plain endpoint serves as well', async () => {
    const a = open(host);
    const b = open(host);
    const { address, port } = transport.local(b);
    for (let i = 0; i < 100; i++) transport.send(a, { address, port }, undefined, octets(String(i)));
    const all = await whenReceived(100);
    expect(new Set(all.map((one) => one.from)).size).toBe(1);
    expect(all.map((one) => one.text)).toEqual(all.map((_, i) => String(i)));
    expect(transport.endpoints.raw({ address: host, port: transport.local(a).port })).toBe(all[0].from);
  });
});

test('many peers at once keep their own identity', async () => {
  const server = open('127.0.0.1');
  const clients = Array.from({ length: 200 }, () => open('127.0.0.1'));
  for (const client of clients) transport.send(client, transport.local(server), undefined, octets(String(client)));
  for (const { from, text } of await whenReceived(200)) expect(from.port).toBe(transport.local(Number(text)).port);
});

test('a socket is shared by address and port, and each open needs one close', async () => {
  const a = open('127.0.0.1');
  const { port } = transport.local(a);
  const first = open('127.0.0.2', port);
  expect(open('127.0.0.2', port)).toBe(first);
  transport.close(first);
  transport.send(a, { address: '127.0.0.2', port }, undefined, octets('still here'));
  await whenReceived(1);
  transport.close(first);
  expect(() => transport.local(first)).toThrow('EBADF');
  expect(open('127.0.0.2', port)).not.toBe(first);
});

test('what the system refuses at opening is a PlaneError with its errno', async () => {
  const foreign = createSocket('udp4');
  foreign.bind(0, '127.0.0.1');
  await once(foreign, 'listening');
  const { port } = foreign.address();
  expect(() => transport.open({ address: '127.0.0.1', port, ...udp })).toThrow(
    expect.objectContaining({ name: 'PlaneError', code: 'EADDRINUSE' }),
  );
  foreign.close();
  expect(() => transport.open({ address: '203.0.113.7', port: 0, ...udp })).toThrow(
    expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
  );
  expect(() => transport.open({ address: 'nowhere', port: 0, ...udp })).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
  expect(() => transport.open({ address: 'fe80::1%nolink', port: 0, ...udp })).toThrow(
    expect.objectContaining({ code: 'ENODEV' }),
  );
});

test('what cannot be sent is counted, and what stands around it goes out', async () => {
  const a = open('127.0.0.1');
  const b = open('127.0.0.1');
  const to = transport.local(b);
  transport.send(a, to, undefined, octets('first'));
  transport.send(a, { address: '::1', port: 1 }, undefined, octets('x'));
  transport.send(a, { address: 'nowhere', port: 1 }, undefined, octets('x'));
  transport.send(a, { address: '127.0.0.1', port: 0 }, undefined, octets('x'));
  transport.send(a, to, '203.0.113.7', octets('x'));
  transport.send(4711, to, undefined, octets('x'));
  transport.send(a, to, undefined, new Uint8Array(maxDatagramOctets + 1));
  transport.send(a, to, undefined, octets('last'));
  expect((await whenReceived(2)).map((one) => one.text)).toEqual(['first', 'last']);
  const { errors, ...counters } = transport.counters;
  expect(counters).toEqual({ received: 2, sent: 2, oversized: 1 });
  // A source that is not ours is EINVAL or ENETUNREACH, as the kernel finds.
  expect(errors).toMatchObject({ EAFNOSUPPORT: 1, EBADF: 1 });
  expect(Object.values(errors).reduce((sum, count) => sum + count, 0)).toBe(5);
});

test('datagrams that are too long are counted and dropped, the longest that fits is whole', async () => {
  const server = open('127.0.0.1');
  const { port } = transport.local(server);
  const client = createSocket('udp4');
  client.send(Buffer.alloc(maxDatagramOctets + 1), port, '127.0.0.1');
  client.send(Buffer.alloc(maxDatagramOctets, 'y'), port, '127.0.0.1');
  client.send(Buffer.alloc(0), port, '127.0.0.1');
  const all = await whenReceived(2);
  client.close();
  expect(all.map((one) => one.text.length)).toEqual([maxDatagramOctets, 0]);
  expect(transport.counters).toMatchObject({ received: 3, oversized: 1 });
});

test.each([false, true])('answers to a peer that is gone disturb nothing, with path MTU discovery: %s', async (on) => {
  const a = open('127.0.0.1', 0, { pmtuDiscovery: on });
  const b = open('127.0.0.1');
  const gone = open('127.0.0.1');
  const nobody = transport.local(gone);
  transport.close(gone);
  // As many as are sent in one go: the answers wait when the next one goes.
  for (let i = 0; i < 256; i++) transport.send(a, nobody, undefined, octets('anyone?'));
  transport.send(a, transport.local(b), undefined, octets('after'));
  expect((await whenReceived(1))[0].text).toBe('after');
});

test('a socket may be closed by who receives from it', async () => {
  const server = open('127.0.0.1');
  const client = open('127.0.0.1');
  transport.onDatagram((datagram) => {
    take(datagram);
    transport.close(server);
  });
  for (let i = 0; i < 3; i++) transport.send(client, transport.local(server), undefined, octets(String(i)));
  await whenReceived(1);
  await new Promise((done) => setImmediate(done));
  expect(received.map((one) => one.text)).toEqual(['0']);
});

test('more than one batch and more than the queue holds arrive in order', async () => {
  const a = open('127.0.0.1');
  const b = open('127.0.0.1');
  const count = 2000;
  for (let i = 0; i < count; i++) transport.send(a, transport.local(b), undefined, octets(String(i)));
  const all = await whenReceived(count);
  expect(all.map((one) => Number(one.text))).toEqual(Array.from({ length: count }, (_, i) => i));
});
