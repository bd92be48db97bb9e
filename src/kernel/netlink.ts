/**
 * Netlink messages, and a socket whose requests are answered before they return: the kernel works a request off within
 * send(2), so its answer is already waiting. Numbers in netlink stand in the machine's own byte order.
 */
import { endianness } from 'node:os';
import { PlaneError } from '../engine/errors.ts';
import { checked, errnoName, native } from './native.ts';

export const littleEndian = endianness() === 'LE';

const afNetlink = 16;
const sockRaw = 3;
const netlinkRoute = 0;
const solNetlink = 270;
const netlinkGetStrictCheck = 12;
const headerOctets = 16;
const attributeHeaderOctets = 4;
/** Longer than any part of a dump, which the kernel cuts to at most 32 KiB. */
const receiveOctets = 64 * 1024;
/** A dump that ran into changes is asked for again this often. */
const dumpAttempts = 5;

const typeError = 2;
const typeDone = 3;
const flagRequest = 0x01;
const flagAck = 0x04;
const flagDumpInterrupted = 0x10;
const flagDump = 0x300;
/** Also in notifications: a route took another's place. */
export const flagReplace = 0x100;
export const flagExclusive = 0x200;
export const flagCreate = 0x400;
const nestedBit = 0x8000;
const attributeTypeMask = 0x3fff;

export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  /** What follows the netlink header. Points into the receive buffer. */
  body: DataView;
}

export type Attributes = ReadonlyMap<number, DataView>;

/** Splits what was received into messages; stops at the first that is cut off. An errno for `octets` is none. */
export function* messagesOf(bytes: Uint8Array, octets: number): Generator<NetlinkMessage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.max(0, Math.min(octets, bytes.length)));
  let at = 0;
  while (at + headerOctets <= view.byteLength) {
    const length = view.getUint32(at, littleEndian);
    if (length < headerOctets || at + length > view.byteLength) return;
    yield {
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      sequence: view.getUint32(at + 8, littleEndian),
      body: new DataView(bytes.buffer, bytes.byteOffset + at + headerOctets, length - headerOctets),
    };
    at += align(length);
  }
}

/** The attributes from `start` on, by type. */
export function attributesOf(body: DataView, start = 0): Attributes {
  const attributes = new Map<number, DataView>();
  let at = start;
  while (at + attributeHeaderOctets <= body.byteLength) {
    const length = body.getUint16(at, littleEndian);
    if (length < attributeHeaderOctets || at + length > body.byteLength) break;
    const type = body.getUint16(at + 2, littleEndian) & attributeTypeMask;
    const value = new DataView(
      body.buffer,
      body.byteOffset + at + attributeHeaderOctets,
      length - attributeHeaderOctets,
    );
    attributes.set(type, value);
    at += align(length);
  }
  return attributes;
}

export function octetsOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A zero-terminated text. */
export function textOf(view: DataView): string {
  const octets = octetsOf(view);
  const end = octets.indexOf(0);
  return new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
}

export function numberOf(view: DataView | undefined): number | undefined {
  if (view === undefined || view.byteLength < 4) return view?.byteLength === 1 ? view.getUint8(0) : undefined;
  return view.getUint32(0, littleEndian);
}

/** One attribute, padded. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array(align(attributeHeaderOctets + value.length));
  const view = new DataView(octets.buffer);
  view.setUint16(0, attributeHeaderOctets + value.length, littleEndian);
  view.setUint16(2, type, littleEndian);
  octets.set(value, attributeHeaderOctets);
  return octets;
}

export function nested(type: number, ...attributes: Uint8Array[]): Uint8Array {
  return attribute(type | nestedBit, Buffer.concat(attributes));
}

export function number32(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value, littleEndian);
  return octets;
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function align(octets: number): number {
  return (octets + 3) & ~3;
}

function message(type: number, flags: number, sequence: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const octets = new Uint8Array(headerOctets + body.length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, octets.length, littleEndian);
  view.setUint16(4, type, littleEndian);
  view.setUint16(6, flags, littleEndian);
  view.setUint32(8, sequence, littleEndian);
  octets.set(body, headerOctets);
  return octets;
}

/**
 * Opens a routing netlink socket, member of `groups` (a bit mask).
 * @throws PlaneError
 */
export function openNetlink(groups: number): number {
  const fd = checked(native.socket(afNetlink, sockRaw, netlinkRoute), 'netlink socket');
  // Lets dumps be narrowed down by the kernel (4.20 and later); older kernels answer with everything.
  native.setsockopt(fd, solNetlink, netlinkGetStrictCheck, number32(1));
  const address = new Uint8Array(12);
  new Uint16Array(address.buffer, 0, 1)[0] = afNetlink;
  new Uint32Array(address.buffer, 8, 1)[0] = groups;
  const bound = native.bind(fd, address);
  if (bound < 0) native.close(fd);
  checked(bound, 'netlink socket');
  return fd;
}

export class NetlinkSocket {
  readonly #fd = openNetlink(0);
  readonly #buffer = new Uint8Array(receiveOctets);
  #sequence = 0;

  close(): void {
    native.close(this.#fd);
  }

  /**
   * Asks for a change. Answers 0 or the kernel's negative errno.
   * @throws PlaneError when the socket itself fails
   */
  change(type: number, flags: number, ...parts: Uint8Array[]): number {
    const sequence = this.send(type, flags | flagAck, parts);
    for (;;) {
      for (const answer of this.receive()) {
        if (answer.sequence === sequence && answer.type === typeError) return answer.body.getInt32(0, littleEndian);
      }
    }
  }

  /**
   * Asks for one object: its message, or the kernel's negative errno.
   * @throws PlaneError when the socket itself fails
   */
  get(type: number, ...parts: Uint8Array[]): NetlinkMessage | number {
    const sequence = this.send(type, 0, parts);
    for (;;) {
      for (const answer of this.receive()) {
        if (answer.sequence !== sequence) continue;
        return answer.type === typeError ? answer.body.getInt32(0, littleEndian) : answer;
      }
    }
  }

  /**
   * Asks for all objects. `read` makes what is kept out of each message, which it must copy from.
   * @throws PlaneError
   */
  dump<T>(type: number, read: (message: NetlinkMessage) => T | undefined, ...parts: Uint8Array[]): T[] {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const objects = this.dumpOnce(type, read, parts);
      if (objects) return objects;
    }
    throw new PlaneError('EINTR', 'netlink dump kept changing');
  }

  private dumpOnce<T>(
    type: number,
    read: (message: NetlinkMessage) => T | undefined,
    parts: Uint8Array[],
  ): T[] | undefined {
    const sequence = this.send(type, flagDump, parts);
    const objects: T[] = [];
    let interrupted = false;
    for (;;) {
      for (const answer of this.receive()) {
        if (answer.sequence !== sequence) continue;
        if ((answer.flags & flagDumpInterrupted) !== 0) interrupted = true;
        if (answer.type === typeDone) return interrupted ? undefined : objects;
        if (answer.type === typeError) {
          const error = answer.body.getInt32(0, littleEndian);
          throw new PlaneError(errnoName(error), 'netlink dump');
        }
        const object = read(answer);
        if (object !== undefined) objects.push(object);
      }
    }
  }

  private send(type: number, flags: number, parts: Uint8Array[]): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const octets = message(type, flags | flagRequest, this.#sequence, parts);
    checked(native.send(this.#fd, octets, 0, octets.length), 'netlink request');
    return this.#sequence;
  }

  private receive(): Iterable<NetlinkMessage> {
    const octets = checked(native.receive(this.#fd, this.#buffer), 'netlink answer');
    if (octets > receiveOctets) throw new PlaneError('EMSGSIZE', 'netlink answer');
    return messagesOf(this.#buffer, octets);
  }
}
