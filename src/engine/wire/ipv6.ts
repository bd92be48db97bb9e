/** An IPv6 address as an unsigned 128-bit number in network reading order: ::1 is 1n. */
export type Ipv6 = bigint;

/** A prefix of at most 64 bits: its upper 64 address bits (those beyond `length` are 0) and its length. */
export interface Ipv6Prefix {
  readonly high: bigint;
  readonly length: number;
}

const GROUPS = 8;

/** Parses an address in any of RFC 4291 2.2's forms. Returns undefined for anything else. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const mixed = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = mixed ? `${mixed[1]}${quadGroups(mixed[2]) ?? 'x'}` : text;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = GROUPS - left.length - (right?.length ?? 0);
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill('0'), ...(right ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((address, group) => (address << 16n) | BigInt(`0x${group}`), 0n);
}

function quadGroups(quad: string): string | undefined {
  const octets = quad.split('.').map(Number);
  if (octets.some((octet) => octet > 255)) return undefined;
  const [a, b, c, d] = octets;
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** Writes an address as RFC 5952 4 asks: lower case, the longest run of zero groups as `::`. */
export function formatIpv6(address: Ipv6): string {
  const groups = Array.from({ length: GROUPS }, (_, at) =>
    Number((address >> BigInt((GROUPS - 1 - at) * 16)) & 0xffffn),
  );
  let longest = { at: 0, octets: 0 };
  for (let at = 0; at < GROUPS; at++) {
    let octets = 0;
    while (groups[at + octets] === 0) octets++;
    if (octets > longest.octets) longest = { at, octets };
  }
  const hex = groups.map((group) => group.toString(16));
  if (longest.octets < 2) return hex.join(':');
  return `${hex.slice(0, longest.at).join(':')}::${hex.slice(longest.at + longest.octets).join(':')}`;
}

/** Parses `address/length` with a length of 1 to 64 and no bit set beyond it. Returns undefined for anything else. */
export function parseIpv6Prefix(text: string): Ipv6Prefix | undefined {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const address = match ? parseIpv6(match[1]) : undefined;
  const length = Number(match?.[2]);
  if (address === undefined || length < 1 || length > 64) return undefined;
  if (address !== (address >> BigInt(128 - length)) << BigInt(128 - length)) return undefined;
  return { high: address >> 64n, length };
}

export function formatIpv6Prefix({ high, length }: Ipv6Prefix): string {
  return `${formatIpv6(high << 64n)}/${length}`;
}
