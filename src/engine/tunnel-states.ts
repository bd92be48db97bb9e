/**
 * The states of a control connection and what each input does in them (RFC 2661 7.2.1).
 */
import type { TunnelView } from './spec.ts';
import type { MessageType } from './wire/message.ts';

/** `closing`: we have sent StopCCN; `closed`: the peer has. Both linger until no retransmission can come any more. */
export type TunnelState = TunnelView['state'];
export type TunnelMessageType = 'SCCRQ' | 'SCCRP' | 'SCCCN' | 'StopCCN' | 'HELLO';
/** `openStatic`, `closeStatic`: of a tunnel without a control connection. */
export type TunnelInput = 'open' | 'close' | 'openStatic' | 'closeStatic' | TunnelMessageType | 'call';
export type TunnelStep =
  | 'request'
  | 'establish'
  | 'abandon'
  | 'answer'
  | 'confirm'
  | 'confirmed'
  | 'stopped'
  | 'stop'
  | 'learnId'
  | 'misplaced'
  | 'toSession'
  | 'discard';

const over = {
  open: 'discard',
  close: 'discard',
  openStatic: 'discard',
  closeStatic: 'discard',
  SCCRQ: 'discard',
  SCCRP: 'discard',
  SCCCN: 'discard',
  StopCCN: 'discard',
  HELLO: 'discard',
  call: 'discard',
} as const satisfies Record<TunnelInput, TunnelStep>;

/** RFC 2661 7.2.1. A message out of place ends the control connection; an SCCRQ reaches a tunnel only when it is new. */
export const tunnelTable = {
  idle: { ...over, open: 'request', openStatic: 'establish', SCCRQ: 'answer', SCCRP: 'misplaced', StopCCN: 'stopped' },
  waitReply: {
    ...over,
    close: 'stop',
    SCCRQ: 'misplaced',
    SCCRP: 'confirm',
    SCCCN: 'misplaced',
    StopCCN: 'stopped',
    call: 'misplaced',
  },
  waitConnect: {
    ...over,
    close: 'stop',
    SCCRQ: 'misplaced',
    SCCRP: 'misplaced',
    SCCCN: 'confirmed',
    StopCCN: 'stopped',
    call: 'misplaced',
  },
  established: {
    ...over,
    close: 'stop',
    closeStatic: 'abandon',
    SCCRQ: 'misplaced',
    SCCRP: 'misplaced',
    SCCCN: 'misplaced',
    StopCCN: 'stopped',
    call: 'toSession',
  },
  closing: { ...over, SCCRP: 'learnId', StopCCN: 'stopped' },
  closed: over,
} as const satisfies Record<TunnelState, Record<TunnelInput, TunnelStep>>;

export function isTunnelMessage(type: MessageType): type is TunnelMessageType {
  return Object.hasOwn(over, type);
}
