import { describe, expect } from 'vitest';
import { Secret, type SessionParameters, type SessionSpec, type TunnelSpec } from '../../src/engine/spec.ts';
import { leftovers, nothingLeft } from './aftermath.ts';
import { FickleAaa } from './fickle-aaa.ts';
import { disturb, drawCircuit, expectAgreement, redialTogether, staticTunnel } from './mixed-circuits.ts';
import { drawData, drawTerms, pick } from './mixed-terms.ts';
import { redial, reopen } from './redial.ts';
import { forSeeds } from './seeds.ts';
import {
  ethernetSpec,
  gatewaySpec,
  type Node,
  noFaults,
  peerSpec,
  pppSpec,
  SeededRandom,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  World,
} from './world.ts';

/** A call as one end declares it. */
function callOf(end: string, index: number, parameters: SessionParameters, ppp: SessionSpec['ppp']): SessionSpec {
  const circuit = { ethernet: ethernetSpec, remoteEndId: `${end}${index}` };
  const attachment = parameters.pseudowire === 'ppp' ? {} : circuit;
  return sessionSpec(`call-${index}`, { parameters, calledNumber: `555${index}`, ppp, ...attachment });
}

/** What a node has to keep up. */
interface Declared {
  node: Node;
  tunnel: TunnelSpec;
  calls: SessionSpec[];
}

/**
 * One run: random settings, random operations under faults, then quiet: all that is declared must be up at both ends,
 * and after everything is closed nothing may be left anywhere.
 *
 * In some worlds both ends declare the same circuits, in one tunnel that both dial, or in any of their own; in the others
 * one end asks, or each for itself.
 */
function run(seed: number): void {
  const dice = new SeededRandom(seed ^ 0x5eed);
  const world = new World(seed, {
    loss: dice.next() * 0.3,
    duplication: dice.next() * 0.2,
    minDelayMs: 1,
    maxDelayMs: 1 + dice.next() * 400,
  });
  const terms = drawTerms(dice);
  const { version, encapsulation } = terms;
  const areJoined = version === 3 && dice.chance(0.3);
  const parameters = (end: 'a' | 'b') =>
    tunnelParameters({
      hostName: `${end}.example`,
      ...terms.parameters(end),
      useTieBreaker: areJoined || dice.chance(0.7),
      helloIntervalMs: 5_000 + dice.below(20_000),
      receiveWindow: 1 + dice.below(10),
      transmitWindow: 1 + dice.below(10),
    });
  const method = (['pap', 'chap', 'mschapv2'] as const)[dice.below(3)];
  const authenticatePeer = dice.chance(0.8);
  const pseudowire = version === 2 || dice.chance(0.5) ? 'ppp' : pick(dice, ['ethernet', 'vlan'] as const);
  const session = (): SessionParameters => ({ ...sessionParameters, pseudowire, ...drawData(dice) });
  const gateway = (end: 'a' | 'b') =>
    gatewaySpec({
      peers: [
        peerSpec({
          match: { addresses: ['10.0.0.0/8'] },
          tunnel: parameters(end),
          session: { ...session(), type: 'lacOutgoing' },
          ppp: pppSpec('server', { authMethods: [method], authenticatePeer }),
        }),
      ],
    });
  const a = world.node('10.0.0.1', gateway('a'));
  const b = world.node('10.0.0.2', gateway('b'));
  a.subscribers.set('alice', new Secret('wonderland'));
  b.subscribers.set('alice', new Secret('wonderland'));
  const aaa = new FickleAaa(world, dice);
  for (const node of world.nodes) aaa.reign(node, 'alice');
  const client = pppSpec('client');
  const server = pppSpec('server', { authMethods: [method], authenticatePeer });
  const calls = (end: string, below: number) =>
    Array.from({ length: dice.below(below) }, (_, index) =>
      dice.chance(0.5)
        ? callOf(end, index, { ...session(), type: 'lacIncoming' }, client)
        : callOf(end, index, { ...session(), type: 'lnsOutgoing' }, server),
    );
  const ofA: Declared = {
    node: a,
    tunnel: tunnelSpec(b.address, { parameters: parameters('a'), encapsulation }),
    calls: calls('a', 4),
  };
  const ofB: Declared = {
    node: b,
    tunnel: tunnelSpec(a.address, { parameters: parameters('b'), encapsulation }),
    calls: areJoined ? [] : calls('b', 3),
  };
  const areBoth = areJoined || dice.chance(0.4);
  const share = areJoined || (areBoth && version === 3 && dice.chance(0.7));
  const circuits = share
    ? Array.from({ length: 1 + dice.below(3) }, (_, index) => drawCircuit(dice, index, areJoined))
    : [];
  for (const ends of circuits) {
    ofA.calls.push(ends.a);
    ofB.calls.push(ends.b);
  }
  const declared = areBoth ? [ofA, ofB] : [ofA];
  const statics = version === 3 && dice.chance(0.3) ? staticTunnel(a, b, terms, 1 + dice.below(2)) : [];

  const reconcile = () => {
    for (const { node, tunnel, calls } of [...declared, ...statics]) {
      if (redial(node, tunnel) === 'established') reopen(node, calls, world.now);
    }
  };

  for (let step = 0; step < 12; step++) {
    reconcile();
    const { node, tunnel, calls } = declared[dice.below(declared.length)];
    const choice = dice.next();
    if (choice < 0.1) node.run(node.engine.closeTunnel(tunnel.name, world.now));
    else if (choice < 0.25 && calls.length > 0) {
      node.run(node.engine.closeSession(pick(dice, calls).name, world.now));
    } else if (choice < 0.32) world.nodes[dice.below(2)].crash();
    else if (choice < 0.5) aaa.interfere(world.nodes[dice.below(2)], 'alice');
    else if (choice < 0.8 && version === 3) disturb(world.nodes[dice.below(2)], dice);
    world.runFor(dice.next() * 5_000);
  }

  world.faults = noFaults;
  for (const node of world.nodes) aaa.rest(node, 'alice');
  // A peer that crashed is found out by HELLO and a whole retransmission cycle; its old tunnel lingers as long again.
  for (let second = 0; second < 150; second++) {
    if (areJoined && second % 30 === 0) redialTogether([ofA, ofB], world.now);
    reconcile();
    world.runFor(1_000);
  }
  if (version === 3) for (const node of world.nodes) disturb(node, dice);
  world.runFor(1_000);

  for (const { node, tunnel, calls } of [...declared, ...statics]) {
    const peer = node === a ? b : a;
    const view = [...node.engine.declaredTunnels()].find(({ name }) => name === tunnel.name);
    expect(view).toMatchObject({ state: 'established', version, encapsulation });
    if (!tunnel.static) expect(view?.authenticated).toBe(terms.authenticated);
    const up = [...node.engine.declaredSessions()].filter(
      (each) => each.state === 'established' && each.spec?.tunnel === tunnel.name,
    );
    expect(up.map(({ name }) => name).sort()).toEqual(calls.map(({ name }) => name).sort());
    for (const session of up) {
      const other = [...peer.engine.liveSessions()].find(
        ({ view: { localId, tunnelLocalId } }) =>
          // A circuit may be up in the tunnel of the other end.
          localId === session.remoteId && (version === 3 || tunnelLocalId === view?.remoteId),
      )?.view;
      expect(other?.state).toBe('established');
      if (version === 3 && other) expectAgreement(node, session, peer, other);
      if (session.pseudowire !== 'ppp') continue;
      expect(session.ppp.phase).toBe('network');
      expect(session.ppp.ipv4?.local).toBe(other?.ppp.ipv4?.remote);
      expect(session.ppp.ipv4?.remote).toBe(other?.ppp.ipv4?.local);
      expect(session.ppp.ipv6?.localInterfaceId).toBe(other?.ppp.ipv6?.remoteInterfaceId);
      expect(session.ppp.auth).toBe(authenticatePeer ? method : undefined);
    }
  }
  const all = [...declared, ...statics].reduce((sum, { calls }) => sum + calls.length, 0);
  // Both ends of a circuit are declared, and so are those of a static session.
  const twice = circuits.length + statics.reduce((sum, { calls }) => sum + calls.length, 0) / 2;
  for (const node of world.nodes) expect(node.planeSessions.size).toBe(all - twice);

  for (const { node, tunnel } of [...declared, ...statics]) node.run(node.engine.closeTunnel(tunnel.name, world.now));
  world.runFor(120_000);
  for (const node of world.nodes) expect(leftovers(node)).toEqual(nothingLeft);
}

describe('two engines over a bad network, of either version', () => {
  forSeeds('converge and leave nothing behind', 8_000, run);
});
