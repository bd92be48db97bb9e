/** The authentication protocols in LCP's option 3 (RFC 1661 6.2, RFC 1994 3, RFC 2433 4, RFC 2759 2, RFC 3748 3.1). */
import { readU16 } from '../../wire/bytes.ts';
import { type FrameWriter, Protocol } from '../frame.ts';
import type { PppAuthMethod } from '../spec.ts';

interface MethodOption {
  readonly name: string;
  readonly protocol: number;
  /** Of CHAP: the octet that follows the protocol. */
  readonly algorithm?: number;
}

const METHODS = {
  pap: { name: 'PAP', protocol: Protocol.pap },
  chap: { name: 'CHAP', protocol: Protocol.chap, algorithm: 0x05 },
  mschapv1: { name: 'MS-CHAPv1', protocol: Protocol.chap, algorithm: 0x80 },
  mschapv2: { name: 'MS-CHAPv2', protocol: Protocol.chap, algorithm: 0x81 },
  eap: { name: 'EAP', protocol: Protocol.eap },
} as const satisfies Record<PppAuthMethod, MethodOption>;

const NAMES = Object.keys(METHODS) as PppAuthMethod[];

export function methodName(method: PppAuthMethod): string {
  return METHODS[method].name;
}

/** The method that an option's data bytes[at, at + octets) name; undefined for one that we do not know. */
export function readMethod(bytes: Uint8Array, at: number, octets: number): PppAuthMethod | undefined {
  if (octets < 2 || octets > 3) return undefined;
  const protocol = readU16(bytes, at);
  const algorithm = octets === 3 ? bytes[at + 2] : undefined;
  return NAMES.find((name) => {
    const option: MethodOption = METHODS[name];
    return option.protocol === protocol && option.algorithm === algorithm;
  });
}

/** The protocol that a method is spoken in; 0 for none. */
export function protocolOfMethod(method: PppAuthMethod | undefined): number {
  return method === undefined ? 0 : METHODS[method].protocol;
}

/** What an option's data name, for people. */
export function describeMethod(bytes: Uint8Array, at: number, octets: number): string {
  const method = readMethod(bytes, at, octets);
  if (method !== undefined) return methodName(method);
  if (octets < 2) return 'nothing';
  const protocol = readU16(bytes, at);
  if (protocol === Protocol.chap && octets === 3) return `CHAP with algorithm ${bytes[at + 2]}`;
  return `protocol 0x${protocol.toString(16)}`;
}

/** Writes the whole option. */
export function writeMethod(frame: FrameWriter, option: number, method: PppAuthMethod): void {
  const { protocol, algorithm }: MethodOption = METHODS[method];
  if (algorithm === undefined) frame.u8(option).u8(4).u16(protocol);
  else frame.u8(option).u8(5).u16(protocol).u8(algorithm);
}
