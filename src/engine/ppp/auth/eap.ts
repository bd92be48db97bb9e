/** EAP's packets (RFC 3748 4-5), and those of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02). */
import { readU16, Writer } from '../../wire/bytes.ts';
import { frameWriter, PACKET_HEADER_OCTETS, Protocol } from '../frame.ts';
import { nameAfterValue } from './chap.ts';

export const EapCode = { request: 1, response: 2, success: 3, failure: 4 } as const;

export const EapType = { identity: 1, notification: 2, nak: 3, md5: 4, msChapV2: 26 } as const;

/** Those that peers often want. */
const TYPE_NAMES = new Map<number, string>([
  [EapType.md5, 'EAP-MD5'],
  [5, 'EAP-OTP'],
  [6, 'EAP-GTC'],
  [13, 'EAP-TLS'],
  [21, 'EAP-TTLS'],
  [25, 'PEAP'],
  [EapType.msChapV2, 'EAP-MSCHAPv2'],
]);

export function eapTypeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `EAP type ${type}`;
}

export const MsChapV2Op = { challenge: 1, response: 2, success: 3, failure: 4 } as const;

/** Where the type of a Request or Response stands, and its data, counted from the code. */
export const TYPE_AT = PACKET_HEADER_OCTETS;
export const DATA_AT = TYPE_AT + 1;

/** A whole frame with a Request or Response. */
export function eapFrame(code: number, identifier: number, type: number, data: Uint8Array): Uint8Array {
  return frameWriter.packet(Protocol.eap, code, identifier).u8(type).octets(data).finish();
}

/** RFC 3748 4.2: a whole frame with a Success or Failure, which say no more. */
export function eapVerdict(code: number, identifier: number): Uint8Array {
  return frameWriter.packet(Protocol.eap, code, identifier).finish();
}

/** A whole frame with a packet of somebody else's. */
export function eapPacketFrame(packet: Uint8Array): Uint8Array {
  frameWriter.packet(Protocol.eap, packet[0], packet[1]);
  return frameWriter.octets(packet, PACKET_HEADER_OCTETS).finish();
}

/** Whether octets are one Request, no more and no less. */
export function isEapRequest(packet: Uint8Array): boolean {
  return packet.length > TYPE_AT && packet[0] === EapCode.request && readU16(packet, 2) === packet.length;
}

/** The data of an MD5-Challenge (RFC 3748 5.4): a size, as many octets, a name. */
export function sizedValue(value: Uint8Array, name: string): Uint8Array {
  return new Writer().u8(value.length).octets(value).text(name).finish();
}

/** Operation, identifier, and the length of all of it. */
export const MS_CHAP_V2_HEADER_OCTETS = 4;

/** The data of an EAP-MSCHAPv2 packet that has a header of its own. */
export function msChapV2Data(op: number, identifier: number, rest: Uint8Array): Uint8Array {
  const length = MS_CHAP_V2_HEADER_OCTETS + rest.length;
  return new Writer().u8(op).u8(identifier).u16(length).octets(rest).finish();
}

/** Where the size stands of the value in the Request or Response [at, end) of a method that we speak; -1: in none. */
function valueSizeAt(bytes: Uint8Array, at: number, end: number): number {
  if (end - at <= DATA_AT) return -1;
  switch (bytes[at + TYPE_AT]) {
    case EapType.md5:
      return at + DATA_AT;
    case EapType.msChapV2:
      return bytes[at + DATA_AT] === MsChapV2Op.challenge ? at + DATA_AT + MS_CHAP_V2_HEADER_OCTETS : -1;
    default:
      return -1;
  }
}

/** The value that the packet [at, end) challenges its receiver with, if it is such a Request. */
export function eapChallengeIn(bytes: Uint8Array, at: number, end: number): Uint8Array | undefined {
  const size = bytes[at] === EapCode.request ? valueSizeAt(bytes, at, end) : -1;
  const name = size < 0 ? -1 : nameAfterValue(bytes, size, end);
  return name < 0 ? undefined : bytes.subarray(size + 1, name);
}
