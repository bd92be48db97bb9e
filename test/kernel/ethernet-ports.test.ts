import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import '../netns/patience.ts';
import {
  attach,
  farTerms,
  nearTerms,
  plug,
  pseudowireUp,
  sendFrame,
  type Terms,
  tunnelUp,
  underlay,
} from './ethernet-world.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';

const id = 0x8000_0001;
const key = sessionKeyV3(id);

let left: Namespace;
let right: Namespace;
let near: PlaneProcess;
let far: PlaneProcess;
let hosts: Namespace[];

beforeEach(() => {
  left = new Namespace('eleft');
  right = new Namespace('eright');
  join(left, right);
  near = new PlaneProcess(left);
  far = new PlaneProcess(right);
  hosts = [];
});

afterEach(async () => {
  await near.kill();
  await far.kill();
  for (const host of hosts) host.remove();
  left.remove();
  right.remove();
});

function newHost(name: string): Namespace {
  const host = new Namespace(name);
  hosts.push(host);
  return host;
}

function ping(from: Namespace, to: string, ...more: string[]): void {
  from.run('ping', '-c', '2', '-i', '0.02', '-W', '2', ...more, to);
}

/** Both tunnels and one session between them. */
async function up(pseudowire: 'ethernet' | 'vlan' = 'ethernet', terms: Partial<Terms> = {}): Promise<void> {
  await tunnelUp(near, { ...nearTerms, ...terms, local: nearTerms.local, remote: nearTerms.remote });
  await tunnelUp(far, { ...farTerms, ...terms, local: farTerms.local, remote: farTerms.remote });
  await pseudowireUp(near, id, pseudowire, terms);
  const { cookies } = terms;
  const crosswise = cookies && { local: cookies.remote, remote: cookies.local };
  await pseudowireUp(far, id, pseudowire, { ...terms, cookies: crosswise });
}

async function addressed(): Promise<void> {
  await up();
  const facts = [
    await attach(near, id, { addresses: ['10.1.0.1/24', '2001:db8:1::1/64'] }),
    await attach(far, id, { addresses: ['10.1.0.2/24', '2001:db8:1::2/64'] }),
  ];
  expect(facts).toEqual([1, 2].map(() => ({ fact: 'attached', session: key, interface: 'l2tpeth0' })));
}

const gaps = (plane: PlaneProcess): Promise<(readonly string[])[]> =>
  plane.list().then((devices) => devices.map((device) => device.gaps));

function link(namespace: Namespace, name: string): { mtu: number; master?: string; address: string; flags: string[] } {
  return JSON.parse(namespace.ip('-j', 'link', 'show', name))[0];
}

const variants: [string, Partial<Terms>][] = [
  ['UDP', {}],
  ['UDP with cookies of 8 octets', { cookies: { local: [1, 2, 3, 4, 5, 6, 7, 8], remote: [8, 7, 6, 5, 4, 3, 2, 1] } }],
  ['IP with cookies of 4 octets', { encapsulation: 'ip', cookies: { local: [1, 2, 3, 4], remote: [4, 3, 2, 1] } }],
  ['UDP, numbered', { sublayer: 'default', sequencing: 'all' }],
];

test.each(variants)('hosts on bridges at both ends are on one Ethernet, over %s', async (_, terms) => {
  const [one, other] = [newHost('one'), newHost('other')];
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  right.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  plug(one, left, 'port', '10.1.0.1/24', 'br0');
  plug(other, right, 'port', '10.1.0.2/24', 'br0');
  await up('ethernet', terms);
  await attach(near, id, { bridge: 'br0' });
  await attach(far, id, { bridge: 'br0' });
  ping(one, '10.1.0.2');
  ping(other, '10.1.0.1');
  expect(link(left, 'l2tpeth0').master).toBe('br0');
  expect(left.ip('link', 'show', 'l2tpeth0')).toContain(`alias prol2tp:Session/line${id}`);
  // Our device is no host: nothing but the hosts' frames passes.
  expect(left.ip('-6', 'addr', 'show', 'dev', 'l2tpeth0')).toBe('');
  expect(await near.counters(key)).toMatchObject({ rxDropped: 0, txDropped: 0, rxLost: 0 });
  expect([await gaps(near), await gaps(far)]).toEqual([[[]], [[]]]);
  expect(await near.close()).toBe(0);
  expect(left.ip('-o', 'link')).not.toContain('l2tpeth');
  expect(left.ip('-o', 'link')).toContain(': br0');
});

test('a device with addresses is a host on the Ethernet of the peer', async () => {
  await addressed();
  ping(left, '10.1.0.2');
  ping(right, '2001:db8:1::1');
  expect(await near.close()).toBe(0);
  expect(await far.close()).toBe(0);
  expect(right.ip('-o', 'link')).not.toContain('l2tpeth');
});

test('without an MTU of its own a device has what the path leaves, to the octet', async () => {
  await addressed();
  // 1500 less IPv4's header, UDP's, L2TP's and Ethernet's.
  expect(link(left, 'l2tpeth0').mtu).toBe(1500 - 20 - 8 - 8 - 14);
  ping(left, '10.1.0.2', '-M', 'do', '-s', String(1450 - 28));
  expect(() => ping(left, '10.1.0.2', '-M', 'do', '-s', String(1450 - 27))).toThrow();
  // What fits goes in one packet each.
  expect(right.run('nstat', '-az', 'IpReasmReqds')).toMatch(/IpReasmReqds\s+0\s/);
});

test.each<[string, 'ethernet' | 'vlan', Partial<Terms>, number]>([
  ['IPv4 over UDP, a VLAN', 'vlan', {}, 1500 - 20 - 16 - 14 - 4],
  ['IPv4 over IP', 'ethernet', { encapsulation: 'ip' }, 1500 - 20 - 4 - 14],
  [
    'IPv4 over UDP, cookie and sublayer',
    'ethernet',
    { cookies: { local: [], remote: [1, 2, 3, 4, 5, 6, 7, 8] }, sublayer: 'default' },
    1500 - 20 - 16 - 8 - 4 - 14,
  ],
  ['IPv6 over UDP', 'ethernet', { local: '2001:db8::1', remote: '2001:db8::2' }, 1500 - 40 - 16 - 14],
])('the MTU of %s', async (_, pseudowire, terms, mtu) => {
  await tunnelUp(near, { ...nearTerms, ...terms });
  await pseudowireUp(near, id, pseudowire, terms);
  await attach(near, id);
  expect(link(left, 'l2tpeth0').mtu).toBe(mtu);
  await attach(near, id, { mtu: 1300 });
  expect(link(left, 'l2tpeth0').mtu).toBe(1300);
});

test('over a path that takes more than we do, a device has the greatest MTU, and no frame is cut off', async () => {
  left.ip('link', 'set', 'lo', 'up');
  await tunnelUp(near, { local: '127.0.0.1', remote: '127.0.0.2' });
  await pseudowireUp(near, id);
  await attach(near, id);
  expect(link(left, 'l2tpeth0').mtu).toBe(16_384);
  // Somebody gives it a greater one.
  left.ip('link', 'set', 'l2tpeth0', 'mtu', '30000');
  sendFrame(left, 'l2tpeth0', [...new Array<number>(12).fill(2), 0x88, 0xb5, ...new Array<number>(20_000).fill(0x5a)]);
  const dropped = await until(
    () => near.dropped(),
    ({ oversizeFrame = 0 }) => oversizeFrame > 0,
  );
  expect(dropped).toEqual({ oversizeFrame: 1 });
  expect(await near.counters(key)).toMatchObject({ txPackets: 0, txDropped: 1 });
});

test('with path MTU discovery a device follows its path, unless it has an MTU of its own', async () => {
  await up('ethernet', { pmtuDiscovery: true });
  await pseudowireUp(near, id + 1);
  await attach(near, id, { addresses: ['10.1.0.1/24'] });
  await attach(near, id + 1, { mtu: 1500 });
  await attach(far, id, { addresses: ['10.1.0.2/24'] });
  left.ip('route', 'replace', '192.0.2.2/32', 'dev', 'wire', 'mtu', '1300');
  // What does not fit any more is not sent, and shows that the path has changed.
  expect(() => left.run('ping', '-c', '1', '-W', '1', '-s', '1400', '10.1.0.2')).toThrow();
  await until(
    async () => link(left, 'l2tpeth0').mtu,
    (mtu) => mtu === 1300 - 20 - 16 - 14,
  );
  ping(left, '10.1.0.2', '-M', 'do', '-s', String(1250 - 28));
  expect(link(left, 'l2tpeth1').mtu).toBe(1500);
  expect(await gaps(near)).toEqual([[], []]);
  expect(await near.drifts()).toEqual([]);
});

test('attached again with other facts, the device stays and changes', async () => {
  await addressed();
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  const { address } = link(left, 'l2tpeth0');
  const again = await attach(near, id, { mtu: 1400, addresses: ['10.1.0.3/24'] });
  expect(again).toEqual({ fact: 'attached', session: key, interface: 'l2tpeth0' });
  expect(link(left, 'l2tpeth0')).toMatchObject({ mtu: 1400, address });
  expect(left.ip('addr', 'show', 'dev', 'l2tpeth0')).not.toMatch(/10\.1\.0\.1|2001:db8:1::1/);
  ping(right, '10.1.0.3');
  await attach(near, id, { bridge: 'br0', macAddress: '02:00:00:00:AB:01' });
  expect(link(left, 'l2tpeth0')).toMatchObject({ mtu: 1450, master: 'br0', address: '02:00:00:00:ab:01' });
  await attach(near, id, { addresses: ['10.1.0.1/24'] });
  expect(link(left, 'l2tpeth0').master).toBeUndefined();
  // It has not had this address with its new MAC address before.
  right.ip('neigh', 'flush', 'dev', 'l2tpeth0');
  ping(right, '10.1.0.1');
  await attach(near, id, { interfaceName: 'pw', addresses: ['10.1.0.1/24'] });
  right.ip('neigh', 'flush', 'dev', 'l2tpeth0');
  ping(right, '10.1.0.1');
  expect((await near.list()).map(({ name }) => name)).toEqual(['pw']);
  expect(await gaps(near)).toEqual([[]]);
});

test('what cannot be attached is refused by name, and nothing is left', async () => {
  await up();
  await pseudowireUp(near, id + 1);
  left.ip('link', 'add', 'br0', 'type', 'bridge');
  left.ip('link', 'add', 'taken', 'type', 'veth', 'peer', 'name', 'free');
  left.ip('link', 'set', 'taken', 'master', 'br0');
  await attach(near, id + 1, { interfaceName: 'mine', attach: 'free' });
  const refusals: [Parameters<typeof attach>[2], string, string][] = [
    [{ bridge: 'nowhere' }, 'ENODEV', 'bridge nowhere: ENODEV'],
    [{ bridge: 'wire' }, 'EINVAL', 'wire is no bridge: EINVAL'],
    [{ attach: 'nowhere' }, 'ENODEV', 'interface nowhere: ENODEV'],
    [{ attach: 'taken' }, 'EBUSY', 'interface taken is part of br0: EBUSY'],
    [{ attach: 'free' }, 'EBUSY', `(prol2tp:Session/line${id + 1}): EBUSY`],
    [{ attach: 'wire' }, 'ELOOP', 'interface wire: the tunnel itself goes over it: ELOOP'],
    [{ attach: 'free', bridge: 'br0' }, 'EINVAL', 'either bridge br0 or interface free, not both: EINVAL'],
    [{ bridge: 'br0', addresses: ['10.1.0.1/24'] }, 'EINVAL', 'its device is part of a bridge'],
    [{ addresses: ['10.1.0.1/33'] }, 'EINVAL', '"10.1.0.1/33" is no address with a prefix: EINVAL'],
    [{ interfaceName: 'wire' }, 'EEXIST', 'the name is taken by a device that is not ours'],
    [{ interfaceName: 'mine' }, 'EEXIST', `device mine is in use by Session/line${id + 1}: EEXIST`],
    [{ interfaceName: 'a%d' }, 'EINVAL', 'a name without "%"'],
    [{ macAddress: '01:00:00:00:00:01' }, 'EADDRNOTAVAIL', 'device l2tpeth0'],
    [{ mtu: 67 }, 'EINVAL', 'device l2tpeth0'],
  ];
  for (const [ethernet, code, message] of refusals) {
    const fact = await attach(near, id, ethernet);
    expect([ethernet, fact]).toEqual([ethernet, { fact: 'failed', code, message: expect.stringContaining(message) }]);
    expect((await near.list()).map(({ name }) => name)).toEqual(['mine']);
  }
  await pseudowireUp(near, id + 2, 'vlan');
  expect(await attach(near, id + 2, { vlanAction: 'strip' })).toMatchObject({
    code: 'EINVAL',
    message: 'vlanAction strip without vlanId: EINVAL',
  });
  // A session that cannot be attached anew is detached.
  expect(await attach(near, id + 1, { attach: 'nowhere' })).toMatchObject({ code: 'ENODEV' });
  expect(await near.tables()).toMatchObject({ ethernetPorts: 0, sessions: 3 });
  expect(await near.close()).toBe(0);
  expect(left.ip('-o', 'link')).not.toMatch(/l2tpeth|l2tpbr|mine/);
  expect(link(left, 'taken').master).toBe('br0');
});

test('broken frames are counted and dropped', async () => {
  const socket = await tunnelUp(near, nearTerms);
  await tunnelUp(far, farTerms);
  await pseudowireUp(far, id);
  await attach(far, id, { mtu: 100 });
  await pseudowireUp(far, id + 1, 'vlan');
  await attach(far, id + 1, { vlanAction: 'strip', vlanId: 5 });
  const message = (session: number, octets: number): Uint8Array => {
    const bytes = new Uint8Array(8 + octets);
    bytes.set([0, 3, 0, 0, session >>> 24, 0, 0, session & 0xff]);
    return bytes;
  };
  const broken: [number, number, string][] = [
    [id, 0, 'runtFrame'],
    [id, 13, 'runtFrame'],
    [id, 100 + 22 + 1, 'oversizeFrame'],
    [id + 1, 60, 'untaggedFrame'],
    [id + 1, 13, 'runtFrame'],
  ];
  const expected: Record<string, number> = {};
  for (const [session, octets, reason] of broken) {
    expected[reason] = (expected[reason] ?? 0) + 1;
    await near.datagram(socket, { address: underlay.far, port: 1701 }, message(session, octets));
    await until(
      () => far.dropped(),
      (dropped) => dropped[reason] === expected[reason],
    );
  }
  expect(await far.dropped()).toEqual(expected);
  expect(await far.counters(key)).toMatchObject({ rxPackets: 0, rxOctets: 0, rxDropped: 3 });
  // The longest that the device may have: with the tags of a provider and a customer.
  await near.datagram(socket, { address: underlay.far, port: 1701 }, message(id, 100 + 22));
  expect(
    await until(
      () => far.counters(key),
      ({ rxPackets }) => rxPackets > 0,
    ),
  ).toMatchObject({ rxPackets: 1, rxOctets: 122, rxDropped: 3 });
});

test('whatever octets come as a frame, each is taken or counted', async () => {
  const socket = await tunnelUp(near, nearTerms);
  await tunnelUp(far, farTerms);
  const actions = ['strip', 'rewrite', 'keep'] as const;
  for (const [index, vlanAction] of actions.entries()) {
    await pseudowireUp(far, id + index, 'vlan');
    await attach(far, id + index, { vlanAction, vlanId: 5, mtu: 68 });
  }
  const payloads = fc.sample(fc.uint8Array({ minLength: 0, maxLength: 110, size: 'max' }), { numRuns: 200, seed: 1 });
  for (const [count, payload] of payloads.entries()) {
    // Every other has a tag where one may stand.
    if (count % 2 === 0)
      payload.set([0x81, 0].slice(0, Math.max(payload.length - 12, 0)), Math.min(12, payload.length));
    for (const index of actions.keys()) {
      const header = [0, 3, 0, 0, 0x80, 0, 0, 1 + index];
      await near.datagram(socket, { address: underlay.far, port: 1701 }, Uint8Array.of(...header, ...payload));
    }
  }
  for (const index of actions.keys()) {
    const { rxPackets, rxDropped } = await until(
      () => far.counters(sessionKeyV3(id + index)),
      (counters) => counters.rxPackets + counters.rxDropped >= payloads.length,
    );
    expect([rxPackets + rxDropped, rxPackets > 0, rxDropped > 0]).toEqual([payloads.length, true, true]);
  }
  expect(Object.keys(await far.dropped()).sort()).toEqual(['oversizeFrame', 'runtFrame', 'untaggedFrame']);
});

test('a thousand devices', async () => {
  await tunnelUp(near, nearTerms);
  for (let session = id; session < id + 1000; session++) {
    await pseudowireUp(near, session);
    expect(await attach(near, session)).toMatchObject({ fact: 'attached' });
  }
  const devices = await near.list();
  expect(new Set(devices.map(({ name }) => name)).size).toBe(1000);
  expect(devices.flatMap((device) => device.gaps)).toEqual([]);
  expect(await near.drifts()).toEqual([]);
  expect(await near.close()).toBe(0);
  expect(left.ip('-o', 'link')).not.toContain('l2tpeth');
});
