/** The authentication protocols in LCP's option 3 (RFC 1661 6.2, RFC 1994 3, RFC 2759 2). */
import { readU16 } from '../../wire/bytes.ts';
import { type FrameWriter, Protocol } from '../frame.ts';
import type { PppAuthMethod } from '../spec.ts';

const CHAP_MD5 = 0x05;
const MS_CHAP_V2 = 0x81;

const NAMES = { pap: 'PAP', chap: 'CHAP', mschapv2: 'MS-CHAPv2' } as const satisfies Record<PppAuthMethod, string>;

export function methodName(method: PppAuthMethod): string {
  return NAMES[method];
}

/** The method that an option's data bytes[at, at + octets) name; undefined for one that we do not know. */
export function readMethod(bytes: Uint8Array, at: number, octets: number): PppAuthMethod | undefined {
  if (octets < 2) return undefined;
  const protocol = readU16(bytes, at);
  if (protocol === Protocol.pap) return octets === 2 ? 'pap' : undefined;
  if (protocol !== Protocol.chap || octets !== 3) return undefined;
  if (bytes[at + 2] === CHAP_MD5) return 'chap';
  return bytes[at + 2] === MS_CHAP_V2 ? 'mschapv2' : undefined;
}

/** The protocol that a method is spoken in; 0 for none. */
export function protocolOfMethod(method: PppAuthMethod | undefined): number {
  if (method === undefined) return 0;
  return method === 'pap' ? Protocol.pap : Protocol.chap;
}

/** What an option's data name, for people. */
export function describeMethod(bytes: Uint8Array, at: number, octets: number): string {
  const method = readMethod(bytes, at, octets);
  if (method !== undefined) return methodName(method);
  if (octets < 2) return 'nothing';
  const protocol = readU16(bytes, at);
  if (protocol === 0xc227) return 'EAP';
  if (protocol === Protocol.chap && octets === 3 && bytes[at + 2] === 0x80) return 'MS-CHAP';
  return `protocol 0x${protocol.toString(16)}`;
}

/** Writes the whole option. */
export function writeMethod(frame: FrameWriter, option: number, method: PppAuthMethod): void {
  switch (method) {
    case 'pap':
      frame.u8(option).u8(4).u16(Protocol.pap);
      break;
    case 'chap':
      frame.u8(option).u8(5).u16(Protocol.chap).u8(CHAP_MD5);
      break;
    case 'mschapv2':
      frame.u8(option).u8(5).u16(Protocol.chap).u8(MS_CHAP_V2);
      break;
  }
}
