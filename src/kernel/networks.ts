/** Networks of IPv4 and IPv6 as addresses in packets meet them: 32-bit words in network reading order, signed. */
import { PlaneError } from '../engine/errors.ts';
import type { Ipv6Prefix } from '../engine/spec.ts';
import { familyIpv4, familyIpv6, formatIp, parseIp } from './address.ts';

type Family = typeof familyIpv4 | typeof familyIpv6;

/** Compared by content. Its words are as many as hold its length, at least one; the bits beyond that are 0. */
export interface Network {
  readonly family: Family;
  readonly length: number;
  readonly words: readonly number[];
}

/** Bits in a word, words in an address. */
const wordBits = 32;
const familyWords = { [familyIpv4]: 1, [familyIpv6]: 4 } as const;

/**
 * Parses `address/length`, or an address alone. Bits beyond the length are cleared.
 * @throws PlaneError EINVAL
 */
export function parseNetwork(cidr: string): Network {
  const [address, length] = cidr.split('/', 2);
  const { family, words } = parseIp(address);
  const most = familyWords[family] * wordBits;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : most + 1;
  if (bits > most) throw new PlaneError('EINVAL', `"${cidr}" is no network`);
  return networkOf(family, bits, words);
}

/** An IPv4 address as a network of its own; the number's sign does not matter. */
export function ipv4Host(address: number): Network {
  return { family: familyIpv4, length: wordBits, words: [address | 0] };
}

export function prefixNetwork({ high, length }: Ipv6Prefix): Network {
  return networkOf(familyIpv6, length, [
    Number(BigInt.asIntN(wordBits, high >> 32n)),
    Number(BigInt.asIntN(wordBits, high)),
  ]);
}

function networkOf(family: Family, length: number, address: readonly number[]): Network {
  const words = address.slice(0, wordsOf(length));
  words[words.length - 1] &= lastMask(length);
  return { family, length, words };
}

function wordsOf(length: number): number {
  return Math.max(1, Math.ceil(length / wordBits));
}

/** Of a network's last word, the bits that count. */
function lastMask(length: number): number {
  const free = wordsOf(length) * wordBits - length;
  return free === wordBits ? 0 : -1 << free;
}

/** The network's address as the kernel writes it. */
export function addressOfNetwork({ family, words }: Network): string {
  const address = new Int32Array(4);
  address.set(words);
  return formatIp(family, address, 0, 0);
}

export function isIpv6Network({ family }: Network): boolean {
  return family === familyIpv6;
}

/** Whether all addresses of `inner` are in `outer`. */
export function covers(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const last = outer.words.length - 1;
  for (let i = 0; i < last; i++) if (outer.words[i] !== inner.words[i]) return false;
  return (inner.words[last] & lastMask(outer.length)) === outer.words[last];
}

/** Whether the address at bytes[at], of the network's family, is in it. */
export function holds({ length, words }: Network, bytes: Uint8Array, at: number): boolean {
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (readWord(bytes, at + 4 * i) !== words[i]) return false;
  return (readWord(bytes, at + 4 * last) & lastMask(length)) === words[last];
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** What networks of one length have below the words so far: others on the way, or, at the last word, values. */
interface Branch<V> {
  below: Map<number, Branch<V>> | undefined;
  values: Map<number, V> | undefined;
}

/** The networks of one length. */
interface Level<V> {
  readonly length: number;
  /** Which word is the last, and what of it counts. */
  readonly last: number;
  readonly lastMask: number;
  readonly root: Branch<V>;
}

/** Values by network, of one family. A look-up costs some map look-ups for each length in use, however many values. */
export class NetworkTable<V> {
  /** The longest first. */
  readonly #levels: Level<V>[] = [];

  /** The value of the longest network that holds the address at bytes[at]. */
  find(bytes: Uint8Array, at: number): V | undefined {
    for (let i = 0; i < this.#levels.length; i++) {
      const value = lookUp(this.#levels[i], bytes, at);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** The value of this very network. */
  get({ length, words }: Network): V | undefined {
    let branch = this.#levels.find((level) => level.length === length)?.root;
    const last = words.length - 1;
    for (let i = 0; i < last; i++) branch = branch?.below?.get(words[i]);
    return branch?.values?.get(words[last]);
  }

  set({ length, words }: Network, value: V): void {
    let branch = this.level(length).root;
    const last = words.length - 1;
    for (let i = 0; i < last; i++) {
      branch.below ??= new Map();
      let next = branch.below.get(words[i]);
      if (next === undefined) {
        next = { below: undefined, values: undefined };
        branch.below.set(words[i], next);
      }
      branch = next;
    }
    branch.values ??= new Map();
    branch.values.set(words[last], value);
  }

  delete({ length, words }: Network): void {
    const place = this.#levels.findIndex((level) => level.length === length);
    if (place >= 0 && clear(this.#levels[place].root, words, 0)) this.#levels.splice(place, 1);
  }

  private level(length: number): Level<V> {
    const place = this.#levels.findIndex((level) => level.length <= length);
    if (place >= 0 && this.#levels[place].length === length) return this.#levels[place];
    const root: Branch<V> = { below: undefined, values: undefined };
    const level = { length, last: wordsOf(length) - 1, lastMask: lastMask(length), root };
    this.#levels.splice(place < 0 ? this.#levels.length : place, 0, level);
    return level;
  }
}

function lookUp<V>({ root, last, lastMask }: Level<V>, bytes: Uint8Array, at: number): V | undefined {
  let branch: Branch<V> | undefined = root;
  for (let i = 0; i < last && branch !== undefined; i++) branch = branch.below?.get(readWord(bytes, at + 4 * i));
  return branch?.values?.get(readWord(bytes, at + 4 * last) & lastMask);
}

/** Takes a value out from under `branch`; answers whether nothing is left there. */
function clear<V>(branch: Branch<V>, words: readonly number[], depth: number): boolean {
  const word = words[depth];
  if (depth === words.length - 1) {
    branch.values?.delete(word);
  } else {
    const next = branch.below?.get(word);
    if (next !== undefined && clear(next, words, depth + 1)) branch.below?.delete(word);
  }
  return (branch.values?.size ?? 0) === 0 && (branch.below?.size ?? 0) === 0;
}
