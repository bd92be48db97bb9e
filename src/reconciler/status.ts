/** What became of every resource, in conditions for the operator. */
import type { SpecError } from '../engine/errors.ts';
import type { ListenSpec, PoolView, RadiusView } from '../engine/spec.ts';
import { sessionStanding, tunnelStanding } from './call-standing.ts';
import type { Desired } from './desired.ts';
import type { Condition, GatewayStatus, PppoeServerStatus } from './generated.ts';
import { refusesEveryone } from './peers.ts';
import type { Resource } from './resources.ts';
import { type Details, refusalOf, type Standing, type Status, type StatusInput, timeText } from './standing.ts';
import { inWords } from './system-words.ts';

const settled = { reason: 'Settled', message: 'nothing is being worked on' };
const notStalled = { reason: 'NotStalled', message: 'nothing waits for the operator' };

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
    case 'PppoeServer':
      return state.gateway.pppoeServers.some((server) => server.name === name);
    case 'AddressPool':
      return state.aaa.pools.some((pool) => pool.name === name);
    case 'Subscriber':
      return state.aaa.subscribers.some((subscriber) => subscriber.name === name);
    case 'Gateway':
    case 'TunnelProfile':
    case 'SessionProfile':
    case 'PppProfile':
    case 'EthernetProfile':
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
    case 'PppoeServer':
      return pppoeServerStanding(input, resource.name);
    case 'AddressPool': {
      const view = observed.pools.find(({ name }) => name === resource.name);
      const { name: _, ...counts }: Partial<PoolView> = view ?? {};
      return { standing: poolStanding(input, view), details: { usedBy, ...counts } };
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
    case 'PppProfile':
    case 'EthernetProfile': {
      const users = usedBy === 1 ? '1 resource uses it' : `${usedBy} resources use it`;
      return { standing: { ready: true, reason: 'Valid', message: users }, details: { usedBy } };
    }
  }
}

function poolStanding(input: StatusInput, view: PoolView | undefined): Standing {
  if (!view) return appliedStanding(input, 'AAA', false, 'is put in force next');
  const { total, used, prefixes, refused } = view;
  const kinds = [
    { what: 'addresses', field: 'ranges', total, used },
    { what: 'prefixes', field: 'ipv6.prefixes', ...prefixes },
  ].filter((kind) => kind.total > 0);
  const refusals = refused === 0 ? '' : `, and ${refused} ${refused === 1 ? 'request was' : 'requests were'} refused`;
  const full = kinds.find((kind) => kind.used >= kind.total);
  if (full) {
    const message = `all ${full.total} ${full.what} are given out${refusals}: give it more ${full.field}`;
    return { ready: false, reason: 'PoolExhausted', message, stalled: true };
  }
  const given = kinds.map((kind) => `${kind.used} of ${kind.total} ${kind.what}`).join(' and ');
  return appliedStanding(input, 'AAA', true, `${given || 'no addresses'} are given out${refusals}`);
}

function pppoeServerStanding(input: StatusInput, name: string): { standing: Standing; details: PppoeServerStatus } {
  const spec = input.desired.state.gateway.pppoeServers.find((server) => server.name === name);
  const view = input.observed.pppoeServers.find((server) => server.name === name);
  const details = { interface: spec?.interface, acName: spec?.acName, sessions: view?.sessions };
  if (view?.failure !== undefined) {
    return {
      standing: { ready: false, reason: 'ActionFailed', message: `${inWords(view.failure)}; it is tried again` },
      details,
    };
  }
  const message = view ? `serves ${spec?.interface} as ${spec?.acName}` : 'is put in force next';
  return { standing: appliedStanding(input, 'Gateway', view !== undefined, message), details };
}

/** For what is applied as part of the settings. */
function appliedStanding(input: StatusInput, object: string, applied: boolean, message: string): Standing {
  const refused = refusalOf(input, object);
  if (refused) return { ready: false, ...refused };
  return { ready: applied, reason: applied ? 'Applied' : 'Pending', message };
}

function gatewayStanding(input: StatusInput): { standing: Standing; details: Details } {
  const { observed, attempts } = input;
  const up = <V extends { state: string }>(views: ReadonlyMap<string, V>) =>
    [...views.values()].filter(({ state }) => state === 'established').length;
  const details: GatewayStatus = {
    tunnels: { dialled: up(observed.tunnels), accepted: observed.accepted.tunnels },
    sessions: { dialled: up(observed.sessions), accepted: observed.accepted.sessions },
    radius: observed.radius && {
      ...observed.radius,
      servers: observed.radius.servers.map((server) => ({ ...server })),
    },
  };
  const objects = [
    'Gateway',
    'System',
    'AAA',
    ...[...attempts.keys()].filter((object) => object.startsWith('Device/')),
  ];
  const refused = objects.flatMap((object) => refusalOf(input, object) ?? []).at(0);
  if (refused) return { standing: { ready: false, ...refused }, details };
  const silent = observed.radius ? silentServers(observed.radius) : [];
  if (silent.length > 0 && silent.length === observed.radius?.servers.length) {
    const message = `no RADIUS server answers: ${silent.join('; ')}`;
    return { standing: { ready: false, reason: 'RadiusUnavailable', message }, details };
  }
  const listen = observed.gateway?.listen.map(listenerText) ?? [];
  const listens = listen.length > 0 ? `listens at ${listen.join(', ')}` : 'listens nowhere';
  const refusal = observed.gateway && refusesEveryone(observed.gateway);
  const mute = silent.length > 0 ? `; of the RADIUS servers some do not answer: ${silent.join('; ')}` : '';
  const message = `${refusal ? `${listens}, and ${refusal}` : listens}${mute}`;
  const standing = observed.gateway
    ? { ready: true, reason: observed.gateway.drain ? 'Draining' : 'Applied', message }
    : { ready: false, reason: 'Pending', message: 'is put in force next' };
  return { standing, details };
}

function listenerText({ address, port, encapsulation }: ListenSpec): string {
  return encapsulation === 'ip' ? `${address} over IP` : `${address}:${port}`;
}

/** Those that do not answer, each with what last went wrong. */
function silentServers({ servers }: RadiusView): string[] {
  return servers.flatMap(({ address, alive, lastError }) => {
    if (alive) return [];
    return lastError === undefined ? address : `${address} (${lastError})`;
  });
}
