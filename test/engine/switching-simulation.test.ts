import { describe, expect } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { leftovers, nothingLeft } from './aftermath.ts';
import { FickleAaa } from './fickle-aaa.ts';
import { pick } from './mixed-terms.ts';
import { PppoeClient } from './pppoe-client.ts';
import { redial, reopen } from './redial.ts';
import { forSeeds } from './seeds.ts';
import {
  ethernet,
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

const user = 'alice@example.net';

/**
 * One run: a LAC and PPPoE clients before a switch, two LNSs behind it; random operations under faults, then quiet: every
 * call must have found its way to an LNS, and after everything is closed nothing may be left anywhere.
 */
function run(seed: number): void {
  const dice = new SeededRandom(seed ^ 0x5317c4);
  const world = new World(seed, {
    loss: dice.next() * 0.2,
    duplication: dice.next() * 0.2,
    minDelayMs: 1,
    maxDelayMs: 1 + dice.next() * 200,
  });
  const common = { helloIntervalMs: 5_000, allowPppProxy: dice.chance(0.5) };
  // Who asks speaks either version, or offers both; who answers takes what comes.
  const parameters = () => tunnelParameters({ ...common, version: pick(dice, ['v2', 'v2', 'v3', 'auto'] as const) });
  const anyone = { match: { addresses: ['10.0.0.0/8'] }, tunnel: tunnelParameters({ ...common, version: 'auto' }) };
  const method = (['pap', 'chap'] as const)[dice.below(2)];
  const server = pppSpec('server', { authMethods: [method], echoIntervalMs: 5_000, echoFailures: 3 });
  const client = () => pppSpec('client', { echoIntervalMs: 5_000, echoFailures: 3, userName: user });
  // A third of the ways is the AAA's to know.
  const asks = dice.chance(0.33);
  const rules = [
    dice.chance(0.5)
      ? { realm: 'example.*', aaa: asks, tunnels: ['to-first', 'to-second'] }
      : { aaa: asks, tunnels: ['to-second', 'to-first'] },
  ];
  const session = { ...sessionParameters, forward: { rules, avps: {} }, usePppProxy: dice.chance(0.3) };
  const lac = world.node('10.0.0.1', gatewaySpec());
  const middle = world.node('10.0.0.2', gatewaySpec({ peers: [peerSpec({ ...anyone, session, ppp: server })] }));
  const lnsSpec = gatewaySpec({ peers: [peerSpec({ ...anyone, ppp: server })] });
  const lnss = [world.node('10.0.0.3', lnsSpec), world.node('10.0.0.4', lnsSpec)];
  for (const node of world.nodes) node.subscribers.set(user, new Secret('wonderland'));
  const aaa = new FickleAaa(world, dice);
  if (dice.chance(0.5)) middle.grants.set(user, { tunnels: lnss.map(({ address }) => ({ remoteAddress: address })) });
  for (const node of [middle, ...lnss]) aaa.reign(node, user);
  const access = {
    name: 'access',
    interface: ethernet,
    acName: 'ac',
    serviceNames: [],
    maxSessions: 0,
    session,
    ppp: server,
  };
  /** After a crash the reconciler declares everything anew. */
  const configure = () => middle.run(middle.engine.configure({ ...middle.gateway, pppoeServers: [access] }, world.now));
  configure();
  const clients = Array.from(
    { length: 1 + dice.below(3) },
    (_, index) => new PppoeClient(world, middle, Uint8Array.of(2, 0, 0, 0, 0, index), client()),
  );
  for (const each of clients) each.connect();

  const tunnels: [Node, ReturnType<typeof tunnelSpec>][] = [
    [lac, tunnelSpec(middle.address, { parameters: parameters() })],
    [middle, tunnelSpec(lnss[0].address, { name: 'to-first', parameters: parameters() })],
    [middle, tunnelSpec(lnss[1].address, { name: 'to-second', parameters: parameters() })],
  ];
  const calls = Array.from({ length: 1 + dice.below(3) }, (_, index) =>
    sessionSpec(`call-${index}`, { ppp: client() }),
  );
  const reconcile = () => {
    for (const [node, tunnel] of tunnels) redial(node, tunnel);
    reopen(lac, calls, world.now);
  };

  for (let step = 0; step < 12; step++) {
    reconcile();
    const choice = dice.next();
    const [node, tunnel] = tunnels[dice.below(tunnels.length)];
    if (choice < 0.15) node.run(node.engine.closeTunnel(tunnel.name, world.now));
    else if (choice < 0.25) lac.run(lac.engine.closeSession(`call-${dice.below(calls.length)}`, world.now));
    else if (choice < 0.35) {
      const crashed = world.nodes[dice.below(world.nodes.length)];
      crashed.crash();
      if (crashed === middle) configure();
    } else if (choice < 0.5) {
      const gone = clients[dice.below(clients.length)];
      gone.disconnect();
      gone.connect();
    } else if (choice < 0.65) aaa.interfere([middle, ...lnss][dice.below(3)], user);
    world.runFor(dice.next() * 5_000);
  }

  world.faults = noFaults;
  for (const node of world.nodes) aaa.rest(node, user);
  // PPP notices by its echoes what is gone without a word, tunnels by HELLO and a retransmission cycle.
  for (let second = 0; second < 180; second++) {
    reconcile();
    world.runFor(1_000);
  }

  const ends = lnss.flatMap((lns) => [...lns.engine.acceptedSessions()]);
  expect(ends.map(({ ppp }) => ppp.phase)).toEqual(Array(calls.length + clients.length).fill('network'));
  for (const { state, ppp } of lac.engine.declaredSessions()) {
    expect([state, ppp.phase]).toEqual(['established', 'network']);
    expect(ends.some((end) => end.ppp.ipv4?.remote === ppp.ipv4?.local)).toBe(true);
  }
  for (const { link } of clients) expect(link?.view().phase).toBe('network');
  expect(middle.engine.sizes()).toMatchObject({
    sessions: 2 * calls.length + clients.length,
    pppoe: clients.length,
    serials: calls.length + clients.length,
  });
  expect(middle.leases.size).toBe(0);
  expect(middle.accounted.size).toBe(asks ? calls.length + clients.length : 0);

  for (const each of clients) each.disconnect();
  for (const [node, tunnel] of tunnels) node.run(node.engine.closeTunnel(tunnel.name, world.now));
  world.runFor(asks ? 200_000 : 120_000);
  for (const node of world.nodes) expect(leftovers(node)).toEqual(nothingLeft);
}

describe('calls through a switch, over a bad network', () => {
  forSeeds('find their way and leave nothing behind', 2_000, run);
});
