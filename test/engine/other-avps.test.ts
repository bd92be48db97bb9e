import { expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { pseudowires } from '../../src/engine/spec.ts';
import type { OutgoingAvp } from '../../src/engine/wire/message.ts';
import { theSession } from './scenes.ts';
import { bench, sample, types } from './scripted-peer.ts';
import { gatewaySpec } from './world.ts';

const circuit: OutgoingAvp = { vendor: 32473, type: 1, value: Uint8Array.of(1, 2, 3) };

/** A call of a peer's whose ICRQ has these AVPs besides. */
function called(others: OutgoingAvp[], knows?: (vendor: number, type: number) => boolean) {
  const scene = bench(gatewaySpec());
  const { node, peer, world } = scene;
  const { random } = world;
  node.engine = new Engine({ random, epochMs: 0, counters: () => undefined, knows, pseudowires }, node.gateway);
  peer.connect();
  const got = peer.send({ ...sample(peer).ICRQ, others });
  return { ...scene, got };
}

it('keeps the AVPs of a call that the table does not know, of its ICRQ and its ICCN', () => {
  const { node, peer, got } = called([circuit]);
  const later = { ...circuit, type: 2 };
  peer.send({ ...sample(peer).ICCN, others: [later] }, { sessionId: got[0].avps.assignedSessionId });
  expect(theSession(node)?.others).toEqual([circuit, later]);
});

it('keeps so many of them, and so many octets', () => {
  const many = Array.from({ length: 30 }, (_, type) => ({ vendor: 32473, type, value: new Uint8Array(1) }));
  expect(theSession(called(many).node)?.others).toHaveLength(16);
  const large = Array.from({ length: 4 }, (_, type) => ({ vendor: 32473, type, value: new Uint8Array(400) }));
  expect(theSession(called(large).node)?.others).toHaveLength(2);
});

it('takes a mandatory one only if somebody knows it', () => {
  const mandatory = { ...circuit, mandatory: true };
  expect(types(called([mandatory]).got)).toEqual(['CDN']);
  const { node, got } = called([mandatory], (vendor, type) => vendor === 32473 && type === 1);
  expect(types(got)).toEqual(['ICRP']);
  expect(theSession(node)?.others).toEqual([circuit]);
});
