import { expect, it } from 'vitest';
import { nothing } from './scenes.ts';
import { gatewaySpec, peerSpec, sessionSpec, tunnelParameters, tunnelSpec, World } from './world.ts';

/** A LAC with one call to an LNS whose only PeerProfile names it. */
function connected() {
  const world = new World(1);
  const lac = world.node('10.0.0.1', gatewaySpec({ listen: [], acceptTunnels: false }));
  const peer = peerSpec({
    name: 'lacs',
    match: { addresses: ['10.0.0.1'] },
    ppp: { ...peerSpec().ppp, authenticatePeer: false },
  });
  const lns = world.node('10.0.0.2', gatewaySpec({ peers: [peer] }));
  lac.dial(tunnelSpec(lns.address));
  world.runFor(1_000);
  lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
  world.runFor(5_000);
  expect([...lns.engine.acceptedSessions()].map(({ ppp }) => ppp.phase)).toEqual(['network']);
  return { world, lac, lns, peer };
}

it('changes an accepted tunnel in place when its PeerProfile changes', () => {
  const { world, lns, peer } = connected();
  const changed = { ...peer, tunnel: tunnelParameters({ helloIntervalMs: 7_000 }) };
  lns.run(lns.engine.configure(gatewaySpec({ peers: [changed] }), world.now));
  expect([...lns.engine.acceptedTunnels()].map(({ state, parameters }) => [state, parameters.helloIntervalMs])).toEqual(
    [['established', 7_000]],
  );
  expect(lns.engine.accepted()).toEqual({ tunnels: 1, sessions: 1 });
});

it('puts an accepted tunnel under the profile that matches now', () => {
  const { world, lns } = connected();
  const other = peerSpec({ name: 'anyone', match: { hostName: '*.example', addresses: [] } });
  lns.run(lns.engine.configure(gatewaySpec({ peers: [other] }), world.now));
  expect([...lns.engine.acceptedTunnels()].map(({ peerProfile }) => peerProfile)).toEqual(['anyone']);
});

it('closes an accepted tunnel when no PeerProfile matches any more', () => {
  const { world, lac, lns } = connected();
  lns.run(lns.engine.configure(gatewaySpec({ peers: [peerSpec({ match: { addresses: ['10.9.9.9'] } })] }), world.now));
  world.runFor(1_000);
  expect(lns.engine.accepted()).toEqual({ tunnels: 0, sessions: 0 });
  const [ended] = lac.engine.declaredTunnels();
  expect([ended.state, ended.failure?.message]).toEqual([
    'closed',
    'the peer closed the tunnel: no PeerProfile matches any more (result 1 error 0)',
  ]);
});

it('closes an accepted tunnel when its calls are to have another device', () => {
  const { world, lac, lns, peer } = connected();
  const changed = { ...peer, tunnel: tunnelParameters({ interfaceName: 'l2tp1' }) };
  lns.run(lns.engine.configure(gatewaySpec({ peers: [changed] }), world.now));
  world.runFor(1_000);
  expect(lns.engine.accepted()).toEqual({ tunnels: 0, sessions: 0 });
  lac.dial(tunnelSpec(lns.address));
  world.runFor(1_000);
  lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
  world.runFor(5_000);
  expect([...lns.engine.acceptedSessions()].map((session) => session.interface)).toEqual(['l2tp1']);
});

it('closes the tunnels of a listener that is closed, and tells their peers', () => {
  const { world, lac, lns } = connected();
  lns.run(lns.engine.closeListener(1, world.now));
  expect(lns.engine.sizes()).toEqual(nothing);
  world.runFor(1_000);
  expect([...lac.engine.declaredTunnels()].map(({ state }) => state)).toEqual(['closed']);
});

it('lets only a peer that is known by name or address call us in a tunnel that we dialled', () => {
  const world = new World(2);
  const open = gatewaySpec();
  const known = gatewaySpec({ peers: [peerSpec({ match: { addresses: ['10.0.0.2'] } })] });
  const lac = world.node('10.0.0.1', open);
  const lns = world.node('10.0.0.2', gatewaySpec());
  lac.dial(tunnelSpec(lns.address));
  world.runFor(1_000);
  const profile = () => [...lac.engine.declaredTunnels()].map(({ state, peerProfile }) => [state, peerProfile]);
  expect(profile()).toEqual([['established', undefined]]);
  lac.run(lac.engine.configure(known, world.now));
  expect(profile()).toEqual([['established', 'default']]);
  lac.run(lac.engine.configure(open, world.now));
  expect(profile()).toEqual([['established', undefined]]);
});

it('still shows why a tunnel and its call last ended, while they are up again', () => {
  const { world, lac, lns } = connected();
  lns.run(lns.engine.closeListener(1, world.now));
  world.runFor(1_000);
  lac.dial(tunnelSpec(lns.address));
  world.runFor(1_000);
  lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
  world.runFor(1_000);
  const [tunnel] = lac.engine.declaredTunnels();
  const [session] = lac.engine.declaredSessions();
  expect([tunnel.state, tunnel.failure?.message]).toEqual([
    'established',
    'the peer closed the tunnel: the listener is closed (result 1 error 0)',
  ]);
  expect([session.state, session.failure?.message]).toEqual([
    'established',
    'its tunnel ended: the peer closed the tunnel: the listener is closed (result 1 error 0)',
  ]);
});
