/** What the Gateway's limits do to those who ask for tunnels. */
import { describe, expect, it } from 'vitest';
import { RequestRate } from '../../src/engine/request-rate.ts';
import { resultOf, weDialled } from './scenes.ts';
import { bench, ScriptedPeer, sample, types } from './scripted-peer.ts';
import { gatewaySpec } from './world.ts';

describe('requestRateLimit', () => {
  const limited = gatewaySpec({ requestRateLimit: { perPeer: 2, total: 5 } });

  it('drops what is too much of one peer without an answer, and counts it; later it is let in', () => {
    const { world, node, peer } = bench(limited);
    for (const id of [1, 2, 3, 4]) {
      peer.restart(id);
      expect(types(peer.sccrq())).toEqual(id <= 2 ? ['SCCRP'] : []);
    }
    expect(node.engine.drops).toEqual({ requestRateLimit: 2 });
    expect(node.engine.sizes()).toMatchObject({ tunnels: 2 });
    // The retransmission of a request that was dropped.
    world.runFor(1_000);
    peer.unread();
    expect(types(peer.sccrq({}, { tunnelId: 0, ns: 0 }))).toEqual(['SCCRP']);
  });

  it('holds for all peers together', () => {
    const { world, node } = bench(limited);
    const answers = Array.from({ length: 9 }, (_, host) => {
      const peer = new ScriptedPeer(world, node, { address: `10.0.0.${100 + host}`, port: 1701 });
      return peer.sccrq().length;
    });
    expect(answers).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0]);
  });

  it('does not count the same request twice, nor what established tunnels say', () => {
    const { node, peer } = bench(gatewaySpec({ requestRateLimit: { perPeer: 1, total: 1 } }));
    peer.sccrq();
    for (let again = 0; again < 5; again++) peer.sccrq({}, { tunnelId: 0, ns: 0 });
    peer.sccn();
    expect(types(peer.send(sample(peer).ICRQ))).toEqual(['ICRP']);
    expect(node.engine.drops).toEqual({});
  });

  it('limits refusals as well', () => {
    const { peer } = bench({ ...limited, peers: [] });
    const answers = [1, 2, 3].map((id) => {
      peer.restart(id);
      return types(peer.sccrq());
    });
    expect(answers).toEqual([['StopCCN'], ['StopCCN'], []]);
  });

  it('takes an IPv6 /64 for one peer, and IPv4 inside IPv6 for IPv4', () => {
    const rate = new RequestRate();
    const one = { perPeer: 1, total: 0 };
    expect(rate.admits('2001:db8:0:1::1', one, 0)).toBe(true);
    expect(rate.admits('2001:db8:0:1:ffff::2', one, 0)).toBe(false);
    expect(rate.admits('2001:db8:0:2::1', one, 0)).toBe(true);
    expect(rate.admits('10.0.0.1', one, 0)).toBe(true);
    expect(rate.admits('::ffff:10.0.0.1', one, 0)).toBe(false);
  });

  it('gives the whole rate back over a second, and never more', () => {
    const rate = new RequestRate();
    const four = { perPeer: 4, total: 0 };
    const burst = (now: number) => Array.from({ length: 6 }, () => rate.admits('10.0.0.1', four, now)).filter(Boolean);
    expect(burst(0).length).toBe(4);
    expect(burst(250).length).toBe(1);
    expect(burst(100_000).length).toBe(4);
  });

  it('a peer that is refused takes nothing from the others', () => {
    const rate = new RequestRate();
    const limits = { perPeer: 1, total: 3 };
    for (let request = 0; request < 10; request++) rate.admits('10.0.0.1', limits, 0);
    expect(rate.admits('10.0.0.2', limits, 0)).toBe(true);
  });

  it('remembers no more than 10,000 peers, and none without a limit', () => {
    const rate = new RequestRate();
    for (let host = 0; host < 25_000; host++)
      rate.admits(`10.1.${host >> 8}.${host & 255}`, { perPeer: 1, total: 0 }, 0);
    expect(rate.size).toBe(10_000);
    expect(rate.admits('10.2.0.1', { perPeer: 0, total: 0 }, 0)).toBe(true);
    expect(rate.size).toBe(0);
  });
});

describe('drain', () => {
  it('sends new peers elsewhere; tunnels that are up stay, dialled ones too', () => {
    const { node, peer, world } = weDialled();
    const other = new ScriptedPeer(world, node, { address: '10.0.0.8', port: 1701 });
    other.connect();
    node.run(node.engine.configure(gatewaySpec({ drain: true }), world.now));
    const third = new ScriptedPeer(world, node, { address: '10.0.0.7', port: 1701 });
    expect(resultOf(third.sccrq())).toEqual([2, 7]);
    world.runFor(20);
    peer.unread();
    other.unread();
    world.runFor(1_000);
    expect([...peer.unread(), ...other.unread()]).toEqual([]);
    expect(node.engine.sizes()).toMatchObject({ tunnels: 2, sessions: 1 });
  });
});
