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

/** @throws Error unless pings get through both ways, in full size too, and a file of 1 MiB arrives whole. */
export async function assertTraffic(server: End, client: End): Promise<void> {
  for (const [from, to] of [
    [server, client],
    [client, server],
  ]) {
    await until(`a ping to ${to.address}`, () => from.namespace.pings(to.address));
    assert(await from.namespace.pings(to.address, '-M', 'do', '-s', '1372'), `1400 octets to ${to.address}`);
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
