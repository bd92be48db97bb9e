/** Every step that leads from what is to what should be: pure, ordered, deterministic, one step an object. */
import {
  type GatewaySpec,
  isPlaced,
  type PlaneDevice,
  type SessionSpec,
  type SessionView,
  type TunnelSpec,
  type TunnelView,
} from '../engine/spec.ts';
import { type Difference, differences, tell } from './compare.ts';
import type { Action, DesiredState, ObservedState } from './live.ts';
import { sessionChange, tunnelChange } from './mutability.ts';

/**
 * What is due now. After these steps the world is observed again and planned anew: what was closed to be established
 * again is opened then, calls when their tunnel is up.
 */
export function plan(desired: DesiredState, observed: ObservedState): Action[] {
  const tunnels = tunnelActions(desired, observed);
  const closing = new Set(tunnels.flatMap((action) => (action.action === 'closeTunnel' ? [action.name] : [])));
  const sessions = sessionActions(desired, observed, closing);
  const isClose = ({ action }: Action) => action === 'closeTunnel' || action === 'closeSession';
  return [
    ...settingActions(desired, observed),
    ...deviceActions(desired, observed),
    ...sessions.filter(isClose),
    ...tunnels.filter(isClose),
    ...tunnels.filter((action) => !isClose(action)),
    ...sessions.filter((action) => !isClose(action)),
  ];
}

/** The object that an action changes, as `Kind/name`. */
export function objectOf(action: Action): string {
  switch (action.action) {
    case 'configureSystem':
      return 'System';
    case 'configureGateway':
      return 'Gateway';
    case 'configureAaa':
      return 'AAA';
    case 'configureDevice':
      return `Device/${action.spec.name}`;
    case 'removeDevice':
    case 'repairDevice':
      return `Device/${action.name}`;
    case 'openTunnel':
    case 'modifyTunnel':
      return `Tunnel/${action.spec.name}`;
    case 'closeTunnel':
      return `Tunnel/${action.name}`;
    case 'openSession':
    case 'modifySession':
      return `Session/${action.spec.name}`;
    case 'closeSession':
      return `Session/${action.name}`;
  }
}

/** What goes down when the actions are taken: names of declared tunnels and sessions that are up now. */
export interface Impact {
  tunnels: string[];
  sessions: string[];
}

export function impact(actions: readonly Action[], observed: ObservedState): Impact {
  const tunnels = new Set<string>();
  const sessions = new Set<string>();
  for (const action of actions) {
    if (action.action === 'closeTunnel' && observed.tunnels.get(action.name)?.state === 'established') {
      tunnels.add(action.name);
    }
    if (action.action === 'closeSession' && observed.sessions.get(action.name)?.state === 'established') {
      sessions.add(action.name);
    }
  }
  for (const [name, view] of observed.sessions) {
    if (view.state === 'established' && view.tunnel !== undefined && tunnels.has(view.tunnel)) sessions.add(name);
  }
  return { tunnels: [...tunnels].sort(), sessions: [...sessions].sort() };
}

/** Plugins before the rules that ask them, pools before the calls that take from them. */
function settingActions({ system, aaa, gateway }: DesiredState, observed: ObservedState): Action[] {
  const actions: Action[] = [];
  const systemFound = differences(observed.system, system);
  if (systemFound.length > 0) actions.push({ action: 'configureSystem', spec: system, reason: tell(systemFound) });
  const aaaFound = differences(observed.aaa, aaa);
  if (aaaFound.length > 0) {
    actions.push({ action: 'configureAaa', spec: aaa, reason: observed.aaa ? tell(aaaFound) : 'first configuration' });
  }
  const gatewayFound = differences(observed.gateway, gateway);
  if (gatewayFound.length > 0) {
    const reason = observed.gateway ? gatewayReason(gatewayFound, observed, gateway) : 'first configuration';
    actions.push({ action: 'configureGateway', spec: gateway, reason });
  }
  return actions;
}

function gatewayReason(found: readonly Difference[], observed: ObservedState, after: GatewaySpec): string {
  const refused = new Set(observed.pppoeServers.flatMap(({ name, failure }) => (failure === undefined ? [] : [name])));
  const again = found.filter(({ path: [field, name], before }) => {
    return field === 'pppoeServers' && before === undefined && refused.has(name);
  });
  const changed = found.filter((difference) => !again.includes(difference));
  return [
    ...(changed.length > 0 ? [tell(changed)] : []),
    ...again.map(({ path: [, name] }) => `PppoeServer/${name} is tried again`),
    ...endedServers(observed, after),
  ].join('; ');
}

/** PppoeServers whose interface is served no more. */
function endedServers({ gateway, pppoeServers }: ObservedState, after: GatewaySpec): string[] {
  const served = new Set(after.pppoeServers.map((server) => server.interface));
  return (gateway?.pppoeServers ?? []).flatMap(({ name, interface: device }) => {
    const calls = pppoeServers.find((view) => view.name === name)?.sessions ?? 0;
    return served.has(device) || calls === 0
      ? []
      : [`PppoeServer/${name} drops ${calls === 1 ? 'a call' : `${calls} calls`}`];
  });
}

// ---------------------------------------------------------------- devices

function deviceActions(desired: DesiredState, observed: ObservedState): Action[] {
  const names = new Set([...desired.devices.keys(), ...observed.devices.keys()]);
  return [...names].sort().flatMap((name) => deviceAction(name, desired, observed) ?? []);
}

function deviceAction(name: string, desired: DesiredState, observed: ObservedState): Action | undefined {
  const spec = desired.devices.get(name);
  const device = observed.devices.get(name);
  if (!device) return spec && { action: 'configureDevice', spec, reason: 'declared' };
  if (device.owner !== 'Gateway') return isInUse(device, desired, observed) ? repair(device) : undefined;
  if (!spec) return { action: 'removeDevice', name, reason: 'no PeerProfile uses it any more' };
  const found = differences(device.spec, spec);
  if (found.length === 0) return repair(device);
  return { action: 'configureDevice', spec, reason: device.spec ? tell(found) : 'declared' };
}

/**
 * Whether the session that owns a device wants it: one that is being closed takes its device along. Those that a peer
 * brought, which are called by their ids, are declared nowhere.
 */
function isInUse({ owner }: PlaneDevice, desired: DesiredState, observed: ObservedState): boolean {
  const name = owner.replace(/^Session\//, '');
  if (/^\d+\/\d+$/.test(name)) return true;
  return desired.sessions.has(name) && observed.sessions.get(name)?.state === 'established';
}

function repair({ name, gaps }: PlaneDevice): Action | undefined {
  return gaps.length === 0 ? undefined : { action: 'repairDevice', name, reason: gaps.join(', ') };
}

// ---------------------------------------------------------------- tunnels and sessions

/** Whether the Gateway lets us dial. */
export function mayDial({ gateway }: DesiredState): boolean {
  return gateway.allowLocalTunnels && !gateway.drain;
}

function tunnelActions(desired: DesiredState, observed: ObservedState): Action[] {
  const names = new Set([...desired.tunnels.keys(), ...observed.tunnels.keys()]);
  return [...names].sort().flatMap((name) => {
    const spec = desired.tunnels.get(name);
    const view = observed.tunnels.get(name);
    const action = spec ? tunnelAction(spec, view, mayDial(desired)) : undeclaredTunnel(name, view);
    return action ?? [];
  });
}

function undeclaredTunnel(name: string, view: TunnelView | undefined): Action {
  const calls = view?.state === 'established' ? droppedCalls(view) : '';
  return { action: 'closeTunnel', name, reason: `no longer declared${calls}` };
}

function tunnelAction(spec: TunnelSpec, view: TunnelView | undefined, mayOpen: boolean): Action | undefined {
  if (!view) return mayOpen ? { action: 'openTunnel', spec, reason: 'declared' } : undefined;
  const { found, asks } = tunnelChange(view.spec, spec, view.version);
  switch (view.state) {
    case 'closing':
      return undefined;
    case 'closed':
      if (!mayOpen) return undefined;
      if (asks) return { action: 'openTunnel', spec, reason: tell(found) };
      return spec.persist ? { action: 'openTunnel', spec, reason: redial(view) } : undefined;
    case 'idle':
    case 'waitReply':
    case 'waitConnect':
    case 'established':
      if (asks === 'live') return { action: 'modifyTunnel', spec, reason: tell(found) };
      if (asks === undefined || !mayOpen) return undefined;
      return {
        action: 'closeTunnel',
        name: spec.name,
        reason: `${tell(found)}: tunnel is re-established${droppedCalls(view)}`,
      };
  }
}

function droppedCalls({ sessions: { established } }: TunnelView): string {
  if (established === 0) return '';
  return established === 1 ? ', 1 call drops' : `, ${established} calls drop`;
}

/** A call that the peer asks for is awaited before the tunnel is up: the peer may ask at once. */
function takesCall({ parameters }: SessionSpec, tunnel: TunnelView | undefined): tunnel is TunnelView {
  if (tunnel === undefined || tunnel.state === 'closing' || tunnel.state === 'closed') return false;
  return tunnel.state === 'established' || !isPlaced(parameters.type);
}

function begunAnew({ state }: SessionView): string {
  return state === 'waitCall' ? 'awaited anew' : 'placed again';
}

function redial({ failure }: TunnelView | SessionView): string {
  return failure ? `dialled again after: ${failure.message}` : 'dialled again';
}

function sessionActions(desired: DesiredState, observed: ObservedState, closing: ReadonlySet<string>): Action[] {
  const names = new Set([...desired.sessions.keys(), ...observed.sessions.keys()]);
  return [...names].sort().flatMap((name) => {
    const spec = desired.sessions.get(name);
    if (!spec) return { action: 'closeSession', name, reason: 'no longer declared' };
    // The call goes down with its tunnel and is placed again when the tunnel is back.
    const view = observed.sessions.get(name);
    if (closing.has(view?.tunnel ?? spec.tunnel)) return [];
    return sessionAction(spec, view, desired, observed.tunnels.get(spec.tunnel)) ?? [];
  });
}

function sessionAction(
  spec: SessionSpec,
  view: SessionView | undefined,
  desired: DesiredState,
  tunnel: TunnelView | undefined,
): Action | undefined {
  const mayOpen = mayDial(desired) && desired.tunnels.has(spec.tunnel) && takesCall(spec, tunnel);
  if (!view) return mayOpen ? { action: 'openSession', spec, reason: 'declared' } : undefined;
  const { found, asks } = sessionChange(view.spec, spec);
  switch (view.state) {
    case 'closed': {
      if (!mayOpen) return undefined;
      if (asks) return { action: 'openSession', spec, reason: tell(found) };
      const persists = desired.tunnels.get(spec.tunnel)?.persist || view.tunnelLocalId !== tunnel.localId;
      return persists ? { action: 'openSession', spec, reason: redial(view) } : undefined;
    }
    case 'waitCall':
    case 'waitReply':
    case 'waitAnswer':
    case 'waitConnect':
    case 'established':
      if (asks === 'live') return { action: 'modifySession', spec, reason: tell(found) };
      if (asks === undefined || !mayDial(desired)) return undefined;
      return { action: 'closeSession', name: spec.name, reason: `${tell(found)}: call is ${begunAnew(view)}` };
  }
}
