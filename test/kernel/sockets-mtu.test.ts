/** Path MTU discovery against the system's routers: a narrow link behind a router that answers with ICMP. */
import '../netns/patience.ts';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Encapsulation } from '../../src/engine/spec.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { until } from './lab.ts';
import { TransportProcess } from './sockets-lab.ts';

const narrowMtu = 1300;

let lab: Lab;
let left: Namespace;
let router: Namespace;
let right: Namespace;
let near: TransportProcess;
let far: TransportProcess;

beforeEach(async () => {
  lab = await Lab.open();
  [left, router, right] = [await lab.namespace('left'), await lab.namespace('router'), await lab.namespace('right')];
  const wide = (host: number) => ({ device: 'wide', addresses: [`192.0.2.${host}/24`, `2001:db8:1::${host}/64`] });
  const thin = (host: number) => ({ device: 'thin', addresses: [`198.51.100.${host}/24`, `2001:db8:2::${host}/64`] });
  await lab.link(left, wide(1), router, wide(2));
  await lab.link(router, thin(1), right, thin(2));
  await router.run('sysctl', '-q', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  await left.ip('route', 'add', 'default', 'via', '192.0.2.2');
  await left.ip('route', 'add', 'default', 'via', '2001:db8:1::2');
  await right.ip('route', 'add', 'default', 'via', '198.51.100.1');
  await right.ip('route', 'add', 'default', 'via', '2001:db8:2::1');
  await setMtu(narrowMtu);
  near = new TransportProcess(left);
  far = new TransportProcess(right);
  // Neighbours are known from now on.
  await until(
    async () => (await left.pings('198.51.100.2')) && (await left.pings('2001:db8:2::2')),
    (reached) => reached,
  );
});

afterEach(async () => {
  await near.kill();
  await far.kill();
  await lab.close();
});

async function setMtu(octets: number): Promise<void> {
  await router.ip('link', 'set', 'thin', 'mtu', String(octets));
  await right.ip('link', 'set', 'thin', 'mtu', String(octets));
}

interface Path {
  encapsulation: Encapsulation;
  here: string;
  there: string;
  any: string;
}

const paths: Path[] = (['udp', 'ip'] as const).flatMap((encapsulation) => [
  { encapsulation, here: '192.0.2.1', there: '198.51.100.2', any: '0.0.0.0' },
  { encapsulation, here: '2001:db8:1::1', there: '2001:db8:2::2', any: '::' },
]);

const long = 'l'.repeat(1400);
const short = 's'.repeat(1200);

describe.each(paths)('$encapsulation to $there', ({ encapsulation, here, there, any }) => {
  const port = encapsulation === 'udp' ? 1701 : 0;
  const to = { address: there, port };
  const listen = (address: string, pmtuDiscovery: boolean) => ({ address, port, encapsulation, pmtuDiscovery });

  test.each([
    { bound: 'bound', address: here },
    { bound: 'wildcard', address: any },
  ])('what ICMP says of a $bound socket is told, and longer datagrams go no more', async ({ address }) => {
    await far.open(listen(there, false));
    const socket = await near.open(listen(address, true));
    const from = address === any ? here : undefined;
    expect(await near.pathMtu(socket, to, from)).toBe(1500);
    const capture = await right.capture('thin');
    await near.send(socket, to, [long], { from });
    const told = await until(
      () => near.mtus(),
      (mtus) => mtus.length > 0,
    );
    expect(told).toEqual([{ socket, address: there, mtuOctets: narrowMtu }]);
    expect(await near.pathMtu(socket, to, from)).toBe(narrowMtu);
    // The second of these fits with what stands before it, and nothing of the first hinders it.
    await near.send(socket, to, [long, short], { from });
    const received = await until(
      () => far.received(),
      (all) => all.length > 0,
    );
    expect(received.map(({ text }) => text)).toEqual([short]);
    const { errors } = await near.counters();
    // One that ICMP told, one of the sending itself.
    expect(errors).toEqual({ EMSGSIZE: 2 });
    expect(await fragmentsIn(await capture.stop())).toBe('');
  });

  test('a path that nobody asked for is told when a datagram does not fit', async () => {
    const socket = await near.open(listen(here, true));
    await near.send(socket, to, [long]);
    // ICMP's word alone moves nothing here: the kernel takes it, and refuses the next one.
    await until(
      () => near.counters(),
      ({ errors }) => errors.EMSGSIZE === 1,
    );
    expect(await near.mtus()).toEqual([]);
    await near.send(socket, to, [long]);
    const told = await until(
      () => near.mtus(),
      (mtus) => mtus.length > 0,
    );
    expect(told).toEqual([{ socket, address: there, mtuOctets: narrowMtu }]);
  });

  test('without discovery long datagrams arrive in fragments', async () => {
    await far.open(listen(there, false));
    const socket = await near.open(listen(here, false));
    const capture = await right.capture('thin');
    // In IPv6 the sender makes them, once it has heard of the narrow link.
    const received = await until(
      async () => {
        await near.send(socket, to, [long]);
        return far.received();
      },
      (all) => all.length > 0,
    );
    expect(received[0].text).toBe(long);
    expect(await near.mtus()).toEqual([]);
    expect(await fragmentsIn(await capture.stop())).not.toBe('');
  });
});

test.each([
  { encapsulation: 'udp', port: 1701, here: '192.0.2.1', there: '198.51.100.2' },
  { encapsulation: 'ip', port: 0, here: '2001:db8:1::1', there: '2001:db8:2::2' },
] as const)('one who shares the socket may turn it on: $encapsulation', async ({ here, there, ...path }) => {
  const socket = await near.open({ ...path, address: here, pmtuDiscovery: false });
  expect(await near.open({ ...path, address: here, pmtuDiscovery: true })).toBe(socket);
  const to = { address: there, port: path.port };
  const capture = await left.capture('wide');
  await near.pathMtu(socket, to);
  await near.send(socket, to, [long]);
  const told = await until(
    () => near.mtus(),
    (mtus) => mtus.length > 0,
  );
  expect(told).toEqual([{ socket, address: there, mtuOctets: narrowMtu }]);
  expect(await fragmentsIn(await capture.stop())).toBe('');
});

test('ICMP that names less than any link carries moves nothing below that', async () => {
  const socket = await near.open({ address: '192.0.2.1', port: 0, encapsulation: 'ip', pmtuDiscovery: true });
  const to = { address: '198.51.100.2', port: 0 };
  await near.pathMtu(socket, to);
  await near.send(socket, to, [short]);
  // As an outsider would: of a packet that it guesses, with an MTU of 68 octets.
  await router.run('python3', '-c', forge, '192.0.2.1', '198.51.100.2');
  const told = await until(
    () => near.mtus(),
    (mtus) => mtus.length > 0,
  );
  expect(told).toEqual([{ socket, address: '198.51.100.2', mtuOctets: 576 }]);
});

/** The lines of a capture's fragments; IPv4 packets that may be made some are lines too, if they are ours. */
async function fragmentsIn(path: string): Promise<string> {
  const ours = '(udp.port == 1701 || ip.proto == 115)';
  const filter = `ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr || (ip && ${ours} && !icmp && ip.flags.df == 0)`;
  return (await execa('tshark', ['-n', '-r', path, '-Y', filter])).stdout;
}

const forge = `
import socket, struct, sys
victim, peer = (socket.inet_aton(a) for a in sys.argv[1:3])
def checksum(octets):
    total = sum(struct.unpack('!%dH' % (len(octets) // 2), octets))
    while total > 0xffff: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
quoted = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 1220, 0, 0x4000, 64, 115, 0, victim, peer)
quoted = quoted[:10] + struct.pack('!H', checksum(quoted)) + quoted[12:] + bytes(8)
body = struct.pack('!BBHHH', 3, 4, 0, 0, 68) + quoted
body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(body, (sys.argv[1], 0))`;
