/** What hostile peers, outsiders and unlucky moments do to tunnels of L2TPv3. */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { declaredSession, declaredTunnel, dialV3, pair, wire as wireOf } from './l2tpv3-pair.ts';
import { ScriptedPeer, sample, tunnelStates } from './scripted-peer.ts';
import {
  authenticUdp,
  bringsEthernet,
  dialledSpec,
  establishedByPeer,
  icrq,
  idle,
  ours,
  plainUdp,
  secret,
} from './v3-scenes.ts';
import { noFaults } from './world.ts';

const second = new Secret('second');

describe('a secret that changes while messages wait for their acknowledgement', () => {
  it('with two digests, of which one is no more', () => {
    const scene = pair({ secret, secondSecret: second });
    const { left, world } = scene;
    dialV3(scene, { secret, secondSecret: second });
    world.faults = { ...noFaults, loss: 1 };
    left.run(left.engine.openSession(wireOf('pw'), world.now));
    world.runFor(100);
    const spec = declaredTunnel(left)?.spec;
    if (!spec) throw new Error('no tunnel');
    left.engine.modifyTunnel({ ...spec, parameters: { ...spec.parameters, secret: second, secondSecret: undefined } });
    world.faults = noFaults;
    world.runFor(5_000);
    expect(declaredSession(left, 'pw')?.state).toBe('established');
  });

  it('and a message that came early is hidden with the other one', () => {
    const parameters = ours(authenticUdp, { secondSecret: second });
    const { node, peer } = establishedByPeer(authenticUdp, { ...bringsEthernet, tunnel: parameters });
    const hide = { secret: second, randomVector: new Uint8Array(16) };
    const body = peer.dialect.encodeMessage(icrq(peer), 0, { hide, digests: authenticUdp.digests });
    peer.sendBody(body, { ns: peer.ns + 1, secrets: [second] });
    peer.send(sample(peer).HELLO);
    expect([...node.engine.acceptedSessions()].map(({ call }) => call.remoteEndId)).toEqual(['peer 1']);
  });

  it('with hidden AVPs', () => {
    const scene = pair({ secret, secondSecret: second, hideAvps: true });
    const { left, world } = scene;
    dialV3(scene, { secret, secondSecret: second, hideAvps: true });
    world.faults = { ...noFaults, loss: 1 };
    left.run(left.engine.openSession(wireOf('pw'), world.now));
    world.runFor(100);
    const spec = declaredTunnel(left)?.spec;
    if (!spec) throw new Error('no tunnel');
    left.engine.modifyTunnel({ ...spec, parameters: { ...spec.parameters, secret: second, secondSecret: secret } });
    world.faults = noFaults;
    world.runFor(5_000);
    expect(declaredTunnel(left)?.state).toBe('established');
    expect(declaredSession(left, 'pw')?.state).toBe('established');
  });
});

it('a nonce without any digest proves nothing', () => {
  const manner = { ...plainUdp };
  const { node, peer } = idle(manner, {
    tunnel: ours(authenticUdp, { authMode: 'challenge' }),
    match: { addresses: ['10.0.0.9'] },
  });
  node.dial(dialledSpec(manner, { secret, digest: 'none' }));
  peer.sccrp({ messageNonce: new Uint8Array(16) });
  peer.ack();
  expect(declaredTunnel(node)?.authenticated).not.toBe(true);
});

describe('a tie', () => {
  it('is only with a request for a tunnel that could be the same one', () => {
    const { node, peer, world } = idle(authenticUdp, {
      tunnel: ours(authenticUdp, { version: 'auto', authMode: 'none' }),
    });
    node.dial(dialledSpec(authenticUdp, { useTieBreaker: true }));
    const v2 = new ScriptedPeer(world, node, { address: '10.0.0.9', port: 1702 });
    v2.sccrq({ tieBreaker: 0n });
    v2.sccn();
    expect(declaredTunnel(node)).toMatchObject({ state: 'waitReply', version: 3 });
    peer.accept();
    expect(declaredTunnel(node)).toMatchObject({ state: 'established', version: 3 });
  });
});

it('an empty message of L2TPv2 does not withdraw the offer of L2TPv3', () => {
  const { node, peer, world } = idle(authenticUdp, {});
  node.dial(dialledSpec(authenticUdp, { version: 'auto' }));
  const v2 = new ScriptedPeer(world, node);
  v2.remote = peer.remote;
  v2.ack({ tunnelId: declaredTunnel(node)?.localId, nr: 0 });
  peer.accept();
  expect(declaredTunnel(node)).toMatchObject({ state: 'established', version: 3 });
});

it('who withdraws a request that is answered in L2TPv3 says so in L2TPv3', () => {
  const { node, peer } = idle(authenticUdp, {});
  node.dial(dialledSpec(authenticUdp, { version: 'auto' }));
  node.run(node.engine.closeTunnel('to-peer', 0));
  peer.unread();
  peer.sccrp();
  peer.liveFor(10_000);
  const stops = peer.log.filter(({ type, header }) => type === 'StopCCN' && header.version === 3);
  expect(stops[0]?.header.tunnelId).toBe(peer.tunnelId);
  expect(stops[0]?.digest).toBe('valid');
  expect(tunnelStates(node)).toEqual(['closing']);
});
