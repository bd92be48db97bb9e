/** What became of every resource, in conditions for the operator. */
import type { SpecError } from '../engine/errors.ts';
import { type FailureView, formatIpv4, type SessionView, type TunnelView } from '../engine/spec.ts';
import type { Attempt } from './attempts.ts';
import type { Desired } from './desired.ts';
import type {
  AddressPoolStatus,
  Condition,
  GatewayStatus,
  LastError,
  PppProfileStatus,
  SessionStatus,
  TunnelStatus,
} from './generated.ts';
import type { ObservedState } from './live.ts';
import type { Resource } from './resources.ts';

/** A resource's status, as its schema describes it. */
export type Status = { observedGeneration?: number; conditions?: Condition[] } & (
  | GatewayStatus
  | TunnelStatus
  | SessionStatus
  | AddressPoolStatus
  | PppProfileStatus
);

export interface StatusInput {
  desired: Desired;
  observed: ObservedState;
  /** What was tried and did not lead to its end yet, by object. */
  attempts: ReadonlyMap<string, readonly Attempt[]>;
  /** Each resource's generation, by id. */
  generations: ReadonlyMap<string, number>;
  /** The statuses before, for the times of transitions. */
  before: ReadonlyMap<string, Status>;
  /** Milliseconds since the epoch. */
  nowMs: number;
  /** What to add to a monotonic time to get wall-clock time, in milliseconds. */
  wallOffsetMs: number;
}

const settled = { reason: 'Settled', message: 'nothing is being worked on' };
const notStalled = { reason: 'NotStalled', message: 'nothing waits for the operator' };

/** How a resource stands, before it is spelled out as conditions. */
interface Standing {
  ready: boolean;
  reason: string;
  message: string;
  /** Nothing happens until somebody does something. */
  stalled?: boolean;
  established?: boolean;
  /** What the live tunnel or session says, where that is not what makes it ready or not. */
  live?: { reason: string; message: string };
  peerAuthenticated?: { status: Condition['status']; reason: string; message: string };
}

type Details = Omit<Status, 'conditions' | 'observedGeneration'>;

/** The status of every resource, and of every document that is wrong but says whose it is. By id. */
export function statusesOf(input: StatusInput): Map<string, Status> {
  const errors = new Map<string, SpecError[]>();
  for (const error of input.desired.errors) {
    if (error.resource === undefined) continue;
    errors.set(error.resource, [...(errors.get(error.resource) ?? []), error]);
  }
  const statuses = new Map<string, Status>();
  for (const resource of input.desired.resources) {
    const { standing, details } = standingOf(input, resource);
    const wrong = errors.get(resource.id);
    const inForce = wrong ? isInForce(input.desired, resource) : false;
    statuses.set(resource.id, {
      ...conditionsOf(input, resource.id, wrong ? stalledBy(wrong, inForce, standing) : standing),
      ...details,
    });
  }
  for (const [id, wrong] of errors) {
    if (!statuses.has(id)) statuses.set(id, conditionsOf(input, id, stalledBy(wrong, false, undefined)));
  }
  return statuses;
}

function stalledBy(errors: readonly SpecError[], inForce: boolean, standing: Standing | undefined): Standing {
  const [{ at, message: what }, ...others] = errors;
  const place = [at.file, at.line, at.column].filter((part) => part !== undefined).join(':');
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  const kept = inForce ? '; its last good version stays in force' : '';
  const message = `${[place, at.path, what].filter((part) => part).join(': ')}${more}${kept}`;
  const live = standing && { reason: standing.reason, message: standing.message };
  return { ...standing, ready: false, reason: 'SpecError', message, stalled: true, live };
}

/** Whether a resource with errors still has an effect. */
function isInForce({ state }: Desired, { kind, name }: Resource): boolean {
  switch (kind) {
    case 'Tunnel':
      return state.tunnels.has(name);
    case 'Session':
      return state.sessions.has(name);
    case 'PeerProfile':
      return state.gateway.peers.some((peer) => peer.name === name);
    case 'AddressPool':
      return state.aaa.pools.some((pool) => pool.name === name);
    case 'Subscriber':
      return state.aaa.subscribers.some((subscriber) => subscriber.name === name);
    case 'Gateway':
    case 'TunnelProfile':
    case 'SessionProfile':
    case 'PppProfile':
      return true;
  }
}

function conditionsOf(input: StatusInput, id: string, standing: Standing): Status {
  const { ready, reason, message, stalled = false, established, live, peerAuthenticated } = standing;
  const generation = input.generations.get(id);
  const before = input.before.get(id)?.conditions ?? [];
  const condition = (
    type: string,
    status: Condition['status'],
    why: { reason: string; message: string },
  ): Condition => {
    const last = before.find((candidate) => candidate.type === type);
    const lastTransitionTime = last?.status === status ? last.lastTransitionTime : timeText(input.nowMs);
    return { type, status, ...why, lastTransitionTime, observedGeneration: generation };
  };
  const why = { reason, message };
  const truth = (holds: boolean) => (holds ? 'True' : 'False') as Condition['status'];
  const conditions = [
    condition('Ready', truth(ready), why),
    condition('Reconciling', truth(!ready && !stalled), ready || stalled ? settled : why),
    condition('Stalled', truth(stalled), stalled ? why : notStalled),
  ];
  if (established !== undefined) conditions.push(condition('Established', truth(established), live ?? why));
  if (peerAuthenticated) {
    const { status, ...because } = peerAuthenticated;
    conditions.push(condition('PeerAuthenticated', status, because));
  }
  return { observedGeneration: generation, conditions };
}

function standingOf(input: StatusInput, resource: Resource): { standing: Standing; details: Details } {
  const { desired, observed } = input;
  const usedBy = desired.usedBy.get(resource.id) ?? 0;
  switch (resource.kind) {
    case 'Gateway':
      return gatewayStanding(input);
    case 'Tunnel':
      return tunnelStanding(input, resource.name);
    case 'Session':
      return sessionStanding(input, resource.name);
    case 'AddressPool': {
      const view = observed.pools.find(({ name }) => name === resource.name);
      const details = view ? { usedBy, total: view.total, used: view.used } : { usedBy };
      const used = view ? `${view.used} of ${view.total} addresses are given out` : 'is put in force next';
      return { standing: appliedStanding(input, 'AAA', view !== undefined, used), details };
    }
    case 'Subscriber': {
      const known = observed.aaa?.subscribers.some(({ name }) => name === resource.name) ?? false;
      const message = known ? 'may log in' : 'is put in force next';
      return { standing: appliedStanding(input, 'AAA', known, message), details: {} };
    }
    case 'PeerProfile': {
      const known = observed.gateway?.peers.some(({ name }) => name === resource.name) ?? false;
      const message = known ? 'is in force' : 'is put in force next';
      return { standing: appliedStanding(input, 'Gateway', known, message), details: { usedBy } };
    }
    case 'TunnelProfile':
    case 'SessionProfile':
    case 'PppProfile': {
      const users = usedBy === 1 ? '1 resource uses it' : `${usedBy} resources use it`;
      return { standing: { ready: true, reason: 'Valid', message: users }, details: { usedBy } };
    }
  }
}

/** For what is applied as part of the settings. */
function appliedStanding(input: StatusInput, object: string, applied: boolean, message: string): Standing {
  const refused = refusalOf(input, object);
  if (refused) return { ready: false, ...refused };
  return { ready: applied, reason: applied ? 'Applied' : 'Pending', message };
}

function refusalOf({ attempts }: StatusInput, object: string): { reason: string; message: string } | undefined {
  const refused = attempts.get(object)?.find(({ error }) => error);
  return refused && { reason: 'ActionFailed', message: `${refused.action}: ${refused.error?.message}` };
}

function gatewayStanding(input: StatusInput): { standing: Standing; details: Details } {
  const { observed, attempts } = input;
  const up = <V extends { state: string }>(views: ReadonlyMap<string, V>) =>
    [...views.values()].filter(({ state }) => state === 'established').length;
  const details: GatewayStatus = {
    tunnels: { dialled: up(observed.tunnels), accepted: observed.accepted.tunnels },
    sessions: { dialled: up(observed.sessions), accepted: observed.accepted.sessions },
  };
  const objects = ['Gateway', 'AAA', ...[...attempts.keys()].filter((object) => object.startsWith('Device/'))];
  const refused = objects.flatMap((object) => refusalOf(input, object) ?? []).at(0);
  if (refused) return { standing: { ready: false, ...refused }, details };
  const listen = observed.gateway?.listen.map(({ address, port }) => `${address}:${port}`) ?? [];
  const message = listen.length > 0 ? `listens at ${listen.join(', ')}` : 'listens nowhere';
  const standing = observed.gateway
    ? { ready: true, reason: observed.gateway.drain ? 'Draining' : 'Applied', message }
    : { ready: false, reason: 'Pending', message: 'is put in force next' };
  return { standing, details };
}

// ---------------------------------------------------------------- tunnels and sessions

function tunnelStanding(input: StatusInput, name: string): { standing: Standing; details: Details } {
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
      const why = view.failure?.message ?? 'the tunnel ended';
      if (!view.spec?.persist && !input.desired.state.tunnels.get(name)?.persist) {
        const message = `${why}; persist is false, so it is not dialled again`;
        return { ready: false, reason: 'Ended', message, stalled: true };
      }
      if (!mayDial(input)) return notDialled(input, why);
      return { ready: false, reason: 'Retrying', message: `${why}${again}` };
    }
  }
}

function mayDial({ desired }: StatusInput): boolean {
  return desired.state.gateway.allowLocalTunnels && !desired.state.gateway.drain;
}

function notDialled(input: StatusInput, otherwise: string): Standing {
  if (mayDial(input)) return { ready: false, reason: 'Pending', message: otherwise };
  const { drain } = input.desired.state.gateway;
  const message = drain ? 'the Gateway drains: nothing is dialled' : "the Gateway's allowLocalTunnels is false";
  return { ready: false, reason: drain ? 'Draining' : 'NotAllowed', message, stalled: true };
}

function authenticated(view: TunnelView | undefined): Pick<Standing, 'peerAuthenticated'> {
  const unknown = { status: 'Unknown', reason: 'NotEstablished', message: 'the tunnel is not established' } as const;
  if (view?.state !== 'established') return { peerAuthenticated: unknown };
  if (view.authenticated) {
    const message = 'the peer proved that it knows the secret';
    return { peerAuthenticated: { status: 'True', reason: 'ChallengeAnswered', message } };
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
    dataPlane: 'userspace',
    sessions: { ...view.sessions },
    since: optionalTime(view.sinceMs),
    lastError: lastErrorOf(view.failure),
  };
}

function peerText({ peerHostName, remote }: TunnelView): string {
  const where = `${remote.address}:${remote.port}`;
  return peerHostName ? `${peerHostName} (${where})` : where;
}

function sessionStanding(input: StatusInput, name: string): { standing: Standing; details: Details } {
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
      return { ready: false, reason: 'WaitingForCall', message: "waits for the peer's call" };
    case 'waitAnswer':
      return { ready: false, reason: 'Establishing', message: 'the peer places the call' };
    case 'waitReply':
    case 'waitConnect':
      return { ready: false, reason: 'Establishing', message: 'waits for an answer of the peer' };
    case 'established':
      return pppState(view);
    case 'closed': {
      const why = view.failure?.message ?? 'the call ended';
      if (!input.desired.state.tunnels.get(tunnelName)?.persist) {
        const message = `${why}; its tunnel's persist is false, so it is not placed again`;
        return { ready: false, reason: 'Ended', message, stalled: true };
      }
      if (tunnel?.state !== 'established') return { ...waits, message: `${waits.message}; last: ${why}` };
      if (!mayDial(input)) return notDialled(input, why);
      return { ready: false, reason: 'Retrying', message: `${why}${again}` };
    }
  }
}

function pppState({ ppp, interface: device }: SessionView): Standing {
  const addresses = ppp.ipv4
    ? `${formatIpv4(ppp.ipv4.local)} to ${formatIpv4(ppp.ipv4.remote)}`
    : ppp.ipv6
      ? 'IPv6'
      : undefined;
  if (ppp.phase === 'network' && addresses !== undefined && device !== undefined) {
    const user = ppp.user === undefined ? '' : ` as ${ppp.user}`;
    return { ready: true, reason: 'Up', message: `${addresses} on ${device}${user}` };
  }
  const failure = ppp.failure === undefined ? '' : `; last: ${ppp.failure}`;
  return { ready: false, reason: 'Negotiating', message: `PPP is in phase ${ppp.phase}${failure}` };
}

function sessionDetails(view: SessionView): SessionStatus {
  const { ppp } = view;
  return {
    localId: view.localId,
    remoteId: view.remoteId,
    pseudowire: view.pseudowire,
    interface: view.interface,
    ppp: {
      phase: ppp.phase,
      user: ppp.user,
      localAddress: ppp.ipv4 && formatIpv4(ppp.ipv4.local),
      remoteAddress: ppp.ipv4 && formatIpv4(ppp.ipv4.remote),
      dns: ppp.ipv4?.dns.map(formatIpv4),
      mru: ppp.peerMru,
      auth: ppp.auth,
    },
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

function lastErrorOf(failure: FailureView | undefined): LastError | undefined {
  if (!failure) return undefined;
  return { time: timeText(failure.atMs), result: failure.result, error: failure.error, message: failure.message };
}

function optionalTime(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : timeText(atMs);
}

function timeText(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}
