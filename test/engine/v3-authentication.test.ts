/** Message digests and hidden AVPs of L2TPv3 as a peer sees them (RFC 3931 4.3, 5.3, 5.4.1). */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import type { OutgoingMessage } from '../../src/engine/wire/message.ts';
import { theSession, theTunnel } from './scenes.ts';
import { type Manner, sample, tunnelStates, types } from './scripted-peer.ts';
import { avpsIn } from './v3-octets.ts';
import {
  authenticUdp,
  bringsEthernet,
  dialledSpec,
  establishedByPeer,
  establishedByUs,
  icrq,
  idle,
  manners,
  messageTypesV3,
  open,
  ours,
  plainUdp,
  secret,
  waitConnect,
  waitReply,
  wire,
} from './v3-scenes.ts';
import { rawAvp } from './wire/arbitrary.ts';

const other = new Secret('another secret');
const none = new Uint8Array(0);
const checked = manners['over IP, checked for damage'];

describe('a control connection with a secret', () => {
  it('has a nonce in SCCRQ and SCCRP, 16 octets that differ each time', () => {
    const { node, peer } = waitReply(authenticUdp);
    node.dial({ ...dialledSpec(authenticUdp), name: 'again' });
    peer.restart();
    peer.sccrq();
    expect(types(peer.log)).toEqual(['SCCRQ', 'SCCRQ', 'SCCRP']);
    const nonces = peer.log.map(({ avps }) => avps.messageNonce);
    for (const nonce of nonces) expect(nonce?.length).toBe(16);
    expect(new Set(nonces.map(String)).size).toBe(3);
  });

  it('has the digest right behind the Message Type, with the M bit, in every message', () => {
    const scene = establishedByUs(authenticUdp);
    const { world, peer } = scene;
    open(scene, wire());
    peer.send(sample(peer).HELLO);
    world.runFor(100);
    peer.send(sample(peer).SCCRP);
    expect(types(peer.log)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ACK', 'StopCCN']);
    for (const { digest, bytes } of peer.log) {
      expect(digest).toBe('valid');
      // M, length 23, vendor 0, type 59, Digest Type 0.
      expect([...bytes.subarray(20, 27)]).toEqual([0x80, 23, 0, 0, 0, 59, 0]);
    }
  });

  it.each(messageTypesV3)('%s is dropped and counted without a digest, with a wrong one, or another nonce', (type) => {
    for (const begin of [establishedByPeer, establishedByUs]) {
      const { world, node, peer } = begin(authenticUdp);
      world.runFor(100);
      peer.ack();
      const before = peer.log.length;
      const { ns } = peer;
      const wrong = [
        { secrets: 'none' as const },
        { secrets: [other] },
        { secrets: [undefined] },
        { nonces: { local: none, remote: none } },
        { nonces: { local: peer.remoteNonce, remote: none } },
      ];
      // An SCCRQ is signed without nonces.
      const count = type === 'SCCRQ' ? 3 : wrong.length;
      for (const twist of wrong.slice(0, count)) peer.send(sample(peer)[type], { ns, ...twist });
      world.runFor(100);
      expect(peer.log.length).toBe(before);
      expect(tunnelStates(node)).toEqual(['established']);
      expect(theTunnel(node)?.transport.digestFailures).toBe(count);
    }
  });

  it('takes no acknowledgement without one: neither an ACK nor an empty message (6.15)', () => {
    const { world, node, peer } = establishedByUs(authenticUdp);
    node.run(node.engine.openSession(wire(), world.now));
    expect(types(peer.unread())).toEqual(['ICRQ']);
    peer.send({ type: 'ACK', avps: {} }, { secrets: 'none' });
    peer.sendBody(none, { secrets: 'none', ns: peer.ns });
    expect(theTunnel(node)?.transport.digestFailures).toBe(2);
    // It is not acknowledged, and comes again.
    world.runFor(1_000);
    expect(types(peer.unread())).toContain('ICRQ');
    peer.ack();
    world.runFor(10_000);
    expect(types(peer.unread())).toEqual([]);
  });

  it('takes a digest of either type, one of two, and with either of two secrets', () => {
    const twists = [
      { digest: { type: 'hmac-sha1', count: 1 }, secrets: [secret] },
      { digest: { type: 'hmac-md5', count: 2 }, secrets: [other, secret] },
      { digest: { type: 'hmac-sha1', count: 2 }, secrets: [secret, other] },
    ] as const;
    for (const twist of twists) {
      const { world, node, peer } = establishedByPeer(authenticUdp);
      peer.send(sample(peer).HELLO, twist);
      world.runFor(100);
      expect(theTunnel(node)?.transport.digestFailures).toBe(0);
      expect(peer.log.at(-1)?.header.nr).toBe(peer.ns);
    }
    for (const one of [secret, other]) {
      const { node, peer } = idle(authenticUdp, { tunnel: ours(authenticUdp, { secondSecret: other }) });
      peer.sccrq({}, { secrets: [one] });
      peer.sccn({}, { secrets: [one] });
      expect(tunnelStates(node)).toEqual(['established']);
    }
  });

  it('signs with both secrets while there are two', () => {
    const { peer } = idle(authenticUdp, { tunnel: ours(authenticUdp, { secondSecret: other }) });
    for (const known of [secret, other]) {
      peer.restart(peer.tunnelId + 1);
      peer.manner = {
        ...authenticUdp,
        digests: { type: 'hmac-md5', count: 1, secrets: [known], nonce: Uint8Array.of(1) },
      };
      expect(peer.sccrq()).toMatchObject([{ type: 'SCCRP', digest: 'valid' }]);
    }
  });

  it('answers no SCCRQ that is signed with another secret, and counts it', () => {
    const { node, peer } = idle(authenticUdp);
    for (const secrets of [[other], [undefined], 'none'] as const) {
      expect(peer.sccrq({}, { secrets, ns: 0 })).toEqual([]);
    }
    expect(node.engine.drops).toEqual({ wrongDigest: 3 });
    expect(node.engine.sizes()).toMatchObject({ tunnels: 0, deadlines: 0 });
  });

  it('is refused without a nonce of the peer: both ends authenticate, or neither does', () => {
    const { peer } = idle(authenticUdp);
    expect(peer.sccrq({ messageNonce: undefined }, { secrets: 'none' })).toMatchObject([
      { type: 'StopCCN', avps: { resultCode: { result: 4 } } },
    ]);
    const dialling = waitReply(authenticUdp);
    const nonces = { local: none, remote: dialling.peer.remoteNonce };
    expect(dialling.peer.sccrp({ messageNonce: undefined }, { nonces })).toMatchObject([
      { type: 'StopCCN', avps: { resultCode: { result: 4 } } },
    ]);
  });

  it('is no nearer for who repeats an SCCRQ that he has seen', () => {
    const { world, node, peer } = waitConnect(authenticUdp);
    const request = peer.datagram(peer.encode(sample(peer).SCCRQ), { tunnelId: 0, ns: 0 });
    peer.sccn();
    peer.stopCcn();
    world.runFor(60_000);
    expect(node.engine.sizes().tunnels).toBe(0);
    expect(types(peer.sendOctets(request))).toEqual(['SCCRP']);
    expect(theTunnel(node)).toMatchObject({ state: 'waitConnect', authenticated: false });
    // What was said in the tunnel before does not fit to our new nonce.
    const { remoteNonce: remote } = peer;
    peer.sccn(
      {},
      { ns: 1, nr: 1, nonces: { local: authenticUdp.digests?.nonce ?? none, remote: remote.toReversed() } },
    );
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    peer.ns = 1;
    peer.sccn();
    expect(theTunnel(node)).toMatchObject({ state: 'established', authenticated: true });
  });
});

describe('a control connection without a secret', () => {
  it('has digests of nothing, which show damage (4.1.1.2, 4.3)', () => {
    const { peer } = establishedByUs(checked);
    expect(peer.log.length).toBe(2);
    for (const { digest, avps } of peer.log) {
      expect(digest).toBe('valid');
      expect(avps.messageNonce).toBeUndefined();
    }
  });

  it('drops what is damaged, and takes what has no digest', () => {
    const { world, node, peer } = establishedByPeer(checked);
    const hello = peer.datagram(peer.encode(sample(peer).HELLO));
    hello[hello.length - 1] ^= 1;
    peer.sendOctets(hello);
    expect(theTunnel(node)?.transport).toMatchObject({ digestFailures: 1 });
    peer.ns--;
    peer.send(sample(peer).HELLO, { secrets: 'none' });
    world.runFor(100);
    expect(peer.log.at(-1)?.header.nr).toBe(peer.ns);
  });

  it('takes an empty message for an ACK (6.15)', () => {
    const { world, node, peer } = establishedByUs(plainUdp);
    node.run(node.engine.openSession(wire(), world.now));
    peer.sendBody(none, { ns: peer.ns });
    world.runFor(10_000);
    expect(types(peer.unread())).toEqual([]);
  });

  it('is refused for who authenticates it', () => {
    const { node, peer } = idle(authenticUdp, { tunnel: ours(plainUdp) });
    const [stop] = peer.sccrq();
    expect(stop).toMatchObject({ type: 'StopCCN', avps: { resultCode: { result: 4 } } });
    expect(tunnelStates(node)).toEqual(['closing']);
  });

  it('has none where digest is none', () => {
    const { peer } = establishedByUs(plainUdp, { digest: 'none' });
    for (const { digest } of peer.log) expect(digest).toBe('absent');
  });
});

describe('hidden AVPs (5.3)', () => {
  function anyHidden(manner: Manner, changes: Parameters<typeof ours>[1]): boolean {
    const scene = establishedByUs(manner, { hideAvps: true, ...changes });
    open(scene, wire());
    expect(types(scene.peer.log)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ']);
    return scene.peer.log.some(({ bytes }) => avpsIn(bytes).some(({ hidden }) => hidden));
  }

  it('are sent where messages are authenticated, and nowhere else', () => {
    expect(anyHidden(authenticUdp, {})).toBe(true);
    expect(anyHidden(plainUdp, {})).toBe(false);
    // There is a secret, but nobody authenticates with it.
    expect(anyHidden(plainUdp, { secret, digest: 'none' })).toBe(false);
  });

  it('come behind a Random Vector, and hide what would tell of the session', () => {
    const scene = establishedByUs(authenticUdp, { hideAvps: true });
    open(scene, wire());
    const { bytes, avps } = scene.peer.log[2];
    const all = avpsIn(bytes);
    const vector = all.findIndex(({ type }) => type === 36);
    expect(all.findIndex(({ hidden }) => hidden)).toBeGreaterThan(vector);
    // Local Session ID, Assigned Cookie, Remote End ID; the tie breaker must stay clear.
    for (const type of [63, 65, 66]) expect(all).toContainEqual({ vendor: 0, type, mandatory: true, hidden: true });
    expect(all).toContainEqual({ vendor: 0, type: 5, mandatory: true, hidden: false });
    expect(avps).toMatchObject({ remoteEndId: 'circuit 1', pseudowireType: 'ethernet' });
  });
});

describe('an AVP that nobody knows (5.2)', () => {
  const unknown = rawAvp(999, Uint8Array.of(1));

  it('with the M bit ends the control connection in a message about it', () => {
    for (const type of ['HELLO', 'SCCCN'] as const) {
      const { peer } = type === 'HELLO' ? establishedByPeer(authenticUdp) : waitConnect(authenticUdp);
      const body = Uint8Array.from([...peer.encode(sample(peer)[type]), ...unknown]);
      const [stop] = peer.sendBody(body);
      expect(stop).toMatchObject({ type: 'StopCCN', avps: { resultCode: { result: 2, error: 8 } }, digest: 'valid' });
      expect(stop.avps.resultCode?.message).toContain('999');
    }
  });

  it('with the M bit ends the session in a message about one, also where only its Local Session ID tells which', () => {
    for (const remoteSessionId of ['ours', 'none']) {
      const { node, peer } = establishedByPeer(authenticUdp, bringsEthernet);
      const [icrp] = peer.send(icrq(peer));
      const sessionId = remoteSessionId === 'ours' ? icrp.avps.assignedSessionId : 0;
      const body = Uint8Array.from([...peer.encode(sample(peer).SLI, { sessionId }), ...unknown]);
      expect(peer.sendBody(body)).toMatchObject([
        { type: 'CDN', avps: { resultCode: { result: 2, error: 8 }, remoteSessionId: peer.callId } },
      ]);
      expect(tunnelStates(node)).toEqual(['established']);
      expect(node.engine.sizes().sessions).toBe(0);
    }
  });

  it('without the M bit is ignored', () => {
    const { node, peer } = establishedByPeer(authenticUdp, bringsEthernet);
    const body = Uint8Array.from([...peer.encode(icrq(peer)), ...rawAvp(999, Uint8Array.of(1), 0)]);
    expect(types(peer.sendBody(body))).toEqual(['ICRP']);
    expect(theSession(node)?.state).toBe('waitConnect');
  });
});

describe('what comes hidden without authentication (5.3)', () => {
  const hide = { secret, randomVector: new Uint8Array(16).fill(9) };

  it.each([
    ['is read where there is a secret', { secret, digest: 'none' as const }, ['ICRP']],
    // Its own id is hidden, too: nobody can be told.
    ['begins no session where there is none', {}, []],
  ] as const)('%s', (_what, parameters, answers) => {
    const { peer } = establishedByPeer(plainUdp, { ...bringsEthernet, tunnel: ours(plainUdp, parameters) });
    const body = dialects[3].encodeMessage(icrq(peer) as OutgoingMessage, 0, { hide });
    expect(types(peer.sendBody(body))).toEqual(answers);
  });
});
