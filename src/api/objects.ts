/** From views and declarations to the objects that the API shows. */
import type { OtherAvp, PoolView, SessionView, TunnelView } from '../engine/spec.ts';
import { describeAvps, describeOthers } from '../engine/wire/avp-text.ts';
import { circuitStatusOf } from '../reconciler/circuit-status.ts';
import { pppStatusOf } from '../reconciler/ppp-status.ts';
import { lastErrorOf } from '../reconciler/standing.ts';
import { sessionConditions, tunnelConditions } from './conditions.ts';
import { acceptedName } from './names.ts';
import type { ApiSource, DeclaredObject } from './source.ts';
import {
  API_VERSION,
  type ApiObject,
  type AvpStatus,
  type ConditionStatus,
  type GatewayObject,
  type ObjectKind,
  ORIGIN,
  type PoolObject,
  type PppoeServerObject,
  type PppoeSession,
  type SessionObject,
  type SessionStatus,
  type TunnelObject,
  type TunnelStatus,
} from './types.ts';

export function* tunnelObjects(source: ApiSource): Generator<TunnelObject> {
  const declared = byName(source.declared('Tunnel'));
  for (const view of source.tunnels()) {
    const own = view.name === undefined ? undefined : declared.get(view.name);
    if (own) declared.delete(own.name);
    yield tunnelObject(source, view, own);
  }
  for (const own of declared.values()) {
    yield object('Tunnel', own.name, own, { ...common(own), state: 'idle' });
  }
}

export function* sessionObjects(source: ApiSource): Generator<SessionObject> {
  const declared = byName(source.declared('Session'));
  for (const view of source.sessions()) {
    const own = view.name === undefined ? undefined : declared.get(view.name);
    if (own) declared.delete(own.name);
    yield sessionObject(source, view, own);
  }
  for (const own of declared.values()) {
    yield object('Session', own.name, own, { ...common(own), state: 'closed', tunnel: tunnelOf(own.spec ?? {}) });
  }
}

export function tunnelObject(source: ApiSource, view: TunnelView, own = ownOf(source, 'Tunnel', view)): TunnelObject {
  const name = view.name ?? acceptedName(view.localId);
  const status = tunnelStatus(view, source.dataPlane);
  return object('Tunnel', name, own, { ...common(own, () => tunnelConditions(view)), ...status });
}

export function sessionObject(
  source: ApiSource,
  view: SessionView,
  own = ownOf(source, 'Session', view),
): SessionObject {
  const name = view.name ?? acceptedName(view.tunnelLocalId, view.localId);
  const status = sessionStatus(source, view);
  return object('Session', name, own, { ...common(own, () => sessionConditions(view)), ...status });
}

function ownOf(source: ApiSource, kind: ObjectKind, { name }: { name?: string }): DeclaredObject | undefined {
  if (name === undefined) return undefined;
  for (const own of source.declared(kind)) if (own.name === name) return own;
  return undefined;
}

/** There is always a gateway, declared or not. */
export function gatewayObject(source: ApiSource): GatewayObject {
  const [own] = source.declared('Gateway');
  return object('Gateway', own?.name ?? 'default', own, {
    ...common(own),
    ...source.counts(),
    radius: source.radius(),
  });
}

const emptyPool: PoolView = { name: '', total: 0, used: 0, prefixes: { total: 0, used: 0 }, refused: 0 };

export function* poolObjects(source: ApiSource): Generator<PoolObject> {
  const views = new Map(Array.from(source.pools(), (view) => [view.name, view]));
  for (const own of source.declared('AddressPool')) {
    const { name: _, ...counts } = views.get(own.name) ?? emptyPool;
    yield object('AddressPool', own.name, own, { ...common(own), ...counts });
  }
}

export function* pppoeServerObjects(source: ApiSource): Generator<PppoeServerObject> {
  const views = new Map(Array.from(source.pppoeServers(), (view) => [view.name, view]));
  for (const own of source.declared('PppoeServer')) {
    const { sessions = 0 } = views.get(own.name) ?? {};
    yield object('PppoeServer', own.name, own, { ...common(own), sessions });
  }
}

export function* pppoeSessions(source: ApiSource): Generator<PppoeSession> {
  for (const { server, sessionId, peer, user, switchedWith, call, sinceMs } of source.pppoeSessions()) {
    yield {
      server,
      sessionId,
      peer,
      user,
      switchedWith: switchedWith === undefined ? undefined : nameOfCall(switchedWith),
      call: described(call),
      since: new Date(sinceMs).toISOString(),
    };
  }
}

function object<Kind extends ObjectKind, Status extends object>(
  kind: Kind,
  name: string,
  own: DeclaredObject | undefined,
  status: Status,
): ApiObject<Kind, Status> {
  if (!own) return { apiVersion: API_VERSION, kind, metadata: { name }, status };
  const annotations = own.origin === undefined ? undefined : { [ORIGIN]: own.origin };
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: { name, generation: own.status.observedGeneration, annotations },
    spec: own.spec,
    status,
  };
}

/** The reconciler's word on what is declared; for what a peer opened, conditions by the same names. */
function common(own: DeclaredObject | undefined, conditions: () => ConditionStatus[] = () => []) {
  if (!own) return { conditions: conditions() };
  return { ...own.status, conditions: own.status.conditions ?? [] };
}

function tunnelStatus(view: TunnelView, dataPlane: string): Omit<TunnelStatus, 'conditions'> {
  return {
    state: view.state,
    direction: view.direction,
    localId: view.localId || undefined,
    remoteId: view.remoteId || undefined,
    local: { address: view.local.address, port: view.local.port },
    peer: {
      address: view.remote.address,
      port: view.remote.port,
      hostName: view.peerHostName,
      vendorName: view.peerVendorName,
    },
    peerProfile: view.peerProfile,
    version: view.version,
    encapsulation: view.encapsulation,
    dataPlane,
    quirks: view.quirks && [...view.quirks],
    sessions: { ...view.sessions },
    since: sinceOf(view),
    lastError: lastErrorOf(view.failure),
    counters: { ...view.transport },
  };
}

function sessionStatus(source: ApiSource, view: SessionView): Omit<SessionStatus, 'conditions'> {
  return {
    state: view.state,
    direction: view.direction,
    type: view.type,
    tunnel: view.tunnel ?? acceptedName(view.tunnelLocalId),
    localId: view.localId || undefined,
    remoteId: view.remoteId || undefined,
    remoteEndId: view.call.remoteEndId ?? view.spec?.remoteEndId,
    pseudowire: view.pseudowire,
    interface: view.state === 'closed' ? undefined : view.interface,
    circuit: view.circuit && circuitStatusOf(view.circuit),
    switchedWith: view.switched && nameOfCall(view.switched.with),
    callingNumber: view.call.callingNumber ?? view.spec?.callingNumber,
    calledNumber: view.call.calledNumber ?? view.spec?.calledNumber,
    callSerialNumber: view.callSerialNumber,
    call: described(view.call, source, view.others),
    ppp: view.pseudowire === 'ppp' ? pppStatusOf(view.ppp) : undefined,
    counters: view.counters && { ...view.counters },
    since: sinceOf(view),
    lastError: lastErrorOf(view.failure),
  };
}

function described(
  call: SessionView['call'],
  source?: ApiSource,
  others: readonly OtherAvp[] = [],
): AvpStatus[] | undefined {
  const avps = [
    ...describeAvps(call),
    ...describeOthers(others).map((text, at) => ({ ...text, ...source?.describeOther(others[at]) })),
  ];
  return avps.length === 0 ? undefined : avps;
}

/** A declared call's name, or `tunnelId/sessionId` of one that is not. */
function nameOfCall(title: string): string {
  const ids = /^(\d+)\/(\d+)$/.exec(title);
  return ids ? acceptedName(Number(ids[1]), Number(ids[2])) : title;
}

/** An ended one remembers when it had been established. */
function sinceOf({ state, sinceMs }: { state: string; sinceMs?: number }): string | undefined {
  return sinceMs === undefined || state !== 'established' ? undefined : new Date(sinceMs).toISOString();
}

function byName(declared: Iterable<DeclaredObject>): Map<string, DeclaredObject> {
  return new Map(Array.from(declared, (own) => [own.name, own]));
}

function tunnelOf(spec: object): string {
  return 'tunnel' in spec && typeof spec.tunnel === 'string' ? spec.tunnel : '';
}
