/**
 * Every AVP that we know, in one table: it gives the types, the encoder and the decoder.
 */
import * as codec from './codec.ts';
import * as values from './values.ts';

export type { ProtocolVersion } from './codec.ts';
export type * from './values.ts';

interface AvpRow<T> {
  /** The SMI enterprise number of who defined it; 0 is the IETF. */
  readonly vendor: number;
  readonly type: number;
  readonly codec: codec.ValueCodec<T>;
  /** Whether we send it with the M bit. */
  readonly mandatory: boolean;
  /** Whether it may be sent hidden. */
  readonly hideable: boolean;
  /** Whether a message may hold several: the value is then the list of them, of one at least. */
  readonly repeats: boolean;
  /** A value that is sent without the M bit although others are sent with it. */
  optionalWhen?(value: T): boolean;
  /** Where it is defined: a section of RFC 2661, or `RFC section`. */
  readonly section: string;
}

interface RepeatedRow<T> extends AvpRow<T> {
  readonly repeats: true;
}

/** `M`: sent with the M bit. `H`: may be hidden. */
type Flags = '' | 'M' | 'H' | 'MH';

function row<T>(vendor: number, type: number, flags: Flags, valueCodec: codec.ValueCodec<T>, section: string) {
  return {
    vendor,
    type,
    codec: valueCodec,
    mandatory: flags.includes('M'),
    hideable: flags.includes('H'),
    section,
  };
}

function ietf<T>(type: number, flags: Flags, valueCodec: codec.ValueCodec<T>, section: string): AvpRow<T> {
  return { ...row(0, type, flags, valueCodec, section), repeats: false };
}

/** One that a message may hold several times. */
function repeated<T>(type: number, flags: Flags, valueCodec: codec.ValueCodec<T>, section: string): RepeatedRow<T> {
  return { ...row(0, type, flags, valueCodec, section), repeats: true };
}

/** RFC 3301 5.3: the M bit must be clear with the changed encoding. */
function callNumber(type: number): AvpRow<string> {
  return { ...ietf(type, 'MH', values.callNumber, '4.4.4'), optionalWhen: values.isNsap };
}

/** The ADSL Forum, now Broadband Forum. */
const broadbandForum = 3561;

function accessLine<T>(type: number, valueCodec: codec.ValueCodec<T>, section: string): AvpRow<T> {
  return { ...row(broadbandForum, type, 'H', valueCodec, `RFC 5515 ${section}`), repeats: false };
}

export const avpTable = {
  messageType: ietf(0, 'M', codec.u16, '4.4.1'),
  randomVector: ietf(36, 'M', codec.octets, '4.4.1'),

  resultCode: ietf(1, 'M', values.resultCode, '4.4.2'),

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

  q931Cause: ietf(12, 'M', values.q931Cause, '4.4.4'),
  assignedSessionId: ietf(14, 'MH', codec.nonZeroU16, '4.4.4'),
  callSerialNumber: ietf(15, 'MH', codec.u32, '4.4.4'),
  minimumBps: ietf(16, 'MH', codec.u32, '4.4.4'),
  maximumBps: ietf(17, 'MH', codec.u32, '4.4.4'),
  bearerType: ietf(18, 'MH', codec.bearer, '4.4.4'),
  framingType: ietf(19, 'MH', codec.framing, '4.4.4'),
  calledNumber: callNumber(21),
  callingNumber: callNumber(22),
  subAddress: callNumber(23),
  txConnectSpeedBps: ietf(24, 'MH', codec.u32, '4.4.4'),
  rxConnectSpeedBps: ietf(38, 'H', codec.u32, '4.4.4'),
  physicalChannelId: ietf(25, 'H', codec.u32, '4.4.4'),
  privateGroupId: ietf(37, 'H', codec.opaqueText, '4.4.4'),
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

  callErrors: ietf(34, 'MH', values.callErrors, '4.4.6'),
  accm: ietf(35, 'MH', values.accm, '4.4.6'),

  rxMinimumBps: ietf(40, 'H', codec.u32, 'RFC 3301 5.2'),
  rxMaximumBps: ietf(41, 'H', codec.u32, 'RFC 3301 5.2'),
  serviceCategory: ietf(42, 'H', values.serviceCategory, 'RFC 3301 5.2'),
  serviceName: ietf(43, 'H', codec.nonEmptyText, 'RFC 3301 5.2'),
  callingSubAddress: ietf(44, 'H', values.callNumber, 'RFC 3301 5.2'),
  virtualChannel: ietf(45, 'H', values.virtualChannel, 'RFC 3301 5.2'),

  /** One for each protocol that failed. */
  pppDisconnectCauses: repeated(46, 'H', values.pppDisconnectCause, 'RFC 3145 2'),

  controlConnectionDs: ietf(47, 'H', values.phbCode, 'RFC 3308 3.1'),
  sessionDs: ietf(48, 'H', values.phbCode, 'RFC 3308 4.1'),

  /** LCP options, without the LCP header. */
  lcpWantOptions: ietf(49, 'H', codec.octets, 'RFC 3437 2.1'),
  lcpAllowOptions: ietf(50, 'H', codec.octets, 'RFC 3437 2.2'),
  lnsLastSentLcpConfReq: ietf(51, 'H', codec.octets, 'RFC 3437 2.3'),
  lnsLastReceivedLcpConfReq: ietf(52, 'H', codec.octets, 'RFC 3437 2.3'),

  connectSpeedUpdates: repeated(97, 'H', values.connectSpeedUpdate, 'RFC 5515 6.1'),
  connectSpeedUpdateEnable: ietf(98, 'H', codec.presence, 'RFC 5515 6.2'),

  /** Both ids are from 2 to 63 octets, and opaque. */
  agentCircuitId: accessLine(1, codec.nonEmptyOpaqueText, '5.1'),
  agentRemoteId: accessLine(2, codec.nonEmptyOpaqueText, '5.2'),
  actualDataRateUpstreamBps: accessLine(129, codec.rateBps, '5.3'),
  actualDataRateDownstreamBps: accessLine(130, codec.rateBps, '5.4'),
  minimumDataRateUpstreamBps: accessLine(131, codec.rateBps, '5.5'),
  minimumDataRateDownstreamBps: accessLine(132, codec.rateBps, '5.6'),
  attainableDataRateUpstreamBps: accessLine(133, codec.rateBps, '5.7'),
  attainableDataRateDownstreamBps: accessLine(134, codec.rateBps, '5.8'),
  maximumDataRateUpstreamBps: accessLine(135, codec.rateBps, '5.9'),
  maximumDataRateDownstreamBps: accessLine(136, codec.rateBps, '5.10'),
  minimumDataRateUpstreamLowPowerBps: accessLine(137, codec.rateBps, '5.11'),
  minimumDataRateDownstreamLowPowerBps: accessLine(138, codec.rateBps, '5.12'),
  maximumInterleavingDelayUpstreamMs: accessLine(139, codec.u32, '5.13'),
  actualInterleavingDelayUpstreamMs: accessLine(140, codec.u32, '5.14'),
  maximumInterleavingDelayDownstreamMs: accessLine(141, codec.u32, '5.15'),
  actualInterleavingDelayDownstreamMs: accessLine(142, codec.u32, '5.16'),
  accessLoopEncapsulation: accessLine(144, values.accessLoopEncapsulation, '5.17'),
  accessLineType: accessLine(145, values.accessLineType, '5.18'),
  iwfSession: accessLine(254, codec.flag32, '5.19'),
} as const;

/** The AVPs that carry a message's content; the other two are about the encoding itself. */
export type AvpName = Exclude<keyof typeof avpTable, 'messageType' | 'randomVector'>;

export type AvpValue<Name extends AvpName> =
  (typeof avpTable)[Name] extends RepeatedRow<infer T>
    ? readonly T[]
    : (typeof avpTable)[Name] extends AvpRow<infer T>
      ? T
      : never;

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
