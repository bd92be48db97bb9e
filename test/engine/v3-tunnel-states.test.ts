/** The states of a control connection of L2TPv3 (RFC 3931 7.2), in every manner that it may be spoken. */
import { describe, expect, it } from 'vitest';
import type { TunnelState } from '../../src/engine/tunnel-states.ts';
import type { MessageType } from '../../src/engine/wire/message.ts';
import { messageScope } from '../../src/engine/wire/message-table.ts';
import { type Got, type Manner, sample, tunnelStates, types } from './scripted-peer.ts';
import {
  dialledSpec,
  establishedByPeer,
  establishedByUs,
  idle,
  manners,
  messageTypesV3,
  type SceneV3,
  waitConnect,
  waitReply,
} from './v3-scenes.ts';
import { sessionSpec } from './world.ts';

function closing(manner: Manner): SceneV3 {
  const scene = establishedByUs(manner);
  scene.node.run(scene.node.engine.closeTunnel('to-peer', scene.world.now));
  return scene;
}

function closed(manner: Manner): SceneV3 {
  const scene = establishedByPeer(manner);
  scene.peer.stopCcn();
  return scene;
}

type Input = 'open' | 'call' | 'close' | MessageType;
/** What is sent, and the state afterwards: `idle` is no tunnel at all. */
type Outcome = [sends: string[], becomes: TunnelState];

function act({ world, node, peer }: SceneV3, input: Input): Got[] {
  peer.unread();
  switch (input) {
    case 'open':
      node.dial(dialledSpec(peer.manner));
      return peer.unread();
    case 'call':
      node.run(node.engine.openSession(sessionSpec('call'), world.now));
      return peer.unread();
    case 'close':
      node.run(node.engine.shutdown(world.now));
      return peer.unread();
    default:
      return peer.send(
        sample(peer)[input],
        isRefusal(peer, input) ? { nonces: { local: none, remote: peer.remoteNonce } } : {},
      );
  }
}

const none = new Uint8Array(0);

/** Before its SCCRP a peer has told no nonce: all that it can say and sign is that it refuses. */
function isRefusal({ ns }: SceneV3['peer'], input: Input): boolean {
  return input === 'StopCCN' && ns === 0;
}

const stops: Outcome = [['StopCCN'], 'closing'];

function all(outcome: Outcome): Record<Input, Outcome> {
  const inputs = ['open', 'call', 'close', ...messageTypesV3] as const;
  return Object.fromEntries(inputs.map((input) => [input, outcome])) as { [key in Input]: Outcome };
}

function calls(outcome: Outcome): Partial<Record<Input, Outcome>> {
  const types = messageTypesV3.filter((type) => messageScope(type) === 'session');
  return Object.fromEntries(types.map((type) => [type, outcome]));
}

/**
 * RFC 3931 7.2, read afresh. Where it says "clean up" and "idle" after a StopCCN, the reliable delivery still has to be
 * operated (4.2, 7.1): that is `closing` for who sent it, `closed` for who got it. A control message in the wrong state
 * is invalid, and clears the control connection (7.1). HELLO and ACK mean nothing to the states (6.5, 6.15).
 *
 * We differ in one row: an SCCRP or SCCCN to no control connection gets no StopCCN, since who answers whatever comes
 * lends itself to floods against forged sources.
 */
const states: Record<string, { begin: (manner: Manner) => SceneV3; is: TunnelState; rows: Record<Input, Outcome> }> = {
  idle: {
    begin: idle,
    is: 'idle',
    rows: { ...all([[], 'idle']), open: [['SCCRQ'], 'waitReply'], SCCRQ: [['SCCRP'], 'waitConnect'] },
  },
  'wait-ctl-reply': {
    begin: waitReply,
    is: 'waitReply',
    rows: {
      ...all([[], 'waitReply']),
      ...calls(stops),
      close: stops,
      SCCRP: [['SCCCN'], 'established'],
      SCCCN: stops,
      SCCRQ: stops,
      StopCCN: [[], 'closed'],
    },
  },
  'wait-ctl-conn': {
    begin: waitConnect,
    is: 'waitConnect',
    rows: {
      ...all([[], 'waitConnect']),
      ...calls(stops),
      close: stops,
      // One of our own to the same peer does not concern the one that it asks for.
      open: [['SCCRQ'], 'waitConnect'],
      SCCCN: [[], 'established'],
      SCCRP: stops,
      SCCRQ: stops,
      StopCCN: [[], 'closed'],
    },
  },
  'established, by us': {
    begin: establishedByUs,
    is: 'established',
    rows: {
      ...all([[], 'established']),
      call: [['ICRQ'], 'established'],
      close: stops,
      SCCRQ: stops,
      SCCRP: stops,
      SCCCN: stops,
      StopCCN: [[], 'closed'],
      // Nobody said that this peer may call us.
      ICRQ: [['CDN'], 'established'],
      OCRQ: [['CDN'], 'established'],
      // 7.3.2 and 7.4.2, idle.
      ICRP: [['CDN'], 'established'],
      OCRP: [['CDN'], 'established'],
    },
  },
  'established, by the peer': {
    begin: establishedByPeer,
    is: 'established',
    rows: {
      ...all([[], 'established']),
      open: [['SCCRQ'], 'established'],
      close: stops,
      SCCRQ: stops,
      SCCRP: stops,
      SCCCN: stops,
      StopCCN: [[], 'closed'],
      ICRQ: [['ICRP'], 'established'],
      OCRQ: [['CDN'], 'established'],
      ICRP: [['CDN'], 'established'],
      OCRP: [['CDN'], 'established'],
    },
  },
  closing: {
    begin: closing,
    is: 'closing',
    rows: { ...all([[], 'closing']), open: [['SCCRQ'], 'closing'], StopCCN: [[], 'closed'] },
  },
  closed: { begin: closed, is: 'closed', rows: { ...all([[], 'closed']), open: [['SCCRQ'], 'closed'] } },
};

/**
 * As long as the peer has told no nonce, nothing of it can be checked but its SCCRP, which tells it, and what needs none:
 * a refusal, and an SCCRQ (RFC 3931 4.3, 5.4.1). All else is dropped, also what acknowledges our SCCRQ.
 */
function isUnchecked(manner: Manner, is: TunnelState, input: Input): boolean {
  const isMessage = messageTypesV3.some((type) => type === input);
  const needsNone = input === 'SCCRP' || input === 'StopCCN' || input === 'SCCRQ';
  return is === 'waitReply' && manner.digests?.nonce !== undefined && isMessage && !needsNone;
}

describe.each(Object.entries(manners))('%s (RFC 3931 7.2)', (_how, manner) => {
  describe.each(Object.entries(states))('a control connection in %s', (_name, { begin, is, rows }) => {
    it.each(Object.entries(rows) as [Input, Outcome][])('%s: sends %j', (input, outcome) => {
      const [sends, becomes] = isUnchecked(manner, is, input) ? [[], is] : outcome;
      const scene = begin(manner);
      // Nothing else is sent before our SCCRQ is acknowledged (Appendix A).
      const waits = is === 'waitReply' && input === 'close';
      if (waits) scene.peer.ack();
      expect(tunnelStates(scene.node)[0] ?? 'idle').toBe(is);
      const sent = act(scene, input);
      expect(types(sent)).toEqual(waits && isUnchecked(manner, is, 'ACK') ? [] : sends);
      expect(tunnelStates(scene.node)[0] ?? 'idle').toBe(becomes);
      if (is === 'idle' && becomes === 'idle') expect(scene.node.engine.sizes().deadlines).toBe(0);
      for (const { digest } of sent) expect(digest).not.toBe('invalid');
      if (manner.digests) for (const { digest } of sent) expect(digest).toBe('valid');
    });

    it.each(messageTypesV3)('%s is acknowledged, but for an ACK', (type) => {
      const scene = begin(manner);
      const { node, peer, world } = scene;
      if (is !== 'idle' && !isUnchecked(manner, is, 'ACK')) peer.ack();
      world.runFor(20);
      const before = peer.log.length;
      act(scene, type);
      world.runFor(20);
      if (type === 'ACK' || tunnelStates(node)[0] === undefined) {
        expect(peer.log.length).toBe(before);
        return;
      }
      const { header, digest } = peer.log[peer.log.length - 1];
      // In wait-ctl-reply only these tell who is there.
      if (isUnchecked(manner, is, type)) {
        expect(peer.log.length).toBe(before);
        return;
      }
      const unknown = is === 'waitReply' && type !== 'SCCRP' && type !== 'StopCCN';
      expect(header).toMatchObject({ version: 3, nr: peer.ns, tunnelId: unknown ? 0 : peer.tunnelId });
      if (manner.digests && !(is === 'waitReply' && type === 'StopCCN')) expect(digest).toBe('valid');
    });
  });
});
