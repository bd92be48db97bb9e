import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tools } from '../tools.ts';
import { address, device, type Wire } from '../wire.ts';
import type { Lns } from './lns.ts';

const radiusSecret = 'bench';

// l2tpns elects itself master of its cluster before it listens: short heartbeats make that 2 seconds.
// It asks every silent link by LCP echo, after 10 seconds unless told: off in effect, as in ours by default.
const startupConfig = (directory: string) => `set debug 0
set log_file "${directory}/l2tpns.log"
set pid_file "${directory}/l2tpns.pid"
set cluster_interface "${device}"
set cluster_hb_interval 5
set cluster_hb_timeout 20
set bind_address ${address.lns}
set iftun_address 10.63.0.1
set peer_address 10.63.0.1
set primary_radius 127.0.0.1
set radius_secret "${radiusSecret}"
set radius_authtypes "pap"
set allow_duplicate_users yes
set echo_timeout 86400
set idle_echo_timeout 345600
set cli_bind_address 127.0.0.1
`;

/** l2tpns, an LNS in C with PPP and data plane of its own (Debian package `l2tpns`). */
export const l2tpns: Lns = {
  name: 'l2tpns',
  ppp: true,
  async start({ lns }: Wire) {
    const directory = join(lns.lab.directory, 'l2tpns');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'startup-config'), startupConfig(directory));
    await writeFile(join(directory, 'ip_pool'), '10.64.0.0/16\n');
    await writeFile(join(directory, 'users'), '');
    const radius = lns.spawn(tools.radius, [radiusSecret]);
    // Its configuration directory is compiled in: give it ours in a mount namespace of its own.
    const script = 'mount --bind "$1" /etc/l2tpns && exec l2tpns';
    const daemon = lns.spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', directory]);
    return {
      process: daemon,
      stop: async () => {
        await Promise.all([daemon.stop(), radius.stop()]);
      },
    };
  },
};
