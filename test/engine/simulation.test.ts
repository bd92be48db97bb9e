import { describe, expect } from 'vitest';
import { Secret, type SessionSpec, type SessionType } from '../../src/engine/spec.ts';
import { leftovers, nothingLeft } from './aftermath.ts';
import { FickleAaa } from './fickle-aaa.ts';
import { redial, reopen } from './redial.ts';
import { forSeeds } from './seeds.ts';
import {
  gatewaySpec,
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

/** A call as it is declared. Those that the peer has to ask for have a partner in the peer's own declarations. */
function callOf(index: number, type: SessionType, ppp: SessionSpec['ppp']): SessionSpec {
  const parameters = { ...sessionParameters, type };
  return sessionSpec(`call-${index}`, { parameters, calledNumber: `555${index}`, ppp });
}

/**
 * One run: random settings, random operations under faults, then quiet: all that is declared must be up at both ends,
 * and after everything is closed nothing may be left anywhere.
 */
function run(seed: number): void {
  const dice = new SeededRandom(seed ^ 0x5eed);
  const world = new World(seed, {
    loss: dice.next() * 0.3,
    duplication: dice.next() * 0.2,
    minDelayMs: 1,
    maxDelayMs: 1 + dice.next() * 400,
  });
  const secret = dice.chance(0.6) ? new Secret('tunnel secret') : undefined;
  const authMode = secret && dice.chance(0.5) ? 'challenge' : 'none';
  const parameters = (hostName: string) =>
    tunnelParameters({
      hostName,
      secret,
      authMode,
      hideAvps: secret !== undefined && dice.chance(0.5),
      useTieBreaker: dice.chance(0.7),
      helloIntervalMs: 5_000 + dice.below(20_000),
      receiveWindow: 1 + dice.below(10),
      transmitWindow: 1 + dice.below(10),
    });
  const method = (['pap', 'chap', 'mschapv2'] as const)[dice.below(3)];
  const authenticatePeer = dice.chance(0.8);
  const gateway = (hostName: string) =>
    gatewaySpec({
      peers: [
        peerSpec({
          match: { addresses: ['10.0.0.0/8'] },
          tunnel: parameters(hostName),
          session: { ...sessionParameters, type: 'lacOutgoing' },
          ppp: pppSpec('server', { authMethods: [method], authenticatePeer }),
        }),
      ],
    });
  const a = world.node('10.0.0.1', gateway('a.example'));
  const b = world.node('10.0.0.2', gateway('b.example'));
  a.subscribers.set('alice', new Secret('wonderland'));
  b.subscribers.set('alice', new Secret('wonderland'));
  const aaa = new FickleAaa(world, dice);
  for (const node of world.nodes) aaa.reign(node, 'alice');
  const client = pppSpec('client');
  const server = pppSpec('server', { authMethods: [method], authenticatePeer });
  const calls = (below: number) =>
    Array.from({ length: dice.below(below) }, (_, index) =>
      dice.chance(0.5) ? callOf(index, 'lacIncoming', client) : callOf(index, 'lnsOutgoing', server),
    );
  const declared = [
    { node: a, tunnel: tunnelSpec(b.address, { parameters: parameters('a.example') }), calls: calls(4) },
    ...(dice.chance(0.4)
      ? [{ node: b, tunnel: tunnelSpec(a.address, { parameters: parameters('b.example') }), calls: calls(3) }]
      : []),
  ];

  const reconcile = () => {
    for (const { node, tunnel, calls } of declared) {
      if (redial(node, tunnel) === 'established') reopen(node, calls, world.now);
    }
  };

  for (let step = 0; step < 12; step++) {
    reconcile();
    const { node, tunnel, calls } = declared[dice.below(declared.length)];
    const choice = dice.next();
    if (choice < 0.1) node.run(node.engine.closeTunnel(tunnel.name, world.now));
    else if (choice < 0.25 && calls.length > 0) {
      node.run(node.engine.closeSession(`call-${dice.below(calls.length)}`, world.now));
    } else if (choice < 0.32) world.nodes[dice.below(2)].crash();
    else if (choice < 0.5) aaa.interfere(world.nodes[dice.below(2)], 'alice');
    world.runFor(dice.next() * 5_000);
  }

  world.faults = noFaults;
  for (const node of world.nodes) aaa.rest(node, 'alice');
  // A peer that crashed is found out by HELLO and a whole retransmission cycle; its old tunnel lingers as long again.
  for (let second = 0; second < 150; second++) {
    reconcile();
    world.runFor(1_000);
  }

  for (const { node, tunnel, calls } of declared) {
    const peer = node === a ? b : a;
    const view = [...node.engine.declaredTunnels()].find(({ name }) => name === tunnel.name);
    expect(view?.state).toBe('established');
    expect(view?.authenticated).toBe(authMode === 'challenge');
    const up = [...node.engine.declaredSessions()].filter(({ state }) => state === 'established');
    expect(up.length).toBe(calls.length);
    for (const session of up) {
      const other = [...peer.engine.acceptedSessions()].find(
        ({ tunnelLocalId, localId }) => localId === session.remoteId && tunnelLocalId === view?.remoteId,
      );
      expect(other?.state).toBe('established');
      expect(session.ppp.phase).toBe('network');
      expect(session.ppp.ipv4?.local).toBe(other?.ppp.ipv4?.remote);
      expect(session.ppp.ipv4?.remote).toBe(other?.ppp.ipv4?.local);
      expect(session.ppp.ipv6?.localInterfaceId).toBe(other?.ppp.ipv6?.remoteInterfaceId);
      expect(session.ppp.auth).toBe(authenticatePeer ? method : undefined);
    }
  }
  for (const node of world.nodes)
    expect(node.planeSessions.size).toBe(declared.reduce((sum, { calls }) => sum + calls.length, 0));

  for (const { node, tunnel } of declared) node.run(node.engine.closeTunnel(tunnel.name, world.now));
  world.runFor(120_000);
  for (const node of world.nodes) expect(leftovers(node)).toEqual(nothingLeft);
}

describe('two engines over a bad network', () => {
  forSeeds('converge and leave nothing behind', 8_000, run);
});
