/**
 * The single door to system calls: types and loads the addon that `scripts/build-native.mjs` compiles from `native/`.
 * Calls answer a number >= 0 or a negative errno; arguments outside their buffers throw before anything is done.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { PlaneError } from '../engine/errors.ts';

export interface Native {
  open(path: string, flags: number): number;
  close(fd: number): number;
  /** Only the few requests that native/system.c lists. */
  ioctl(fd: number, request: number, octets: Uint8Array): number;
  /** Non-blocking and closed on exec. */
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  /** Answers the address's length. */
  getsockname(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Answers the value's length. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  send(fd: number, octets: Uint8Array, start: number, end: number): number;
  /** Answers the message's own length, above the buffer's when it was cut off. */
  receive(fd: number, octets: Uint8Array): number;
  sendTo(fd: number, octets: Uint8Array, start: number, end: number, address: Uint8Array): number;
  /** As `receive`. The sender's address is written too, as far as it fits, and zeros behind it. */
  receiveFrom(fd: number, octets: Uint8Array, address: Uint8Array): number;
  /** Answers the poller's number. `ready` gets the events, or a negative errno after which `pollAgain` goes on. */
  pollStart(fd: number, events: number, ready: (events: number) => void): number;
  pollAgain(poller: number): number;
  /** Must come before the descriptor is closed. */
  pollStop(poller: number): void;
  /**
   * Answers the number of datagrams, which `words` describe (datagramWord) and must have room for: `datagramsPerSlot`
   * for each of at most 64 slots.
   */
  receiveBatch(fd: number, slab: Uint8Array, slotOctets: number, slots: number, words: Int32Array): number;
  /**
   * Of a socket with IP_RECVERR or IPV6_RECVERR: how many errors the network told of datagrams that were sent, at most 64
   * and as many as `words` has room for. They hold where the datagram should have gone, and the errno.
   */
  receiveErrors(fd: number, words: Int32Array): number;
  /** Answers how many went out; the errors stand in the words. */
  sendBatch(slab: Uint8Array, words: Int32Array, count: number): number;
  /** Packet n lies at n * slotOctets + headroom and has lengths[n] octets. */
  readBatch(
    fd: number,
    slab: Uint8Array,
    slotOctets: number,
    headroom: number,
    slots: number,
    lengths: Int32Array,
  ): number;
  /** Answers how many were taken; the errors stand in the words (packetWord). */
  writeBatch(slab: Uint8Array, words: Int32Array, count: number): number;
  /**
   * From a packet socket. Answers the number of frames, which `words` describe (frameWord). A length above
   * slotOctets - headroom means that the frame was cut off.
   */
  receiveFrames(
    fd: number,
    slab: Uint8Array,
    slotOctets: number,
    headroom: number,
    slots: number,
    words: Int32Array,
  ): number;
  /** Answers how many went out; the errors stand in the words (frameWord). */
  sendFrames(slab: Uint8Array, words: Int32Array, count: number): number;
}

/** Where the facts of one datagram stand among its 17 words; as in native/datagram.c. */
export const datagramWord = {
  fd: 0,
  offset: 1,
  length: 2,
  family: 3,
  /** 0: raw IP. */
  port: 4,
  scope: 5,
  peer: 6,
  hasOwn: 10,
  own: 11,
  /** The DSCP stands in its upper six bits. */
  trafficClass: 15,
  error: 16,
} as const;
export const datagramWords = 17;
/** The most datagrams that one slot may hold when the kernel joins them. */
export const datagramsPerSlot = 128;

/** Where the facts of one packet stand among its 4 words; as in native/packet.c. */
export const packetWord = { fd: 0, offset: 1, length: 2, error: 3 } as const;
export const packetWords = 4;

/** Where the facts of one Ethernet frame stand among its 8 words; as in native/ethernet.c. */
export const frameWord = {
  fd: 0,
  offset: 1,
  length: 2,
  /** The EtherType to send as; of a received frame the packet type: 0 is for our MAC address, 1 for all. */
  type: 3,
  interface: 4,
  macHigh: 5,
  macLow: 6,
  error: 7,
} as const;
export const frameWords = 8;

export const pollReadable = 1;

const addon = join('build', 'prol2tp.node');

/** Looks upwards from this file, which stands in src/kernel or, bundled, in dist. */
function findAddon(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const path = join(folder, addon);
    if (existsSync(path)) return path;
    const above = dirname(folder);
    if (above === folder) throw new Error(`${addon} is missing: run "node scripts/build-native.mjs" to compile it`);
    folder = above;
  }
}

export const native: Native = createRequire(import.meta.url)(findAddon());

/** The name of a negative errno. */
export function errnoName(result: number): string {
  try {
    return getSystemErrorName(result);
  } catch {
    return `errno ${-result}`;
  }
}

/**
 * Passes on a call's result.
 * @throws PlaneError when it is a negative errno
 */
export function checked(result: number, what: string): number {
  if (result < 0) throw new PlaneError(errnoName(result), what);
  return result;
}
