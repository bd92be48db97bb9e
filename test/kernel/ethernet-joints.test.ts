/** Devices of pseudowires and what they are joined with: as wires, as what others change, after crashes. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import '../netns/patience.ts';
import { attach, farTerms, nearTerms, plug, pseudowireUp, sendFrame, tunnelUp } from './ethernet-world.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';

const id = 0x8000_0001;
const key = sessionKeyV3(id);
const active = { session: key, status: { active: true, isNew: false } };
const down = { session: key, status: { active: false, isNew: false } };
const broken = {
  session: key,
  status: { active: false, isNew: false, circuitRxFault: true, circuitTxFault: true },
};

let left: Namespace;
let right: Namespace;
let near: PlaneProcess;
let far: PlaneProcess;
let one: Namespace;
let other: Namespace;

beforeEach(async () => {
  [left, right, one, other] = ['jleft', 'jright', 'jone', 'jother'].map((name) => new Namespace(name));
  join(left, right);
  near = new PlaneProcess(left);
  far = new PlaneProcess(right);
  plug(one, left, 'port', '10.1.0.1/24');
  plug(other, right, 'port', '10.1.0.2/24');
  await tunnelUp(near, nearTerms);
  await tunnelUp(far, farTerms);
  await pseudowireUp(near, id);
  await pseudowireUp(far, id);
});

afterEach(async () => {
  await near.kill();
  await far.kill();
  for (const namespace of [one, other, left, right]) namespace.remove();
});

function ping(from: Namespace, to: string): void {
  from.run('ping', '-c', '2', '-i', '0.02', '-W', '2', to);
}

async function portToPort(): Promise<void> {
  expect(await attach(near, id, { attach: 'port' })).toMatchObject({ fact: 'attached' });
  expect(await attach(far, id, { attach: 'port' })).toMatchObject({ fact: 'attached' });
}

interface LinkJson {
  ifname: string;
  master?: string;
  operstate: string;
  flags: string[];
}

function link(namespace: Namespace, name: string): LinkJson {
  return JSON.parse(namespace.ip('-j', 'link', 'show', name))[0];
}

const gaps = (plane: PlaneProcess): Promise<(readonly string[])[]> =>
  plane.list().then((devices) => devices.map((device) => device.gaps));

/** Waits for the n-th status that a plane tells, and answers it. */
const told = async (plane: PlaneProcess, count: number): Promise<unknown> =>
  (
    await until(
      () => plane.circuits(),
      (all) => all.length >= count,
    )
  ).at(count - 1);

function receivedFrames(at: Namespace, device: string): number {
  return JSON.parse(at.ip('-j', '-s', 'link', 'show', device))[0].stats64.rx.packets;
}

test('port to port, all frames pass, those for bridges too, and the interface is given back as it was', async () => {
  const before = left.ip('-d', 'link', 'show', 'port');
  await portToPort();
  ping(one, '10.1.0.2');
  ping(other, '10.1.0.1');
  // Spanning tree, LACP, 802.1X, LLDP: all of the block but PAUSE (:01).
  for (const group of [0x00, 0x02, 0x03, 0x0e]) {
    const count = receivedFrames(other, 'eth0');
    sendFrame(one, 'eth0', [
      1,
      0x80,
      0xc2,
      0,
      0,
      group,
      2,
      0,
      0,
      0,
      0,
      9,
      0x88,
      0xb5,
      ...new Array<number>(46).fill(0),
    ]);
    await until(
      async () => receivedFrames(other, 'eth0'),
      (now) => now > count,
    );
  }
  expect(left.ip('-6', 'addr', 'show', 'scope', 'link')).not.toMatch(/: l2tp/);
  expect(await gaps(near)).toEqual([[]]);
  await near.apply({ op: 'detach', session: key });
  await until(
    async () => left.ip('-o', 'link'),
    (links) => !/: l2tp/.test(links),
  );
  expect(left.ip('-d', 'link', 'show', 'port')).toBe(before);
});

test('what is attached may change, also from an interface to a bridge and back', async () => {
  await portToPort();
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  left.ip('link', 'add', 'second', 'up', 'type', 'veth', 'peer', 'name', 'second0', 'netns', one.name);
  await attach(near, id, { attach: 'second' });
  expect(link(left, 'port').master).toBeUndefined();
  expect(link(left, 'second').master).toBe(link(left, 'l2tpeth0').master);
  await attach(near, id, { bridge: 'br0' });
  expect(link(left, 'second').master).toBeUndefined();
  expect(link(left, 'l2tpeth0').master).toBe('br0');
  await attach(near, id, { attach: 'port' });
  ping(one, '10.1.0.2');
  // The wire that was needed no more went, the new one is there.
  await until(
    async () => left.ip('-o', 'link').match(/: l2tpbr/g)?.length,
    (count) => count === 1,
  );
  expect(await gaps(near)).toEqual([[]]);
});

test('the circuit is as the interface behind it and its device are', async () => {
  one.ip('link', 'set', 'eth0', 'down');
  await portToPort();
  // It was attached as active, and is not.
  expect(await told(near, 1)).toEqual(broken);
  one.ip('link', 'set', 'eth0', 'up');
  expect(await told(near, 2)).toEqual(active);
  left.ip('link', 'set', 'port', 'down');
  expect(await told(near, 3)).toEqual(broken);
  left.ip('link', 'set', 'port', 'up');
  expect(await told(near, 4)).toEqual(active);
  left.ip('link', 'set', 'l2tpeth0', 'down');
  expect(await told(near, 5)).toEqual(down);
  left.ip('link', 'set', 'l2tpeth0', 'up');
  expect(await told(near, 6)).toEqual(active);
  left.ip('link', 'del', 'l2tpeth0');
  expect(await told(near, 7)).toEqual(broken);
  await near.apply({ op: 'repair', name: 'l2tpeth0' });
  expect(await told(near, 8)).toEqual(active);
  expect(await far.circuits()).toEqual([]);
  ping(one, '10.1.0.2');
});

test('a circuit that was broken is told to be active when its device gets another name', async () => {
  one.ip('link', 'set', 'eth0', 'down');
  await attach(near, id, { attach: 'port' });
  expect(await told(near, 1)).toEqual(broken);
  expect(await attach(near, id, { interfaceName: 'renamed' })).toMatchObject({ interface: 'renamed' });
  expect(await told(near, 2)).toEqual(active);
});

test("while the peer's circuit is not active, our device has no carrier and nothing is sent", async () => {
  await attach(near, id, { addresses: ['10.1.0.1/24'] });
  await attach(far, id, { addresses: ['10.1.0.2/24'] });
  ping(left, '10.1.0.2');
  expect(await near.apply({ op: 'peerCircuit', session: key, active: false })).toEqual({ fact: 'done' });
  expect(link(left, 'l2tpeth0').flags).toContain('NO-CARRIER');
  expect(await gaps(near)).toEqual([[]]);
  // A device that is made anew shows it too.
  left.ip('link', 'del', 'l2tpeth0');
  await told(near, 1);
  await near.apply({ op: 'repair', name: 'l2tpeth0' });
  expect(link(left, 'l2tpeth0').flags).toContain('NO-CARRIER');
  await near.apply({ op: 'peerCircuit', session: key, active: true });
  expect(link(left, 'l2tpeth0').flags).not.toContain('NO-CARRIER');
  right.ip('neigh', 'flush', 'dev', 'l2tpeth0');
  ping(left, '10.1.0.2');
  // That the peer's circuit was not active is nothing to tell the peer.
  expect(await near.circuits()).toEqual([broken, active]);
});

test('what somebody changes is told as drift once, and repaired', async () => {
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  await portToPort();
  await pseudowireUp(near, id + 1);
  await attach(near, id + 1, { bridge: 'br0', macAddress: '02:00:00:00:00:01', interfaceName: 'bridged' });
  await pseudowireUp(near, id + 2);
  await attach(near, id + 2, { addresses: ['10.7.0.1/24'], interfaceName: 'host' });
  const wire = link(left, 'port').master ?? '';
  const spoil: [string, string[], string][] = [
    ['l2tpeth0', ['link', 'set', 'l2tpeth0', 'mtu', '1300'], 'mtu 1300 instead of 1450'],
    ['l2tpeth0', ['link', 'set', 'port', 'nomaster'], 'interface port not joined'],
    ['l2tpeth0', ['link', 'set', 'l2tpeth0', 'nomaster'], 'interface port not joined'],
    ['l2tpeth0', ['link', 'del', wire], 'interface port not joined'],
    ['l2tpeth0', ['link', 'set', 'l2tpeth0', 'alias', 'mine'], 'alias changed'],
    ['l2tpeth0', ['link', 'set', 'l2tpeth0', 'down'], 'down'],
    ['l2tpeth0', ['link', 'del', 'l2tpeth0'], 'missing'],
    ['bridged', ['link', 'set', 'bridged', 'nomaster'], 'not in bridge br0'],
    [
      'bridged',
      ['link', 'set', 'bridged', 'address', '02:00:00:00:00:02'],
      'MAC address 02:00:00:00:00:02 instead of 02:00:00:00:00:01',
    ],
    ['host', ['addr', 'del', '10.7.0.1/24', 'dev', 'host'], 'address 10.7.0.1/24 missing'],
    ['host', ['link', 'set', 'host', 'name', 'guest'], 'renamed to guest'],
  ];
  for (const [device, command, gap] of spoil) {
    const before = (await near.drifts()).length;
    left.ip(...command);
    const drifts = await until(
      () => near.drifts(),
      (all) => all.length > before,
    );
    expect([command, drifts.at(-1)]).toEqual([command, { device, what: gap }]);
    const list = await near.list();
    expect(list.find(({ name }) => name === device)?.gaps).toEqual([gap]);
    expect(await near.apply({ op: 'repair', name: device })).toEqual({ fact: 'done' });
    expect(await gaps(near)).toEqual([[], [], []]);
  }
  expect((await near.drifts()).length).toBe(spoil.length);
  ping(one, '10.1.0.2');
  expect(left.ip('-o', 'link')).not.toContain('guest');
});

test('a bridge or an interface that goes is told, and so is that it came back', async () => {
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  await attach(near, id, { bridge: 'br0' });
  await pseudowireUp(near, id + 1);
  await attach(near, id + 1, { attach: 'port' });
  const last = (count: number): Promise<{ device: string; what: string } | undefined> =>
    until(
      () => near.drifts(),
      (all) => all.length >= count,
    ).then((all) => all[count - 1]);
  left.ip('link', 'del', 'br0');
  expect(await last(1)).toEqual({ device: 'l2tpeth0', what: 'bridge br0 missing' });
  expect(await near.apply({ op: 'repair', name: 'l2tpeth0' })).toMatchObject({ fact: 'failed', code: 'ENODEV' });
  left.ip('link', 'add', 'br0', 'up', 'type', 'bridge');
  expect(await last(2)).toEqual({ device: 'l2tpeth0', what: 'not in bridge br0' });
  expect(await near.apply({ op: 'repair', name: 'l2tpeth0' })).toEqual({ fact: 'done' });
  left.ip('link', 'del', 'port');
  expect(await last(3)).toEqual({ device: 'l2tpeth1', what: 'interface port missing' });
  expect(await near.apply({ op: 'repair', name: 'l2tpeth1' })).toMatchObject({ fact: 'failed', code: 'ENODEV' });
  plug(one, left, 'port', '10.1.0.1/24');
  expect(await last(4)).toEqual({ device: 'l2tpeth1', what: 'interface port not joined' });
  expect(await near.apply({ op: 'repair', name: 'l2tpeth1' })).toEqual({ fact: 'done' });
  expect(await gaps(near)).toEqual([[], []]);
  const circuits = await near.circuits();
  expect(circuits.map(({ status }) => status.active)).toEqual([false, true]);
});

test('after a crash the sweep frees the interface, and leaves what is of others or alive', async () => {
  await portToPort();
  const wire = link(left, 'port').master;
  await near.kill();
  expect(left.ip('-o', 'link')).not.toContain('l2tpeth');
  expect(link(left, 'port').master).toBe(wire);
  near = new PlaneProcess(left);
  await tunnelUp(near, nearTerms);
  left.ip('link', 'add', 'br0', 'type', 'bridge');
  left.ip('link', 'add', 'live', 'up', 'type', 'veth', 'peer', 'name', 'live0');
  // One that lives, without a carrier of its own.
  await pseudowireUp(near, id + 1);
  await attach(near, id + 1, { attach: 'live' });
  await near.apply({ op: 'peerCircuit', session: sessionKeyV3(id + 1), active: false });
  const alive = link(left, 'live').master;
  expect(await near.sweep()).toEqual([wire]);
  expect(link(left, 'port').master).toBeUndefined();
  expect(link(left, 'live').master).toBe(alive);
  expect(left.ip('-o', 'link')).toContain(': br0');
  await pseudowireUp(near, id);
  await attach(near, id, { attach: 'port' });
  ping(one, '10.1.0.2');
});
