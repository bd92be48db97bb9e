import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Encapsulation } from '../../src/engine/spec.ts';
import { until } from '../../test/netns/until.ts';
import { startDaemon } from '../peers/prol2tp.ts';
import { address, device, type Side, type Wire } from '../wire.ts';
import type { PathKind } from './paths.ts';

const near = '10.201.0.1';
const far = '10.201.0.2';

/** One document of ours. */
export function resource(kind: string, name: string, spec: object): string {
  return JSON.stringify({ apiVersion: 'prol2tp.io/v1alpha1', kind, metadata: { name }, spec });
}

/** A directory of documents for one of the two daemons. */
export async function declare(wire: Wire, side: Side, documents: readonly string[]): Promise<string> {
  const directory = join(wire[side].lab.directory, `${side}.d`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'all.yaml'), documents.join('\n---\n'));
  return directory;
}

/** The end that takes what the other one brings. */
export const taker = (encapsulation: Encapsulation, ethernet: object): string[] => [
  resource('Gateway', 'far', { listen: [{ address: '0.0.0.0', encapsulation }] }),
  resource('PeerProfile', 'near', { match: { addresses: [address.lac] }, ethernetProfile: 'far' }),
  resource('TunnelProfile', 'default', { version: 'v3' }),
  resource('SessionProfile', 'default', { pseudowire: 'ethernet' }),
  resource('EthernetProfile', 'far', ethernet),
];

export const dialler = (encapsulation: Encapsulation): string[] => [
  resource('Tunnel', 'far', { remoteAddress: address.lns, version: 'v3', encapsulation, persist: true }),
];

const pseudowire = (encapsulation: Encapsulation): PathKind => ({
  name: `Ethernet pseudowire over ${encapsulation}`,
  async open(wire) {
    const there = await declare(wire, 'lns', taker(encapsulation, { addresses: [`${far}/24`] }));
    const here = await declare(wire, 'lac', [
      ...dialler(encapsulation),
      resource('Session', 'pw', { tunnel: 'far', pseudowire: 'ethernet', ethernetProfile: 'near' }),
      resource('EthernetProfile', 'near', { addresses: [`${near}/24`] }),
    ]);
    const { pid } = startDaemon(wire, 'lns', undefined, there);
    startDaemon(wire, 'lac', undefined, here);
    await until('the pseudowire', () => wire.lac.pings(far), 30_000);
    return { near, far, lnsPid: pid };
  },
});

/** The kernel's own Ethernet over UDP. */
const vxlan: PathKind = {
  name: 'vxlan',
  async open(wire) {
    for (const [side, inside, remote] of [
      ['lac', near, address.lns],
      ['lns', far, address.lac],
    ] as const) {
      const host = wire[side];
      const type = ['type', 'vxlan', 'id', '7', 'remote', remote, 'dstport', '4789', 'dev', device];
      await host.ip('link', 'add', 'vx0', ...type);
      await host.ip('address', 'add', `${inside}/24`, 'dev', 'vx0');
      await host.ip('link', 'set', 'vx0', 'up');
    }
    await until('vxlan', () => wire.lac.pings(far));
    return { near, far, lnsPid: undefined };
  },
};

export const overlays: readonly PathKind[] = [vxlan, pseudowire('udp'), pseudowire('ip')];
