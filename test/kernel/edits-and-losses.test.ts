/** What becomes of devices when edits fail or go back and forth, and when others take or delete them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { IpAttachment } from '../../src/engine/ports.ts';
import { sessionKeyV2 } from '../../src/engine/ports.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';
import { clientSide, ipv4, serverSide, session, sessionUp, subs } from './sessions.ts';

let left: Namespace;
let right: Namespace;
let plane: PlaneProcess;

beforeEach(() => {
  left = new Namespace('edit');
  right = new Namespace('edit-far');
  join(left, right);
  plane = new PlaneProcess(left);
});

afterEach(async () => {
  await plane.kill();
  left.remove();
  right.remove();
});

const done = { fact: 'done' };
const second = sessionKeyV2(7, 10);

const up = (): Promise<number> => sessionUp(plane, '192.0.2.1', '192.0.2.2');

function secondUp(): Promise<unknown> {
  return plane.apply({
    op: 'sessionUp',
    session: second,
    localTunnelId: 7,
    remoteSessionId: 10,
    pseudowire: 'ppp',
    sequencing: 'none',
    reorderTimeoutMs: 0,
    dscp: 0,
  });
}

const attach = (key: number, attachment: IpAttachment): Promise<unknown> =>
  plane.apply({ op: 'attach', session: key, attachment, acfc: false, pfc: false });

async function gaps(): Promise<Record<string, readonly string[]>> {
  return Object.fromEntries((await plane.list()).map((device) => [device.name, device.gaps]));
}

async function drifts(count: number): Promise<{ device: string; what: string }[]> {
  return until(
    () => plane.drifts(),
    (all) => all.length >= count,
  );
}

test('the name of a deleted device stays its own until it is repaired', async () => {
  await up();
  await secondUp();
  await attach(session, clientSide);
  left.ip('link', 'del', 'l2tp0');
  await drifts(1);
  left.ip('tuntap', 'add', 'l2tp1', 'mode', 'tun');
  const other = { ...clientSide, owner: 'Session/other', ipv4: undefined };
  expect(await attach(second, other)).toEqual({ fact: 'attached', session: second, interface: 'l2tp2' });
  expect(await plane.apply({ op: 'repair', name: 'l2tp0' })).toEqual(done);
  expect(left.ip('link', 'show', 'l2tp0')).toContain('alias prol2tp:Session/office');
  expect(left.ip('addr', 'show', 'l2tp0')).toContain('10.9.0.2');
  expect(await gaps()).toEqual({ l2tp0: [], l2tp2: [] });
  await plane.apply({ op: 'sessionDown', session });
  expect(await gaps()).toEqual({ l2tp2: [] });
});

test('the same drift is told again when it comes again', async () => {
  await plane.apply({ op: 'device', device: subs });
  for (let time = 1; time <= 2; time++) {
    left.ip('link', 'del', 'subs');
    expect(await drifts(time)).toHaveLength(time);
    expect(await plane.apply({ op: 'repair', name: 'subs' })).toEqual(done);
    left.ip('link', 'set', 'wire', 'mtu', String(1400 + time));
  }
});

test('an edit of a shared device that fails leaves it as it was', async () => {
  await plane.apply({ op: 'device', device: subs });
  left.ip('route', 'add', '10.7.0.0/16', 'dev', 'wire');
  const edited = { ...subs, mtu: 1380, addresses: ['10.7.0.1'], routes: ['10.6.0.0/16', '10.7.0.0/16'] };
  expect(await plane.apply({ op: 'device', device: edited })).toMatchObject({ fact: 'failed', code: 'EEXIST' });
  expect((await plane.list()).map(({ spec }) => spec)).toEqual([subs]);
  const shown = left.ip('addr', 'show', 'subs');
  expect(shown).toContain('mtu 1400');
  expect(shown).toContain('10.9.0.1/32');
  expect(shown).not.toContain('10.7.0.1');
  expect(left.ip('route', 'show', 'dev', 'subs')).toBe('10.9.0.0/16 proto 171 scope link \n');
});

test('a new address of a shared device takes no routes away', async () => {
  await up();
  await plane.apply({ op: 'device', device: { ...subs, routes: [] } });
  await attach(session, serverSide);
  await plane.apply({ op: 'device', device: { ...subs, addresses: ['10.9.0.5'], routes: [] } });
  expect(left.ip('addr', 'show', 'subs')).not.toContain('10.9.0.1/');
  expect(left.ip('route', 'show', 'dev', 'subs')).toContain('10.9.0.2');
  expect(await gaps()).toEqual({ subs: [] });
});

test('a new address of an own device does not take its default route away', async () => {
  await up();
  const everything = { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: true, proxyArp: false };
  await attach(session, { ...clientSide, ipv4: everything });
  await attach(session, { ...clientSide, ipv4: { ...everything, local: ipv4('10.9.0.3') } });
  expect(left.ip('addr', 'show', 'l2tp0')).not.toContain('10.9.0.2');
  expect(left.ip('route', 'show', 'default')).toContain('dev l2tp0');
  expect(await gaps()).toEqual({ l2tp0: [] });
});

test('a session that comes again before its old self is gone keeps its route', async () => {
  await up();
  await secondUp();
  await plane.apply({ op: 'device', device: subs });
  await attach(session, { ...serverSide, mtu: 1300 });
  expect(await attach(second, { ...serverSide, mtu: 1200 })).toMatchObject({ fact: 'attached' });
  await plane.apply({ op: 'sessionDown', session });
  expect(left.ip('route', 'show', 'dev', 'subs')).toContain('10.9.0.2 proto 171 scope link mtu 1200');
  expect(await gaps()).toEqual({ subs: [] });
  await plane.apply({ op: 'sessionDown', session: second });
  expect(left.ip('route', 'show', 'dev', 'subs')).not.toContain('10.9.0.2');
});

test('a shared device that becomes too small for IPv6 lacks nothing, and has it back later', async () => {
  await up();
  await plane.apply({ op: 'device', device: subs });
  await attach(session, serverSide);
  expect(await plane.apply({ op: 'device', device: { ...subs, mtu: 1000 } })).toEqual(done);
  expect(await gaps()).toEqual({ subs: [] });
  expect(await plane.apply({ op: 'repair', name: 'subs' })).toEqual(done);
  left.ip('link', 'del', 'subs');
  await drifts(1);
  expect(await plane.apply({ op: 'repair', name: 'subs' })).toEqual(done);
  expect(await plane.apply({ op: 'device', device: subs })).toEqual(done);
  expect(left.ip('addr', 'show', 'subs')).toContain('fe80::1/64');
  expect(await gaps()).toEqual({ subs: [] });
});

test('a name that another device has is ours once that is gone', async () => {
  left.ip('link', 'add', 'subs', 'type', 'veth', 'peer', 'name', 'peer');
  expect(await plane.apply({ op: 'device', device: subs })).toMatchObject({ fact: 'failed', code: 'EEXIST' });
  expect(await plane.list()).toEqual([]);
  left.ip('link', 'del', 'subs');
  expect(await plane.apply({ op: 'device', device: subs })).toEqual(done);

  left.ip('link', 'del', 'subs');
  left.ip('tuntap', 'add', 'subs', 'mode', 'tun');
  await drifts(1);
  expect(await plane.apply({ op: 'repair', name: 'subs' })).toMatchObject({ fact: 'failed', code: 'EEXIST' });
  expect(await gaps()).toEqual({ subs: ['missing'] });
  left.ip('link', 'del', 'subs');
  expect(await plane.apply({ op: 'repair', name: 'subs' })).toEqual(done);
  expect(await gaps()).toEqual({ subs: [] });
});

test('a name is taken as it stands: the kernel does not complete it', async () => {
  const patterned = await plane.apply({ op: 'device', device: { ...subs, name: 'subs%d' } });
  expect(patterned).toMatchObject({ fact: 'failed', code: 'EINVAL' });
  await up();
  expect(await attach(session, { ...clientSide, interface: { kind: 'own', name: 'l2tp%d' } })).toMatchObject({
    code: 'EINVAL',
  });
});

/** Runs a module's text inside the namespace; `kernel` is where the sources are. */
function runScript(text: string): string {
  const kernel = new URL('../../src/', import.meta.url).href;
  const script = `const kernel = ${JSON.stringify(kernel)};\n${text}`;
  return left.run(process.execPath, '--import', 'tsx', '--input-type=module', '-e', script);
}

test('a link without IPv6 has no IPv6 addresses to stop', () => {
  left.ip('link', 'add', 'small', 'mtu', '1000', 'type', 'veth');
  const printed = runScript(`
    const { Rtnl } = await import(kernel + 'kernel/rtnl.ts');
    const rtnl = new Rtnl();
    const stopped = ['small', 'wire'].map((name) => rtnl.stopIpv6Generation(rtnl.link(name).index));
    rtnl.close();
    console.log(JSON.stringify(stopped));
  `);
  expect(printed).toBe('[false,true]\n');
});

test('a comparison that fails, as when others change too much for a dump to hold together, is made later', () => {
  const printed = runScript(`
    const { execFileSync } = await import('node:child_process');
    const { PlaneError } = await import(kernel + 'engine/errors.ts');
    const { Rtnl } = await import(kernel + 'kernel/rtnl.ts');
    const { SocketTransport } = await import(kernel + 'kernel/sockets.ts');
    const { UserspacePlane } = await import(kernel + 'kernel/userspace-plane.ts');
    const { links } = Rtnl.prototype;
    let refusals = 2;
    Rtnl.prototype.links = function () {
      if (refusals-- > 0) throw new PlaneError('EINTR', 'netlink dump kept changing');
      return links.call(this);
    };
    const plane = new UserspacePlane(new SocketTransport(), {
      frame: () => undefined,
      drift: (device, what) => {
        console.log(device, what);
        plane.close();
      },
    });
    plane.apply({ op: 'device', device: ${JSON.stringify(subs)} }, () => undefined);
    execFileSync('ip', ['link', 'set', 'subs', 'mtu', '1300']);
  `);
  expect(printed).toBe('subs mtu 1300 instead of 1400\n');
});

test('without a descriptor to spare a device fails as a whole, and works when there is one', () => {
  const printed = runScript(`
    const { closeSync, openSync } = await import('node:fs');
    const { SocketTransport } = await import(kernel + 'kernel/sockets.ts');
    const { UserspacePlane } = await import(kernel + 'kernel/userspace-plane.ts');
    const plane = new UserspacePlane(new SocketTransport(), { frame: () => undefined, drift: () => undefined });
    const spare = openSync('/dev/null', 'r');
    const held = [];
    const device = ${JSON.stringify(subs)};
    const tell = (fact) => console.log(fact.fact, fact.error?.code);
    try {
      for (;;) held.push(openSync('/dev/null', 'r'));
    } catch {}
    plane.apply({ op: 'device', device }, tell);
    closeSync(spare);
    plane.apply({ op: 'device', device }, tell);
    for (const fd of held) closeSync(fd);
    plane.apply({ op: 'device', device }, tell);
    await plane.close();
  `);
  expect(printed).toBe('failed EMFILE\nfailed EMFILE\ndone undefined\n');
});

test("no subscriber's network takes the tunnel's own way", async () => {
  await up();
  await plane.apply({ op: 'device', device: subs });
  const wayTo = (address: string): string => left.ip('route', 'get', address).split(' dev ')[1].split(' ')[0];
  for (const [route, inside, way] of [
    // The tunnel's way is 192.0.2.0/24.
    ['192.0.2.0/25', '192.0.2.9', 'wire'],
    ['192.0.2.2/32', '192.0.2.9', 'wire'],
    ['192.0.2.128/25', '192.0.2.200', 'subs'],
    ['192.0.0.0/16', '192.0.7.7', 'subs'],
  ] as const) {
    expect(await attach(session, { ...serverSide, routes: [route] })).toMatchObject({ fact: 'attached' });
    expect([wayTo('192.0.2.2'), wayTo(inside)]).toEqual(['wire', way]);
    expect((await gaps()).subs).toEqual([]);
  }
});

test("a subscriber cannot take another's interface identifier", async () => {
  await up();
  await secondUp();
  await plane.apply({ op: 'device', device: subs });
  await attach(session, { ...serverSide, ipv4: undefined });
  await attach(second, { ...serverSide, ipv4: undefined });
  left.run('sh', '-c', 'ping -c 3 -i 0.02 -W 1 fe80::2%subs || true');
  expect((await plane.counters(session)).txPackets).toBeGreaterThanOrEqual(3);
  expect((await plane.counters(second)).txPackets).toBe(0);
});

test('a repair reads the routing table once, however many routes the device has', () => {
  const printed = runScript(`
    const { execFileSync } = await import('node:child_process');
    const { sessionKeyV2 } = await import(kernel + 'engine/ports.ts');
    const { Rtnl } = await import(kernel + 'kernel/rtnl.ts');
    const { SocketTransport } = await import(kernel + 'kernel/sockets.ts');
    const { UserspacePlane } = await import(kernel + 'kernel/userspace-plane.ts');
    const plane = new UserspacePlane(new SocketTransport(), { frame: () => undefined, drift: () => undefined });
    const failures = [];
    const apply = (op) => plane.apply(op, (fact) => fact.fact === 'failed' && failures.push(fact.error.message));
    const remote = { address: '192.0.2.2', port: 1701 };
    apply({ op: 'device', device: ${JSON.stringify(subs)} });
    apply({ op: 'tunnelUp', localTunnelId: 7, remoteTunnelId: 7, version: 2, encapsulation: 'udp', socket: 1, remote });
    const sessions = 100;
    for (let id = 1; id <= sessions; id++) {
      const session = sessionKeyV2(7, id);
      const ipv4 = { local: ${ipv4('10.9.0.1')}, remote: ${ipv4('10.9.1.0')} + id, defaultRoute: false, proxyArp: false };
      const attachment = { interface: { kind: 'shared', name: 'subs' }, owner: 'Session/x', mtu: 1300, mssClamp: false, ipv4, routes: [] };
      apply({ op: 'sessionUp', session, localTunnelId: 7, remoteSessionId: id, pseudowire: 'ppp', sequencing: 'none', reorderTimeoutMs: 0, dscp: 0 });
      apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
    }
    const { routes } = Rtnl.prototype;
    let reads = 0;
    Rtnl.prototype.routes = function () {
      reads++;
      return routes.call(this);
    };
    execFileSync('ip', ['route', 'del', '10.9.1.50', 'dev', 'subs']);
    apply({ op: 'repair', name: 'subs' });
    const held = execFileSync('ip', ['route', 'show', 'dev', 'subs'], { encoding: 'utf8' }).trim().split('\\n');
    console.log(failures.join(), reads, held.length);
    await plane.close();
  `);
  expect(printed).toBe(' 1 101\n');
});

test('sessions that end with routes of their own have nothing compared, until somebody takes a route', () => {
  const printed = runScript(`
    const { execFileSync } = await import('node:child_process');
    const { sessionKeyV2 } = await import(kernel + 'engine/ports.ts');
    const { Rtnl } = await import(kernel + 'kernel/rtnl.ts');
    const { SocketTransport } = await import(kernel + 'kernel/sockets.ts');
    const { UserspacePlane } = await import(kernel + 'kernel/userspace-plane.ts');
    const { links } = Rtnl.prototype;
    let comparisons = 0;
    Rtnl.prototype.links = function () {
      comparisons++;
      return links.call(this);
    };
    const plane = new UserspacePlane(new SocketTransport(), {
      frame: () => undefined,
      drift: (device, what) => {
        console.log(device, what, comparisons);
        plane.close();
      },
    });
    const failures = [];
    const apply = (op) => plane.apply(op, (fact) => fact.fact === 'failed' && failures.push(fact.error.message));
    apply({ op: 'device', device: ${JSON.stringify(subs)} });
    apply({ op: 'tunnelUp', localTunnelId: 7, remoteTunnelId: 7, version: 2, encapsulation: 'udp', socket: 1, remote: { address: '192.0.2.2', port: 1701 } });
    for (let id = 1; id <= 10; id++) {
      const session = sessionKeyV2(7, id);
      const ipv4 = { local: ${ipv4('10.9.0.1')}, remote: ${ipv4('10.9.1.0')} + id, defaultRoute: false, proxyArp: false };
      const attachment = { interface: { kind: 'shared', name: 'subs' }, owner: 'Session/x', mtu: 1300, mssClamp: false, ipv4, routes: ['2001:db8:' + id + '::/48'] };
      apply({ op: 'sessionUp', session, localTunnelId: 7, remoteSessionId: id, pseudowire: 'ppp', sequencing: 'none', reorderTimeoutMs: 0, dscp: 0 });
      apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
    }
    for (let id = 2; id <= 10; id++) apply({ op: 'sessionDown', session: sessionKeyV2(7, id) });
    // Long enough for a comparison, had one been due.
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log(failures.join(), comparisons);
    execFileSync('ip', ['route', 'del', '10.9.1.1', 'dev', 'subs']);
  `);
  expect(printed).toBe(' 0\nsubs route 10.9.1.1/32 mtu 1300 missing 1\n');
});
