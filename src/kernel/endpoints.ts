/**
 * Endpoints that remember their raw address, so that sending parses no text, and fixed-size caches so that receiving
 * makes no text: the same peer usually gets the same object.
 */
import type { Endpoint } from '../engine/spec.ts';
import { readU32 } from '../engine/wire/bytes.ts';
import { familyIpv4, formatIp, type IpWords, parseIp } from './address.ts';
import { datagramWord } from './native.ts';

const { family: familyAt, port: portAt, scope: scopeAt, peer: peerAt, hasOwn: hasOwnAt, own: ownAt } = datagramWord;

/** Slots of the peers' cache; a clash costs a new object, nothing else. */
const peerSlots = 8192;
/** Slots of the cache of our own addresses. */
const ownSlots = 256;
/** Parsed texts kept for senders that bring plain endpoints or our own addresses as text. */
const parsedTexts = 1024;

export class RawEndpoint implements Endpoint {
  readonly address: string;
  readonly port: number;
  readonly #family: number;
  readonly #scope: number;
  readonly #word0: number;
  readonly #word1: number;
  readonly #word2: number;
  readonly #word3: number;

  constructor(address: string, words: Int32Array, at: number) {
    this.address = address;
    this.port = words[at + portAt];
    this.#family = words[at + familyAt];
    this.#scope = words[at + scopeAt];
    this.#word0 = words[at + peerAt];
    this.#word1 = words[at + peerAt + 1];
    this.#word2 = words[at + peerAt + 2];
    this.#word3 = words[at + peerAt + 3];
  }

  /** The address as an IPv4 number (signed), or undefined for IPv6. */
  get ipv4(): number | undefined {
    return this.#family === familyIpv4 ? this.#word0 : undefined;
  }

  /** Whether the IPv6 address at bytes[at] is this one. */
  isIpv6At(bytes: Uint8Array, at: number): boolean {
    return (
      this.#family !== familyIpv4 &&
      (readU32(bytes, at + 12) | 0) === this.#word3 &&
      (readU32(bytes, at + 8) | 0) === this.#word2 &&
      (readU32(bytes, at + 4) | 0) === this.#word1 &&
      (readU32(bytes, at) | 0) === this.#word0
    );
  }

  /** Whether the datagram described at `at` came from here. */
  matches(words: Int32Array, at: number): boolean {
    return (
      words[at + peerAt] === this.#word0 &&
      words[at + portAt] === this.port &&
      words[at + familyAt] === this.#family &&
      words[at + peerAt + 1] === this.#word1 &&
      words[at + peerAt + 2] === this.#word2 &&
      words[at + peerAt + 3] === this.#word3 &&
      words[at + scopeAt] === this.#scope
    );
  }

  /** Makes the datagram described at `at` go here. */
  fill(words: Int32Array, at: number): void {
    words[at + familyAt] = this.#family;
    words[at + portAt] = this.port;
    words[at + scopeAt] = this.#scope;
    words[at + peerAt] = this.#word0;
    words[at + peerAt + 1] = this.#word1;
    words[at + peerAt + 2] = this.#word2;
    words[at + peerAt + 3] = this.#word3;
  }
}

export class EndpointCache {
  readonly #peers: (RawEndpoint | undefined)[] = new Array(peerSlots).fill(undefined);
  readonly #own: (string | undefined)[] = new Array(ownSlots).fill(undefined);
  readonly #ownWords = new Int32Array(ownSlots * 5);
  readonly #parsed = new Map<string, IpWords>();
  readonly #scratch = new Int32Array(16);

  /** The peer of a received datagram. */
  peer(words: Int32Array, at: number): RawEndpoint {
    const slot = hash(words, at + peerAt, words[at + portAt]) % peerSlots;
    const known = this.#peers[slot];
    if (known?.matches(words, at)) return known;
    const text = formatIp(words[at + familyAt], words, at + peerAt, words[at + scopeAt]);
    const fresh = new RawEndpoint(text, words, at);
    this.#peers[slot] = fresh;
    return fresh;
  }

  /** The address of ours that a datagram came to, when the socket asks for it. */
  own(words: Int32Array, at: number): string | undefined {
    if (words[at + hasOwnAt] === 0) return undefined;
    const family = words[at + familyAt];
    const slot = hash(words, at + ownAt, family) % ownSlots;
    const known = this.#own[slot];
    const place = slot * 5;
    if (known !== undefined && this.#ownWords[place] === family) {
      let same = true;
      for (let i = 0; i < 4; i++) same = same && this.#ownWords[place + 1 + i] === words[at + ownAt + i];
      if (same) return known;
    }
    const text = formatIp(family, words, at + ownAt, 0);
    this.#own[slot] = text;
    this.#ownWords[place] = family;
    for (let i = 0; i < 4; i++) this.#ownWords[place + 1 + i] = words[at + ownAt + i];
    return text;
  }

  /**
   * The same endpoint with its raw address.
   * @throws PlaneError EINVAL when the address is none
   */
  raw(endpoint: Endpoint): RawEndpoint {
    if (endpoint instanceof RawEndpoint) return endpoint;
    const ip = this.parsed(endpoint.address);
    const words = this.#scratch;
    words[familyAt] = ip.family;
    words[portAt] = endpoint.port;
    words[scopeAt] = ip.scope;
    for (let i = 0; i < 4; i++) words[peerAt + i] = ip.words[i];
    return this.peer(words, 0);
  }

  /**
   * Makes the datagram described at `at` leave from this address of ours.
   * @throws PlaneError EINVAL when the address is none
   */
  fillOwn(from: string | undefined, words: Int32Array, at: number): void {
    words[at + hasOwnAt] = 0;
    if (from === undefined) return;
    const ip = this.parsed(from);
    if (ip.family !== words[at + familyAt]) return;
    words[at + hasOwnAt] = 1;
    for (let i = 0; i < 4; i++) words[at + ownAt + i] = ip.words[i];
  }

  private parsed(text: string): IpWords {
    let ip = this.#parsed.get(text);
    if (ip === undefined) {
      if (this.#parsed.size >= parsedTexts) this.#parsed.clear();
      ip = parseIp(text);
      this.#parsed.set(text, ip);
    }
    return ip;
  }
}

/** Mixes an address's four words and one more number into an unsigned 32-bit number. */
function hash(words: Int32Array, at: number, more: number): number {
  let h = Math.imul(words[at], 0x9e3779b1) ^ Math.imul(more, 0x85ebca6b);
  h = Math.imul(h ^ words[at + 1], 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15) ^ words[at + 2], 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 13) ^ words[at + 3], 0x165667b1);
  return (h ^ (h >>> 16)) >>> 0;
}
