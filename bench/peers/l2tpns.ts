import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ppp } from '../load/load.ts';
import { tools } from '../tools.ts';
import { address, device, type Wire } from '../wire.ts';
import { radiusLogin, startBenchRadius } from './freeradius.ts';
import type { Lns } from './lns.ts';

/** How it is measured. */
export interface L2tpnsSettings {
  readonly name?: string;
  readonly auth?: Ppp['auth'];
  /** Asks freeradius, and tells it. Without: a RADIUS server that accepts whoever asks, next to free of cost. */
  readonly freeradius?: boolean;
  /** How often each link is asked by LCP echo. Without: never in effect, as ours by default. */
  readonly echoSeconds?: number;
}

const neverSeconds = 86_400;

// l2tpns elects itself master of its cluster before it listens: short heartbeats make that 2 seconds.
const startupConfig = (directory: string, { auth = 'pap', echoSeconds = neverSeconds }: L2tpnsSettings) => `set debug 0
set log_file "${directory}/l2tpns.log"
set pid_file "${directory}/l2tpns.pid"
set cluster_interface "${device}"
set cluster_hb_interval 5
set cluster_hb_timeout 20
set bind_address ${address.lns}
set iftun_address 10.63.0.1
set peer_address 10.63.0.1
set primary_radius 127.0.0.1
set radius_secret "${radiusLogin.secret}"
set radius_authtypes "${auth}"
set allow_duplicate_users yes
set echo_timeout ${echoSeconds}
set idle_echo_timeout ${4 * echoSeconds}
set cli_bind_address 127.0.0.1
`;

/** l2tpns, an LNS in C with PPP and data plane of its own (Debian package `l2tpns`). */
export const l2tpnsWith = (settings: L2tpnsSettings): Lns => ({
  name: settings.name ?? 'l2tpns',
  ppp: { auth: settings.auth ?? 'pap', ipv6: false },
  async start({ lns }: Wire) {
    const directory = join(lns.lab.directory, 'l2tpns');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'startup-config'), startupConfig(directory, settings));
    await writeFile(join(directory, 'ip_pool'), '10.64.0.0/16\n');
    await writeFile(join(directory, 'users'), '');
    const freeradius = settings.freeradius ? await startBenchRadius(lns) : undefined;
    const radius = freeradius ?? lns.spawn(tools.radius, [radiusLogin.secret]);
    // Its configuration directory is compiled in: give it ours in a mount namespace of its own.
    const script = 'mount --bind "$1" /etc/l2tpns && exec l2tpns';
    const daemon = lns.spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', directory]);
    return {
      process: daemon,
      radius: freeradius,
      stop: async () => {
        await Promise.all([daemon.stop(), radius.stop()]);
      },
    };
  },
});

export const l2tpns = l2tpnsWith({});
