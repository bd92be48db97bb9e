/** A PeerProfile's secret is changed while its peer's tunnel is up. */
import { expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { gatewaySpec, peerSpec, sessionSpec, tunnelParameters, tunnelSpec, World } from './world.ts';

it('does not break the calls of a tunnel that was set up under the old one', () => {
  const world = new World(1);
  const under = (text: string) =>
    tunnelParameters({ secret: new Secret(text), authMode: 'challenge', hideAvps: true, helloIntervalMs: 0 });
  const served = (text: string) =>
    gatewaySpec({
      peers: [
        peerSpec({
          match: { addresses: ['10.0.0.1'] },
          tunnel: under(text),
          ppp: { ...peerSpec().ppp, authenticatePeer: false },
        }),
      ],
    });
  const lac = world.node('10.0.0.1', gatewaySpec({ listen: [], acceptTunnels: false }));
  const lns = world.node('10.0.0.2', served('old'));
  lac.dial(tunnelSpec(lns.address, { parameters: under('old') }));
  world.runFor(1_000);
  lns.run(lns.engine.configure(served('new'), world.now));
  lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
  world.runFor(5_000);
  expect([...lac.engine.declaredTunnels()].map(({ state }) => state)).toEqual(['established']);
  expect(lns.engine.accepted()).toEqual({ tunnels: 1, sessions: 1 });

  // The next tunnel is under the new one.
  lac.run(lac.engine.closeTunnel('to-peer', world.now));
  world.runFor(1_000);
  lac.dial(tunnelSpec(lns.address, { parameters: under('old') }));
  world.runFor(1_000);
  expect([...lac.engine.declaredTunnels()].map(({ state }) => state)).toEqual(['closed']);
  lac.dial(tunnelSpec(lns.address, { parameters: under('new') }));
  world.runFor(1_000);
  expect(lns.engine.accepted().tunnels).toBe(1);
});
