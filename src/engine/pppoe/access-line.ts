/**
 * What an access node tells of a subscriber's line in a PPPoE packet (Broadband Forum TR-101; the numbers are those of
 * RFC 4679), as the AVPs of RFC 5515. PPPoE has rates in kbit/s.
 */
import type { AvpValues } from '../wire/avp.ts';
import { Reader } from '../wire/bytes.ts';
import { opaqueText } from '../wire/codec.ts';
import type { Tag } from './packet.ts';

/** The ADSL Forum, now Broadband Forum. */
const broadbandForum = 3561;
/** RFC 5515 5.1, 5.2. */
const minIdOctets = 2;
const maxIdOctets = 63;

const texts = new Map<number, 'agentCircuitId' | 'agentRemoteId'>([
  [0x01, 'agentCircuitId'],
  [0x02, 'agentRemoteId'],
]);

const rates = new Map<number, Extract<keyof AvpValues, `${string}DataRate${string}Bps`>>([
  [0x81, 'actualDataRateUpstreamBps'],
  [0x82, 'actualDataRateDownstreamBps'],
  [0x83, 'minimumDataRateUpstreamBps'],
  [0x84, 'minimumDataRateDownstreamBps'],
  [0x85, 'attainableDataRateUpstreamBps'],
  [0x86, 'attainableDataRateDownstreamBps'],
  [0x87, 'maximumDataRateUpstreamBps'],
  [0x88, 'maximumDataRateDownstreamBps'],
  [0x89, 'minimumDataRateUpstreamLowPowerBps'],
  [0x8a, 'minimumDataRateDownstreamLowPowerBps'],
]);

const delays = new Map<number, Extract<keyof AvpValues, `${string}InterleavingDelay${string}Ms`>>([
  [0x8b, 'maximumInterleavingDelayUpstreamMs'],
  [0x8c, 'actualInterleavingDelayUpstreamMs'],
  [0x8d, 'maximumInterleavingDelayDownstreamMs'],
  [0x8e, 'actualInterleavingDelayDownstreamMs'],
]);

const encapsulation = 0x90;
const iwfSession = 0xfe;

/** The line's AVPs in a packet's tags; what is malformed or unknown is left out. */
export function accessLineOf(tags: readonly Tag[]): AvpValues {
  const avps: AvpValues = {};
  for (const [name, value] of tags) {
    if (name !== 'vendorSpecific' || value.length < 4) continue;
    const reader = new Reader(value);
    if (reader.u32() !== broadbandForum) continue;
    while (reader.left >= 2) {
      const type = reader.u8();
      const octets = reader.u8();
      if (octets > reader.left) break;
      const at = reader.position;
      reader.skip(octets);
      take(avps, type, new Reader(value, at, at + octets));
    }
  }
  return avps;
}

function take(avps: AvpValues, type: number, value: Reader): void {
  const text = texts.get(type);
  const rate = rates.get(type);
  const delay = delays.get(type);
  if (text !== undefined) {
    if (value.left >= minIdOctets && value.left <= maxIdOctets) avps[text] = opaqueText.read(value);
  } else if (rate !== undefined) {
    if (value.left === 4) avps[rate] = value.u32() * 1_000;
  } else if (delay !== undefined) {
    if (value.left === 4) avps[delay] = value.u32();
  } else if (type === encapsulation && value.left === 3) {
    avps.accessLoopEncapsulation = { dataLink: value.u8(), encapsulation1: value.u8(), encapsulation2: value.u8() };
  } else if (type === iwfSession && value.left === 0) {
    avps.iwfSession = true;
  }
}
