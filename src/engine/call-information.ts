/** Messages that only tell something of a call: WEN, SLI (RFC 2661 6.13, 6.14), CSUN and CSURQ (RFC 5515 4). */
import type { SessionParameters } from './spec.ts';
import type { Accm, AvpValues, CircuitStatus } from './wire/avp.ts';
import { describeAvps } from './wire/avp-text.ts';
import type { Message, OutgoingMessage } from './wire/message.ts';
import { avpsIn, type SentAvps } from './wire/message-table.ts';

type Information = OutgoingMessage<'WEN' | 'SLI' | 'CSUN' | 'CSURQ'>;

/** Without its address: the ids of the call. */
export type CallInformation = {
  [Type in Information['type']]: {
    type: Type;
    avps: Omit<SentAvps<Type>, 'assignedSessionId' | 'accm'> & Pick<AvpValues, 'accm'>;
  };
}[Information['type']];

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

/** An LNS that negotiated no map, or a circuit that has none (RFC 1662 7.1). */
const allEscaped: Accm = { send: 0xffff_ffff, receive: 0xffff_ffff };

/** Information as a call's peer knows the call: also that from the other one of a switched call. */
export function addressedTo(
  { localId: assignedSessionId, remoteId: remoteSessionId }: { localId: number; remoteId: number },
  information: CallInformation,
): Information {
  switch (information.type) {
    case 'WEN':
      return { type: 'WEN', avps: { ...information.avps, assignedSessionId } };
    case 'SLI':
      return { type: 'SLI', avps: { accm: allEscaped, ...information.avps, assignedSessionId } };
    case 'CSUN':
    case 'CSURQ': {
      const { type, avps } = information;
      return {
        type,
        avps: { connectSpeedUpdates: avps.connectSpeedUpdates.map((each) => ({ ...each, remoteSessionId })) },
      };
    }
    default:
      return information satisfies never;
  }
}

/** Adds to what is known of the call, what such a message may say: anything else in it changes no call. */
export function recordInformation(call: AvpValues, { type, avps }: Message<CallInformation['type']>): void {
  for (const name of avpsIn(type).all) {
    if (avps[name] !== undefined) Object.assign(call, { [name]: avps[name] });
  }
}

/** For the operator. */
export function informationText(
  type: CallInformation['type'],
  { callErrors = noErrors, circuitStatus }: AvpValues,
): string {
  if (type === 'WEN') {
    const counts = Object.entries(callErrors).filter(([, count]) => count > 0);
    return `the LAC counts line errors: ${counts.map(([what, count]) => `${what} ${count}`).join(', ') || 'none'}`;
  }
  if (type !== 'SLI') return `${type} about the line's speed`;
  return circuitStatus
    ? `the peer's circuit: ${circuitText(circuitStatus)}`
    : 'the LNS tells the options that it has negotiated';
}

export function circuitText(circuitStatus: CircuitStatus): string {
  return describeAvps({ circuitStatus })
    .map(({ text }) => text)
    .join();
}

export const noErrors = {
  crcErrors: 0,
  framingErrors: 0,
  hardwareOverruns: 0,
  bufferOverruns: 0,
  timeoutErrors: 0,
  alignmentErrors: 0,
};
