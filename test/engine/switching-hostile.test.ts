/** Switched calls whose peers and clients mean harm, or whose next hop does not play along. */
import { describe, expect, it } from 'vitest';
import { type ForwardRequest, sessionKeyV2 } from '../../src/engine/ports.ts';
import { decodeDiscovery, encodeDiscovery, type Tag, tagOf } from '../../src/engine/pppoe/packet.ts';
import type { ForwardSpec } from '../../src/engine/spec.ts';
import { bench, encode, type PeerMessage, ScriptedPeer, sample, types } from './scripted-peer.ts';
import { ethernet, gatewaySpec, peerSpec, pppSpec, sessionParameters, tunnelSpec } from './world.ts';

function forwarding(forward: Partial<ForwardSpec>, more: Partial<typeof sessionParameters> = {}) {
  return { ...sessionParameters, forward: { rules: [{ tunnels: ['to-peer'] }], avps: {}, ...forward }, ...more };
}

/** A message in whose texts every `x` is an octet that is no UTF-8. */
function garbled(message: PeerMessage): Uint8Array {
  return encode(message).map((octet) => (octet === 0x78 ? 0xff : octet));
}

const longest = 'x'.repeat(1017);

/** A switch between a peer that calls and one that is called. */
function between(session = forwarding({})) {
  const { world, node, peer } = bench(gatewaySpec({ peers: [peerSpec({ session })] }));
  const next = new ScriptedPeer(world, node, { address: '10.0.0.8', port: 1701 });
  node.dial(tunnelSpec(next.endpoint.address));
  next.accept({ bearerCapabilities: ['digital', 'analog'] });
  peer.connect();
  next.unread();
  return { world, node, peer, next };
}

describe('texts that grow when they are written again', () => {
  it('do no harm in an incoming call', () => {
    const { peer, next } = between();
    const { ICRQ, ICCN, CDN } = sample(peer);
    const numbers = { calledNumber: longest, callingNumber: longest, subAddress: longest };
    const [icrp] = peer.sendBody(garbled({ type: 'ICRQ', avps: { ...ICRQ.avps, ...numbers } }));
    const sessionId = icrp.avps.assignedSessionId ?? 0;
    const iccn = { ...ICCN.avps, privateGroupId: longest, proxyAuthenType: 3, proxyAuthenName: longest };
    peer.sendBody(garbled({ type: 'ICCN', avps: iccn }), { sessionId });
    const icrq = next.unread().find(({ type }) => type === 'ICRQ');
    expect(icrq).toBeDefined();
    next.send(sample(next).ICRP, { sessionId: icrq?.avps.assignedSessionId });
    expect(types(next.log)).toContain('ICCN');
    const advisory = 'x'.repeat(1000);
    const causes = { q931Cause: { cause: 17, msg: 0, advisory } };
    peer.sendBody(garbled({ type: 'CDN', avps: { ...CDN.avps, ...causes } }), { sessionId });
    expect(types(next.unread())).toEqual(['CDN']);
  });

  it('do no harm in an outgoing call', () => {
    const { peer, next } = between(forwarding({}, { type: 'lacOutgoing' }));
    peer.sendBody(garbled({ type: 'OCRQ', avps: { ...sample(peer).OCRQ.avps, calledNumber: longest } }));
    expect(types(next.unread())).toEqual(['OCRQ']);
  });

  it('do no harm in a PPPoE client’s service name', () => {
    const server = {
      name: 'access',
      interface: ethernet,
      acName: 'ac',
      serviceNames: [],
      maxSessions: 0,
      session: forwarding({}),
      ppp: pppSpec('server'),
    };
    const gateway = gatewaySpec({ pppoeServers: [server] });
    const { world, node, peer } = bench(gateway);
    node.run(node.engine.configure(gateway, 0));
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept();
    peer.unread();
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const say = (type: 'PADI' | 'PADR', tags: readonly Tag[]) => {
      const packet = encodeDiscovery({ type, sessionId: 0, tags });
      return node.engine.discovery(ethernet, mac, packet, 0, packet.length, world.now);
    };
    const [offer] = say('PADI', [['serviceName', new Uint8Array(0)]]);
    const pado = offer.effect === 'discovery' ? decodeDiscovery(offer.packet, 0, offer.packet.length) : undefined;
    const cookie = (pado && tagOf(pado, 'acCookie')) ?? new Uint8Array(0);
    node.run(
      say('PADR', [
        ['serviceName', new Uint8Array(1_400).fill(0x78)],
        ['acCookie', cookie],
      ]),
    );
    expect(types(peer.unread())).toEqual(['ICRQ']);
  });
});

it('a plugin’s answer to a call that is gone does not choose for one that bears its ids', () => {
  const session = forwarding({ rules: [{ plugin: 'chooser', tunnels: ['elsewhere'] }] });
  const { world, node, peer, next } = between(session);
  // Every call has the same id.
  world.random.below = () => 0;
  const ring = () => {
    const [icrp] = peer.send(sample(peer).ICRQ);
    peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
    return icrp.avps.assignedSessionId ?? 0;
  };
  const asked: ForwardRequest[] = [];
  const run = node.run.bind(node);
  node.run = (effects) => {
    for (const effect of effects) if (effect.effect === 'forward') asked.push(effect.request);
    run(effects.filter(({ effect }) => effect !== 'forward'));
  };
  const first = ring();
  peer.send(sample(peer).CDN, { sessionId: first });
  expect(ring()).toBe(first);
  const [old, present] = asked;
  node.run(node.engine.forwardChosen(old, ['to-peer'], world.now));
  expect(types(next.unread())).toEqual([]);
  node.run(node.engine.forwardChosen(present, ['to-peer'], world.now));
  expect(types(next.unread())).toEqual(['ICRQ']);
});

it('a call that only rings is not counted as established', () => {
  const { node, peer } = between();
  const [icrp] = peer.send(sample(peer).ICRQ);
  expect(node.engine.accepted().sessions).toBe(0);
  peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
  expect(node.engine.accepted().sessions).toBe(1);
  peer.stopCcn();
  expect(node.engine.accepted()).toEqual({ tunnels: 0, sessions: 0 });
});

it('a frame that overtakes the OCCN of an outgoing call reaches the LNS', () => {
  const { world, node, peer, next } = between(forwarding({}, { type: 'lacOutgoing' }));
  peer.send(sample(peer).OCRQ);
  const sessionId = next.unread().find(({ type }) => type === 'OCRQ')?.avps.assignedSessionId ?? 0;
  next.send(sample(next).OCRP, { sessionId });
  const calls = [...node.engine.acceptedSessions()].map(({ type, tunnelLocalId, localId }) => {
    return { type, key: sessionKeyV2(tunnelLocalId, localId) };
  });
  const keyOf = (type: string) => calls.find((call) => call.type === type)?.key ?? 0;
  const frame = Uint8Array.of(0xff, 3, 0xc0, 0x21, 1, 1, 0, 4);
  node.run(node.engine.frame(keyOf('lnsOutgoing'), frame, 0, frame.length, world.now));
  const passed: unknown[] = [];
  const run = node.run.bind(node);
  node.run = (effects) => {
    for (const effect of effects) {
      if (effect.effect === 'frame') passed.push(effect);
    }
    run(effects);
  };
  next.send(sample(next).OCCN, { sessionId });
  expect(types(peer.unread())).toEqual(['OCCN']);
  expect(passed).toEqual([{ effect: 'frame', session: keyOf('lacOutgoing'), frame }]);
});

describe('a call whose next hop does not take it', () => {
  it('gives up when the second tunnel cannot be asked at all', () => {
    const session = forwarding({ rules: [{ tunnels: ['to-peer', 'digital'] }] }, { type: 'lacOutgoing' });
    const { world, node, peer, next } = between(session);
    const other = new ScriptedPeer(world, node, { address: '10.0.0.7', port: 1701 });
    node.dial(tunnelSpec(other.endpoint.address, { name: 'digital' }));
    other.accept({ bearerCapabilities: ['digital'] });
    peer.send({ type: 'OCRQ', avps: { ...sample(peer).OCRQ.avps, bearerType: ['analog'] } });
    const ocrq = next.unread().find(({ type }) => type === 'OCRQ');
    next.send(
      { type: 'CDN', avps: { assignedSessionId: 5, resultCode: { result: 4 } } },
      { sessionId: ocrq?.avps.assignedSessionId },
    );
    expect(types(peer.unread())).toEqual(['CDN']);
    expect(node.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });

  it('goes on in the second tunnel when the first one ends meanwhile', () => {
    const { world, node, peer, next } = between(forwarding({ rules: [{ tunnels: ['to-peer', 'second'] }] }));
    const second = new ScriptedPeer(world, node, { address: '10.0.0.7', port: 1701 });
    node.dial(tunnelSpec(second.endpoint.address, { name: 'second' }));
    second.accept();
    second.unread();
    const [icrp] = peer.send(sample(peer).ICRQ);
    peer.send(sample(peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
    expect(types(next.unread())).toEqual(['ICRQ']);
    next.stopCcn();
    expect(types(second.unread())).toEqual(['ICRQ']);
    expect(types(peer.unread())).toEqual([]);
    expect(node.engine.sizes()).toMatchObject({ sessions: 2, serials: 1 });
  });
});
