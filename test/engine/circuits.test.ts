/** A circuit that both ends declare is one pseudowire, whatever happens to their tunnels (RFC 3931 5.4.4). */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { leftovers, nothingLeft } from './aftermath.ts';
import { redial, reopen } from './redial.ts';
import { ethernetParameters, wire } from './v3-scenes.ts';
import { gatewaySpec, type Node, peerSpec, tunnelParameters, tunnelSpec, World } from './world.ts';

const circuit = wire('pw', { remoteEndId: 'circuit 1' });

/** Two nodes, each of which keeps up a tunnel to the other, and the circuit in it. */
function twoEnds(
  seed: number,
  pseudowire: 'ppp' | 'ethernet',
  useTieBreaker = true,
  secrets: (Secret | undefined)[] = [],
) {
  const world = new World(seed);
  const [secret, profileSecret = secret] = secrets;
  const parameters = (hostName: string) =>
    tunnelParameters({ hostName, version: 'v3', useTieBreaker, helloIntervalMs: 10_000, secret });
  const gateway = (hostName: string) => {
    const tunnel = { ...parameters(hostName), secret: profileSecret };
    const session = { ...ethernetParameters, pseudowire };
    return gatewaySpec({ peers: [peerSpec({ match: { addresses: ['10.0.0.0/8'] }, tunnel, session })] });
  };
  const a = world.node('10.0.0.1', gateway('a.example'));
  const b = world.node('10.0.0.2', gateway('b.example'));
  const ends: [Node, ReturnType<typeof tunnelSpec>][] = [
    [a, tunnelSpec(b.address, { parameters: parameters('a.example') })],
    [b, tunnelSpec(a.address, { parameters: parameters('b.example') })],
  ];
  const keepUp = (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      for (const [node, tunnel] of ends) if (redial(node, tunnel) === 'established') reopen(node, [circuit], world.now);
      world.runFor(1_000);
    }
  };
  return { world, a, b, ends, keepUp };
}

function expectOne({ a, b }: { a: Node; b: Node }): void {
  const [here, there] = [a, b].map((node) => [...node.engine.declaredSessions()]);
  expect(here).toMatchObject([{ name: 'pw', state: 'established' }]);
  expect(there).toMatchObject([
    { name: 'pw', state: 'established', localId: here[0].remoteId, remoteId: here[0].localId },
  ]);
  for (const node of [a, b]) expect(node.planeSessions.size).toBe(1);
}

describe.each(['ppp', 'ethernet'] as const)('where peers may bring %s', (pseudowire) => {
  it('one end is begun anew, and there is one again before the other has found out', () => {
    for (let seed = 0; seed < 20; seed++) {
      const scene = twoEnds(seed, pseudowire);
      scene.world.runFor(37 * seed);
      scene.keepUp(20);
      expectOne(scene);
      const [crashed, other] = seed % 2 === 0 ? [scene.a, scene.b] : [scene.b, scene.a];
      crashed.crash();
      scene.world.runFor(1_000);
      scene.keepUp(5);
      expect([...crashed.engine.declaredSessions()]).toMatchObject([{ name: 'pw', state: 'established' }]);
      expect(other.planeSessions.size).toBe(1);
      // The old tunnel is given up, and dialled anew: the circuit is none of that one.
      scene.keepUp(150);
      expectOne(scene);
      for (const [node, tunnel] of scene.ends) node.run(node.engine.closeTunnel(tunnel.name, scene.world.now));
      scene.world.runFor(120_000);
      for (const node of [scene.a, scene.b]) expect(leftovers(node)).toEqual(nothingLeft);
    }
  });

  it('each end asks in a tunnel of its own', () => {
    for (let seed = 0; seed < 20; seed++) {
      const scene = twoEnds(seed, pseudowire, false);
      scene.keepUp(1 + (seed % 3));
      scene.keepUp(20);
      for (const node of [scene.a, scene.b]) expect(node.planeTunnels.size).toBe(2);
      expectOne(scene);
    }
  });
});

it('that an end waits for, and had already, is asked for anew and gets to be as it is declared', () => {
  const { world, a, b, ends, keepUp } = twoEnds(1, 'ethernet');
  const [[, tunnel]] = ends;
  keepUp(10);
  b.run(b.engine.closeSession('pw', world.now));
  world.runFor(1_000);
  a.run(a.engine.openSession(circuit, world.now));
  world.runFor(1_000);
  // Nobody declared it there: it came as the profile has it.
  expect([...b.engine.acceptedSessions()]).toMatchObject([{ state: 'established' }]);
  const waiting = wire('waiting', {
    parameters: { ...ethernetParameters, type: 'lnsIncoming' },
    remoteEndId: 'circuit 1',
  });
  for (let second = 0; second < 5; second++) {
    reopen(b, [waiting], world.now);
    redial(a, tunnel);
    reopen(a, [circuit], world.now);
    world.runFor(1_000);
  }
  expect([...b.engine.declaredSessions()]).toMatchObject([{ name: 'waiting', state: 'established' }]);
  expect(b.planeSessions.size).toBe(1);
});

it('who has not proved what the tunnel of a circuit asks for does not get it', () => {
  const scene = twoEnds(1, 'ethernet', true, [new Secret('tunnel secret')]);
  scene.keepUp(10);
  expectOne(scene);
  const { world, a, b } = scene;
  // From now on a lets in who has no secret, and somebody comes from there, who says that he is b.
  const [peer] = a.gateway.peers;
  a.gateway = { ...a.gateway, peers: [{ ...peer, tunnel: { ...peer.tunnel, secret: undefined } }] };
  a.run(a.engine.configure(a.gateway, world.now));
  b.crash();
  const parameters = tunnelParameters({ hostName: 'b.example', version: 'v3' });
  b.dial(tunnelSpec(a.address, { parameters }));
  world.runFor(1_000);
  b.run(b.engine.openSession(circuit, world.now));
  world.runFor(1_000);
  const up = [...a.engine.declaredSessions()];
  expect(up).toMatchObject([{ name: 'pw', state: 'established' }]);
  expect(up[0].localId).not.toBe([...b.engine.declaredSessions()][0].remoteId);
});
