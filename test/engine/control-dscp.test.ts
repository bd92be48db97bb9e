/** The DSCP of control messages (RFC 3308 3). */
import { expect, it } from 'vitest';
import { bench } from './scripted-peer.ts';
import { gatewaySpec, type Node, peerSpec, tunnelParameters, tunnelSpec } from './world.ts';

function dscpsOf(node: Node): number[] {
  const sent: number[] = [];
  const run = node.run.bind(node);
  node.run = (effects) => {
    for (const effect of effects) if (effect.effect === 'send') sent.push(effect.dscp);
    run(effects);
  };
  return sent;
}

const parameters = tunnelParameters({ controlDscp: 48 });

it.each([
  ['the same', { dscp: 48 }, 48],
  ['another', { dscp: 10 }, 10],
  ['none', undefined, 48],
])('is told in the SCCRQ; the peer answers with %s', (_what, controlConnectionDs, then) => {
  const { node, peer } = bench(gatewaySpec());
  const sent = dscpsOf(node);
  node.dial(tunnelSpec('10.0.0.9', { parameters }));
  expect(peer.log[0].avps.controlConnectionDs).toEqual({ dscp: 48 });
  peer.accept({ controlConnectionDs });
  expect([sent[0], sent.at(-1)]).toEqual([48, then]);
});

it('is answered when the peer asks, and only then', () => {
  const scene = () => bench(gatewaySpec({ peers: [peerSpec({ tunnel: parameters })] }));
  const asked = scene();
  expect(asked.peer.sccrq({ controlConnectionDs: { dscp: 10 } })[0].avps.controlConnectionDs).toEqual({ dscp: 48 });
  const sent = scene();
  const dscps = dscpsOf(sent.node);
  expect(sent.peer.sccrq()[0].avps.controlConnectionDs).toBeUndefined();
  expect(dscps).toEqual([48]);
});

it('is nothing without one of ours', () => {
  const { node, peer } = bench(gatewaySpec());
  const sent = dscpsOf(node);
  expect(peer.sccrq({ controlConnectionDs: { dscp: 10 } })[0].avps.controlConnectionDs).toBeUndefined();
  expect(sent).toEqual([0]);
});
