import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';

export interface StrongSwanOptions {
  local: string;
  remote: string;
  secret: string;
  /** What is encrypted, as swanctl.conf writes it: `115` or `udp/1701`. */
  traffic: string;
}

/** Of packets that are ESP themselves: they must not go into the tunnel again. */
const espMark = '0x42';
/** SoftEther takes a request that is sent again for another one, and the two then disagree on the key stream. */
const patienceSeconds = 60;
const plugins = [
  ...['random', 'nonce', 'aes', 'sha1', 'sha2', 'hmac', 'kdf', 'gmp'],
  ...['kernel-libipsec', 'kernel-netlink', 'socket-default', 'vici'],
];

/**
 * Starts strongSwan, which asks the peer for IPsec (IKEv1 with a shared secret, tunnel mode, AES and SHA1) and encrypts
 * by itself behind a TUN device, so the kernel needs no ESP. Resolves when traffic can pass.
 */
export async function startStrongSwan(namespace: Namespace, options: StrongSwanOptions): Promise<void> {
  const { local, remote, secret, traffic } = options;
  const directory = join(namespace.lab.directory, `${namespace.name}-strongswan`);
  await mkdir(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const daemon = [
    `charon-systemd {\n  load = ${plugins.join(' ')}\n  piddir = ${directory}\n  retransmit_timeout = ${patienceSeconds}`,
    '  journal { default = -1 }\n  filelog { stdout { default = 1 } }',
    `  plugins {\n    vici { socket = unix://${file('vici')} }`,
    `    kernel-libipsec { allow_peer_ts = yes }\n    kernel-netlink { fwmark = !${espMark} }\n    socket-default { fwmark = ${espMark} }\n  }\n}`,
  ];
  await writeFile(file('strongswan.conf'), `${daemon.join('\n')}\n`);
  const connection = [
    'connections { peer {',
    `  version = 1\n  encap = yes\n  proposals = aes128-sha1-modp1024`,
    `  local_addrs = ${local}\n  remote_addrs = ${remote}`,
    `  local { auth = psk\n id = ${local} }\n  remote { auth = psk\n id = %any }`,
    '  children { l2tp {',
    '    mode = tunnel\n    esp_proposals = aes128-sha1',
    `    local_ts = ${local}/32[${traffic}]\n    remote_ts = ${remote}/32[${traffic}]`,
    '  } }',
    '} }',
    `secrets { ike-peer {\n  id-1 = ${local}\n  id-2 = %any\n  secret = ${secret}\n} }`,
  ];
  await writeFile(file('swanctl.conf'), `${connection.join('\n')}\n`, { mode: 0o600 });
  const charon = namespace.spawn('env', [`STRONGSWAN_CONF=${file('strongswan.conf')}`, '/usr/sbin/charon-systemd']);
  const swanctl = (...args: string[]) => namespace.run('swanctl', ...args, '--uri', `unix://${file('vici')}`);
  await until('strongSwan', () => swanctl('--load-all', '--noprompt', '--file', file('swanctl.conf')));
  await swanctl('--initiate', '--child', 'l2tp', '--timeout', String(patienceSeconds)).catch((error: Error) => {
    throw new Error(`${error.message}\n${charon.output.slice(-4000)}`);
  });
}
