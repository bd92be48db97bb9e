/** Networks of IPv4 and IPv6 as addresses in packets meet them: 32-bit words in network reading order, signed. */
import { PlaneError } from '../engine/errors.ts';
import type { Ipv6Prefix } from '../engine/spec.ts';
import { familyIpv4, familyIpv6, formatIp, parseIp } from './address.ts';

type Family = typeof familyIpv4 | typeof familyIpv6;

/** Compared by content. Its words are as many as hold its length; the bits beyond that are 0. */
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
  const count = Math.ceil(length / wordBits);
  const words = address.slice(0, count);
  if (count > 0) words[count - 1] &= lastMask(length);
  return { family, length, words };
}

/** Of a network's last word, the bits that count. */
function lastMask(length: number): number {
  const free = (wordBits - (length % wordBits)) % wordBits;
  return -1 << free;
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

/** Whether it is one address. */
export function isHost({ family, length }: Network): boolean {
  return length === familyWords[family] * wordBits;
}

/** Whether all addresses of `inner` are in `outer`. */
export function covers(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  const last = outer.words.length - 1;
  for (let i = 0; i < last; i++) if (outer.words[i] !== inner.words[i]) return false;
  return last < 0 || (inner.words[last] & lastMask(outer.length)) === outer.words[last];
}

/** Whether the address at bytes[at], of the network's family, is in it. */
export function holds({ length, words }: Network, bytes: Uint8Array, at: number): boolean {
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (readWord(bytes, at + 4 * i) !== words[i]) return false;
  return last < 0 || (readWord(bytes, at + 4 * last) & lastMask(length)) === words[last];
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** A network's words, one after the other, lead to its value. */
interface Node<V> {
  next: Map<number, Node<V>> | undefined;
  value: V | undefined;
}

/** The networks of one length. */
interface Level<V> {
  readonly length: number;
  /** How many words lead to a value, and the mask of the last. */
  readonly words: number;
  readonly lastMask: number;
  readonly root: Node<V>;
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
    let node = this.#levels.find((level) => level.length === length)?.root;
    for (const word of words) node = node?.next?.get(word);
    return node?.value;
  }

  set({ length, words }: Network, value: V): void {
    let node = this.level(length).root;
    for (const word of words) {
      node.next ??= new Map();
      let below = node.next.get(word);
      if (below === undefined) {
        below = { next: undefined, value: undefined };
        node.next.set(word, below);
      }
      node = below;
    }
    node.value = value;
  }

  delete({ length, words }: Network): void {
    const place = this.#levels.findIndex((level) => level.length === length);
    if (place >= 0 && clear(this.#levels[place].root, words, 0)) this.#levels.splice(place, 1);
  }

  private level(length: number): Level<V> {
    const place = this.#levels.findIndex((level) => level.length <= length);
    if (place >= 0 && this.#levels[place].length === length) return this.#levels[place];
    const root: Node<V> = { next: undefined, value: undefined };
    const level = { length, words: Math.ceil(length / wordBits), lastMask: lastMask(length), root };
    this.#levels.splice(place < 0 ? this.#levels.length : place, 0, level);
    return level;
  }
}

function lookUp<V>({ root, words, lastMask }: Level<V>, bytes: Uint8Array, at: number): V | undefined {
  let node: Node<V> | undefined = root;
  for (let i = 0; i < words && node !== undefined; i++) {
    const word = readWord(bytes, at + 4 * i);
    node = node.next?.get(i === words - 1 ? word & lastMask : word);
  }
  return node?.value;
}

/** Takes a value out from under `node`; answers whether nothing is left there. */
function clear<V>(node: Node<V>, words: readonly number[], depth: number): boolean {
  if (depth === words.length) {
    node.value = undefined;
  } else {
    const below = node.next?.get(words[depth]);
    if (below !== undefined && clear(below, words, depth + 1)) node.next?.delete(words[depth]);
    if (node.next?.size === 0) node.next = undefined;
  }
  return node.next === undefined && node.value === undefined;
}
