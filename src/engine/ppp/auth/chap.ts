/** CHAP's packets (RFC 1994 4), with those in which Microsoft's kinds change a password (RFC 2433 9-10, RFC 2759 7). */
import { equalBytes } from '../../wire/bytes.ts';
import { frameWriter, PACKET_HEADER_OCTETS, Protocol } from '../frame.ts';
import { MAX_NAME_OCTETS } from './exchange.ts';

export const ChapCode = {
  challenge: 1,
  response: 2,
  success: 3,
  failure: 4,
  /** Deprecated: it shows an eavesdropper the hash of the new password. */
  changePassword1: 5,
  changePassword2: 6,
  changePassword3: 7,
} as const;

/** Where the value of a Challenge or Response begins: after its size. */
export const VALUE_AT = PACKET_HEADER_OCTETS + 1;

/** A whole frame with a Challenge or Response. */
export function chapFrame(code: number, identifier: number, value: Uint8Array, name: string): Uint8Array {
  frameWriter.packet(Protocol.chap, code, identifier);
  return frameWriter.u8(value.length).octets(value).text(name).finish();
}

/**
 * Where the name stands that follows a value, or -1 when value or name have a length that cannot be. `sizeAt`: of the
 * octet with the value's size, which is not 0.
 */
export function nameAfterValue(bytes: Uint8Array, sizeAt: number, end: number): number {
  if (sizeAt >= end || bytes[sizeAt] === 0) return -1;
  const name = sizeAt + 1 + bytes[sizeAt];
  return name > end || end - name > MAX_NAME_OCTETS ? -1 : name;
}

/** The value that the packet [at, end) challenges its receiver with, if it is a Challenge. */
export function chapChallengeIn(bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
  if (bytes[at] !== ChapCode.challenge) return undefined;
  const name = nameAfterValue(bytes, at + PACKET_HEADER_OCTETS, end);
  return name < 0 ? undefined : bytes.subarray(at + VALUE_AT, name);
}

/** Whether bytes[at, end) begins with a text. */
export function startsWith(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  const wanted = new TextEncoder().encode(text);
  return end - at >= wanted.length && equalBytes(bytes.subarray(at, at + wanted.length), wanted);
}
