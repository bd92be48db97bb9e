/** What calls tell beside their set-up: WEN, SLI, CSUN, disconnect causes, DSCPs; and declared calls that wait. */
import { describe, expect, it } from 'vitest';
import { PlaneError } from '../../src/engine/errors.ts';
import { sessionKeyV2 } from '../../src/engine/ports.ts';
import type { SessionParameters, SessionView } from '../../src/engine/spec.ts';
import { bench, type ScriptedPeer, sample, types } from './scripted-peer.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionParameters,
  sessionSpec,
  tunnelSpec,
  type World,
} from './world.ts';

interface Scene {
  world: World;
  node: Node;
  peer: ScriptedPeer;
  sessionId: number;
}

function parametersOf(changes: Partial<SessionParameters>): SessionParameters {
  return { ...sessionParameters, ...changes };
}

function views(node: Node): SessionView[] {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()];
}

/** A call that we placed as LAC, established. */
function asLac(changes: Partial<SessionParameters> = {}): Scene {
  const scene = bench(gatewaySpec());
  const { node, peer, world } = scene;
  node.dial(tunnelSpec('10.0.0.9'));
  peer.accept();
  node.run(node.engine.openSession(sessionSpec('call', { parameters: parametersOf(changes) }), world.now));
  const sessionId = peer.unread().find(({ type }) => type === 'ICRQ')?.avps.assignedSessionId ?? 0;
  peer.send(sample(peer).ICRP, { sessionId });
  return { ...scene, sessionId };
}

/** A call that the peer placed, established; `iccn` is what its ICCN has besides. */
function asLns(iccn: Parameters<ScriptedPeer['send']>[0]['avps'] = {}): Scene {
  const scene = bench(gatewaySpec());
  const { peer } = scene;
  peer.connect();
  const [reply] = peer.send(sample(peer).ICRQ);
  const sessionId = reply.avps.assignedSessionId ?? 0;
  peer.send({ type: 'ICCN', avps: { ...sample(peer).ICCN.avps, ...iccn } }, { sessionId });
  return { ...scene, sessionId };
}

describe('what a peer tells of a call', () => {
  it('WEN: its line errors are recorded and surfaced', () => {
    const { node, peer, sessionId } = asLns();
    const callErrors = {
      crcErrors: 3,
      framingErrors: 0,
      hardwareOverruns: 0,
      bufferOverruns: 2,
      timeoutErrors: 0,
      alignmentErrors: 0,
    };
    expect(peer.send({ type: 'WEN', avps: { callErrors } }, { sessionId })).toEqual([]);
    expect(views(node)[0]).toMatchObject({ state: 'established', call: { callErrors } });
    expect(node.notices.at(-1)).toMatchObject({
      event: 'line',
      message: expect.stringMatching(/crcErrors 3.*bufferOverruns 2/),
    });
  });

  it('SLI: nothing but what belongs there changes the call', () => {
    const { node, peer, sessionId } = asLac();
    const sequencingRequired = Uint8Array.of(0x80, 8, 0, 0, 0, 0, 0, 16, 0x80, 6, 0, 0, 0, 39);
    expect(peer.sendBody(sequencingRequired, { sessionId })).toEqual([]);
    expect(views(node)[0].call.sequencingRequired).toBeUndefined();
  });

  it('SLI: the ACCM is recorded, and one without it ends nothing (RFC 2661 6.14)', () => {
    const { node, peer, sessionId } = asLac();
    peer.send({ type: 'SLI', avps: { accm: { send: 1, receive: 2 } } }, { sessionId });
    expect(views(node)[0].call.accm).toEqual({ send: 1, receive: 2 });
    const bare = Uint8Array.of(0x80, 8, 0, 0, 0, 0, 0, 16);
    expect(peer.sendBody(bare, { sessionId })).toEqual([]);
    expect(views(node)[0].state).toBe('established');
  });

  it('CSUN: new speeds are shown, whatever session the header names (RFC 5515 4.1)', () => {
    const { node, peer, sessionId } = asLns();
    const update = { remoteSessionId: sessionId, txConnectSpeedBps: 7_000, rxConnectSpeedBps: 8_000 };
    expect(peer.send({ type: 'CSUN', avps: { connectSpeedUpdates: [update] } })).toEqual([]);
    expect(views(node)[0].call).toMatchObject({ txConnectSpeedBps: 7_000, rxConnectSpeedBps: 8_000 });
  });

  it('CDN: Q.931 cause and PPP disconnect causes stay in view (RFC 3145)', () => {
    const { node, peer, sessionId } = asLac();
    const causes = [{ code: 16, protocol: 0xc223, direction: 1, message: 'bad password' }];
    const q931Cause = { cause: 16, msg: 0x45 };
    const avps = { assignedSessionId: 5, resultCode: { result: 1 }, q931Cause, pppDisconnectCauses: causes };
    peer.send({ type: 'CDN', avps }, { sessionId });
    expect(views(node)[0]).toMatchObject({ state: 'closed', call: { q931Cause, pppDisconnectCauses: causes } });
  });

  it('CDN: why it ended is told of a call that nobody declared, and of which nothing stays in view', () => {
    const { node, peer, sessionId } = asLns();
    const causes = [{ code: 16, protocol: 0xc223, direction: 1, message: 'bad password' }];
    const q931Cause = { cause: 17, msg: 0x45 };
    const avps = { assignedSessionId: 5, resultCode: { result: 1 }, q931Cause, pppDisconnectCauses: causes };
    peer.send({ type: 'CDN', avps }, { sessionId });
    expect(views(node)).toEqual([]);
    expect(node.notices.at(-1)).toMatchObject({
      event: 'down',
      message: expect.stringMatching(/the peer ended the call: .*user busy, cause 17.*PPP Disconnect.*bad password/),
    });
  });
});

describe('what we tell of a call', () => {
  it('the Call Serial Number: both sides show it (RFC 2661 4.4.4)', () => {
    const placed = asLac();
    const told = placed.peer.log.find(({ type }) => type === 'ICRQ')?.avps.callSerialNumber;
    expect(told).toBeGreaterThanOrEqual(0);
    expect(views(placed.node)[0].callSerialNumber).toBe(told);
    const taken = views(asLns().node)[0];
    expect(taken.callSerialNumber).toBeDefined();
    expect(taken.callSerialNumber).toBe(taken.call.callSerialNumber);
  });

  it('CDN: with the PPP disconnect cause when PPP ended it (RFC 3145)', () => {
    const { world, peer } = asLns();
    peer.liveFor(40_000);
    world.runFor(1);
    const cdn = peer.log.find(({ type }) => type === 'CDN');
    expect(cdn?.avps.pppDisconnectCauses?.[0]).toMatchObject({ code: 6, protocol: 0xc021 });
  });

  it('CDN: without one when it was not PPP', () => {
    const { world, node, peer, sessionId } = asLns();
    const fact = { fact: 'failed', error: new PlaneError('ENOMEM', 'session') } as const;
    node.run(node.engine.planeFact(sessionKeyV2(peer.remoteId, sessionId), fact, world.now));
    const cdn = peer.unread().find(({ type }) => type === 'CDN');
    expect(cdn?.avps).toMatchObject({ resultCode: { result: 2, error: 4 } });
    expect(cdn?.avps.pppDisconnectCauses).toBeUndefined();
  });

  it('WEN: frames that we dropped as LAC', () => {
    const { world, node, peer, sessionId } = asLac();
    node.run(node.engine.framesDropped(sessionKeyV2(peer.remoteId, sessionId), 7, world.now));
    peer.ack();
    const wen = peer.log.find(({ type }) => type === 'WEN');
    expect(wen?.avps.callErrors).toMatchObject({ bufferOverruns: 7, crcErrors: 0 });
    const other = asLns();
    other.node.run(other.node.engine.framesDropped(sessionKeyV2(other.peer.remoteId, other.sessionId), 7, 0));
    other.peer.ack();
    expect(types(other.peer.log)).not.toContain('WEN');
  });

  it('CSUN: when the line of a declared call gets another speed, and when it is asked (RFC 5515 4)', () => {
    const { world, node, peer, sessionId } = asLac();
    expect(peer.log.find(({ type }) => type === 'ICRQ')?.avps.connectSpeedUpdateEnable).toBe(true);
    const connectSpeedBps = { tx: 5_000, rx: 6_000 };
    const spec = sessionSpec('call', { parameters: parametersOf({ connectSpeedBps }) });
    node.run(node.engine.modifySession(spec, world.now));
    peer.ack();
    const update = { remoteSessionId: 5, txConnectSpeedBps: 5_000, rxConnectSpeedBps: 6_000 };
    expect(
      peer
        .unread()
        .concat(peer.log)
        .find(({ type }) => type === 'CSUN')?.avps.connectSpeedUpdates,
    ).toEqual([update]);
    const asked = { remoteSessionId: sessionId, txConnectSpeedBps: 0, rxConnectSpeedBps: 0 };
    const answers = peer.send({ type: 'CSURQ', avps: { connectSpeedUpdates: [asked] } });
    expect(answers.map(({ type, avps }) => [type, avps.connectSpeedUpdates])).toEqual([['CSUN', [update]]]);
  });

  it('SLI: the LNS tells the ACCM of an asynchronous line, once LCP is open (RFC 2661 6.14)', () => {
    const world = bench(gatewaySpec()).world;
    const lac = world.node('10.0.0.2', gatewaySpec());
    const lns = world.nodes[0];
    lns.gateway = gatewaySpec({ peers: [peerSpec({ ppp: pppSpec('server', { authenticatePeer: false }) })] });
    lns.crash();
    lac.dial(tunnelSpec(lns.address));
    world.runFor(1_000);
    for (const [name, framingType] of [
      ['sync', ['sync']],
      ['async', ['async']],
    ] as const) {
      lac.run(lac.engine.openSession(sessionSpec(name, { parameters: parametersOf({ framingType }) }), world.now));
    }
    world.runFor(5_000);
    const accms = views(lac).map(({ name, call }) => [name, call.accm]);
    expect(accms).toEqual([
      ['sync', undefined],
      ['async', { send: expect.any(Number), receive: expect.any(Number) }],
    ]);
  });
});

describe('the DSCP of a call (RFC 3308)', () => {
  function dscps(node: Node, run: () => void): number[] {
    const told: number[] = [];
    const original = node.run.bind(node);
    node.run = (effects) => {
      for (const effect of effects) {
        if (effect.effect === 'plane' && 'dscp' in effect.op) told.push(effect.op.dscp);
      }
      original(effects);
    };
    run();
    return told;
  }

  it('is told in the request, and the peer may offer another', () => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept();
    node.run(node.engine.openSession(sessionSpec('call', { parameters: parametersOf({ dscp: 46 }) }), world.now));
    const icrq = peer.unread().find(({ type }) => type === 'ICRQ');
    expect(icrq?.avps.sessionDs).toEqual({ dscp: 46 });
    const sessionId = icrq?.avps.assignedSessionId ?? 0;
    const reply = { assignedSessionId: 5, sessionDs: { dscp: 10 } };
    expect(dscps(node, () => peer.send({ type: 'ICRP', avps: reply }, { sessionId }))).toEqual([10]);
  });

  it('is answered with ours, and only when asked', () => {
    const peers = [peerSpec({ session: parametersOf({ dscp: 34 }) })];
    const { node, peer } = bench(gatewaySpec({ peers }));
    peer.connect();
    const [plain] = peer.send(sample(peer).ICRQ);
    expect(plain.avps.sessionDs).toBeUndefined();
    const request = { assignedSessionId: 6, callSerialNumber: 2, sessionDs: { dscp: 46 } };
    let answer: unknown;
    const told = dscps(node, () => {
      answer = peer.send({ type: 'ICRQ', avps: request })[0].avps.sessionDs;
    });
    expect(answer).toEqual({ dscp: 34 });
    expect(told).toEqual([34]);
  });
});

describe('a declared call that the peer has to ask for', () => {
  const waiting = (changes: object = {}) =>
    sessionSpec('waiting', { parameters: parametersOf({ type: 'lacOutgoing' }), ...changes });

  function scene(spec = waiting()): Scene {
    const there = bench(gatewaySpec({ peers: [] }));
    there.node.dial(tunnelSpec('10.0.0.9'));
    there.peer.accept();
    there.node.run(there.node.engine.openSession(spec, there.world.now));
    return { ...there, sessionId: 0 };
  }

  it('waits, takes the first request that fits, and waits again afterwards', () => {
    const { node, peer } = scene(waiting({ calledNumber: '222' }));
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'waitCall', type: 'lacOutgoing' }]);
    expect(types(peer.send(sample(peer).OCRQ))).toEqual(['CDN']);
    const ocrq = { ...sample(peer).OCRQ.avps, assignedSessionId: 6, calledNumber: '222' };
    const answers = peer.send({ type: 'OCRQ', avps: ocrq });
    expect(types(answers)).toEqual(['OCRP', 'OCCN']);
    expect(answers[1].avps.txConnectSpeedBps).toBe(2);
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'established', call: { calledNumber: '222' } }]);
    const sessionId = answers[0].avps.assignedSessionId ?? 0;
    peer.send({ type: 'CDN', avps: { assignedSessionId: 6, resultCode: { result: 4 } } }, { sessionId });
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'waitCall', failure: { result: 4 } }]);
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('of several that fit is the one that says most', () => {
    const { node, peer, world } = scene();
    node.run(node.engine.openSession({ ...waiting({ calledNumber: '1' }), name: 'numbered' }, world.now));
    peer.send(sample(peer).OCRQ);
    const states = Object.fromEntries(views(node).map(({ name, state }) => [name, state]));
    expect(states).toEqual({ waiting: 'waitCall', numbered: 'established' });
  });

  it('is an incoming one as well, in a tunnel that we dialled to a LAC', () => {
    const parameters = parametersOf({ type: 'lnsIncoming' });
    const { node, peer } = scene(sessionSpec('waiting', { parameters, ppp: pppSpec('server') }));
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'waitConnect', type: 'lnsIncoming' }]);
  });

  it('is awaited before the tunnel is up, and by the tunnel of the peer that wins the tie', () => {
    const wide = { match: { addresses: ['10.0.0.0/8'] } };
    const { node, peer, world } = bench(gatewaySpec({ peers: [peerSpec(wide)] }));
    node.dial(tunnelSpec('10.0.0.9'));
    const waitingCall = sessionSpec('waiting', {
      parameters: parametersOf({ type: 'lnsIncoming' }),
      ppp: pppSpec('server'),
    });
    node.run(node.engine.openSession(waitingCall, world.now));
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'waitCall' }]);
    peer.restart();
    peer.sccrq({ tieBreaker: 0n });
    peer.sccn();
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    expect(views(node)).toMatchObject([{ name: 'waiting', state: 'waitConnect' }]);
  });

  it('is forgotten when it is closed, or its tunnel ends', () => {
    const { node, world } = scene();
    node.run(node.engine.closeSession('waiting', world.now));
    expect(views(node)).toEqual([]);
    node.run(node.engine.openSession(waiting(), world.now));
    node.run(node.engine.closeTunnel('to-peer', world.now));
    expect(views(node)).toEqual([]);
  });

  it('is changed while it waits', () => {
    const { node, peer, world } = scene(waiting({ calledNumber: '222' }));
    node.run(node.engine.modifySession(waiting({ calledNumber: '1' }), world.now));
    expect(types(peer.send(sample(peer).OCRQ))).toEqual(['OCRP', 'OCCN']);
  });
});

describe('an outgoing call', () => {
  it('asks for no bearer that the peer has not (RFC 2661 4.4.3)', () => {
    const { node, peer, world } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept({ bearerCapabilities: ['analog'] });
    const parameters = parametersOf({ type: 'lnsOutgoing', bearerType: ['digital'] });
    node.run(node.engine.openSession(sessionSpec('out', { parameters, ppp: pppSpec('server') }), world.now));
    expect(types(peer.unread())).not.toContain('OCRQ');
    expect(views(node)[0]).toMatchObject({ state: 'closed', failure: { result: 5 } });
  });

  it.each([
    ['a bearer that we do not have', { bearerType: ['analog'] as const }],
    ['a framing that we do not have', { framingType: ['async'] as const }],
    ['more speed than our line has', { minimumBps: 2_000_000, maximumBps: 3_000_000 }],
  ])('is refused by a LAC when it asks for %s', (_what, changes) => {
    const peers = [peerSpec({ session: parametersOf({ type: 'lacOutgoing' }) })];
    peers[0].tunnel = { ...peers[0].tunnel, bearerCapabilities: ['digital'], framingCapabilities: ['sync'] };
    const { node, peer } = bench(gatewaySpec({ peers }));
    peer.connect();
    const [cdn] = peer.send({ type: 'OCRQ', avps: { ...sample(peer).OCRQ.avps, ...changes } });
    expect(cdn).toMatchObject({ type: 'CDN', avps: { resultCode: { result: 5 } } });
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('asks for no framing that the peer has not (RFC 2661 4.4.4)', () => {
    const { node, peer, world } = bench(gatewaySpec());
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept({ bearerCapabilities: ['digital'], framingCapabilities: ['async'] });
    const parameters = parametersOf({ type: 'lnsOutgoing', framingType: ['sync', 'async'] });
    node.run(node.engine.openSession(sessionSpec('out', { parameters, ppp: pppSpec('server') }), world.now));
    const ocrq = peer.unread().find(({ type }) => type === 'OCRQ');
    expect(ocrq?.avps.framingType).toEqual(['async']);
  });

  it.each([
    [['async'], ['async']],
    [['sync', 'async'], ['sync']],
    [['sync'], ['sync']],
  ] as const)('is connected with a framing that was asked for: of %j, %j', (asked, framingType) => {
    const peers = [peerSpec({ session: parametersOf({ type: 'lacOutgoing' }) })];
    const { peer } = bench(gatewaySpec({ peers }));
    peer.connect();
    const answers = peer.send({ type: 'OCRQ', avps: { ...sample(peer).OCRQ.avps, framingType: asked } });
    expect(answers[1]).toMatchObject({ type: 'OCCN', avps: { framingType } });
  });

  it('carries no PPP before its OCCN (RFC 2661 5.0)', () => {
    const peers = [peerSpec({ session: parametersOf({ type: 'lacOutgoing' }) })];
    const { node, peer } = bench(gatewaySpec({ peers }));
    peer.connect();
    const sent: string[] = [];
    const run = node.run.bind(node);
    node.run = (effects) => {
      for (const { effect } of effects) if (effect === 'send' || effect === 'frame') sent.push(effect);
      run(effects);
    };
    expect(types(peer.send(sample(peer).OCRQ))).toEqual(['OCRP', 'OCCN']);
    expect(sent).toEqual(['send', 'send', 'frame']);
  });

  it('is refused where the profile does not let the peer ask', () => {
    const { peer } = bench(gatewaySpec());
    peer.connect();
    expect(peer.send(sample(peer).OCRQ)[0].avps.resultCode).toMatchObject({ result: 5 });
  });
});
