/**
 * The states of an incoming call and what each input does in them, as LAC and as LNS (RFC 2661 7.4).
 */
import type { MessageType } from './wire/message.ts';

export type SessionState = 'idle' | 'waitReply' | 'waitConnect' | 'established' | 'closed';
export type SessionMessageType = Exclude<MessageType, 'SCCRQ' | 'SCCRP' | 'SCCCN' | 'StopCCN' | 'HELLO'>;
export type SessionInput = 'open' | 'close' | SessionMessageType;
/** What a transition does; `discard` keeps the state, and so does each step that finds the message unacceptable. */
export type SessionStep = 'request' | 'answer' | 'connect' | 'connected' | 'ended' | 'hangUp' | 'refuse' | 'discard';
export type SessionTable = Record<SessionState, Record<SessionInput, SessionStep>>;

const nothing = {
  open: 'discard',
  close: 'discard',
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

/** A call in progress: a message of call set-up is out of place, and ends it; WEN and SLI are only informative. */
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
} as const satisfies Record<SessionInput, SessionStep>;

/** RFC 2661 7.4.1; wait-tunnel does not exist, since a call is opened in an established tunnel only. */
export const lacIncomingTable = {
  idle: { ...nothing, open: 'request' },
  waitReply: { ...inProgress, ICRP: 'connect', ICCN: 'ended' },
  waitConnect: nothing,
  established: inProgress,
  closed: nothing,
} as const satisfies SessionTable;

/** RFC 2661 7.4.2. */
export const lnsIncomingTable = {
  idle: { ...nothing, ICRQ: 'answer', ICRP: 'refuse' },
  waitReply: nothing,
  waitConnect: { ...inProgress, ICCN: 'connected' },
  established: inProgress,
  closed: nothing,
} as const satisfies SessionTable;

export function isSessionMessage(type: MessageType): type is SessionMessageType {
  return Object.hasOwn(nothing, type);
}
