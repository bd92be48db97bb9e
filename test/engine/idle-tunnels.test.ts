/** Tunnels without a call: RFC 2661 7.6 leaves it free when to close them. */
import { describe, expect, it } from 'vitest';
import { expectNothingLeft, guarded, type Scene, theTunnel } from './scenes.ts';
import { bench, sample, tunnelStates, types } from './scripted-peer.ts';
import { gatewaySpec, sessionSpec, tunnelParameters, tunnelSpec } from './world.ts';

const minute = 60_000;
const quiet = { idleTimeoutMs: minute, helloIntervalMs: 0 };

function accepted(parameters: object = quiet): Scene {
  const scene = bench(guarded(parameters));
  scene.peer.connect();
  return scene;
}

function call({ peer }: Scene): number {
  const [icrp] = peer.send(sample(peer).ICRQ);
  peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
  return icrp.avps.assignedSessionId ?? 0;
}

/** What was said that is no acknowledgement. */
function said({ peer }: Scene): string[] {
  return types(peer.unread()).filter((type) => type !== 'ZLB');
}

describe('idleTimeout', () => {
  it('closes an accepted tunnel that never had a call, with result 1', () => {
    const scene = accepted();
    const { peer, world } = scene;
    world.runFor(minute - 1);
    expect(said(scene)).toEqual([]);
    world.runFor(1);
    expect(peer.unread()).toMatchObject([{ type: 'StopCCN', avps: { resultCode: { result: 1, error: 0 } } }]);
    peer.ack();
    world.runFor(31_000);
    expectNothingLeft(scene);
  });

  it('counts from the end of the last call', () => {
    const scene = accepted();
    const { node, peer, world } = scene;
    world.runFor(minute / 2);
    const sessionId = call(scene);
    peer.liveFor(20_000);
    peer.send(sample(peer).CDN, { sessionId });
    const endedAt = world.now;
    peer.liveFor(minute - 1_000);
    expect(tunnelStates(node)).toEqual(['established']);
    peer.liveFor(2_000);
    expect(tunnelStates(node)).toEqual(['closing']);
    expect(world.now - endedAt).toBe(minute + 1_000);
  });

  it('is counted anew when it is changed', () => {
    const scene = accepted();
    const { node, world } = scene;
    world.runFor(minute / 2);
    node.run(node.engine.configure(guarded({ ...quiet, idleTimeoutMs: 2 * minute }), world.now));
    world.runFor(minute);
    expect(tunnelStates(node)).toEqual(['established']);
    node.run(node.engine.configure(guarded({ ...quiet, idleTimeoutMs: minute }), world.now));
    world.runFor(0);
    expect(tunnelStates(node)).toEqual(['closing']);
  });

  it('0 is for ever', () => {
    const scene = accepted({ idleTimeoutMs: 0, helloIntervalMs: 0 });
    scene.world.runFor(100 * minute);
    expect(tunnelStates(scene.node)).toEqual(['established']);
  });

  it.each([
    [false, 'closed'],
    [true, 'established'],
  ])('of a dialled tunnel that persists (%s): it is then %s', (persist, state) => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9', { persist, parameters: tunnelParameters(quiet) }));
    peer.accept();
    world.runFor(minute / 2);
    expect(theTunnel(node)?.state).toBe('established');
    world.runFor(minute);
    expect(theTunnel(node)?.state).toBe(state);
    if (!persist) expect(theTunnel(node)?.failure).toMatchObject({ result: 1 });
  });

  it('does not close a dialled tunnel whose call is being set up', () => {
    const { node, peer, world } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9', { persist: false, parameters: tunnelParameters(quiet) }));
    peer.accept();
    world.runFor(minute - 100);
    node.run(node.engine.openSession(sessionSpec('call'), world.now));
    peer.liveFor(1_000);
    expect(theTunnel(node)?.state).toBe('established');
  });
});
