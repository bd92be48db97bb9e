import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';

/** One end of a call: a host and its address inside. */
export interface End {
  namespace: Namespace;
  address: string;
}

const fileOctets = 1024 * 1024;

/** What passes in one piece: the MTU of every call here, and what MPPE leaves of it (RFC 3078 3: it adds four octets). */
const usualMtu = 1400;
export const encryptedMtu = usualMtu - 4;
/** IPv4's and ICMP's. */
const pingHeaderOctets = 28;

/** @throws Error unless pings get through both ways, in the MTU's size too, and a file of 1 MiB arrives whole. */
export async function assertTraffic(server: End, client: End, mtu = usualMtu): Promise<void> {
  for (const [from, to] of [
    [server, client],
    [client, server],
  ]) {
    await until(`a ping to ${to.address}`, () => from.namespace.pings(to.address));
    const size = String(mtu - pingHeaderOctets);
    assert(await from.namespace.pings(to.address, '-M', 'do', '-s', size), `${mtu} octets to ${to.address}`);
  }
  const directory = join(server.namespace.lab.directory, 'files');
  await mkdir(directory, { recursive: true });
  const content = randomBytes(fileOctets);
  await writeFile(join(directory, 'file'), content);
  await writeFile(join(directory, 'ready'), 'yes');
  const at = `${server.address}:8080`;
  const daemon = server.namespace.spawn('busybox', ['httpd', '-f', '-p', at, '-h', directory]);
  try {
    await until('the HTTP server', () => client.namespace.run('busybox', 'wget', '-qO', '-', `http://${at}/ready`));
    const fetch = `busybox wget -qO - http://${at}/file | sha256sum`;
    const [sum] = (await client.namespace.run('sh', '-c', fetch)).split(' ');
    assert.equal(sum, createHash('sha256').update(content).digest('hex'));
  } finally {
    await daemon.stop();
  }
}

/** Pings many addresses at once. @returns those that did not answer. `mtu`: a ping of that size that may not be fragmented. */
export async function unanswered(
  from: Namespace,
  targets: readonly { address: string; mtu?: number }[],
): Promise<string[]> {
  const lines = targets.map(({ address, mtu }) => {
    const size = mtu === undefined ? '' : `-M do -s ${mtu - pingHeaderOctets}`;
    return `(ping -q -c 1 -W 10 ${size} ${address} > /dev/null 2>&1 || echo ${address}) &`;
  });
  return (await from.run('sh', '-c', [...lines, 'wait'].join('\n'))).split('\n').filter(Boolean);
}

/** The MTU of each device. */
export async function deviceMtu(namespace: Namespace): Promise<Map<string, number>> {
  const links: { ifname: string; mtu: number }[] = JSON.parse(await namespace.ip('-j', 'link', 'show'));
  return new Map(links.map(({ ifname, mtu }) => [ifname, mtu]));
}

/** @throws Error when the host has sent an IP packet in fragments. */
export async function assertUnfragmented(namespace: Namespace): Promise<void> {
  const [names, values] = (await namespace.run('cat', '/proc/net/snmp')).match(/^Ip:.*$/gm) ?? [];
  assert.equal(values?.split(' ')[names?.split(' ').indexOf('FragCreates') ?? -1], '0', namespace.name);
  assert.match(await namespace.run('cat', '/proc/net/snmp6'), /^Ip6FragCreates\s+0$/m, namespace.name);
}

const streamOctets = 4 * 1024 * 1024;
/** Of a stream, what may still be on its way when its sender is done. */
const inFlightOctets = 1024 * 1024;

/** @throws Error unless TCP carries some MiB each way, as iperf3 counts. */
export async function assertStreams(server: End, client: End): Promise<void> {
  const daemon = server.namespace.spawn('iperf3', ['--server', '--bind', server.address, '--forceflush']);
  await daemon.says(/listening/i);
  const flags = ['--client', server.address, '--bind', client.address, '--window', '128K', '--json'];
  for (const direction of [[], ['--reverse']]) {
    const report = await client.namespace.run('iperf3', ...flags, '--bytes', String(streamOctets), ...direction);
    assert(JSON.parse(report).end.sum_received.bytes >= streamOctets - inFlightOctets, report);
  }
  await daemon.stop();
}
