/**
 * Every control message, as each version of L2TP has it, in one table: it gives the types and the decoder's checks
 * (RFC 2661 3.2 and 6, with what RFC 3145, 3301, 3308, 3437 and 5515 add; RFC 3931 6, with RFC 4454, 4591 and 4667).
 */
import type { AvpName, AvpValues } from './avp.ts';
import {
  circuitAvps,
  connectionAvps,
  incomingCallAvps,
  incomingConnectedAvps,
  lcpOptionAvps,
  offerAvps,
  outgoingCallAvps,
  requestAvps,
  sessionAvps,
} from './message-groups.ts';

/** A message in one version. */
interface Content {
  /** A message without one of these is refused. */
  readonly required: readonly AvpName[];
  /** The RFC requires these too and we always send them, but a call works without: known peers leave some out. */
  readonly expected: readonly AvpName[];
  readonly optional: readonly AvpName[];
  /** Where it is defined: a section of RFC 2661 or of RFC 3931, by the version, or `RFC section`. */
  readonly section: string;
}

interface MessageRow {
  /** The value of the Message Type AVP. */
  readonly code: number;
  /** What a defect in the message ends. */
  readonly scope: 'tunnel' | 'session';
  /** Whether AVPs may be hidden. Some peers cannot take hidden ones before they know who sends. */
  readonly hideable: boolean;
  /** Sent without the M bit, so that who does not know the message ignores it. */
  readonly ignorable?: true;
  /** Absent: the version does not have the message. */
  readonly 2?: Content;
  readonly 3?: Content;
}

const messageTable = {
  SCCRQ: {
    code: 1,
    scope: 'tunnel',
    hideable: false,
    2: {
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
        ...offerAvps,
      ],
      section: '6.1',
    },
    3: {
      required: ['hostName', 'assignedTunnelId'],
      expected: ['routerId', 'pseudowireCapabilities'],
      optional: ['tieBreaker', ...connectionAvps],
      section: '6.1',
    },
  },
  SCCRP: {
    code: 2,
    scope: 'tunnel',
    hideable: true,
    2: {
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
    3: {
      required: ['hostName', 'assignedTunnelId'],
      expected: ['routerId', 'pseudowireCapabilities'],
      optional: connectionAvps,
      section: '6.2',
    },
  },
  SCCCN: {
    code: 3,
    scope: 'tunnel',
    hideable: true,
    2: { required: [], expected: [], optional: ['challengeResponse'], section: '6.3' },
    3: { required: [], expected: [], optional: [], section: '6.3' },
  },
  StopCCN: {
    code: 4,
    scope: 'tunnel',
    hideable: true,
    2: { required: ['resultCode'], expected: ['assignedTunnelId'], optional: [], section: '6.4' },
    3: { required: ['resultCode'], expected: ['assignedTunnelId'], optional: [], section: '6.4' },
  },
  HELLO: {
    code: 6,
    scope: 'tunnel',
    hideable: true,
    2: { required: [], expected: [], optional: [], section: '6.5' },
    3: { required: [], expected: [], optional: [], section: '6.5' },
  },
  OCRQ: {
    code: 7,
    scope: 'session',
    hideable: true,
    2: {
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
      optional: outgoingCallAvps,
      section: '6.9',
    },
    3: {
      required: ['assignedSessionId', 'callSerialNumber', 'pseudowireType'],
      expected: ['remoteEndId', 'circuitStatus'],
      optional: [
        ...sessionAvps,
        ...requestAvps,
        ...circuitAvps,
        'minimumBps',
        'maximumBps',
        'bearerType',
        'framingType',
        'calledNumber',
        ...outgoingCallAvps,
      ],
      section: '6.9',
    },
  },
  OCRP: {
    code: 8,
    scope: 'session',
    hideable: true,
    2: {
      required: ['assignedSessionId'],
      expected: [],
      optional: ['physicalChannelId', 'virtualChannel', 'sessionDs'],
      section: '6.10',
    },
    3: {
      required: ['assignedSessionId'],
      expected: ['circuitStatus'],
      optional: [...sessionAvps, 'assignedCookie', ...circuitAvps, 'physicalChannelId', 'virtualChannel', 'sessionDs'],
      section: '6.10',
    },
  },
  OCCN: {
    code: 9,
    scope: 'session',
    hideable: true,
    2: {
      required: [],
      expected: ['txConnectSpeedBps', 'framingType'],
      optional: ['rxConnectSpeedBps', 'sequencingRequired', ...lcpOptionAvps],
      section: '6.11',
    },
    3: {
      required: [],
      expected: ['assignedSessionId'],
      optional: [...sessionAvps, 'circuitStatus', 'framingType', ...lcpOptionAvps],
      section: '6.11',
    },
  },
  ICRQ: {
    code: 10,
    scope: 'session',
    hideable: true,
    2: {
      required: ['assignedSessionId', 'callSerialNumber'],
      expected: [],
      optional: incomingCallAvps,
      section: '6.6',
    },
    3: {
      required: ['assignedSessionId', 'callSerialNumber', 'pseudowireType'],
      expected: ['remoteEndId', 'circuitStatus'],
      optional: [...sessionAvps, ...requestAvps, ...circuitAvps, ...incomingCallAvps],
      section: '6.6',
    },
  },
  ICRP: {
    code: 11,
    scope: 'session',
    hideable: true,
    2: { required: ['assignedSessionId'], expected: [], optional: ['sessionDs'], section: '6.7' },
    3: {
      required: ['assignedSessionId'],
      expected: ['circuitStatus'],
      optional: [...sessionAvps, 'assignedCookie', ...circuitAvps, 'physicalChannelId', 'sessionDs'],
      section: '6.7',
    },
  },
  ICCN: {
    code: 12,
    scope: 'session',
    hideable: true,
    2: {
      required: [],
      expected: ['txConnectSpeedBps', 'framingType'],
      optional: ['rxConnectSpeedBps', 'sequencingRequired', ...incomingConnectedAvps],
      section: '6.8',
    },
    3: {
      required: [],
      expected: ['assignedSessionId'],
      optional: [...sessionAvps, 'circuitStatus', 'framingType', ...incomingConnectedAvps],
      section: '6.8',
    },
  },
  CDN: {
    code: 14,
    scope: 'session',
    hideable: true,
    2: {
      required: ['resultCode'],
      expected: ['assignedSessionId'],
      optional: ['q931Cause', 'pppDisconnectCauses'],
      section: '6.12',
    },
    3: {
      required: ['resultCode'],
      expected: ['assignedSessionId'],
      optional: ['remoteSessionId', 'q931Cause', 'pppDisconnectCauses'],
      section: '6.12',
    },
  },
  WEN: {
    code: 15,
    scope: 'session',
    hideable: true,
    2: { required: [], expected: ['callErrors'], optional: [], section: '6.13' },
    3: { required: [], expected: ['assignedSessionId', 'callErrors'], optional: ['remoteSessionId'], section: '6.13' },
  },
  SLI: {
    code: 16,
    scope: 'session',
    hideable: true,
    2: {
      required: [],
      expected: ['accm'],
      optional: ['lnsLastSentLcpConfReq', 'lnsLastReceivedLcpConfReq'],
      section: '6.14',
    },
    3: {
      required: [],
      expected: ['assignedSessionId'],
      // RFC 4454 6, 7 and 8.1.
      optional: [
        'remoteSessionId',
        'circuitStatus',
        'atmMaxConcatenatedCells',
        'oamEmulationRequired',
        'atmAlarmStatus',
        'lnsLastSentLcpConfReq',
        'lnsLastReceivedLcpConfReq',
      ],
      section: '6.14',
    },
  },
  /** Only acknowledges, and takes no sequence number. */
  ACK: {
    code: 20,
    scope: 'tunnel',
    hideable: false,
    3: { required: [], expected: [], optional: [], section: '6.15' },
  },
  /** The LAC tells new speeds; one message may be about many sessions. */
  CSUN: {
    code: 28,
    scope: 'session',
    hideable: true,
    ignorable: true,
    2: { required: ['connectSpeedUpdates'], expected: [], optional: [], section: 'RFC 5515 4.1' },
    3: { required: ['connectSpeedUpdates'], expected: [], optional: [], section: 'RFC 5515 4.1' },
  },
  /** The LNS asks for the speeds. */
  CSURQ: {
    code: 29,
    scope: 'session',
    hideable: true,
    ignorable: true,
    2: { required: ['connectSpeedUpdates'], expected: [], optional: [], section: 'RFC 5515 4.2' },
    3: { required: ['connectSpeedUpdates'], expected: [], optional: [], section: 'RFC 5515 4.2' },
  },
} as const satisfies Record<string, MessageRow>;

export type MessageType = keyof typeof messageTable;

/** The table for code that treats all messages alike. */
export const messageRows: Readonly<Record<MessageType, MessageRow>> = messageTable;

export const messageTypes = Object.keys(messageTable) as MessageType[];

/** The messages that a version has. */
export function messageTypesOf(version: 2 | 3): MessageType[] {
  return messageTypes.filter((type) => messageRows[type][version] !== undefined);
}

export function messageScope(type: MessageType): 'tunnel' | 'session' {
  return messageTable[type].scope;
}

function namesIn(content: Content | undefined): readonly AvpName[] {
  return content ? [...content.required, ...content.expected, ...content.optional] : [];
}

function neededIn(content: Content | undefined): readonly AvpName[] {
  return content ? [...content.required, ...content.expected] : [];
}

/** What a message may hold in any version; those in `needed` are always given when it is sent. */
export interface MessageAvps {
  readonly needed: ReadonlySet<AvpName>;
  readonly all: ReadonlySet<AvpName>;
}

const avpsByType = new Map<MessageType, MessageAvps>(
  messageTypes.map((type) => {
    const { 2: inV2, 3: inV3 } = messageRows[type];
    const needed = new Set([...neededIn(inV2), ...neededIn(inV3)]);
    return [type, { needed, all: new Set([...namesIn(inV2), ...namesIn(inV3)]) }];
  }),
);

const noAvps: MessageAvps = { needed: new Set(), all: new Set() };

export function avpsIn(type: MessageType): MessageAvps {
  return avpsByType.get(type) ?? noAvps;
}

/** A message of one version, for its encoder and decoder. */
export interface MessageForm {
  readonly type: MessageType;
  readonly code: number;
  readonly hideable: boolean;
  readonly ignorable: boolean;
  readonly required: readonly AvpName[];
  readonly allowed: ReadonlySet<AvpName>;
}

/** All messages of one version. */
export function messageForms(version: 2 | 3): MessageForm[] {
  return messageTypesOf(version).map((type) => {
    const { code, hideable, ignorable = false, [version]: content } = messageRows[type];
    return { type, code, hideable, ignorable, required: content?.required ?? [], allowed: new Set(namesIn(content)) };
  });
}

type Row<Type extends MessageType> = (typeof messageTable)[Type];
type Part = 'required' | 'expected' | 'optional';

/** The names of one part of a message in one version; nothing where the version does not have it. */
type Names<Type extends MessageType, Version extends 2 | 3, In extends Part> =
  Row<Type> extends Readonly<Record<Version, Readonly<Record<In, readonly (infer Name extends AvpName)[]>>>>
    ? Name
    : never;

/** In any version. */
type Named<Type extends MessageType, In extends Part> = Names<Type, 2, In> | Names<Type, 3, In>;

/** Required in every version that has the message. */
type Sure<Type extends MessageType> =
  Row<Type> extends Readonly<Record<2 | 3, Content>>
    ? Names<Type, 2, 'required'> & Names<Type, 3, 'required'>
    : Named<Type, 'required'>;

type Needed<Type extends MessageType> = Named<Type, 'required'> | Named<Type, 'expected'>;

/** What a received message of this type surely holds, and what it may hold. */
export type ReceivedAvps<Type extends MessageType> = AvpValues & Required<Pick<AvpValues, Sure<Type>>>;

/**
 * What must be given of a message of this type to send it, whatever the version, and what may be. The peer's session id
 * is none of it: `encodeMessage` writes it.
 */
export type SentAvps<Type extends MessageType> = Required<Pick<AvpValues, Needed<Type>>> &
  Pick<AvpValues, Exclude<Named<Type, 'optional'>, 'remoteSessionId'>>;
