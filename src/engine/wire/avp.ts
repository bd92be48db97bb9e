/**
 * Every AVP that we know, in one table: it gives the types, the encoder and the decoder.
 */
import * as codec from './codec.ts';
import * as pseudowire from './pseudowire.ts';
import * as values from './values.ts';

export type { ProtocolVersion } from './codec.ts';
export type * from './values.ts';

export interface AvpRow<T> {
  /** The SMI enterprise number of who defined it; 0 is the IETF. */
  readonly vendor: number;
  readonly type: number;
  readonly codec: codec.ValueCodec<T>;
  /** Whether we send it with the M bit. */
  readonly mandatory: boolean;
  /** Whether it may be sent hidden. */
  readonly hideable: boolean;
  /** A value that is sent without the M bit although others are sent with it. */
  optionalWhen?(value: T): boolean;
  /** Where it is defined: a section of RFC 2661, or `RFC section`. */
  readonly section: string;
}

/** One meaning, as each version of L2TP writes it; a version that it is absent for does not know it. */
interface Avp<T> {
  readonly 2?: AvpRow<T>;
  readonly 3?: AvpRow<T>;
  /** Whether a message may hold several: the value is then the list of them, of one at least. */
  readonly repeats: boolean;
  /** The type that it had, of vendor 9, before L2TPv3 was an RFC. */
  readonly draftType?: number;
}

/** One that both versions know. */
interface CommonAvp<T> extends Avp<T> {
  readonly 2: AvpRow<T>;
  readonly 3: AvpRow<T>;
}

interface RepeatedAvp<T> extends Avp<T> {
  readonly repeats: true;
}

/** `M`: sent with the M bit. `H`: may be hidden. */
type Flags = '' | 'M' | 'H' | 'MH';

function row<T>(type: number, flags: Flags, valueCodec: codec.ValueCodec<T>, section: string, vendor = 0): AvpRow<T> {
  return {
    vendor,
    type,
    codec: valueCodec,
    mandatory: flags.includes('M'),
    hideable: flags.includes('H'),
    section,
  };
}

/** Of L2TPv2 only. */
function v2<T>(type: number, flags: Flags, valueCodec: codec.ValueCodec<T>, section: string): Avp<T> {
  return { 2: row(type, flags, valueCodec, section), repeats: false };
}

/** Of L2TPv3 only. */
function v3<T>(
  type: number,
  flags: Flags,
  valueCodec: codec.ValueCodec<T>,
  section: string,
  draftType?: number,
): Avp<T> {
  return { 3: row(type, flags, valueCodec, section), repeats: false, draftType };
}

/** Of L2TPv3; in a request that both versions can read it stands without the M bit (RFC 3931 4.7.3). */
function offered<T>(
  type: number,
  flags: Flags,
  valueCodec: codec.ValueCodec<T>,
  section: string,
  draftType?: number,
): CommonAvp<T> {
  const mandatory = row(type, flags, valueCodec, section);
  return differing({ ...mandatory, mandatory: false }, mandatory, draftType);
}

/** One meaning, written otherwise in each version. */
function differing<T>(inV2: AvpRow<T>, inV3: AvpRow<T>, draftType?: number): CommonAvp<T> {
  return { 2: inV2, 3: inV3, repeats: false, draftType };
}

/** One that a message may hold several times. */
function repeated<T>(avp: Avp<T>): RepeatedAvp<T> {
  return { ...avp, repeats: true };
}

/** The same in both versions, but for the flags: those of L2TPv3 come second. */
function both<T>(
  type: number,
  flags: readonly [Flags, Flags],
  valueCodec: codec.ValueCodec<T>,
  section: string,
): CommonAvp<T> {
  return differing(row(type, flags[0], valueCodec, section), row(type, flags[1], valueCodec, section));
}

/**
 * Of L2TPv2's calls, all of which carry PPP. L2TPv3's calls that do may tell the same, without the M bit: RFC 3931 does
 * not have it, so that who does not know it must be able to pass it over.
 */
function ppp<T>(
  type: number,
  flags: Flags,
  valueCodec: codec.ValueCodec<T>,
  section: string,
  vendor = 0,
): CommonAvp<T> {
  const inV2 = row(type, flags, valueCodec, section, vendor);
  return differing(inV2, { ...inV2, mandatory: false });
}

/** RFC 3301 5.3: the M bit must be clear with the changed encoding. */
function callNumber(type: number): CommonAvp<string> {
  const inV2 = { ...row(type, 'MH', values.callNumber, '4.4.4'), optionalWhen: values.isNsap };
  return differing(inV2, { ...inV2, mandatory: false });
}

/** The ADSL Forum, now Broadband Forum. */
const broadbandForum = 3561;

function accessLine<T>(type: number, valueCodec: codec.ValueCodec<T>, section: string): CommonAvp<T> {
  return ppp(type, 'H', valueCodec, `RFC 5515 ${section}`, broadbandForum);
}

/** AVPs about the encoding itself, of both versions; the table has those that carry a message's content. */
export const encodingAvps = {
  /** RFC 2661 4.4.1. */
  messageType: 0,
  randomVector: 36,
  /** RFC 3931 5.1: an AVP of a vendor whose number has 32 bits. */
  extendedVendorId: 58,
  /** RFC 3931 5.4.1. */
  messageDigest: 59,
} as const;

/** Whose AVPs L2TPv3 had before it was an RFC: `draftType`. */
export const draftVendor = 9;
/** Those of them that are about the encoding: which draft, and Message Digest. */
export const draftEncodingAvps = { draftVersion: 10, messageDigest: 12 } as const;

export const avpTable = {
  resultCode: both(1, ['M', 'M'], values.resultCode, '4.4.2'),

  protocolVersion: v2(2, 'M', codec.protocolVersion, '4.4.3'),
  framingCapabilities: v2(3, 'MH', codec.framing, '4.4.3'),
  bearerCapabilities: v2(4, 'MH', codec.bearer, '4.4.3'),
  /** The lower value wins. */
  tieBreaker: differing(row(5, '', codec.u64, '4.4.3'), row(5, 'M', codec.u64, 'RFC 3931 5.4.3'), 9),
  firmwareRevision: v2(6, 'H', codec.u16, '4.4.3'),
  hostName: both(7, ['M', 'M'], codec.nonEmptyText, '4.4.3'),
  vendorName: both(8, ['H', 'H'], codec.text, '4.4.3'),
  /** L2TPv3: the Assigned Control Connection ID. */
  assignedTunnelId: differing(
    row(9, 'MH', codec.nonZeroU16, '4.4.3'),
    row(61, 'MH', codec.nonZeroU32, 'RFC 3931 5.4.3'),
    1,
  ),
  receiveWindowSize: both(10, ['M', 'M'], codec.nonZeroU16, '4.4.3'),
  challenge: v2(11, 'MH', codec.nonEmptyOctets, '4.4.3'),
  challengeResponse: v2(13, 'MH', codec.octets16, '4.4.3'),

  /** 32 bits, not an address. */
  routerId: offered(60, 'M', codec.u32, 'RFC 3931 5.4.3'),
  pseudowireCapabilities: offered(62, 'MH', pseudowire.pseudowireList, 'RFC 3931 5.4.3', 2),
  preferredLanguage: offered(72, 'H', codec.text, 'RFC 3931 5.4.3'),
  messageNonce: offered(73, 'M', codec.nonEmptyOctets, 'RFC 3931 5.4.1', 13),
  /** In a request that both versions can read: the sender's id if it is answered in L2TPv3 (RFC 3931 4.7.3). */
  assignedControlConnectionId: v2(61, 'H', codec.nonZeroU32, 'RFC 3931 5.4.3'),

  q931Cause: ppp(12, 'M', values.q931Cause, '4.4.4'),
  /** L2TPv3: the Local Session ID. */
  assignedSessionId: differing(
    row(14, 'MH', codec.nonZeroU16, '4.4.4'),
    row(63, 'MH', codec.nonZeroU32, 'RFC 3931 5.4.4'),
    3,
  ),
  /** 0: the sender has not been told it yet. */
  remoteSessionId: v3(64, 'MH', codec.u32, 'RFC 3931 5.4.4', 4),
  assignedCookie: v3(65, 'MH', values.cookie, 'RFC 3931 5.4.4', 5),
  remoteEndId: v3(66, 'MH', values.endId, 'RFC 3931 5.4.4', 6),
  pseudowireType: v3(68, 'MH', pseudowire.pseudowireType, 'RFC 3931 5.4.4', 7),
  l2SpecificSublayer: v3(69, 'MH', pseudowire.sublayer, 'RFC 3931 5.4.4'),
  dataSequencing: v3(70, 'MH', pseudowire.dataSequencing, 'RFC 3931 5.4.4'),
  circuitStatus: v3(71, 'MH', values.circuitStatus, 'RFC 3931 5.4.5', 8),
  callSerialNumber: both(15, ['MH', 'H'], codec.u32, '4.4.4'),
  minimumBps: ppp(16, 'MH', codec.u32, '4.4.4'),
  maximumBps: ppp(17, 'MH', codec.u32, '4.4.4'),
  bearerType: ppp(18, 'MH', codec.bearer, '4.4.4'),
  framingType: ppp(19, 'MH', codec.framing, '4.4.4'),
  calledNumber: callNumber(21),
  callingNumber: callNumber(22),
  subAddress: callNumber(23),
  txConnectSpeedBps: differing(row(24, 'MH', codec.speed32, '4.4.4'), row(74, 'H', codec.speed64, 'RFC 3931 5.4.4')),
  rxConnectSpeedBps: differing(row(38, 'H', codec.speed32, '4.4.4'), row(75, 'H', codec.speed64, 'RFC 3931 5.4.4')),
  physicalChannelId: both(25, ['H', 'H'], codec.u32, '4.4.4'),
  privateGroupId: ppp(37, 'H', codec.opaqueText, '4.4.4'),
  sequencingRequired: v2(39, 'M', codec.presence, '4.4.4'),

  /** LCP options, without the LCP header. */
  initialReceivedLcpConfReq: ppp(26, 'H', codec.octets, '4.4.5'),
  lastSentLcpConfReq: ppp(27, 'H', codec.octets, '4.4.5'),
  lastReceivedLcpConfReq: ppp(28, 'H', codec.octets, '4.4.5'),
  /** 1 text, 2 CHAP, 3 PAP, 4 none, 5 MS-CHAPv1. */
  proxyAuthenType: ppp(29, 'H', codec.u16, '4.4.5'),
  proxyAuthenName: ppp(30, 'H', codec.text, '4.4.5'),
  proxyAuthenChallenge: ppp(31, 'H', codec.nonEmptyOctets, '4.4.5'),
  proxyAuthenId: ppp(32, 'H', codec.paddedU8, '4.4.5'),
  proxyAuthenResponse: ppp(33, 'H', codec.secret, '4.4.5'),

  callErrors: both(34, ['MH', 'H'], values.callErrors, '4.4.6'),
  accm: v2(35, 'MH', values.accm, '4.4.6'),

  rxMinimumBps: ppp(40, 'H', codec.u32, 'RFC 3301 5.2'),
  rxMaximumBps: ppp(41, 'H', codec.u32, 'RFC 3301 5.2'),
  serviceCategory: ppp(42, 'H', values.serviceCategory, 'RFC 3301 5.2'),
  serviceName: ppp(43, 'H', codec.nonEmptyText, 'RFC 3301 5.2'),
  callingSubAddress: ppp(44, 'H', values.callNumber, 'RFC 3301 5.2'),
  virtualChannel: ppp(45, 'H', values.virtualChannel, 'RFC 3301 5.2'),

  /** One for each protocol that failed. */
  pppDisconnectCauses: repeated(both(46, ['H', 'H'], values.pppDisconnectCause, 'RFC 3145 2')),

  controlConnectionDs: ppp(47, 'H', values.phbCode, 'RFC 3308 3.1'),
  sessionDs: ppp(48, 'H', values.phbCode, 'RFC 3308 4.1'),

  /** LCP options, without the LCP header. */
  lcpWantOptions: ppp(49, 'H', codec.octets, 'RFC 3437 2.1'),
  lcpAllowOptions: ppp(50, 'H', codec.octets, 'RFC 3437 2.2'),
  lnsLastSentLcpConfReq: ppp(51, 'H', codec.octets, 'RFC 3437 2.3'),
  lnsLastReceivedLcpConfReq: ppp(52, 'H', codec.octets, 'RFC 3437 2.3'),

  /** 2 or 4. */
  frameRelayHeaderOctets: v3(85, 'H', codec.u16, 'RFC 4591 3.5'),
  atmMaxConcatenatedCells: v3(86, 'H', codec.u16, 'RFC 4454 6'),
  oamEmulationRequired: v3(87, 'H', codec.presence, 'RFC 4454 7'),
  atmAlarmStatus: v3(88, 'H', values.atmAlarmStatus, 'RFC 4454 8.1'),
  attachmentGroupId: v3(89, 'H', values.endId, 'RFC 4667 4.3'),
  localEndId: v3(90, 'H', values.endId, 'RFC 4667 4.3'),
  interfaceMtu: v3(91, 'H', codec.u16, 'RFC 4667 4.3', 14),

  connectSpeedUpdates: repeated(
    differing(
      row(97, 'H', values.connectSpeedUpdate32, 'RFC 5515 6.1'),
      row(97, 'H', values.connectSpeedUpdate64, 'RFC 5515 6.1'),
    ),
  ),
  connectSpeedUpdateEnable: ppp(98, 'H', codec.presence, 'RFC 5515 6.2'),

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

export type AvpName = keyof typeof avpTable;

export type AvpValue<Name extends AvpName> =
  (typeof avpTable)[Name] extends RepeatedAvp<infer T>
    ? readonly T[]
    : (typeof avpTable)[Name] extends Avp<infer T>
      ? T
      : never;

/** The content of a message, decoded. */
export type AvpValues = { [Name in AvpName]?: AvpValue<Name> };

export const avpNames = Object.keys(avpTable) as AvpName[];

/** An AVP as one version has it. */
export interface KnownAvp extends AvpRow<unknown> {
  readonly repeats: boolean;
  readonly draftType?: number;
}

/** An AVP of the table as a version has it; undefined where it does not know it. */
export function avpIn(version: 2 | 3, name: AvpName): KnownAvp | undefined {
  const { repeats, draftType, [version]: row }: Avp<unknown> = avpTable[name];
  return row && { ...row, repeats, draftType };
}

/** One number for vendor and type. A vendor's own type never means the IETF's. */
export function avpNumber(vendor: number, type: number): number {
  return vendor * 0x1_0000 + type;
}
