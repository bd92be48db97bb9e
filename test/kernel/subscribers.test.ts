/** What subscribers have behind them, and what they may send: over real devices. */
import '../netns/patience.ts';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { IpAttachment, SessionKey, SocketId } from '../../src/engine/ports.ts';
import { sessionKeyV2 } from '../../src/engine/ports.ts';
import { type FilterRule, type Ipv6Prefix, parseIpv6Prefix } from '../../src/engine/spec.ts';
import { ipPacket, udpDatagram } from './ip-packets.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';
import { clientSide, dataMessage, ipv4, serverSide, session, sessionUp, subs } from './sessions.ts';

let host: Namespace | undefined;
let left: Namespace;
let right: Namespace;
let lac: PlaneProcess;
let lns: PlaneProcess;
let socket: SocketId;

beforeEach(async () => {
  left = new Namespace('peer');
  right = new Namespace('lns');
  join(left, right);
  lac = new PlaneProcess(left);
  lns = new PlaneProcess(right);
  socket = await sessionUp(lac, '192.0.2.1', '192.0.2.2');
  await sessionUp(lns, '192.0.2.2', '192.0.2.1');
  await lns.apply({ op: 'device', device: pools });
});

afterEach(async () => {
  await lac.kill();
  await lns.kill();
  host?.remove();
  host = undefined;
  left.remove();
  right.remove();
});

const done = { fact: 'done' };
const toLns = { address: '192.0.2.2', port: 1701 };
const second = sessionKeyV2(7, 10);
const pools = { ...subs, routes: ['10.9.0.0/16', '2001:db8:40::/42', '2001:db8:80::/48'] };

function prefix(text: string): Ipv6Prefix {
  const parsed = parseIpv6Prefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

/** The LNS's side of a subscriber with a /64 and a delegated prefix of the pools, and networks outside of them. */
function subscriber(more: Partial<IpAttachment> = {}, router = false): IpAttachment {
  const prefixes = ['2001:db8:80:1::/64', '2001:db8:41:100::/56', '2001:db8:ee00::/40'].map(prefix);
  return {
    ...serverSide,
    ipv6: { localInterfaceId: 1n, remoteInterfaceId: 2n, prefixes, router },
    routes: ['172.20.0.0/16', '2001:db8:dd::5/128'],
    ...more,
  };
}

async function attach(plane: PlaneProcess, key: SessionKey, attachment: IpAttachment): Promise<void> {
  expect(await plane.apply({ op: 'attach', session: key, attachment, acfc: false, pfc: false })).toMatchObject({
    fact: 'attached',
  });
}

/** The peer's host has addresses in all its networks, and leads to the LNS's own inner addresses through the session. */
async function attachBoth(attachment = subscriber()): Promise<void> {
  await attach(lns, session, attachment);
  await attach(lac, session, { ...clientSide, routes: ['2001:db8:ff::/48', '198.51.100.0/24'] });
  for (const address of ['2001:db8:ff::1/128', '198.51.100.1/32']) right.ip('addr', 'add', address, 'dev', 'lo');
  for (const address of inside) left.ip('addr', 'add', address, 'dev', 'lo');
}

const inside = ['2001:db8:80:1::5', '2001:db8:41:1ff::5', '2001:db8:ee80::5', '2001:db8:dd::5', '172.20.3.4'];
const ofLns = (address: string): string => (address.includes(':') ? '2001:db8:ff::1' : '198.51.100.1');

/** Throws when no answer comes. */
function ping(from: Namespace, source: string, to: string): void {
  from.run('ping', '-c', '1', '-W', '10', '-I', source, to);
}

const dropped = (reason: string, count: number): Promise<Record<string, number>> =>
  until(
    () => lns.dropped(),
    (all) => (all[reason] ?? 0) >= count,
  );

const gaps = (plane: PlaneProcess): Promise<(readonly string[])[]> =>
  plane.list().then((devices) => devices.map((device) => device.gaps));

const send = (protocol: number, packet: Uint8Array): Promise<void> =>
  lac.datagram(socket, toLns, dataMessage(protocol, packet));

test('prefixes and networks behind a peer are reached, and it reaches out from them', async () => {
  await attachBoth();
  for (const address of inside) {
    ping(right, ofLns(address), address);
    ping(left, address, ofLns(address));
  }
  // What the pools' routes cover needs none of its own.
  const routes = (family: string): string[] =>
    right
      .ip(family, 'route', 'show', 'proto', '171')
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0])
      .sort();
  expect(routes('-4')).toEqual(['10.9.0.0/16', '172.20.0.0/16']);
  expect(routes('-6')).toEqual(['2001:db8:40::/42', '2001:db8:80::/48', '2001:db8:dd::5', '2001:db8:ee00::/40']);
  expect(await gaps(lns)).toEqual([[]]);
  expect(await gaps(lac)).toEqual([[]]);

  // Other networks from now on.
  await attach(lns, session, subscriber({ routes: [] }));
  expect(routes('-4')).toEqual(['10.9.0.0/16']);
  await lns.apply({ op: 'device', device: { ...pools, routes: ['10.9.0.0/16', '2001:db8:40::/42'] } });
  expect(routes('-6')).toEqual(['2001:db8:40::/42', '2001:db8:80:1::/64', '2001:db8:ee00::/40']);
  ping(right, '2001:db8:ff::1', inside[0]);
  expect(await gaps(lns)).toEqual([[]]);
  await lns.apply({ op: 'sessionDown', session });
  expect(routes('-6')).toEqual(['2001:db8:40::/42']);
  await lac.apply({ op: 'sessionDown', session });
  expect(left.ip('-6', 'route', 'show', 'proto', '171')).toBe('');
});

test('a small MTU and its end move routes of IPv6 as well', async () => {
  await attach(lns, session, subscriber({ mtu: 1300, routes: [] }));
  const routes = right.ip('-6', 'route', 'show', 'dev', 'subs', 'proto', '171');
  expect(routes).toMatch(/2001:db8:80:1::\/64 metric 1024 mtu 1300/);
  expect(await gaps(lns)).toEqual([[]]);
  right.ip('-6', 'route', 'del', '2001:db8:80:1::/64', 'dev', 'subs');
  const drifts = await until(
    () => lns.drifts(),
    (all) => all.length > 0,
  );
  expect(drifts[0]).toEqual({ device: 'subs', what: 'route 2001:db8:80:1::/64 mtu 1300 missing' });
  await lns.apply({ op: 'repair', name: 'subs' });
  expect(await gaps(lns)).toEqual([[]]);
  // Too small for IPv6, and back.
  await lns.apply({ op: 'device', device: { ...pools, mtu: 1200 } });
  expect(await gaps(lns)).toEqual([[]]);
  await lns.apply({ op: 'device', device: pools });
  expect(await gaps(lns)).toEqual([[]]);
  expect(right.ip('-6', 'route', 'show', 'dev', 'subs', 'proto', '171')).toContain('2001:db8:80::/48');
});

test('each of two subscribers gets its own, and neither sends from what is not its own', async () => {
  await lns.apply({
    op: 'sessionUp',
    session: second,
    localTunnelId: 7,
    remoteSessionId: 10,
    pseudowire: 'ppp',
    sequencing: 'none',
    reorderTimeoutMs: 0,
    dscp: 0,
  });
  await attach(lns, session, subscriber());
  // Inside of the first one's network, and with the first one's interface identifier.
  const prefixes = [prefix('2001:db8:80:2::/64'), prefix('2001:db8:ee42::/48')];
  await attach(lns, second, {
    ...serverSide,
    ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('10.9.0.3'), defaultRoute: false, proxyArp: false },
    ipv6: { localInterfaceId: 1n, remoteInterfaceId: 2n, prefixes, router: false },
    routes: ['172.20.9.0/24'],
  });
  const before = (await lns.counters(second)).txPackets;
  right.run(
    'sh',
    '-c',
    'for a in 2001:db8:80:2::1 2001:db8:ee42::1; do ping -c 1 -W 1 $a; done; ping -c 1 -W 1 172.20.9.1 || true',
  );
  expect((await lns.counters(second)).txPackets).toBe(before + 3);

  const from = (source: string): Uint8Array =>
    ipPacket({ source, destination: ofLns(source), protocol: 17, payload: udpDatagram(1, 2) });
  const spoofed = [
    '10.9.0.3',
    '10.9.0.1',
    '172.20.9.1',
    '192.0.2.9',
    '2001:db8:80:2::1',
    '2001:db8:ee42::1',
    '2001:db8::9',
    '::',
    'fe80::3',
    'fe80::1:0:0:0:2',
  ];
  const own = ['10.9.0.2', '172.20.8.1', '2001:db8:80:1::1', '2001:db8:eeff::1', '2001:db8:dd::5', 'fe80::2'];
  for (const source of [...spoofed, ...own]) await send(source.includes(':') ? 0x57 : 0x21, from(source));
  await until(
    () => lns.counters(session),
    ({ rxPackets }) => rxPackets === own.length,
  );
  expect(await lns.dropped()).toMatchObject({ spoofed: spoofed.length });
  expect(await lns.counters(session)).toMatchObject({ rxDropped: spoofed.length });
});

test('router solicitations and DHCPv6 are for the engine where it is the router, all else is not', async () => {
  const solicitation = Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0);
  const toRouters = (source: string, destination = 'ff02::2'): Uint8Array =>
    ipPacket({ source, destination, protocol: 58, payload: solicitation });
  const dhcp = (source: string, destination: string, port = 547): Uint8Array =>
    ipPacket({ source, destination, protocol: 17, payload: udpDatagram(546, port, new Uint8Array(20)) });
  const forEngine = [
    toRouters('fe80::2'),
    toRouters('::'),
    toRouters('fe80::2', 'fe80::1'),
    dhcp('fe80::2', 'ff02::1:2'),
    dhcp('fe80::2', 'fe80::1'),
  ];
  const forHost = [
    dhcp('2001:db8:80:1::5', '2001:db8:ff::1'),
    dhcp('fe80::2', 'ff02::1:2', 546),
    ipPacket({
      source: 'fe80::2',
      destination: 'ff02::2',
      protocol: 58,
      payload: Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0),
    }),
  ];
  const spoofed = [toRouters('fe80::3'), dhcp('::', 'ff02::1:2'), dhcp('fe80::3', 'ff02::1:2')];

  await attach(lns, session, subscriber({}, true));
  for (const packet of [...spoofed, ...forHost, ...forEngine]) await send(0x57, packet);
  const frames = await until(
    () => lns.frames(),
    (all) => all.length >= forEngine.length,
  );
  expect(frames.map(({ bytes }) => [...bytes])).toEqual(forEngine.map((packet) => [0xff, 0x03, 0x00, 0x57, ...packet]));
  expect(await lns.counters(session)).toMatchObject({ rxPackets: forHost.length, rxDropped: spoofed.length });

  await attach(lns, session, subscriber({}, false));
  for (const packet of forEngine) await send(0x57, packet);
  await until(
    () => lns.counters(session),
    ({ rxPackets }) => rxPackets === forHost.length + forEngine.length - 1,
  );
  expect(await lns.frames()).toHaveLength(forEngine.length);
});

test('a subscriber is no router of ours: its advertisements and redirects reach neither host nor engine', async () => {
  const said = (
    type: number,
    extensions?: readonly (readonly [number, Uint8Array])[],
    source = 'fe80::2',
  ): Uint8Array =>
    ipPacket({
      source,
      destination: 'ff02::1',
      protocol: 58,
      payload: Uint8Array.of(type, ...new Uint8Array(15)),
      extensions,
    });
  const behindOptions = [[0, new Uint8Array(8)]] as const;
  const asRouter = [said(134), said(137), said(134, behindOptions), said(134, undefined, 'febf::2')];
  for (const router of [false, true]) {
    await attach(lns, session, subscriber({}, router));
    for (const packet of [...asRouter, said(136)]) await send(0x57, packet);
  }
  await until(
    () => lns.counters(session),
    ({ rxPackets }) => rxPackets === 2,
  );
  expect(await lns.dropped()).toMatchObject({ notARouter: 2 * asRouter.length });
  expect(await lns.frames()).toEqual([]);
});

test("the engine's own IPv6 packets reach the peer's host", async () => {
  await attachBoth(subscriber({}, true));
  const advertisement = ipPacket({
    source: 'fe80::1',
    destination: 'ff02::1',
    protocol: 58,
    payload: new Uint8Array(16).fill(134, 0, 1),
  });
  const before = (await lac.counters(session)).rxPackets;
  await lns.sendControl(session, Uint8Array.of(0xff, 0x03, 0x00, 0x57, ...advertisement));
  await until(
    () => lac.counters(session),
    ({ rxPackets }) => rxPackets > before,
  );
  expect(await lns.counters(session)).toMatchObject({ txPackets: 0, txOctets: 0 });
});

test('a host beside us reaches a peer whose address is in its own subnet, until the session is down', async () => {
  host = new Namespace('host');
  right.ip('link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'lan', 'netns', host.name);
  right.ip('addr', 'add', '10.9.0.100/24', 'dev', 'lan');
  host.ip('addr', 'add', '10.9.0.77/24', 'dev', 'lan');
  for (const side of [right, host]) side.ip('link', 'set', 'lan', 'up');
  right.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.neigh.lan.proxy_delay=0');
  const proxies = (): string => right.ip('neigh', 'show', 'proxy').trim();
  const proxied = subscriber({
    ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('10.9.0.2'), defaultRoute: false, proxyArp: true },
    routes: [],
  });
  await attach(lns, session, proxied);
  await attach(lac, session, { ...clientSide, routes: ['10.9.0.77/32'] });
  expect(proxies()).toMatch(/^10\.9\.0\.2 dev lan proxy +proto 171$/);
  host.run('ping', '-c', '1', '-W', '10', '10.9.0.2');
  expect(await gaps(lns)).toEqual([[]]);

  right.ip('neigh', 'del', 'proxy', '10.9.0.2', 'dev', 'lan');
  expect(await gaps(lns)).toEqual([['neighbour proxy 10.9.0.2 missing']]);
  await lns.apply({ op: 'repair', name: 'subs' });
  expect(await gaps(lns)).toEqual([[]]);
  // The kernel forgets them with the interface.
  right.ip('link', 'set', 'lan', 'down');
  const drifts = await until(
    () => lns.drifts(),
    (all) => all.length > 0,
  );
  expect(drifts.at(-1)).toEqual({ device: 'subs', what: 'neighbour proxy 10.9.0.2 missing' });
  await lns.apply({ op: 'repair', name: 'subs' });
  expect(await gaps(lns)).toEqual([[]]);

  await attach(lns, session, subscriber());
  expect(proxies()).toBe('');
  // An entry of somebody else's stays.
  right.ip('neigh', 'add', 'proxy', '10.9.0.2', 'dev', 'lan');
  await attach(lns, session, proxied);
  await lns.apply({ op: 'sessionDown', session });
  expect(proxies()).toMatch(/^10\.9\.0\.2 dev lan proxy *$/);
  right.ip('neigh', 'del', 'proxy', '10.9.0.2', 'dev', 'lan');

  // What a crash left behind is swept.
  await lns.kill();
  right.ip('neigh', 'add', 'proxy', '10.9.0.3', 'dev', 'lan', 'protocol', '171');
  lns = new PlaneProcess(right);
  await lns.sweep();
  expect(proxies()).toBe('');
});

const denyPing: readonly FilterRule[] = [{ action: 'deny', direction: 'in', protocol: 1 }];

test('a filter holds from one moment to the next, in its direction', async () => {
  await attachBoth();
  const limit = (filter: readonly FilterRule[] | undefined): Promise<unknown> =>
    lns.apply({ op: 'limit', session, rate: undefined, filter });
  expect(await limit(denyPing)).toEqual(done);
  left.run('sh', '-c', 'ping -c 2 -i 0.02 -W 1 -I 10.9.0.2 10.9.0.1 || true');
  await dropped('filtered', 2);
  expect(await lns.counters(session)).toMatchObject({ rxDropped: 2 });
  ping(left, inside[0], ofLns(inside[0]));
  // It stays over an attachment.
  await attach(lns, session, subscriber());
  left.run('sh', '-c', 'ping -c 2 -i 0.02 -W 1 -I 10.9.0.2 10.9.0.1 || true');
  await dropped('filtered', 4);
  expect(await limit([{ action: 'deny', direction: 'out', destination: 'nonsense' }])).toMatchObject({
    code: 'EINVAL',
  });
  expect(await limit(undefined)).toEqual(done);
  ping(left, '10.9.0.2', '10.9.0.1');
});

/** Takes what comes over one TCP connection, tells how much, and answers as much. */
const tcpServer = `import socket
s = socket.create_server(('10.9.0.1', 4000))
print('ready', flush=True)
c, _ = s.accept()
got = b''
while len(got) < 1000000: got += c.recv(65536)
c.sendall(got)
c.close()`;
const tcpClient = `import socket, os
data = os.urandom(1000000)
s = socket.create_connection(('10.9.0.1', 4000))
s.sendall(data)
got = b''
while len(got) < len(data): got += s.recv(65536)
print('whole' if got == data else 'spoiled')`;

test('TCP passes whole through a rate both ways, what is too much is dropped, and what waits goes when the rate does', async () => {
  await attachBoth();
  const rate = { txBps: 8_000_000, rxBps: 16_000_000 };
  expect(await lns.apply({ op: 'limit', session, rate, filter: denyPing })).toEqual(done);
  const server = spawn('ip', ['netns', 'exec', right.name, 'python3', '-c', tcpServer]);
  const said = createInterface(server.stdout)[Symbol.asyncIterator]();
  expect((await said.next()).value).toBe('ready');
  const began = performance.now();
  expect(left.run('python3', '-c', tcpClient)).toBe('whole\n');
  const ms = performance.now() - began;
  const counters = await lns.counters(session);
  const lost = await lns.dropped();
  // Each way a megabyte and its headers, and no more than the time allows: 20 ms at once and then at the rate.
  expect(counters.rxOctets).toBeGreaterThan(1_000_000);
  expect(counters.txOctets).toBeGreaterThan(1_000_000);
  expect(counters.txOctets).toBeLessThanOrEqual((rate.txBps / 8000) * (ms + 20));
  expect(counters.rxOctets).toBeLessThanOrEqual((rate.rxBps / 8000) * (ms + 20));

  // At once 3,000 octets pass, 12,000 wait, and of 15 packets 5 are too many. What waits when the limit ends passes.
  await lns.apply({ op: 'limit', session, rate: { txBps: 1, rxBps: 0 }, filter: undefined });
  right.run('sh', '-c', 'ping -c 15 -i 0.01 -s 1372 -W 1 10.9.0.2 || true');
  await dropped('aboveRate', (lost.aboveRate ?? 0) + 5);
  expect((await lns.counters(session)).txDropped).toBeGreaterThanOrEqual(counters.txDropped + 5);
  const held = await lns.tables();
  expect(held.waitingPackets).toBeGreaterThan(0);
  expect(await lns.apply({ op: 'limit', session, rate: undefined, filter: undefined })).toEqual(done);
  expect(await lns.tables()).toMatchObject({ waitingPackets: 0 });
  ping(right, '10.9.0.1', '10.9.0.2');
  // What waits at the end is dropped.
  await lns.apply({ op: 'limit', session, rate: { txBps: 1, rxBps: 0 }, filter: undefined });
  right.run('sh', '-c', 'ping -c 5 -i 0.01 -s 1372 -W 1 10.9.0.2 || true');
  await lns.apply({ op: 'sessionDown', session });
  expect(await lns.tables()).toMatchObject({ waitingPackets: 0, sessions: 0 });
  expect(await lns.close()).toBe(0);
});

test('the MSS of connections is what fits through the session, both ways', async () => {
  await attachBoth(subscriber({ mtu: 1300, mssClamp: true }));
  const server = spawn('ip', ['netns', 'exec', right.name, 'python3', '-c', mssServer]);
  const said = createInterface(server.stdout)[Symbol.asyncIterator]();
  expect((await said.next()).value).toBe('ready');
  for (const [from, to, octets] of [
    ['10.9.0.2', '198.51.100.1', 1260],
    [inside[0], '2001:db8:ff::1', 1240],
  ] as const) {
    // Timestamps take 12 octets of each segment.
    expect(left.run('python3', '-c', mssClient, from, to)).toBe(`${octets - 12}\n`);
    expect((await said.next()).value).toBe(String(octets - 12));
  }
  server.kill();
});

const mssServer = `import socket
s = socket.create_server(('::', 4000), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
while True:
  c, _ = s.accept()
  print(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG), flush=True)
  c.close()`;
const mssClient = `import socket, sys
source, to = sys.argv[1:]
s = socket.create_connection((to, 4000), source_address=(source, 0))
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))`;
