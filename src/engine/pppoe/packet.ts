/**
 * PPPoE discovery packets (RFC 2516 4, 5 and Appendix A), behind the Ethernet header.
 */
import { Reader, Writer } from '../wire/bytes.ts';

const versionAndType = 0x11;
const headerOctets = 6;
/** A discovery packet fits into an Ethernet frame (RFC 2516 5). */
const maxTagOctets = 1_484;

const codes = { PADI: 0x09, PADO: 0x07, PADR: 0x19, PADS: 0x65, PADT: 0xa7 } as const;

export type DiscoveryType = keyof typeof codes;

/** The tags that we know. */
const tags = {
  serviceName: 0x0101,
  acName: 0x0102,
  hostUniq: 0x0103,
  acCookie: 0x0104,
  vendorSpecific: 0x0105,
  relaySessionId: 0x0110,
  /** RFC 4638: the largest PPP payload, when larger than 1492. */
  pppMaxPayload: 0x0120,
  serviceNameError: 0x0201,
  acSystemError: 0x0202,
  genericError: 0x0203,
} as const;

export type TagName = keyof typeof tags;

const endOfList = 0x0000;
const namesByType = new Map<number, TagName>((Object.keys(tags) as TagName[]).map((name) => [tags[name], name]));
const typesByCode = new Map<number, DiscoveryType>(
  (Object.keys(codes) as DiscoveryType[]).map((type) => [codes[type], type]),
);

export type Tag = readonly [name: TagName, value: Uint8Array];

export interface DiscoveryPacket {
  type: DiscoveryType;
  sessionId: number;
  /** In their order; unknown ones are left out (RFC 2516 Appendix A). */
  tags: readonly Tag[];
}

/** Undefined for what is no discovery packet: nothing is answered to it. Values are copies. */
export function decodeDiscovery(bytes: Uint8Array, start: number, end: number): DiscoveryPacket | undefined {
  if (end - start < headerOctets || bytes[start] !== versionAndType) return undefined;
  const type = typesByCode.get(bytes[start + 1]);
  const header = new Reader(bytes, start + 2, end);
  const sessionId = header.u16();
  const octets = header.u16();
  if (type === undefined || octets > header.left) return undefined;
  const reader = new Reader(bytes, header.position, header.position + octets);
  const found: Tag[] = [];
  while (reader.left > 0) {
    if (reader.left < 4) return undefined;
    const tagType = reader.u16();
    const length = reader.u16();
    if (length > reader.left) return undefined;
    if (tagType === endOfList) break;
    const name = namesByType.get(tagType);
    const value = reader.copy(length);
    if (name !== undefined) found.push([name, value]);
  }
  return { type, sessionId, tags: found };
}

export function encodeDiscovery({ type, sessionId, tags: values }: DiscoveryPacket): Uint8Array {
  const writer = new Writer(64);
  writer.u8(versionAndType).u8(codes[type]).u16(sessionId).u16(0);
  for (const [name, value] of values) {
    if (writer.length + 4 + value.length > headerOctets + maxTagOctets) break;
    writer.u16(tags[name]).u16(value.length).octets(value);
  }
  writer.patchU16(4, writer.length - headerOctets);
  return writer.finish();
}

/** The first tag of this name. */
export function tagOf(packet: DiscoveryPacket, name: TagName): Uint8Array | undefined {
  return packet.tags.find(([tag]) => tag === name)?.[1];
}
