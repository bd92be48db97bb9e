import { describe, expect, it } from 'vitest';
import { freeId } from '../../src/engine/core.ts';
import type { PeerSpec } from '../../src/engine/spec.ts';
import { guarded, nothing, resultOf, secret } from './scenes.ts';
import { bench, encode, type Got, ScriptedPeer, sample, tunnelStates, types } from './scripted-peer.ts';
import { rawAvp } from './wire/arbitrary.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  SeededRandom,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  World,
} from './world.ts';

const dialled = tunnelSpec('10.0.0.9');

function declaredStates(node: Node): string[] {
  return [...node.engine.declaredTunnels()].map(({ name, state }) => `${name} ${state}`);
}

describe('the tie-breaker (RFC 2661 4.4.3)', () => {
  /** We have asked; now the peer asks. */
  function meet(useTieBreaker: boolean, theirs: (ours: bigint) => bigint | undefined) {
    const scene = bench(gatewaySpec());
    scene.node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters({ useTieBreaker, hostName: 'declared' }) }));
    const ours = scene.peer.log[0].avps.tieBreaker;
    expect(ours !== undefined).toBe(useTieBreaker);
    scene.peer.restart();
    const answer = scene.peer.sccrq({ tieBreaker: theirs(ours ?? 0n) });
    return { ...scene, answer };
  }

  it.each([
    ['lower than ours', true, (ours: bigint) => ours - 1n],
    ['0', true, () => 0n],
    ['there, and ours is not', false, () => 0xffff_ffff_ffff_ffffn],
  ] as const)('the peer wins when its value is %s: its tunnel is the declared one', (_what, useTieBreaker, theirs) => {
    const { node, peer, world, answer } = meet(useTieBreaker, theirs);
    expect(types(answer)).toEqual(['SCCRP']);
    expect(answer[0].avps.hostName).toBe('declared');
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    expect(declaredStates(node)).toEqual(['to-peer waitConnect']);
    expect([...node.engine.acceptedTunnels()]).toEqual([]);
    expect(node.openSockets).toBe(0);
    peer.sccn();
    expect(declaredStates(node)).toEqual(['to-peer established']);
    expect([...node.engine.declaredTunnels()][0]).toMatchObject({ peerProfile: 'default', remoteId: peer.tunnelId });

    // It carries calls either way, under the declared name.
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    node.run(node.engine.openSession(sessionSpec('call'), world.now));
    expect(types(peer.unread())).toEqual(['ICRQ']);
    peer.ack();
    node.run(node.engine.closeTunnel('to-peer', world.now));
    expect(types(peer.unread())).toEqual(['StopCCN']);
    expect(declaredStates(node)).toEqual([]);
    peer.ack();
    world.runFor(31_000);
    expect(node.engine.sizes()).toEqual(nothing);
  });

  it.each([
    ['higher than ours', (ours: bigint) => ours + 1n],
    ['the highest', () => 0xffff_ffff_ffff_ffffn],
    ['not there, and ours is', () => undefined],
  ] as const)('we win when its value is %s', (_what, theirs) => {
    const { node, peer, answer } = meet(true, theirs);
    expect(answer).toEqual([]);
    expect(node.engine.drops).toEqual({ lostTie: 1 });
    expect(tunnelStates(node)).toEqual(['waitReply']);
    peer.remoteId = peer.log[0].avps.assignedTunnelId ?? 0;
    peer.remote = peer.log[0].from;
    expect(types(peer.sccrp({}, { ns: 0, nr: 1 }))).toEqual(['SCCCN']);
    expect(declaredStates(node)).toEqual(['to-peer established']);
    // The one tunnel carries the calls of either side.
    expect(types(peer.send(sample(peer).ICRQ, { ns: 1, nr: 2 }))).toEqual(['ICRP']);
  });

  it('both lose when the values are equal', () => {
    const { node, answer, world } = meet(true, (ours) => ours);
    expect(answer).toEqual([]);
    expect(declaredStates(node)).toEqual(['to-peer closed']);
    expect(node.engine.sizes()).toEqual(nothing);
    expect(node.openSockets).toBe(0);
    world.runFor(1_000);
    node.dial(dialled);
    expect(declaredStates(node)).toEqual(['to-peer waitReply']);
  });

  it('is no tie when neither has a value: there are two tunnels', () => {
    const { node, peer, answer } = meet(false, () => undefined);
    expect(types(answer)).toEqual(['SCCRP']);
    expect(tunnelStates(node)).toEqual(['waitReply', 'waitConnect']);
    peer.sccn();
    expect([...node.engine.acceptedTunnels()].length).toBe(1);
    expect(declaredStates(node)).toEqual(['to-peer waitReply']);
  });

  it('is no tie with a tunnel that has its answer, or that goes elsewhere', () => {
    const { node, peer } = bench(gatewaySpec());
    node.dial(dialled);
    peer.accept();
    node.dial(tunnelSpec('10.0.0.10', { name: 'elsewhere' }));
    peer.restart(78);
    expect(types(peer.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    expect(tunnelStates(node)).toEqual(['established', 'waitReply', 'waitConnect']);
  });

  it('leaves one tunnel between two that dial each other at once', () => {
    for (let seed = 0; seed < 100; seed++) {
      const world = new World(seed, { loss: 0.1, duplication: 0.1, minDelayMs: 1, maxDelayMs: 20 });
      const nodes = [world.node('10.0.0.1', gatewaySpec()), world.node('10.0.0.2', gatewaySpec())];
      for (const node of nodes) node.dial(tunnelSpec(nodes.find((other) => other !== node)?.address ?? ''));
      // A late copy of the loser's SCCRQ may open a tunnel that nobody answers in: it dies in 31 s.
      world.runFor(59_000);
      const views = nodes.map(({ engine }) => [...engine.declaredTunnels()][0]);
      expect(views.map(({ state }) => state)).toEqual(['established', 'established']);
      expect(views[0].localId).toBe(views[1].remoteId);
      expect(views[1].localId).toBe(views[0].remoteId);
      for (const { engine } of nodes) expect(engine.sizes().tunnels).toBe(1);
      expect(nodes[0].openSockets + nodes[1].openSockets).toBe(1);
    }
  });
});

describe('another protocol version', () => {
  const protocolVersion = { version: 2, revision: 0 };

  it('is refused with the one that we speak, in an SCCRQ and in an SCCRP', () => {
    const responder = bench(gatewaySpec());
    expect(resultOf(responder.peer.sccrq({ protocolVersion }))).toEqual([5, 1]);
    const initiator = bench(gatewaySpec());
    initiator.node.dial(dialled);
    expect(resultOf(initiator.peer.sccrp({ protocolVersion }))).toEqual([5, 1]);
  });

  it('does not mean another revision', () => {
    const { peer } = bench(gatewaySpec());
    expect(types(peer.sccrq({ protocolVersion: { version: 1, revision: 7 } }))).toEqual(['SCCRP']);
  });
});

describe('an SCCRQ that comes again', () => {
  it('is the same request, and is only acknowledged', () => {
    const { node, peer, world } = bench(gatewaySpec());
    peer.sccrq();
    for (let again = 0; again < 5; again++) expect(peer.sccrq({}, { tunnelId: 0, ns: 0 })).toEqual([]);
    world.runFor(1);
    expect(types(peer.unread())).toEqual(['ZLB']);
    peer.sccn();
    expect(peer.sccrq({}, { tunnelId: 0, ns: 0 })).toEqual([]);
    expect(tunnelStates(node)).toEqual(['established']);
    expect([...node.engine.acceptedTunnels()][0].transport.duplicates).toBe(6);
  });

  it('with another tunnel id or from another port is another request', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.sccrq();
    peer.restart(78);
    expect(types(peer.sccrq())).toEqual(['SCCRP']);
    peer.restart(77);
    peer.sccrq({}, { from: { ...peer.endpoint, port: 1702 } });
    expect(tunnelStates(node)).toEqual(['waitConnect', 'waitConnect', 'waitConnect']);
  });

  it('long after the first is a peer that has started anew; the old tunnel is found dead', () => {
    const { node, peer, world } = bench(gatewaySpec());
    peer.connect();
    peer.liveFor(31_000);
    peer.restart();
    expect(types(peer.sccrq())).toEqual(['SCCRP']);
    peer.sccn();
    expect(tunnelStates(node)).toEqual(['established', 'established']);
    const [, { localId }] = [...node.engine.acceptedTunnels()];
    // The peer acknowledges in its new tunnel only.
    peer.liveFor(150_000);
    expect([...node.engine.acceptedTunnels()].map((view) => view.localId)).toEqual([localId]);
    peer.stopCcn();
    world.runFor(31_000);
    expect(node.engine.sizes()).toEqual(nothing);
  });

  it('is still known when the tunnel from before the new start has died', () => {
    const { node, peer, world } = bench(guarded({ helloIntervalMs: 5_000 }));
    peer.connect();
    peer.liveFor(31_000);
    peer.restart();
    peer.sccrq();
    peer.liveFor(60_000);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    world.runFor(100);
    expect(peer.sccrq({}, { tunnelId: 0, ns: 0 })).toEqual([]);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
  });

  it('after the tunnel has ended is a new request', () => {
    const { node, peer, world } = bench(gatewaySpec());
    peer.connect();
    peer.stopCcn();
    world.runFor(31_000);
    peer.restart();
    expect(types(peer.sccrq())).toEqual(['SCCRP']);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
  });

  it('does not begin in the middle of its sequence', () => {
    const { node, peer } = bench(gatewaySpec());
    expect(peer.sccrq({}, { ns: 1 })).toEqual([]);
    expect(node.engine.drops).toEqual({ notTheFirst: 1 });
    expect(node.engine.sizes().tunnels).toBe(0);
  });

  it('may be withdrawn by a peer that has no answer yet', () => {
    const { node, peer, world } = bench(gatewaySpec());
    peer.sccrq();
    peer.stopCcn({ tunnelId: 0, nr: 0 });
    expect(tunnelStates(node)).toEqual(['closed']);
    world.runFor(20);
    expect(peer.unread()).toMatchObject([{ type: 'ZLB', header: { nr: 2, tunnelId: peer.tunnelId } }]);
    // Its acknowledgement was lost.
    peer.stopCcn({ tunnelId: 0, ns: 1, nr: 0 });
    world.runFor(20);
    expect(types(peer.unread())).toEqual(['ZLB']);
    peer.restart(80);
    expect(peer.stopCcn({ ns: 1 })).toEqual([]);
    expect(node.engine.drops).toEqual({ notARequest: 1 });
  });

  it('is not withdrawn by somebody who does not know the id of the tunnel that is up', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.connect();
    peer.stopCcn({ tunnelId: 0, ns: 2 });
    expect(tunnelStates(node)).toEqual(['established']);
    expect(node.engine.drops).toEqual({ notARequest: 1 });
    peer.stopCcn({ ns: 2 });
    expect(tunnelStates(node)).toEqual(['closed']);
  });
});

describe('an SCCRQ that cannot be read', () => {
  it('has no answer, but the operator is told why, once a second', () => {
    const { node, peer, world } = bench(guarded({ authMode: 'challenge', secret }));
    const body = encode({ type: 'SCCRQ', avps: peer.introduction });
    const request = Uint8Array.from([...body, ...rawAvp(999, Uint8Array.of(1))]);
    for (let again = 0; again < 5; again++) expect(peer.sendBody(request, { ns: 0 })).toEqual([]);
    const message = 'dropped a message from 10.0.0.9: SCCRQ: unknown mandatory AVP, vendor 0 type 999';
    expect(node.notices).toMatchObject([{ subject: 'gateway', event: 'protocol', name: '10.0.0.9', message }]);
    world.runFor(1_000);
    peer.sendBody(request, { ns: 0 });
    expect(node.notices.length).toBe(2);
  });
});

describe('half-open tunnels', () => {
  it('are at most 1,000, whoever asks; the oldest makes room, and a good peer gets in', () => {
    const { world, node, peer } = bench(gatewaySpec());
    const dice = new SeededRandom(7);
    const flood = (requests: number): void => {
      for (let request = 0; request < requests; request++) {
        const [second, third, fourth] = dice.bytes(3);
        const from = { address: `172.${second}.${third}.${fourth}`, port: 1 + dice.below(65_535) };
        const { tunnelId, ns } = { tunnelId: 0, ns: 0 };
        peer.sccrq({ assignedTunnelId: 1 + dice.below(65_535) }, { from, tunnelId, ns });
      }
    };
    flood(10_000);
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1_000, sessions: 0, halfOpen: 1_000, deadlines: 1_000 });
    expect(node.engine.drops).toEqual({ halfOpenForgotten: 9_000 });
    peer.sccrq();
    flood(900);
    peer.sccn();
    expect([...node.engine.acceptedTunnels()].filter(({ state }) => state === 'established').length).toBe(1);
    flood(2_000);
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1_001, halfOpen: 1_000 });
    peer.liveFor(120_000);
    world.runFor(40_000);
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1, halfOpen: 0 });
  }, 60_000);

  it('of one address do not push out those of others', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.sccrq();
    const from = { address: '10.0.0.66', port: 1701 };
    for (let assignedTunnelId = 1; assignedTunnelId <= 3_000; assignedTunnelId++) {
      peer.sccrq({ assignedTunnelId }, { from, tunnelId: 0, ns: 0, nr: 0 });
    }
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1_000, halfOpen: 1_000 });
    peer.sccn();
    expect([...node.engine.acceptedTunnels()].filter(({ state }) => state === 'established').length).toBe(1);
  });

  it('of the same peer are at most 1,000, refused or given up as well', () => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }));
    for (let id = 1; id <= 3_000; id++) {
      peer.restart(id);
      peer.sccrq({ challenge: Uint8Array.of(1) });
      if (id % 3 === 1) peer.sccn({ challengeResponse: new Uint8Array(16) });
      if (id % 3 === 2) peer.stopCcn();
    }
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1_000, halfOpen: 1_000, deadlines: 1_000 });
  });

  it('that bear a declared name free it when they must make room', () => {
    const { node, peer } = bench(gatewaySpec());
    node.dial(dialled);
    peer.restart();
    peer.sccrq({ tieBreaker: 0n });
    expect(declaredStates(node)).toEqual(['to-peer waitConnect']);
    for (let id = 100; id < 1_100; id++) {
      peer.restart(id);
      peer.sccrq();
    }
    expect(declaredStates(node)).toEqual(['to-peer closed']);
    node.dial(dialled);
    expect(declaredStates(node)).toEqual(['to-peer waitReply']);
  });
});

describe('a request is refused without any state of ours', () => {
  const stranger: Partial<PeerSpec> = { match: { addresses: ['192.0.2.0/24'] } };

  it.each([
    ['when no tunnels are accepted', gatewaySpec({ acceptTunnels: false }), [4, 0]],
    ['when no PeerProfile matches', gatewaySpec({ peers: [peerSpec(stranger)] }), [4, 0]],
    ['when there is no PeerProfile', gatewaySpec({ peers: [] }), [4, 0]],
    ['while draining', gatewaySpec({ drain: true }), [2, 7]],
  ])('%s', (_when, gateway, result) => {
    const { node, peer, world } = bench(gateway);
    const refusal = peer.sccrq();
    expect(resultOf(refusal)).toEqual(result);
    expect(refusal[0].header).toMatchObject({ tunnelId: peer.tunnelId, sessionId: 0, ns: 0, nr: 1 });
    expect(refusal[0].avps.assignedTunnelId).toBeGreaterThan(0);
    expect(node.engine.drops).toEqual({ refusedRequest: 1 });
    expect(node.engine.sizes()).toEqual(nothing);
    expect(node.notices).toMatchObject([{ subject: 'gateway', event: 'refused' }]);
    // Its acknowledgement finds nothing; a repeated request is refused again.
    expect(peer.ack({ tunnelId: refusal[0].avps.assignedTunnelId })).toEqual([]);
    expect(resultOf(peer.sccrq({}, { tunnelId: 0, ns: 0 }))).toEqual(result);
    world.runFor(60_000);
    expect(peer.unread()).toEqual([]);
  });

  it('when there are enough tunnels', () => {
    const { node, peer } = bench(gatewaySpec({ maxTunnels: 1 }));
    peer.connect();
    peer.restart(78);
    expect(resultOf(peer.sccrq())).toEqual([2, 7]);
    expect(tunnelStates(node)).toEqual(['established']);
  });

  it('but not when one of them has ended', () => {
    const { node, peer } = bench(gatewaySpec({ maxTunnels: 1 }));
    peer.connect();
    peer.stopCcn();
    peer.restart(78);
    peer.connect();
    expect(tunnelStates(node)).toEqual(['closed', 'established']);
  });

  it('and several that ask at once do not get past the limit', () => {
    const { world, node, peer } = bench(gatewaySpec({ maxTunnels: 1 }));
    const other = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 });
    peer.sccrq();
    other.sccrq();
    expect(peer.sccn()).toEqual([]);
    expect(resultOf(other.sccn())).toEqual([2, 7]);
    expect(tunnelStates(node)).toEqual(['established', 'closing']);
    expect(node.planeTunnels.size).toBe(1);
  });
});

describe('a call is refused', () => {
  /** Another call than that of `sample`. */
  const another = { type: 'ICRQ', avps: { assignedSessionId: 6, callSerialNumber: 2 } } as const;

  function cdnFor(got: readonly Got[], sessionId = 6): [result: number | undefined, error: number | undefined] {
    expect(types(got)).toEqual(['CDN']);
    expect(got[0].header.sessionId).toBe(sessionId);
    expect(got[0].avps.assignedSessionId).toBeGreaterThan(0);
    const { result, error } = got[0].avps.resultCode ?? {};
    return [result, error];
  }

  it('when the gateway has enough sessions, over all tunnels', () => {
    const { world, node, peer } = bench(gatewaySpec({ maxSessions: 2 }));
    const other = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 });
    peer.connect();
    other.connect();
    for (const each of [peer, other]) expect(types(each.send(sample(each).ICRQ))).toEqual(['ICRP']);
    expect(cdnFor(peer.send(another))).toEqual([2, 7]);
    other.send(sample(other).CDN);
    expect(types(peer.send(another))).toEqual(['ICRP']);
    expect(node.engine.sizes().sessions).toBe(2);
  });

  it('when its tunnel has enough', () => {
    const { world, node, peer } = bench(guarded({ maxSessions: 1 }));
    const other = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 });
    for (const each of [peer, other]) {
      each.connect();
      expect(types(each.send(sample(each).ICRQ))).toEqual(['ICRP']);
      expect(cdnFor(each.send(another))).toEqual([2, 7]);
    }
  });

  it('while draining; those that are there stay', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.connect();
    peer.send(sample(peer).ICRQ);
    node.engine.configure(gatewaySpec({ drain: true }), 0);
    expect(cdnFor(peer.send(another))).toEqual([2, 7]);
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1, sessions: 1 });
  });

  it.each([
    ['lac', 'ICRP'],
    ['both', 'ICRP'],
    ['lns', 'CDN'],
  ] as const)('unless the peer may call us: role %s', (role, answer) => {
    const { peer } = bench(guarded({}, { role }));
    peer.connect();
    expect(types(peer.send(sample(peer).ICRQ))).toEqual([answer]);
  });

  it.each([
    ['by a peer that a profile knows', guarded({}), 'ICRP'],
    ['not by a peer that is an LNS', guarded({}, { role: 'lns' }), 'CDN'],
    ['not by a peer that only a profile for everyone matches', gatewaySpec(), 'CDN'],
    ['not where no tunnels are accepted', guarded({}, {}, { acceptTunnels: false }), 'CDN'],
  ])('in a tunnel that we dialled: %s', (_who, gateway, answer) => {
    const { node, peer } = bench(gateway);
    node.dial(dialled);
    peer.accept();
    expect(types(peer.send(sample(peer).ICRQ))).toEqual([answer]);
  });

  it('when it is outgoing', () => {
    const { peer } = bench(gatewaySpec());
    peer.connect();
    expect(cdnFor(peer.send(sample(peer).OCRQ), 5)).toEqual([5, 0]);
  });
});

describe('a free id', () => {
  it('is any that is not taken, and none when all are', () => {
    const random = new SeededRandom(3);
    const taken = new Map<number, string>();
    for (let count = 0; count < 100; count++) {
      const id = freeId(random, { min: 1, max: 100 }, taken);
      expect(id !== undefined && id >= 1 && id <= 100 && !taken.has(id)).toBe(true);
      if (id !== undefined) taken.set(id, 'taken');
    }
    expect(freeId(random, { min: 1, max: 100 }, taken)).toBe(undefined);
    taken.delete(100);
    expect(freeId(random, { min: 1, max: 100 }, taken)).toBe(100);
  });
});
