/**
 * What we say to set up a call: our own values, and those of a switched call that are relayed (RFC 2661 6.6 - 6.11).
 */
import type { Result } from './errors.ts';
import { withRelayed } from './relayed-avps.ts';
import type { SessionTunnel } from './session.ts';
import type { SessionOrigin } from './session-origin.ts';
import { isLac } from './session-states.ts';
import type { SessionParameters, SessionType } from './spec.ts';
import type { AvpValues } from './wire/avp.ts';
import type { OutgoingMessage } from './wire/message.ts';
import type { SentAvps } from './wire/message-table.ts';

/** An LNS without a limit of its own asks for any speed. */
const anySpeedBps = 0xffff_ffff;

/** What the messages of a call are made from. */
export interface CallFacts {
  readonly tunnel: SessionTunnel;
  readonly origin: SessionOrigin;
  readonly type: SessionType;
  readonly localId: number;
  readonly parameters: SessionParameters;
}

/** The ICRQ or OCRQ; a result where the peer cannot be asked. */
export function requestFor(call: CallFacts): OutgoingMessage<'ICRQ' | 'OCRQ'> | Result {
  const { tunnel, origin, type, localId, parameters } = call;
  const declared = 'declared' in origin ? origin.declared : undefined;
  const switched = 'switched' in origin ? origin.switched : undefined;
  const { bearerType, minimumBps, maximumBps, dscp } = parameters;
  // RFC 2661 4.4.3, Bearer Capabilities: nothing that the peer has not advertised.
  const offered = bearerType.filter((each) => tunnel.peerBearer.includes(each));
  if (!isLac(type) && offered.length === 0) {
    return { result: 5, error: 0, message: 'the peer places no outgoing calls of this bearer type' };
  }
  const common = {
    assignedSessionId: localId,
    callSerialNumber: switched?.callSerialNumber ?? tunnel.core.serials.next(),
    sessionDs: dscp === 0 ? undefined : { dscp },
    subAddress: declared?.subAddress,
  };
  if (isLac(type)) {
    const avps: SentAvps<'ICRQ'> = {
      ...common,
      bearerType,
      callingNumber: declared?.callingNumber,
      calledNumber: declared?.calledNumber,
      connectSpeedUpdateEnable: declared ? true : undefined,
    };
    return { type: 'ICRQ', avps: withRelayed('ICRQ', avps, switched) };
  }
  const avps: SentAvps<'OCRQ'> = {
    ...common,
    minimumBps,
    maximumBps: maximumBps === 0 ? anySpeedBps : maximumBps,
    bearerType: offered,
    framingType: framingOf(call),
    calledNumber: declared?.calledNumber ?? '',
  };
  return { type: 'OCRQ', avps: withRelayed('OCRQ', avps, switched) };
}

/** The ICCN of a call that the LNS takes. */
export function incomingConnected(call: CallFacts): OutgoingMessage<'ICCN'> {
  const { origin, parameters } = call;
  const declared = 'declared' in origin ? origin.declared : undefined;
  const switched = 'switched' in origin ? origin.switched : undefined;
  const { privateGroupId } = parameters;
  const avps: SentAvps<'ICCN'> = { ...lineOf(call), privateGroupId, ...declared?.proxy };
  return { type: 'ICCN', avps: withRelayed('ICCN', avps, switched) };
}

/** The OCCN of a call that the LNS asked for with `request`, and whose line has these facts. */
export function outgoingConnected(call: CallFacts, request: AvpValues, facts: AvpValues): OutgoingMessage<'OCCN'> {
  const line = lineOf(call);
  const txConnectSpeedBps = Math.min(line.txConnectSpeedBps, request.maximumBps ?? anySpeedBps);
  const relay = { call: facts, treatments: call.parameters.forward?.avps ?? {} };
  return { type: 'OCCN', avps: withRelayed('OCCN', { ...line, txConnectSpeedBps }, relay) };
}

function lineOf(call: CallFacts) {
  const { tunnel, parameters } = call;
  const { connectSpeedBps, sequencingRequired } = parameters;
  const { tx, rx } = connectSpeedBps;
  return {
    txConnectSpeedBps: tx,
    framingType: framingOf(call),
    rxConnectSpeedBps: rx === tx || tunnel.quirks.has('omitRxConnectSpeed') ? undefined : rx,
    sequencingRequired: sequencingRequired ? (true as const) : undefined,
  };
}

/** RFC 2661 4.4.3, Framing Capabilities: nothing that the peer does not take. */
function framingOf({ parameters, tunnel }: CallFacts): SessionParameters['framingType'] {
  return parameters.framingType.filter((type) => tunnel.peerFraming.includes(type));
}

export const badFraming: Result = { result: 5, error: 0, message: 'this framing type is not offered here' };

/** Why we, a LAC, have no line as an OCRQ wants it. One type of each of its lists is enough (RFC 2661 4.4.4). */
export function cannotPlace({ tunnel, parameters }: CallFacts, request: AvpValues): Result | undefined {
  const { bearerType = [], framingType = [], minimumBps = 0 } = request;
  const { framingCapabilities } = tunnel.parameters;
  const bearerCapabilities: readonly string[] = tunnel.parameters.bearerCapabilities;
  if (framingType.length > 0 && !framingType.some((type) => framingCapabilities.includes(type))) return badFraming;
  if (bearerType.length > 0 && !bearerType.some((type) => bearerCapabilities.includes(type))) {
    return { result: 5, error: 0, message: 'this bearer type is not offered here' };
  }
  const { tx, rx } = parameters.connectSpeedBps;
  if (Math.min(tx, rx) >= minimumBps) return undefined;
  return { result: 5, error: 0, message: `no line here has ${minimumBps} bit/s` };
}
