/**
 * Headers: of L2TPv2's control and data messages (RFC 2661 3.1), and of L2TPv3's control messages (RFC 3931 3.2.1), which
 * have an id of 32 bits where L2TPv2 has two of 16. Reserved bits are ignored, and so is the P bit of a control message.
 */
import { WireError } from '../errors.ts';
import { encodingAvps } from './avp.ts';
import { avpHeaderOctets, avpOctetsAt, isClearAvp } from './avp-octets.ts';
import { readU16, readU32, writeU16, writeU32 } from './bytes.ts';

const typeBit = 0x8000;
const lengthBit = 0x4000;
const sequenceBit = 0x0800;
const offsetBit = 0x0200;
const priorityBit = 0x0100;
const versionBits = 0x000f;

/** Of both versions. */
export const controlHeaderOctets = 12;
const tunnelIdOffset = 4;
const nrOffset = 10;

/** One decoded header. Made once and filled again for every datagram. */
export interface Header {
  version: 2 | 3;
  /** Where it begins, in the buffer's own counting. */
  start: number;
  control: boolean;
  /** Whether Ns and Nr are there; without, both are 0. */
  sequenced: boolean;
  priority: boolean;
  /** L2TPv3: the Control Connection ID. */
  tunnelId: number;
  /** L2TPv3: 0; its messages tell it in an AVP. */
  sessionId: number;
  ns: number;
  nr: number;
  /** Where the AVPs or the PPP frame begin and end, in the buffer's own counting. */
  payloadStart: number;
  payloadEnd: number;
}

export function newHeader(): Header {
  return {
    version: 2,
    start: 0,
    control: false,
    sequenced: false,
    priority: false,
    tunnelId: 0,
    sessionId: 0,
    ns: 0,
    nr: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/** Why a header is not taken. The datagram must be dropped (RFC 2661 3.1, 7.1). */
type HeaderDefect =
  | 'truncatedHeader'
  | 'version'
  | 'controlFlags'
  | 'headerLength'
  | 'headerOffset'
  | 'notControl'
  | 'notData';

/** Whether a datagram says that it is a control message. */
export function isControl(bytes: Uint8Array, start: number, end: number): boolean {
  return end > start && (bytes[start] & 0x80) !== 0;
}

/** What tells a control message from data directly over IP: the session id 0 (RFC 3931 4.1.1.2). */
export const zeroSessionOctets = 4;

/** Where the header of a control message begins in a datagram, or -1 for data. */
export function controlStart(encapsulation: 'udp' | 'ip', bytes: Uint8Array, start: number, end: number): number {
  switch (encapsulation) {
    case 'udp':
      return isControl(bytes, start, end) ? start : -1;
    case 'ip':
      return end - start >= zeroSessionOctets && readU32(bytes, start) === 0 ? start + zeroSessionOctets : -1;
    default:
      return encapsulation satisfies never;
  }
}

/**
 * Decodes the header at `start` into `into`, whose content is undefined after an error.
 * @throws WireError of scope `ignore`
 */
export function decodeHeader(bytes: Uint8Array, start: number, end: number, into: Header): void {
  const isV3 = end - start >= 2 && (bytes[start + 1] & versionBits) === 3;
  const defect = isV3 ? readHeaderV3(bytes, start, end, into) : readHeader(bytes, start, end, into);
  if (defect !== undefined) throw new WireError('ignore', defect, `L2TP header dropped: ${defect}`);
}

/** The same for data messages, per packet: allocates nothing, throws nothing, tells the defect. */
export function decodeDataHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Header,
): HeaderDefect | undefined {
  const defect = readHeader(bytes, start, end, into);
  return defect === undefined && into.control ? 'notData' : defect;
}

function readHeader(bytes: Uint8Array, start: number, end: number, into: Header): HeaderDefect | undefined {
  if (end - start < 6) return 'truncatedHeader';
  const flags = readU16(bytes, start);
  if ((flags & versionBits) !== 2) return 'version';
  const control = (flags & typeBit) !== 0;
  const hasLength = (flags & lengthBit) !== 0;
  const sequenced = (flags & sequenceBit) !== 0;
  const hasOffset = (flags & offsetBit) !== 0;
  if (control && !(hasLength && sequenced && !hasOffset)) return 'controlFlags';

  const octets = 6 + (hasLength ? 2 : 0) + (sequenced ? 4 : 0) + (hasOffset ? 2 : 0);
  if (end - start < octets) return 'truncatedHeader';
  let at = start + 2;
  let payloadEnd = end;
  if (hasLength) {
    const length = readU16(bytes, at);
    if (length < octets || length > end - start) return 'headerLength';
    payloadEnd = start + length;
    at += 2;
  }
  into.version = 2;
  into.start = start;
  into.control = control;
  into.sequenced = sequenced;
  into.priority = (flags & priorityBit) !== 0;
  into.tunnelId = readU16(bytes, at);
  into.sessionId = readU16(bytes, at + 2);
  at += 4;
  into.ns = sequenced ? readU16(bytes, at) : 0;
  into.nr = sequenced ? readU16(bytes, at + 2) : 0;
  if (sequenced) at += 4;
  if (hasOffset) {
    at += 2 + readU16(bytes, at);
    if (at > payloadEnd) return 'headerOffset';
  }
  into.payloadStart = at;
  into.payloadEnd = payloadEnd;
  return undefined;
}

function readHeaderV3(bytes: Uint8Array, start: number, end: number, into: Header): HeaderDefect | undefined {
  const flags = readU16(bytes, start);
  if ((flags & typeBit) === 0) return 'notControl';
  if ((flags & (lengthBit | sequenceBit)) !== (lengthBit | sequenceBit)) return 'controlFlags';
  if (end - start < controlHeaderOctets) return 'truncatedHeader';
  const length = readU16(bytes, start + 2);
  if (length < controlHeaderOctets || length > end - start) return 'headerLength';
  into.version = 3;
  into.start = start;
  into.control = true;
  into.sequenced = true;
  into.priority = false;
  into.tunnelId = readU32(bytes, start + tunnelIdOffset);
  into.sessionId = 0;
  into.ns = readU16(bytes, start + 8);
  into.nr = readU16(bytes, start + nrOffset);
  into.payloadStart = start + controlHeaderOctets;
  into.payloadEnd = start + length;
  return undefined;
}

/** A whole control message of L2TPv2: header and AVPs. Without AVPs it is a ZLB. */
export function encodeControl(
  tunnelId: number,
  sessionId: number,
  ns: number,
  nr: number,
  body: Uint8Array,
): Uint8Array {
  const datagram = controlMessage(2, ns, nr, body);
  writeU16(datagram, tunnelIdOffset, tunnelId);
  writeU16(datagram, 6, sessionId);
  return datagram;
}

/** The same of L2TPv3, whose header has no session id. */
export function encodeControlV3(tunnelId: number, ns: number, nr: number, body: Uint8Array): Uint8Array {
  const datagram = controlMessage(3, ns, nr, body);
  writeU32(datagram, tunnelIdOffset, tunnelId);
  return datagram;
}

function controlMessage(version: 2 | 3, ns: number, nr: number, body: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(controlHeaderOctets + body.length);
  writeU16(datagram, 0, typeBit | lengthBit | sequenceBit | version);
  writeU16(datagram, 2, datagram.length);
  writeU16(datagram, 8, ns);
  writeU16(datagram, nrOffset, nr);
  datagram.set(body, controlHeaderOctets);
  return datagram;
}

/** A retransmitted control message carries the newest Nr (RFC 2661 5.8). */
export function patchNr(datagram: Uint8Array, nr: number): void {
  writeU16(datagram, nrOffset, nr);
}

/** A control message that was made before the peer had told its id bears it when it is sent (RFC 2661 4.4.3). */
export function patchTunnelId(datagram: Uint8Array, tunnelId: number): void {
  writeU16(datagram, tunnelIdOffset, tunnelId);
}

/** The same for L2TPv3. */
export function patchTunnelIdV3(datagram: Uint8Array, tunnelId: number): void {
  writeU32(datagram, tunnelIdOffset, tunnelId);
}

/**
 * The Message Type of a control message whose header begins at `start`, before it is decoded; undefined where the first
 * AVP is none of the IETF's.
 */
export function messageCodeAt(bytes: Uint8Array, start: number, end = bytes.length): number | undefined {
  const at = start + controlHeaderOctets;
  if (avpOctetsAt(bytes, at, end) !== messageTypeOctets || !isClearAvp(bytes, at, 0, encodingAvps.messageType))
    return undefined;
  return readU16(bytes, at + avpHeaderOctets);
}

const messageTypeOctets = avpHeaderOctets + 2;

/** How many octets `writeDataHeader` will write. */
export function dataHeaderOctets(withLength: boolean, sequenced: boolean): number {
  return 6 + (withLength ? 2 : 0) + (sequenced ? 4 : 0);
}

/**
 * Writes a data message's header at `at` and returns its octets. `payloadOctets` asks for the Length field, `ns` for
 * sequence numbers; Nr is reserved in data messages.
 */
export function writeDataHeader(
  bytes: Uint8Array,
  at: number,
  tunnelId: number,
  sessionId: number,
  payloadOctets: number | undefined,
  ns: number | undefined,
): number {
  const octets = dataHeaderOctets(payloadOctets !== undefined, ns !== undefined);
  let flags = 2;
  let next = at + 2;
  if (payloadOctets !== undefined) {
    flags |= lengthBit;
    writeU16(bytes, next, octets + payloadOctets);
    next += 2;
  }
  writeU16(bytes, next, tunnelId);
  writeU16(bytes, next + 2, sessionId);
  if (ns !== undefined) {
    flags |= sequenceBit;
    writeU16(bytes, next + 4, ns);
    writeU16(bytes, next + 6, 0);
  }
  writeU16(bytes, at, flags);
  return octets;
}
