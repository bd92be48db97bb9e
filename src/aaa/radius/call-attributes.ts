/** What we tell of a call, with questions and in accounting. */
import type { CallFacts } from '../../engine/aaa.ts';
import type { SessionKey } from '../../engine/ports.ts';
import { type Endpoint, parseIpv4, parseIpv6, type RadiusSpec } from '../../engine/spec.ts';
import {
  type Attributes,
  framedProtocols,
  nasPortTypes,
  serviceTypes,
  tunnelMediumTypes,
  tunnelTypes,
} from './dictionary.ts';

/** Who we are (RFC 2865 4.1: at least one of the two). */
export function nasAttributes({ nasIdentifier, nasAddress }: RadiusSpec): Attributes {
  const nasIpAddress = nasAddress === undefined ? undefined : parseIpv4(nasAddress);
  const nasIpv6Address = nasAddress === undefined || nasIpAddress !== undefined ? undefined : parseIpv6(nasAddress);
  return { nasIdentifier, nasIpAddress, nasIpv6Address };
}

/** Which call it is, and where it comes from. */
export function callAttributes(session: SessionKey, { port, avps, tunnel }: CallFacts): Attributes {
  return {
    nasPort: session >>> 0,
    nasPortId: port,
    nasPortType: tunnel ? nasPortTypes.virtual : nasPortTypes.pppoe,
    serviceType: serviceTypes.framed,
    framedProtocol: framedProtocols.ppp,
    calledStationId: avps.calledNumber,
    callingStationId: avps.callingNumber,
    connectInfo: connectInfo(avps.txConnectSpeedBps, avps.rxConnectSpeedBps),
    agentCircuitId: avps.agentCircuitId,
    agentRemoteId: avps.agentRemoteId,
    actualDataRateUpstreamBps: u32(avps.actualDataRateUpstreamBps),
    actualDataRateDownstreamBps: u32(avps.actualDataRateDownstreamBps),
    ...(tunnel && tunnelAttributes(tunnel)),
  };
}

/** RFC 2869 5.11: what is sent to the subscriber first; the other speed too if it differs. */
function connectInfo(txBps: number | undefined, rxBps: number | undefined): string | undefined {
  if (txBps === undefined) return undefined;
  return rxBps === undefined || rxBps === txBps ? `${txBps}` : `${txBps}/${rxBps}`;
}

/** RFC 2868: the call came from a client's end of the tunnel to ours. */
function tunnelAttributes({ local, remote, ours, peers }: NonNullable<CallFacts['tunnel']>): Attributes {
  return {
    tunnelType: untagged(tunnelTypes.l2tp),
    tunnelMediumType: untagged(mediumOf(remote)),
    tunnelClientEndpoint: untagged(remote.address),
    tunnelServerEndpoint: untagged(local.address),
    tunnelClientAuthId: peers === undefined ? undefined : untagged(peers),
    tunnelServerAuthId: untagged(ours),
  };
}

function untagged<T>(value: T): [{ tag: number; value: T }] {
  return [{ tag: 0, value }];
}

function mediumOf({ address }: Endpoint): number {
  return address.includes(':') ? tunnelMediumTypes.ipv6 : tunnelMediumTypes.ipv4;
}

/** A rate may be more than an attribute holds. */
function u32(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.min(value, 0xffffffff);
}
