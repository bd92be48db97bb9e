import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';
import { type Freeradius, type FreeradiusUser, startFreeradius } from './freeradius.ts';

export interface L2tpnsOptions {
  /** Where it listens: an address of its namespace. */
  address: string;
  /** Its answer to a peer's challenge; it never challenges. */
  secret?: string;
  authentication: 'pap' | 'chap';
  users: Readonly<Record<string, FreeradiusUser>>;
  /** From which callers get their addresses. */
  pool?: string;
  /** Its own address inside the calls. */
  gateway?: string;
  /** Given: IPv6 for callers whose users have prefixes; its own address is the first of this /64. */
  ipv6Prefix?: string;
}

/** A running l2tpns and its RADIUS server. */
export interface L2tpns {
  process: Process;
  radius: Freeradius;
  stop(): Promise<void>;
}

const radiusSecret = 'between-l2tpns-and-radius';

/** Starts l2tpns as LNS with a private /etc/l2tpns; resolves when it answers callers. */
export async function startL2tpns(namespace: Namespace, options: L2tpnsOptions): Promise<L2tpns> {
  const directory = join(namespace.lab.directory, `${namespace.name}-l2tpns`);
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, 'startup-config'),
    [
      'set debug 3',
      `set pid_file "${join(directory, 'pid')}"`,
      `set l2tp_secret "${options.secret ?? ''}"`,
      `set bind_address ${options.address}`,
      `set iftun_address ${options.gateway ?? '10.10.0.1'}`,
      `set peer_address ${options.gateway ?? '10.10.0.1'}`,
      'set primary_dns 10.10.0.53',
      'set primary_radius 127.0.0.1',
      'set primary_radius_port 1812',
      `set radius_secret "${radiusSecret}"`,
      `set radius_authtypes "${options.authentication}"`,
      'set allow_duplicate_users yes',
      'set cli_bind_address 127.0.0.1',
      'set cluster_interface "lo"',
      'set cluster_hb_interval 1',
      'set cluster_hb_timeout 5',
      'set send_garp no',
      ...(options.ipv6Prefix === undefined ? [] : [`set ipv6_prefix ${options.ipv6Prefix}`]),
      '',
    ].join('\n'),
  );
  await writeFile(join(directory, 'ip_pool'), `${options.pool ?? '10.10.1.0/24'}\n`);
  await writeFile(join(directory, 'users'), '');

  const login = { address: '127.0.0.1', secret: radiusSecret, lenient: true };
  const radius = await startFreeradius(namespace, { ...login, users: options.users });
  const start = 'mount --bind "$0" /etc/l2tpns && exec l2tpns';
  const process = namespace.spawn('sh', ['-c', start, directory]);
  await process.says(/declaring myself the master/);
  return {
    process,
    radius,
    stop: async () => {
      await Promise.all([process.stop('SIGKILL'), radius.process.stop()]);
    },
  };
}
