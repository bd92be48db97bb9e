import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionView, TunnelView } from '../../src/engine/spec.ts';
import { dialectV2 } from '../../src/engine/wire/dialect.ts';
import { newHeader } from '../../src/engine/wire/header.ts';
import { bench, type Got, ScriptedPeer, sample, tunnelStates, types } from './scripted-peer.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  type World,
} from './world.ts';

/** RFC 2661 5.7: a full retransmission cycle with the parameters of these tests. */
const cycleMs = 31_000;
const nothing = { tunnels: 0, sessions: 0, halfOpen: 0, deadlines: 0 };

interface Scene {
  world: World;
  node: Node;
  peer: ScriptedPeer;
}

/** A tunnel that we dialled, with one established call. */
function weDialled(parameters = tunnelParameters()): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer, world } = scene;
  node.dial(tunnelSpec('10.0.0.9', { parameters }));
  peer.accept();
  // PPP is not the subject: it waits for as long as any of these tests lasts.
  const lcp = { maxConfigRequests: 10_000, maxConfigNaks: 10, maxTerminateRequests: 3, retransmitMs: 3_000 };
  node.run(node.engine.openSession(sessionSpec('call', { ppp: pppSpec('client', { lcp }) }), world.now));
  const icrq = peer.log.at(-1);
  peer.send(sample(peer).ICRP, { sessionId: icrq?.avps.assignedSessionId });
  peer.ack();
  expect(theSession(node)?.state).toBe('established');
  return scene;
}

/** A tunnel that the peer opened, with one established call. */
function peerDialled(): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer } = scene;
  peer.connect();
  const [icrp] = peer.send(sample(peer).ICRQ);
  peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
  expect(theSession(node)?.state).toBe('established');
  return scene;
}

function theTunnel(node: Node): TunnelView | undefined {
  return [...node.engine.declaredTunnels(), ...node.engine.acceptedTunnels()][0];
}

function theSession(node: Node): SessionView | undefined {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()][0];
}

function expectNothingLeft({ node }: Scene): void {
  expect(node.engine.sizes()).toEqual(nothing);
  expect(node.planeTunnels.size + node.planeSessions.size + node.leases.size + node.openSockets).toBe(0);
}

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
    peer.ack();
    world.runFor(cycleMs);
    expectNothingLeft(scene);
  });

  it('before it has an answer never bothers an engine for long', () => {
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

  it('says nothing twice', () => {
    const { node, peer, world } = peerDialled();
    peer.unread();
    node.run(node.engine.shutdown(world.now));
    node.run(node.engine.shutdown(world.now));
    expect(types(peer.unread())).toEqual(['StopCCN']);
  });
});

/** An AVP as RFC 2661 4.1 draws it. */
function avp(flags: number, type: number, ...value: number[]): number[] {
  return [flags, 6 + value.length, 0, 0, type >> 8, type & 0xff, ...value];
}

const mandatory = 0x80;
const bodies = {
  unknownOptionalMessage: avp(0, 0, 0, 99),
  unknownMandatoryMessage: avp(mandatory, 0, 0, 99),
  noMessageType: avp(mandatory, 7, 120),
  helloWithUnknownMandatoryAvp: [...avp(mandatory, 0, 0, 6), ...avp(mandatory, 999, 1)],
  helloWithUnknownOptionalAvp: [...avp(mandatory, 0, 0, 6), ...avp(0, 999, 1)],
  helloWithHalfAnAvp: [...avp(mandatory, 0, 0, 6), 0x80, 9, 0],
  icrqWithoutItsAvps: avp(mandatory, 0, 0, 10),
};

describe('a malformed message', () => {
  function take(scene: Scene, body: keyof typeof bodies): Got[] {
    return scene.peer.sendBody(Uint8Array.from(bodies[body]));
  }

  it.each(['unknownOptionalMessage', 'helloWithUnknownOptionalAvp'] as const)(
    'that does no harm is acknowledged: %s',
    (body) => {
      const scene = peerDialled();
      expect(take(scene, body)).toEqual([]);
      scene.world.runFor(20);
      expect(scene.peer.unread()).toMatchObject([{ type: 'ZLB', header: { nr: scene.peer.ns } }]);
      expect(theTunnel(scene.node)?.state).toBe('established');
    },
  );

  it.each([
    ['unknownMandatoryMessage', 3],
    ['noMessageType', 3],
    ['helloWithUnknownMandatoryAvp', 8],
    ['helloWithHalfAnAvp', 2],
  ] as const)('about the tunnel ends it: %s, error %i', (body, error) => {
    const scene = peerDialled();
    const [stop, ...more] = take(scene, body);
    expect(more).toEqual([]);
    expect(stop).toMatchObject({ type: 'StopCCN', avps: { resultCode: { result: 2, error } } });
    expect(tunnelStates(scene.node)).toEqual(['closing']);
    expect(scene.node.notices.some(({ event }) => event === 'protocol')).toBe(true);
  });

  it('about a call ends a tunnel that can have none yet, as a proper one would', () => {
    const scene = bench(gatewaySpec());
    scene.peer.sccrq();
    expect(types(take(scene, 'icrqWithoutItsAvps'))).toEqual(['StopCCN']);
    expect(tunnelStates(scene.node)).toEqual(['closing']);
  });

  it.each(Object.keys(bodies) as (keyof typeof bodies)[])('does nothing in a tunnel that is over: %s', (body) => {
    const closing = peerDialled();
    closing.node.run(closing.node.engine.shutdown(closing.world.now));
    expect(take(closing, body)).toEqual([]);
    expect(tunnelStates(closing.node)).toEqual(['closing']);
    const closed = peerDialled();
    closed.peer.stopCcn();
    expect(take(closed, body)).toEqual([]);
    expect(tunnelStates(closed.node)).toEqual(['closed']);
    closed.world.runFor(20);
    expect(closed.peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { nr: closed.peer.ns } });
  });

  it('does not open a tunnel', () => {
    for (const body of Object.keys(bodies) as (keyof typeof bodies)[]) {
      const scene = bench(gatewaySpec());
      expect(take(scene, body)).toEqual([]);
      scene.world.runFor(1_000);
      expect(scene.peer.log).toEqual([]);
      expect(scene.node.engine.sizes()).toEqual(nothing);
    }
  });

  it.each([
    ['an L2TPv3 header', [0xc8, 0x03]],
    ['an L2F header', [0xc8, 0x01]],
    ['no length', [0x88, 0x02]],
    ['no sequence numbers', [0xc0, 0x02]],
    ['an offset', [0xca, 0x02]],
  ])('with %s is dropped', (_what, flags) => {
    const { node, peer } = peerDialled();
    const hello = dialectV2.encodeMessage(sample(peer).HELLO);
    const datagram = dialectV2.encodeControl(peer.remoteId, 0, peer.ns, peer.nr, hello);
    datagram.set(flags);
    const received = theTunnel(node)?.transport.received;
    expect(peer.sendOctets(datagram)).toEqual([]);
    expect(Object.values(node.engine.drops)).toEqual([1]);
    expect(theTunnel(node)?.transport.received).toBe(received);
  });
});

describe('garbage', () => {
  /** Whether these octets are an SCCRQ to which an answer is due. */
  function isRequest(octets: Uint8Array): boolean {
    const header = newHeader();
    try {
      dialectV2.decodeHeader(octets, 0, octets.length, header);
      if (!header.control || header.tunnelId !== 0 || header.ns !== 0) return false;
      return dialectV2.decodeMessage(octets, header.payloadStart, header.payloadEnd).type === 'SCCRQ';
    } catch {
      return false;
    }
  }

  const strange = new ScriptedPeer(bench(gatewaySpec()).world, bench(gatewaySpec()).node);
  const good = Object.values(sample(strange)).map((message) => dialectV2.encodeMessage(message));
  const body = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(...good));
  const spots = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 });

  /** Octets of any kind, from plain noise to messages with a few octets wrong, to tunnel 0 or to one of `ids`. */
  function datagrams(ids: number[]): fc.Arbitrary<Uint8Array> {
    const ids16 = fc.oneof(fc.constantFrom(0, ...ids), fc.nat(0xffff));
    const sequence = fc.oneof(fc.nat(8), fc.nat(0xffff));
    const damaged = fc
      .tuple(ids16, fc.constantFrom(0, 0, 5, 77), sequence, sequence, body, spots, fc.nat(20))
      .map(([tunnelId, sessionId, ns, nr, content, wrong, missing]) => {
        const datagram = dialectV2.encodeControl(tunnelId, sessionId, ns, nr, content);
        for (const [at, octet] of wrong) if (at < datagram.length) datagram[at] = octet;
        return missing > 15 ? datagram.subarray(0, -missing) : datagram;
      });
    return fc.oneof(
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
      { weight: 4, arbitrary: damaged },
      { weight: 1, arbitrary: fc.constant(dialectV2.encodeControl(0, 0, 0, 0, good[0])) },
    );
  }

  it('from strangers throws nothing, changes nothing and is not answered', () => {
    const { node, peer, world } = peerDialled();
    node.dial(tunnelSpec('10.0.0.8'));
    world.runFor(100);
    const ids = [peer.remoteId, ...[...node.engine.declaredTunnels()].map(({ localId }) => localId)];
    let requests = 0;
    fc.assert(
      fc.property(datagrams(ids), fc.nat(3), fc.integer({ min: 0, max: 7 }), (octets, host, before) => {
        const bytes = new Uint8Array(before + octets.length + 5).fill(0xc8);
        bytes.set(octets, before);
        const sizes = node.engine.sizes();
        const from = { address: `192.0.2.${host}`, port: 1701 };
        const datagram = { socket: 1, from, to: undefined, bytes, start: before, end: before + octets.length };
        const effects = node.engine.datagram(datagram, { address: node.address, port: 1701 }, world.now);
        if (isRequest(octets)) {
          requests++;
          return;
        }
        expect(effects.filter(({ effect }) => effect !== 'notice')).toEqual([]);
        expect(node.engine.sizes()).toEqual(sizes);
      }),
      { numRuns: 5_000 },
    );
    expect(requests).toBeGreaterThan(100);
    expect(theTunnel(node)?.state).toBe('waitReply');
    expect([...node.engine.acceptedSessions()].length).toBe(1);
  });

  it('from a peer in its own tunnel throws nothing, and in the end nothing is left', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(datagrams([1]), { maxLength: 30 }), (dialled, garbage) => {
        const scene = dialled ? weDialled() : peerDialled();
        const { node, peer, world } = scene;
        for (const octets of garbage) {
          if (octets.length > 6 && octets[4] === 0 && octets[5] === 1) {
            octets[4] = peer.remoteId >> 8;
            octets[5] = peer.remoteId & 0xff;
          }
          peer.sendOctets(octets);
          world.runFor(10);
          expect(node.engine.sizes().tunnels).toBeLessThanOrEqual(1 + garbage.length);
        }
        world.runFor(300_000);
        expectNothingLeft(scene);
      }),
      { numRuns: 300 },
    );
  });

  it('does not wear out an engine that keeps to itself', () => {
    const { node, peer, world } = bench(
      gatewaySpec({ peers: [peerSpec({ match: { hostName: 'nobody', addresses: [] } })] }),
    );
    for (let count = 0; count < 1_000; count++) {
      peer.restart(1 + count);
      peer.sccrq();
    }
    expect(node.engine.sizes()).toEqual(nothing);
    world.runFor(1_000);
    expect(node.engine.drops).toEqual({ refusedRequest: 1_000 });
  });
});
