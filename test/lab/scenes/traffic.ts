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
