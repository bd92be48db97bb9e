import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';

export interface DelegationOptions {
  /** The device towards the provider's router. */
  uplink: string;
  /** The device that gets an address in the first /64 but one of the delegated prefix. */
  downlink: string;
  /** Of the prefix that is expected, which dhcp6c must know. */
  prefixLength: number;
}

/** Asks for a delegated prefix (RFC 8415) and renews it until it is stopped, which gives it back. */
export type DelegationClient = (namespace: Namespace, options: DelegationOptions) => Promise<Process>;

/** WIDE's client, as in FreeBSD's world. It leaves routers to the kernel. */
export const startDhcp6c: DelegationClient = async (namespace, { uplink, downlink, prefixLength }) => {
  const directory = await directoryOf(namespace, 'dhcp6c');
  const configuration = `interface ${uplink} {
  send ia-pd 0;
  request domain-name-servers;
};
id-assoc pd 0 {
  prefix-interface ${downlink} {
    sla-id 1;
    sla-len ${64 - prefixLength};
  };
};
`;
  await writeFile(join(directory, 'conf'), configuration);
  const start = 'mount --bind "$0/state" /var/lib/dhcpv6 && exec dhcp6c -f -D -c "$0/conf" -p "$0/pid" "$1"';
  return namespace.spawn('sh', ['-c', start, directory, uplink]);
};

/** Debian's dhcpcd. It takes router advertisements into its own hands; its hooks would change files of the host. */
export const startDhcpcd: DelegationClient = async (namespace, { uplink, downlink }) => {
  const directory = await directoryOf(namespace, 'dhcpcd');
  const configuration = `duid
ipv6only
noipv6rs
release
script /bin/true
option domain_name_servers
interface ${uplink}
ipv6rs
ia_pd 1 ${downlink}/1
`;
  await writeFile(join(directory, 'conf'), configuration);
  const mounts = 'mount --bind "$0/state" /var/lib/dhcpcd && mount --bind "$0/run" /run';
  return namespace.spawn('sh', ['-c', `${mounts} && exec dhcpcd -B -d -f "$0/conf" "$1"`, directory, uplink]);
};

async function directoryOf(namespace: Namespace, client: string): Promise<string> {
  const directory = join(namespace.lab.directory, `${namespace.name}-${client}`);
  for (const name of ['state', 'run']) await mkdir(join(directory, name), { recursive: true });
  return directory;
}
