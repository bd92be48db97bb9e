/** What simulations look at when everything is closed. */
import { nothing } from './scenes.ts';
import type { Node } from './world.ts';

export const nothingLeft = {
  ...nothing,
  planeTunnels: 0,
  planeSessions: 0,
  leases: 0,
  openSockets: 0,
  accounted: 0,
};

export function leftovers(node: Node): typeof nothingLeft {
  return {
    ...node.engine.sizes(),
    planeTunnels: node.planeTunnels.size,
    planeSessions: node.planeSessions.size,
    leases: node.leases.size,
    openSockets: node.openSockets,
    accounted: node.accounted.size,
  };
}
