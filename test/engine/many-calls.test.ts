/** A tunnel that holds as many calls as its ids allow: what one event then costs and returns. */
import { expect, it } from 'vitest';
import { expectNothingLeft, type Scene } from './scenes.ts';
import { bench, encode } from './scripted-peer.ts';
import { gatewaySpec } from './world.ts';

const manyCalls = 60_000;

/** The peer opened the tunnel and asked for all these calls. The network is left out: it would remember all of them. */
function crowded(): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer, world } = scene;
  peer.connect();
  for (let call = 1; call <= manyCalls; call++) {
    const body = encode({ type: 'ICRQ', avps: { assignedSessionId: call, callSerialNumber: call } });
    peer.sendBody(body);
  }
  expect(node.engine.sizes().sessions).toBe(manyCalls);
  return { node, peer, world };
}

const ends: Record<string, (scene: Scene) => void> = {
  'that the peer closes': ({ peer }) => peer.stopCcn(),
  'whose peer is gone': ({ world }) => world.runFor(120_000),
  'that no PeerProfile matches any more': ({ node, world }) =>
    node.run(node.engine.configure(gatewaySpec({ peers: [] }), world.now)),
  'whose listener is closed': ({ node, world }) => node.run(node.engine.closeListener(1, world.now)),
  'of a daemon that ends': ({ node, world }) => node.run(node.engine.shutdown(world.now)),
};

it.each(Object.entries(ends))('a crowded tunnel %s ends with all its calls', (_name, end) => {
  const scene = crowded();
  end(scene);
  scene.world.runFor(60_000);
  expectNothingLeft(scene);
});
