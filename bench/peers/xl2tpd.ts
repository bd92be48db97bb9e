import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { address, type Wire } from '../wire.ts';
import type { Lns } from './lns.ts';

const configuration = (directory: string) => `[global]
port = 1701
listen-addr = ${address.lns}
auth file = ${directory}/secrets
[lns default]
ip range = 10.64.0.2-10.64.15.250
local ip = 10.63.0.1
require authentication = no
pppoptfile = ${directory}/options
`;

/** xl2tpd, the LNS of many distributions (Debian package `xl2tpd`): it leaves PPP to one pppd a call, which sleeps here. */
export const xl2tpd: Lns = {
  name: 'xl2tpd',
  async start({ lns }: Wire) {
    const directory = join(lns.lab.directory, 'xl2tpd');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'conf'), configuration(directory));
    await writeFile(join(directory, 'secrets'), '');
    await writeFile(join(directory, 'options'), 'noauth\n');
    await writeFile(join(directory, 'pppd'), '#!/bin/sh\nexec sleep 1000000\n');
    await chmod(join(directory, 'pppd'), 0o755);
    // The place of pppd is compiled in: ours lies over it in a mount namespace of its own.
    const script = 'mount --bind "$1/pppd" /usr/sbin/pppd && exec xl2tpd -D -c "$1/conf" -C "$1/control" -p "$1/pid"';
    const daemon = lns.spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', directory]);
    return {
      process: daemon,
      stop: async () => {
        await daemon.stop();
      },
    };
  },
};
