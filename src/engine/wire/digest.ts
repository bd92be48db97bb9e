/** Message digests, by which L2TPv3's control messages are authenticated and checked for damage (RFC 3931 4.3, 5.4.1). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { avpTable, draftEncodingAvps, draftVendor, encodingAvps } from './avp.ts';
import { avpHeaderOctets, avpOctetsAt, isClearAvp, maxAvpOctets } from './avp-octets.ts';
import { controlHeaderOctets } from './header.ts';
import type { Secret } from './secret.ts';

interface Digest {
  /** The Digest Type. */
  readonly code: number;
  readonly hash: 'md5' | 'sha1';
  readonly octets: number;
}

const digests = {
  'hmac-md5': { code: 0, hash: 'md5', octets: 16 },
  'hmac-sha1': { code: 1, hash: 'sha1', octets: 20 },
} as const satisfies Record<string, Digest>;

export type DigestType = keyof typeof digests;

/** Which digests a message has, for `signMessage` to fill. */
export interface DigestRoom {
  type: DigestType;
  count: 1 | 2;
  /** In the AVP that drafts had. A message may have one of either kind only: each would have to be zero for the other. */
  draft?: true;
}

/** From the sender's point of view. Both are empty in an SCCRQ, and without authentication. */
export interface Nonces {
  local: Uint8Array;
  remote: Uint8Array;
}

/** A message has at most this many (RFC 3931 5.4.1). */
const maxDigests = 2;
const digestTypeOctets = 1;
const noOctets = new Uint8Array(0);
const zeros = new Uint8Array(maxAvpOctets);

/** The AVP that a digest stands in, and its value as long as it is not signed. */
export function emptyDigest({ type, draft }: DigestRoom): { vendor: number; type: number; value: Uint8Array } {
  const { code, octets } = digests[type];
  const value = new Uint8Array(digestTypeOctets + octets);
  value[0] = code;
  return draft
    ? { vendor: draftVendor, type: draftEncodingAvps.messageDigest, value }
    : { vendor: 0, type: encodingAvps.messageDigest, value };
}

/** Whoever floods us with requests that are signed shall not have us make the same key for each. */
const keysOfSecrets = new WeakMap<Secret, Uint8Array>();
const keyOfNoSecret = derivedKey(noOctets);

/** RFC 3931 5.4.1; without a secret the digest only shows damage. */
export function digestKey(secret: Secret | undefined): Uint8Array {
  if (secret === undefined) return keyOfNoSecret;
  const known = keysOfSecrets.get(secret);
  if (known) return known;
  const key = derivedKey(secret.reveal());
  keysOfSecrets.set(secret, key);
  return key;
}

function derivedKey(octets: Uint8Array): Uint8Array {
  return createHmac('md5', octets).update(Uint8Array.of(2)).digest();
}

/**
 * Fills the digests of a message, header and AVPs, the n-th with the n-th key. To be done again when anything changes.
 * @throws RangeError when there are fewer keys than digests
 */
export function signMessage(message: Uint8Array, keys: readonly Uint8Array[], { local, remote }: Nonces): void {
  const found = findDigests(message, 0, message.length);
  const signed = found.map((place, n) => {
    const key = keys[n];
    if (!key || !place.digest) throw new RangeError('a message has a digest without a key');
    return digestOf(place.digest, key, local, remote, message, 0, message.length, found);
  });
  for (const [n, place] of found.entries()) message.set(signed[n], place.start);
}

/**
 * What the digests of a message tell: one that is valid for one of the keys is enough, and so is one key of several.
 * Nonces are ours and the peer's, as for `signMessage`. Nothing in the octets changes.
 */
export function checkMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  keys: readonly Uint8Array[],
  { local, remote }: Nonces,
): 'valid' | 'invalid' | 'absent' {
  const found = findDigests(bytes, start, end);
  if (found.length === 0) return 'absent';
  for (const place of found) {
    if (!place.digest) continue;
    const theirs = bytes.subarray(place.start, place.end);
    for (const key of keys) {
      const ours = digestOf(place.digest, key, remote, local, bytes, start, end, found);
      if (timingSafeEqual(ours, theirs)) return 'valid';
    }
  }
  return 'invalid';
}

/** By which of the keys the first digest of a message is valid: its sender prefers that one. -1: by none. */
export function preferredKey(
  bytes: Uint8Array,
  start: number,
  end: number,
  keys: readonly Uint8Array[],
  { local, remote }: Nonces,
): number {
  const found = findDigests(bytes, start, end);
  const [{ digest, ...place } = { digest: undefined, start: 0, end: 0 }] = found;
  if (!digest) return -1;
  const theirs = bytes.subarray(place.start, place.end);
  return keys.findIndex((key) =>
    timingSafeEqual(digestOf(digest, key, remote, local, bytes, start, end, found), theirs),
  );
}

/** The nonce that a message tells (RFC 3931 5.4.1), as it came: its digest can only be checked with that. */
export function nonceIn(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const { draftType, 3: nonce } = avpTable.messageNonce;
  const first = start + controlHeaderOctets;
  const value = clearValue(bytes, first, end, nonce.vendor, nonce.type);
  return value ?? (draftType === undefined ? undefined : clearValue(bytes, first, end, draftVendor, draftType));
}

/** A copy of what the first of these AVPs says, if anything. */
function clearValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  vendor: number,
  type: number,
): Uint8Array | undefined {
  for (let at = start, octets = avpOctetsAt(bytes, at, end); octets > 0; octets = avpOctetsAt(bytes, at, end)) {
    if (octets > avpHeaderOctets && isClearAvp(bytes, at, vendor, type)) {
      return new Uint8Array(bytes.subarray(at + avpHeaderOctets, at + octets));
    }
    at += octets;
  }
  return undefined;
}

/** Where a digest stands, without its type. */
interface Place {
  start: number;
  end: number;
  /** Undefined: nobody knows how it is made. */
  digest: Digest | undefined;
}

/** The digests stand right behind the Message Type, which is the first AVP (RFC 3931 5.4.1). */
function findDigests(bytes: Uint8Array, start: number, end: number): Place[] {
  const found: Place[] = [];
  let at = start + controlHeaderOctets;
  at += avpOctetsAt(bytes, at, end);
  while (found.length < maxDigests) {
    const octets = avpOctetsAt(bytes, at, end);
    if (octets <= avpHeaderOctets + digestTypeOctets || !isDigest(bytes, at)) return found;
    const digestStart = at + avpHeaderOctets + digestTypeOctets;
    const code = bytes[at + avpHeaderOctets];
    const digest = Object.values(digests).find((each) => each.code === code);
    const fits = digest !== undefined && digestStart + digest.octets === at + octets;
    found.push({ start: digestStart, end: at + octets, digest: fits ? digest : undefined });
    at += octets;
  }
  return found;
}

function isDigest(bytes: Uint8Array, at: number): boolean {
  return (
    isClearAvp(bytes, at, 0, encodingAvps.messageDigest) ||
    isClearAvp(bytes, at, draftVendor, draftEncodingAvps.messageDigest)
  );
}

/** While a digest is made, all digests of the message are zero. */
function digestOf(
  { hash }: Digest,
  key: Uint8Array,
  senderNonce: Uint8Array,
  receiverNonce: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
  places: readonly Place[],
): Uint8Array {
  const hmac = createHmac(hash, key).update(senderNonce).update(receiverNonce);
  let at = start;
  for (const place of places) {
    hmac.update(bytes.subarray(at, place.start)).update(zeros.subarray(0, place.end - place.start));
    at = place.end;
  }
  return hmac.update(bytes.subarray(at, end)).digest();
}
