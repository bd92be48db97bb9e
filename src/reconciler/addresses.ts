import ipaddr from 'ipaddr.js';
import { formatIpv4, type Ipv4, parseIpv4 } from '../engine/spec.ts';

/** Addresses from first to last, both included. */
export interface Ipv4Range {
  first: Ipv4;
  last: Ipv4;
}

export function isIp(text: string): boolean {
  return parseIpv4(text) !== undefined || (text.includes(':') && ipaddr.IPv6.isValid(text));
}

/** An IP address or prefix in its one canonical spelling, with the host bits cleared; undefined for anything else. */
export function canonicalPrefix(text: string): string | undefined {
  const [address, length, ...rest] = text.split('/');
  if (rest.length > 0 || !isIp(address)) return undefined;
  const v4 = !address.includes(':');
  const whole = v4 ? 32 : 128;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > whole)) return undefined;
  const cidr = `${address}/${length ?? whole}`;
  const network = v4 ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr);
  return `${network.toString()}/${length ?? whole}`;
}

/** Reads `10.0.0.0/24`, `10.0.0.1-10.0.0.9` or `10.0.0.1`; undefined for anything else. */
export function parseRange(text: string): Ipv4Range | undefined {
  const [from, to, ...more] = text.split('-').map((part) => part.trim());
  if (more.length > 0) return undefined;
  if (to !== undefined) {
    const first = parseIpv4(from);
    const last = parseIpv4(to);
    return first === undefined || last === undefined || first > last ? undefined : { first, last };
  }
  const [address, length, ...rest] = from.split('/');
  const base = parseIpv4(address);
  if (base === undefined || rest.length > 0) return undefined;
  if (length === undefined) return { first: base, last: base };
  if (!/^\d{1,2}$/.test(length) || Number(length) > 32) return undefined;
  const size = 2 ** (32 - Number(length));
  const first = base - (base % size);
  return { first, last: first + size - 1 };
}

/** Whether the text is a prefix that has a network and a broadcast address of its own. */
export function hasEdges(text: string): boolean {
  return text.includes('/') && Number(text.split('/')[1]) < 31;
}

export function formatRange({ first, last }: Ipv4Range): string {
  return first === last ? formatIpv4(first) : `${formatIpv4(first)}-${formatIpv4(last)}`;
}

export function overlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The part that two ranges share. */
export function intersection(a: Ipv4Range, b: Ipv4Range): Ipv4Range | undefined {
  return overlap(a, b) ? { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) } : undefined;
}

/** The same addresses as the fewest ranges, sorted. */
export function mergeRanges(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  const merged: Ipv4Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else merged.push({ ...range });
  }
  return merged;
}

/** The fewest prefixes that cover exactly these ranges, sorted. Ranges may touch or overlap. */
export function coveringPrefixes(ranges: readonly Ipv4Range[]): string[] {
  return mergeRanges(ranges).flatMap(prefixesOf);
}

function prefixesOf({ first, last }: Ipv4Range): string[] {
  const prefixes: string[] = [];
  for (let at = first; at <= last; ) {
    let bits = 0;
    while (bits < 32 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= last) bits++;
    prefixes.push(`${formatIpv4(at)}/${32 - bits}`);
    at += 2 ** bits;
  }
  return prefixes;
}
