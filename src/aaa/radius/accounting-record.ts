/** What a server is told of a session (RFC 2866, RFC 2867, RFC 2869), and of us. */
import type { AccountRecord, TerminateCause } from '../../engine/aaa.ts';
import { Secret, type SessionCounters } from '../../engine/spec.ts';
import { callAttributes } from './call-attributes.ts';
import { decodeRequest } from './decoding.ts';
import type { Attributes } from './dictionary.ts';
import { encodeRequest } from './encoding.ts';
import type { RadiusSession } from './sessions.ts';
import { wirePrefix } from './values.ts';

/** RFC 2866 5.1. */
export const statusTypes = { start: 1, stop: 2, interim: 3, accountingOn: 7, accountingOff: 8 } as const;
/** RFC 2866 5.6. */
const byRadius = 1;
/** That the session ended in a crash. */
const nasReboot = 11;

/** RFC 2866 5.10. */
export const terminateCauses = {
  userRequest: 1,
  lostCarrier: 2,
  lostService: 3,
  idleTimeout: 4,
  sessionTimeout: 5,
  adminReset: 6,
  adminReboot: 7,
  nasError: 9,
  nasRequest: 10,
  serviceUnavailable: 15,
  userError: 17,
} as const satisfies Record<TerminateCause, number>;

const word = 2 ** 32;

type Used = Pick<SessionCounters, 'rxOctets' | 'rxPackets' | 'txOctets' | 'txPackets'>;
const unused: Used = { rxOctets: 0, rxPackets: 0, txOctets: 0, txPackets: 0 };

/** `nas`: who we are. */
export function recordAttributes(
  record: AccountRecord,
  counters: SessionCounters,
  { acctSessionId, user, classes }: RadiusSession,
  nas: Attributes,
  atMs: number,
): Attributes {
  const { event, session, call, ipv4, prefix, delegated, interfaceId } = record;
  const { callSerialNumber } = call.avps;
  return {
    userName: user ?? record.user,
    ...nas,
    ...callAttributes(session, call),
    acctStatusType: statusTypes[event],
    acctSessionId,
    acctAuthentic: byRadius,
    class: classes,
    framedIpAddress: ipv4,
    framedIpv6Prefix: prefix && [wirePrefix(prefix)],
    delegatedIpv6Prefix: delegated && [wirePrefix(delegated)],
    framedInterfaceId: interfaceId,
    acctTunnelConnection: callSerialNumber === undefined ? undefined : `${callSerialNumber}`,
    eventTimestamp: Math.floor(atMs / 1000),
    ...(event !== 'start' && usage(record.sessionMs, counters)),
    acctTerminateCause: event === 'stop' ? terminateCauses[record.cause ?? 'nasRequest'] : undefined,
  };
}

/** Input is what came from the subscriber. */
function usage(sessionMs: number, { rxOctets, rxPackets, txOctets, txPackets }: Used): Attributes {
  return {
    acctSessionTime: Math.floor(sessionMs / 1000) % word,
    acctInputOctets: rxOctets % word,
    acctInputGigawords: Math.floor(rxOctets / word),
    acctInputPackets: rxPackets % word,
    acctOutputOctets: txOctets % word,
    acctOutputGigawords: Math.floor(txOctets / word),
    acctOutputPackets: txPackets % word,
  };
}

/** Of a session that ended in a crash, from what was told of it last; its time is that too. */
export function crashStop(last: Attributes): Attributes {
  const known = last.acctSessionTime === undefined ? { ...usage(0, unused), ...last } : last;
  return { ...known, acctStatusType: statusTypes.stop, acctTerminateCause: nasReboot };
}

// ---------------------------------------------------------------- on disk

/** No secret is on disk: the packet's digest is there only to tell whether it is whole. */
const noSecret = new Secret('');

/** @throws RangeError when it is more than a packet takes */
export function toOctets(attributes: Attributes): Uint8Array {
  return encodeRequest({ type: 'accountingRequest', identifier: 0, attributes }, noSecret);
}

/** @throws BadPacket when the octets are damaged */
export function fromOctets(octets: Uint8Array): Attributes {
  return decodeRequest(octets, noSecret).attributes;
}
