/**
 * As `fresh-pair.ts`, with a host of RADIUS servers behind the LNS: it has two addresses, for two servers side by side.
 */
import { beforeEach } from 'vitest';
import type {
  GatewayFields,
  PeerProfileFields,
  PppProfileFields,
  TunnelProfileFields,
} from '../../src/reconciler/generated.ts';
import type { Namespace } from '../netns/lab.ts';
import { gatewayInside, password, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { type Freeradius, type FreeradiusOptions, radclient, startFreeradius } from './freeradius.ts';
import { lab, lac, lns, lnsHost } from './fresh-pair.ts';
import { lnsAddress } from './pair.ts';
import { resource, secret } from './resources.ts';

export let radiusHost: Namespace;

/** The LNS's address towards the servers, and its device. */
export const nasAddress = '198.51.100.1';
export const nasDevice = 'toradius';
export const firstServer = '198.51.100.11';
export const secondServer = '198.51.100.12';
/** Of IPv6, on the same wire. */
export const nasAddress6 = '2001:db8:51::1';
export const firstServer6 = '2001:db8:51::11';
export const radiusSecret = 'between-us-and-radius';

beforeEach(async () => {
  radiusHost = await lab.namespace('radius');
  await lab.link(lnsHost, { device: nasDevice, addresses: [`${nasAddress}/24`, `${nasAddress6}/64`] }, radiusHost, {
    device: 'tolns',
    addresses: [...[firstServer, secondServer].map((address) => `${address}/24`), `${firstServer6}/64`],
  });
});

type AuthMethod = 'pap' | 'chap' | 'mschapv1' | 'mschapv2' | 'eap';

/** Only this way of authentication. */
export function only(method: AuthMethod): PppProfileFields['auth'] {
  return { pap: false, chap: false, mschapv1: false, mschapv2: false, eap: false, [method]: true };
}

export interface RadiusLnsOptions {
  /** More of what is said of the servers. */
  radius?: Partial<GatewayFields['radius']>;
  /** More of each server: quick to be given up. */
  server?: { timeout?: string; retries?: number; coaPort?: number };
  servers?: readonly string[];
  gateway?: GatewayFields;
  ppp?: PppProfileFields;
  peer?: PeerProfileFields;
  tunnel?: TunnelProfileFields;
  secret?: string;
}

/** An LNS whose callers are known to RADIUS. It gives addresses of two IPv4 pools, links, and delegated prefixes. */
export function radiusLnsDocuments(options: RadiusLnsOptions = {}): string[] {
  const {
    radius,
    server,
    servers = [firstServer],
    gateway,
    ppp,
    peer,
    tunnel,
    secret: shared = radiusSecret,
  } = options;
  return [
    resource('Gateway', 'lns', {
      listen: [{ address: lnsAddress }],
      radius: {
        servers: servers.map((address) => ({ address, secretRef: { name: 'radius', key: 'secret' }, ...server })),
        nasIdentifier: 'our-nas',
        nasAddress,
        ...radius,
      },
      ...gateway,
    }),
    resource('PeerProfile', 'callers', { tunnelProfile: 'callers', pppProfile: 'callers', ...peer }),
    resource('TunnelProfile', 'callers', { hostName: 'our-lns', ...tunnel }),
    resource('PppProfile', 'callers', {
      aaa: 'radius',
      ipv4: { local: gatewayInside, pool: 'callers' },
      ...ppp,
    }),
    resource('AddressPool', 'callers', { ranges: ['10.20.1.0/24'] }),
    resource('AddressPool', 'premium', { ranges: ['10.20.2.0/24'] }),
    resource('AddressPool', 'links', { ipv6: { prefixes: ['2001:db8:1::/48'] } }),
    resource('AddressPool', 'homes', { ipv6: { prefixes: ['2001:db8:2::/48'], delegationLength: 56 } }),
    secret('radius', { secret: shared }),
  ];
}

/** What the LAC declares: a call of alice, who logs in by this method alone. */
export function callerDocuments(ppp: PppProfileFields = {}, givenPassword = password): string[] {
  return [
    givenPassword === password ? secrets() : secret('secrets', { alice: givenPassword }),
    resource('PppProfile', 'default', ppp),
    tunnelDocument(),
    sessionDocument('call', 'tocall'),
  ];
}

/** freeradius at the first server's address, unless told another, knowing alice. */
export async function startServer(
  options: Partial<FreeradiusOptions> & { reply?: FreeradiusOptions['users'][string]['reply'] } = {},
): Promise<Freeradius> {
  const { reply, ...others } = options;
  const users = { alice: { password, reply } };
  return await startFreeradius(radiusHost, { address: firstServer, secret: radiusSecret, users, ...others });
}

/** Starts both ends with these declarations; resolves when alice's call is up at both. */
export async function callUp(lnsDocuments: string[], lacDocuments = callerDocuments()) {
  await lns.declare('all.yaml', ...lnsDocuments);
  await lac.declare('all.yaml', ...lacDocuments);
  await lns.start();
  await lac.start();
  const atLac = await lac.sessionReady('call');
  return { atLac, atLns: await lns.acceptedSessionReady() };
}

/** Sends a CoA or Disconnect request to the LNS, as its first server does. */
export async function order(command: 'coa' | 'disconnect', attributes: Record<string, string>) {
  const to = { address: nasAddress, port: 3799 };
  return await radclient(radiusHost, { to, secret: radiusSecret, command, attributes });
}
