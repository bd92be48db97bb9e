/** Several tunnels between the same two hosts, and several hosts behind one address (RFC 2661 4.4.3, 5.3). */
import { describe, expect, it } from 'vitest';
import { bench, ScriptedPeer, tunnelStates, types } from './scripted-peer.ts';
import { gatewaySpec, type Node, peerSpec, tunnelParameters, tunnelSpec, World } from './world.ts';

function declare(node: Node, to: string, name: string): void {
  node.dial(tunnelSpec(to, { name }));
}

function declaredStates(node: Node): string[] {
  return [...node.engine.declaredTunnels()].map(({ name, state }) => `${name} ${state}`).sort();
}

describe('of several requests to one peer', () => {
  it('one at a time asks for a single tunnel', () => {
    const { world, node, peer } = bench(gatewaySpec());
    for (const name of ['one', 'two']) declare(node, '10.0.0.9', name);
    expect(peer.log.map(({ avps }) => avps.tieBreaker !== undefined)).toEqual([true, false]);
    declare(node, '10.0.0.10', 'elsewhere');
    const other = new ScriptedPeer(world, node, { address: '10.0.0.11', port: 1701 });
    declare(node, '10.0.0.11', 'again elsewhere');
    expect(other.log[0].avps.tieBreaker).toBeDefined();
  });

  it('that one has the tie, and the others are left alone', () => {
    const { node, peer } = bench(gatewaySpec());
    for (const name of ['one', 'two']) declare(node, '10.0.0.9', name);
    peer.restart(90);
    expect(types(peer.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    expect(declaredStates(node)).toEqual(['one waitConnect', 'two waitReply']);
    // The peer's next is with the one that is left, which bears none: the peer's wins.
    peer.restart(91);
    expect(types(peer.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    expect(declaredStates(node)).toEqual(['one waitConnect', 'two waitConnect']);
    peer.restart(92);
    expect(types(peer.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    expect([...node.engine.acceptedTunnels()].length).toBe(1);
  });

  it.each([
    [1, 1],
    [2, 1],
    [2, 2],
    [3, 2],
  ])('%i here and %i there all come up, under faults, and stay', (here, there) => {
    for (let seed = 0; seed < 40; seed++) {
      const world = new World(seed, { loss: 0.1, duplication: 0.1, minDelayMs: 1, maxDelayMs: 50 });
      const a = world.node('10.0.0.1', gatewaySpec());
      const b = world.node('10.0.0.2', gatewaySpec());
      const ends = [
        { node: a, to: b.address, names: Array.from({ length: here }, (_, index) => `a${index}`) },
        { node: b, to: a.address, names: Array.from({ length: there }, (_, index) => `b${index}`) },
      ];
      // As the reconciler does: what has ended is dialled again.
      for (let second = 0; second < 100; second++) {
        for (const { node, to, names } of ends) {
          const states = new Map([...node.engine.declaredTunnels()].map(({ name, state }) => [name, state]));
          for (const name of names) if ((states.get(name) ?? 'closed') === 'closed') declare(node, to, name);
        }
        world.runFor(1_000);
      }
      for (const { node, names } of ends) {
        expect(declaredStates(node), `seed ${seed}`).toEqual(names.map((name) => `${name} established`));
      }
      // Nothing is half open or left over: either end knows the same tunnels.
      const ids = (node: Node, of: 'localId' | 'remoteId') =>
        [...node.engine.declaredTunnels(), ...node.engine.acceptedTunnels()].map((view) => view[of]).sort();
      expect(ids(a, 'localId')).toEqual(ids(b, 'remoteId'));
      expect(ids(a, 'localId').length).toBeLessThanOrEqual(here + there);
    }
  });
});

describe('behind one address', () => {
  it('each host has the profile of its name, whatever its port', () => {
    const named = (name: string) => peerSpec({ name, match: { hostName: `${name}.example`, addresses: [] } });
    const byAddress = peerSpec({ name: 'network', match: { addresses: ['10.0.0.0/8'] } });
    const { world, node } = bench(gatewaySpec({ peers: [byAddress, named('red'), named('blue')] }));
    const names = ['red.example', 'blue.example', 'green.example'];
    for (const [index, hostName] of names.entries()) {
      const peer = new ScriptedPeer(world, node, { address: '10.0.0.9', port: 1701 + index });
      peer.sccrq({ hostName });
      peer.sccn();
    }
    const profiles = [...node.engine.acceptedTunnels()].map(({ peerProfile, remote }) => [peerProfile, remote.port]);
    expect(profiles).toEqual([
      ['red', 1701],
      ['blue', 1702],
      ['network', 1703],
    ]);
  });

  it('even at one port they are told apart by their tunnel ids', () => {
    const { node, peer } = bench(gatewaySpec());
    peer.sccrq({ hostName: 'red.example' });
    peer.restart(78);
    peer.sccrq({ hostName: 'blue.example' });
    expect(tunnelStates(node)).toEqual(['waitConnect', 'waitConnect']);
    expect([...node.engine.acceptedTunnels()].map(({ peerHostName }) => peerHostName)).toEqual([
      'red.example',
      'blue.example',
    ]);
  });

  it('a dialled host and one that asks from elsewhere are a tie only while the dialled one is silent', () => {
    const { world, node, peer } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters() }));
    peer.accept();
    const neighbour = new ScriptedPeer(world, node, { address: '10.0.0.9', port: 50_000 });
    expect(types(neighbour.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    expect(declaredStates(node)).toEqual(['to-peer established']);
  });
});
