/** Messages that only tell something of a call: WEN, SLI (RFC 2661 6.13, 6.14), CSUN and CSURQ (RFC 5515 4). */
import type { SessionParameters } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';
import { messageRows } from './wire/message-table.ts';

export type CallInformation = OutgoingMessage<'WEN' | 'SLI' | 'CSUN' | 'CSURQ'>;

export function isInformation(message: Message): message is Message<CallInformation['type']> & CallInformation {
  const { type } = message;
  return type === 'WEN' || type === 'SLI' || type === 'CSUN' || type === 'CSURQ';
}

/** The present speeds of a call's line. */
export function connectSpeed(
  remoteSessionId: number,
  { tx, rx }: SessionParameters['connectSpeedBps'],
): CallInformation {
  const update = { remoteSessionId, txConnectSpeedBps: tx, rxConnectSpeedBps: rx };
  return { type: 'CSUN', avps: { connectSpeedUpdates: [update] } };
}

/** Information from the other call of a switched one, under the id that this one's peer knows. */
export function addressedTo(remoteSessionId: number, information: CallInformation): CallInformation {
  if (information.type !== 'CSUN' && information.type !== 'CSURQ') return information;
  const { type, avps } = information;
  const connectSpeedUpdates = avps.connectSpeedUpdates.map((update) => ({ ...update, remoteSessionId }));
  return { type, avps: { connectSpeedUpdates } };
}

/** Adds to what is known of the call, what such a message may say: anything else in it changes no call. */
export function recordInformation(call: AvpValues, { type, avps }: Message<CallInformation['type']>): void {
  const { required, expected, optional } = messageRows[type];
  for (const name of [...required, ...expected, ...optional]) {
    if (avps[name] !== undefined) Object.assign(call, { [name]: avps[name] });
  }
}

/** For the operator. */
export function informationText(type: CallInformation['type'], { callErrors = noErrors }: AvpValues): string {
  if (type === 'WEN') {
    const counts = Object.entries(callErrors).filter(([, count]) => count > 0);
    return `the LAC counts line errors: ${counts.map(([what, count]) => `${what} ${count}`).join(', ') || 'none'}`;
  }
  return type === 'SLI' ? 'the LNS tells the options that it has negotiated' : `${type} about the line's speed`;
}

export const noErrors = {
  crcErrors: 0,
  framingErrors: 0,
  hardwareOverruns: 0,
  bufferOverruns: 0,
  timeoutErrors: 0,
  alignmentErrors: 0,
};
