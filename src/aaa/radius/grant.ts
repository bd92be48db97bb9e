/** What an Access-Accept gives a subscriber (RFC 2865 5, RFC 2869 5, RFC 3162 2, RFC 4818, RFC 6911). */
import type { Grant } from '../../engine/aaa.ts';
import { formatIpv6, type Ipv4, type Ipv6Prefix } from '../../engine/spec.ts';
import { type Attributes, framedIpAddressOf, framedProtocols, serviceTypes } from './dictionary.ts';
import { routesOf } from './granted-routes.ts';
import { tunnelsOf } from './granted-tunnels.ts';
import { limitsOf, Unusable } from './limits.ts';
import type { Prefix } from './values.ts';

/** RFC 791: the least that IPv4 links carry; and the most that PPP's MRU says. */
const mtus = { least: 68, most: 65_535 };

/** @throws Unusable: it asks for what we cannot give, so that it counts as a reject (RFC 2865 4.2, 5.6) */
export function grantOf(attributes: Attributes): Grant {
  checkService(attributes);
  const grant: Grant = limitsOf(attributes);
  const { framedIpAddress, framedInterfaceId, framedMtu } = attributes;
  const { nas, user } = framedIpAddressOf;
  if (framedIpAddress !== undefined && framedIpAddress !== nas && framedIpAddress !== user) {
    grant.ipv4 = framedIpAddress;
  }
  if (attributes.framedPool) grant.pool = attributes.framedPool;
  if (attributes.framedIpv6Pool) grant.prefixPool = attributes.framedIpv6Pool;
  if (attributes.delegatedIpv6PrefixPool) grant.delegationPool = attributes.delegatedIpv6PrefixPool;
  if (attributes.framedIpv6Prefix) grant.prefix = onlyPrefix(attributes.framedIpv6Prefix, 'Framed-IPv6-Prefix');
  if (attributes.delegatedIpv6Prefix) {
    grant.delegated = onlyPrefix(attributes.delegatedIpv6Prefix, 'Delegated-IPv6-Prefix');
  }
  if (framedInterfaceId) grant.interfaceId = framedInterfaceId;
  if (framedMtu !== undefined && framedMtu >= mtus.least && framedMtu <= mtus.most) grant.mtu = framedMtu;
  const dns = [attributes.msPrimaryDnsServer, attributes.msSecondaryDnsServer].filter(isAddress);
  if (dns.length > 0) grant.dns = dns;
  if (attributes.dnsServerIpv6Address) grant.dns6 = attributes.dnsServerIpv6Address;
  const routes = routesOf(attributes);
  if (routes.length > 0) grant.routes = routes;
  const tunnels = tunnelsOf(attributes);
  if (tunnels) grant.tunnels = tunnels;
  return grant;
}

/** RFC 2865 5.6: a service that we do not offer is a reject. */
function checkService({ serviceType, framedProtocol }: Attributes): void {
  const { framed, outbound, callCheck } = serviceTypes;
  if (serviceType !== undefined && serviceType !== framed && serviceType !== outbound && serviceType !== callCheck) {
    throw new Unusable(`Service-Type ${serviceType} is not offered here, only Framed (${framed})`);
  }
  if (framedProtocol !== undefined && framedProtocol !== framedProtocols.ppp) {
    throw new Unusable(`Framed-Protocol ${framedProtocol} is not offered here, only PPP (${framedProtocols.ppp})`);
  }
}

/** A link has one of each. */
function onlyPrefix(prefixes: readonly Prefix[], name: string): Ipv6Prefix {
  const [{ address, length }] = prefixes;
  if (prefixes.length > 1) throw new Unusable(`${prefixes.length} times ${name}: a link has one`);
  if (length < 1 || length > 64) throw new Unusable(`${name} ${formatIpv6(address)}/${length} is not of 1 to 64 bits`);
  return { high: address >> 64n, length };
}

function isAddress(address: Ipv4 | undefined): address is Ipv4 {
  return address !== undefined && address !== 0;
}
