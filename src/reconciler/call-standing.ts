/** How declared Tunnels and Sessions stand. */
import { endpointText, type FailureView, formatIpv4, type SessionView, type TunnelView } from '../engine/spec.ts';
import { circuitStanding, circuitStatusOf } from './circuit-status.ts';
import type { SessionStatus, TunnelStatus } from './generated.ts';
import { mayDial } from './plan.ts';
import { pppStatusOf } from './ppp-status.ts';
import {
  type Details,
  failureText,
  lastErrorOf,
  refusalOf,
  type Standing,
  type StatusInput,
  timeText,
} from './standing.ts';

export function tunnelStanding(input: StatusInput, name: string): { standing: Standing; details: Details } {
  const view = input.observed.tunnels.get(name);
  const dialling = dialStatus(input, `Tunnel/${name}`, view?.state === 'established');
  const details: TunnelStatus = { ...dialling, ...(view ? tunnelDetails(view) : {}) };
  const established = view?.state === 'established';
  return { standing: { ...tunnelState(input, name, view, dialling), established, ...authenticated(view) }, details };
}

function tunnelState(
  input: StatusInput,
  name: string,
  view: TunnelView | undefined,
  { nextRetry }: Pick<TunnelStatus, 'nextRetry'>,
): Standing {
  const refused = refusalOf(input, `Tunnel/${name}`);
  const again = nextRetry === undefined ? '' : `; it is dialled again at ${nextRetry}`;
  if (refused) return { ready: false, ...refused, message: `${refused.message}${again}` };
  switch (view?.state) {
    case undefined:
      return notDialled(input, 'is dialled next');
    case 'established': {
      const message = `tunnel ${view.localId} to ${peerText(view)}, its id ${view.remoteId}`;
      return { ready: true, reason: 'Established', message };
    }
    case 'idle':
    case 'waitReply':
    case 'waitConnect':
      return { ready: false, reason: 'Establishing', message: `waits for an answer of ${peerText(view)}` };
    case 'closing':
      return { ready: false, reason: 'Closing', message: 'waits until the peer knows that the tunnel is closed' };
    case 'closed': {
      const why = view.failure ? failureText(view.failure) : 'the tunnel ended';
      if (!view.spec?.persist && !input.desired.state.tunnels.get(name)?.persist) {
        const message = `${why}; persist is false, so it is not dialled again`;
        return { ready: false, reason: 'Ended', message, stalled: true };
      }
      if (!mayDial(input.desired.state)) return notDialled(input, why);
      return { ready: false, reason: 'Retrying', message: `${why}${again}` };
    }
  }
}

function notDialled(input: StatusInput, otherwise: string): Standing {
  if (mayDial(input.desired.state)) return { ready: false, reason: 'Pending', message: otherwise };
  const { drain } = input.desired.state.gateway;
  const message = drain ? 'the Gateway drains: nothing is dialled' : "the Gateway's allowLocalTunnels is false";
  return { ready: false, reason: drain ? 'Draining' : 'NotAllowed', message, stalled: true };
}

function authenticated(view: TunnelView | undefined): Pick<Standing, 'peerAuthenticated'> {
  const unknown = { status: 'Unknown', reason: 'NotEstablished', message: 'the tunnel is not established' } as const;
  if (view?.state !== 'established') return { peerAuthenticated: unknown };
  if (view.authenticated) {
    const message = 'the peer proved that it knows the secret';
    const reason = view.version === 3 ? 'DigestValid' : 'ChallengeAnswered';
    return { peerAuthenticated: { status: 'True', reason, message } };
  }
  if (view.spec?.static) {
    const message = 'the tunnel is static: nobody is asked for a proof';
    return { peerAuthenticated: { status: 'False', reason: 'Static', message } };
  }
  if (view.version === 3) {
    const { digest, secret } = view.parameters;
    const why = secret ? `digest is ${digest}` : 'there is no secret';
    const message = `${why}: the peer's messages prove nothing`;
    return { peerAuthenticated: { status: 'False', reason: 'NotAuthenticated', message } };
  }
  const message = `authMode is ${view.parameters.authMode}: the peer was not asked to prove that it knows the secret`;
  return { peerAuthenticated: { status: 'False', reason: 'NotChallenged', message } };
}

function tunnelDetails(view: TunnelView): TunnelStatus {
  return {
    localId: view.localId,
    remoteId: view.remoteId,
    peer: {
      hostName: view.peerHostName,
      vendorName: view.peerVendorName,
      address: view.remote.address,
      port: view.remote.port,
    },
    version: view.version,
    encapsulation: view.encapsulation,
    dataPlane: 'userspace',
    quirks: view.quirks && [...view.quirks],
    sessions: { ...view.sessions },
    digestFailures: view.version === 3 ? view.transport.digestFailures : undefined,
    since: optionalTime(view.sinceMs),
    lastError: lastErrorOf(view.failure),
  };
}

function peerText({ peerHostName, remote }: TunnelView): string {
  const where = endpointText(remote);
  return peerHostName ? `${peerHostName} (${where})` : where;
}

export function sessionStanding(input: StatusInput, name: string): { standing: Standing; details: Details } {
  const view = input.observed.sessions.get(name);
  const established = view?.state === 'established';
  const dialling = dialStatus(input, `Session/${name}`, established);
  const details: SessionStatus = { ...dialling, ...(view ? sessionDetails(view) : {}) };
  return { standing: { ...sessionState(input, name, view, dialling), established }, details };
}

function sessionState(
  input: StatusInput,
  name: string,
  view: SessionView | undefined,
  { nextRetry }: Pick<SessionStatus, 'nextRetry'>,
): Standing {
  const refused = refusalOf(input, `Session/${name}`);
  const again = nextRetry === undefined ? '' : `; it is placed again at ${nextRetry}`;
  if (refused) return { ready: false, ...refused, message: `${refused.message}${again}` };
  const tunnelName = input.desired.state.sessions.get(name)?.tunnel ?? view?.tunnel ?? '';
  const tunnel = input.observed.tunnels.get(tunnelName);
  const waits = { ready: false, reason: 'WaitingForTunnel', message: `waits for Tunnel/${tunnelName}` };
  switch (view?.state) {
    case undefined:
      return tunnel?.state === 'established' ? notDialled(input, 'is placed next') : waits;
    case 'waitCall':
      return { ready: false, reason: 'WaitingForCall', message: `waits for the peer's call${last(view.failure)}` };
    case 'waitAnswer':
      return { ready: false, reason: 'Establishing', message: 'the peer places the call' };
    case 'waitReply':
    case 'waitConnect':
      return { ready: false, reason: 'Establishing', message: 'waits for an answer of the peer' };
    case 'established':
      return callState(view);
    case 'closed': {
      const why = view.failure ? failureText(view.failure) : 'the call ended';
      if (!input.desired.state.tunnels.get(tunnelName)?.persist) {
        const message = `${why}; its tunnel's persist is false, so it is not placed again`;
        return { ready: false, reason: 'Ended', message, stalled: true };
      }
      if (tunnel?.state !== 'established') return { ...waits, message: `${waits.message}; last: ${why}` };
      if (!mayDial(input.desired.state)) return notDialled(input, why);
      return { ready: false, reason: 'Retrying', message: `${why}${again}` };
    }
  }
}

function last(failure: Pick<FailureView, 'message' | 'byPeer'> | undefined): string {
  return failure === undefined ? '' : `; last: ${failureText(failure)}`;
}

function callState(view: SessionView): Standing {
  const { ppp, interface: device, switched } = view;
  if (switched) return { ready: true, reason: 'Switched', message: `goes on as ${switched.with}` };
  if (view.pseudowire !== 'ppp') return circuitStanding(view);
  const addresses = ppp.ipv4
    ? `${formatIpv4(ppp.ipv4.local)} to ${formatIpv4(ppp.ipv4.remote)}`
    : ppp.ipv6
      ? 'IPv6'
      : undefined;
  if (ppp.phase === 'network' && addresses !== undefined && device !== undefined) {
    const user = ppp.user === undefined ? '' : ` as ${ppp.user}`;
    return { ready: true, reason: 'Up', message: `${addresses} on ${device}${user}` };
  }
  const failure = ppp.failure === undefined ? undefined : { message: ppp.failure };
  return { ready: false, reason: 'Negotiating', message: `PPP is in phase ${ppp.phase}${last(failure)}` };
}

function sessionDetails(view: SessionView): SessionStatus {
  return {
    localId: view.localId,
    remoteId: view.remoteId,
    type: view.type,
    pseudowire: view.pseudowire,
    interface: view.interface,
    switchedWith: view.switched?.with,
    circuit: view.circuit && circuitStatusOf(view.circuit),
    ppp: view.pseudowire === 'ppp' ? pppStatusOf(view.ppp) : undefined,
    counters: view.counters && { ...view.counters },
    since: optionalTime(view.sinceMs),
    lastError: lastErrorOf(view.failure),
  };
}

function dialStatus(input: StatusInput, object: string, isUp: boolean): { retries?: number; nextRetry?: string } {
  const dial = input.attempts.get(object)?.find(({ action }) => action.startsWith('open'));
  if (!dial || isUp) return { retries: 0 };
  const waits = !dial.underway && dial.dueAt + input.wallOffsetMs > input.nowMs;
  return { retries: dial.tries, nextRetry: waits ? timeText(dial.dueAt + input.wallOffsetMs) : undefined };
}

function optionalTime(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : timeText(atMs);
}
