/** Sums with IPv6 prefixes. */
import { formatIpv6Prefix, type Ipv6Prefix } from '../engine/spec.ts';

/** The upper 64 bits, those beyond a prefix' length cleared. */
function truncated(high: bigint, length: number): bigint {
  const rest = BigInt(64 - length);
  return (high >> rest) << rest;
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: Ipv6Prefix, inner: Ipv6Prefix): boolean {
  return outer.length <= inner.length && truncated(inner.high, outer.length) === outer.high;
}

export function prefixesOverlap(a: Ipv6Prefix, b: Ipv6Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** The part that two prefixes share, which is the smaller one of them. */
export function sharedPart(a: Ipv6Prefix, b: Ipv6Prefix): Ipv6Prefix | undefined {
  return contains(a, b) ? b : contains(b, a) ? a : undefined;
}

/** The same prefixes, sorted, without those that lie in others, and halves of one prefix as that one. */
export function mergePrefixes(prefixes: readonly Ipv6Prefix[]): Ipv6Prefix[] {
  const merged: Ipv6Prefix[] = [];
  const sorted = [...prefixes].sort((a, b) => (a.high < b.high ? -1 : a.high > b.high ? 1 : a.length - b.length));
  for (const prefix of sorted) {
    const before = merged.at(-1);
    if (before && contains(before, prefix)) continue;
    merged.push(prefix);
    joinHalves(merged);
  }
  return merged;
}

/** While the last two are the halves of one prefix, that one stands for them. */
function joinHalves(sorted: Ipv6Prefix[]): void {
  for (;;) {
    const [a, b] = [sorted.at(-2), sorted.at(-1)];
    if (!a || !b || a.length !== b.length || a.length < 2) return;
    const whole = { high: truncated(b.high, b.length - 1), length: b.length - 1 };
    if (whole.high !== a.high) return;
    sorted.splice(-2, 2, whole);
  }
}

/** Who holds which prefix; no two may overlap. Each look takes as long as there are different lengths. */
export class HeldPrefixes {
  /** For each length that anybody holds: the prefixes of that length within which something is held. */
  readonly #within = new Map<number, Map<bigint, Held>>();
  readonly #held: Held[] = [];

  /** Another's prefix that overlaps this one. */
  rivalOf({ high, length }: Ipv6Prefix): Held | undefined {
    for (const [known, within] of this.#within) {
      if (known > length) continue;
      const held = within.get(truncated(high, known));
      if (held && (known === length || held.prefix.length === known)) return held;
    }
    if (this.#within.has(length)) return undefined;
    return this.#index(length).get(high);
  }

  hold(prefix: Ipv6Prefix, holder: string): void {
    const held = { prefix, holder };
    this.#held.push(held);
    this.#index(prefix.length);
    for (const [known, within] of this.#within) put(within, known, held);
  }

  /** The index of a length, made when it is first asked for. */
  #index(length: number): Map<bigint, Held> {
    const index = this.#within.get(length) ?? new Map<bigint, Held>();
    if (!this.#within.has(length)) {
      for (const held of this.#held) put(index, length, held);
      this.#within.set(length, index);
    }
    return index;
  }
}

interface Held {
  prefix: Ipv6Prefix;
  holder: string;
}

function put(within: Map<bigint, Held>, length: number, held: Held): void {
  if (held.prefix.length < length) return;
  const key = truncated(held.prefix.high, length);
  const other = within.get(key);
  // The one that is all of it tells most.
  if (!other || held.prefix.length < other.prefix.length) within.set(key, held);
}

/** `2001:db8::/40 overlaps 2001:db8::/48 of Kind/name`. */
export function overlapText(prefix: Ipv6Prefix, other: Ipv6Prefix, whose: string): string {
  return `${formatIpv6Prefix(prefix)} overlaps ${formatIpv6Prefix(other)} ${whose}`;
}
