/** The states of the calls of L2TPv3 (RFC 3931 7.3, 7.4). */
import { describe, expect, it } from 'vitest';
import { PlaneError } from '../../src/engine/errors.ts';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import type { SessionMessageType, SessionState } from '../../src/engine/session-states.ts';
import { theSession } from './scenes.ts';
import { type Got, type Manner, sample, types } from './scripted-peer.ts';
import {
  establishedByPeer,
  establishedByUs,
  localIdIn,
  manners,
  messageTypesV3,
  open,
  type SceneV3,
} from './v3-scenes.ts';
import { pppSpec, sessionParameters, sessionSpec } from './world.ts';

interface Scene extends SceneV3 {
  /** Ours. */
  sessionId: number;
}

const noSession = 0x1_0009;

function asSender(manner: Manner): Scene {
  return { ...establishedByUs(manner), sessionId: noSession };
}

function asRecipient(manner: Manner): Scene {
  return { ...establishedByPeer(manner), sessionId: noSession };
}

function request(manner: Manner, spec: Parameters<typeof open>[1], type: 'ICRQ' | 'OCRQ'): Scene {
  const scene = establishedByUs(manner);
  return { ...scene, sessionId: localIdIn(open(scene, spec).find((got) => got.type === type)) };
}

function icrqSent(manner: Manner): Scene {
  return request(manner, sessionSpec('call'), 'ICRQ');
}

function reply(scene: Scene, type: SessionMessageType): Scene {
  scene.peer.send(sample(scene.peer)[type], { sessionId: scene.sessionId });
  return scene;
}

function icrqReceived(manner: Manner): Scene {
  const scene = establishedByPeer(manner);
  const [icrp] = scene.peer.send(sample(scene.peer).ICRQ);
  return { ...scene, sessionId: localIdIn(icrp) };
}

function ocrqSent(manner: Manner): Scene {
  const parameters = { ...sessionParameters, type: 'lnsOutgoing' as const };
  // RFC 3931 knows no Bearer Capabilities: that is L2TPv2's.
  return request(manner, sessionSpec('call', { parameters, ppp: pppSpec('server') }), 'OCRQ');
}

function ocrqReceived(manner: Manner): Scene {
  const scene = establishedByUs(manner);
  const parameters = { ...sessionParameters, type: 'lacOutgoing' as const };
  open(scene, sessionSpec('call', { parameters }));
  const [ocrp] = scene.peer.send(sample(scene.peer).OCRQ);
  return { ...scene, sessionId: localIdIn(ocrp) };
}

type State = Exclude<SessionState, 'closed'>;

function stateOf({ node }: Scene): State {
  const state = theSession(node)?.state ?? 'idle';
  return state === 'closed' || state === 'waitCall' ? 'idle' : state;
}

const connectionMessages = ['SCCRQ', 'SCCRP', 'SCCCN', 'StopCCN', 'HELLO', 'ACK'];
const callMessages = messageTypesV3.filter((type): type is SessionMessageType => !connectionMessages.includes(type));

type Input = 'close' | SessionMessageType;
type Outcome = [sends: string[], becomes: State];

function act({ world, node, peer, sessionId }: Scene, input: Input): Got[] {
  peer.unread();
  if (input !== 'close') return peer.send(sample(peer)[input], { sessionId });
  const declared = [...node.engine.declaredSessions()].length > 0;
  if (declared) node.run(node.engine.closeSession('call', world.now));
  else {
    const fact = { fact: 'failed', error: new PlaneError('ENOMEM', 'session') } as const;
    node.run(node.engine.planeFact(sessionKeyV3(sessionId), fact, world.now));
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

/** WEN and SLI tell something, and are in no table. What a table does not name is improper, and ends the session (7.1). */
function inProgress(state: State): Record<Input, Outcome> {
  const told: Outcome = [[], state];
  return { ...all(hangsUp), CDN: ends, WEN: told, SLI: told, CSUN: told, CSURQ: told };
}

/**
 * RFC 3931 7.3 and 7.4, read afresh. `idle` is no session at all, before and after: what a table says of a CDN there, and
 * of an ICRP or OCRP, is said to who may be waiting. A request with a Remote Session ID is for a session, since that
 * of a new one is 0 (5.4.4): in no session it is nothing.
 */
const idleRows: Record<Input, Outcome> = { ...all(ends), ICRP: hangsUp, OCRP: hangsUp };

const states: Record<string, { begin: (manner: Manner) => Scene; is: State; rows: Record<Input, Outcome> }> = {
  'ICRQ sender, idle (7.3.1)': { begin: asSender, is: 'idle', rows: idleRows },
  'ICRQ sender, wait-reply (7.3.1)': {
    begin: icrqSent,
    is: 'waitReply',
    rows: { ...inProgress('waitReply'), ICRP: [['ICCN'], 'established'], ICCN: ends },
  },
  'ICRQ sender, established (7.3.1)': {
    begin: (manner) => reply(icrqSent(manner), 'ICRP'),
    is: 'established',
    rows: inProgress('established'),
  },
  'ICRQ recipient, idle (7.3.2)': { begin: asRecipient, is: 'idle', rows: idleRows },
  'ICRQ recipient, wait-connect (7.3.2)': {
    begin: icrqReceived,
    is: 'waitConnect',
    rows: { ...inProgress('waitConnect'), ICCN: [[], 'established'] },
  },
  'ICRQ recipient, established (7.3.2)': {
    begin: (manner) => reply(icrqReceived(manner), 'ICCN'),
    is: 'established',
    rows: inProgress('established'),
  },
  'OCRQ sender, wait-reply (7.4.1)': {
    begin: ocrqSent,
    is: 'waitReply',
    rows: { ...inProgress('waitReply'), OCRP: [[], 'waitConnect'] },
  },
  'OCRQ sender, wait-connect (7.4.1)': {
    begin: (manner) => reply(ocrqSent(manner), 'OCRP'),
    is: 'waitConnect',
    rows: { ...inProgress('waitConnect'), OCCN: [[], 'established'] },
  },
  'OCRQ sender, established (7.4.1)': {
    begin: (manner) => reply(reply(ocrqSent(manner), 'OCRP'), 'OCCN'),
    is: 'established',
    rows: inProgress('established'),
  },
  'OCRQ recipient, established (7.4.2)': {
    begin: ocrqReceived,
    is: 'established',
    rows: inProgress('established'),
  },
  'after the end': {
    begin: (manner) => reply(reply(icrqReceived(manner), 'ICCN'), 'CDN'),
    is: 'idle',
    rows: idleRows,
  },
};

describe.each(Object.entries(manners))('%s', (_how, manner) => {
  describe.each(Object.entries(states))('%s', (_name, { begin, is, rows }) => {
    it.each(Object.entries(rows) as [Input, Outcome][])('%s: sends %j', (input, [sends, becomes]) => {
      const scene = begin(manner);
      const { node, peer, sessionId } = scene;
      expect(stateOf(scene)).toBe(is);
      const { remoteId = 0 } = theSession(node) ?? {};
      const sent = act(scene, input);
      expect(types(sent)).toEqual(sends);
      expect(stateOf(scene)).toBe(becomes);
      const live = becomes === 'idle' ? 0 : 1;
      expect(node.engine.sizes()).toMatchObject({ tunnels: 1, sessions: live });
      expect(node.planeSessions.size).toBe(becomes === 'established' || becomes === 'waitConnect' ? 1 : 0);
      for (const { type, avps, digest } of sent) {
        if (manner.digests) expect(digest).toBe('valid');
        // Both ids are in every message of a call; the peer's is 0 before it has told it (5.4.4).
        expect(avps.assignedSessionId).toBeGreaterThan(0xffff);
        if (is !== 'idle') expect(avps.assignedSessionId).toBe(sessionId);
        if (type === 'CDN') expect(avps.remoteSessionId).toBe(is === 'idle' ? peer.callId : remoteId);
        if (type === 'ICCN') expect(avps.remoteSessionId).toBe(peer.callId);
      }
    });
  });
});
