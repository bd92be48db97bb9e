/**
 * What we say to set up a call: our own values, and those of a switched call that are relayed (RFC 2661 6.6 - 6.11).
 */
import type { CircuitFacts } from './circuit.ts';
import type { DataTerms } from './data-terms.ts';
import type { Result } from './errors.ts';
import { withRelayed } from './relayed-avps.ts';
import type { SessionOrigin, SessionTunnel } from './session-origin.ts';
import { type CircuitSpec, isLac, type SessionParameters, type SessionType } from './spec.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';
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
  readonly terms: DataTerms | undefined;
  readonly tieBreaker: bigint | undefined;
  readonly endId: string;
  readonly attachment: CircuitFacts | undefined;
  /** As the peer is told. */
  readonly localCircuit: CircuitStatus;
}

/** What each message that sets up a call says of its pseudowire, where the version has that. */
function pseudowireOf({ terms, localCircuit, attachment, parameters: { pseudowire } }: CallFacts) {
  const circuit = attachment && 'circuit' in attachment ? attachment.circuit : undefined;
  return {
    ...terms?.offer,
    circuitStatus: localCircuit,
    frameRelayHeaderOctets: pseudowire === 'frameRelay' ? headerOctets(circuit) : undefined,
    atmMaxConcatenatedCells: circuit && circuit.maxCells > 1 ? circuit.maxCells : undefined,
  };
}

/** A DLCI of more than ten bits needs a header of four octets (RFC 4591 3.5). */
function headerOctets(circuit: CircuitSpec | undefined): number {
  return (circuit?.dlci ?? 0) > 0x3ff ? 4 : 2;
}

/** Why a circuit at the peer and ours do not fit together (RFC 4591 3.5, RFC 4454 7). */
export function unfitCircuit(
  { attachment, parameters: { pseudowire } }: CallFacts,
  theirs: AvpValues,
): Result | undefined {
  const circuit = attachment && 'circuit' in attachment ? attachment.circuit : undefined;
  const { frameRelayHeaderOctets = 2, oamEmulationRequired } = theirs;
  if (pseudowire === 'frameRelay' && frameRelayHeaderOctets !== headerOctets(circuit)) {
    return { result: 19, error: 0, message: `Frame Relay headers of ${frameRelayHeaderOctets} octets do not fit ours` };
  }
  if (oamEmulationRequired) return { result: 22, error: 0, message: 'ATM OAM is transported here, not emulated' };
  return undefined;
}

/** The ICRQ or OCRQ; a result where the peer cannot be asked. */
export function requestFor(call: CallFacts): OutgoingMessage<'ICRQ' | 'OCRQ'> | Result {
  const { tunnel, origin, type, localId, parameters } = call;
  const declared = 'declared' in origin ? origin.declared : undefined;
  const switched = 'switched' in origin ? origin.switched : undefined;
  const { bearerType, minimumBps, maximumBps, dscp, pseudowire } = parameters;
  if (!tunnel.pseudowires.includes(pseudowire)) {
    // RFC 3931 5.4.4, Pseudowire Type. L2TPv2 has but one.
    return { result: 14, error: 0, message: `the peer does not carry ${pseudowire} pseudowires` };
  }
  const common = {
    ...pseudowireOf(call),
    pseudowireType: pseudowire,
    remoteEndId: call.endId,
    tieBreaker: call.tieBreaker,
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
    bearerType,
    framingType: parameters.framingType,
    calledNumber: declared?.calledNumber ?? '',
  };
  const wanted = withRelayed('OCRQ', avps, switched);
  // RFC 2661 4.4.3, Bearer Capabilities: nothing that the peer has not advertised.
  const offered = wanted.bearerType.filter((each) => tunnel.peerBearer.includes(each));
  if (offered.length === 0) {
    return { result: 5, error: 0, message: 'the peer places no outgoing calls of this bearer type' };
  }
  return { type: 'OCRQ', avps: { ...wanted, bearerType: offered, framingType: takenBy(tunnel, wanted.framingType) } };
}

/** The ICRP or OCRP of a call that the peer asks for. */
export function replyFor(call: CallFacts, sessionDs: AvpValues['sessionDs']): SentAvps<'ICRP' | 'OCRP'> {
  return { ...pseudowireOf(call), assignedSessionId: call.localId, sessionDs };
}

/** The ICCN of a call that the LNS takes. */
export function incomingConnected(call: CallFacts): OutgoingMessage<'ICCN'> {
  const { origin, parameters, tunnel } = call;
  const declared = 'declared' in origin ? origin.declared : undefined;
  const switched = 'switched' in origin ? origin.switched : undefined;
  const { framingType, privateGroupId } = parameters;
  const own: SentAvps<'ICCN'> = {
    ...lineOf(call),
    assignedSessionId: call.localId,
    framingType,
    privateGroupId,
    ...declared?.proxy,
  };
  const avps = withRelayed('ICCN', own, switched);
  return { type: 'ICCN', avps: { ...avps, framingType: takenBy(tunnel, avps.framingType) } };
}

/** The OCCN of a call that the LNS asked for with `request`, and whose line has these facts. */
export function outgoingConnected(call: CallFacts, request: AvpValues, facts: AvpValues): OutgoingMessage<'OCCN'> {
  const { parameters, tunnel } = call;
  const line = lineOf(call);
  const txConnectSpeedBps = Math.min(line.txConnectSpeedBps, request.maximumBps ?? anySpeedBps);
  const { framingType: asked = [] } = request;
  const usual = parameters.framingType.filter((type) => asked.length === 0 || asked.includes(type));
  const framingType = usual.length > 0 ? usual : placeable(tunnel, asked);
  const relay = { call: facts, treatments: parameters.forward?.avps ?? {} };
  const avps = withRelayed('OCCN', { ...line, assignedSessionId: call.localId, txConnectSpeedBps, framingType }, relay);
  return { type: 'OCCN', avps: { ...avps, framingType: takenBy(tunnel, avps.framingType) } };
}

function lineOf(call: CallFacts) {
  const { tunnel, parameters } = call;
  const { connectSpeedBps, sequencingRequired } = parameters;
  const { tx, rx } = connectSpeedBps;
  return {
    txConnectSpeedBps: tx,
    rxConnectSpeedBps: rx === tx || tunnel.quirks.has('omitRxConnectSpeed') ? undefined : rx,
    sequencingRequired: sequencingRequired ? (true as const) : undefined,
  };
}

type FramingType = SessionParameters['framingType'];

/** RFC 2661 4.4.3, Framing Capabilities: nothing that the peer does not take. */
function takenBy({ peerFraming }: SessionTunnel, framingType: FramingType): FramingType {
  return framingType.filter((type) => peerFraming.includes(type));
}

/** What we, a LAC, can do of this. */
function placeable({ parameters }: SessionTunnel, framingType: FramingType): FramingType {
  return framingType.filter((type) => parameters.framingCapabilities.includes(type));
}

export const badFraming: Result = { result: 5, error: 0, message: 'this framing type is not offered here' };

/** Why we, a LAC, have no line as an OCRQ wants it. One type of each of its lists is enough (RFC 2661 4.4.4). */
export function cannotPlace({ tunnel, parameters }: CallFacts, request: AvpValues): Result | undefined {
  const { bearerType = [], framingType = [], minimumBps = 0 } = request;
  const bearerCapabilities: readonly string[] = tunnel.parameters.bearerCapabilities;
  if (framingType.length > 0 && placeable(tunnel, framingType).length === 0) return badFraming;
  if (bearerType.length > 0 && !bearerType.some((type) => bearerCapabilities.includes(type))) {
    return { result: 5, error: 0, message: 'this bearer type is not offered here' };
  }
  const { tx, rx } = parameters.connectSpeedBps;
  if (Math.min(tx, rx) >= minimumBps) return undefined;
  return { result: 5, error: 0, message: `no line here has ${minimumBps} bit/s` };
}
