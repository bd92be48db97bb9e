/** Two engines that speak L2TPv3 with each other. */
import type { SessionSpec, SessionView, TunnelParameters, TunnelSpec, TunnelView } from '../../src/engine/spec.ts';
import {
  ethernetSpec,
  gatewaySpec,
  type Node,
  peerSpec,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  World,
} from './world.ts';

export interface Pair {
  world: World;
  /** The one that dials. */
  left: Node;
  right: Node;
}

/** `tunnel`: how the right one takes tunnels. */
export function pair(
  tunnel: Partial<TunnelParameters>,
  pseudowire = 'ethernet' as SessionSpec['parameters']['pseudowire'],
): Pair {
  const world = new World(7);
  const peer = peerSpec({
    match: { addresses: ['10.0.0.0/8'] },
    tunnel: tunnelParameters({ hostName: 'right.example', version: 'auto', ...tunnel }),
    session: { ...sessionParameters, pseudowire },
    ppp: { ...peerSpec().ppp, authenticatePeer: false },
  });
  const left = world.node('10.0.0.1', gatewaySpec({ routerId: 1, peers: [peer] }));
  const right = world.node('10.0.0.2', gatewaySpec({ routerId: 2, peers: [peer] }));
  return { world, left, right };
}

export function dialV3(
  { left, right, world }: Pair,
  parameters: Partial<TunnelParameters>,
  changes: Partial<TunnelSpec> = {},
): void {
  const own = tunnelParameters({ hostName: 'left.example', version: 'v3', ...parameters });
  left.dial(tunnelSpec(right.address, { parameters: own, ...changes }));
  world.runFor(1_000);
}

/** An Ethernet pseudowire. */
export function wire(name: string, changes: Partial<SessionSpec> = {}): SessionSpec {
  const parameters = { ...sessionParameters, pseudowire: 'ethernet' as const, ...changes.parameters };
  return sessionSpec(name, { ethernet: ethernetSpec, ...changes, parameters });
}

export function open({ left, world }: Pair, spec: SessionSpec): void {
  left.run(left.engine.openSession(spec, world.now));
  world.runFor(1_000);
}

export function declaredTunnel(node: Node): TunnelView | undefined {
  return [...node.engine.declaredTunnels()][0];
}

export function acceptedTunnel(node: Node): TunnelView | undefined {
  return [...node.engine.acceptedTunnels()][0];
}

export function declaredSession(node: Node, name: string): SessionView | undefined {
  return [...node.engine.declaredSessions()].find((view) => view.name === name);
}

export function acceptedSession(node: Node): SessionView | undefined {
  return [...node.engine.acceptedSessions()][0];
}
