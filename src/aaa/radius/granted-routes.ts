/** The networks behind a subscriber, as an Access-Accept tells them. */
import { formatIpv4, formatIpv6, type Ipv4, parseIpv4, parseIpv6 } from '../../engine/spec.ts';
import { type Attributes, framedIpAddressOf } from './dictionary.ts';
import { Unusable } from './limits.ts';

/** CIDRs. @throws Unusable */
export function routesOf(attributes: Attributes): string[] {
  const { framedRoute = [], framedIpv6Route = [] } = attributes;
  const routes = [...framedRoute.map(ipv4Route), ...framedIpv6Route.map(ipv6Route)];
  const network = networkOf(attributes);
  return network === undefined ? routes : [network, ...routes];
}

/** RFC 2865 5.9: of a subscriber who is a router to the network that its address lies in. */
function networkOf({ framedIpAddress, framedIpNetmask }: Attributes): string | undefined {
  const { user, nas } = framedIpAddressOf;
  if (framedIpAddress === undefined || framedIpAddress === user || framedIpAddress === nas) return undefined;
  if (framedIpNetmask === undefined) return undefined;
  const length = Math.clz32(~framedIpNetmask);
  if (maskOf(length) !== framedIpNetmask) {
    throw new Unusable(`Framed-IP-Netmask ${formatIpv4(framedIpNetmask)} is no mask`);
  }
  return length === 0 || length === 32 ? undefined : cidr(framedIpAddress, length);
}

/** RFC 2865 5.22. Gateway and metrics are left aside: the way goes to the subscriber. */
function ipv4Route(text: string): string {
  const [address, length] = destination(text);
  const network = parseIpv4(address);
  const bits = length ?? (network === undefined ? undefined : classOf(network));
  if (network === undefined || bits === undefined || bits > 32) throw malformed('Framed-Route', text);
  return cidr(network, bits);
}

/** RFC 3162 2.5. */
function ipv6Route(text: string): string {
  const [address, bits = 128] = destination(text);
  const network = parseIpv6(address);
  if (network === undefined || bits > 128) throw malformed('Framed-IPv6-Route', text);
  const beyond = BigInt(128 - bits);
  return `${formatIpv6((network >> beyond) << beyond)}/${bits}`;
}

function destination(text: string): [address: string, length: number | undefined] {
  const match = /^\s*([^\s/]+)(?:\/(\d{1,3}))?(?:\s|$)/.exec(text);
  return match ? [match[1], match[2] === undefined ? undefined : Number(match[2])] : ['', undefined];
}

/** Of the class that the network belongs to. */
function classOf(network: Ipv4): number {
  if (network === 0) return 0;
  if (network < 0x80000000) return 8;
  return network < 0xc0000000 ? 16 : 24;
}

function maskOf(length: number): Ipv4 {
  return length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
}

function cidr(address: Ipv4, length: number): string {
  return `${formatIpv4((address & maskOf(length)) >>> 0)}/${length}`;
}

function malformed(name: string, text: string): Unusable {
  return new Unusable(`${name} ${JSON.stringify(text)} begins with no network`);
}
