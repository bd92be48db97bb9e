import type { Action } from '../reconciler/live.ts';
import type { Impact } from '../reconciler/plan.ts';
import type { PlannedAction } from './types.ts';

/**
 * The steps as changes of objects, one each: what is closed and opened again is replaced.
 * @param devices the names of the devices that are there
 */
export function plannedActions(
  actions: readonly Action[],
  impact: Impact,
  devices: ReadonlySet<string>,
): PlannedAction[] {
  const byObject = new Map<string, PlannedAction>();
  for (const action of actions) {
    const step = changeBy(action, devices);
    const object = `${step.kind}/${step.name}`;
    const earlier = byObject.get(object);
    if (!earlier) byObject.set(object, withoutCreating(step, impact));
    else if (earlier.change === 'delete' && step.change === 'create') earlier.change = 'replace';
  }
  return Array.from(byObject.values());
}

/** Calls go down with their tunnel without a step of their own. */
function withoutCreating(step: PlannedAction, { sessions }: Impact): PlannedAction {
  if (step.kind !== 'Session' || step.change !== 'create' || !sessions.includes(step.name ?? '')) return step;
  return { ...step, change: 'replace', reason: 'drops with its tunnel and is placed again' };
}

function changeBy(action: Action, devices: ReadonlySet<string>): PlannedAction {
  const { reason } = action;
  switch (action.action) {
    case 'configureSystem':
      return { change: 'update', kind: 'System', reason };
    case 'configureGateway':
      return { change: 'update', kind: 'Gateway', reason };
    case 'configureAaa':
      return { change: 'update', kind: 'AAA', reason };
    case 'configureDevice': {
      const { name } = action.spec;
      return { change: devices.has(name) ? 'update' : 'create', kind: 'Device', name, reason };
    }
    case 'repairDevice':
      return { change: 'update', kind: 'Device', name: action.name, reason };
    case 'removeDevice':
      return { change: 'delete', kind: 'Device', name: action.name, reason };
    case 'openTunnel':
      return { change: 'create', kind: 'Tunnel', name: action.spec.name, reason };
    case 'modifyTunnel':
      return { change: 'update', kind: 'Tunnel', name: action.spec.name, reason };
    case 'closeTunnel':
      return { change: 'delete', kind: 'Tunnel', name: action.name, reason };
    case 'openSession':
      return { change: 'create', kind: 'Session', name: action.spec.name, reason };
    case 'modifySession':
      return { change: 'update', kind: 'Session', name: action.spec.name, reason };
    case 'closeSession':
      return { change: 'delete', kind: 'Session', name: action.name, reason };
  }
}
