/** What becomes of a CoA-Request or Disconnect-Request (RFC 5176): what it asks for is done here, or refused. */
import type { AaaEvents, SessionLimits, TerminateCause } from '../../engine/aaa.ts';
import type { SessionKey } from '../../engine/ports.ts';
import { formatIpv4, formatIpv6, type RadiusSpec } from '../../engine/spec.ts';
import { terminateCauses } from './accounting-record.ts';
import { type AttributeName, type Attributes, framedProtocols, serviceTypes } from './dictionary.ts';
import { type DynamicSessions, identities } from './dynamic-sessions.ts';
import { limitsOf, Unusable } from './limits.ts';
import type { AnswerType, OtherAttribute } from './packet.ts';
import type { RadiusSessions } from './sessions.ts';
import { canonical } from './udp.ts';

/** RFC 5176 3.5. */
export const errorCauses = {
  unsupportedAttribute: 401,
  missingAttribute: 402,
  nasIdentificationMismatch: 403,
  unsupportedService: 405,
  invalidAttributeValue: 407,
  sessionContextNotFound: 503,
} as const;

type Refusal = keyof typeof errorCauses;

export interface DynamicRequest {
  readonly type: 'coaRequest' | 'disconnectRequest';
  readonly attributes: Attributes;
  readonly others?: readonly OtherAttribute[];
}

export interface DynamicAnswer {
  readonly type: AnswerType;
  readonly attributes: Attributes;
}

export interface DynamicParts {
  readonly live: DynamicSessions;
  readonly sessions: RadiusSessions;
  readonly events: AaaEvents;
  /** Whether this is an address of ours, where the spec names none. */
  isOurs(address: string): boolean;
}

type Names = readonly AttributeName[];

const nasNames: Names = ['nasIdentifier', 'nasIpAddress', 'nasIpv6Address'];
/** What says nothing of sessions: it comes back, or tells when. */
const envelopeNames: Names = ['proxyState', 'eventTimestamp'];
const identityNames = Object.keys(identities) as AttributeName[];
const limitNames: Names = [
  'idleTimeout',
  'sessionTimeout',
  'acctInterimInterval',
  'filterId',
  'wisprBandwidthMaxUp',
  'wisprBandwidthMaxDown',
  'mikrotikRateLimit',
  'ascendDataRate',
  'ascendXmitRate',
];

/** RFC 5176 3.6: all that is in a request must be understood. */
const common = [...nasNames, ...envelopeNames, ...identityNames];
const known: Readonly<Record<DynamicRequest['type'], ReadonlySet<AttributeName>>> = {
  coaRequest: new Set<AttributeName>([...common, ...limitNames, 'state', 'serviceType', 'framedProtocol']),
  disconnectRequest: new Set<AttributeName>([...common, 'replyMessage', 'class', 'acctTerminateCause']),
};

const answers = {
  coaRequest: { done: 'coaAck', refused: 'coaNak' },
  disconnectRequest: { done: 'disconnectAck', refused: 'disconnectNak' },
} as const satisfies Record<DynamicRequest['type'], Record<'done' | 'refused', AnswerType>>;

/** Does what the request asks for, to all sessions that it means, or nothing. */
export function dynamicAnswer(request: DynamicRequest, spec: RadiusSpec, parts: DynamicParts): DynamicAnswer {
  const { proxyState, state } = request.attributes;
  const refusal = refusalOf(request, spec, parts) ?? act(request, parts);
  const { done, refused } = answers[request.type];
  return refusal === undefined
    ? { type: done, attributes: { state, proxyState } }
    : { type: refused, attributes: { errorCause: errorCauses[refusal], state, proxyState } };
}

function refusalOf({ type, attributes, others }: DynamicRequest, spec: RadiusSpec, parts: DynamicParts) {
  if (!isForUs(attributes, spec, parts)) return 'nasIdentificationMismatch';
  const { serviceType, framedProtocol, filterId = [] } = attributes;
  if (type === 'coaRequest' && serviceType !== undefined && serviceType !== serviceTypes.framed) {
    return 'unsupportedService';
  }
  const names = Object.keys(attributes) as AttributeName[];
  if (others !== undefined || names.some((name) => !known[type].has(name))) return 'unsupportedAttribute';
  if ((framedProtocol ?? framedProtocols.ppp) !== framedProtocols.ppp || filterId.length > 1) {
    return 'invalidAttributeValue';
  }
  return undefined;
}

/** RFC 5176 3: all that names the NAS must name us. */
function isForUs({ nasIdentifier, nasIpAddress, nasIpv6Address }: Attributes, spec: RadiusSpec, parts: DynamicParts) {
  const isOurs = (address: string) =>
    spec.nasAddress === undefined ? parts.isOurs(address) : canonical(spec.nasAddress) === address;
  return (
    (nasIdentifier ?? spec.nasIdentifier) === spec.nasIdentifier &&
    (nasIpAddress === undefined || isOurs(formatIpv4(nasIpAddress))) &&
    (nasIpv6Address === undefined || isOurs(formatIpv6(nasIpv6Address)))
  );
}

function act({ type, attributes }: DynamicRequest, parts: DynamicParts): Refusal | undefined {
  const found = parts.live.find(attributes);
  if (found === 'nothing') return 'missingAttribute';
  if (found.length === 0) return 'sessionContextNotFound';
  return type === 'coaRequest' ? change(attributes, found, parts) : disconnect(attributes, found, parts);
}

function disconnect(
  { acctTerminateCause, replyMessage = [], class: classes }: Attributes,
  found: readonly SessionKey[],
  { events, sessions }: DynamicParts,
): Refusal | undefined {
  const cause = acctTerminateCause === undefined ? 'adminReset' : causeOf(acctTerminateCause);
  if (cause === undefined) return 'invalidAttributeValue';
  const message = ['disconnected by RADIUS', ...replyMessage].join(': ');
  let ended = 0;
  for (const session of found) {
    // RFC 5176 3.6 note 4: these are for the session's Stop.
    const known = sessions.get(session);
    if (classes && known) known.classes = classes;
    if (events.disconnect(session, cause, message)) ended++;
  }
  return ended > 0 ? undefined : 'sessionContextNotFound';
}

function change(attributes: Attributes, found: readonly SessionKey[], { events }: DynamicParts): Refusal | undefined {
  let limits: SessionLimits;
  try {
    limits = limitsOf(attributes);
  } catch (error) {
    if (error instanceof Unusable) return 'invalidAttributeValue';
    throw error;
  }
  if (Object.keys(limits).length === 0) return 'missingAttribute';
  let changed = 0;
  for (const session of found) {
    const outcome = events.change(session, limits);
    // All sessions know the same filters: the first one has said so, and none was changed.
    if (outcome === 'unknownFilter') return 'invalidAttributeValue';
    if (outcome === 'changed') changed++;
  }
  return changed > 0 ? undefined : 'sessionContextNotFound';
}

function causeOf(number: number): TerminateCause | undefined {
  const names = Object.keys(terminateCauses) as TerminateCause[];
  return names.find((name) => terminateCauses[name] === number);
}
