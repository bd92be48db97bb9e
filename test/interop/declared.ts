import type {
  GatewayFields,
  PppProfileFields,
  TunnelFields,
  TunnelProfileFields,
} from '../../src/reconciler/generated.ts';
import { lacAddress, lnsAddress } from './pair.ts';
import { resource, secret } from './resources.ts';

/** Declarations that most tests share. */

export const password = 'open-sesame';
export const gatewayInside = '10.20.0.1';

export interface LnsOptions {
  /** More of the Gateway. */
  gateway?: GatewayFields;
  /** The secret shared with peers; given: they are challenged. */
  tunnelSecret?: string;
  /** Where it listens. */
  listen?: string;
  /** Whether callers get IPv6 too. */
  ipv6?: boolean;
  /** More of the callers' tunnels. */
  tunnel?: TunnelProfileFields;
  auth?: PppProfileFields['auth'];
}

/** What an LNS offers to the subscriber `alice`: all but who may call, and the secrets. */
export function serviceDocuments({ gateway, listen = lnsAddress, ipv6 = false, auth }: LnsOptions = {}): string[] {
  return [
    resource('Gateway', 'lns', { listen: [{ address: listen }], ...gateway }),
    resource('PppProfile', 'callers', {
      auth,
      ipv4: { local: gatewayInside, pool: 'callers', dns: ['10.20.0.53'] },
      ipv6: { enabled: ipv6 },
    }),
    resource('AddressPool', 'callers', { ranges: ['10.20.1.0/24'] }),
    resource('Subscriber', 'alice', { userName: 'alice', passwordRef: { name: 'secrets', key: 'alice' } }),
  ];
}

/** An LNS that knows the subscriber `alice`. */
export function lnsDocuments(options: LnsOptions = {}): string[] {
  const { tunnelSecret, tunnel } = options;
  const challenged = tunnelSecret === undefined ? {} : ({ secretRef: tunnelKey, authMode: 'challenge' } as const);
  // Whoever is challenged must be named.
  const match = tunnelSecret === undefined ? undefined : { addresses: ['192.0.2.0/24'] };
  return [
    ...serviceDocuments(options),
    resource('PeerProfile', 'callers', { match, tunnelProfile: 'callers', pppProfile: 'callers' }),
    resource('TunnelProfile', 'callers', { hostName: 'our-lns', ...challenged, ...tunnel }),
    secrets(tunnelSecret),
  ];
}

/** A tunnel to the LNS that is kept up. */
export function tunnelDocument(fields: TunnelFields = {}): string {
  return resource('Tunnel', 'to-lns', {
    remoteAddress: lnsAddress,
    localAddress: lacAddress,
    hostName: 'our-lac',
    persist: true,
    ...fields,
  });
}

/** A call of `alice` in that tunnel. */
export function sessionDocument(name = 'call', interfaceName?: string): string {
  const passwordRef = { name: 'secrets', key: 'alice' };
  return resource('Session', name, { tunnel: 'to-lns', userName: 'alice', passwordRef, interfaceName });
}

export const tunnelKey = { name: 'secrets', key: 'tunnel' };

export function secrets(tunnelSecret?: string): string {
  return secret(
    'secrets',
    tunnelSecret === undefined ? { alice: password } : { alice: password, tunnel: tunnelSecret },
  );
}
