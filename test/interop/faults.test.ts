import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { dissect, sentMessages } from './tshark.ts';

const mebibyte = 1024 * 1024;
/** As docs/adr/0005 and the engine have it. */
const halfOpenLimit = 1000;
const quick = { helloInterval: '1s', maxRetries: 2, retryTimeout: '500ms' };

beforeEach(async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  await lac.declare('secrets.yaml', secrets());
  await lac.declare('tunnel.yaml', tunnelDocument(quick));
  await lac.declare('session.yaml', sessionDocument('call', 'tocall'));
});

async function flood(...args: string[]): Promise<void> {
  const program = fileURLToPath(new URL('flood.ts', import.meta.url));
  await lacHost.run(process.execPath, '--import', import.meta.resolve('tsx'), program, lnsAddress, ...args);
}

async function established(): Promise<void> {
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  await lns.acceptedSessionReady();
  await until('a ping', () => lacHost.pings(gatewayInside));
}

test('garbage is neither answered nor harmful', async () => {
  await established();
  const capture = await lnsHost.capture(wire);
  await flood('garbage', '5000');
  const dissected = await dissect(await capture.stop());
  const garbagePort = 40_000;
  expect(dissected.filter(({ sourcePort }) => sourcePort === garbagePort).length).toBeGreaterThan(1000);
  expect(dissected.filter(({ destinationPort }) => destinationPort === garbagePort)).toEqual([]);
  expect(await lacHost.pings(gatewayInside)).toBe(true);
  expect(lns.process.running).toBe(true);
});

test('ten thousand tunnel requests from made-up sources leave room for a good peer', async () => {
  await lns.start();
  await lacHost.ip('route', 'add', 'local', '10.99.0.0/16', 'dev', 'lo');
  await lnsHost.ip('route', 'add', '10.99.0.0/16', 'via', lacAddress);
  const before = await lns.residentOctets();
  await flood('requests', '10000');
  await lac.start();
  await lac.sessionReady('call');
  await until('a ping', () => lacHost.pings(gatewayInside));
  // The good peer came after the flood: all of that has been digested.
  const after = await lns.residentOctets();
  const halfOpen = (await lns.tunnels()).filter((tunnel) => !isTrue(tunnel, 'Established')).length;
  expect(halfOpen).toBeGreaterThan(500);
  expect(halfOpen).toBeLessThanOrEqual(halfOpenLimit);
  expect((after - before) / mebibyte).toBeLessThan(150);
});

test('a gateway that is drained keeps its calls, takes no new ones and sends new tunnels elsewhere', async () => {
  await established();
  const before = (await lac.sessionReady('call')).status.localId;
  await lns.declare('all.yaml', ...lnsDocuments({ gateway: { drain: true } }));
  const told = async () =>
    (await lns.events()).some(({ kind, message }) => kind === 'Gateway' && /drain/.test(message));
  await until('the drain to be in force', told);
  const peer = { remoteAddress: lnsAddress, localAddress: lacAddress, hostName: 'our-lac', persist: true };
  await lac.declare('more.yaml', sessionDocument('more', 'more'), resource('Tunnel', 'other', peer));
  await lac.saysEvent({ kind: 'Session', name: 'more', message: /peer ended the call/ });
  await lac.saysEvent({ kind: 'Tunnel', name: 'other', message: /peer closed the tunnel/ });
  const { lastError } = (await lac.tunnel('other'))?.status ?? {};
  expect(lastError).toMatchObject({ result: 2, error: 7 });
  expect((await lac.sessionReady('call')).status.localId).toBe(before);
  expect(await lacHost.pings(gatewayInside)).toBe(true);

  await lns.declare('all.yaml', ...lnsDocuments());
  await lac.sessionReady('more');
  await lac.tunnelReady('other');
});

test('more requests than the limit allows are not answered, and a good peer is served when its turn comes', async () => {
  const limit = { perPeer: 5, total: 20 };
  await lns.declare('all.yaml', ...lnsDocuments({ gateway: { requestRateLimit: limit } }));
  await lns.start();
  await lacHost.ip('route', 'add', 'local', '10.99.0.0/16', 'dev', 'lo');
  await lnsHost.ip('route', 'add', '10.99.0.0/16', 'via', lacAddress);
  const capture = await lnsHost.capture(wire);
  await flood('requests', '2000');
  await lac.start();
  await lac.sessionReady('call');
  const dissected = await dissect(await capture.stop());
  const count = (message: string) => dissected.filter((datagram) => datagram.message === message).length;
  expect(count('SCCRQ')).toBeGreaterThan(1000);
  // Fewer than one second's worth a second, whatever the time it took; retransmitted answers count too.
  expect((await lns.tunnels()).length).toBeLessThan(count('SCCRQ') / 2);
  expect(count('StopCCN')).toBe(0);
});

test('a tunnel without calls is closed when it has been idle, one with a call is not', async () => {
  await lns.declare('all.yaml', ...lnsDocuments({ tunnel: { idleTimeout: '1s' } }));
  const peer = { remoteAddress: lnsAddress, localAddress: lacAddress, hostName: 'our-lac', persist: false };
  await lac.declare('idle.yaml', resource('Tunnel', 'idle', peer));
  await established();
  await lac.saysEvent({ kind: 'Tunnel', name: 'idle', message: /peer closed the tunnel/ });
  expect(isTrue(await lac.tunnelReady('to-lns'), 'Established')).toBe(true);
  expect((await lns.tunnels()).filter((tunnel) => isTrue(tunnel, 'Established'))).toHaveLength(1);
  expect(await lacHost.pings(gatewayInside)).toBe(true);
});

test('a peer that is silently gone is found out, and the persistent tunnel returns with it', async () => {
  await established();
  await lnsHost.cut(wire);
  await until('the loss to be noticed', async () => {
    const tunnel = await lac.tunnel('to-lns');
    return tunnel !== undefined && !isTrue(tunnel, 'Established') && tunnel.status.lastError !== undefined;
  });
  const session = await lac.session('call');
  expect(session && isTrue(session, 'Ready')).toBe(false);
  await lnsHost.mend(wire);
  await lac.sessionReady('call');
  await until('a ping', () => lacHost.pings(gatewayInside));
});

test('an LNS that was killed and started again serves the call again', async () => {
  await established();
  await lns.stop('SIGKILL');
  await lns.start();
  const lost = async () => {
    const tunnel = await lac.tunnel('to-lns');
    return tunnel !== undefined && !isTrue(tunnel, 'Established');
  };
  await until('the loss to be noticed', lost);
  await lac.sessionReady('call');
  await until('a ping', () => lacHost.pings(gatewayInside));
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends tunnels on the wire and leaves no device and no route',
  async (signal) => {
    const clean = await lnsHost.ip('-4', 'route', 'show', 'table', 'all');
    await established();
    const capture = await lnsHost.capture(wire);
    expect(await lns.stop(signal)).toEqual({ code: 0, signal: undefined });
    expect(await lac.stop(signal)).toEqual({ code: 0, signal: undefined });
    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lnsAddress)).toContain('StopCCN');
    for (const host of [lnsHost, lacHost]) expect(await devices(host)).toEqual(['lo', wire]);
    expect(await lnsHost.ip('-4', 'route', 'show', 'table', 'all')).toBe(clean);
  },
);

test('killed and started again, it serves its call and leaves devices of others alone', async () => {
  await lacHost.ip('tuntap', 'add', 'dev', 'foreign0', 'mode', 'tun');
  await lacHost.ip('address', 'add', '203.0.113.1/32', 'dev', 'foreign0');
  const foreign = () => lacHost.ip('-o', 'address', 'show', 'dev', 'foreign0');
  const before = await foreign();
  await established();
  await lac.stop('SIGKILL');
  await lac.start();
  await lac.sessionReady('call');
  await until('a ping', () => lacHost.pings(gatewayInside));
  expect(await foreign()).toBe(before);
  expect(await lac.stop()).toEqual({ code: 0, signal: undefined });
  expect(await foreign()).toBe(before);
});

test.each([
  { what: 'deleted', word: /missing/, damage: ['link', 'delete', 'tocall'] },
  { what: 'without its address', word: /address/, damage: ['address', 'flush', 'dev', 'tocall'] },
  { what: 'set down', word: /down/, damage: ['link', 'set', 'tocall', 'down'] },
])('a device of ours that somebody has left $what is repaired, and that is told', async ({ word, damage }) => {
  await established();
  const { localId } = (await lac.sessionReady('call')).status;
  await lacHost.ip(...damage);
  await until('the repair', () => lacHost.pings(gatewayInside));
  expect((await lac.sessionReady('call')).status.localId).toBe(localId);
  await lac.saysEvent({ kind: 'Device', name: 'tocall', message: word });
});

test('calls that come and go leave no file descriptor behind', async () => {
  await established();
  const descriptors = async () => (await lacHost.run('ls', `/proc/${lac.process.pid}/fd`)).split('\n').length;
  const before = await descriptors();
  for (let round = 0; round < 5; round += 1) {
    await lac.declare('other.yaml', sessionDocument('other', 'toother'));
    await lac.sessionReady('other');
    await lac.withdraw('other.yaml');
    await until('the device to go', async () => !(await devices(lacHost)).includes('toother'));
  }
  expect(await descriptors()).toBe(before);
});

async function devices(host: Namespace): Promise<string[]> {
  const links: { ifname: string }[] = JSON.parse(await host.ip('-j', 'link', 'show'));
  return links.map(({ ifname }) => ifname);
}

test('secrets are not in the log', async () => {
  await established();
  const texts = [lac.process.output, lns.process.output, await readFile(`/proc/${lac.process.pid}/cmdline`, 'utf8')];
  for (const text of texts) expect(text).not.toContain('open-sesame');
});
