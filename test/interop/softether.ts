import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';
import { until } from '../netns/until.ts';

export interface SoftEtherOptions {
  users: Record<string, string>;
}

/** A running SoftEther VPN server. */
export interface SoftEther {
  process: Process;
  /** Runs one command of its management tool on its only hub. @throws ExecaError with the output when it refuses. */
  command(text: string): Promise<string>;
}

/** Its own address inside the calls; callers get theirs from this network. */
export const insideSoftEther = '10.30.0.1';

/** That of its IPsec (IKEv1). */
export const ipsecSecret = 'for-ike';

const vpnserver = '/usr/libexec/softether/vpnserver/vpnserver';
const hub = 'DEFAULT';
/** Where the package compiled its state to be: private directories are bound there. */
const places = ['/var/lib', '/var/log', '/run'];

/**
 * Starts SoftEther as an LNS for raw L2TP (without IPsec), with a virtual host that gives addresses by DHCP, and with
 * L2TPv3 in IPsec for the first user; resolves when it answers callers.
 */
export async function startSoftEther(namespace: Namespace, options: SoftEtherOptions): Promise<SoftEther> {
  const directory = join(namespace.lab.directory, `${namespace.name}-softether`);
  const binds: string[] = [];
  for (const place of places) {
    await mkdir(join(directory, place, 'softether'), { recursive: true });
    binds.push(`mount --bind "$0${place}" ${place}`);
  }
  const process = namespace.spawn('sh', ['-c', [...binds, `exec ${vpnserver} execsvc`].join(' && '), directory]);
  const run = async (file: string, lines: readonly string[]) => {
    await writeFile(join(directory, file), `${lines.join('\n')}\n`, { mode: 0o600 });
    return await namespace.run(
      'vpncmd',
      'localhost:5555',
      '/SERVER',
      `/ADMINHUB:${hub}`,
      `/IN:${join(directory, file)}`,
    );
  };
  await until('the management port of SoftEther', () => run('hello', ['ServerInfoGet']));
  await run('set-up', [
    ...Object.entries(options.users).flatMap(([name, password]) => [
      `UserCreate ${name} /GROUP:none /REALNAME:none /NOTE:none`,
      `UserPasswordSet ${name} /PASSWORD:${password}`,
    ]),
    `SecureNatHostSet /MAC:none /IP:${insideSoftEther} /MASK:255.255.0.0`,
    'DhcpSet /START:10.30.1.1 /END:10.30.1.250 /MASK:255.255.0.0 /EXPIRE:7200 /GW:10.30.0.1 /DNS:10.30.0.53 /DNS2:none /DOMAIN:none /LOG:no',
    'NatDisable',
    'SecureNatEnable',
    `IPsecEnable /L2TP:no /L2TPRAW:yes /ETHERIP:yes /PSK:${ipsecSecret} /DEFAULTHUB:${hub}`,
    // Whose hub and user Ethernet pseudowires are that come through IPsec.
    ...Object.entries(options.users)
      .slice(0, 1)
      .map(([name, password]) => `EtherIpClientAdd * /HUB:${hub} /USERNAME:${name} /PASSWORD:${password}`),
  ]);
  // L2TP's, and of IPsec.
  for (const port of [1701, 500, 4500])
    await until(
      `port ${port} of SoftEther`,
      async () => (await namespace.run('ss', '-Hlun', 'sport', '=', `:${port}`)) !== '',
    );
  return { process, command: (text) => run('command', [text]) };
}
