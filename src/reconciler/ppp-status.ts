/** A call's PPP as its status shows it. */
import { formatIpv4, formatIpv6Prefix, type PppLimitsView, type PppView } from '../engine/spec.ts';
import { formatDuration } from './units.ts';

export function pppStatusOf(view: PppView) {
  const { phase, user, auth, proxy, peerMru, ipv4, ipv6, limits, failure } = view;
  return {
    phase,
    user,
    auth,
    mru: peerMru,
    localAddress: ipv4 && formatIpv4(ipv4.local),
    remoteAddress: ipv4 && formatIpv4(ipv4.remote),
    dns: ipv4?.dns.map(formatIpv4),
    ipv6: ipv6 && {
      localInterfaceId: interfaceIdText(ipv6.localInterfaceId),
      remoteInterfaceId: interfaceIdText(ipv6.remoteInterfaceId),
      prefix: ipv6.prefix && formatIpv6Prefix(ipv6.prefix),
      delegated: ipv6.delegated && formatIpv6Prefix(ipv6.delegated),
    },
    proxy,
    limits: limits && limitsOf(limits),
    failure,
  };
}

function limitsOf({ idleTimeoutMs, sessionTimeoutMs, rate, filter }: PppLimitsView) {
  return {
    idleTimeout: idleTimeoutMs === undefined ? undefined : formatDuration(idleTimeoutMs),
    sessionTimeout: sessionTimeoutMs === undefined ? undefined : formatDuration(sessionTimeoutMs),
    rateLimit: rate && { tx: rate.txBps, rx: rate.rxBps },
    filter,
  };
}

/** An IPv6 interface identifier as the lower half of an address. */
function interfaceIdText(id: bigint): string {
  return id
    .toString(16)
    .padStart(16, '0')
    .replace(/(....)(?=.)/g, '$1:');
}
