import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import { expectNothingLeft, nothing, peerDialled, type Scene, theTunnel, weDialled } from './scenes.ts';
import { bench, encode, type Got, messageTypesV2, sample, tunnelStates, types } from './scripted-peer.ts';
import { gatewaySpec, peerSpec, tunnelSpec } from './world.ts';

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
    const hello = encode(sample(peer).HELLO);
    const datagram = dialects[2].encodeControl(peer.remoteId, 0, peer.ns, peer.nr, hello);
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
      decodeHeader(octets, 0, octets.length, header);
      if (!header.control || header.tunnelId !== 0 || header.ns !== 0) return false;
      return dialects[2].decodeMessage(octets, header.payloadStart, header.payloadEnd).type === 'SCCRQ';
    } catch {
      return false;
    }
  }

  const good = messageTypesV2.map((type) => encode(sample(bench(gatewaySpec()).peer)[type]));
  const body = fc.oneof(fc.uint8Array({ maxLength: 100, size: 'max' }), fc.constantFrom(...good));
  const spots = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 });

  /** Octets of any kind, from plain noise to messages with a few octets wrong, to tunnel 0 or to one of `ids`. */
  function datagrams(ids: number[]): fc.Arbitrary<Uint8Array> {
    const ids16 = fc.oneof(fc.constantFrom(0, ...ids), fc.nat(0xffff));
    const sequence = fc.oneof(fc.nat(8), fc.nat(0xffff));
    const damaged = fc
      .tuple(ids16, fc.constantFrom(0, 0, 5, 77), sequence, sequence, body, spots, fc.nat(20))
      .map(([tunnelId, sessionId, ns, nr, content, wrong, missing]) => {
        const datagram = dialects[2].encodeControl(tunnelId, sessionId, ns, nr, content);
        for (const [at, octet] of wrong) if (at < datagram.length) datagram[at] = octet;
        return missing > 15 ? datagram.subarray(0, -missing) : datagram;
      });
    return fc.oneof(
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60, size: 'max' }) },
      { weight: 4, arbitrary: damaged },
      { weight: 1, arbitrary: fc.constant(dialects[2].encodeControl(0, 0, 0, 0, good[0])) },
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
        const end = before + octets.length;
        const datagram = { socket: 1, encapsulation: 'udp', from, to: undefined, bytes, start: before, end } as const;
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
      fc.property(fc.boolean(), fc.array(datagrams([1]), { maxLength: 30, size: 'max' }), (dialled, garbage) => {
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
