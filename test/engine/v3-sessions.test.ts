/** Sessions of L2TPv3 as a peer sees them (RFC 3931 4.5, 5.4.4, 5.4.5, RFC 4719, RFC 5641). */
import { describe, expect, it } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import type { SessionSpec } from '../../src/engine/spec.ts';
import type { AvpValues, CircuitStatus } from '../../src/engine/wire/avp.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import type { OutgoingMessage } from '../../src/engine/wire/message.ts';
import { theSession, theTunnel } from './scenes.ts';
import { type Got, type Manner, type PeerMessage, ScriptedPeer, sample, types } from './scripted-peer.ts';
import { avpsIn, without } from './v3-octets.ts';
import {
  authenticUdp,
  bringsEthernet,
  dialledSpec,
  establishedByPeer,
  establishedByUs,
  ethernetParameters,
  icrq,
  idle,
  localIdIn,
  manners,
  open,
  plainUdp,
  type SceneV3,
  wire,
} from './v3-scenes.ts';
import { pppSpec, sessionParameters, sessionSpec } from './world.ts';

const active = { active: true, isNew: true };

interface Scene extends SceneV3 {
  /** Ours. */
  sessionId: number;
}

/** We have asked for a pseudowire. */
function asked(changes: Partial<SessionSpec> = {}, manner = plainUdp): Scene & { request: Got } {
  const scene = establishedByUs(manner);
  const request = open(scene, wire('pw', changes)).find(({ type }) => type === 'ICRQ');
  if (!request) throw new Error('no ICRQ');
  return { ...scene, request, sessionId: localIdIn(request) };
}

/** The peer answers. */
function answer({ peer, sessionId }: Scene, avps: AvpValues = {}): Got[] {
  return peer.send({ type: 'ICRP', avps: { ...sample(peer).ICRP.avps, ...avps } }, { sessionId });
}

/** The peer has brought a pseudowire; `iccn` null: not quite yet. */
function brought(avps: AvpValues = {}, iccn: AvpValues | null = {}, manner = plainUdp): Scene {
  const scene = establishedByPeer(manner, bringsEthernet);
  const { peer } = scene;
  const [icrp] = peer.send(icrq(peer, avps));
  const sessionId = localIdIn(icrp);
  if (iccn) peer.send({ type: 'ICCN', avps: { ...sample(peer).ICCN.avps, ...iccn } }, { sessionId });
  return { ...scene, sessionId };
}

function thePlanes({ node, sessionId }: Scene) {
  const session = node.planeSessions.get(sessionKeyV3(sessionId));
  if (!session) throw new Error('the plane has no such session');
  return session;
}

describe('a request of ours', () => {
  it('says what RFC 3931 6.6 requires, and no more than the peer carries', () => {
    const { request, sessionId, peer } = asked();
    expect(request.avps).toMatchObject({
      assignedSessionId: sessionId,
      remoteSessionId: 0,
      pseudowireType: 'ethernet',
      remoteEndId: 'circuit 1',
      circuitStatus: active,
    });
    expect(request.avps.callSerialNumber).toBeDefined();
    expect(request.avps.tieBreaker).toBeDefined();
    expect(request.header).toMatchObject({ tunnelId: peer.tunnelId, sessionId: 0 });

    const scene = establishedByUs(plainUdp);
    open(scene, wire('circuit', { parameters: { ...sessionParameters, pseudowire: 'hdlc' } }));
    expect(types(scene.peer.ack())).toEqual([]);
    expect(theSession(scene.node)).toMatchObject({ state: 'closed', failure: { result: 14 } });
  });

  it('is confirmed with both ids', () => {
    const scene = asked();
    const [iccn] = answer(scene);
    expect(iccn).toMatchObject({
      type: 'ICCN',
      avps: { assignedSessionId: scene.sessionId, remoteSessionId: scene.peer.callId },
    });
    expect(thePlanes(scene)).toMatchObject({ remoteSessionId: scene.peer.callId });
  });

  it('ends with what the peer says, also where it names the session by its own id only', () => {
    const scene = asked();
    scene.peer.send(
      {
        type: 'CDN',
        avps: { assignedSessionId: scene.peer.callId, resultCode: { result: 4 } },
      },
      { sessionId: scene.sessionId },
    );
    expect(theSession(scene.node)).toMatchObject({ state: 'closed', failure: { result: 4 } });
  });

  it('is given up with result 16 when nobody answers (5.4.2)', () => {
    const scene = asked();
    scene.peer.liveFor(121_000);
    const cdn = scene.peer.log.find(({ type }) => type === 'CDN');
    expect(cdn?.avps).toMatchObject({
      assignedSessionId: scene.sessionId,
      remoteSessionId: 0,
      resultCode: { result: 16 },
    });
  });
});

describe('ids of sessions', () => {
  it('are never those of another session, in whichever tunnel, and never 0', () => {
    const { node, peer, world } = establishedByPeer(plainUdp, bringsEthernet);
    const second = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 }, plainUdp);
    second.connect();
    // All draw the same number.
    world.random.below = () => 0;
    const ids = [peer, second].flatMap((each) =>
      [1, 2, 3].map((assignedSessionId) =>
        localIdIn(each.send(icrq(each, { assignedSessionId, remoteEndId: `${assignedSessionId}` }))[0]),
      ),
    );
    expect(ids).toEqual([0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003, 0x1_0004, 0x1_0005]);
  });

  it('of a session in another tunnel are nothing here', () => {
    const scene = brought();
    const { node, world, sessionId } = scene;
    const second = new ScriptedPeer(world, node, { address: '10.0.0.10', port: 1701 }, plainUdp);
    second.connect();
    for (const type of ['CDN', 'SLI', 'WEN', 'ICCN', 'ICRQ'] as const) second.send(sample(second)[type], { sessionId });
    expect(theSession(node)).toMatchObject({ state: 'established', localId: sessionId });
    // An ICRP is answered, since somebody waits.
    const [cdn] = second.send(sample(second).ICRP, { sessionId });
    expect(cdn).toMatchObject({
      type: 'CDN',
      avps: { remoteSessionId: second.callId, resultCode: { result: 2, error: 5 } },
    });
    expect(cdn.avps.assignedSessionId).not.toBe(sessionId);
    expect(theSession(node)?.state).toBe('established');
  });

  it('without ours are found by that of the peer in CDN, WEN and SLI (5.4.4)', () => {
    const { node, peer } = brought({}, null);
    const circuitStatus = { active: false, isNew: false };
    peer.send({ type: 'SLI', avps: { assignedSessionId: peer.callId, circuitStatus } });
    expect(theSession(node)?.circuit?.peer).toEqual(circuitStatus);
    peer.send(sample(peer).WEN);
    expect(theSession(node)?.call.callErrors).toBeDefined();
    expect(peer.send(sample(peer).CDN)).toEqual([]);
    expect(theSession(node)).toBeUndefined();
  });

  it('of nobody are passed over', () => {
    const { node, peer } = brought();
    for (const type of ['CDN', 'SLI', 'WEN'] as const) {
      expect(peer.send({ type, avps: { ...sample(peer)[type].avps, assignedSessionId: 0x7777_7777 } })).toEqual([]);
    }
    expect(theSession(node)?.state).toBe('established');
  });
});

describe('both ends ask for one circuit (5.4.4, Session Tie Breaker)', () => {
  const ours = (request: Got) => request.avps.tieBreaker ?? 0n;
  const theirs = { assignedSessionId: 0x0100_0000, remoteEndId: 'circuit 1' };
  const lost = { result: 13 };

  it('the lower value wins: ours', () => {
    const { peer, node, sessionId, request } = asked();
    const tieBreaker = ours(request) + 1n;
    expect(peer.send(icrq(peer, { ...theirs, tieBreaker }))).toMatchObject([
      { type: 'CDN', avps: { remoteSessionId: theirs.assignedSessionId, resultCode: lost } },
    ]);
    expect(theSession(node)).toMatchObject({ state: 'waitReply', localId: sessionId });
    // Its own reply crossed, or comes later.
    expect(types(answer({ peer, node, sessionId } as Scene))).toEqual(['ICCN']);
  });

  it('the lower value wins: the peer’s, and the session goes on under it', () => {
    const { peer, node, sessionId, request } = asked();
    const got = peer.send(icrq(peer, { ...theirs, tieBreaker: ours(request) - 1n }));
    const icrp = got.find(({ type }) => type === 'ICRP');
    expect(icrp?.avps.remoteSessionId).toBe(theirs.assignedSessionId);
    const localId = localIdIn(icrp);
    expect(localId).not.toBe(sessionId);
    peer.send(
      { type: 'ICCN', avps: { ...sample(peer).ICCN.avps, assignedSessionId: theirs.assignedSessionId } },
      { sessionId: localId },
    );
    expect(theSession(node)).toMatchObject({ name: 'pw', state: 'established', remoteId: theirs.assignedSessionId });
    expect(node.engine.sizes().sessions).toBe(1);
    // That we lost is told as well.
    peer.send({ type: 'CDN', avps: { assignedSessionId: 1, resultCode: lost } }, { sessionId });
    expect(theSession(node)?.state).toBe('established');
  });

  it('equal values lose both', () => {
    const { peer, node, sessionId, request } = asked();
    const got = peer.send(icrq(peer, { ...theirs, tieBreaker: ours(request) }));
    expect(types(got)).toEqual(['CDN', 'CDN']);
    expect(got.map(({ avps }) => avps.remoteSessionId)).toEqual([0, theirs.assignedSessionId]);
    expect(got[0].avps).toMatchObject({ assignedSessionId: sessionId, resultCode: lost });
    expect(theSession(node)).toMatchObject({ state: 'closed', failure: { result: 13 } });
  });

  it('one beats none', () => {
    const { peer, node } = asked();
    expect(peer.send(icrq(peer, theirs))).toMatchObject([{ type: 'CDN', avps: { resultCode: lost } }]);
    expect(theSession(node)?.state).toBe('waitReply');
  });

  it('with new values each time', () => {
    const { peer, node, world, request } = asked();
    peer.send(icrq(peer, { ...theirs, tieBreaker: ours(request) }));
    const again = open({ node, peer, world }, wire()).find(({ type }) => type === 'ICRQ');
    expect(again?.avps.tieBreaker).toBeDefined();
    expect(again?.avps.tieBreaker).not.toBe(ours(request));
  });

  it('is no tie for another circuit, another pseudowire type, or once the peer has answered', () => {
    for (const avps of [{ remoteEndId: 'circuit 2' }, { pseudowireType: 'vlan' } as const]) {
      const { peer, node, request } = asked();
      const got = peer.send(icrq(peer, { ...theirs, tieBreaker: ours(request) - 1n, ...avps }));
      for (const { avps: said } of got) expect(said.resultCode?.result).not.toBe(13);
      expect(theSession(node)?.state).toBe('waitReply');
    }
    const scene = asked();
    answer(scene);
    const got = scene.peer.send(icrq(scene.peer, { ...theirs, tieBreaker: 0n }));
    expect(got.some(({ avps }) => avps.resultCode?.result === 13)).toBe(false);
    expect(theSession(scene.node)).toMatchObject({ state: 'established', localId: scene.sessionId });
  });

  it('of outgoing calls is one too', () => {
    const scene = establishedByUs(plainUdp);
    const { node, peer } = scene;
    const parameters = { ...ethernetParameters, type: 'lnsOutgoing' as const };
    const ocrq = open(scene, wire('pw', { parameters })).find(({ type }) => type === 'OCRQ');
    const request = { ...sample(peer).OCRQ.avps, ...theirs, pseudowireType: 'ethernet' as const };
    const tieBreaker = ocrq?.avps.tieBreaker ?? 0n;
    expect(peer.send({ type: 'OCRQ', avps: { ...request, tieBreaker: tieBreaker + 1n } })).toMatchObject([
      { type: 'CDN', avps: { resultCode: lost } },
    ]);
    expect(types(peer.send({ type: 'OCRQ', avps: { ...request, tieBreaker: tieBreaker - 1n } }))).toContain('OCRP');
    expect(theSession(node)).toMatchObject({ name: 'pw', state: 'established', remoteId: theirs.assignedSessionId });
  });
});

describe('a pseudowire type', () => {
  it.each(['vlan', 'ppp', 0x7777] as const)(
    'that the profile does not have is refused with result 14: %s',
    (pseudowireType) => {
      const { node, peer } = establishedByPeer(plainUdp, bringsEthernet);
      expect(peer.send(icrq(peer, { pseudowireType }))).toMatchObject([
        { type: 'CDN', avps: { remoteSessionId: peer.callId, resultCode: { result: 14 } } },
      ]);
      expect(node.engine.sizes().sessions).toBe(0);
    },
  );

  it('that requires OAM emulation is refused with result 22 (RFC 4454 7)', () => {
    const { peer } = establishedByPeer(plainUdp, bringsEthernet);
    const got = peer.send(icrq(peer, { oamEmulationRequired: true }));
    expect(got).toMatchObject([{ type: 'CDN', avps: { resultCode: { result: 22 } } }]);
  });

  it('is told by all that we carry in SCCRQ and SCCRP', () => {
    for (const { peer } of [establishedByUs(plainUdp), establishedByPeer(plainUdp)]) {
      expect(peer.log[0].avps.pseudowireCapabilities).toEqual([
        'ppp',
        'ethernet',
        'vlan',
        'hdlc',
        'frameRelay',
        'atmAal5',
        'atmCellPort',
        'atmCellVcc',
        'atmCellVpc',
      ]);
    }
  });
});

describe('cookies (4.1, 5.4.4)', () => {
  it.each([0, 4, 8] as const)('of ours have as many octets as wanted, and differ: %i', (cookieLength) => {
    const scene = establishedByUs(plainUdp);
    const parameters = { ...ethernetParameters, cookieLength };
    for (const name of ['one', 'two']) open(scene, wire(name, { parameters, remoteEndId: name }));
    scene.peer.ack();
    const cookies = scene.peer.log.filter(({ type }) => type === 'ICRQ').map(({ avps }) => avps.assignedCookie);
    expect(cookies.length).toBe(2);
    for (const cookie of cookies) expect(cookie?.length ?? 0).toBe(cookieLength);
    if (cookieLength > 0) expect(cookies[0]).not.toEqual(cookies[1]);
  });

  it.each([0, 4, 8])('of the peer’s are used, whatever ours are: %i octets', (octets) => {
    const assignedCookie = octets === 0 ? undefined : new Uint8Array(octets).fill(7);
    const scene = asked();
    answer(scene, { assignedCookie });
    expect(thePlanes(scene).format?.remoteCookie).toEqual(new Uint8Array(octets).fill(7));
    expect(thePlanes(scene).format?.localCookie).toEqual(scene.request.avps.assignedCookie);
    expect(thePlanes(brought({ assignedCookie })).format?.remoteCookie.length).toBe(octets);
  });
});

describe('sublayer and sequence numbers', () => {
  const sequenced = { l2SpecificSublayer: 'default', dataSequencing: 'all' } as const;
  const needsSublayer = { resultCode: { result: 15 } };

  it('are asked for as we want what comes', () => {
    const { request } = asked({ parameters: { ...ethernetParameters, ...sequenced } });
    expect(request.avps).toMatchObject(sequenced);
    const plain = asked().request.avps;
    expect([plain.l2SpecificSublayer, plain.dataSequencing]).toEqual([undefined, undefined]);
  });

  it.each([
    [{}, { txSublayer: 'none' }, 'none'],
    [{ l2SpecificSublayer: 'none', dataSequencing: 'none' }, { txSublayer: 'none' }, 'none'],
    [{ l2SpecificSublayer: 'default' }, { txSublayer: 'default' }, 'none'],
    [{ l2SpecificSublayer: 'default', dataSequencing: 'nonIp' }, { txSublayer: 'default' }, 'nonIp'],
    [{ l2SpecificSublayer: 'default', dataSequencing: 'all' }, { txSublayer: 'default' }, 'all'],
  ] as const)('are sent as the peer wants what it gets: %j', (avps, format, sequencing) => {
    const scene = asked();
    answer(scene, avps);
    for (const each of [scene, brought(avps), brought({}, avps)]) {
      expect(thePlanes(each)).toMatchObject({ format: { ...format, rxSublayer: 'none' }, sequencing });
    }
  });

  it('an outgoing call carries nothing before its OCCN (6.10)', () => {
    const scene = establishedByUs(plainUdp);
    const ocrq = open(scene, wire('pw', { parameters: { ...ethernetParameters, type: 'lnsOutgoing' } }));
    const sessionId = localIdIn(ocrq.find(({ type }) => type === 'OCRQ'));
    scene.peer.send(sample(scene.peer).OCRP, { sessionId });
    expect(thePlanes({ ...scene, sessionId }).circuit).toBeUndefined();
    scene.peer.send(sample(scene.peer).OCCN, { sessionId });
    expect(thePlanes({ ...scene, sessionId }).circuit).toEqual({ peerActive: true });
  });

  it('of an OCRP may be changed by the OCCN', () => {
    const scene = establishedByUs(plainUdp);
    const ocrq = open(scene, wire('pw', { parameters: { ...ethernetParameters, type: 'lnsOutgoing' } }));
    const sessionId = localIdIn(ocrq.find(({ type }) => type === 'OCRQ'));
    const { peer } = scene;
    peer.send({ type: 'OCRP', avps: { ...sample(peer).OCRP.avps, l2SpecificSublayer: 'default' } }, { sessionId });
    expect(thePlanes({ ...scene, sessionId })).toMatchObject({ format: { txSublayer: 'default' }, sequencing: 'none' });
    peer.send({ type: 'OCCN', avps: { ...sample(peer).OCCN.avps, dataSequencing: 'all' } }, { sessionId });
    expect(thePlanes({ ...scene, sessionId })).toMatchObject({ format: { txSublayer: 'default' }, sequencing: 'all' });
  });

  it('are refused with result 15 without a sublayer that has room for them, in every message', () => {
    const wants = { dataSequencing: 'all' } as const;
    const { peer } = establishedByPeer(plainUdp, bringsEthernet);
    expect(peer.send(icrq(peer, wants))).toMatchObject([{ type: 'CDN', avps: needsSublayer }]);

    const replied = asked();
    expect(answer(replied, wants)).toMatchObject([{ type: 'CDN', avps: needsSublayer }]);
    expect(theSession(replied.node)).toMatchObject({ state: 'closed', failure: { result: 15 } });

    const late = brought({}, null);
    const iccn = { type: 'ICCN', avps: { ...sample(late.peer).ICCN.avps, ...wants } } as const;
    expect(late.peer.send(iccn, { sessionId: late.sessionId })).toMatchObject([{ type: 'CDN', avps: needsSublayer }]);
    expect(late.node.engine.sizes().sessions).toBe(0);
  });

  it('that we do not know are refused', () => {
    const { peer } = establishedByPeer(plainUdp, bringsEthernet);
    expect(peer.send(icrq(peer, { l2SpecificSublayer: 77 }))).toMatchObject([
      { type: 'CDN', avps: { resultCode: { result: 2, error: 3 } } },
    ]);
  });
});

describe('the status of a circuit (5.4.5, RFC 5641)', () => {
  const inactive: CircuitStatus = { active: false, isNew: false };
  const faulty: CircuitStatus = { active: false, isNew: false, circuitRxFault: true, pseudowireTxFault: true };
  const standby: CircuitStatus = { active: true, isNew: false, standby: true };

  it('is in every message that sets up a session', () => {
    const { peer, request } = asked();
    expect(request.avps.circuitStatus).toEqual(active);
    const replies = [establishedByPeer(plainUdp, bringsEthernet).peer].map((each) => each.send(icrq(each))[0]);
    for (const { avps } of replies) expect(avps.circuitStatus).toEqual(active);
    expect(peer.log.length).toBeGreaterThan(0);
  });

  it.each([inactive, faulty, standby])(
    'of the peer stops what would go there, as it is first told: %j',
    (circuitStatus) => {
      const scene = asked();
      answer(scene, { circuitStatus });
      for (const each of [scene, brought({ circuitStatus }), brought({}, { circuitStatus })]) {
        expect(thePlanes(each).circuit).toEqual({ peerActive: false });
        expect(theSession(each.node)?.circuit?.peer).toEqual(circuitStatus);
      }
    },
  );

  it('of the peer is as its last message says, also before the session is up', () => {
    const scene = brought({ circuitStatus: inactive }, null);
    const { peer, sessionId } = scene;
    const sli = (circuitStatus: AvpValues['circuitStatus'], id = sessionId) =>
      peer.send({ type: 'SLI', avps: { assignedSessionId: peer.callId, circuitStatus } }, { sessionId: id });
    // RFC 4719 2.3.2: perhaps before the ICRP has come, so that only the peer's own id is known.
    sli(standby, 0);
    sli({ active: true, isNew: false }, 0);
    peer.send(sample(peer).ICCN, { sessionId });
    // `sample` has none in its ICCN.
    expect(thePlanes(scene).circuit).toEqual({ peerActive: true });
    for (const [status, peerActive] of [
      [faulty, false],
      [faulty, false],
      [standby, false],
      [active, true],
      [inactive, false],
      [active, true],
    ] as const) {
      sli(status);
      expect(thePlanes(scene).circuit).toEqual({ peerActive });
    }
  });

  it('of ours is told by SLI whenever it changes, with both ids, and no other time', () => {
    const scene = asked();
    const { node, peer, sessionId } = scene;
    answer(scene);
    const told = () => peer.ack().filter(({ type }) => type === 'SLI');
    node.circuit(sessionKeyV3(sessionId), { active: true, isNew: false });
    expect(told()).toEqual([]);
    for (const status of [inactive, faulty, standby]) {
      peer.unread();
      node.circuit(sessionKeyV3(sessionId), status);
      const [sli] = peer.unread().filter(({ type }) => type === 'SLI');
      expect(sli.avps).toEqual({
        assignedSessionId: sessionId,
        remoteSessionId: peer.callId,
        circuitStatus: status,
      });
      peer.ack();
    }
    expect(told()).toEqual([]);
  });
});

describe('messages about sessions', () => {
  it('are refused with what a session needs missing, and no session is left', () => {
    for (const name of ['pseudowireType', 'callSerialNumber'] as const) {
      const { node, peer } = establishedByPeer(plainUdp, bringsEthernet);
      const got = peer.send(icrq(peer, { [name]: undefined }));
      expect(got).toMatchObject([
        { type: 'CDN', avps: { remoteSessionId: peer.callId, resultCode: { result: 2, error: 3 } } },
      ]);
      expect(node.engine.sizes().sessions).toBe(0);
    }
  });

  it('are taken without a Remote End ID and without a Circuit Status, since they work so', () => {
    const { peer } = establishedByPeer(plainUdp, bringsEthernet);
    expect(types(peer.send(icrq(peer, { remoteEndId: undefined, circuitStatus: undefined })))).toEqual(['ICRP']);
  });

  it('a Remote End ID of four octets of any value comes and goes (RFC 4719 2.2)', () => {
    const { request } = asked({ remoteEndId: '0x00010203' });
    expect(request.avps.remoteEndId).toBe('0x00010203');
    expect([...request.bytes].join()).toContain([0, 66, 0, 1, 2, 3].join());
    const { node } = brought({ remoteEndId: '0xfffefdfc' });
    expect(theSession(node)?.call.remoteEndId).toBe('0xfffefdfc');
  });
});

describe('a thousand pseudowires', () => {
  it.each(Object.entries(manners))('in one control connection come up, and go with it: %s', (_how, manner) => {
    const scene = establishedByUs(manner);
    const { node, peer, world } = scene;
    for (let index = 0; index < 1_000; index++) open(scene, wire(`pw-${index}`, { remoteEndId: `${index}` }));
    let answered = 0;
    for (let round = 0; round < 5_000 && answered < 1_000; round++) {
      const requests = peer.log
        .slice(-200)
        .filter(({ type }) => type === 'ICRQ')
        .slice(-1);
      const [{ avps } = { avps: undefined }] = requests;
      if (!avps || Number(avps.remoteEndId) < answered) {
        peer.ack();
        continue;
      }
      const reply = { assignedSessionId: 0x4000_0000 + answered, circuitStatus: active };
      peer.send({ type: 'ICRP', avps: reply }, { sessionId: avps.assignedSessionId });
      answered = Number(avps.remoteEndId) + 1;
    }
    expect(answered).toBe(1_000);
    peer.ack();
    expect(node.engine.sizes()).toMatchObject({ sessions: 1_000 });
    peer.stopCcn();
    expect(node.engine.sizes()).toMatchObject({ sessions: 0 });
    expect(node.planeSessions.size).toBe(0);
    world.runFor(60_000);
    expect(node.engine.sizes().tunnels).toBe(0);
  });
});

describe('a peer of the drafts (quirk draftAvps)', () => {
  const { digests } = authenticUdp;
  const manner: Manner = { ...authenticUdp, digests: digests && { ...digests, draft: true } };
  /** What it knows by numbers of vendor 9 it knows by no other. */
  const ofTheRfc = new Set([5, 59, 61, 62, 63, 64, 65, 66, 68, 71, 73]);

  /** It speaks as its drafts had it, and in no other way. */
  function says({ peer }: SceneV3, message: PeerMessage, twist: { sessionId?: number } = {}): Got[] {
    const { sessionId = 0 } = twist;
    const options = { drafts: true, digests: manner.digests };
    const body = dialects[3].encodeMessage(message as OutgoingMessage, sessionId, options);
    return peer.sendBody(without(body, ({ vendor, type }) => vendor === 0 && ofTheRfc.has(type)));
  }

  function numbersIn(got: Got | undefined): [vendor: number, type: number][] {
    return avpsIn(got?.bytes ?? new Uint8Array(0)).map(({ vendor, type }) => [vendor, type]);
  }

  it('understands what we say, and is understood, from end to end', () => {
    const scene = idle(manner, { quirks: ['draftAvps'], ...bringsEthernet });
    const { node, peer } = scene;
    node.dial(dialledSpec(manner));
    const [request] = peer.unread();
    // Draft-era ids, capabilities, digest and nonce; of two digests each would have to be zero for the other.
    for (const type of [1, 2, 12, 13]) expect(numbersIn(request)).toContainEqual([9, type]);
    expect(numbersIn(request)).not.toContainEqual([0, 59]);
    expect(request.digest).toBe('valid');
    says(scene, sample(peer).SCCRP);
    peer.ack();
    expect(theTunnel(node)).toMatchObject({ state: 'established', authenticated: true, remoteId: peer.tunnelId });

    const ours = open(scene, wire()).find(({ type }) => type === 'ICRQ');
    for (const type of [3, 4, 5, 6, 7, 8]) expect(numbersIn(ours)).toContainEqual([9, type]);
    // But for the digest, which is there once, both numbers of each are, and neither must be understood.
    expect(
      avpsIn(ours?.bytes ?? new Uint8Array(0)).filter(
        ({ vendor, type, mandatory }) => vendor === 9 && mandatory && type !== 12,
      ),
    ).toEqual([]);
    says(scene, sample(peer).ICRP, { sessionId: ours?.avps.assignedSessionId });
    expect(theSession(node)).toMatchObject({ state: 'established', remoteId: peer.callId });
    const circuitStatus = { active: false, isNew: false };
    const sli = { type: 'SLI', avps: { assignedSessionId: peer.callId, circuitStatus } } as const;
    says(scene, sli, { sessionId: ours?.avps.assignedSessionId });
    expect(theSession(node)?.circuit?.peer).toEqual(circuitStatus);
  });

  it('may ask as well, also without the quirk: what it says is understood', () => {
    const scene = idle(manner, { quirks: ['draftAvps'], ...bringsEthernet });
    expect(types(says(scene, sample(scene.peer).SCCRQ))).toEqual(['SCCRP']);
    says(scene, sample(scene.peer).SCCCN);
    const [icrp] = says(scene, icrq(scene.peer));
    expect(numbersIn(icrp)).toContainEqual([9, 3]);
    says(scene, sample(scene.peer).ICCN, { sessionId: icrp.avps.assignedSessionId });
    expect(theSession(scene.node)).toMatchObject({ state: 'established', pseudowire: 'ethernet' });

    const unknown = idle(manner, bringsEthernet);
    expect(types(says(unknown, sample(unknown.peer).SCCRQ))).toEqual(['SCCRP']);
  });
});

describe('PPP in L2TPv3', () => {
  it('is a call like one of L2TPv2: what it says of its line has no M bit', () => {
    const scene = establishedByUs(plainUdp);
    open(scene, sessionSpec('call', { ppp: pppSpec('client'), callingNumber: '111', calledNumber: '222' }));
    const request = scene.peer.log.find(({ type }) => type === 'ICRQ');
    expect(request?.avps).toMatchObject({ pseudowireType: 'ppp', callingNumber: '111', calledNumber: '222' });
    expect(request?.avps.remoteEndId).toBe('host.example:call');
    const line = avpsIn(request?.bytes ?? new Uint8Array(0)).filter(({ type }) => [18, 21, 22, 98].includes(type));
    expect(line.map(({ mandatory }) => mandatory)).toEqual([false, false, false, false]);
  });
});
