/**
 * Everything in which the versions of L2TP differ on the wire. The engine speaks through one of these records and
 * asks nowhere else which version it is.
 */
import type { AvpValues, ProtocolVersion } from './avp.ts';
import { decodeMessage } from './decoding.ts';
import type { DigestRoom } from './digest.ts';
import { encodeMessage } from './encoding.ts';
import {
  encodeControl,
  encodeControlV3,
  type Header,
  messageCodeAt,
  patchNr,
  patchTunnelId,
  patchTunnelIdV3,
} from './header.ts';
import type { DecodeOptions, EncodeOptions, Message, OutgoingMessage } from './message.ts';
import { messageRows } from './message-table.ts';
import { sessionKeyV2, sessionKeyV3 } from './session-key.ts';
import { vocabularies } from './vocabulary.ts';

export interface Dialect {
  readonly version: 2 | 3;
  /** The content of our Protocol Version AVP, where there is one. */
  readonly protocolVersion: ProtocolVersion;
  /** The tunnel and session ids that we choose, from and to. None of one version is also one of the other. */
  readonly ids: { readonly min: number; readonly max: number };
  /** The peer's window when it announces none. */
  readonly defaultReceiveWindow: number;
  /** How peers show that they know the secret: once, in answers to challenges, or in each message. */
  readonly authentication: 'challenge' | 'digest';
  /** Where a session id of ours is unique. */
  readonly sessionIds: 'tunnel' | 'host';
  /** Whether the winner of a tie tells the loser, with a StopCCN or CDN. */
  readonly tellsTieLosers: boolean;
  /** Whether sessions tell what they carry, and how their data messages look. */
  readonly pseudowires: boolean;
  /** By up to which part of their interval HELLOs come earlier, so that those of several tunnels do not come at once. */
  readonly helloJitter: number;
  /** What lines a peer is taken to have that says nothing of them. */
  readonly unsaidCapabilities: Readonly<Pick<Required<AvpValues>, 'framingCapabilities' | 'bearerCapabilities'>>;
  /** Result Codes of a CDN. */
  readonly results: { readonly sessionTimeout: number };
  /** The key under which data for a session of ours arrives. */
  sessionKey(localTunnelId: number, localSessionId: number): number;

  /** Whether a control datagram only acknowledges, so that it takes no sequence number. */
  isAck(bytes: Uint8Array, header: Header): boolean;
  /** The id of ours that a message names its session by; 0: it does not know it, or is about no session. */
  sessionIdOf(headerSessionId: number, avps: AvpValues): number;
  /** @throws WireError */
  decodeMessage(bytes: Uint8Array, start: number, end: number, options?: DecodeOptions): Message;

  /**
   * The AVPs of a message. `remoteSessionId` is the receiver's id for the session that it is about.
   * @throws RangeError when a value is too long for an AVP, or the version does not have the message
   */
  encodeMessage(message: OutgoingMessage, remoteSessionId: number, options?: EncodeOptions): Uint8Array;
  /** A whole message around the AVPs. Ids are the receiver's. */
  encodeControl(tunnelId: number, sessionId: number, ns: number, nr: number, body: Uint8Array): Uint8Array;
  /** A whole message that only acknowledges, with room for digests. `ns` is that of the next message to be sent. */
  encodeAck(tunnelId: number, ns: number, nr: number, digests?: DigestRoom): Uint8Array;
  /** Brings Nr up to date in a datagram that is sent again. */
  patchNr(datagram: Uint8Array, nr: number): void;
  /** The same for the receiver's tunnel id, once it is known. */
  patchTunnelId(datagram: Uint8Array, tunnelId: number): void;
}

const nothing = new Uint8Array(0);

/** RFC 2661. */
const v2: Dialect = {
  version: 2,
  protocolVersion: { version: 1, revision: 0 },
  ids: { min: 1, max: 0xffff },
  defaultReceiveWindow: 4,
  authentication: 'challenge',
  sessionIds: 'tunnel',
  tellsTieLosers: false,
  pseudowires: false,
  helloJitter: 0,
  // RFC 2661 4.4.3, Bearer Capabilities.
  unsaidCapabilities: { framingCapabilities: [], bearerCapabilities: [] },
  results: { sessionTimeout: 10 },
  sessionKey: sessionKeyV2,
  isAck: (_bytes, header) => header.payloadStart === header.payloadEnd,
  sessionIdOf: (headerSessionId) => headerSessionId,
  decodeMessage: (bytes, start, end, options) => decodeMessage(vocabularies[2], bytes, start, end, options),
  encodeMessage: (message, remoteSessionId, options) =>
    encodeMessage(vocabularies[2], message, remoteSessionId, options),
  encodeControl,
  encodeAck: (tunnelId, ns, nr) => encodeControl(tunnelId, 0, ns, nr, nothing),
  patchNr,
  patchTunnelId,
};

/** RFC 3931. */
const v3: Dialect = {
  version: 3,
  protocolVersion: { version: 1, revision: 0 },
  ids: { min: 0x1_0000, max: 0xffff_ffff },
  defaultReceiveWindow: 4,
  authentication: 'digest',
  sessionIds: 'host',
  // RFC 3931 5.4.3 and 5.4.4, Tie Breaker.
  tellsTieLosers: true,
  pseudowires: true,
  // RFC 3931 4.4.
  helloJitter: 0.1,
  // There are no AVPs to say it with.
  unsaidCapabilities: { framingCapabilities: ['sync', 'async'], bearerCapabilities: ['digital', 'analog'] },
  results: { sessionTimeout: 16 },
  sessionKey: (_localTunnelId, localSessionId) => sessionKeyV3(localSessionId),
  // RFC 3931 6.15: without authentication an empty message does too.
  isAck: (bytes, { start, payloadStart, payloadEnd }) =>
    payloadStart === payloadEnd || messageCodeAt(bytes, start, payloadEnd) === messageRows.ACK.code,
  sessionIdOf: (_headerSessionId, avps) => avps.remoteSessionId ?? 0,
  decodeMessage: (bytes, start, end, options) => decodeMessage(vocabularies[3], bytes, start, end, options),
  encodeMessage: (message, remoteSessionId, options) =>
    encodeMessage(vocabularies[3], message, remoteSessionId, options),
  encodeControl: (tunnelId, _sessionId, ns, nr, body) => encodeControlV3(tunnelId, ns, nr, body),
  encodeAck: (tunnelId, ns, nr, digests) =>
    encodeControlV3(tunnelId, ns, nr, encodeMessage(vocabularies[3], { type: 'ACK', avps: {} }, 0, { digests })),
  patchNr,
  patchTunnelId: patchTunnelIdV3,
};

export const dialects: Readonly<Record<2 | 3, Dialect>> = { 2: v2, 3: v3 };
