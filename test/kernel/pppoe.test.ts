/** PPPoE over a veth pair: a client and a relay are planes of ours, tshark and Debian's pppoe give second opinions. */
import '../netns/patience.ts';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKeyV2 } from '../../src/engine/ports.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { PlaneProcess, until } from './lab.ts';
import { icmpEcho, ipv4Packet, session as l2tp, serverSide, sessionUp, subs } from './sessions.ts';

let lab: Lab;
let home: Namespace;
let lacHost: Namespace;
let lnsHost: Namespace;
let client: PlaneProcess;
let lac: PlaneProcess;
let clientMac: Uint8Array;
let lacMac: Uint8Array;

beforeEach(async () => {
  lab = await Lab.open();
  home = await lab.namespace('home');
  lacHost = await lab.namespace('lac');
  lnsHost = await lab.namespace('lns');
  // The addresses are for the mark that ends a capture alone.
  const wire = { device: 'wire', addresses: ['198.51.100.1/24'] };
  await lab.link(home, wire, lacHost, { device: 'wire', addresses: ['198.51.100.2/24'] });
  const uplink = { device: 'uplink', addresses: ['192.0.2.1/24'] };
  await lab.link(lacHost, uplink, lnsHost, { device: 'uplink', addresses: ['192.0.2.2/24'] });
  clientMac = await macOf(home);
  lacMac = await macOf(lacHost);
  client = new PlaneProcess(home);
  lac = new PlaneProcess(lacHost);
});

afterEach(async () => {
  await client.kill();
  await lac.kill();
  await lab.close();
});

async function macOf(host: Namespace): Promise<Uint8Array> {
  const [link]: { address: string }[] = JSON.parse(await host.ip('-j', 'link', 'show', 'wire'));
  return Uint8Array.from(link.address.split(':').map((octet) => Number.parseInt(octet, 16)));
}

const done = { fact: 'done' };
const broadcast = new Uint8Array(6).fill(0xff);
const pppoeKey = sessionKeyV2(0, 5);
const onWire = { op: 'pppoeOpen', interface: 'wire' } as const;
const lcpEcho = Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4);

/** A PPPoE packet. */
function packet(code: number, sessionId: number, payload: Uint8Array): Uint8Array {
  const octets = payload.length;
  return Uint8Array.of(0x11, code, sessionId >> 8, sessionId & 255, octets >> 8, octets & 255, ...payload);
}

const serviceName = Uint8Array.of(0x01, 0x01, 0, 0);
const padi = packet(0x09, 0, serviceName);

/** Both ends of PPPoE session 0x1234. */
async function sessionsUp(): Promise<void> {
  for (const [plane, peer] of [
    [client, lacMac],
    [lac, clientMac],
  ] as const) {
    expect(await plane.apply(onWire)).toEqual(done);
    expect(
      await plane.apply({ op: 'pppoeUp', session: pppoeKey, interface: 'wire', peer, pppoeSessionId: 0x1234 }),
    ).toEqual(done);
  }
}

/** Sends Ethernet payloads from the client's host, as another program would. */
async function inject(etherType: number, to: Uint8Array, ...payloads: Uint8Array[]): Promise<void> {
  const script = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
for payload in sys.argv[3:]:
  s.sendto(bytes.fromhex(payload), ('wire', int(sys.argv[1]), 0, 0, bytes.fromhex(sys.argv[2])))`;
  const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
  await home.run('python3', '-c', script, String(etherType), hex(to), ...payloads.map(hex));
}

async function tshark(path: string, filter: string, ...fields: string[]): Promise<string[]> {
  const columns = fields.flatMap((field) => ['-e', field]);
  const { stdout } = await execa('tshark', ['-n', '-r', path, '-Y', filter, '-T', 'fields', ...columns]);
  return stdout.split('\n').filter(Boolean);
}

const droppedAs = (plane: PlaneProcess, reason: string, count: number): Promise<Record<string, number>> =>
  until(
    () => plane.dropped(),
    (dropped) => dropped[reason] === count,
  );

test('discovery packets go up with their sender, without padding, and out to whom they are for', async () => {
  await client.apply(onWire);
  await lac.apply(onWire);
  await client.sendDiscovery({ interface: 'wire', peer: broadcast, packet: padi });
  await inject(0x8863, broadcast, Uint8Array.of(...padi, ...new Array(36).fill(0)));
  const heard = await until(
    () => lac.discoveries(),
    (all) => all.length === 2,
  );
  expect(heard).toEqual([1, 2].map(() => ({ interface: 'wire', peer: clientMac, packet: padi })));
  const pado = packet(0x07, 0, Uint8Array.of(...serviceName, 0x01, 0x02, 0, 1, 0x61));
  await lac.sendDiscovery({ interface: 'wire', peer: clientMac, packet: pado });
  expect(
    await until(
      () => client.discoveries(),
      (all) => all.length === 1,
    ),
  ).toEqual([{ interface: 'wire', peer: lacMac, packet: pado }]);
  // Nobody heard himself.
  expect(await lac.discoveries()).toHaveLength(2);
});

test("Debian's pppoe-discovery finds us", async () => {
  await lac.apply(onWire);
  const discovery = home.spawn('pppoe-discovery', ['-I', 'wire', '-t', '1', '-a', '1']);
  const [{ peer, packet: asked }] = await until(
    () => lac.discoveries(),
    (all) => all.length > 0,
  );
  const name = new TextEncoder().encode('exchange');
  const tags = Uint8Array.of(...asked.subarray(6), 0x01, 0x02, 0, name.length, ...name);
  await lac.sendDiscovery({ interface: 'wire', peer, packet: packet(0x07, 0, tags) });
  await discovery.says(/Access-Concentrator: exchange/);
  await discovery.stop();
});

test('session packets carry PPP frames both ways, in L2TP form here and without FF 03 on the wire', async () => {
  await sessionsUp();
  const capture = await home.capture('wire');
  await client.sendControl(pppoeKey, lcpEcho);
  // A frame that came without address and control field goes as it is.
  await lac.sendControl(pppoeKey, lcpEcho.subarray(2));
  for (const plane of [client, lac]) {
    const frames = await until(
      () => plane.frames(),
      (all) => all.length === 1,
    );
    expect(frames).toEqual([{ session: pppoeKey, bytes: lcpEcho }]);
  }
  expect(await lac.counters(pppoeKey)).toMatchObject({ rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 });
  const fields = [
    'eth.type',
    'pppoe.code',
    'pppoe.session_id',
    'pppoe.payload_length',
    'ppp.protocol',
    'lcp.magic_number',
  ];
  const line = ['0x8864', '0x00', '0x1234', '10', '0xc021', '0x01020304'].join('\t');
  expect(await tshark(await capture.stop(), 'pppoes', ...fields)).toEqual([line, line]);
});

test('packets of others and broken ones are dropped and counted', async () => {
  await sessionsUp();
  const lcp = lcpEcho.subarray(2);
  const good = packet(0, 0x1234, lcp);
  const tooLong = Uint8Array.from(good);
  tooLong[5]++;
  const otherVersion = Uint8Array.of(0x21, ...good.subarray(1));
  await inject(0x8864, lacMac, good.subarray(0, 5), tooLong, otherVersion, packet(7, 0x1234, lcp));
  await inject(0x8863, lacMac, padi.subarray(0, 5), packet(0x09, 0, serviceName).subarray(0, 9));
  await droppedAs(lac, 'pppoe malformed', 6);
  await inject(0x8864, lacMac, packet(0, 0x1235, lcp), packet(0, 0, lcp));
  await droppedAs(lac, 'pppoe noSession', 2);
  await inject(0x8864, lacMac, packet(0, 0x1234, Uint8Array.of(0x00, 0x21, ...ipv4Packet('10.0.0.1', '10.0.0.2'))));
  await inject(0x8864, lacMac, packet(0, 0x1234, Uint8Array.of(0xc0)), packet(0, 0x1234, new Uint8Array(0)));
  await droppedAs(lac, 'truncatedPpp', 2);
  // For another host: a capture shows it to this one, but it is none of ours.
  const capture = await lacHost.capture('wire');
  await inject(0x8864, Uint8Array.of(2, 0, 0, 0, 0, 9), good);
  await inject(0x8864, lacMac, good);
  await capture.stop();
  expect(
    await until(
      () => lac.frames(),
      (all) => all.length > 0,
    ),
  ).toEqual([{ session: pppoeKey, bytes: lcpEcho }]);
  // The same from a stranger's address.
  await home.ip('link', 'set', 'wire', 'address', '02:00:00:00:00:07');
  await inject(0x8864, lacMac, good);
  await droppedAs(lac, 'pppoe wrongPeer', 1);
  expect(await lac.dropped()).toEqual({
    'pppoe malformed': 6,
    'pppoe noSession': 2,
    'pppoe wrongPeer': 1,
    notAttached: 1,
    truncatedPpp: 2,
  });
  expect(await lac.counters(pppoeKey)).toMatchObject({ rxPackets: 0, rxDropped: 3 });
});

test('spliced with L2TP, a client reaches the LNS and is answered, and long frames stay outside', async () => {
  const lns = new PlaneProcess(lnsHost);
  await sessionUp(lac, '192.0.2.1', '192.0.2.2');
  await sessionUp(lns, '192.0.2.2', '192.0.2.1');
  await lns.apply({ op: 'device', device: subs });
  await lns.apply({ op: 'attach', session: l2tp, attachment: serverSide, acfc: false, pfc: false });
  await sessionsUp();
  expect(await lac.apply({ op: 'splice', session: pppoeKey, with: l2tp })).toEqual(done);
  const near = await home.capture('wire');
  const far = await lnsHost.capture('uplink');

  await client.sendControl(pppoeKey, lcpEcho);
  const [atLns] = await until(
    () => lns.frames(),
    (all) => all.length === 1,
  );
  expect(atLns).toEqual({ session: l2tp, bytes: lcpEcho });
  await lns.sendControl(l2tp, lcpEcho);
  const [atClient] = await until(
    () => client.frames(),
    (all) => all.length === 1,
  );
  expect(atClient).toEqual({ session: pppoeKey, bytes: lcpEcho });
  expect(await lac.frames()).toEqual([]);

  // The LNS's host answers the client's ping; the client's plane has no device for the answer.
  await client.sendControl(pppoeKey, Uint8Array.of(0xff, 0x03, 0x00, 0x21, ...icmpEcho('10.9.0.2', '10.9.0.1')));
  await droppedAs(client, 'notAttached', 1);

  // 1,500 octets of PPPoE hold 1,494 of protocol field and what it carries.
  const frame = (octets: number): Uint8Array => {
    const bytes = new Uint8Array(2 + octets);
    bytes.set([0xff, 0x03, 0xc0, 0x21, 9, 7]);
    return bytes;
  };
  await lns.sendControl(l2tp, frame(1495));
  await lns.sendControl(l2tp, frame(1494));
  expect(
    (
      await until(
        () => client.frames(),
        (all) => all.length === 2,
      )
    )[1].bytes,
  ).toEqual(frame(1494));
  expect(await lac.dropped()).toEqual({ tooLongForPppoe: 1 });
  expect(await lac.counters(l2tp)).toMatchObject({ rxPackets: 4, txPackets: 2, rxDropped: 0, txDropped: 0 });
  expect(await lac.counters(pppoeKey)).toMatchObject({ rxPackets: 2, txPackets: 3, rxDropped: 0, txDropped: 1 });

  const icmp = ['pppoe.session_id', 'ip.src', 'ip.dst', 'icmp.type'];
  expect(await tshark(await near.stop(), 'pppoes && icmp', ...icmp)).toEqual([
    ['0x1234', '10.9.0.2', '10.9.0.1', '8'].join('\t'),
    ['0x1234', '10.9.0.1', '10.9.0.2', '0'].join('\t'),
  ]);
  // Towards L2TP all frames have address and control field (RFC 2661 5.3).
  const ppp = await tshark(await far.stop(), 'l2tp && ppp', 'l2tp.session', 'ppp.address', 'ppp.control');
  expect(new Set(ppp)).toEqual(new Set([['9', '0xff', '0x03'].join('\t')]));
  expect(await lns.close()).toBe(0);
});

test('an interface that goes down, away and comes back is told, and carries the sessions again', async () => {
  await sessionsUp();
  /** A link that has just come up may lose the first ones. */
  const passes = async (): Promise<void> => {
    const before = (await lac.frames()).length;
    await until(
      async () => {
        await client.sendControl(pppoeKey, lcpEcho);
        return lac.frames();
      },
      (all) => all.length > before,
    );
  };
  await passes();
  await lacHost.ip('link', 'set', 'wire', 'down');
  await lacHost.ip('link', 'set', 'wire', 'up');
  await passes();

  await lacHost.ip('link', 'del', 'wire');
  await until(
    () => lac.drifts(),
    (all) => all.length === 1,
  );
  const away = new Map([['wire', 'PPPoE on wire: ENODEV']]);
  expect(await lac.served()).toEqual(away);
  expect(await lac.apply(onWire)).toMatchObject({ code: 'ENODEV' });
  await lac.sendControl(pppoeKey, lcpEcho);
  await lac.sendDiscovery({ interface: 'wire', peer: clientMac, packet: padi });
  expect(await lac.dropped()).toMatchObject({ pppoeLinkGone: 1, 'pppoe ENODEV': 1 });
  expect(await lac.counters(pppoeKey)).toMatchObject({ txPackets: 0, txDropped: 1 });

  const hex = (mac: Uint8Array): string => [...mac].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
  // biome-ignore format: one command, one line
  await lacHost.ip('link', 'add', 'wire', 'address', hex(lacMac), 'type', 'veth', 'peer', 'name', 'wire', 'address', hex(clientMac), 'netns', home.name);
  for (const host of [lacHost, home]) await host.ip('link', 'set', 'wire', 'up');
  for (const plane of [client, lac]) {
    const drifts = await until(
      () => plane.drifts(),
      (all) => all.length === 2,
    );
    expect(drifts).toEqual([
      { device: 'wire', what: 'missing: PPPoE waits for it' },
      { device: 'wire', what: 'here again: PPPoE goes on' },
    ]);
  }
  expect(await lac.served()).toEqual(new Map([['wire', undefined]]));
  expect(await lac.apply(onWire)).toEqual(done);
  await passes();
  // Under another name it is another interface.
  await lacHost.ip('link', 'set', 'wire', 'name', 'other');
  await until(
    () => lac.drifts(),
    (all) => all.length === 3,
  );
});

test('who speaks in a session that is none is told so, and no flood makes us shout', async () => {
  await lac.apply(onWire);
  const lcp = lcpEcho.subarray(2);
  // The flood itself would fill the capture's buffer before it is written.
  const capture = await home.capture('wire', 'ether proto 0x8863');
  const asked = 2_000;
  await inject(0x8864, broadcast, packet(0, 0x1235, lcp));
  await inject(0x8864, lacMac, packet(0, 0, lcp), packet(0, 0xffff, lcp));
  const began = performance.now();
  await inject(0x8864, lacMac, ...new Array<Uint8Array>(asked).fill(packet(0, 0x1235, lcp)));
  await droppedAs(lac, 'pppoe noSession', asked + 2);
  const tookMs = performance.now() - began;
  // The session is another client's.
  const other = Uint8Array.of(2, 0, 0, 0, 0, 9);
  await lac.apply({ op: 'pppoeUp', session: pppoeKey, interface: 'wire', peer: other, pppoeSessionId: 0x1234 });
  await until(
    async () => {
      await inject(0x8864, lacMac, packet(0, 0x1234, lcp));
      return lac.dropped();
    },
    (dropped) => dropped['pppoe wrongPeer'] > 2,
  );
  const hex = (mac: Uint8Array): string => [...mac].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
  const fields = ['eth.src', 'eth.dst', 'pppoe.session_id', 'pppoe.payload_length'];
  const padts = await tshark(await capture.stop(), 'pppoed && pppoe.code == 0xa7', ...fields);
  const padt = (session: string): string => [hex(lacMac), hex(clientMac), session, '0'].join('\t');
  expect(new Set(padts)).toEqual(new Set([padt('0x1235'), padt('0x1234')]));
  expect(padts.filter((line) => line === padt('0x1235')).length).toBeLessThanOrEqual(1 + tookMs / 5);
});

test('a burst for many clients goes out whole, however slow the wire', async () => {
  await lac.apply(onWire);
  await lacHost.run(
    'tc',
    'qdisc',
    'add',
    'dev',
    'wire',
    'root',
    'tbf',
    'rate',
    '8kbit',
    'burst',
    '2kb',
    'limit',
    '10mb',
  );
  const packets = 1_000;
  for (let i = 0; i < packets; i++) await lac.sendDiscovery({ interface: 'wire', peer: clientMac, packet: padi });
  expect(await lac.dropped()).toEqual({});
});

test('what cannot be opened is refused, and what is closed is silent', async () => {
  expect(await lac.apply({ op: 'pppoeOpen', interface: 'missing' })).toMatchObject({ code: 'ENODEV' });
  const up = { op: 'pppoeUp', session: pppoeKey, interface: 'wire', peer: clientMac, pppoeSessionId: 0x1234 } as const;
  expect(await lac.apply(up)).toMatchObject({ code: 'ENOENT' });
  await sessionsUp();
  expect(await lac.apply(onWire)).toEqual(done);
  expect(await lac.apply({ ...up, session: sessionKeyV2(0, 6) })).toMatchObject({ code: 'EEXIST' });
  expect(await lac.apply({ ...up, pppoeSessionId: 0 })).toMatchObject({ code: 'EINVAL' });
  expect(await lac.apply({ ...up, pppoeSessionId: 0xffff })).toMatchObject({ code: 'EINVAL' });
  expect(await lac.apply({ ...up, peer: clientMac.subarray(1) })).toMatchObject({ code: 'EINVAL' });
  const attachment = { ...serverSide, interface: { kind: 'own' } } as const;
  expect(await lac.apply({ op: 'attach', session: pppoeKey, attachment, acfc: false, pfc: false })).toMatchObject({
    code: 'EOPNOTSUPP',
  });
  // An L2TP datagram for tunnel 0 does not reach a PPPoE session, whose key looks alike.
  const socket = await client.open('198.51.100.1', 1701);
  await lac.open('198.51.100.2', 1701);
  const forTunnel0 = Uint8Array.of(0, 2, 0, 0, 0, 5, ...lcpEcho);
  await client.datagram(socket, { address: '198.51.100.2', port: 1701 }, forTunnel0);
  await droppedAs(lac, 'noSession', 1);

  expect(await lac.apply({ op: 'pppoeClose', interface: 'wire' })).toEqual(done);
  await client.sendControl(pppoeKey, lcpEcho);
  await lac.sendControl(pppoeKey, lcpEcho);
  expect(await lac.dropped()).toMatchObject({ pppoeLinkGone: 1 });
  expect(await lac.frames()).toEqual([]);
  expect(await lac.apply({ op: 'sessionDown', session: pppoeKey })).toEqual(done);
  expect(await lac.tables()).toMatchObject({ pppoeSessions: 0, pppoeInterfaces: 0 });
  expect(await client.close()).toBe(0);
  expect(await lac.close()).toBe(0);
});
