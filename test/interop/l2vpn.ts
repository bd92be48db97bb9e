/** Ethernet from one site to another: a router with a bridge at each, and hosts behind the bridges. */
import type {
  EthernetProfileFields,
  GatewayFields,
  SessionFields,
  SessionProfileFields,
  TunnelFields,
  TunnelProfileFields,
} from '../../src/reconciler/generated.ts';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { tunnelKey } from './declared.ts';
import { lacAddress, lnsAddress } from './pair.ts';
import { resource, secret } from './resources.ts';

export const bridge = 'br0';
export const tunnelSecret = 'between-the-two';
export const device = 'pw0';
/** Of the hosts behind the bridges. */
export const leftInside = '10.30.0.1';
export const rightInside = '10.30.0.2';

export async function addBridge(router: Namespace, name = bridge): Promise<void> {
  await router.ip('link', 'add', name, 'type', 'bridge');
  await router.ip('link', 'set', name, 'up');
}

/** A host on a wire of its own to the router, where its port `to-NAME` is part of the bridge. */
export async function addHost(router: Namespace, name: string, address: string, at = bridge): Promise<Namespace> {
  const host = await router.lab.namespace(name);
  const port = `to-${name}`;
  await router.lab.link(host, { device: 'lan', addresses: [`${address}/24`] }, router, { device: port, addresses: [] });
  await router.ip('link', 'set', port, 'master', at);
  return host;
}

/** A bridge at each of the two routers with a host behind it. */
export async function addSites(left: Namespace, right: Namespace): Promise<{ near: Namespace; far: Namespace }> {
  await addBridge(left);
  await addBridge(right);
  return { near: await addHost(left, 'near', leftInside), far: await addHost(right, 'far', rightInside) };
}

/** More of the end that dials. Both ends share `tunnelSecret`. */
export interface LeftEnd {
  tunnel?: Partial<TunnelFields>;
  session?: Partial<SessionFields>;
  ethernet?: EthernetProfileFields;
}

export function leftDocuments({ tunnel, session, ethernet }: LeftEnd = {}): string[] {
  return [
    resource('Gateway', 'left', { hostName: 'left.example.net' }),
    resource('Tunnel', 'to-right', {
      remoteAddress: lnsAddress,
      version: 'v3',
      persist: true,
      secretRef: tunnelKey,
      ...tunnel,
    }),
    resource('Session', 'office', {
      tunnel: 'to-right',
      pseudowire: 'ethernet',
      ethernetProfile: 'office',
      ...session,
    }),
    resource('EthernetProfile', 'office', { interfaceName: device, bridge, ...ethernet }),
    secret('secrets', { tunnel: tunnelSecret }),
  ];
}

/** More of the end that is dialled. */
export interface RightEnd {
  gateway?: GatewayFields;
  tunnel?: TunnelProfileFields;
  session?: SessionProfileFields;
  ethernet?: EthernetProfileFields;
}

export function rightDocuments({ gateway, tunnel, session, ethernet }: RightEnd = {}): string[] {
  return [
    resource('Gateway', 'right', { hostName: 'right.example.net', listen: [{ address: lnsAddress }], ...gateway }),
    resource('PeerProfile', 'branches', {
      match: { hostName: 'left.example.net' },
      tunnelProfile: 'branches',
      sessionProfile: 'branches',
      ethernetProfile: 'office',
    }),
    resource('TunnelProfile', 'branches', { version: 'v3', secretRef: tunnelKey, ...tunnel }),
    resource('SessionProfile', 'branches', { pseudowire: 'ethernet', ...session }),
    resource('EthernetProfile', 'office', { interfaceName: device, bridge, ...ethernet }),
    secret('secrets', { tunnel: tunnelSecret }),
  ];
}

export async function pinged(from: Namespace, address: string, ...options: string[]): Promise<void> {
  await until(`a ping to ${address}`, () => from.pings(address, ...options));
}

interface Link {
  ifname: string;
  mtu: number;
  address: string;
  operstate: string;
  master?: string;
  flags: string[];
}

export async function links(host: Namespace): Promise<Link[]> {
  return JSON.parse(await host.ip('-j', 'link', 'show'));
}

/** A device of the host's; undefined without one of that name. */
export async function linkOf(host: Namespace, name: string): Promise<Link | undefined> {
  return (await links(host)).find(({ ifname }) => ifname === name);
}

export const addresses = { ipv4: [lacAddress, lnsAddress], ipv6: ['2001:db8::1', '2001:db8::2'] } as const;
