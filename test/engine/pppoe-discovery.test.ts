/** PPPoE discovery as RFC 2516 5 and Appendix A want it, packet by packet. */
import { describe, expect, it } from 'vitest';
import {
  type DiscoveryType,
  decodeDiscovery,
  encodeDiscovery,
  type Tag,
  tagOf,
} from '../../src/engine/pppoe/packet.ts';
import type { PppoeServerSpec } from '../../src/engine/spec.ts';
import { bench } from './scripted-peer.ts';
import { ethernet, gatewaySpec, pppSpec, sessionParameters, tunnelSpec } from './world.ts';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
const internet: Tag = ['serviceName', new TextEncoder().encode('internet')];
const unique: Tag = ['hostUniq', Uint8Array.of(0, 1, 0xff)];
const relay: Tag = ['relaySessionId', Uint8Array.of(7)];

/** A concentrator whose calls go on in a tunnel, and what it answers to a packet. */
function serving(maxSessions = 0) {
  const spec: PppoeServerSpec = {
    name: 'access',
    interface: ethernet,
    acName: 'ac',
    serviceNames: ['internet', 'games'],
    maxSessions: 0,
    session: { ...sessionParameters, forward: { rules: [{ tunnels: ['to-peer'] }], avps: {} } },
    ppp: pppSpec('server'),
  };
  const { node, peer, world } = bench(gatewaySpec({ pppoeServers: [spec], maxSessions }));
  node.run(node.engine.configure(gatewaySpec({ pppoeServers: [spec], maxSessions }), 0));
  node.dial(tunnelSpec('10.0.0.9'));
  peer.accept();
  const say = (type: DiscoveryType, tags: readonly Tag[], sessionId = 0, from = mac) => {
    const packet = encodeDiscovery({ type, sessionId, tags });
    const effects = node.engine.discovery(ethernet, from, packet, 0, packet.length, world.now);
    node.run(effects);
    return effects.flatMap((effect) => {
      const answer = effect.effect === 'discovery' ? effect : undefined;
      const decoded = answer && decodeDiscovery(answer.packet, 0, answer.packet.length);
      return decoded ? [{ ...decoded, to: answer.peer }] : [];
    });
  };
  const cookie = (from = mac): Tag => {
    return ['acCookie', tagOf(say('PADI', [internet], 0, from)[0], 'acCookie') ?? new Uint8Array(0)];
  };
  return { node, say, cookie };
}

describe('a PADI', () => {
  it('gets no answer while no tunnel of the rules is up: another concentrator may serve better (5.2)', () => {
    const { node, say } = serving();
    node.run(node.engine.closeTunnel('to-peer', 0));
    expect(say('PADI', [internet])).toEqual([]);
  });

  it('is answered with our name, the service, a cookie, and what it brought for itself', () => {
    const [pado, ...more] = serving().say('PADI', [internet, unique, relay]);
    expect(more).toEqual([]);
    expect(pado).toMatchObject({ type: 'PADO', sessionId: 0, to: mac });
    expect(pado.tags).toEqual(expect.arrayContaining([internet, unique, relay]));
    expect(new TextDecoder().decode(tagOf(pado, 'acName'))).toBe('ac');
    expect(tagOf(pado, 'acCookie')).toHaveLength(16);
  });

  it.each<[string, Tag[], number]>([
    ['without a Service-Name', [unique], 0],
    ['for a service that we do not have', [['serviceName', Uint8Array.of(1)]], 0],
    ['with a session id', [internet], 1],
  ])('%s is not answered', (_what, tags, sessionId) => {
    expect(serving().say('PADI', tags, sessionId)).toEqual([]);
  });
});

describe('a PADR', () => {
  it('begins one session, however often it comes before there is PPP', () => {
    const { node, say, cookie } = serving();
    const request = [internet, unique, relay, cookie()];
    const [pads] = say('PADR', request);
    expect(pads).toMatchObject({ type: 'PADS', to: mac });
    expect(pads.sessionId).toBeGreaterThan(0);
    expect(pads.tags).toEqual(expect.arrayContaining([internet, unique, relay]));
    expect(pads.tags.filter(([name]) => name === 'serviceName')).toHaveLength(1);
    expect(say('PADR', request)[0].sessionId).toBe(pads.sessionId);
    expect(node.engine.sizes().pppoe).toBe(1);
  });

  it('for a service that we do not have gets a PADS without a session, which says why', () => {
    const { node, say, cookie } = serving();
    const [pads] = say('PADR', [['serviceName', Uint8Array.of(1)], cookie()]);
    expect(pads).toMatchObject({ type: 'PADS', sessionId: 0 });
    expect(tagOf(pads, 'serviceNameError')).toBeDefined();
    expect(node.engine.sizes().pppoe).toBe(0);
  });
});

it('a gateway that has no room for a call offers none, and says so to who was offered one before', () => {
  const { node, say, cookie } = serving(1);
  const second = Uint8Array.of(2, 0, 0, 0, 0, 2);
  const offered = cookie(second);
  expect(say('PADR', [internet, cookie()])[0].sessionId).toBeGreaterThan(0);
  expect(say('PADI', [internet], 0, second)).toEqual([]);
  const [pads, ...more] = say('PADR', [internet, offered], 0, second);
  expect(pads).toMatchObject({ type: 'PADS', sessionId: 0 });
  expect(tagOf(pads, 'acSystemError')).toBeDefined();
  expect(more).toEqual([]);
  expect(node.engine.sizes()).toMatchObject({ pppoe: 1, sessions: 1 });
});

describe('a concentrator that is shut down', () => {
  it('ends its sessions and begins none', () => {
    const { node, say, cookie } = serving();
    const proof = cookie();
    expect(say('PADR', [internet, proof])[0]).toMatchObject({ type: 'PADS', sessionId: expect.any(Number) });
    node.run(node.engine.shutdown(0));
    expect(node.engine.sizes()).toMatchObject({ pppoe: 0 });
    expect(say('PADI', [internet])).toEqual([]);
    expect(say('PADR', [internet, proof])).toMatchObject([{ type: 'PADS', sessionId: 0 }]);
    expect(node.engine.sizes()).toMatchObject({ pppoe: 0 });
  });
});

describe('a PADT', () => {
  it("ends its sender's session and no other, and is not answered", () => {
    const { node, say, cookie } = serving();
    const [{ sessionId }] = say('PADR', [internet, cookie()]);
    expect(say('PADT', [], sessionId, Uint8Array.of(2, 0, 0, 0, 0, 2))).toEqual([]);
    expect(node.engine.sizes().pppoe).toBe(1);
    expect(say('PADT', [], sessionId)).toEqual([]);
    expect(node.engine.sizes().pppoe).toBe(0);
  });
});
