/** All steps from what is to what should be, as if the world obeyed at once: what a plan shows before it is taken. */
import type { PlaneDevice, SessionSpec, SessionView, TunnelSpec, TunnelView } from '../engine/spec.ts';
import type { Action, DesiredState, ObservedState } from './live.ts';
import { plan } from './plan.ts';

/** The most rounds that any change needs: close, open, then the calls. */
const roundLimit = 8;

/** A world that can be changed. */
interface World extends ObservedState {
  devices: Map<string, PlaneDevice>;
  tunnels: Map<string, TunnelView>;
  sessions: Map<string, SessionView>;
}

export function foresee(desired: DesiredState, observed: ObservedState): Action[] {
  const world: World = {
    ...observed,
    devices: new Map(observed.devices),
    tunnels: new Map(observed.tunnels),
    sessions: new Map(observed.sessions),
  };
  const steps: Action[] = [];
  for (let round = 0; round < roundLimit; round++) {
    const actions = plan(desired, world);
    if (actions.length === 0) break;
    for (const action of actions) obey(world, action);
    steps.push(...actions);
  }
  return steps;
}

function obey(world: World, action: Action): void {
  const { devices, tunnels, sessions } = world;
  switch (action.action) {
    case 'configureSystem':
      world.system = action.spec;
      break;
    case 'configureGateway':
      world.gateway = action.spec;
      break;
    case 'configureAaa':
      world.aaa = action.spec;
      break;
    case 'configureDevice':
      devices.set(action.spec.name, { name: action.spec.name, owner: 'Gateway', spec: action.spec, gaps: [] });
      break;
    case 'removeDevice':
      devices.delete(action.name);
      break;
    case 'repairDevice': {
      const device = devices.get(action.name);
      if (device) devices.set(action.name, { ...device, gaps: [] });
      break;
    }
    case 'openTunnel':
    case 'modifyTunnel':
      tunnels.set(action.spec.name, tunnelUp(action.spec, tunnels.get(action.spec.name)));
      break;
    case 'closeTunnel':
      tunnels.delete(action.name);
      for (const [name, session] of sessions) if (session.tunnel === action.name) sessions.delete(name);
      break;
    case 'openSession':
    case 'modifySession':
      sessions.set(action.spec.name, sessionUp(action.spec, sessions.get(action.spec.name)));
      break;
    case 'closeSession':
      sessions.delete(action.name);
      break;
    default:
      action satisfies never;
  }
}

function tunnelUp(spec: TunnelSpec, before: TunnelView | undefined): TunnelView {
  return {
    direction: 'dialled',
    version: spec.parameters.version === 'v3' ? 3 : 2,
    encapsulation: spec.encapsulation,
    localId: 0,
    remoteId: 0,
    local: { address: spec.localAddress ?? '', port: spec.localPort },
    remote: { address: spec.remoteAddress, port: spec.remotePort },
    authenticated: false,
    sessions: { established: 0, total: 0 },
    transport: { sent: 0, received: 0, retransmitted: 0, duplicates: 0, outOfOrder: 0, digestFailures: 0 },
    ...before,
    name: spec.name,
    state: 'established',
    spec,
    parameters: spec.parameters,
  };
}

function sessionUp(spec: SessionSpec, before: SessionView | undefined): SessionView {
  return {
    tunnelLocalId: 0,
    version: 2,
    direction: 'dialled',
    type: spec.parameters.type,
    localId: 0,
    remoteId: 0,
    pseudowire: spec.parameters.pseudowire,
    call: {},
    ppp: { phase: 'network', peerMru: spec.ppp.mru },
    ...before,
    name: spec.name,
    tunnel: spec.tunnel,
    state: 'established',
    spec,
  };
}
