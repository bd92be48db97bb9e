/**
 * The messages between the daemon and the program that is the circuit of an HDLC, Frame Relay or ATM pseudowire, each one
 * datagram between two unix sockets (docs/pseudowires.md):
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  version (1)  |     type      |             value             |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import type { Pseudowire } from '../engine/spec.ts';
import { Reader, readU16, writeU16 } from '../engine/wire/bytes.ts';
import { pseudowireTypes } from '../engine/wire/pseudowire.ts';
import { type CircuitStatus, circuitStatus } from '../engine/wire/values.ts';

export type CircuitPseudowire = Exclude<Pseudowire, 'ppp' | 'ethernet' | 'vlan'>;

export const circuitHeaderOctets = 4;
const version = 1;
/** The longest frame that a program may send. */
export const maxFrameOctets = 16_384;

export const circuitMessage = {
  /** To the daemon: I am the circuit. Value: its status. Body: the pseudowire type. */
  attach: 1,
  /** To the program: so you are. Value: the status of the peer's circuit. Body: the pseudowire type, and the longest frame. */
  attached: 2,
  /** To the program: you are not. Value: why (`refusals`). */
  refused: 3,
  /** From the one that leaves. To a program that is not attached: attach again. */
  detach: 4,
  /** To the daemon: the circuit's status is now this. To the program: that of the peer's circuit. */
  status: 5,
  /** Either way, never answered: whoever cannot send it knows that the other is gone. */
  keepalive: 6,
  /** Either way: a frame, or ATM cells. Value, of AAL5: the flags T, G, C and U of RFC 4454 4.1; else 0. */
  data: 7,
} as const;

/** Why a program is refused. */
export const refusal = { busy: 1, otherVersion: 2, otherPseudowire: 3 } as const;

/** The type of a message, if it is one. */
export function readMessageType(bytes: Uint8Array, start: number, end: number): number | 'malformed' | 'otherVersion' {
  if (end - start < circuitHeaderOctets) return 'malformed';
  return bytes[start] === version ? bytes[start + 1] : 'otherVersion';
}

export function readMessageValue(bytes: Uint8Array, start: number): number {
  return readU16(bytes, start + 2);
}

export function writeMessageHeader(bytes: Uint8Array, start: number, type: number, value: number): void {
  bytes[start] = version;
  bytes[start + 1] = type;
  writeU16(bytes, start + 2, value);
}

/** The pseudowire type that a program attaches as; undefined: the message is too short for one. */
export function readAttachBody(bytes: Uint8Array, start: number, end: number): number | undefined {
  const at = start + circuitHeaderOctets;
  return end - at < 2 ? undefined : readU16(bytes, at);
}

export const attachedOctets = circuitHeaderOctets + 4;

export function writeAttached(bytes: Uint8Array, status: number, pseudowire: CircuitPseudowire): void {
  writeMessageHeader(bytes, 0, circuitMessage.attached, status);
  writeU16(bytes, circuitHeaderOctets, pseudowireTypes[pseudowire]);
  writeU16(bytes, circuitHeaderOctets + 2, maxFrameOctets);
}

/** The value of `status` and its like: the Circuit Status AVP's (RFC 3931 5.4.5, RFC 5641 2). */
export const activeStatus = 0x0001;
export const inactiveStatus = 0x0000;
export const standbyStatus = 0x0040;
/** All that means something from a program: New is out of use. */
const statusBits = 0x007d;
const faultBits = 0x003c;

/** Two statuses that say the same are equal then. Where there is a fault, the circuit is not active (RFC 5641 3). */
export function plainStatus(value: number): number {
  const plain = value & statusBits;
  return (plain & faultBits) === 0 ? plain : plain & ~activeStatus;
}

export function circuitStatusOf(value: number): CircuitStatus {
  const octets = new Uint8Array(2);
  writeU16(octets, 0, value);
  return circuitStatus.read(new Reader(octets));
}
