import { describe, expect, it } from 'vitest';
import { expectNothingLeft, nothing, peerDialled, type Scene, theSession, theTunnel, weDialled } from './scenes.ts';
import { bench, ScriptedPeer, sample, tunnelStates, types } from './scripted-peer.ts';
import { gatewaySpec, sessionSpec, tunnelParameters, tunnelSpec } from './world.ts';

/** RFC 2661 5.7: a full retransmission cycle with the parameters of these tests. */
const cycleMs = 31_000;

/** Lets time pass and notes when something came. */
function arrivals({ world, peer }: Scene, durationMs: number): { at: number; type: string }[] {
  const begin = world.now;
  const out: { at: number; type: string }[] = [];
  peer.unread();
  for (let ms = 0; ms < durationMs; ms += 100) {
    world.runFor(100);
    for (const { type } of peer.unread()) out.push({ at: world.now - begin, type });
  }
  return out;
}

describe('a tunnel that we close', () => {
  it('says StopCCN and nothing else, and gives its names free at once', () => {
    const scene = weDialled();
    const { node, peer, world } = scene;
    node.run(node.engine.closeTunnel('to-peer', world.now));
    const [stop, ...more] = peer.unread();
    expect(more).toEqual([]);
    expect(stop).toMatchObject({ type: 'StopCCN', avps: { assignedTunnelId: peer.remoteId } });
    expect(stop.avps.resultCode).toMatchObject({ result: 1 });
    expect([...node.engine.declaredTunnels(), ...node.engine.declaredSessions()]).toEqual([]);
    expect(node.planeTunnels.size + node.planeSessions.size).toBe(0);
    node.dial(tunnelSpec('10.0.0.9'));
    expect(tunnelStates(node)).toEqual(['closing', 'waitReply']);
  });

  it('repeats it until it is acknowledged, and gives up after a cycle', () => {
    const scene = weDialled();
    const { node, world } = scene;
    node.run(node.engine.closeTunnel('to-peer', world.now));
    const stops = arrivals(scene, cycleMs);
    expect(stops.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => 'StopCCN'));
    expect(stops.map(({ at }) => at)).toEqual([1_000, 3_000, 7_000, 15_000, 23_000]);
    expectNothingLeft(scene);
  });

  it('stays to acknowledge for a full cycle after that, and no longer', () => {
    const scene = weDialled();
    const { node, peer, world } = scene;
    node.run(node.engine.closeTunnel('to-peer', world.now));
    world.runFor(500);
    peer.ack();
    expect(node.engine.quiet).toBe(true);
    for (let left = cycleMs; left > 1_000; left -= 1_000) {
      world.runFor(1_000);
      expect(peer.send(sample(peer).HELLO)).toEqual([]);
      world.runFor(0);
      expect(tunnelStates(node)).toEqual(['closing']);
    }
    world.runFor(999);
    expect(peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { nr: peer.ns } });
    expect(tunnelStates(node)).toEqual(['closing']);
    world.runFor(1);
    expectNothingLeft(scene);
  });

  it('stays for a full cycle after an acknowledgement that comes late', () => {
    const scene = weDialled();
    const { node, peer, world } = scene;
    node.run(node.engine.closeTunnel('to-peer', world.now));
    world.runFor(20_000);
    peer.ack();
    world.runFor(cycleMs - 1);
    expect(tunnelStates(node)).toEqual(['closing']);
    world.runFor(1);
    expectNothingLeft(scene);
  });

  it('that the peer closes at the same moment ends for both', () => {
    const scene = weDialled();
    const { node, peer, world } = scene;
    node.run(node.engine.closeTunnel('to-peer', world.now));
    expect(peer.stopCcn({ nr: 3 })).toEqual([]);
    expect(tunnelStates(node)).toEqual(['closed']);
    world.runFor(20);
    expect(peer.unread()).toMatchObject([{ type: 'ZLB' }]);
    peer.ack();
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('before it has an answer tells the peer as soon as that is there', () => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    node.run(node.engine.closeTunnel('to-peer', world.now));
    expect(types(peer.unread())).toEqual(['SCCRQ']);
    expect([...node.engine.declaredTunnels()]).toEqual([]);
    const [stop] = peer.sccrp();
    expect(stop).toMatchObject({ type: 'StopCCN', avps: { assignedTunnelId: peer.remoteId }, header: { nr: 1 } });
    // RFC 2661 4.4.3, Assigned Tunnel ID: from now on it is in every header.
    expect(stop.header.tunnelId).toBe(peer.tunnelId);
    peer.ack();
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('before it has an answer is closed at the other end too, which knows it by our id', () => {
    const scene = bench(gatewaySpec());
    const { node, world } = scene;
    const other = world.node('10.0.0.2', gatewaySpec());
    node.dial(tunnelSpec('10.0.0.2'));
    node.run(node.engine.closeTunnel('to-peer', world.now));
    world.runFor(1_000);
    expect(tunnelStates(other)).toEqual(['closed']);
    world.runFor(cycleMs);
    expectNothingLeft(scene);
    expect(other.engine.sizes()).toEqual(nothing);
  });

  it('is none that does not exist', () => {
    const { node, world } = bench(gatewaySpec());
    expect(node.engine.closeTunnel('no-such-tunnel', world.now)).toEqual([]);
    expect(node.engine.closeSession('no-such-call', world.now)).toEqual([]);
  });
});

describe('a tunnel that the peer closes', () => {
  it('is acknowledged as often as it says so, for a full cycle', () => {
    const scene = peerDialled();
    const { node, peer, world } = scene;
    world.runFor(100);
    peer.unread();
    const ns = peer.ns;
    peer.stopCcn();
    for (const afterMs of [20, 1_000, 2_000, 4_000, 8_000, 8_000]) {
      world.runFor(afterMs);
      expect(peer.unread()).toMatchObject([{ type: 'ZLB', header: { nr: ns + 1, tunnelId: peer.tunnelId } }]);
      expect(peer.stopCcn({ ns })).toEqual([]);
    }
    expect(tunnelStates(node)).toEqual(['closed']);
    expect(node.planeTunnels.size + node.planeSessions.size).toBe(0);
    world.runFor(cycleMs - 23_020 - 1);
    expect(tunnelStates(node)).toEqual(['closed']);
    world.runFor(1);
    expectNothingLeft(scene);
  });

  it('shows why, and may be dialled again at once', () => {
    const { node, peer, world } = weDialled();
    const resultCode = { result: 6, error: 0, message: 'good night' };
    peer.send({ type: 'StopCCN', avps: { assignedTunnelId: peer.tunnelId, resultCode } });
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure: { result: 6, error: 0 } });
    expect(theTunnel(node)?.failure?.message).toContain('good night');
    expect(theSession(node)).toMatchObject({ name: 'call', state: 'closed' });
    expect(theSession(node)?.failure?.message).toContain('good night');
    node.dial(tunnelSpec('10.0.0.9'));
    expect([...node.engine.declaredTunnels()].map(({ state }) => state)).toEqual(['waitReply']);
    expect(world.now).toBe(0);
  });

  it('drops what waits to be sent, and repeats what was sent until it is acknowledged', () => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept({ receiveWindowSize: 1 });
    for (const name of ['one', 'two']) node.run(node.engine.openSession(sessionSpec(name), world.now));
    expect(types(peer.unread())).toEqual(['ICRQ']);
    peer.stopCcn({ nr: 2 });
    world.runFor(1_000);
    expect(types(peer.unread())).toEqual(['ZLB', 'ICRQ']);
    expect(peer.ack()).toEqual([]);
    world.runFor(cycleMs);
    expect(peer.unread()).toEqual([]);
    expectNothingLeft(scene);
  });

  it('naming another tunnel than its own is acknowledged under the id that it told before', () => {
    const { node, peer, world } = weDialled();
    peer.send({ type: 'StopCCN', avps: { assignedTunnelId: 999, resultCode: { result: 1 } } });
    world.runFor(20);
    expect(tunnelStates(node)).toEqual(['closed']);
    expect(peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { tunnelId: peer.tunnelId } });
  });

  it('as its answer to our request is acknowledged under the id that it tells', () => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    peer.stopCcn();
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure: { result: 1 } });
    world.runFor(20);
    expect(peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { tunnelId: peer.tunnelId, nr: 1 } });
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });
});

describe('HELLO (RFC 2661 5.5)', () => {
  it('asks after silence, as long as there are answers', () => {
    const scene = weDialled(tunnelParameters({ helloIntervalMs: 10_000 }));
    const { node, peer } = scene;
    for (let round = 0; round < 3; round++) {
      expect(arrivals(scene, 10_000)).toEqual([{ at: 10_000, type: 'HELLO' }]);
      peer.ack();
    }
    expect(theTunnel(node)?.state).toBe('established');
  });

  it('waits longer when the peer speaks', () => {
    const scene = weDialled(tunnelParameters({ helloIntervalMs: 10_000 }));
    const { peer, world } = scene;
    world.runFor(9_000);
    peer.send(sample(peer).HELLO);
    expect(arrivals(scene, 10_000)).toEqual([
      { at: 100, type: 'ZLB' },
      { at: 10_000, type: 'HELLO' },
    ]);
  });

  it('is never sent with interval 0', () => {
    const scene = weDialled(tunnelParameters({ helloIntervalMs: 0 }));
    expect(arrivals(scene, 600_000)).toEqual([]);
    expect(theTunnel(scene.node)?.state).toBe('established');
  });

  it('follows a changed interval at once', () => {
    const scene = weDialled();
    const { node, world } = scene;
    world.runFor(5_000);
    node.engine.modifyTunnel(tunnelSpec('10.0.0.9', { parameters: tunnelParameters({ helloIntervalMs: 10_000 }) }));
    world.wake(node);
    expect(arrivals(scene, 5_500)).toEqual([{ at: 5_000, type: 'HELLO' }]);
  });

  it('finds a dead peer after a retransmission cycle; its calls end without a word', () => {
    const scene = weDialled(tunnelParameters({ helloIntervalMs: 10_000 }));
    const { node, world } = scene;
    const hellos = arrivals(scene, 10_000 + cycleMs - 100);
    expect(hellos.map(({ at }) => at)).toEqual([10_000, 11_000, 13_000, 17_000, 25_000, 33_000]);
    expect(theTunnel(node)?.state).toBe('established');
    expect(arrivals(scene, 100)).toEqual([]);
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure: { message: 'the peer does not answer' } });
    expect(theSession(node)).toMatchObject({ name: 'call', state: 'closed' });
    expect(node.notices.slice(-2).map(({ subject, event }) => `${subject} ${event}`)).toEqual([
      'session down',
      'tunnel down',
    ]);
    expectNothingLeft(scene);
    world.runFor(60_000);
    expect(scene.peer.unread()).toEqual([]);
  });
});

describe('what is not established in time', () => {
  const gateway = gatewaySpec({ tunnelEstablishTimeoutMs: 50_000 });

  it('is given up by the one who answered', () => {
    const scene = bench(gateway);
    const { node, peer, world } = scene;
    peer.sccrq();
    peer.liveFor(49_999);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    world.runFor(1);
    expect(types(peer.log)).toEqual(['SCCRP', 'StopCCN']);
    expect(peer.log.at(-1)?.avps.resultCode).toMatchObject({ result: 1 });
    peer.ack();
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('is given up by the one who asked', () => {
    const scene = bench(gateway);
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    peer.liveFor(49_999);
    expect(theTunnel(node)?.state).toBe('waitReply');
    world.runFor(1);
    expect(types(peer.log)).toEqual(['SCCRQ', 'StopCCN']);
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure: { atMs: 50_000 } });
    peer.ack();
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('is given up after a cycle when there is no answer at all', () => {
    const scene = bench(gateway);
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    world.runFor(cycleMs - 1);
    expect(theTunnel(node)?.state).toBe('waitReply');
    world.runFor(1);
    expect(types(peer.log)).toEqual(Array.from({ length: 6 }, () => 'SCCRQ'));
    expect(theTunnel(node)).toMatchObject({ state: 'closed', failure: { message: 'the peer does not answer' } });
    // Nobody gave a result code; 3 would say that the control channel exists already.
    expect(theTunnel(node)?.failure?.result).toBe(undefined);
    expectNothingLeft(scene);
  });
});

describe('the end of the daemon', () => {
  it('tells every peer, and is quiet when they know', () => {
    const scene = weDialled();
    const { node, peer, world } = scene;
    const other = new ScriptedPeer(world, node, { address: '10.0.0.8', port: 1701 });
    other.connect();
    world.runFor(100);
    expect(node.engine.quiet).toBe(true);
    peer.unread();
    other.unread();
    node.run(node.engine.shutdown(world.now));
    for (const each of [peer, other]) {
      expect(each.unread()).toMatchObject([{ type: 'StopCCN', avps: { resultCode: { result: 6 } } }]);
      expect(node.engine.quiet).toBe(false);
      each.ack();
    }
    expect(node.engine.quiet).toBe(true);
    expect(node.engine.sizes().sessions).toBe(0);
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('takes nobody who comes again', () => {
    const { node, peer, world } = peerDialled();
    node.run(node.engine.shutdown(world.now));
    peer.ack();
    peer.unread();
    const again = new ScriptedPeer(world, node, { address: '10.0.0.8', port: 1701 });
    const [answer] = again.send(sample(again).SCCRQ);
    expect(answer).toMatchObject({ type: 'StopCCN', avps: { resultCode: { result: 2, error: 7 } } });
    expect(node.engine.quiet).toBe(true);
  });

  it('says nothing twice', () => {
    const { node, peer, world } = peerDialled();
    peer.unread();
    node.run(node.engine.shutdown(world.now));
    node.run(node.engine.shutdown(world.now));
    expect(types(peer.unread())).toEqual(['StopCCN']);
  });
});
