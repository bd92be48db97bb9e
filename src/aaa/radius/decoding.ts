/** Octets to packets, of those whose senders know the secret (RFC 2865 3, RFC 2869 5.14). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../engine/spec.ts';
import {
  type AttributeName,
  type Attributes,
  attributeNameOf,
  attributeRows,
  type Numbered,
  type Tagged,
} from './dictionary.ts';
import { type HidingKey, revealPassword, revealSalted } from './hiding.ts';
import {
  type AnswerType,
  authenticatorOctets,
  BadPacket,
  changePasswordCode,
  headerOctets,
  isAnswer,
  maxPacketOctets,
  messageAuthenticator,
  type OtherAttribute,
  type Packet,
  type PacketType,
  packetRows,
  packetTypeOf,
  piecesHeaderOctets,
  type RequestType,
  vendorSpecificType,
} from './packet.ts';
import { u24 } from './values.ts';

const authenticatorAt = headerOctets - authenticatorOctets;
const zeros = new Uint8Array(authenticatorOctets);
const nothing = new Uint8Array(0);
const maxTag = 0x1f;

/** Which request the octets may answer, before anything about them is checked. */
export function identifierOf(bytes: Uint8Array): number | undefined {
  return bytes.length < headerOctets ? undefined : bytes[1];
}

/** @throws BadPacket: drop it, it is no answer to the request with this authenticator from who shares the secret */
export function decodeAnswer(bytes: Uint8Array, secret: Secret, requestAuthenticator: Uint8Array): Packet<AnswerType> {
  const raw = readRaw(bytes);
  if (!isAnswer(raw.type)) throw new BadPacket('type', `an answer was due, not code ${bytes[0]}`);
  verify(raw, secret, requestAuthenticator);
  return { type: raw.type, ...readAttributes(raw, { secret, authenticator: requestAuthenticator }) };
}

/** Its authenticator is what the answer is made with. @throws BadPacket: drop it */
export function decodeRequest(
  bytes: Uint8Array,
  secret: Secret,
): Packet<RequestType> & { readonly authenticator: Uint8Array } {
  const raw = readRaw(bytes);
  if (isAnswer(raw.type)) throw new BadPacket('type', `a request was due, not code ${bytes[0]}`);
  const authenticator = new Uint8Array(raw.octets.subarray(authenticatorAt, headerOctets));
  const keyed = packetRows[raw.type].authenticator === 'random' ? authenticator : zeros;
  verify(raw, secret, keyed);
  return { type: raw.type, authenticator, ...readAttributes(raw, { secret, authenticator: keyed }) };
}

/** A packet whose attributes lie within it. */
interface Raw {
  readonly type: PacketType;
  readonly identifier: number;
  /** A copy, without padding. */
  readonly octets: Buffer;
  /** Where the value of the Message-Authenticator stands. */
  readonly signatureAt: number | undefined;
}

function readRaw(bytes: Uint8Array): Raw {
  const length = bytes.length < headerOctets ? 0 : (bytes[2] << 8) | bytes[3];
  if (length < headerOctets || length > bytes.length || length > maxPacketOctets) {
    throw new BadPacket('header', `${bytes.length} octets with length ${length}`);
  }
  const type = packetTypeOf(bytes[0]);
  if (type === undefined) throw new BadPacket('type', `unknown code ${bytes[0]}`);
  let signatureAt: number | undefined;
  for (let at = headerOctets; at < length; at += bytes[at + 1]) {
    const octets = at + 1 < length ? bytes[at + 1] : 0;
    if (octets < 2 || at + octets > length) throw new BadPacket('attributeLength', `at ${at} of ${length}`);
    if (bytes[at] !== messageAuthenticator.type) continue;
    if (octets !== messageAuthenticator.octets || signatureAt !== undefined) {
      throw new BadPacket('messageAuthenticator', 'Message-Authenticator is malformed');
    }
    signatureAt = at + 2;
  }
  return { type, identifier: bytes[1], octets: Buffer.from(bytes.subarray(0, length)), signatureAt };
}

/** `authenticator`: what all digests were made over. */
function verify({ type, octets, signatureAt }: Raw, secret: Secret, authenticator: Uint8Array): void {
  const row = packetRows[type];
  const copy = Buffer.from(octets);
  copy.set(authenticator, authenticatorAt);
  if (row.authenticator !== 'random') {
    const digest = createHash('md5').update(copy).update(secret.reveal()).digest();
    if (!timingSafeEqual(digest, octets.subarray(authenticatorAt, headerOctets))) {
      throw new BadPacket('authenticator', 'the authenticator is wrong: another secret, or a forgery');
    }
  }
  if (signatureAt === undefined) {
    if (row.mustBeSigned) throw new BadPacket('unsigned', 'Message-Authenticator is missing');
    return;
  }
  copy.fill(0, signatureAt, signatureAt + authenticatorOctets);
  const signature = createHmac('md5', secret.reveal()).update(copy).digest();
  if (!timingSafeEqual(signature, octets.subarray(signatureAt, signatureAt + authenticatorOctets))) {
    throw new BadPacket('messageAuthenticator', 'the Message-Authenticator is wrong: another secret, or a forgery');
  }
}

/** The values as they are gathered; the table tells their types. */
type Gathered = { -readonly [Name in AttributeName]?: unknown };

function readAttributes({ identifier, octets }: Raw, key: HidingKey): Omit<Packet, 'type'> {
  const gathered: Gathered = {};
  const others: OtherAttribute[] = [];
  for (let at = headerOctets; at < octets.length; at += octets[at + 1]) {
    const type = octets[at];
    const value = octets.subarray(at + 2, at + octets[at + 1]);
    if (type === messageAuthenticator.type) continue;
    if (type === vendorSpecificType) readVendor(value, gathered, others, key);
    else take(0, type, value, gathered, others, key);
  }
  // Each value was read by its own row of the table.
  const attributes = gathered as Attributes;
  return others.length > 0 ? { identifier, attributes, others } : { identifier, attributes };
}

/** RFC 2865 5.26 recommends attributes in an attribute, of which there may be several. Not all vendors do so. */
function readVendor(value: Buffer, gathered: Gathered, others: OtherAttribute[], key: HidingKey): void {
  if (value.length < 4) throw new BadPacket('attributeValue', 'a Vendor-Specific attribute without a vendor');
  const vendor = value.readUInt32BE();
  if (!isListed(value, 4)) {
    others.push({ vendor, type: vendorSpecificType, value: new Uint8Array(value.subarray(4)) });
    return;
  }
  for (let at = 4; at < value.length; at += value[at + 1]) {
    take(vendor, value[at], value.subarray(at + 2, at + value[at + 1]), gathered, others, key);
  }
}

function isListed(value: Buffer, from: number): boolean {
  let at = from;
  while (at + 1 < value.length && value[at + 1] >= 2) at += value[at + 1];
  return at === value.length;
}

function take(
  vendor: number,
  type: number,
  value: Buffer,
  gathered: Gathered,
  others: OtherAttribute[],
  key: HidingKey,
): void {
  const name = attributeNameOf(vendor, type);
  if (name === undefined) others.push({ vendor, type, value: new Uint8Array(value) });
  // RFC 2865 5: an empty value is none.
  else if (value.length > 0) gathered[name] = added(gathered[name], name, value, key);
}

/** What is known of an attribute after one more of it. */
function added(before: unknown, name: AttributeName, value: Buffer, key: HidingKey): unknown {
  const { form, kind, hidden } = attributeRows[name];
  switch (form) {
    case 'one':
      return before ?? readOne(name, value, key);
    case 'many': {
      const list = (before ?? []) as unknown[];
      list.push(readOne(name, value, key));
      return list;
    }
    case 'tagged': {
      const list = (before ?? []) as Tagged<unknown>[];
      // RFC 2868 3.3: a first octet above 0x1F is no tag but text. Before numbers and passwords there is always one.
      const inRange = value[0] <= maxTag;
      const isTag = inRange || hidden !== undefined || kind === u24;
      list.push({ tag: inRange ? value[0] : 0, value: readOne(name, isTag ? value.subarray(1) : value, key) });
      return list;
    }
    case 'joined':
      return concat((before ?? nothing) as Uint8Array, value);
    case 'numbered': {
      if (value.length < piecesHeaderOctets || value[0] !== changePasswordCode) throw malformed(name);
      const { identifier, octets } = (before ?? { identifier: value[1], octets: nothing }) as Numbered;
      return { identifier, octets: concat(octets, value.subarray(piecesHeaderOctets)) };
    }
    default:
      return form satisfies never;
  }
}

function readOne(name: AttributeName, value: Buffer, key: HidingKey): unknown {
  const { kind, hidden } = attributeRows[name];
  const clear =
    hidden === undefined ? value : hidden === 'password' ? revealPassword(value, key) : revealSalted(value, key);
  const read = clear && kind.read(clear);
  if (read === undefined) throw malformed(name);
  return read;
}

function malformed(name: AttributeName): BadPacket {
  return new BadPacket('attributeValue', `the value of ${name} is malformed`);
}

function concat(first: Uint8Array, then: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + then.length);
  whole.set(first);
  whole.set(then, first.length);
  return whole;
}
