import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlaneError } from '../../src/engine/errors.ts';
import { sessionKeyV2 } from '../../src/engine/ports.ts';
import type { SessionState } from '../../src/engine/session-states.ts';
import type { SessionView } from '../../src/engine/spec.ts';
import { nothing } from './scenes.ts';
import {
  bench,
  encode,
  type Got,
  type MessageTypeV2,
  messageTypesV2,
  type ScriptedPeer,
  sample,
  types,
} from './scripted-peer.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  type World,
} from './world.ts';

interface Scene {
  world: World;
  node: Node;
  peer: ScriptedPeer;
  /** The engine's session id. */
  sessionId: number;
}

/** The peer's session id in all scenes, as in `sample`. */
const peerSessionId = 5;
const spec = sessionSpec('call', { callingNumber: '111', calledNumber: '222', subAddress: '3' });

/** A tunnel that we dialled, and no call in it. */
function asLac(): Scene {
  const scene = bench(gatewaySpec());
  scene.node.dial(tunnelSpec('10.0.0.9'));
  scene.peer.accept();
  return { ...scene, sessionId: 9 };
}

/** A tunnel that the peer opened, and no call in it. */
function asLns(): Scene {
  const scene = bench(gatewaySpec());
  scene.peer.connect();
  return { ...scene, sessionId: 9 };
}

function assignedId(got: Got | undefined): number {
  expect(got?.avps.assignedSessionId).toBeDefined();
  return got?.avps.assignedSessionId ?? 0;
}

function lacWaitReply(declared = spec): Scene {
  const scene = asLac();
  scene.node.run(scene.node.engine.openSession(declared, scene.world.now));
  return { ...scene, sessionId: assignedId(scene.peer.unread().find(({ type }) => type === 'ICRQ')) };
}

function lacEstablished(declared = spec): Scene {
  const scene = lacWaitReply(declared);
  scene.peer.send(sample(scene.peer).ICRP, { sessionId: scene.sessionId });
  return scene;
}

function lnsWaitConnect(): Scene {
  const scene = asLns();
  const [reply] = scene.peer.send(sample(scene.peer).ICRQ);
  return { ...scene, sessionId: assignedId(reply) };
}

function lnsEstablished(): Scene {
  const scene = lnsWaitConnect();
  scene.peer.send(sample(scene.peer).ICCN, { sessionId: scene.sessionId });
  return scene;
}

const dialOut = sessionSpec('call', {
  parameters: { ...sessionParameters, type: 'lnsOutgoing' },
  calledNumber: '222',
  ppp: pppSpec('server'),
});

/** As LNS: the peer, a LAC, is to place a call. */
function lnsOutgoingWaitReply(declared = dialOut): Scene {
  const scene = bench(gatewaySpec());
  scene.node.dial(tunnelSpec('10.0.0.9'));
  scene.peer.accept({ bearerCapabilities: ['digital'] });
  scene.node.run(scene.node.engine.openSession(declared, scene.world.now));
  return { ...scene, sessionId: assignedId(scene.peer.unread().find(({ type }) => type === 'OCRQ')) };
}

function lnsOutgoingWaitConnect(): Scene {
  const scene = lnsOutgoingWaitReply();
  scene.peer.send(sample(scene.peer).OCRP, { sessionId: scene.sessionId });
  return scene;
}

function lnsOutgoingEstablished(): Scene {
  const scene = lnsOutgoingWaitConnect();
  scene.peer.send(sample(scene.peer).OCCN, { sessionId: scene.sessionId });
  return scene;
}

const waiting = sessionSpec('call', { parameters: { ...sessionParameters, type: 'lacOutgoing' } });

/** As LAC: a declared call waits until the peer, an LNS, asks for it. */
function lacOutgoingWaiting(declared = waiting): Scene {
  const scene = asLac();
  scene.node.run(scene.node.engine.openSession(declared, scene.world.now));
  return scene;
}

function lacOutgoingEstablished(): Scene {
  const scene = lacOutgoingWaiting();
  const [reply] = scene.peer.send(sample(scene.peer).OCRQ);
  return { ...scene, sessionId: assignedId(reply) };
}

function theSession(node: Node): SessionView | undefined {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()][0];
}

type State = Exclude<SessionState, 'closed'>;

function stateOf(node: Node): State {
  const state = theSession(node)?.state ?? 'idle';
  return state === 'closed' || state === 'waitCall' ? 'idle' : state;
}

type CallMessage = Exclude<MessageTypeV2, 'SCCRQ' | 'SCCRP' | 'SCCCN' | 'StopCCN' | 'HELLO'>;
type Input = 'close' | CallMessage;
type Outcome = [sends: string[], becomes: State];

const callMessages = messageTypesV2.filter(
  (type): type is CallMessage => !['SCCRQ', 'SCCRP', 'SCCCN', 'StopCCN', 'HELLO'].includes(type),
);

function act({ world, node, peer, sessionId }: Scene, input: Input): Got[] {
  peer.unread();
  if (input !== 'close') return peer.send(sample(peer)[input], { sessionId });
  const declared = [...node.engine.declaredSessions()].length > 0;
  if (declared) node.run(node.engine.closeSession('call', world.now));
  else {
    // What ends an accepted call from our side: here a plane that cannot carry it.
    const fact = { fact: 'failed', error: new PlaneError('ENOMEM', 'session') } as const;
    node.run(node.engine.planeFact(sessionKeyV2(peer.remoteId, sessionId), fact, world.now));
  }
  return peer.unread();
}

const hangsUp: Outcome = [['CDN'], 'idle'];
const ends: Outcome = [[], 'idle'];

function all(outcome: Outcome): Record<Input, Outcome> {
  return Object.fromEntries((['close', ...callMessages] as const).map((input) => [input, outcome])) as {
    [key in Input]: Outcome;
  };
}

/** WEN and SLI inform, and so do RFC 5515's; they are in no table. Whatever else a table does not name is improper and ends the call (7.1). */
function inProgress(state: State): Record<Input, Outcome> {
  const told: Outcome = [[], state];
  return { ...all(hangsUp), CDN: ends, WEN: told, SLI: told, CSUN: told, CSURQ: told };
}

/**
 * RFC 2661 7.4.1 and 7.4.2, read afresh. `idle` is no session at all, before and after: there the tables of LAC and LNS
 * are one, since nothing tells for which of them a message is. An ICRP gets its CDN as the LNS table has it, since
 * a peer that answers a call waits for one or the other; OCRP likewise (7.5.2). A request with a session id in its
 * header is for a session, since a new one's id is not known yet (4.4.4): in no session it is nothing.
 */
const idleRows: Record<Input, Outcome> = { ...all(ends), ICRP: hangsUp, OCRP: hangsUp };

const states: Record<string, { begin: () => Scene; is: State; rows: Record<Input, Outcome> }> = {
  'LAC, idle': { begin: asLac, is: 'idle', rows: idleRows },
  'LAC, wait-reply': {
    begin: lacWaitReply,
    is: 'waitReply',
    rows: { ...inProgress('waitReply'), ICRP: [['ICCN'], 'established'], ICCN: ends },
  },
  'LAC, established': { begin: lacEstablished, is: 'established', rows: inProgress('established') },
  'LNS, idle': { begin: asLns, is: 'idle', rows: idleRows },
  'LNS, wait-connect': {
    begin: lnsWaitConnect,
    is: 'waitConnect',
    rows: { ...inProgress('waitConnect'), ICCN: [[], 'established'] },
  },
  'LNS, established': { begin: lnsEstablished, is: 'established', rows: inProgress('established') },
  'LNS of an outgoing call, wait-reply': {
    begin: lnsOutgoingWaitReply,
    is: 'waitReply',
    rows: { ...inProgress('waitReply'), OCRP: [[], 'waitConnect'] },
  },
  'LNS of an outgoing call, wait-connect': {
    begin: lnsOutgoingWaitConnect,
    is: 'waitConnect',
    rows: { ...inProgress('waitConnect'), OCCN: [[], 'established'] },
  },
  'LNS of an outgoing call, established': {
    begin: lnsOutgoingEstablished,
    is: 'established',
    rows: inProgress('established'),
  },
  'LAC of an outgoing call, established': {
    begin: lacOutgoingEstablished,
    is: 'established',
    rows: inProgress('established'),
  },
  'LAC, after the end': {
    begin: () => ended(lacEstablished()),
    is: 'idle',
    rows: idleRows,
  },
  'LNS, after the end': {
    begin: () => ended(lnsEstablished()),
    is: 'idle',
    rows: idleRows,
  },
};

function ended(scene: Scene): Scene {
  scene.peer.send(sample(scene.peer).CDN, { sessionId: scene.sessionId });
  return scene;
}

describe.each(Object.entries(states))('%s (RFC 2661 7.4, 7.5)', (_name, { begin, is, rows }) => {
  it.each(Object.entries(rows) as [Input, Outcome][])('%s: sends %j', (input, [sends, becomes]) => {
    const scene = begin();
    const { node, peer, sessionId } = scene;
    expect(stateOf(node)).toBe(is);
    const { remoteId = 0 } = theSession(node) ?? {};
    const sent = act(scene, input);
    expect(types(sent)).toEqual(sends);
    expect(stateOf(node)).toBe(becomes);
    const live = becomes === 'idle' ? 0 : 1;
    expect(node.engine.sizes()).toMatchObject({ tunnels: 1, sessions: live });
    expect(node.planeSessions.size).toBe(becomes === 'established' || becomes === 'waitConnect' ? 1 : 0);
    expect(node.leases.size).toBe(0);
    for (const { type, avps, header } of sent) {
      expect(header.tunnelId).toBe(peer.tunnelId);
      if (type !== 'CDN') continue;
      // Before the peer has told its id, the header has none (RFC 2661 4.4.4).
      expect(header.sessionId).toBe(is === 'idle' ? peerSessionId : remoteId);
      if (is !== 'idle') expect(avps.assignedSessionId).toBe(sessionId);
    }
  });
});

describe('a call that we open', () => {
  it('says whose it is, and how fast', () => {
    const { node, peer, sessionId } = lacWaitReply();
    const icrq = peer.log.find(({ type }) => type === 'ICRQ');
    expect(icrq?.header).toMatchObject({ tunnelId: peer.tunnelId, sessionId: 0 });
    expect(icrq?.avps).toMatchObject({
      assignedSessionId: sessionId,
      bearerType: ['digital'],
      callingNumber: '111',
      calledNumber: '222',
      subAddress: '3',
    });
    const [iccn] = peer.send(sample(peer).ICRP, { sessionId });
    expect(iccn.header).toMatchObject({ tunnelId: peer.tunnelId, sessionId: peerSessionId });
    expect(iccn.avps).toEqual({ txConnectSpeedBps: 1_000_000, framingType: ['sync'] });
    expect(theSession(node)).toMatchObject({
      name: 'call',
      tunnel: 'to-peer',
      direction: 'dialled',
      type: 'lacIncoming',
      localId: sessionId,
      remoteId: peerSessionId,
    });
  });

  it('says what differs from the plain case', () => {
    const parameters = {
      ...sessionParameters,
      sequencingRequired: true,
      privateGroupId: 'blue',
      connectSpeedBps: { tx: 1_000, rx: 2_000 },
    };
    const { peer } = lacEstablished(sessionSpec('call', { parameters }));
    const iccn = peer.log.find(({ type }) => type === 'ICCN');
    expect(iccn?.avps).toEqual({
      txConnectSpeedBps: 1_000,
      rxConnectSpeedBps: 2_000,
      framingType: ['sync'],
      privateGroupId: 'blue',
      sequencingRequired: true,
    });
  });

  it('asks for no framing that the peer did not offer (RFC 2661 4.4.3)', () => {
    const scene = bench(gatewaySpec());
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept({ framingCapabilities: ['async'] });
    const parameters = { ...sessionParameters, framingType: ['sync', 'async'] as const };
    node.run(node.engine.openSession(sessionSpec('call', { parameters: { ...parameters } }), world.now));
    const sessionId = assignedId(peer.unread().find(({ type }) => type === 'ICRQ'));
    const [iccn] = peer.send(sample(peer).ICRP, { sessionId });
    expect(iccn).toMatchObject({ type: 'ICCN', avps: { framingType: ['async'] } });
  });

  it('bears a serial number that grows from call to call (RFC 2661 4.4.4)', () => {
    const { node, peer, world } = lacWaitReply();
    for (const name of ['second', 'third']) {
      node.run(node.engine.openSession(sessionSpec(name), world.now));
      peer.ack();
    }
    const requests = peer.log.filter(({ type }) => type === 'ICRQ');
    const [first = 0, second, third] = requests.map(({ avps }) => avps.callSerialNumber);
    expect([second, third]).toEqual([first + 1, first + 2]);
  });

  it('needs an established tunnel of ours, and a free name', () => {
    const { node, peer, world } = lacWaitReply();
    node.run(node.engine.openSession(spec, world.now));
    node.run(node.engine.openSession(sessionSpec('other', { tunnel: 'no-such-tunnel' }), world.now));
    expect(types(peer.ack())).toEqual([]);
    expect(node.engine.sizes().sessions).toBe(1);
  });

  it('is given up when no answer comes in time', () => {
    const { node, peer, world } = lacWaitReply();
    peer.liveFor(119_999);
    expect(stateOf(node)).toBe('waitReply');
    world.runFor(1);
    const cdn = peer.log.find(({ type }) => type === 'CDN');
    expect(cdn?.avps.resultCode).toMatchObject({ result: 10 });
    expect(theSession(node)).toMatchObject({ state: 'closed', failure: { result: 10, atMs: 120_000 } });
  });

  it('keeps its last state until its name is used again', () => {
    const { node, peer, sessionId, world } = lacEstablished();
    const cdn = { assignedSessionId: peerSessionId, resultCode: { result: 4, error: 0, message: 'full' } };
    peer.send({ type: 'CDN', avps: cdn }, { sessionId });
    expect(theSession(node)).toMatchObject({
      name: 'call',
      state: 'closed',
      failure: { result: 4, message: 'full', byPeer: true },
    });
    node.run(node.engine.openSession(spec, world.now));
    expect([...node.engine.declaredSessions()].map(({ state }) => state)).toEqual(['waitReply']);
    node.run(node.engine.closeSession('call', world.now));
    expect([...node.engine.declaredSessions()]).toEqual([]);
  });
});

describe('a call that the peer opens', () => {
  it('is answered, and shown', () => {
    const { node, peer, sessionId } = lnsWaitConnect();
    const icrp = peer.log.at(-1);
    expect(icrp).toMatchObject({ type: 'ICRP', avps: { assignedSessionId: sessionId } });
    expect(icrp?.header).toMatchObject({ tunnelId: peer.tunnelId, sessionId: peerSessionId });
    const avps = { txConnectSpeedBps: 9_600, framingType: ['sync'] as const, privateGroupId: 'blue' };
    peer.send({ type: 'ICCN', avps }, { sessionId });
    expect(theSession(node)).toMatchObject({
      direction: 'accepted',
      type: 'lnsIncoming',
      state: 'established',
      localId: sessionId,
      remoteId: peerSessionId,
      call: { callSerialNumber: 1, txConnectSpeedBps: 9_600, privateGroupId: 'blue' },
    });
    expect([...node.engine.acceptedTunnels()][0].sessions).toEqual({ established: 1, total: 1 });
  });

  it('is given up when it is not connected in time', () => {
    const { node, peer, world } = lnsWaitConnect();
    peer.liveFor(119_999);
    expect(stateOf(node)).toBe('waitConnect');
    world.runFor(1);
    expect(peer.log.find(({ type }) => type === 'CDN')?.avps.resultCode).toMatchObject({ result: 10 });
    expect(stateOf(node)).toBe('idle');
  });

  it.each(['waitConnect', 'established'])('may be ended by a peer that does not use our id, in %s', (state) => {
    const { node, peer } = state === 'established' ? lnsEstablished() : lnsWaitConnect();
    expect(stateOf(node)).toBe(state);
    expect(peer.send({ type: 'CDN', avps: { assignedSessionId: 6, resultCode: { result: 1 } } })).toEqual([]);
    expect(stateOf(node)).toBe(state);
    expect(peer.send(sample(peer).CDN, { sessionId: 1_234 })).toEqual([]);
    expect(stateOf(node)).toBe(state);
    expect(peer.send(sample(peer).CDN, { sessionId: 0 })).toEqual([]);
    expect(stateOf(node)).toBe('idle');
  });

  it.each([lnsWaitConnect, lnsEstablished, lacEstablished])(
    'ends when the peer asks for another under its id, and leaves no second one (%o)',
    (begin) => {
      const { node, peer, sessionId } = begin();
      peer.unread();
      const sent = peer.send(sample(peer).ICRQ);
      expect(types(sent)).toEqual(['CDN']);
      expect(sent[0]).toMatchObject({ header: { sessionId: peerSessionId }, avps: { assignedSessionId: sessionId } });
      expect(stateOf(node)).toBe('idle');
      expect(node.engine.sizes().sessions).toBe(0);
    },
  );

  it('may bear the id of one that has ended', () => {
    const { node, peer, sessionId } = lnsEstablished();
    peer.send(sample(peer).CDN, { sessionId });
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    expect(peer.send(sample(peer).CDN, { sessionId: 0 })).toEqual([]);
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('is refused with a framing that we did not offer (RFC 2661 4.4.3)', () => {
    const peers = [peerSpec({ tunnel: tunnelParameters({ framingCapabilities: ['sync'] }) })];
    const { node, peer } = bench(gatewaySpec({ peers }));
    peer.connect();
    const [icrp] = peer.send(sample(peer).ICRQ);
    const iccn = { txConnectSpeedBps: 1_000, framingType: ['sync', 'async'] as const };
    const [cdn] = peer.send({ type: 'ICCN', avps: iccn }, { sessionId: icrp.avps.assignedSessionId });
    expect(cdn).toMatchObject({ type: 'CDN', avps: { resultCode: { result: 5 } } });
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('does not keep a frame of any length that comes before it is connected', () => {
    const { node, sessionId, peer, world } = lnsWaitConnect();
    const key = sessionKeyV2(peer.remoteId, sessionId);
    const held = Reflect.get(node.engine, 'core').sessions.get(key);
    node.run(node.engine.frame(key, new Uint8Array(9_000), 0, 9_000, world.now));
    expect(held.earlyFrame).toBe(undefined);
    node.run(node.engine.frame(key, new Uint8Array(100), 0, 100, world.now));
    expect(held.earlyFrame).toHaveLength(100);
  });

  it('is not mixed up with others', () => {
    const { node, peer, sessionId } = lnsWaitConnect();
    const [second] = peer.send({ type: 'ICRQ', avps: { assignedSessionId: 6, callSerialNumber: 2 } });
    expect(assignedId(second)).not.toBe(sessionId);
    expect(second.header.sessionId).toBe(6);
    peer.send({ type: 'CDN', avps: { assignedSessionId: 6, resultCode: { result: 1 } } });
    expect([...node.engine.acceptedSessions()].map(({ localId }) => localId)).toEqual([sessionId]);
  });
});

/** What the plane is told of sequence numbers from now on. */
function sequencingOf({ node }: Scene): unknown[] {
  const told: unknown[] = [];
  const run = node.run.bind(node);
  node.run = (effects) => {
    for (const effect of effects) {
      if (effect.effect !== 'plane') continue;
      const { op } = effect;
      if (op.op === 'sessionUp') told.push({ send: op.sequencing, follow: op.followSequencing });
      if (op.op === 'sessionModify') told.push({ send: op.sequencing });
    }
    run(effects);
  };
  return told;
}

describe('sequence numbers in data (RFC 2661 5.4)', () => {
  it.each([
    [{}, { send: 'none', follow: true }],
    [{ useSequenceNumbers: true }, { send: 'all', follow: true }],
    [{ sequencingRequired: true }, { send: 'all', follow: false }],
  ])('of a call that we open with %j', (changes, expected) => {
    const parameters = { ...sessionParameters, ...changes };
    const scene = lacWaitReply(sessionSpec('call', { parameters }));
    const told = sequencingOf(scene);
    scene.peer.send(sample(scene.peer).ICRP, { sessionId: scene.sessionId });
    expect(told).toEqual([expected]);
  });

  it('are on in a call whose peer requires them, and never follow it', () => {
    const scene = asLns();
    const told = sequencingOf(scene);
    const [icrp] = scene.peer.send(sample(scene.peer).ICRQ);
    const avps = { txConnectSpeedBps: 1_000, framingType: ['sync'] as const, sequencingRequired: true as const };
    scene.peer.send({ type: 'ICCN', avps }, { sessionId: assignedId(icrp) });
    expect(told).toEqual([{ send: 'none', follow: false }, { send: 'all' }]);
  });

  it('stay as the LNS has set them when something else of a call is edited', () => {
    const scene = lacEstablished();
    const { node, world } = scene;
    const told = sequencingOf(scene);
    node.run(node.engine.modifySession({ ...spec, ppp: { ...spec.ppp, mtu: 1_400 } }, world.now));
    expect(told).toEqual([]);
    const modify = (changes: Partial<typeof sessionParameters>): void => {
      const parameters = { ...sessionParameters, ...changes };
      node.run(node.engine.modifySession({ ...spec, parameters }, world.now));
    };
    modify({ reorderTimeoutMs: 20 });
    modify({ reorderTimeoutMs: 20, useSequenceNumbers: true });
    modify({ reorderTimeoutMs: 0, useSequenceNumbers: true });
    expect(told).toEqual([{ send: undefined }, { send: 'all' }, { send: undefined }]);
  });
});

/** A body with just a Message Type AVP, so that what the message requires is missing. */
function bare(code: number): Uint8Array {
  return Uint8Array.of(0x80, 8, 0, 0, 0, 0, code >> 8, code & 0xff);
}

describe('a malformed call message', () => {
  it.each([lacWaitReply, lacEstablished, lnsWaitConnect, lnsEstablished])('ends its call and no other', (begin) => {
    const { node, peer, sessionId, world } = begin();
    peer.ack();
    const [cdn, ...more] = peer.sendBody(bare(11), { sessionId });
    expect(more).toEqual([]);
    expect(cdn).toMatchObject({ type: 'CDN', avps: { assignedSessionId: sessionId } });
    expect(cdn.avps.resultCode).toMatchObject({ result: 2, error: 3 });
    expect(stateOf(node)).toBe('idle');
    expect(node.engine.sizes().tunnels).toBe(1);
    world.runFor(20);
    expect(cdn.header.nr).toBe(peer.ns);
  });

  it('that asks for a call is refused, so that its sender need not wait', () => {
    const { node, peer } = asLns();
    const whole = encode(sample(peer).ICRQ);
    const unknownMandatory = Uint8Array.of(...whole, 0x80, 6, 0, 9, 0, 1);
    const [cdn] = peer.sendBody(unknownMandatory);
    expect(cdn).toMatchObject({ type: 'CDN', header: { sessionId: peerSessionId } });
    expect(cdn.avps.resultCode).toMatchObject({ result: 2, error: 8 });
    expect(stateOf(node)).toBe('idle');
  });

  it('is refused also when the defect comes before its id', () => {
    const { node, peer } = asLns();
    const whole = encode(sample(peer).ICRQ);
    const [cdn] = peer.sendBody(Uint8Array.of(...whole.subarray(0, 8), 0x80, 6, 0, 9, 0, 1, ...whole.subarray(8)));
    expect(cdn).toMatchObject({ type: 'CDN', header: { sessionId: peerSessionId } });
    expect(cdn.avps.resultCode).toMatchObject({ result: 2, error: 8 });
    expect(stateOf(node)).toBe('idle');
  });

  it('is refused also when it breaks off behind its id', () => {
    const { node, peer } = asLns();
    const [cdn] = peer.sendBody(Uint8Array.of(...encode(sample(peer).ICRQ), 0x80, 9, 0));
    expect(cdn).toMatchObject({ type: 'CDN', header: { sessionId: peerSessionId } });
    expect(cdn.avps.resultCode).toMatchObject({ result: 2, error: 2 });
    expect(stateOf(node)).toBe('idle');
  });

  it('for no session, from nobody, gets only its acknowledgement', () => {
    const { node, peer, world } = asLns();
    expect(peer.sendBody(bare(10))).toEqual([]);
    expect(peer.sendBody(bare(11), { sessionId: 1_234 })).toEqual([]);
    world.runFor(20);
    expect(peer.log.at(-1)).toMatchObject({ type: 'ZLB', header: { nr: peer.ns } });
    expect(node.notices.filter(({ event }) => event === 'protocol').length).toBe(2);
  });
});

describe('any calls whatever', () => {
  const messages = fc.array(
    fc.record({
      type: fc.constantFrom(...callMessages),
      /** Index into the ids that the engine has told so far; 0 is session id 0. */
      session: fc.nat(6),
      assignedSessionId: fc.integer({ min: 1, max: 4 }),
      afterMs: fc.constantFrom(0, 0, 5, 3_000, 50_000),
    }),
    { maxLength: 60, size: 'max' },
  );

  it.each([
    ['LAC', asLac],
    ['LNS', asLns],
  ] as const)('leave nothing behind, as %s', (_role, begin) => {
    fc.assert(
      fc.property(messages, (steps) => {
        const { node, peer, world } = begin();
        const ids = [0];
        let opened = 0;
        for (const { type, session, assignedSessionId, afterMs } of steps) {
          if (begin === asLac) node.run(node.engine.openSession(sessionSpec(`call-${opened++ % 5}`), world.now));
          const message = sample(peer)[type];
          if ('assignedSessionId' in message.avps) message.avps.assignedSessionId = assignedSessionId;
          peer.send(message, { sessionId: ids[session] ?? session });
          peer.ack();
          peer.liveFor(afterMs);
          ids.splice(1, ids.length, ...peer.log.flatMap(({ avps }) => avps.assignedSessionId ?? []).slice(-6));
          const { sessions, tunnels } = node.engine.sizes();
          expect(tunnels).toBe(1);
          expect(node.planeSessions.size).toBeLessThanOrEqual(sessions);
        }
        peer.stopCcn();
        expect(node.engine.sizes().sessions).toBe(0);
        expect(node.planeSessions.size + node.planeTunnels.size + node.leases.size).toBe(0);
        world.runFor(40_000);
        expect(node.engine.sizes()).toEqual(nothing);
        expect(node.openSockets).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
