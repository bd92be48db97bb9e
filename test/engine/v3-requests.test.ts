/** How control connections of L2TPv3 begin, and what keeps them: requests, ties, fallback, transport (RFC 3931 4.1 - 4.7, 5.4.3). */
import { describe, expect, it } from 'vitest';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { theTunnel } from './scenes.ts';
import { type Manner, ScriptedPeer, sample, tunnelStates, types } from './scripted-peer.ts';
import { avpsIn } from './v3-octets.ts';
import {
  authenticUdp,
  dialledSpec,
  establishedByPeer,
  establishedByUs,
  idle,
  manners,
  open,
  ours,
  plainUdp,
  type SceneV3,
  waitConnect,
  waitReply,
  wire,
} from './v3-scenes.ts';
import { tunnelSpec } from './world.ts';

const overIp = manners['over IP'];
const lost = { resultCode: { result: 3 } };

describe('a request of ours', () => {
  it('says what RFC 3931 6.1 requires, to control connection 0', () => {
    for (const manner of [plainUdp, overIp]) {
      const { peer } = waitReply(manner);
      const { avps, header } = peer.log[0];
      expect(header).toMatchObject({ version: 3, tunnelId: 0, ns: 0, nr: 0 });
      expect(avps).toMatchObject({ hostName: 'host.example', routerId: 0x0a000001, receiveWindowSize: 10 });
      expect(avps.assignedTunnelId).toBeGreaterThan(0xffff);
      expect(avps.protocolVersion).toBeUndefined();
    }
  });

  it('directly over IP stands behind the session id 0, as all control messages do (4.1.1.2)', () => {
    const { world, peer, node } = idle(overIp);
    const heads: string[] = [];
    world.onDatagram = ((before) => (from, to, datagram) => {
      before(from, to, datagram);
      if (from.address === node.address) heads.push(String(datagram.subarray(0, 6)));
    })(world.onDatagram);
    node.dial(dialledSpec(overIp));
    peer.accept();
    world.runFor(100);
    expect(new Set(heads)).toEqual(new Set([String([0, 0, 0, 0, 0xc8, 0x03])]));
    expect(heads.length).toBeGreaterThan(1);
  });

  it('is withdrawn with the id that it told, when nobody has answered (5.4.3)', () => {
    const { world, node, peer } = waitReply(plainUdp);
    node.run(node.engine.closeTunnel('to-peer', world.now));
    // It goes when the SCCRQ is acknowledged (Appendix A).
    const [stop] = peer.ack();
    expect(stop).toMatchObject({ type: 'StopCCN', header: { tunnelId: 0 }, avps: { assignedTunnelId: peer.remoteId } });
  });

  it('is answered from another port at most, not from another address', () => {
    const scene = waitReply(plainUdp);
    scene.peer.sccrp({}, { from: { address: '10.0.0.66', port: 1701 } });
    expect(tunnelStates(scene.node)).toEqual(['waitReply']);
    scene.peer.sccrp({}, { ns: 0, from: { address: '10.0.0.9', port: 1702 } });
    expect(theTunnel(scene.node)).toMatchObject({ state: 'established', remote: { port: 1702 } });
  });
});

describe('a request of the peer', () => {
  it('is known again, and is no second tunnel', () => {
    const { node, peer, world } = idle(plainUdp);
    peer.sccrq({}, { ns: 0 });
    expect(peer.sccrq({}, { ns: 0, tunnelId: 0 })).toEqual([]);
    world.runFor(20);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
  });

  it('may be withdrawn by who has no answer yet, by the id that it told', () => {
    const { node, peer } = idle(plainUdp);
    peer.sccrq();
    peer.stopCcn({ tunnelId: 0, nr: 0 });
    expect(tunnelStates(node)).toEqual(['closed']);
  });

  it('is refused where it lacks what identifies the peer', () => {
    const { node, peer } = idle(plainUdp);
    for (const name of ['hostName', 'assignedTunnelId'] as const) {
      expect(peer.sccrq({ [name]: undefined }, { ns: 0 })).toEqual([]);
    }
    // RFC 3931 6.1 wants these too, and peers leave them out.
    expect(types(peer.sccrq({ routerId: undefined, pseudowireCapabilities: undefined }, { ns: 0 }))).toEqual(['SCCRP']);
    expect(node.engine.sizes().tunnels).toBe(1);
  });

  it('is refused with the version that we speak, in the version that it is in', () => {
    const v2 = idle(plainUdp, { tunnel: ours(plainUdp, { version: 'v2' }) }).peer;
    expect(v2.sccrq()).toMatchObject([
      { type: 'StopCCN', header: { version: 3 }, avps: { resultCode: { result: 5, error: 2 } } },
    ]);
    const { node, world } = idle(plainUdp);
    const older = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 });
    expect(older.sccrq()).toMatchObject([
      { type: 'StopCCN', header: { version: 2 }, avps: { resultCode: { result: 5, error: 3 } } },
    ]);
  });

  it('with a Router ID that is no address is as good (5.4.3)', () => {
    const { node, peer } = idle(plainUdp);
    peer.sccrq({ routerId: 0xffff_ffff });
    peer.sccn();
    expect(tunnelStates(node)).toEqual(['established']);
  });

  it('asks for messages in another language in vain: ours are in the default language', () => {
    const { peer } = idle(plainUdp, {}, { drain: true });
    const [stop] = peer.sccrq({ preferredLanguage: 'de' });
    expect(stop.avps.resultCode?.message).toBe('draining');
  });
});

describe('a request that both versions can read (4.7.3)', () => {
  function offer(changes: Parameters<typeof ours>[1] = {}) {
    const scene = idle(plainUdp);
    const { node } = scene;
    node.dial(tunnelSpec('10.0.0.9', { parameters: ours(plainUdp, { version: 'auto', ...changes }) }));
    return { ...scene, request: scene.peer.unread()[0] };
  }

  it('has a header of L2TPv2, all of its AVPs with their M bits, and those of L2TPv3 without', () => {
    const { request } = offer();
    expect(request.header).toMatchObject({ version: 2, tunnelId: 0, sessionId: 0 });
    const found = avpsIn(request.bytes);
    const inV2 = found.filter(({ type }) => type < 58);
    const inV3 = found.filter(({ type }) => type >= 58);
    // Message Type, Protocol Version, Framing Capabilities, Host Name, Assigned Tunnel ID.
    for (const type of [0, 2, 3, 7, 9])
      expect(inV2).toContainEqual({ vendor: 0, type, mandatory: true, hidden: false });
    // Message Digest, Router ID, Assigned Control Connection ID, Pseudowire Capabilities.
    for (const type of [59, 60, 61, 62]) {
      expect(inV3).toContainEqual({ vendor: 0, type, mandatory: false, hidden: false });
    }
    expect(inV3.some(({ mandatory }) => mandatory)).toBe(false);
  });

  it('goes on in L2TPv3 when the answer is in that', () => {
    const { node, peer } = offer();
    peer.accept();
    expect(theTunnel(node)).toMatchObject({ state: 'established', version: 3, localId: peer.remoteId });
    expect(node.engine.sizes().tunnels).toBe(1);
  });

  it('goes on in L2TPv2 when the answer is in that', () => {
    const { node, peer, world, request } = offer();
    const older = new ScriptedPeer(world, node);
    older.remoteId = request.avps.assignedTunnelId ?? 0;
    older.remote = request.from;
    older.nr = 1;
    older.sccrp();
    expect(theTunnel(node)).toMatchObject({ state: 'established', version: 2 });
    // The id of L2TPv3 is free again.
    peer.send(sample(peer).HELLO);
    expect(node.engine.drops).toEqual({ unknownTunnel: 1 });
    expect(node.engine.sizes().tunnels).toBe(1);
  });

  it('of the peer is answered in L2TPv3, whatever L2TPv2 would say of its AVPs', () => {
    const { node, peer } = idle(plainUdp);
    const older = dialects[2];
    const { introduction } = peer;
    const avps = {
      ...introduction,
      assignedTunnelId: 77,
      assignedControlConnectionId: peer.tunnelId,
      challenge: Uint8Array.of(1, 2, 3),
      bearerCapabilities: ['digital' as const],
    };
    const body = older.encodeMessage({ type: 'SCCRQ', avps }, 0);
    const got = peer.sendOctets(older.encodeControl(0, 0, 0, 0, body));
    expect(got).toMatchObject([{ type: 'SCCRP', header: { version: 3, tunnelId: peer.tunnelId } }]);
    peer.ns = 1;
    peer.sccn();
    expect(theTunnel(node)).toMatchObject({ state: 'established', version: 3, remoteId: peer.tunnelId });
  });

  it('is never one directly over IP: that is L2TPv3 alone (4.7.1)', () => {
    const { node, peer } = idle(overIp);
    node.dial(tunnelSpec('10.0.0.9', { encapsulation: 'ip', parameters: ours(overIp, { version: 'auto' }) }));
    expect(peer.log[0].header.version).toBe(3);
  });
});

describe('both ends ask at once (5.4.3, Control Connection Tie Breaker)', () => {
  function asked(manner: Manner, useTieBreaker = true) {
    const scene = waitReply(manner, { useTieBreaker });
    const { tieBreaker = 0n } = scene.peer.log[0].avps;
    scene.peer.unread();
    return { ...scene, tieBreaker };
  }

  /** The peer's own request, to where we listen; it forgets nothing of ours. */
  function ask({ peer }: SceneV3, tieBreaker: bigint | undefined) {
    const { tunnelId, remote, remoteId, remoteNonce, ns, nr } = peer;
    peer.restart(0x0bad_cafe);
    const got = peer.sccrq({ tieBreaker });
    if (types(got).includes('StopCCN')) Object.assign(peer, { tunnelId, remote, remoteId, remoteNonce, ns, nr });
    return got;
  }

  describe.each(Object.entries(manners))('%s', (_how, manner) => {
    it('the lower value wins: ours, and the peer is told', () => {
      const scene = asked(manner);
      const got = ask(scene, scene.tieBreaker + 1n);
      expect(got).toMatchObject([{ type: 'StopCCN', header: { tunnelId: 0x0bad_cafe }, avps: lost }]);
      if (manner.digests) expect(got[0].digest).not.toBe('absent');
      expect(tunnelStates(scene.node)).toEqual(['waitReply']);
      scene.peer.accept();
      expect(tunnelStates(scene.node)).toEqual(['established']);
    });

    it('the lower value wins: the peer’s', () => {
      const scene = asked(manner);
      expect(types(ask(scene, scene.tieBreaker - 1n))).toEqual(['SCCRP']);
      expect(theTunnel(scene.node)).toMatchObject({ name: 'to-peer', state: 'waitConnect' });
      expect(scene.node.engine.sizes().tunnels).toBe(1);
    });
  });

  it('equal values lose both, without a word', () => {
    const scene = asked(plainUdp);
    expect(ask(scene, scene.tieBreaker)).toEqual([]);
    expect(tunnelStates(scene.node)).toEqual([]);
    // And ask again with other ones.
    scene.node.dial(dialledSpec(plainUdp, { useTieBreaker: true }));
    expect(scene.peer.log.at(-1)?.avps.tieBreaker).not.toBe(scene.tieBreaker);
  });

  it('one beats none, and without any there are two tunnels', () => {
    expect(types(ask(asked(plainUdp), undefined))).toEqual(['StopCCN']);
    expect(types(ask(asked(plainUdp, false), 7n))).toEqual(['SCCRP']);
    const scene = asked(plainUdp, false);
    expect(types(ask(scene, undefined))).toEqual(['SCCRP']);
    expect(tunnelStates(scene.node)).toEqual(['waitReply', 'waitConnect']);
  });
});

describe('the transport (4.2)', () => {
  it.each(Object.entries(manners))(
    'sends again as L2TPv2 does, with the newest Nr and a digest that is right: %s',
    (_how, manner) => {
      const scene = establishedByUs(manner);
      const { world, node, peer } = scene;
      node.run(node.engine.openSession(wire(), world.now));
      peer.unread();
      const begin = world.now;
      const at: number[] = [];
      world.onDatagram = ((before) => (from, to, datagram) => {
        before(from, to, datagram);
        if (from.address === node.address && peer.log.at(-1)?.type === 'ICRQ') at.push(world.now - begin);
      })(world.onDatagram);
      // What the peer says meanwhile acknowledges nothing of ours.
      peer.send(sample(peer).HELLO, { nr: 2 });
      world.runFor(16_000);
      expect(at).toEqual([1_000, 3_000, 7_000, 15_000]);
      const last = peer.log.at(-1);
      expect(last?.header).toMatchObject({ nr: peer.ns });
      if (manner.digests) expect(last?.digest).toBe('valid');
      // The peer is gone.
      world.runFor(60_000);
      expect(tunnelStates(node)).toEqual([]);
    },
  );

  it('acknowledges by ACK, which takes no number', () => {
    const { world, peer } = establishedByPeer(authenticUdp);
    for (let index = 0; index < 3; index++) {
      peer.send(sample(peer).HELLO);
      world.runFor(20);
      expect(peer.log.at(-1)).toMatchObject({ type: 'ACK', header: { ns: 1, nr: peer.ns } });
    }
  });

  it('takes no Nr that acknowledges what was never sent', () => {
    const scene = establishedByUs(plainUdp);
    const { node, peer, world } = scene;
    node.run(node.engine.openSession(wire(), world.now));
    for (const nr of [4, 100, 0x8000, 0xffff]) peer.send({ type: 'ACK', avps: {} }, { nr });
    peer.unread();
    world.runFor(1_000);
    expect(types(peer.unread())).toEqual(['ICRQ']);
  });

  it('passes duplicates over, and acknowledges them again', () => {
    const { world, node, peer } = establishedByPeer(plainUdp);
    world.runFor(20);
    for (const ns of [1, 0, 0xffff, 0x8002]) {
      peer.unread();
      peer.send(sample(peer).StopCCN, { ns });
      world.runFor(20);
      expect(peer.unread()).toMatchObject([{ type: 'ACK', header: { nr: 2 } }]);
    }
    expect(tunnelStates(node)).toEqual(['established']);
    expect(theTunnel(node)?.transport.duplicates).toBe(4);
  });

  it('operates for a whole cycle after a StopCCN of the peer (3.3.2)', () => {
    const { world, node, peer } = establishedByPeer(authenticUdp);
    peer.stopCcn();
    for (let second = 0; second < 31; second++) {
      world.runFor(900);
      peer.unread();
      peer.stopCcn({ ns: 2 });
      world.runFor(100);
      expect(types(peer.unread())).toEqual(['ACK']);
    }
    world.runFor(1_000);
    expect(node.engine.sizes().tunnels).toBe(0);
  });
});

describe('keeping a control connection alive (4.4)', () => {
  it('HELLO comes after silence, a little apart in several control connections', () => {
    const instants = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const scene = idle(plainUdp, { tunnel: ours(plainUdp, { helloIntervalMs: 10_000 }) });
      const { world, peer } = scene;
      for (let draw = 0; draw < seed; draw++) world.random.next();
      peer.connect();
      peer.ack();
      world.runFor(8_999);
      expect(types(peer.log)).not.toContain('HELLO');
      const begin = world.now;
      while (!types(peer.log).includes('HELLO') && world.now < begin + 1_100) world.runFor(10);
      expect(types(peer.log)).toContain('HELLO');
      instants.add(world.now);
    }
    expect(instants.size).toBeGreaterThan(5);
  });
});

describe('an unknown message (5.4.1)', () => {
  const unknown = (flags: number) => Uint8Array.of(flags, 8, 0, 0, 0, 0, 0, 99);

  it('with the M bit clears the control connection, without it is ignored', () => {
    const { node, peer } = establishedByPeer(plainUdp);
    expect(peer.sendBody(unknown(0))).toEqual([]);
    expect(tunnelStates(node)).toEqual(['established']);
    expect(types(peer.sendBody(unknown(0x80)))).toEqual(['StopCCN']);
  });
});

describe('what is no message', () => {
  const header = (flags: number, version: number, length = 12) => [flags, version, 0, length, 0, 0, 0, 0, 0, 0, 0, 0];

  it.each([
    ['without the T bit', header(0x48, 3)],
    ['without the L bit', header(0x88, 3)],
    ['without the S bit', header(0xc0, 3)],
    ['of another version', header(0xc8, 4)],
    ['that is longer than its datagram', header(0xc8, 3, 13)],
    ['that is shorter than its header', header(0xc8, 3, 11)],
    ['that is cut short', header(0xc8, 3).slice(0, 8)],
  ])('%s is dropped', (_what, octets) => {
    for (const manner of [plainUdp, overIp]) {
      const { node, peer } = establishedByPeer(manner);
      const before = peer.log.length;
      peer.sendOctets(Uint8Array.from(manner === overIp ? [0, 0, 0, 0, ...octets] : octets));
      expect(peer.log.length).toBe(before);
      expect(tunnelStates(node)).toEqual(['established']);
    }
  });

  it('reserved bits are ignored on receipt', () => {
    const { world, node, peer } = establishedByPeer(plainUdp);
    const hello = peer.datagram(peer.encode(sample(peer).HELLO));
    hello[0] |= 0x37;
    hello[1] |= 0xf0;
    peer.sendOctets(hello);
    world.runFor(20);
    expect(peer.log.at(-1)?.header.nr).toBe(peer.ns);
    expect(tunnelStates(node)).toEqual(['established']);
  });
});

describe('ids of control connections', () => {
  it('are never 0, never those of L2TPv2, and never given twice', () => {
    const { node, peer, world } = idle(plainUdp);
    world.random.below = () => 0;
    const ids = [1, 2, 3].map((tunnelId) => {
      peer.restart(tunnelId);
      peer.sccrq();
      return peer.remoteId;
    });
    expect(ids).toEqual([0x1_0000, 0x1_0001, 0x1_0002]);
    expect(node.engine.sizes().tunnels).toBe(3);
  });

  it('of 0 are none that a peer may have', () => {
    const { peer } = waitConnect(plainUdp);
    expect(peer.log[0].header.tunnelId).toBe(peer.tunnelId);
    const { peer: nobody, node } = idle(plainUdp);
    const body = nobody.encode(sample(nobody).SCCRQ);
    const at = body.findIndex((_octet, index) => body[index] === 0 && body[index + 1] === 61);
    body.fill(0, at + 2, at + 6);
    expect(nobody.sendBody(body)).toEqual([]);
    expect(node.engine.sizes().tunnels).toBe(0);
  });
});

it('a static session is nobody’s business: nothing is said of it', () => {
  const scene = establishedByUs(plainUdp);
  const { node } = scene;
  const got = open(scene, wire('pw', { static: { localSessionId: 1, remoteSessionId: 2 } }));
  expect(got).toEqual([]);
  expect([...node.engine.declaredSessions()]).toMatchObject([{ state: 'established', localId: 1, remoteId: 2 }]);
});
