/**
 * What stands in front of a data message's payload: L2TPv2's header, or L2TPv3's (RFC 3931 4.1, 4.6):
 *
 *     [flags and version 2, reserved 2: over UDP only], session id 4, cookie 0, 4 or 8, [sublayer 4]
 *
 * Per packet: nothing is allocated, nothing thrown. Reserved bits are ignored (RFC 3931 4.1.2.1).
 */
import type { DataFormat, Datagram } from '../engine/ports.ts';
import type { Encapsulation } from '../engine/spec.ts';
import { writeU32 } from '../engine/wire/bytes.ts';
import { dataHeaderOctets, writeDataHeader } from '../engine/wire/header.ts';
import type { L2tpSession } from './sessions.ts';

/** Room in front of a payload for the longest header: L2TPv3's over UDP, with a cookie of 8 octets and a sublayer. */
export const maxHeaderOctets = 20;
/** The same, and what may stand between: PPP's header and MPPE's, or a VLAN tag. */
export const payloadHeadroomOctets = 32;

const typeBit = 0x80;
const versionBits = 0x0f;
const version = 3;
const sessionIdOctets = 4;
const sublayerOctets = 4;
/** In the first octet of either sublayer: the other three are a sequence number. */
const sequenceBit = 0x40;
const sequenceMaskV2 = 0xffff;
const sequenceMaskV3 = 0xff_ffff;

/** One L2TPv3 header that was received. Made once and filled again for every message. */
export interface HeaderV3 {
  /** The first octet of the sublayer; 0 without. */
  flags: number;
  /** -1: not numbered. */
  sequence: number;
  payloadStart: number;
}

/** Whether a datagram, which is no control message, belongs to L2TPv3. */
export function isVersion3({ encapsulation, bytes, start, end }: Datagram): boolean {
  return encapsulation === 'ip' || (end - start >= 2 && (bytes[start + 1] & versionBits) === version);
}

/** Why a datagram has no session id, if so. */
export function refuseV3({ encapsulation, bytes, start, end }: Datagram): string | undefined {
  if (end - start < flagsOctets(encapsulation) + sessionIdOctets) return 'truncatedHeader';
  return encapsulation === 'udp' && (bytes[start] & typeBit) !== 0 ? 'notData' : undefined;
}

/** As a signed number: one without sign may be too large for a small integer, and would be allocated. */
export function sessionIdV3({ encapsulation, bytes, start }: Datagram): number {
  const at = start + flagsOctets(encapsulation);
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** Reads what follows the session id as the session has agreed on it. Answers why the message is dropped. */
export function readHeaderV3(
  { encapsulation, bytes, start, end }: Datagram,
  { localCookie, rxSublayer }: DataFormat,
  into: HeaderV3,
): string | undefined {
  const cookie = start + flagsOctets(encapsulation) + sessionIdOctets;
  const sublayer = cookie + localCookie.length;
  if (sublayer > end) return 'truncatedHeader';
  // In the same time whichever octet differs.
  let difference = 0;
  for (let i = 0; i < localCookie.length; i++) difference |= bytes[cookie + i] ^ localCookie[i];
  if (difference !== 0) return 'wrongCookie';
  into.flags = 0;
  into.sequence = -1;
  into.payloadStart = sublayer;
  if (rxSublayer === 'none') return undefined;
  if (end - sublayer < sublayerOctets) return 'truncatedSublayer';
  into.flags = bytes[sublayer];
  if ((into.flags & sequenceBit) !== 0) {
    into.sequence = (bytes[sublayer + 1] << 16) | (bytes[sublayer + 2] << 8) | bytes[sublayer + 3];
  }
  into.payloadStart = sublayer + sublayerOctets;
  return undefined;
}

/** Sequence numbers count modulo this and one more. */
export function sequenceMask({ format }: L2tpSession): number {
  return format === undefined ? sequenceMaskV2 : sequenceMaskV3;
}

/** How many octets `prependHeader` writes. */
export function headerOctets({ format, tunnel }: L2tpSession, numbered: boolean): number {
  return format === undefined ? dataHeaderOctets(false, numbered) : octetsV3(format, tunnel.encapsulation);
}

function octetsV3({ remoteCookie, txSublayer }: DataFormat, encapsulation: Encapsulation): number {
  const sublayer = txSublayer === 'none' ? 0 : sublayerOctets;
  return flagsOctets(encapsulation) + sessionIdOctets + remoteCookie.length + sublayer;
}

/**
 * Writes the header in front of the payload at `start`, with the next sequence number where it is to be numbered and can
 * be; `flags` are those of the sublayer. Answers where the header begins.
 */
export function prependHeader(
  session: L2tpSession,
  bytes: Uint8Array,
  start: number,
  numbered: boolean,
  flags: number,
): number {
  return session.format === undefined
    ? prependV2(session, bytes, start, numbered)
    : prependV3(session, session.format, bytes, start, numbered, flags);
}

function prependV2(session: L2tpSession, bytes: Uint8Array, start: number, numbered: boolean): number {
  const at = start - dataHeaderOctets(false, numbered);
  const ns = numbered ? nextSequence(session) : undefined;
  writeDataHeader(bytes, at, session.tunnel.remoteId, session.remoteId, undefined, ns);
  return at;
}

function prependV3(
  session: L2tpSession,
  format: DataFormat,
  bytes: Uint8Array,
  start: number,
  numbered: boolean,
  flags: number,
): number {
  const { encapsulation } = session.tunnel;
  const first = start - octetsV3(format, encapsulation);
  let at = first;
  if (encapsulation === 'udp') {
    writeU32(bytes, at, version << 16);
    at += 4;
  }
  writeU32(bytes, at, session.remoteId);
  at += sessionIdOctets;
  const { remoteCookie, txSublayer } = format;
  for (let i = 0; i < remoteCookie.length; i++) bytes[at++] = remoteCookie[i];
  if (txSublayer !== 'none') {
    writeU32(bytes, at, numbered ? nextSequence(session) : 0);
    bytes[at] = numbered ? flags | sequenceBit : flags;
  }
  return first;
}

function nextSequence(session: L2tpSession): number {
  const sequence = session.ns;
  session.ns = (sequence + 1) & sequenceMask(session);
  return sequence;
}

/** Octets in front of the session id. */
function flagsOctets(encapsulation: Encapsulation): number {
  return encapsulation === 'udp' ? 4 : 0;
}
