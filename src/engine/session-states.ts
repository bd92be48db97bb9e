/**
 * The states of the four calls and what each input does in them (RFC 2661 7.4 and 7.5). Wait-tunnel does not exist:
 * a call is opened in an established tunnel only.
 */
import type { SessionType } from './spec.ts';
import type { MessageType } from './wire/message.ts';

/** `waitAnswer` is RFC 2661's wait-cs-answer: a LAC places an outgoing call. */
export type SessionState = 'idle' | 'waitReply' | 'waitAnswer' | 'waitConnect' | 'established' | 'closed';
export type SessionMessageType = Exclude<MessageType, 'SCCRQ' | 'SCCRP' | 'SCCCN' | 'StopCCN' | 'HELLO' | 'ACK'>;
/** `carrier`: the line of an outgoing call has answered. `openStatic`: no control message is about the session. */
export type SessionInput = 'open' | 'openStatic' | 'close' | 'carrier' | SessionMessageType;
/** What a transition does; `discard` keeps the state, and so does each step that finds the message unacceptable. */
export type SessionStep =
  | 'request'
  | 'establish'
  | 'answer'
  | 'connect'
  | 'proceed'
  | 'connected'
  | 'ended'
  | 'hangUp'
  | 'refuse'
  | 'inform'
  | 'discard';
export type SessionTable = Record<SessionState, Record<SessionInput, SessionStep>>;

const nothing = {
  open: 'discard',
  openStatic: 'discard',
  close: 'discard',
  carrier: 'discard',
  ICRQ: 'discard',
  ICRP: 'discard',
  ICCN: 'discard',
  OCRQ: 'discard',
  OCRP: 'discard',
  OCCN: 'discard',
  CDN: 'discard',
  WEN: 'discard',
  SLI: 'discard',
  CSUN: 'discard',
  CSURQ: 'discard',
} as const satisfies Record<SessionInput, SessionStep>;

/** A call in progress: a message of call set-up is out of place, and ends it; the others only tell something. */
const inProgress = {
  ...nothing,
  close: 'hangUp',
  ICRQ: 'refuse',
  ICRP: 'refuse',
  ICCN: 'refuse',
  OCRQ: 'refuse',
  OCRP: 'refuse',
  OCCN: 'refuse',
  CDN: 'ended',
  WEN: 'inform',
  SLI: 'inform',
  CSUN: 'inform',
  CSURQ: 'inform',
} as const satisfies Record<SessionInput, SessionStep>;

const unused = { waitReply: nothing, waitAnswer: nothing, waitConnect: nothing, closed: nothing } as const;

/** RFC 2661 7.4.1. */
const lacIncomingTable = {
  ...unused,
  idle: { ...nothing, open: 'request' },
  waitReply: { ...inProgress, ICRP: 'connect', ICCN: 'ended' },
  established: inProgress,
} as const satisfies SessionTable;

/** RFC 2661 7.4.2. */
const lnsIncomingTable = {
  ...unused,
  idle: { ...nothing, ICRQ: 'answer', ICRP: 'refuse' },
  waitConnect: { ...inProgress, ICCN: 'connected' },
  established: inProgress,
} as const satisfies SessionTable;

/** RFC 2661 7.5.1. */
const lacOutgoingTable = {
  ...unused,
  idle: { ...nothing, OCRQ: 'answer' },
  waitAnswer: { ...inProgress, carrier: 'connect' },
  established: inProgress,
} as const satisfies SessionTable;

/** RFC 2661 7.5.2. */
const lnsOutgoingTable = {
  ...unused,
  idle: { ...nothing, open: 'request' },
  waitReply: { ...inProgress, OCRP: 'proceed' },
  waitConnect: { ...inProgress, OCCN: 'connected' },
  established: inProgress,
} as const satisfies SessionTable;

/** RFC 3931 4.5: both ends were told all, and it stands as long as its tunnel. */
const staticTable = {
  ...unused,
  idle: { ...nothing, openStatic: 'establish' },
  established: { ...nothing, close: 'hangUp' },
} as const satisfies SessionTable;

export const sessionTables: Readonly<Record<SessionType | 'static', SessionTable>> = {
  static: staticTable,
  lacIncoming: lacIncomingTable,
  lnsIncoming: lnsIncomingTable,
  lacOutgoing: lacOutgoingTable,
  lnsOutgoing: lnsOutgoingTable,
};

export function isSessionMessage(type: MessageType): type is SessionMessageType {
  return Object.hasOwn(nothing, type);
}
