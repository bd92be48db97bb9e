/** Which AVPs of a switched call go on, and as what. */
import type { AvpTreatment } from './spec.ts';
import type { AvpName, AvpValues } from './wire/avp.ts';
import { avpsIn, type MessageType, type SentAvps } from './wire/message-table.ts';

/** Where the AVPs of a switched call come from. */
export interface Relay {
  /** What came with the call. */
  call: AvpValues;
  treatments: Readonly<Partial<Record<AvpName, AvpTreatment>>>;
}

/** These belong to one hop: ids, and what is agreed between two neighbours. */
const ofTheHop: readonly AvpName[] = [
  'assignedSessionId',
  'remoteSessionId',
  'callSerialNumber',
  'sessionDs',
  'sequencingRequired',
  'assignedCookie',
  'l2SpecificSublayer',
  'dataSequencing',
  'tieBreaker',
  'pseudowireType',
  'circuitStatus',
];

/** The AVPs of one of our messages, with those in place of our own that are relayed. */
export function withRelayed<Type extends MessageType>(
  type: Type,
  own: SentAvps<Type>,
  relay: Relay | undefined,
): SentAvps<Type> {
  if (!relay) return own;
  const { needed, all } = avpsIn(type);
  const avps: AvpValues = { ...own };
  for (const name of all) {
    if (ofTheHop.includes(name)) continue;
    const value = relayedValue(name, avps, relay, needed.has(name));
    Object.assign(avps, { [name]: value });
  }
  // What the message needs is there: it stays our own where nothing was relayed.
  return avps as SentAvps<Type>;
}

function relayedValue(name: AvpName, own: AvpValues, { call, treatments }: Relay, needed: boolean): unknown {
  const treatment = treatments[name] ?? 'relay';
  switch (treatment) {
    case 'relay':
      return call[name] ?? (needed ? own[name] : undefined);
    case 'drop':
      return needed ? own[name] : undefined;
    case 'regenerate':
      return own[name];
    default:
      return treatment satisfies never;
  }
}
