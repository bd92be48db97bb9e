/**
 * Everything in which the versions of L2TP differ on the wire. The engine speaks through one of these records and
 * asks nowhere else which version it is.
 */
import type { AvpValues, ProtocolVersion } from './avp.ts';
import { decodeHeader, encodeControl, type Header, patchNr, patchTunnelId } from './header.ts';
import {
  type DecodeOptions,
  decodeMessage,
  type EncodeOptions,
  encodeMessage,
  type Message,
  type MessageType,
  messageTypes,
  type OutgoingMessage,
} from './message.ts';

export interface Dialect {
  readonly version: 2;
  /** The content of our Protocol Version AVP. */
  readonly protocolVersion: ProtocolVersion;
  /** Tunnel and session ids are from 1 to this. */
  readonly maxId: number;
  /** The peer's window when it announces none. */
  readonly defaultReceiveWindow: number;
  /** The messages that exist. */
  readonly messages: readonly MessageType[];
  /** The id that a message's sender chose for the tunnel, and for the session. */
  assignedTunnelId(avps: AvpValues): number | undefined;
  assignedSessionId(avps: AvpValues): number | undefined;
  /** The key under which data for a session of ours arrives. */
  sessionKey(localTunnelId: number, localSessionId: number): number;

  /** @throws WireError of scope `ignore` */
  decodeHeader(bytes: Uint8Array, start: number, end: number, into: Header): void;
  /** Whether a control datagram only acknowledges, so that it takes no sequence number. */
  isAck(bytes: Uint8Array, header: Header): boolean;
  /** @throws WireError */
  decodeMessage(bytes: Uint8Array, start: number, end: number, options?: DecodeOptions): Message;

  /** @throws RangeError when a value is too long for an AVP */
  encodeMessage(message: OutgoingMessage, options?: EncodeOptions): Uint8Array;
  /** A whole datagram around an encoded message. Ids are the receiver's. */
  encodeControl(tunnelId: number, sessionId: number, ns: number, nr: number, body: Uint8Array): Uint8Array;
  /** A whole datagram that only acknowledges. `ns` is that of the next message to be sent. */
  encodeAck(tunnelId: number, ns: number, nr: number): Uint8Array;
  /** Brings Nr up to date in a datagram that is sent again. */
  patchNr(datagram: Uint8Array, nr: number): void;
  /** The same for the receiver's tunnel id, once it is known. */
  patchTunnelId(datagram: Uint8Array, tunnelId: number): void;
}

const nothing = new Uint8Array(0);

/** RFC 2661. */
export const dialectV2: Dialect = {
  version: 2,
  protocolVersion: { version: 1, revision: 0 },
  maxId: 0xffff,
  defaultReceiveWindow: 4,
  messages: messageTypes,
  assignedTunnelId: (avps) => avps.assignedTunnelId,
  assignedSessionId: (avps) => avps.assignedSessionId,
  sessionKey: (localTunnelId, localSessionId) => (localTunnelId << 16) | localSessionId,
  decodeHeader,
  isAck: (_bytes, header) => header.payloadStart === header.payloadEnd,
  decodeMessage,
  encodeMessage,
  encodeControl,
  encodeAck: (tunnelId, ns, nr) => encodeControl(tunnelId, 0, ns, nr, nothing),
  patchNr,
  patchTunnelId,
};
