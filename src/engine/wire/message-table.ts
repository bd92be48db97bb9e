/**
 * Every control message of L2TPv2, in one table: it gives the types and the decoder's checks (RFC 2661 3.2 and 6, with
 * what RFC 3145, 3301, 3308, 3437 and 5515 add).
 */
import type { AvpName, AvpValues } from './avp.ts';

interface MessageRow {
  /** The value of the Message Type AVP. */
  readonly code: number;
  /** What a defect in the message ends. */
  readonly scope: 'tunnel' | 'session';
  /** Whether AVPs may be hidden. Some peers cannot take hidden ones before they know who sends. */
  readonly hideable: boolean;
  /** A message without one of these is refused. */
  readonly required: readonly AvpName[];
  /** The RFC requires these too and we always send them, but a call works without: known peers leave some out. */
  readonly expected: readonly AvpName[];
  readonly optional: readonly AvpName[];
  /** Sent without the M bit, so that who does not know the message ignores it. */
  readonly ignorable?: true;
  /** Where it is defined: a section of RFC 2661, or `RFC section`. */
  readonly section: string;
}

const proxyAvps = [
  'initialReceivedLcpConfReq',
  'lastSentLcpConfReq',
  'lastReceivedLcpConfReq',
  'proxyAuthenType',
  'proxyAuthenName',
  'proxyAuthenChallenge',
  'proxyAuthenId',
  'proxyAuthenResponse',
] as const;

/** What is known of the line that a call comes from (RFC 5515 5). */
const accessLineAvps = [
  'agentCircuitId',
  'agentRemoteId',
  'actualDataRateUpstreamBps',
  'actualDataRateDownstreamBps',
  'minimumDataRateUpstreamBps',
  'minimumDataRateDownstreamBps',
  'attainableDataRateUpstreamBps',
  'attainableDataRateDownstreamBps',
  'maximumDataRateUpstreamBps',
  'maximumDataRateDownstreamBps',
  'minimumDataRateUpstreamLowPowerBps',
  'minimumDataRateDownstreamLowPowerBps',
  'maximumInterleavingDelayUpstreamMs',
  'actualInterleavingDelayUpstreamMs',
  'maximumInterleavingDelayDownstreamMs',
  'actualInterleavingDelayDownstreamMs',
  'accessLoopEncapsulation',
  'accessLineType',
  'iwfSession',
] as const;

/** How the LAC wants LCP to be negotiated (RFC 3437 2). */
const lcpOptionAvps = ['lcpWantOptions', 'lcpAllowOptions'] as const;

const messageTable = {
  SCCRQ: {
    code: 1,
    scope: 'tunnel',
    hideable: false,
    required: ['protocolVersion', 'hostName', 'framingCapabilities', 'assignedTunnelId'],
    expected: [],
    optional: [
      'bearerCapabilities',
      'receiveWindowSize',
      'challenge',
      'tieBreaker',
      'firmwareRevision',
      'vendorName',
      'controlConnectionDs',
    ],
    section: '6.1',
  },
  SCCRP: {
    code: 2,
    scope: 'tunnel',
    hideable: true,
    required: ['protocolVersion', 'framingCapabilities', 'hostName', 'assignedTunnelId'],
    expected: [],
    optional: [
      'bearerCapabilities',
      'firmwareRevision',
      'vendorName',
      'receiveWindowSize',
      'challenge',
      'challengeResponse',
      'controlConnectionDs',
    ],
    section: '6.2',
  },
  SCCCN: {
    code: 3,
    scope: 'tunnel',
    hideable: true,
    required: [],
    expected: [],
    optional: ['challengeResponse'],
    section: '6.3',
  },
  StopCCN: {
    code: 4,
    scope: 'tunnel',
    hideable: true,
    required: ['resultCode'],
    expected: ['assignedTunnelId'],
    optional: [],
    section: '6.4',
  },
  HELLO: { code: 6, scope: 'tunnel', hideable: true, required: [], expected: [], optional: [], section: '6.5' },
  OCRQ: {
    code: 7,
    scope: 'session',
    hideable: true,
    required: [
      'assignedSessionId',
      'callSerialNumber',
      'minimumBps',
      'maximumBps',
      'bearerType',
      'framingType',
      'calledNumber',
    ],
    expected: [],
    // RFC 3308 4 lets the name choose the DSCP.
    optional: [
      'subAddress',
      'rxMinimumBps',
      'rxMaximumBps',
      'serviceCategory',
      'serviceName',
      'sessionDs',
      'proxyAuthenName',
    ],
    section: '6.9',
  },
  OCRP: {
    code: 8,
    scope: 'session',
    hideable: true,
    required: ['assignedSessionId'],
    expected: [],
    optional: ['physicalChannelId', 'virtualChannel', 'sessionDs'],
    section: '6.10',
  },
  OCCN: {
    code: 9,
    scope: 'session',
    hideable: true,
    required: [],
    expected: ['txConnectSpeedBps', 'framingType'],
    optional: ['rxConnectSpeedBps', 'sequencingRequired', ...lcpOptionAvps],
    section: '6.11',
  },
  ICRQ: {
    code: 10,
    scope: 'session',
    hideable: true,
    required: ['assignedSessionId', 'callSerialNumber'],
    expected: [],
    optional: [
      'bearerType',
      'physicalChannelId',
      'callingNumber',
      'calledNumber',
      'subAddress',
      'serviceCategory',
      'serviceName',
      'callingSubAddress',
      'virtualChannel',
      'sessionDs',
      'proxyAuthenName',
      'connectSpeedUpdateEnable',
      ...accessLineAvps,
    ],
    section: '6.6',
  },
  ICRP: {
    code: 11,
    scope: 'session',
    hideable: true,
    required: ['assignedSessionId'],
    expected: [],
    optional: ['sessionDs'],
    section: '6.7',
  },
  ICCN: {
    code: 12,
    scope: 'session',
    hideable: true,
    required: [],
    expected: ['txConnectSpeedBps', 'framingType'],
    optional: [...proxyAvps, 'privateGroupId', 'rxConnectSpeedBps', 'sequencingRequired', ...lcpOptionAvps],
    section: '6.8',
  },
  CDN: {
    code: 14,
    scope: 'session',
    hideable: true,
    required: ['resultCode'],
    expected: ['assignedSessionId'],
    optional: ['q931Cause', 'pppDisconnectCauses'],
    section: '6.12',
  },
  WEN: {
    code: 15,
    scope: 'session',
    hideable: true,
    required: [],
    expected: ['callErrors'],
    optional: [],
    section: '6.13',
  },
  SLI: {
    code: 16,
    scope: 'session',
    hideable: true,
    required: [],
    expected: ['accm'],
    optional: ['lnsLastSentLcpConfReq', 'lnsLastReceivedLcpConfReq'],
    section: '6.14',
  },
  /** The LAC tells new speeds; one message may be about many sessions. */
  CSUN: {
    code: 28,
    scope: 'session',
    hideable: true,
    required: ['connectSpeedUpdates'],
    expected: [],
    optional: [],
    ignorable: true,
    section: 'RFC 5515 4.1',
  },
  /** The LNS asks for the speeds. */
  CSURQ: {
    code: 29,
    scope: 'session',
    hideable: true,
    required: ['connectSpeedUpdates'],
    expected: [],
    optional: [],
    ignorable: true,
    section: 'RFC 5515 4.2',
  },
} as const satisfies Record<string, MessageRow>;

export type MessageType = keyof typeof messageTable;

/** The table for code that treats all messages alike. */
export const messageRows: Readonly<Record<MessageType, MessageRow>> = messageTable;

export const messageTypes = Object.keys(messageTable) as MessageType[];

const typesByCode = new Map<number, MessageType>(messageTypes.map((type) => [messageTable[type].code, type]));

export function messageTypeOf(code: number): MessageType | undefined {
  return typesByCode.get(code);
}

const allowed = new Map<MessageType, ReadonlySet<AvpName>>(
  messageTypes.map((type) => {
    const { required, expected, optional } = messageRows[type];
    return [type, new Set([...required, ...expected, ...optional])];
  }),
);

/** Whether the message may hold the AVP. */
export function belongs(type: MessageType, name: AvpName): boolean {
  return allowed.get(type)?.has(name) ?? false;
}

export function messageScope(type: MessageType): 'tunnel' | 'session' {
  return messageTable[type].scope;
}

type Needed<Type extends MessageType> = (typeof messageTable)[Type]['required'][number];
type Expected<Type extends MessageType> = (typeof messageTable)[Type]['expected'][number];
type Optional<Type extends MessageType> = (typeof messageTable)[Type]['optional'][number];

/** What a received message of this type surely holds, and what it may hold. */
export type ReceivedAvps<Type extends MessageType> = AvpValues & Required<Pick<AvpValues, Needed<Type>>>;

/** What a message of this type must hold when we send it, and what it may hold. */
export type SentAvps<Type extends MessageType> = Required<Pick<AvpValues, Needed<Type> | Expected<Type>>> &
  Pick<AvpValues, Optional<Type>>;
