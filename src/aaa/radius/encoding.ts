/** Packets to octets (RFC 2865 3). */
import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '../../engine/spec.ts';
import { type AttributeName, type Attributes, attributeRows, type Numbered, type Tagged } from './dictionary.ts';
import { type HidingKey, hidePassword, hideSalted } from './hiding.ts';
import {
  type AnswerType,
  authenticatorOctets,
  changePasswordCode,
  headerOctets,
  maxPacketOctets,
  messageAuthenticator,
  type PacketType,
  packetRows,
  piecesHeaderOctets,
  type RequestType,
  vendorSpecificType,
} from './packet.ts';
import { maxValueOctets } from './values.ts';

export interface OutgoingPacket<Type extends PacketType> {
  readonly type: Type;
  readonly identifier: number;
  readonly attributes: Attributes;
}

const maxAttributeOctets = 255;
const attributeHeaderOctets = 2;
/** With the vendor and the header of the vendor's own attribute. */
const vendorHeaderOctets = 8;
const piecesOctets = maxAttributeOctets - vendorHeaderOctets - piecesHeaderOctets;

/** The Message-Authenticator comes first. */
const signatureAt = headerOctets + attributeHeaderOctets;

/** One packet is written at a time; an attribute may begin at its end before that is noticed. */
const scratch = Buffer.alloc(maxPacketOctets + maxAttributeOctets);
const zeros = new Uint8Array(authenticatorOctets);

/**
 * A request, ready to be sent as often as needed. Its authenticator is `authenticator`, random, for those that ask for
 * access, and is computed for the others.
 * @throws RangeError when a value is too long for an attribute, or all of them for a packet
 */
export function encodeRequest(
  packet: OutgoingPacket<RequestType>,
  secret: Secret,
  authenticator: Uint8Array = zeros,
): Uint8Array {
  return encode(packet, secret, packetRows[packet.type].authenticator === 'random' ? authenticator : zeros);
}

/** The answer to the request with this authenticator. @throws RangeError as above */
export function encodeAnswer(
  packet: OutgoingPacket<AnswerType>,
  secret: Secret,
  requestAuthenticator: Uint8Array,
): Uint8Array {
  return encode(packet, secret, requestAuthenticator);
}

/** Where an authenticator stands in a packet. */
export function authenticatorOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(headerOctets - authenticatorOctets, headerOctets);
}

/** `authenticator`: what all digests are made over. */
function encode(packet: OutgoingPacket<PacketType>, secret: Secret, authenticator: Uint8Array): Uint8Array {
  const row = packetRows[packet.type];
  const { attributes } = packet;
  const key = { secret, authenticator };
  scratch[0] = row.code;
  scratch[1] = packet.identifier;
  scratch.set(authenticator, headerOctets - authenticatorOctets);
  scratch[headerOctets] = messageAuthenticator.type;
  scratch[headerOctets + 1] = messageAuthenticator.octets;
  scratch.fill(0, signatureAt, signatureAt + authenticatorOctets);
  let end = signatureAt + authenticatorOctets;
  for (const name of Object.keys(attributes) as AttributeName[]) {
    const value = attributes[name];
    if (value !== undefined) end = write(end, name, value, key);
  }
  scratch.writeUInt16BE(end, 2);
  const whole = scratch.subarray(0, end);
  scratch.set(createHmac('md5', secret.reveal()).update(whole).digest(), signatureAt);
  if (row.authenticator !== 'random') {
    const digest = createHash('md5').update(whole).update(secret.reveal()).digest();
    scratch.set(digest, headerOctets - authenticatorOctets);
  }
  return new Uint8Array(whole);
}

/** Writes all that an attribute's value stands for; tells where it ends. */
function write(at: number, name: AttributeName, value: unknown, key: HidingKey): number {
  const { form } = attributeRows[name];
  let end = at;
  switch (form) {
    case 'one':
      return writeOne(end, name, value, key);
    case 'many':
      for (const each of value as readonly unknown[]) end = writeOne(end, name, each, key);
      return end;
    case 'tagged':
      for (const each of value as readonly Tagged<unknown>[]) end = writeOne(end, name, each.value, key, each.tag);
      return end;
    case 'joined': {
      const octets = value as Uint8Array;
      for (let piece = 0; piece < octets.length; piece += maxValueOctets) {
        end = writeOne(end, name, octets.subarray(piece, piece + maxValueOctets), key);
      }
      return end;
    }
    case 'numbered': {
      const { identifier, octets } = value as Numbered;
      const count = Math.ceil(octets.length / piecesOctets);
      for (let i = 0; i < count; i++) {
        const head = Uint8Array.of(changePasswordCode, identifier, (i + 1) >>> 8, i + 1);
        const piece = octets.subarray(i * piecesOctets, (i + 1) * piecesOctets);
        end = writeOne(end, name, Buffer.concat([head, piece]), key);
      }
      return end;
    }
    default:
      return form satisfies never;
  }
}

/** An empty value is none (RFC 2865 5). */
function writeOne(at: number, name: AttributeName, value: unknown, key: HidingKey, tag?: number): number {
  const { vendor, type, kind, hidden } = attributeRows[name];
  const start = at + (vendor === 0 ? attributeHeaderOctets : vendorHeaderOctets);
  const tagOctets = tag === undefined ? 0 : 1;
  const room = scratch.subarray(start + tagOctets, at + maxAttributeOctets);
  let octets = kind.write(value, room);
  if (octets === 0 && hidden === undefined) return at;
  if (hidden === 'password') octets = hidePassword(room, octets, key);
  else if (hidden === 'salted') octets = hideSalted(room, octets, key);
  if (tag !== undefined) scratch[start] = tag;
  const end = start + tagOctets + octets;
  if (end > maxPacketOctets) throw new RangeError('more attributes than a RADIUS packet takes');
  if (vendor === 0) {
    scratch[at] = type;
  } else {
    scratch[at] = vendorSpecificType;
    scratch.writeUInt32BE(vendor, at + 2);
    scratch[at + 6] = type;
    scratch[at + 7] = end - at - 6;
  }
  scratch[at + 1] = end - at;
  return end;
}
