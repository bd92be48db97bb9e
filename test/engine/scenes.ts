/** Tunnels in the states that tests begin with, and what they look at afterwards. */
import { expect } from 'vitest';
import {
  type GatewaySpec,
  type PeerSpec,
  Secret,
  type SessionView,
  type TunnelParameters,
  type TunnelView,
} from '../../src/engine/spec.ts';
import { bench, type Got, type ScriptedPeer, sample, types } from './scripted-peer.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  type World,
} from './world.ts';

export const nothing = { tunnels: 0, sessions: 0, pppoe: 0, halfOpen: 0, deadlines: 0, serials: 0 };

export interface Scene {
  world: World;
  node: Node;
  peer: ScriptedPeer;
}

/** A tunnel that we dialled, with one established call. */
export function weDialled(parameters = tunnelParameters()): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer, world } = scene;
  node.dial(tunnelSpec('10.0.0.9', { parameters }));
  peer.accept();
  // PPP is not the subject: it waits for as long as any of these tests lasts.
  const lcp = { maxConfigRequests: 10_000, maxConfigNaks: 10, maxTerminateRequests: 3, retransmitMs: 3_000 };
  node.run(node.engine.openSession(sessionSpec('call', { ppp: pppSpec('client', { lcp }) }), world.now));
  const icrq = peer.log.at(-1);
  peer.send(sample(peer).ICRP, { sessionId: icrq?.avps.assignedSessionId });
  peer.ack();
  expect(theSession(node)?.state).toBe('established');
  return scene;
}

/** A tunnel that the peer opened, with one established call. */
export function peerDialled(): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer } = scene;
  peer.connect();
  const [icrp] = peer.send(sample(peer).ICRQ);
  peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
  expect(theSession(node)?.state).toBe('established');
  return scene;
}

export function theTunnel(node: Node): TunnelView | undefined {
  return [...node.engine.declaredTunnels(), ...node.engine.acceptedTunnels()][0];
}

export function theSession(node: Node): SessionView | undefined {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()][0];
}

export function expectNothingLeft({ node }: Scene): void {
  expect(node.engine.sizes()).toEqual(nothing);
  expect(node.planeTunnels.size + node.planeSessions.size + node.leases.size + node.openSockets).toBe(0);
}

export function resultOf(got: readonly Got[]): [result: number | undefined, error: number | undefined] {
  expect(types(got)).toEqual(['StopCCN']);
  const { result, error } = got[0].avps.resultCode ?? {};
  return [result, error];
}

export const secret = new Secret('tunnel secret');

/** A gateway whose peers are known by address. */
export function guarded(
  tunnel: Partial<TunnelParameters>,
  peer: Partial<PeerSpec> = {},
  gateway: Partial<GatewaySpec> = {},
) {
  const known = peerSpec({ match: { addresses: ['10.0.0.0/8'] }, tunnel: tunnelParameters(tunnel), ...peer });
  return gatewaySpec({ peers: [known], ...gateway });
}
