/** Peers that need a named work-around: what they do, replayed against the engine, with the work-around and without. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { QuirkName } from '../../src/engine/quirks.ts';
import { guarded, resultOf, secret, theSession, theTunnel } from '../engine/scenes.ts';
import { bench, type ScriptedPeer, sample, tunnelStates, types } from '../engine/scripted-peer.ts';
import {
  gatewaySpec,
  peerSpec,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
} from '../engine/world.ts';
import { avp, iccn, icrq, scccn, sccrp, sccrq, vendorName } from './octets.ts';

const minute = 60_000;

/** A gateway that knows the peer by its address and gives it these work-arounds. */
function knowing(...quirks: QuirkName[]) {
  return guarded({ helloIntervalMs: 0 }, { quirks });
}

function said(peer: ScriptedPeer): string[] {
  return types(peer.unread()).filter((type) => type !== 'ZLB');
}

describe('clearReply: xl2tpd as LAC cannot read hidden AVPs in an SCCRP', () => {
  /** Whether the message in a control datagram has a hidden AVP. */
  function hides(datagram: Uint8Array): boolean {
    for (let at = 12; at < datagram.length; at += ((datagram[at] & 0x03) << 8) | datagram[at + 1]) {
      if (datagram[at] & 0x40) return true;
    }
    return false;
  }

  it.each([
    ['xelerance.com', [], false],
    ['Other', ['clearReply'], false],
    ['Other', [], true],
  ] as [string, QuirkName[], boolean][])('%s %j: the SCCRP hides: %s', (name, quirks, hidden) => {
    const { peer, world } = bench(guarded({ hideAvps: true, secret }, { quirks }));
    const sent: Uint8Array[] = [];
    // The peer itself has no secret to read them with.
    world.onDatagram = (_from, _to, datagram) => {
      sent.push(datagram.slice());
    };
    peer.sendBody(sccrq(77, vendorName(name)));
    expect(sent.map(hides)).toEqual([hidden]);
  });
});

describe('closeWhenEmpty: Windows hangs up its last call and forgets the tunnel', () => {
  function hangUp(name: string, quirks: QuirkName[] = []) {
    const scene = bench(knowing(...quirks));
    const { peer, world } = scene;
    peer.sendBody(sccrq(77, avp(10, [0, 8]), vendorName(name)));
    peer.sendBody(scccn);
    world.runFor(10 * minute);
    const [icrp] = peer.sendBody(icrq(5));
    const sessionId = icrp.avps.assignedSessionId ?? 0;
    peer.sendBody(iccn(), { sessionId });
    peer.send(sample(peer).CDN, { sessionId });
    peer.unread();
    return scene;
  }

  it.each([
    ['Microsoft', []],
    ['Other', ['closeWhenEmpty']],
  ] as [string, QuirkName[]][])('it is closed a minute later: %s %j', (name, quirks) => {
    const { node, peer, world } = hangUp(name, quirks);
    expect(theTunnel(node)?.quirks).toEqual(['closeWhenEmpty']);
    world.runFor(minute - 1);
    expect(said(peer)).toEqual([]);
    world.runFor(1);
    expect(said(peer)).toEqual(['StopCCN']);
  });

  it('that of others stays', () => {
    const { node, world } = hangUp('Other');
    world.runFor(100 * minute);
    expect(tunnelStates(node)).toEqual(['established']);
    expect(theTunnel(node)?.quirks).toBe(undefined);
  });
});

describe('neverChallenges: l2tpns answers a challenge and sends none', () => {
  it.each([
    [[], ['StopCCN']],
    [['neverChallenges'], ['SCCRP']],
  ] as [QuirkName[], string[]][])('in authMode challenge, with %j: %j', (quirks, answer) => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }, { quirks }));
    const got = peer.sendBody(sccrq(77, vendorName('Linux L2TPNS')));
    expect(types(got)).toEqual(answer);
    if (answer[0] === 'StopCCN') return;
    const digest = createHash('md5').update(Uint8Array.of(3)).update('tunnel secret');
    peer.sccn({ challengeResponse: new Uint8Array(digest.update(got[0].avps.challenge ?? '').digest()) });
    expect(theTunnel(node)).toMatchObject({ state: 'established', authenticated: true });
  });
});

describe('noHello: Android does not acknowledge a HELLO', () => {
  it.each([
    [[], ['closed']],
    [['noHello'], ['established']],
  ] as [QuirkName[], string[]][])('after ten silent minutes, with %j: %j', (quirks, states) => {
    const { node, peer, world } = bench(guarded({ helloIntervalMs: minute }, { quirks }));
    peer.connect();
    world.runFor(10 * minute);
    expect(tunnelStates(node)).toEqual(states[0] === 'closed' ? [] : states);
    expect(types(peer.log).includes('HELLO')).toBe(quirks.length === 0);
  });
});

describe('omitRxConnectSpeed: WatchGuard is confused by one in our ICCN', () => {
  const parameters = { ...sessionParameters, connectSpeedBps: { tx: 2_000, rx: 1_000 } };

  it.each([
    ['Other', [], 1_000],
    ['WatchGuard Technologies', [], undefined],
    ['Other', ['omitRxConnectSpeed'], undefined],
  ] as [string, QuirkName[], number | undefined][])('%s, with %j: it says %s', (name, quirks, expected) => {
    const { node, peer, world } = bench(knowing(...quirks));
    node.dial(tunnelSpec('10.0.0.9'));
    peer.sendBody(sccrp(77, vendorName(name)));
    node.run(node.engine.openSession(sessionSpec('call', { parameters }), world.now));
    const icrq = peer.log.at(-1);
    const [reply] = peer.send(sample(peer).ICRP, { sessionId: icrq?.avps.assignedSessionId });
    expect(reply).toMatchObject({ type: 'ICCN', avps: { txConnectSpeedBps: 2_000 } });
    expect(reply.avps.rxConnectSpeedBps).toBe(expected);
  });
});

describe('plainRequest: Yamaha refuses our SCCRQ with result 2, error 8', () => {
  const optional = ['bearerCapabilities', 'receiveWindowSize', 'tieBreaker', 'vendorName'];
  const spec = tunnelSpec('10.0.0.9', { parameters: tunnelParameters({ authMode: 'challenge', secret }) });
  const required = ['assignedTunnelId', 'challenge', 'framingCapabilities', 'hostName', 'protocolVersion'];

  function names(peer: ScriptedPeer): string[] {
    const requests = peer.log.filter(({ type }) => type === 'SCCRQ');
    return Object.keys(requests.at(-1)?.avps ?? {}).sort();
  }

  it('the next one of the same tunnel is plain', () => {
    const { node, peer } = bench(gatewaySpec());
    node.dial(spec);
    expect(names(peer)).toEqual([...required, ...optional].sort());
    const resultCode = { result: 2, error: 8 };
    peer.send({ type: 'StopCCN', avps: { assignedTunnelId: 77, resultCode } });
    peer.restart();
    node.dial(spec);
    expect(names(peer)).toEqual(required);
  });

  it('after another failure it is not', () => {
    const { node, peer } = bench(gatewaySpec());
    node.dial(spec);
    peer.send({ type: 'StopCCN', avps: { assignedTunnelId: 77, resultCode: { result: 2, error: 4 } } });
    peer.restart();
    node.dial(spec);
    expect(names(peer)).toEqual([...required, ...optional].sort());
  });

  it('a PeerProfile for its address makes the first one plain', () => {
    const { node, peer } = bench(knowing('plainRequest'));
    node.dial(spec);
    expect(names(peer)).toEqual(required);
  });
});

describe('tunnelIdZero: D-Link DIR-300 writes tunnel id 0 into all headers', () => {
  function connect(quirks: QuirkName[], name = 'Other') {
    const scene = bench(knowing(...quirks));
    const { peer } = scene;
    peer.sendBody(sccrq(77, vendorName(name)));
    peer.sendBody(scccn, { tunnelId: 0 });
    return scene;
  }

  it.each([
    [['tunnelIdZero'], 'Other'],
    [[], 'D-Link'],
  ] as [QuirkName[], string][])('its tunnel is found by where it comes from, calls and all: %j %s', (quirks, name) => {
    const { node, peer, world } = connect(quirks, name);
    expect(tunnelStates(node)).toEqual(['established']);
    const [icrp] = peer.sendBody(icrq(5), { tunnelId: 0 });
    peer.sendBody(iccn(), { tunnelId: 0, sessionId: icrp.avps.assignedSessionId });
    expect(theSession(node)?.state).toBe('established');
    peer.ack({ tunnelId: 0 });
    world.runFor(20);
    expect(peer.log.at(-1)?.header).toMatchObject({ tunnelId: 77, nr: peer.ns });
    expect(node.engine.drops).toEqual({});
  });

  it('that of others is not', () => {
    const { node } = connect([]);
    expect(tunnelStates(node)).toEqual(['waitConnect']);
    expect(node.engine.drops).toEqual({ notARequest: 1 });
  });

  it('nor from elsewhere, nor when two tunnels could be meant, until one is gone', () => {
    const { node, peer } = connect(['tunnelIdZero']);
    peer.sendBody(icrq(5), { tunnelId: 0, from: { ...peer.endpoint, port: 1_702 } });
    expect(node.engine.drops).toEqual({ notARequest: 1 });
    const first = peer.remoteId;
    peer.restart(78);
    peer.sendBody(sccrq(78));
    expect(peer.sendBody(scccn, { tunnelId: 0, ns: 1 })).toEqual([]);
    expect(node.engine.drops).toEqual({ notARequest: 2 });
    peer.stopCcn({ tunnelId: first, ns: 2, nr: 1 });
    peer.sendBody(scccn, { tunnelId: 0, ns: 1 });
    expect(theTunnel(node)).toMatchObject({ state: 'established', remoteId: 78 });
  });

  it('garbage to tunnel 0 gets no answer', () => {
    const { node, peer } = connect(['tunnelIdZero']);
    for (const octets of [[1, 2, 3], [0x80, 8, 0, 0, 0, 0, 0, 200], avp(7, 'x')]) {
      expect(peer.sendBody(Uint8Array.from(octets), { tunnelId: 0, ns: 2 })).toEqual([]);
    }
    expect(tunnelStates(node)).toEqual(['established']);
  });
});

describe('unknownMandatoryAvps: Huawei sets the M bit on AVPs of its own', () => {
  const its = avp(1, [1, 2, 3], 0x80, 2011);

  it('others are refused with result 2, error 8, or dropped before the tunnel is there', () => {
    const { node, peer } = bench(knowing());
    expect(peer.sendBody(sccrq(77, its, vendorName('Other')))).toEqual([]);
    expect(node.engine.drops).toEqual({ unknownAvp: 1 });
    peer.restart();
    peer.connect();
    expect(peer.sendBody(icrq(5, its))).toMatchObject([{ type: 'CDN', avps: { resultCode: { result: 2, error: 8 } } }]);
  });

  it.each([
    ['HUAWEI', []],
    ['Other', ['unknownMandatoryAvps']],
  ] as [string, QuirkName[]][])('%s, with %j: they are passed over, wherever they stand', (name, quirks) => {
    const { node, peer } = bench(knowing(...quirks));
    expect(types(peer.sendBody(sccrq(77, its, vendorName(name))))).toEqual(['SCCRP']);
    peer.sendBody(scccn);
    expect(types(peer.sendBody(icrq(5, its)))).toEqual(['ICRP']);
    expect(theTunnel(node)?.quirks).toEqual(['unknownMandatoryAvps']);
  });

  it('also in its SCCRP, which is the first that we hear of it', () => {
    const { node, peer } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9'));
    expect(types(peer.sendBody(sccrp(77, its, vendorName('Huawei'))))).toEqual(['SCCCN']);
    const other = bench(gatewaySpec());
    other.node.dial(tunnelSpec('10.0.0.9'));
    expect(resultOf(other.peer.sendBody(sccrp(77, its)))).toEqual([2, 8]);
  });
});

it('a changed PeerProfile gives and takes work-arounds while the tunnel is up', () => {
  const { node, peer, world } = bench(knowing());
  peer.connect();
  node.run(node.engine.configure(knowing('noHello'), world.now));
  expect(theTunnel(node)?.quirks).toEqual(['noHello']);
  node.run(node.engine.configure(gatewaySpec({ peers: [peerSpec()] }), world.now));
  expect(theTunnel(node)?.quirks).toBe(undefined);
});
