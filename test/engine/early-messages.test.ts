/** Messages that overtake others: kept in an established tunnel, not for somebody who may be nobody. */
import { expect, it } from 'vitest';
import { peerDialled } from './scenes.ts';
import { bench, sample } from './scripted-peer.ts';
import { gatewaySpec } from './world.ts';

it('keeps what overtakes in an established tunnel', () => {
  const { node, peer } = peerDialled();
  const gap = peer.ns;
  peer.send({ type: 'ICRQ', avps: { assignedSessionId: 77, callSerialNumber: 1 } }, { ns: gap + 1 });
  expect(node.engine.sizes().sessions).toBe(1);
  peer.send({ type: 'HELLO', avps: {} }, { ns: gap });
  expect(node.engine.sizes().sessions).toBe(2);
});

it('keeps nothing before the tunnel is established: it has to come again', () => {
  const { node, peer } = bench(gatewaySpec());
  peer.sccrq();
  peer.send(sample(peer).ICRQ, { ns: 2 });
  peer.send({ type: 'SCCCN', avps: {} }, { ns: 1 });
  expect(node.engine.sizes()).toMatchObject({ tunnels: 1, sessions: 0 });
  peer.send(sample(peer).ICRQ, { ns: 2 });
  expect(node.engine.sizes().sessions).toBe(1);
});
