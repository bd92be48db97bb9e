/** Ethernet pseudowires of L2TPv3 from one of our daemons to another, between hosts behind their bridges. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { runBeside } from './command.ts';
import { isTrue } from './daemon.ts';
import { lab, lac as left, lacHost as leftRouter, lns as right, lnsHost as rightRouter } from './fresh-pair.ts';
import {
  addBridge,
  addHost,
  addresses,
  addSites,
  device,
  type LeftEnd,
  leftDocuments,
  leftInside,
  linkOf,
  pinged,
  type RightEnd,
  rightDocuments,
  rightInside,
  tunnelSecret,
} from './l2vpn.ts';
import { wire } from './pair.ts';
import { secret } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

let near: Namespace;
let far: Namespace;

beforeEach(async () => {
  ({ near, far } = await addSites(leftRouter, rightRouter));
});

async function establish(leftEnd: LeftEnd = {}, rightEnd: RightEnd = {}): Promise<void> {
  await right.declare('all.yaml', ...rightDocuments(rightEnd));
  await left.declare('all.yaml', ...leftDocuments(leftEnd));
  await right.start();
  await left.start();
  await left.sessionReady('office');
  await right.acceptedSessionReady();
}

/** What would be another if tunnel or pseudowire were set up anew. */
async function identity(): Promise<{ tunnel: unknown; session: unknown }> {
  const { status: tunnel } = await left.tunnelReady('to-right');
  const { status: session } = await left.sessionReady('office');
  return { tunnel: tunnel.localId, session: session.localId };
}

// biome-ignore format: a table
test.each([
  { encapsulation: 'udp', underlay: 'ipv4', digest: 'hmac-md5', cookieLength: 8, l2SpecificSublayer: 'none', mtu: 1442 },
  { encapsulation: 'udp', underlay: 'ipv6', digest: 'hmac-sha1', cookieLength: 4, l2SpecificSublayer: 'default', mtu: 1422 },
  { encapsulation: 'ip', underlay: 'ipv4', digest: 'hmac-sha1', cookieLength: 0, l2SpecificSublayer: 'none', mtu: 1462 },
  { encapsulation: 'ip', underlay: 'ipv6', digest: 'hmac-md5', cookieLength: 8, l2SpecificSublayer: 'default', mtu: 1430 },
] as const)('over $encapsulation and $underlay, with $digest and a cookie of $cookieLength octets', async (form) => {
  const { encapsulation, underlay, digest, cookieLength, l2SpecificSublayer } = form;
  const [localAddress, remoteAddress] = addresses[underlay];
  const dataSequencing = l2SpecificSublayer === 'default' ? 'all' : 'none';
  const session = { cookieLength, l2SpecificSublayer, dataSequencing } as const;
  const capture = await leftRouter.capture(wire);
  await establish(
    { tunnel: { localAddress, remoteAddress, encapsulation, digest, pmtuDiscovery: true, hideAvps: true }, session },
    {
      gateway: { listen: [{ address: remoteAddress, encapsulation, pmtuDiscovery: true }] },
      tunnel: { digest, hideAvps: true },
      session,
    },
  );
  const { status } = await left.tunnelReady('to-right');
  expect(status).toMatchObject({ version: 3, encapsulation, peer: { hostName: 'right.example.net' } });
  await pinged(near, rightInside);
  await pinged(far, leftInside);
  for (const router of [leftRouter, rightRouter]) expect((await linkOf(router, device))?.mtu).toBe(form.mtu);
  const payload = form.mtu - 28;
  await pinged(near, rightInside, '-s', String(payload), '-M', 'do');
  expect(await near.pings(rightInside, '-s', String(payload + 1), '-M', 'do')).toBe(false);
  const path = await capture.stop();

  const server = far.spawn('iperf3', ['--server', '--one-off', '--forceflush']);
  await server.says(/listening/i);
  const report = await near.run('iperf3', '--client', rightInside, '--bytes', '20M', '--set-mss', '1300', '--json');
  // iperf3 ends when all is sent: what is still under way then, up to the windows of TCP, it does not count.
  expect(JSON.parse(report).end.sum_received.bytes).toBeGreaterThan(10e6);

  const { counters } = (await left.sessionReady('office')).status;
  expect(counters).toMatchObject({ rxOutOfOrder: 0, rxLost: 0 });
  await left.stop();
  const dissected = await dissect(path, `l2tp.shared_secret:${tunnelSecret}`);
  expect(complaintsAbout(dissected, localAddress)).toEqual([]);
  expect(complaintsAbout(dissected, remoteAddress)).toEqual([]);
  expect(sentMessages(dissected, localAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN']);
  expect(sentMessages(dissected, remoteAddress)).toEqual(['SCCRP', 'ICRP']);
});

test('frames that are longer than the path takes go in fragments where that is allowed', async () => {
  const mtu = { mtu: 1500 };
  await establish({ ethernet: mtu }, { ethernet: mtu });
  await pinged(near, rightInside, '-s', '1472', '-M', 'do');
  await pinged(far, leftInside, '-s', '1472', '-M', 'do');
  const { counters } = (await left.sessionReady('office')).status;
  expect(counters).toMatchObject({ rxDropped: 0, txDropped: 0 });
});

test('with another secret there is no tunnel, and both ends say why', async () => {
  const quick = { tunnel: { maxRetries: 2, retryTimeout: '200ms' } };
  const others = secret('secrets', { tunnel: 'another-secret' });
  await right.declare('all.yaml', ...rightDocuments());
  await left.declare('all.yaml', ...leftDocuments(quick).slice(0, -1), others);
  await right.start();
  await left.start();
  await left.saysEvent({ kind: 'Tunnel', name: 'to-right', message: /does not answer.* another secret/ });
  const tunnel = await left.tunnel('to-right');
  expect(tunnel?.status.conditions.find(({ type }) => type === 'Ready')?.message).toMatch(/another secret/);
  expect((await left.session('office'))?.status.conditions[0]).toMatchObject({ reason: 'WaitingForTunnel' });
  expect(await right.tunnels()).toEqual([]);
  expect((await right.gateway())?.status.ignored?.wrongDigest).toBeGreaterThan(0);
  expect((await runBeside(right, 'describe', 'gateway')).output).toMatch(/wrongDigest/);

  await left.declare('all.yaml', ...leftDocuments(quick));
  await left.sessionReady('office');
  for (const { process } of [left, right]) expect(process.output).not.toMatch(/another-secret|between-the-two/);
});

test('bridge, MTU and addresses change in place, another kind of pseudowire is set up anew, and the plan says so', async () => {
  await establish();
  await pinged(near, rightInside);
  const before = await identity();

  const mtu = { ethernet: { mtu: 1400 } };
  const harmless = await plan(mtu);
  expect(harmless.output).toMatch(/office.*mtu none -> 1400/);
  expect(harmless.output).not.toMatch(/drop/);
  await left.declare('all.yaml', ...leftDocuments(mtu));
  await until('the MTU', async () => (await linkOf(leftRouter, device))?.mtu === 1400);

  await addBridge(leftRouter, 'br1');
  const elsewhere = await addHost(leftRouter, 'elsewhere', '10.30.0.3', 'br1');
  await left.declare('all.yaml', ...leftDocuments({ ethernet: { bridge: 'br1' } }));
  await until('the other bridge', async () => (await linkOf(leftRouter, device))?.master === 'br1');
  await pinged(elsewhere, rightInside);
  expect(await near.pings(rightInside)).toBe(false);

  await left.declare('all.yaml', ...leftDocuments({ ethernet: { bridge: undefined, addresses: ['10.30.0.4/24'] } }));
  await pinged(leftRouter, rightInside, '-I', device);
  expect(await identity()).toEqual(before);

  const vlan = { session: { pseudowire: 'vlan' }, ethernet: { vlanId: 7 } } as const;
  const planned = await plan(vlan);
  expect(planned.output).toMatch(/office.*pseudowire/);
  expect(planned.output).toMatch(/These calls drop: office/);
  expect(await identity()).toEqual(before);
  await right.declare('all.yaml', ...rightDocuments(vlan));
  await left.declare('all.yaml', ...leftDocuments(vlan));
  await until('the other kind at both ends', async () => {
    const sessions = [await left.session('office'), ...(await right.sessions())];
    return sessions.every((session) => session?.status.pseudowire === 'vlan' && isTrue(session, 'Ready'));
  });
  const after = await identity();
  expect(after.tunnel).toBe(before.tunnel);
  expect(after.session).not.toBe(before.session);
  await pinged(near, rightInside);
});

/** What the left end would do if it were declared otherwise. */
async function plan(end: LeftEnd): ReturnType<typeof runBeside> {
  const directory = join(lab.directory, 'variant');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'all.yaml'), leftDocuments(end).join('---\n'));
  return await runBeside(left, 'plan', directory);
}
