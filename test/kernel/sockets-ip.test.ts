/** L2TP directly over IP: protocol 115, beside programs that are not ours. */
import '../netns/patience.ts';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ListenSpec } from '../../src/engine/spec.ts';
import type { Capture } from '../netns/capture.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { until } from './lab.ts';
import { type Received, TransportProcess } from './sockets-lab.ts';

let lab: Lab;
let left: Namespace;
let right: Namespace;
let near: TransportProcess;
let far: TransportProcess;

beforeEach(async () => {
  lab = await Lab.open();
  left = await lab.namespace('left');
  right = await lab.namespace('right');
  const addresses = (...hosts: number[]) =>
    hosts.flatMap((host) => [`192.0.2.${host}/24`, `2001:db8::${host}/64`, `fe80::${host}/64`]);
  const end = { device: 'wire', addresses: addresses(1) };
  await lab.link(left, end, right, { device: 'wire', addresses: addresses(2, 3) });
  near = new TransportProcess(left);
  far = new TransportProcess(right);
});

afterEach(async () => {
  await near.kill();
  await far.kill();
  await lab.close();
});

const ip = (address: string): ListenSpec => ({ address, port: 0, encapsulation: 'ip', pmtuDiscovery: false });
const at = (address: string) => ({ address, port: 0 });

function whenReceived(by: TransportProcess, count: number): Promise<Received[]> {
  return until(
    () => by.received(),
    (all) => all.length >= count,
  );
}

/** What a capture holds of protocol 115, a line for each packet with the fields asked for. */
async function packets(capture: Capture, ...fields: string[]): Promise<string[][]> {
  const path = await capture.stop();
  const asked = fields.flatMap((field) => ['-e', field]);
  const filter = 'ip.proto == 115 || ipv6.nxt == 115';
  const { stdout } = await execa('tshark', ['-n', '-r', path, '-Y', filter, '-T', 'fields', ...asked]);
  return stdout.split('\n').map((line) => line.split('\t'));
}

describe.each([
  { family: 'IPv4', one: '192.0.2.1', two: '192.0.2.2', three: '192.0.2.3', any: '0.0.0.0' },
  { family: 'IPv6', one: '2001:db8::1', two: '2001:db8::2', three: '2001:db8::3', any: '::' },
])('$family', ({ family, one, two, three, any }) => {
  test('what lies behind the IP header goes and comes, and a wildcard socket answers from the address that was meant', async () => {
    const client = await near.open(ip(one));
    const server = await far.open(ip(any));
    expect(await near.local(client)).toEqual(at(one));
    expect(await far.local(server)).toEqual(at(any));
    // A port means nothing here.
    await near.send(client, { address: three, port: 1701 }, ['there']);
    const [there] = await whenReceived(far, 1);
    expect(there).toEqual({ socket: server, encapsulation: 'ip', from: at(one), to: three, text: 'there' });
    await far.send(server, there.from, ['and back'], { from: there.to });
    const [back] = await whenReceived(near, 1);
    expect(back).toEqual({ socket: client, encapsulation: 'ip', from: at(three), to: one, text: 'and back' });
    expect(await far.counters()).toEqual({ received: 1, sent: 1, oversized: 0, errors: {} });
  });

  test('many of one length in one go are packets of their own, in order, each with its mark', async () => {
    const client = await near.open(ip(one));
    await far.open(ip(two));
    // Until the neighbour is known, only a few may wait for it.
    await left.pings(two);
    const capture = await right.capture('wire', 'proto 115 or ip6 proto 115');
    const texts = Array.from({ length: 20 }, (_, i) => `packet ${i}`.padEnd(100, '.'));
    await near.send(client, at(two), texts, { dscp: 46 });
    expect((await whenReceived(far, 20)).map(({ text }) => text)).toEqual(texts);
    const field = family === 'IPv4' ? 'ip.dsfield.dscp' : 'ipv6.tclass.dscp';
    const marks = await packets(capture, field);
    expect(marks).toHaveLength(20);
    expect(new Set(marks.flat())).toEqual(new Set(['46']));
  });

  test('a program of the system speaks with it', async () => {
    const server = await far.open(ip(two));
    const domain = family === 'IPv4' ? 'AF_INET' : 'AF_INET6';
    await left.run('python3', '-c', talk, domain, one, two);
    await whenReceived(far, 1);
    const heard = left.spawn('python3', ['-u', '-c', listen, domain, one]);
    await heard.says(/bound/);
    await far.send(server, at(one), ['to a program']);
    await heard.says(/heard b'.*to a program'/);
    expect((await far.received())[0]).toMatchObject({ from: at(one), to: two, text: 'from a program' });
  });

  test('there is one socket for each address, and each open needs one close', async () => {
    const first = await far.open(ip(two));
    expect(await far.open({ ...ip(two), port: 1701 })).toBe(first);
    expect(await far.open(ip(three))).not.toBe(first);
    await far.close(first);
    const client = await near.open(ip(one));
    await near.send(client, at(two), ['still here']);
    expect(await whenReceived(far, 1)).toMatchObject([{ socket: first, text: 'still here' }]);
    await far.close(first);
    await expect(far.local(first)).rejects.toThrow('EBADF');
  });

  test('the wildcard socket hears what comes to an address that has one of its own, and the other way nothing', async () => {
    const wildcard = await far.open(ip(any));
    const own = await far.open(ip(two));
    const client = await near.open(ip(one));
    await near.send(client, at(two), ['to two']);
    // Each address is looked for on the link by itself: what is sent first need not come first.
    await whenReceived(far, 2);
    await near.send(client, at(three), ['to three']);
    const all = await whenReceived(far, 3);
    const by = (socket: number) => all.filter((one) => one.socket === socket).map(({ to, text }) => [to, text]);
    expect(by(own)).toEqual([[two, 'to two']]);
    expect(by(wildcard)).toEqual([
      [two, 'to two'],
      [three, 'to three'],
    ]);
  });

  test('UDP to the same address is apart', async () => {
    const raw = await far.open(ip(two));
    const udp = await far.open({ ...ip(two), port: 1701, encapsulation: 'udp' });
    const client = await near.open(ip(one));
    const udpClient = await near.open({ ...ip(one), encapsulation: 'udp' });
    await near.send(udpClient, { address: two, port: 1701 }, ['over UDP']);
    await near.send(client, at(two), ['over IP']);
    const all = await whenReceived(far, 2);
    expect(all).toContainEqual(expect.objectContaining({ socket: raw, encapsulation: 'ip', text: 'over IP' }));
    expect(all).toContainEqual(expect.objectContaining({ socket: udp, encapsulation: 'udp', text: 'over UDP' }));
  });
});

test('options in the IPv4 header are no payload', async () => {
  await far.open(ip('192.0.2.2'));
  await left.run('python3', '-c', talk, 'AF_INET', '192.0.2.1', '192.0.2.2', '01010100');
  expect((await whenReceived(far, 1))[0].text).toBe('from a program');
});

test('link-local addresses are told with their link', async () => {
  const index = (await right.run('cat', '/sys/class/net/wire/ifindex')).trim();
  const nearIndex = (await left.run('cat', '/sys/class/net/wire/ifindex')).trim();
  const server = await far.open(ip('::'));
  const client = await near.open(ip(`fe80::1%${nearIndex}`));
  await near.send(client, at(`fe80::2%${nearIndex}`), ['link-local']);
  const [there] = await whenReceived(far, 1);
  expect(there).toMatchObject({ socket: server, from: at(`fe80::1%${index}`), to: 'fe80::2', text: 'link-local' });
  await far.send(server, there.from, ['answer'], { from: there.to });
  expect((await whenReceived(near, 1))[0]).toMatchObject({ socket: client, from: at(`fe80::2%${nearIndex}`) });
});

test('without the right to raw sockets, what is missing is named', async () => {
  const poor = new TransportProcess(left, ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw']);
  try {
    await expect(poor.open(ip('192.0.2.1'))).rejects.toThrow(/192\.0\.2\.1 needs the capability CAP_NET_RAW: EPERM/);
  } finally {
    await poor.kill();
  }
});

const talk = `
import socket, sys
domain, source, to = sys.argv[1:4]
s = socket.socket(getattr(socket, domain), socket.SOCK_RAW, 115)
s.bind((source, 0))
if len(sys.argv) > 4: s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes.fromhex(sys.argv[4]))
s.sendto(b'from a program', (to, 0))`;

const listen = `
import socket, sys
domain, address = sys.argv[1:3]
s = socket.socket(getattr(socket, domain), socket.SOCK_RAW, 115)
s.bind((address, 0))
print('bound')
print('heard', s.recv(2000))`;
