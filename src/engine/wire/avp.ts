/**
 * Every AVP that we know, in one table: it gives the types, the encoder and the decoder.
 */
import * as codec from './codec.ts';

export type { ProtocolVersion } from './codec.ts';

interface AvpRow<T> {
  /** The SMI enterprise number of who defined it; 0 is the IETF. */
  readonly vendor: number;
  readonly type: number;
  readonly codec: codec.ValueCodec<T>;
  /** Whether we send it with the M bit. */
  readonly mandatory: boolean;
  /** Whether it may be sent hidden. */
  readonly hideable: boolean;
  /** Where RFC 2661 defines it. */
  readonly section: string;
}

/** `M`: sent with the M bit. `H`: may be hidden. */
function ietf<T>(
  type: number,
  flags: '' | 'M' | 'H' | 'MH',
  valueCodec: codec.ValueCodec<T>,
  section: string,
): AvpRow<T> {
  return {
    vendor: 0,
    type,
    codec: valueCodec,
    mandatory: flags.includes('M'),
    hideable: flags.includes('H'),
    section,
  };
}

/** RFC 2661 4.4. */
export const avpTable = {
  messageType: ietf(0, 'M', codec.u16, '4.4.1'),
  randomVector: ietf(36, 'M', codec.octets, '4.4.1'),

  resultCode: ietf(1, 'M', codec.resultCode, '4.4.2'),

  protocolVersion: ietf(2, 'M', codec.protocolVersion, '4.4.3'),
  framingCapabilities: ietf(3, 'MH', codec.framing, '4.4.3'),
  bearerCapabilities: ietf(4, 'MH', codec.bearer, '4.4.3'),
  /** The lower value wins. */
  tieBreaker: ietf(5, '', codec.u64, '4.4.3'),
  firmwareRevision: ietf(6, 'H', codec.u16, '4.4.3'),
  hostName: ietf(7, 'M', codec.nonEmptyText, '4.4.3'),
  vendorName: ietf(8, 'H', codec.text, '4.4.3'),
  assignedTunnelId: ietf(9, 'MH', codec.nonZeroU16, '4.4.3'),
  receiveWindowSize: ietf(10, 'M', codec.nonZeroU16, '4.4.3'),
  challenge: ietf(11, 'MH', codec.nonEmptyOctets, '4.4.3'),
  challengeResponse: ietf(13, 'MH', codec.octets16, '4.4.3'),

  q931Cause: ietf(12, 'M', codec.q931Cause, '4.4.4'),
  assignedSessionId: ietf(14, 'MH', codec.nonZeroU16, '4.4.4'),
  callSerialNumber: ietf(15, 'MH', codec.u32, '4.4.4'),
  minimumBps: ietf(16, 'MH', codec.u32, '4.4.4'),
  maximumBps: ietf(17, 'MH', codec.u32, '4.4.4'),
  bearerType: ietf(18, 'MH', codec.bearer, '4.4.4'),
  framingType: ietf(19, 'MH', codec.framing, '4.4.4'),
  calledNumber: ietf(21, 'MH', codec.text, '4.4.4'),
  callingNumber: ietf(22, 'MH', codec.text, '4.4.4'),
  subAddress: ietf(23, 'MH', codec.text, '4.4.4'),
  txConnectSpeedBps: ietf(24, 'MH', codec.u32, '4.4.4'),
  rxConnectSpeedBps: ietf(38, 'H', codec.u32, '4.4.4'),
  physicalChannelId: ietf(25, 'H', codec.u32, '4.4.4'),
  privateGroupId: ietf(37, 'H', codec.text, '4.4.4'),
  sequencingRequired: ietf(39, 'M', codec.presence, '4.4.4'),

  /** LCP options, without the LCP header. */
  initialReceivedLcpConfReq: ietf(26, 'H', codec.octets, '4.4.5'),
  lastSentLcpConfReq: ietf(27, 'H', codec.octets, '4.4.5'),
  lastReceivedLcpConfReq: ietf(28, 'H', codec.octets, '4.4.5'),
  /** 1 text, 2 CHAP, 3 PAP, 4 none, 5 MS-CHAPv1. */
  proxyAuthenType: ietf(29, 'H', codec.u16, '4.4.5'),
  proxyAuthenName: ietf(30, 'H', codec.text, '4.4.5'),
  proxyAuthenChallenge: ietf(31, 'H', codec.nonEmptyOctets, '4.4.5'),
  proxyAuthenId: ietf(32, 'H', codec.paddedU8, '4.4.5'),
  proxyAuthenResponse: ietf(33, 'H', codec.secret, '4.4.5'),

  callErrors: ietf(34, 'MH', codec.callErrors, '4.4.6'),
  accm: ietf(35, 'MH', codec.accm, '4.4.6'),
} as const;

/** The AVPs that carry a message's content; the other two are about the encoding itself. */
export type AvpName = Exclude<keyof typeof avpTable, 'messageType' | 'randomVector'>;

type AvpValue<Name extends AvpName> = (typeof avpTable)[Name] extends AvpRow<infer T> ? T : never;

/** The content of a message, decoded. */
export type AvpValues = { [Name in AvpName]?: AvpValue<Name> };

/** The table for code that treats all AVPs alike. */
export const avpRows: Readonly<Record<AvpName, AvpRow<unknown>>> = avpTable;

const namesByNumber = new Map<number, AvpName>(
  (Object.keys(avpTable) as (keyof typeof avpTable)[])
    .filter((name) => name !== 'messageType' && name !== 'randomVector')
    .map((name) => [avpNumber(avpTable[name].vendor, avpTable[name].type), name]),
);

function avpNumber(vendor: number, type: number): number {
  return vendor * 0x1_0000 + type;
}

/** The AVP with this vendor and type, if we know it. A vendor's own type never means the IETF's. */
export function avpNameOf(vendor: number, type: number): AvpName | undefined {
  return namesByNumber.get(avpNumber(vendor, type));
}
