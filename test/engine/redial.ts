/** What the reconciler does, in short, for simulations. */
import type { SessionSpec, TunnelSpec, TunnelView } from '../../src/engine/spec.ts';
import type { Node } from './world.ts';

/** Dials what is not there or has ended; answers how the tunnel stood before. */
export function redial(node: Node, tunnel: TunnelSpec): TunnelView['state'] | undefined {
  const view = [...node.engine.declaredTunnels()].find(({ name }) => name === tunnel.name);
  if (!view || view.state === 'closed') node.dial(tunnel);
  return view?.state;
}

/** Opens those of the calls that are not there or have ended. */
export function reopen(node: Node, calls: readonly SessionSpec[], now: number): void {
  const states = new Map([...node.engine.declaredSessions()].map(({ name, state }) => [name, state]));
  for (const call of calls) {
    const state = states.get(call.name);
    if (state === undefined || state === 'closed') node.run(node.engine.openSession(call, now));
  }
}
