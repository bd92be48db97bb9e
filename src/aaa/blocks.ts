/** Addresses and prefixes as one kind of thing: a block of consecutive addresses. */
import { formatIpv4, formatIpv6Prefix, type Ipv4 } from '../engine/spec.ts';

/** What a session may hold, one of each. */
export type Kind = 'ipv4' | 'prefix' | 'delegated';

export const kinds: readonly Kind[] = ['ipv4', 'prefix', 'delegated'];

/** An IPv4 address, with all of its 32 bits, or an IPv6 prefix: its upper 64 bits and how many of them count. */
export interface Block {
  readonly high: bigint;
  readonly length: number;
}

/** The bits of a whole address: for IPv6 those that prefixes have. */
export type Bits = 32 | 64;

/** First and last, both included. */
export interface Range {
  first: bigint;
  last: bigint;
}

export function bitsOf(kind: Kind): Bits {
  return kind === 'ipv4' ? 32 : 64;
}

export function ipv4Block(address: Ipv4): Block {
  return { high: BigInt(address), length: 32 };
}

export function rangeOf({ high, length }: Block, bits: Bits): Range {
  return { first: high, last: high + (1n << BigInt(bits - length)) - 1n };
}

export function formatBlock(kind: Kind, block: Block): string {
  return kind === 'ipv4' ? formatIpv4(Number(block.high)) : formatIpv6Prefix(block);
}

/** For the operator. */
export function nameBlock(kind: Kind, block: Block): string {
  return `${kind === 'ipv4' ? 'address' : 'prefix'} ${formatBlock(kind, block)}`;
}

/** What both have; nothing if it ends before it begins. */
export function intersection(a: Range, b: Range): Range {
  const { first } = a.first < b.first ? b : a;
  const { last } = a.last < b.last ? a : b;
  return { first, last };
}

/** The same numbers as ascending ranges that neither overlap nor touch. */
export function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = merged.at(-1);
    if (before && range.first <= before.last + 1n) {
      if (range.last > before.last) before.last = range.last;
    } else if (range.first <= range.last) merged.push({ ...range });
  }
  return merged;
}

/** What is left of merged ranges without other merged ranges. */
export function subtract(ranges: readonly Range[], holes: readonly Range[]): Range[] {
  const left: Range[] = [];
  for (const range of ranges) {
    let { first } = range;
    for (const hole of holes) {
      if (hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) left.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= range.last) left.push({ first, last: range.last });
  }
  return left;
}
