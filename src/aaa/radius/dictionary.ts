/** Every attribute that we know, in one table: it gives the types, the encoder and the decoder. */
import * as values from './values.ts';

/** How a value stands in a packet. */
type Form =
  /** Of several the first one counts. */
  | 'one'
  /** Several: the value is the list of them. */
  | 'many'
  /** Several, each with a tag (RFC 2868 3.1). */
  | 'tagged'
  /** Cut in pieces, each in an attribute, one behind the other (RFC 3579 3.1). */
  | 'joined'
  /** Cut in pieces that are numbered (RFC 2548 2.1.8, 2.2). */
  | 'numbered';

/** What says which tunnel an attribute belongs to: 1 to 31, or 0 for none. */
export interface Tagged<T> {
  readonly tag: number;
  readonly value: T;
}

/** A value in pieces that name the request to the peer that it belongs to. */
export interface Numbered {
  readonly identifier: number;
  readonly octets: Uint8Array;
}

export interface AttributeRow<T, F extends Form> {
  /** The SMI enterprise number of who defined it; 0 is the IETF. */
  readonly vendor: number;
  readonly type: number;
  readonly kind: values.Kind<T>;
  readonly form: F;
  /** How it is hidden: as User-Password is, or with a salt. */
  readonly hidden?: 'password' | 'salted';
  /** Where it is defined. */
  readonly section: string;
}

function ietf<T>(type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'one'> {
  return { vendor: 0, type, kind, form: 'one', section };
}

function many<T>(type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'many'> {
  return { vendor: 0, type, kind, form: 'many', section };
}

function tagged<T>(type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'tagged'> {
  return { vendor: 0, type, kind, form: 'tagged', section: `RFC 2868 ${section}` };
}

function vendors<T>(vendor: number, type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'one'> {
  return { vendor, type, kind, form: 'one', section };
}

const microsoft = 311;
/** The ADSL Forum, now Broadband Forum. */
const broadbandForum = 3561;
const wispr = 14122;
const mikrotik = 14988;
const ascend = 529;
const cisco = 9;

function ofMicrosoft<T>(type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'one'> {
  return vendors(microsoft, type, kind, `RFC 2548 ${section}`);
}

function accessLine<T>(type: number, kind: values.Kind<T>, section: string): AttributeRow<T, 'one'> {
  return vendors(broadbandForum, type, kind, `RFC 4679 ${section}`);
}

export const dictionary = {
  userName: ietf(1, values.text, 'RFC 2865 5.1'),
  userPassword: { ...ietf(2, values.secret, 'RFC 2865 5.2'), hidden: 'password' },
  /** CHAP's identifier, then its response. */
  chapPassword: ietf(3, values.octets, 'RFC 2865 5.3'),
  nasIpAddress: ietf(4, values.ipv4, 'RFC 2865 5.4'),
  nasPort: ietf(5, values.u32, 'RFC 2865 5.5'),
  serviceType: ietf(6, values.u32, 'RFC 2865 5.6'),
  framedProtocol: ietf(7, values.u32, 'RFC 2865 5.7'),
  framedIpAddress: ietf(8, values.ipv4, 'RFC 2865 5.8'),
  framedIpNetmask: ietf(9, values.ipv4, 'RFC 2865 5.9'),
  filterId: many(11, values.text, 'RFC 2865 5.11'),
  framedMtu: ietf(12, values.u32, 'RFC 2865 5.12'),
  replyMessage: many(18, values.text, 'RFC 2865 5.18'),
  framedRoute: many(22, values.text, 'RFC 2865 5.22'),
  state: ietf(24, values.octets, 'RFC 2865 5.24'),
  class: many(25, values.octets, 'RFC 2865 5.25'),
  sessionTimeout: ietf(27, values.u32, 'RFC 2865 5.27'),
  idleTimeout: ietf(28, values.u32, 'RFC 2865 5.28'),
  terminationAction: ietf(29, values.u32, 'RFC 2865 5.29'),
  calledStationId: ietf(30, values.text, 'RFC 2865 5.30'),
  callingStationId: ietf(31, values.text, 'RFC 2865 5.31'),
  nasIdentifier: ietf(32, values.text, 'RFC 2865 5.32'),
  proxyState: many(33, values.octets, 'RFC 2865 5.33'),
  chapChallenge: ietf(60, values.octets, 'RFC 2865 5.40'),
  nasPortType: ietf(61, values.u32, 'RFC 2865 5.41'),

  acctStatusType: ietf(40, values.u32, 'RFC 2866 5.1'),
  /** Seconds, as are all times but Event-Timestamp. */
  acctDelayTime: ietf(41, values.u32, 'RFC 2866 5.2'),
  acctInputOctets: ietf(42, values.u32, 'RFC 2866 5.3'),
  acctOutputOctets: ietf(43, values.u32, 'RFC 2866 5.4'),
  acctSessionId: ietf(44, values.text, 'RFC 2866 5.5'),
  acctAuthentic: ietf(45, values.u32, 'RFC 2866 5.6'),
  acctSessionTime: ietf(46, values.u32, 'RFC 2866 5.7'),
  acctInputPackets: ietf(47, values.u32, 'RFC 2866 5.8'),
  acctOutputPackets: ietf(48, values.u32, 'RFC 2866 5.9'),
  acctTerminateCause: ietf(49, values.u32, 'RFC 2866 5.10'),
  acctMultiSessionId: ietf(50, values.text, 'RFC 2866 5.11'),

  acctInputGigawords: ietf(52, values.u32, 'RFC 2869 5.1'),
  acctOutputGigawords: ietf(53, values.u32, 'RFC 2869 5.2'),
  /** Seconds since the beginning of 1970. */
  eventTimestamp: ietf(55, values.u32, 'RFC 2869 5.3'),
  connectInfo: ietf(77, values.text, 'RFC 2869 5.11'),
  eapMessage: { ...ietf(79, values.octets, 'RFC 3579 3.1'), form: 'joined' },
  acctInterimInterval: ietf(85, values.u32, 'RFC 2869 5.16'),
  nasPortId: ietf(87, values.text, 'RFC 2869 5.17'),
  framedPool: ietf(88, values.text, 'RFC 2869 5.18'),

  tunnelType: tagged(64, values.u24, '3.1'),
  tunnelMediumType: tagged(65, values.u24, '3.2'),
  tunnelClientEndpoint: tagged(66, values.text, '3.3'),
  tunnelServerEndpoint: tagged(67, values.text, '3.4'),
  acctTunnelConnection: ietf(68, values.text, 'RFC 2867 4.1'),
  tunnelPassword: { ...tagged(69, values.secret, '3.5'), hidden: 'salted' },
  tunnelPrivateGroupId: tagged(81, values.text, '3.6'),
  tunnelAssignmentId: tagged(82, values.text, '3.7'),
  tunnelPreference: tagged(83, values.u24, '3.8'),
  acctTunnelPacketsLost: ietf(86, values.u32, 'RFC 2867 4.2'),
  tunnelClientAuthId: tagged(90, values.text, '3.9'),
  tunnelServerAuthId: tagged(91, values.text, '3.10'),

  nasIpv6Address: ietf(95, values.ipv6, 'RFC 3162 2.1'),
  framedInterfaceId: ietf(96, values.u64, 'RFC 3162 2.2'),
  framedIpv6Prefix: many(97, values.ipv6Prefix, 'RFC 3162 2.3'),
  framedIpv6Route: many(99, values.text, 'RFC 3162 2.5'),
  framedIpv6Pool: ietf(100, values.text, 'RFC 3162 2.6'),
  errorCause: ietf(101, values.u32, 'RFC 5176 3.5'),
  delegatedIpv6Prefix: many(123, values.ipv6Prefix, 'RFC 4818 3'),
  dnsServerIpv6Address: many(169, values.ipv6, 'RFC 6911 3.2'),
  delegatedIpv6PrefixPool: ietf(171, values.text, 'RFC 6911 3.4'),

  msChapResponse: ofMicrosoft(1, values.octets, '2.1.3'),
  /** An octet that is CHAP's identifier, then text. */
  msChapError: ofMicrosoft(2, values.octets, '2.1.5'),
  msChapCpw2: ofMicrosoft(4, values.octets, '2.1.7'),
  msChapLmEncPw: { ...ofMicrosoft(5, values.octets, '2.1.8'), form: 'numbered' },
  msChapNtEncPw: { ...ofMicrosoft(6, values.octets, '2.2'), form: 'numbered' },
  msChapChallenge: ofMicrosoft(11, values.octets, '2.1.2'),
  /** The keys of MS-CHAPv1: the LAN Manager's, then the NT's, 8 and 16 octets. */
  msChapMppeKeys: { ...ofMicrosoft(12, values.secret, '2.4.1'), hidden: 'password' },
  msMppeSendKey: { ...ofMicrosoft(16, values.secret, '2.4.2'), hidden: 'salted' },
  msMppeRecvKey: { ...ofMicrosoft(17, values.secret, '2.4.3'), hidden: 'salted' },
  msChap2Response: ofMicrosoft(25, values.octets, '2.3.2'),
  /** An octet that is CHAP's identifier, then `S=...`. */
  msChap2Success: ofMicrosoft(26, values.octets, '2.3.3'),
  msChap2Cpw: ofMicrosoft(27, values.octets, '2.3.4'),
  msPrimaryDnsServer: ofMicrosoft(28, values.ipv4, '2.7.1'),
  msSecondaryDnsServer: ofMicrosoft(29, values.ipv4, '2.7.2'),

  agentCircuitId: accessLine(1, values.text, '3.3.1'),
  agentRemoteId: accessLine(2, values.text, '3.3.2'),
  actualDataRateUpstreamBps: accessLine(129, values.u32, '3.3.3'),
  actualDataRateDownstreamBps: accessLine(130, values.u32, '3.3.4'),

  /** Bits a second. Up: from the subscriber. */
  wisprBandwidthMaxUp: vendors(wispr, 7, values.u32, 'WISPr 1.0'),
  wisprBandwidthMaxDown: vendors(wispr, 8, values.u32, 'WISPr 1.0'),
  /** `rx/tx`, as the NAS sees it: `512k/2M`; what stands behind a space are bursts and priorities. */
  mikrotikRateLimit: vendors(mikrotik, 8, values.text, 'RouterOS'),
  /** Bits a second: data rate from the subscriber, transmit rate towards it. */
  ascendDataRate: vendors(ascend, 197, values.u32, 'Ascend'),
  ascendXmitRate: vendors(ascend, 255, values.u32, 'Ascend'),
  ciscoAvPair: { ...vendors(cisco, 1, values.text, 'Cisco'), form: 'many' },
} as const;

type Table = typeof dictionary;
export type AttributeName = keyof Table;

type ValueIn<T, F extends Form> = {
  one: T;
  many: readonly T[];
  tagged: readonly Tagged<T>[];
  joined: T;
  numbered: Numbered;
}[F];

export type AttributeValue<Name extends AttributeName> =
  Table[Name] extends AttributeRow<infer T, infer F> ? ValueIn<T, F> : never;

/** The content of a packet. */
export type Attributes = { [Name in AttributeName]?: AttributeValue<Name> };

/** The table for code that treats all attributes alike. */
export const attributeRows: Readonly<Record<AttributeName, AttributeRow<unknown, Form>>> = dictionary;

export const attributeNames = Object.keys(dictionary) as AttributeName[];

const namesByNumber = new Map(
  attributeNames.map((name) => [attributeNumber(attributeRows[name].vendor, attributeRows[name].type), name]),
);

function attributeNumber(vendor: number, type: number): number {
  return vendor * 0x100 + type;
}

/** The attribute with this vendor and type, if we know it. */
export function attributeNameOf(vendor: number, type: number): AttributeName | undefined {
  return namesByNumber.get(attributeNumber(vendor, type));
}

// ---------------------------------------------------------------- values with names

export const serviceTypes = { framed: 2, outbound: 5, callCheck: 10, authorizeOnly: 17 } as const;
export const framedProtocols = { ppp: 1 } as const;
export const nasPortTypes = { virtual: 5, pppoe: 32 } as const;
export const tunnelTypes = { l2tp: 3 } as const;
export const tunnelMediumTypes = { ipv4: 1, ipv6: 2 } as const;
/** RFC 2865 5.8: the user chooses, and the NAS does. */
export const framedIpAddressOf = { user: 0xffffffff, nas: 0xfffffffe } as const;
