import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DataSequencing } from '../../src/engine/spec.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';
import {
  clientSide,
  dataMessage,
  ipv4,
  ipv4Packet,
  serverSide,
  session,
  sessionUp,
  subs,
  udpPacket,
} from './sessions.ts';

let left: Namespace;
let right: Namespace;
let lac: PlaneProcess;
let lns: PlaneProcess;

beforeEach(() => {
  left = new Namespace('left');
  right = new Namespace('right');
  join(left, right);
  lac = new PlaneProcess(left);
  lns = new PlaneProcess(right);
});

afterEach(async () => {
  await lac.kill();
  await lns.kill();
  left.remove();
  right.remove();
});

const lacAddress = '192.0.2.1';
const lnsAddress = '192.0.2.2';
const toLns = { address: lnsAddress, port: 1701 };

async function attachBoth(sequencing: DataSequencing = 'none', [near, far] = [lacAddress, lnsAddress]): Promise<void> {
  await sessionUp(lac, near, far, { sequencing });
  await sessionUp(lns, far, near);
  expect(await lns.apply({ op: 'device', device: subs })).toEqual({ fact: 'done' });
  const client = await lac.apply({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false });
  expect(client).toEqual({ fact: 'attached', session, interface: 'l2tp0' });
  const server = await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: true, pfc: true });
  expect(server).toEqual({ fact: 'attached', session, interface: 'subs' });
}

function ping(from: Namespace, to: string, count = 1): void {
  from.run('ping', '-c', String(count), '-i', '0.02', '-W', '2', to);
}

const gaps = (plane: PlaneProcess): Promise<(readonly string[])[]> =>
  plane.list().then((devices) => devices.map((device) => device.gaps));

test('a ping passes both ways, IPv4 and IPv6, and nothing is left at the end', async () => {
  await attachBoth();
  ping(left, '10.9.0.1', 3);
  ping(right, '10.9.0.2', 3);
  ping(left, 'fe80::1%l2tp0', 2);
  ping(right, 'fe80::2%subs', 2);
  // The kernel's own multicast may come on top of the ten.
  const counters = await lac.counters(session);
  expect(counters).toMatchObject({ rxDropped: 0, txDropped: 0 });
  expect(counters.rxPackets).toBeGreaterThanOrEqual(10);
  expect(counters.txPackets).toBeGreaterThanOrEqual(10);
  expect(left.ip('link', 'show', 'l2tp0')).toContain('alias prol2tp:Session/office');
  expect(await gaps(lac)).toEqual([[]]);
  expect(await gaps(lns)).toEqual([[]]);

  expect(await lac.close()).toBe(0);
  expect(await lns.close()).toBe(0);
  expect(left.ip('-o', 'link')).not.toContain('l2tp0');
  expect(right.ip('-o', 'link')).not.toContain('subs');
});

test('PPP control frames go to the engine whole, user packets only when attached', async () => {
  await sessionUp(lns, lnsAddress, lacAddress);
  await sessionUp(lac, lacAddress, lnsAddress);
  const lcp = Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4);
  await lac.sendControl(session, lcp);
  const [frame] = await until(
    () => lns.frames(),
    (frames) => frames.length > 0,
  );
  expect(frame).toEqual({ session, bytes: lcp });
  await lac.sendControl(session, dataMessage(0x0021, ipv4Packet('10.9.0.2', '10.9.0.1')).subarray(6));
  expect(
    await until(
      () => lns.dropped(),
      (dropped) => 'notAttached' in dropped,
    ),
  ).toEqual({ notAttached: 1 });
  expect(await lns.counters(session)).toMatchObject({ rxPackets: 0, rxDropped: 1 });
});

test('a device that is deleted, set down, stripped or changed is told as drift and repaired', async () => {
  await attachBoth();
  const spoil: [Namespace, PlaneProcess, string, string[], string][] = [
    [right, lns, 'subs', ['link', 'del', 'subs'], 'missing'],
    // With the last IPv4 address the kernel takes the routes away.
    [
      right,
      lns,
      'subs',
      ['addr', 'del', '10.9.0.1/32', 'dev', 'subs'],
      'address 10.9.0.1/32 missing, route 10.9.0.0/16 missing',
    ],
    [right, lns, 'subs', ['route', 'del', '10.9.0.0/16', 'dev', 'subs'], 'route 10.9.0.0/16 missing'],
    [left, lac, 'l2tp0', ['link', 'set', 'l2tp0', 'down'], 'down, address fe80::2/64 missing'],
    [left, lac, 'l2tp0', ['link', 'set', 'l2tp0', 'mtu', '1300'], 'mtu 1300 instead of 1400'],
    [left, lac, 'l2tp0', ['link', 'set', 'l2tp0', 'alias', 'mine'], 'alias changed'],
    [left, lac, 'l2tp0', ['link', 'del', 'l2tp0'], 'missing'],
  ];
  for (const [namespace, plane, device, command, gap] of spoil) {
    const told = (await plane.drifts()).length;
    namespace.ip(...command);
    const drifts = await until(
      () => plane.drifts(),
      (all) => all.length > told,
    );
    expect(drifts.at(-1)).toEqual({ device, what: gap });
    expect(await gaps(plane)).toEqual([gap.split(', ')]);
    expect(await plane.apply({ op: 'repair', name: device })).toEqual({ fact: 'done' });
    expect(await gaps(plane)).toEqual([[]]);
    ping(left, '10.9.0.1');
    ping(right, 'fe80::2%subs');
  }
  // One drift each time: our own repairs are none.
  expect((await lns.drifts()).length + (await lac.drifts()).length).toBe(spoil.length);
});

test('a foreign device with the wanted name is left alone, and so is a foreign device at the sweep', async () => {
  left.ip('tuntap', 'add', 'subs', 'mode', 'tun');
  left.ip('link', 'add', 'other', 'type', 'veth');
  left.ip('link', 'set', 'other', 'alias', 'prol2tp:not-a-tun');
  const taken = await lac.apply({ op: 'device', device: subs });
  expect(taken).toMatchObject({ fact: 'failed', code: 'EEXIST', message: expect.stringContaining('left alone') });
  expect(await lac.apply({ op: 'device', device: { ...subs, name: 'other' } })).toMatchObject({ code: 'EEXIST' });

  left.ip('tuntap', 'add', 'abandoned', 'mode', 'tun');
  left.ip('link', 'set', 'abandoned', 'alias', 'prol2tp:Session/gone');
  await lac.apply({ op: 'device', device: { ...subs, name: 'alive' } });
  expect(await lac.sweep()).toEqual(['abandoned']);
  const links = left.ip('-o', 'link');
  expect(links).not.toContain('abandoned');
  for (const name of ['subs', 'other', 'alive', 'wire']) expect(links).toContain(`: ${name}`);
});

test('a crash leaves no device behind', async () => {
  await attachBoth();
  await lac.kill();
  await until(
    async () => left.ip('-o', 'link'),
    (links) => !links.includes('l2tp0'),
  );
});

test('subscribers of a shared device cannot use addresses of others', async () => {
  const socket = await sessionUp(lac, lacAddress, lnsAddress);
  await sessionUp(lns, lnsAddress, lacAddress);
  await lns.apply({ op: 'device', device: subs });
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  await lac.datagram(socket, toLns, dataMessage(0x21, ipv4Packet('10.9.0.3', '10.9.0.1')));
  await lac.datagram(socket, toLns, dataMessage(0x21, ipv4Packet('10.9.0.2', '10.9.0.1')));
  const ipv6 = new Uint8Array(40);
  ipv6.set([0x60, 0, 0, 0, 0, 0, 59, 64]);
  ipv6.set([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 8);
  await lac.datagram(socket, toLns, dataMessage(0x57, ipv6));
  // An IPv6 packet in an IPv4 frame must not slip through either.
  await lac.datagram(socket, toLns, dataMessage(0x21, ipv6));
  expect(
    await until(
      () => lns.dropped(),
      (dropped) => 'malformedIp' in dropped,
    ),
  ).toMatchObject({ spoofed: 2, malformedIp: 1 });
  expect(await lns.counters(session)).toMatchObject({ rxPackets: 1, rxDropped: 3 });
});

test('late and repeated packets are dropped, gaps are not, and a peer that counts anew is followed', async () => {
  const socket = await sessionUp(lac, lacAddress, lnsAddress);
  await sessionUp(lns, lnsAddress, lacAddress, { followSequencing: true });
  const frame = (ns: number): Promise<void> =>
    lac.datagram(socket, toLns, dataMessage(0xc021, Uint8Array.of(9, ns & 255, 0, 4), ns));
  for (const ns of [0, 1, 5, 4, 5, 6, 40000, 6]) await frame(ns);
  // 40000 lies behind, seen from 7: late as well.
  expect(
    await until(
      () => lns.counters(session),
      (counters) => counters.rxOutOfOrder === 4,
    ),
  ).toMatchObject({ rxOutOfOrder: 4, rxLost: 3 });
  expect(await lns.frames()).toHaveLength(4);
  for (let ns = 40001; ns < 40080; ns++) await frame(ns);
  await until(
    () => lns.frames(),
    (frames) => frames.at(-1)?.bytes[5] === (40079 & 255),
  );
  // The LNS's sequencing is answered in kind (RFC 2661 5.4).
  const socketOfLns = await sessionUp(lac, lacAddress, lnsAddress);
  expect(socketOfLns).toBe(socket);
  await lns.sendControl(session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4));
  await lns.sendControl(session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 2, 0, 4));
  await until(
    () => lac.frames(),
    (frames) => frames.length === 2,
  );
});

test('user packets that come out of order reach the host in order', async () => {
  const socket = await sessionUp(lac, lacAddress, lnsAddress);
  await sessionUp(lns, lnsAddress, lacAddress, { reorderTimeoutMs: 60_000 });
  await lns.apply({ op: 'device', device: subs });
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  const order = [0, 4, 1, 7, 3, 2, 5, 5, 6, 8, 9];
  const receiver = spawn('ip', ['netns', 'exec', right.name, 'python3', '-uc', receiveTen]);
  const said = createInterface(receiver.stdout)[Symbol.asyncIterator]();
  expect((await said.next()).value).toBe('ready');
  for (const ns of order) {
    const packet = udpPacket('10.9.0.2', '10.9.0.1', new Uint8Array(20 * ns + 2).fill(ns));
    await lac.datagram(socket, toLns, dataMessage(0x21, packet, ns));
  }
  const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((ns) => `${20 * ns + 2} ${ns}`);
  expect((await said.next()).value).toBe(lengths.join(', '));
  // 4, 3 and 7 waited.
  expect(await lns.counters(session)).toMatchObject({ rxPackets: 10, rxReordered: 3, rxOutOfOrder: 1, rxLost: 0 });
});

const receiveTen = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.9.0.1', 4000))
print('ready')
print(', '.join(f'{len(d)} {d[0]}' for d in (s.recv(2048) for _ in range(10))))`;

test('sequence numbers go along with user packets', async () => {
  await attachBoth('all');
  ping(left, '10.9.0.1', 5);
  const counters = await lns.counters(session);
  expect(counters.rxPackets).toBeGreaterThanOrEqual(5);
  expect(counters.rxOutOfOrder).toBe(0);
});

test('the tunnel may go over IPv6', async () => {
  await attachBoth('none', ['2001:db8::1', '2001:db8::2']);
  ping(left, '10.9.0.1', 3);
  ping(right, 'fe80::2%subs', 3);
  // Led into itself it drops its own packets.
  left.ip('-6', 'route', 'add', '2001:db8::2/128', 'dev', 'l2tp0');
  await lac.sendControl(session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4));
  await until(
    () => lac.dropped(),
    (dropped) => dropped.tunnelLoop === 1,
  );
});

test('networks behind the peer do not cut the tunnel off, however they lie about its end', async () => {
  left.ip('route', 'add', 'default', 'via', lnsAddress);
  right.ip('addr', 'add', '198.51.100.1/32', 'dev', 'lo');
  await sessionUp(lac, lacAddress, '198.51.100.1');
  await sessionUp(lns, '198.51.100.1', lacAddress);
  await lns.apply({ op: 'device', device: subs });
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  const attachment = { ...clientSide, routes: ['198.51.0.0/16', '198.51.100.1'] };
  await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(left.ip('route', 'get', '198.51.9.9')).toContain('dev l2tp0');
  expect(left.ip('route', 'get', '198.51.100.1')).toContain(`via ${lnsAddress} dev wire`);
  ping(left, '10.9.0.1');
  expect(await gaps(lac)).toEqual([[]]);
  await lac.apply({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false });
  expect(left.ip('route', 'show', 'proto', '171')).toBe('');
});

test('packets that exceed the MTU of the path go in fragments, in bursts as well', async () => {
  for (const side of [left, right]) side.ip('link', 'set', 'wire', 'mtu', '1000');
  await attachBoth();
  const shown = left.run('ping', '-c', '30', '-l', '30', '-s', '1300', '-W', '2', '10.9.0.1');
  expect(shown).toContain(' 0% packet loss');
});

test('the greatest MTU is carried whole', async () => {
  await sessionUp(lac, lacAddress, lnsAddress);
  await sessionUp(lns, lnsAddress, lacAddress);
  const mtu = 16_384;
  await lns.apply({ op: 'device', device: { ...subs, mtu } });
  await lns.apply({ op: 'attach', session, attachment: { ...serverSide, mtu }, acfc: false, pfc: false });
  await lac.apply({ op: 'attach', session, attachment: { ...clientSide, mtu }, acfc: false, pfc: false });
  const shown = left.run('ping', '-c', '2', '-i', '0.02', '-s', String(mtu - 28), '-M', 'do', '-W', '2', '10.9.0.1');
  expect(shown).toContain(' 0% packet loss');
});

test('datagrams from others than the tunnel peer and broken ones are counted and dropped', async () => {
  const socket = await sessionUp(lac, lacAddress, lnsAddress);
  await sessionUp(lns, lnsAddress, lacAddress);
  const lcp = dataMessage(0xc021, Uint8Array.of(9, 1, 0, 4));
  const elsewhere = await lac.open(lacAddress, 1702);
  await lac.datagram(elsewhere, toLns, lcp);
  await lac.datagram(socket, toLns, Uint8Array.of(0, 2, 0, 7));
  await lac.datagram(socket, toLns, Uint8Array.of(0, 1, 0, 7, 0, 9, 0xff));
  await lac.datagram(socket, toLns, Uint8Array.of(0, 2, 0, 7, 0, 8, 0xff));
  await lac.datagram(socket, toLns, Uint8Array.of(0, 2, 0, 7, 0, 9, 0xff, 0x03, 0xc0));
  await lac.datagram(socket, toLns, new Uint8Array(0));
  await lac.datagram(socket, toLns, Uint8Array.of(2, 2, 0, 7, 0, 9, 0xff, 0xff, 1, 2));
  await lac.datagram(socket, toLns, lcp);
  await until(
    () => lns.frames(),
    (frames) => frames.length > 0,
  );
  expect(await lns.dropped()).toEqual({
    wrongPeer: 1,
    truncatedHeader: 2,
    version: 1,
    noSession: 1,
    truncatedPpp: 1,
    headerOffset: 1,
  });
});

test('a default route leads everything into the session but the tunnel itself', async () => {
  left.ip('route', 'add', 'default', 'via', lnsAddress);
  right.ip('addr', 'add', '198.51.100.1/32', 'dev', 'lo');
  await sessionUp(lac, lacAddress, '198.51.100.1');
  await sessionUp(lns, '198.51.100.1', lacAddress);
  await lns.apply({ op: 'device', device: subs });
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  const attachment = {
    ...clientSide,
    interface: { kind: 'own', name: 'office' } as const,
    ipv4: { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: true, proxyArp: false },
  };
  const attached = await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(attached).toEqual({ fact: 'attached', session, interface: 'office' });
  expect(left.ip('route', 'get', '203.0.113.9')).toContain('dev office');
  expect(left.ip('route', 'get', '198.51.100.1')).toContain(`via ${lnsAddress} dev wire`);
  ping(left, '10.9.0.1');
  expect(await gaps(lac)).toEqual([[]]);

  // Losing the route that guards the tunnel must not send the tunnel into itself.
  left.ip('route', 'del', '198.51.100.1');
  await until(
    () => lac.drifts(),
    (drifts) => drifts.length > 0,
  );
  await lac.sendControl(session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4));
  await until(
    () => lac.dropped(),
    (dropped) => dropped.tunnelLoop === 1,
  );
  expect(await lac.apply({ op: 'repair', name: 'office' })).toEqual({ fact: 'done' });
  ping(left, '10.9.0.1');

  const modest = { ...attachment, ipv4: { ...attachment.ipv4, defaultRoute: false } };
  await lac.apply({ op: 'attach', session, attachment: modest, acfc: false, pfc: false });
  expect(left.ip('route', 'show', 'proto', '171')).toBe('');
  await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  await lac.apply({ op: 'sessionDown', session });
  expect(left.ip('route', 'show', 'proto', '171')).toBe('');
  expect(left.ip('route', 'show', 'default')).toContain(`default via ${lnsAddress}`);
  expect(left.ip('-o', 'link')).not.toContain('office');
});

test('a default route is preferred to one with a metric, and stands alone where there is none', async () => {
  await sessionUp(lac, lacAddress, lnsAddress);
  const everything = { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: true, proxyArp: false };
  const attachment = { ...clientSide, ipv4: everything };
  await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(left.ip('route', 'show', 'default')).toBe('default dev l2tp0 proto 171 scope link \n');
  await lac.apply({ op: 'detach', session });
  left.ip('route', 'add', 'default', 'via', lnsAddress, 'metric', '100');
  await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(left.ip('route', 'show', 'default', 'dev', 'l2tp0')).toContain('metric 99');
});

test('a peer whose address inside the tunnel is its outer one does not cut the tunnel off', async () => {
  await sessionUp(lac, lacAddress, lnsAddress);
  const inside = { local: ipv4('10.9.0.2'), remote: ipv4(lnsAddress), defaultRoute: false, proxyArp: false };
  const attachment = { ...clientSide, ipv4: inside };
  await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(left.ip('route', 'get', lnsAddress)).toContain('dev wire');
  expect(left.ip('addr', 'show', 'l2tp0')).toContain('inet 10.9.0.2/32');
});

test('without room or leave for IPv6, IPv4 is carried alone', async () => {
  await sessionUp(lac, lacAddress, lnsAddress);
  const attachment = { ...clientSide, mtu: 1000 };
  const attached = await lac.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
  expect(attached).toMatchObject({ fact: 'attached' });
  expect(await gaps(lac)).toEqual([[]]);
  await lac.apply({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false });
  expect(left.ip('addr', 'show', 'l2tp0')).toContain('fe80::2/64');
  expect(await gaps(lac)).toEqual([[]]);
});

test('a shared device follows its spec, and sessions outside its pools get routes of their own', async () => {
  await sessionUp(lns, lnsAddress, lacAddress);
  await lns.apply({ op: 'device', device: subs });
  const small = { ...serverSide, mtu: 1300 };
  await lns.apply({ op: 'attach', session, attachment: small, acfc: false, pfc: false });
  expect(right.ip('route', 'show', 'dev', 'subs')).toContain('10.9.0.2 proto 171 scope link mtu 1300');
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  expect(right.ip('route', 'show', 'dev', 'subs')).not.toContain('10.9.0.2');

  const moved = { name: 'subs', mtu: 1420, addresses: ['10.8.0.1'], routes: ['10.8.0.0/16'] };
  expect(await lns.apply({ op: 'device', device: moved })).toEqual({ fact: 'done' });
  const shown = right.ip('addr', 'show', 'dev', 'subs');
  expect(shown).toContain('10.8.0.1/32');
  expect(shown).not.toContain('10.9.0.1');
  expect(shown).toContain('mtu 1420');
  const routes = right.ip('route', 'show', 'dev', 'subs');
  expect(routes).toContain('10.8.0.0/16');
  expect(routes).not.toContain('10.9.0.0/16');
  expect(routes).toContain('10.9.0.2 proto 171 scope link mtu 1400');
  expect(await gaps(lns)).toEqual([[]]);

  await lns.apply({ op: 'detach', session });
  expect(right.ip('route', 'show', 'dev', 'subs')).not.toContain('10.9.0.2');
  expect(right.ip('addr', 'show', 'dev', 'subs')).not.toContain('fe80::1/64');
  expect(await lns.apply({ op: 'removeDevice', name: 'subs' })).toEqual({ fact: 'done' });
  expect(await lns.list()).toEqual([]);
  const late = await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  expect(late).toMatchObject({ fact: 'failed', code: 'ENODEV' });
});
