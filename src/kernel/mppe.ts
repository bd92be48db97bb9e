/**
 * Microsoft Point-To-Point Encryption (RFC 3078) with 128 bits and without a state: each packet has a key of its own, made
 * from the one before (RFC 3079). Old cryptography, for peers that know no better: it neither proves who sent a packet
 * nor that nobody changed it.
 */
import { createHash } from 'node:crypto';
import { readU16, writeU16 } from '../engine/wire/bytes.ts';
import { packetAt, pppProtocol, protocolAt } from './ppp-header.ts';

/** The two octets of the header, and those of the protocol field that is encrypted. */
export const mppeOctets = 4;
const headerOctets = 2;

const keyOctets = 16;
/** RFC 3078 3.1: always set without a state. */
const flushed = 0x8000;
const encrypted = 0x1000;
const countMask = 0x0fff;
/** Lost packets whose keys are made to reach a later one's: half a round of counts. Beyond it is taken for a late one. */
const maxLost = countMask >>> 1;
/**
 * A peer, or who claims to be it, can make us make many keys with one packet. Each packet that comes allows for so many
 * more of them; an outage takes what was saved up.
 */
const lostPerPacket = 4;
const pad1 = new Uint8Array(40);
const pad2 = new Uint8Array(40).fill(0xf2);

/** The least of a packet. */
const ipv4Octets = 20;
const ipv6Octets = 40;

const schedule = new Uint8Array(256);

function swap(i: number, j: number): void {
  const kept = schedule[i];
  schedule[i] = schedule[j];
  schedule[j] = kept;
}

/** RC4: bytes[at, end) under a key that is used for nothing else, written from target[to] on. */
export function rc4(key: Uint8Array, bytes: Uint8Array, at: number, end: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < 256; i++) schedule[i] = i;
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + schedule[i] + key[i % key.length]) & 255;
    swap(i, j);
  }
  let i = 0;
  let j = 0;
  for (let octet = at; octet < end; octet++) {
    i = (i + 1) & 255;
    j = (j + schedule[i]) & 255;
    swap(i, j);
    target[to + octet - at] = bytes[octet] ^ schedule[(schedule[i] + schedule[j]) & 255];
  }
}

/** GetNewKeyFromSHA() (RFC 3079 3.4). */
export function newKey(start: Uint8Array, session: Uint8Array): Uint8Array {
  const hash = createHash('sha1').update(start).update(pad1).update(session).update(pad2);
  return hash.digest().subarray(0, keyOctets);
}

/** One direction: the keys of its packets, in turn. */
class KeyChain {
  private readonly start: Uint8Array;
  key: Uint8Array;
  /** Of the packet that the key is for: the first one's is 0. */
  count: number;

  constructor(start: Uint8Array, key = newKey(start, start), count = countMask) {
    this.start = start;
    this.key = key;
    this.count = count;
  }

  copy(): KeyChain {
    return new KeyChain(this.start, this.key, this.count);
  }

  /** RFC 3078 7.3. */
  advance(): void {
    const interim = newKey(this.start, this.key);
    this.key = new Uint8Array(keyOctets);
    rc4(interim, interim, 0, keyOctets, this.key, 0);
    this.count = (this.count + 1) & countMask;
  }
}

export class Mppe {
  readonly #send: KeyChain;
  #receive: KeyChain;
  /** Lost packets whose keys may still be made. */
  #allowance = maxLost;

  /** The start keys of each direction, 16 octets. */
  constructor(keys: { send: Uint8Array; receive: Uint8Array }) {
    this.#send = new KeyChain(keys.send);
    this.#receive = new KeyChain(keys.receive);
  }

  /**
   * Encrypts the packet at slab[start, end), which has a PPP protocol field of two octets, in its place; writes MPPE's
   * header in front of it. Answers where that begins.
   */
  encrypt(slab: Uint8Array, start: number, end: number): number {
    const chain = this.#send;
    chain.advance();
    rc4(chain.key, slab, start, end, slab, start);
    writeU16(slab, start - headerOctets, flushed | encrypted | chain.count);
    return start - headerOctets;
  }

  /**
   * Decrypts bytes[start, end), which begins with MPPE's header, in its place. Answers where the packet's protocol field
   * begins, or -1 when it was not encrypted by the peer, or comes too late.
   */
  decrypt(bytes: Uint8Array, start: number, end: number): number {
    const at = start + headerOctets;
    if (end - at < headerOctets) return -1;
    const header = readU16(bytes, start);
    const lost = ((header & countMask) - this.#receive.count - 1) & countMask;
    if ((header & (flushed | encrypted)) !== (flushed | encrypted) || lost > maxLost) return -1;
    this.#allowance = Math.min(this.#allowance + lostPerPacket, maxLost);
    if (lost > this.#allowance) return -1;
    this.#allowance -= lost;
    const chain = this.#receive.copy();
    for (let step = 0; step <= lost; step++) chain.advance();
    rc4(chain.key, bytes, at, end, bytes, at);
    // What nobody with the key has sent moves no key.
    if (!holdsIpPacket(bytes, at, end)) return -1;
    this.#receive = chain;
    return at;
  }
}

/** Whether bytes[at, end) is a protocol field, of one octet or two, and a whole packet of that protocol. */
function holdsIpPacket(bytes: Uint8Array, at: number, end: number): boolean {
  const protocol = protocolAt(bytes, at);
  const ip = packetAt(bytes, at);
  if (protocol === pppProtocol.ipv4) {
    return end - ip >= ipv4Octets && bytes[ip] >>> 4 === 4 && isLength(readU16(bytes, ip + 2), ipv4Octets, end - ip);
  }
  if (protocol !== pppProtocol.ipv6) return false;
  return end - ip >= ipv6Octets && bytes[ip] >>> 4 === 6 && isLength(readU16(bytes, ip + 4), 0, end - ip - ipv6Octets);
}

function isLength(octets: number, least: number, most: number): boolean {
  return octets >= least && octets <= most;
}
