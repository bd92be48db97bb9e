/** What an Access-Accept or a CoA-Request puts in force. */
import type { SessionLimits } from '../../engine/aaa.ts';
import type { RateLimit } from '../../engine/spec.ts';
import type { Attributes } from './dictionary.ts';

/** An attribute asks for what cannot be, as its message says. */
export class Unusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unusable';
  }
}

/** RFC 2869 5.16. */
const minInterimSeconds = 60;

/** What is not said is left out. @throws Unusable */
export function limitsOf(attributes: Attributes): SessionLimits {
  const { idleTimeout, sessionTimeout, acctInterimInterval, filterId } = attributes;
  const limits: SessionLimits = {};
  if (idleTimeout !== undefined) limits.idleTimeoutMs = idleTimeout * 1000;
  if (sessionTimeout !== undefined) limits.sessionTimeoutMs = sessionTimeout * 1000;
  if (acctInterimInterval !== undefined) {
    limits.interimIntervalMs = acctInterimInterval === 0 ? 0 : Math.max(acctInterimInterval, minInterimSeconds) * 1000;
  }
  const rate = rateOf(attributes);
  if (rate) limits.rate = rate.txBps === 0 && rate.rxBps === 0 ? 'none' : rate;
  if (filterId) limits.filter = filterId[0];
  return limits;
}

/** Of several vendors' the first counts. What is said of one direction only leaves the other without a limit. */
function rateOf(attributes: Attributes): RateLimit | undefined {
  const { wisprBandwidthMaxDown, wisprBandwidthMaxUp, mikrotikRateLimit, ascendXmitRate, ascendDataRate } = attributes;
  if (wisprBandwidthMaxDown !== undefined || wisprBandwidthMaxUp !== undefined) {
    return { txBps: wisprBandwidthMaxDown ?? 0, rxBps: wisprBandwidthMaxUp ?? 0 };
  }
  if (mikrotikRateLimit !== undefined) return mikrotikRate(mikrotikRateLimit);
  if (ascendXmitRate !== undefined) return { txBps: ascendXmitRate, rxBps: ascendDataRate ?? 0 };
  // Alone it is for both directions, as RouterOS reads it.
  return ascendDataRate === undefined ? undefined : { txBps: ascendDataRate, rxBps: ascendDataRate };
}

const scales: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** `rx/tx` in bits a second, seen from the NAS; one rate is for both. The bursts behind it are not for us. */
function mikrotikRate(text: string): RateLimit {
  const match = /^\s*(\d{1,10})([kMG]?)(?:\/(\d{1,10})([kMG]?))?(?:\s|$)/.exec(text);
  if (!match) throw new Unusable(`Mikrotik-Rate-Limit ${JSON.stringify(text)} is no rate`);
  const [, rx, rxScale, tx = rx, txScale = rxScale] = match;
  return { txBps: Number(tx) * scales[txScale], rxBps: Number(rx) * scales[rxScale] };
}
