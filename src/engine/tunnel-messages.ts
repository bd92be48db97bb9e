/**
 * A tunnel's messages to octets and back, under what is agreed with its peer.
 */
import { type Incoming, maxMessageOctets } from './control-channel.ts';
import type { Random } from './effects.ts';
import { WireError } from './errors.ts';
import type { TunnelParameters } from './spec.ts';
import type { Dialect } from './wire/dialect.ts';
import type { DecodeOptions, EncodeOptions, Message, OutgoingMessage } from './wire/message.ts';
import { messageScope } from './wire/message-table.ts';

const randomVectorOctets = 16;

export function encodeMessage(
  message: OutgoingMessage,
  remoteSessionId: number,
  dialect: Dialect,
  { hideAvps, secret }: TunnelParameters,
  random: Random,
  options: Pick<EncodeOptions, 'digests' | 'drafts'>,
): Uint8Array {
  const hide = hideAvps && secret ? { secret, randomVector: random.bytes(randomVectorOctets) } : undefined;
  return dialect.encodeMessage(message, remoteSessionId, { ...options, hide });
}

/** @throws WireError */
export function decodeMessage(
  { bytes, start, end }: Pick<Incoming, 'bytes' | 'start' | 'end'>,
  dialect: Dialect,
  options: DecodeOptions,
): Message {
  const message = dialect.decodeMessage(bytes, start, end, options);
  if (end - start <= maxMessageOctets) return message;
  const { type, avps } = message;
  const text = `${type}: ${end - start} octets are too many`;
  const error = new WireError(messageScope(type), 'tooLong', text, { result: 2, error: 4 });
  error.assignedSessionId = avps.assignedSessionId;
  error.sessionId = avps.remoteSessionId;
  throw error;
}

/** What tells a control message directly over IP from data: the session id 0 (RFC 3931 4.1.1.2). */
const zeroSessionOctets = 4;

export function overIp(message: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(zeroSessionOctets + message.length);
  datagram.set(message, zeroSessionOctets);
  return datagram;
}
