import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret, type TunnelParameters } from '../../src/engine/spec.ts';
import { guarded, nothing, resultOf, secret } from './scenes.ts';
import { bench, ScriptedPeer, tunnelStates, types } from './scripted-peer.ts';
import { gatewaySpec, peerSpec, tunnelParameters, tunnelSpec } from './world.ts';

/** RFC 2661 4.4.3: MD5 over the code of the message that answers, the secret and the challenge. */
function answerTo(challenge: Uint8Array | undefined, code: number, text = 'tunnel secret'): Uint8Array {
  expect(challenge?.length).toBe(16);
  const digest = createHash('md5').update(Uint8Array.of(code)).update(text);
  return new Uint8Array(digest.update(challenge ?? '').digest());
}

const theirChallenge = Uint8Array.of(1, 2, 3);

describe('authentication of a tunnel that is accepted (RFC 2661 5.1.1)', () => {
  it('lets in a peer that knows the secret', () => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }));
    const [sccrp] = peer.sccrq({ challenge: theirChallenge });
    peer.sccn({ challengeResponse: answerTo(sccrp.avps.challenge, 3) });
    expect([...node.engine.acceptedTunnels()]).toMatchObject([{ state: 'established', authenticated: true }]);
  });

  it.each([
    ['another secret', (challenge?: Uint8Array) => answerTo(challenge, 3, 'guess')],
    ['the code of another message', (challenge?: Uint8Array) => answerTo(challenge, 2)],
    ['nothing', () => undefined],
  ])('turns away a peer that answers with %s', (_what, answer) => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }));
    const [sccrp] = peer.sccrq({ challenge: theirChallenge });
    expect(resultOf(peer.sccn({ challengeResponse: answer(sccrp.avps.challenge) }))).toEqual([4, 0]);
    expect(tunnelStates(node)).toEqual(['closing']);
    expect(node.planeTunnels.size).toBe(0);
    expect(node.notices).toMatchObject([{ subject: 'tunnel', event: 'authFailed' }]);
  });

  it('never asks the same twice', () => {
    const { peer } = bench(guarded({ authMode: 'challenge', secret }));
    const asked = new Set<string>();
    for (let id = 1; id <= 20; id++) {
      peer.restart(id);
      asked.add(String(peer.sccrq({ challenge: theirChallenge })[0].avps.challenge));
    }
    expect(asked.size).toBe(20);
  });

  it.each(['none', 'simple', 'challenge'] as const)('answers a challenge, in authMode %s', (authMode) => {
    const { peer } = bench(guarded({ authMode, secret }));
    const [sccrp] = peer.sccrq({ challenge: theirChallenge });
    const expected = createHash('md5').update(Uint8Array.of(2)).update('tunnel secret').update(theirChallenge).digest();
    expect(sccrp.avps.challengeResponse).toEqual(new Uint8Array(expected));
    expect(sccrp.avps.challenge !== undefined).toBe(authMode === 'challenge');
  });

  it.each(['none', 'simple', 'challenge'] as const)(
    'has nothing to answer with without a secret, in %s',
    (authMode) => {
      const { node, peer, world } = bench(guarded({ authMode }));
      expect(resultOf(peer.sccrq({ challenge: theirChallenge }))).toEqual([4, 0]);
      expect(tunnelStates(node)).toEqual(['closing']);
      peer.ack();
      world.runFor(31_000);
      expect(node.engine.sizes()).toEqual(nothing);
    },
  );

  it('lets nobody in when it should challenge and has no secret', () => {
    const { peer } = bench(guarded({ authMode: 'challenge' }));
    expect(resultOf(peer.sccrq())).toEqual([4, 0]);
  });

  it('is the match alone in authMode simple', () => {
    const { node, peer } = bench(guarded({ authMode: 'simple', secret }));
    peer.connect();
    expect([...node.engine.acceptedTunnels()]).toMatchObject([{ state: 'established', authenticated: false }]);
  });

  it.each(['simple', 'challenge'] as const)('takes no profile that names nobody, in authMode %s', (authMode) => {
    const { node, peer } = bench(guarded({ authMode, secret }, { match: { addresses: [] } }));
    expect(resultOf(peer.sccrq({ challenge: theirChallenge }))).toEqual([4, 0]);
    expect(node.engine.sizes().tunnels).toBe(0);
  });

  it.each(['simple', 'challenge'] as const)('takes a profile that names whole networks, in authMode %s', (authMode) => {
    const { peer } = bench(guarded({ authMode, secret }, { match: { addresses: ['0.0.0.0/0', '::/0'] } }));
    expect(types(peer.sccrq({ challenge: theirChallenge }))).toEqual(['SCCRP']);
  });

  it('is mutual in authMode challenge: the peer must challenge too', () => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }));
    expect(resultOf(peer.sccrq())).toEqual([4, 0]);
    expect(tunnelStates(node)).toEqual(['closing']);
    expect(node.notices).toMatchObject([{ event: 'authFailed' }]);
  });

  it('has each peer answer with its own secret', () => {
    const named = (hostName: string, text: string) =>
      peerSpec({
        name: hostName,
        match: { hostName, addresses: [] },
        tunnel: tunnelParameters({ authMode: 'challenge', secret: new Secret(text) }),
      });
    const { world, node } = bench(gatewaySpec({ peers: [named('one', 'first'), named('two', 'second')] }));
    const dial = (hostName: string, port: number, text: string) => {
      const peer = new ScriptedPeer(world, node, { address: '10.0.0.9', port });
      const [sccrp] = peer.sccrq({ hostName, challenge: theirChallenge });
      return types(peer.sccn({ challengeResponse: answerTo(sccrp.avps.challenge, 3, text) }));
    };
    expect(dial('one', 1701, 'first')).toEqual([]);
    expect(dial('two', 40_001, 'second')).toEqual([]);
    expect(dial('two', 40_002, 'first')).toEqual(['StopCCN']);
    const profiles = [...node.engine.acceptedTunnels()].map(({ peerProfile }) => peerProfile);
    expect(profiles).toEqual(['one', 'two']);
  });

  it('keeps the secret to itself', () => {
    const { node, peer } = bench(guarded({ authMode: 'challenge', secret }));
    peer.sccrq({ challenge: theirChallenge });
    const shown = JSON.stringify([[...node.engine.acceptedTunnels()], peer.sccn(), node.notices], (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(shown).toContain('peer.example');
    expect(shown).not.toContain('tunnel secret');
  });
});

describe('authentication of a tunnel that is dialled', () => {
  function dial(parameters: Partial<TunnelParameters>) {
    const scene = bench(gatewaySpec());
    scene.node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters(parameters) }));
    return { ...scene, challenge: scene.peer.log[0].avps.challenge };
  }

  it('trusts a peer that knows the secret, and shows that it knows it too', () => {
    const { node, peer, challenge } = dial({ authMode: 'challenge', secret });
    const theirs = new Uint8Array(16).fill(9);
    const [scccn] = peer.sccrp({ challenge: theirs, challengeResponse: answerTo(challenge, 2) });
    expect(scccn).toMatchObject({ type: 'SCCCN', avps: { challengeResponse: answerTo(theirs, 3) } });
    expect([...node.engine.declaredTunnels()]).toMatchObject([{ state: 'established', authenticated: true }]);
  });

  it.each([
    ['another secret', (challenge?: Uint8Array) => answerTo(challenge, 2, 'guess')],
    ['the code of another message', (challenge?: Uint8Array) => answerTo(challenge, 3)],
    ['nothing', () => undefined],
  ])('turns away from a peer that answers with %s', (_what, answer) => {
    const { node, peer, challenge } = dial({ authMode: 'challenge', secret });
    expect(resultOf(peer.sccrp({ challengeResponse: answer(challenge) }))).toEqual([4, 0]);
    expect(node.planeTunnels.size).toBe(0);
    expect([...node.engine.declaredTunnels()]).toMatchObject([{ state: 'closed', failure: { result: 4 } }]);
  });

  it('need not be challenged by the peer: its answer shows who it is', () => {
    const { node, peer, challenge } = dial({ authMode: 'challenge', secret });
    expect(types(peer.sccrp({ challengeResponse: answerTo(challenge, 2) }))).toEqual(['SCCCN']);
    expect([...node.engine.declaredTunnels()]).toMatchObject([{ state: 'established', authenticated: true }]);
  });

  it('ends when the peer asks for a secret that we do not have', () => {
    const { peer } = dial({});
    expect(resultOf(peer.sccrp({ challenge: theirChallenge }))).toEqual([4, 0]);
  });

  it('asks nothing in authMode none', () => {
    const { challenge, node, peer } = dial({ secret });
    expect(challenge).toBe(undefined);
    peer.accept();
    expect([...node.engine.declaredTunnels()]).toMatchObject([{ state: 'established', authenticated: false }]);
  });
});

it('tells a peer with another secret in the clear why it is refused', () => {
  const { peer } = bench(guarded({ authMode: 'challenge', secret, hideAvps: true }));
  // The peer of this test has no secret to read hidden AVPs with.
  expect(resultOf(peer.sccrq())).toEqual([4, 0]);
});

describe('a PeerProfile with authMode challenge', () => {
  const demanding = guarded({ authMode: 'challenge', secret });
  const path = { authMode: 'challenge', secret } as const;

  function call({ peer }: ReturnType<typeof bench>): string[] {
    return types(peer.send({ type: 'ICRQ', avps: { assignedSessionId: 5, callSerialNumber: 1 } }));
  }

  it.each([
    ['not in a tunnel of ours that asked for no proof', {}, 'CDN'],
    ['in one in which it has proved who it is', path, 'ICRP'],
  ] as const)('lets its peer call us %s', (_which, parameters, answer) => {
    const scene = bench(demanding);
    scene.node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters(parameters) }));
    const [{ avps }] = scene.peer.log;
    scene.peer.sccrp({ challengeResponse: avps.challenge && answerTo(avps.challenge, 2) });
    expect(call(scene)).toEqual([answer]);
    // Nor when the profiles are read again.
    scene.node.run(scene.node.engine.configure(demanding, scene.world.now));
    const again = scene.peer.send({ type: 'ICRQ', avps: { assignedSessionId: 6, callSerialNumber: 2 } });
    expect(types(again)).toEqual([answer]);
  });

  it('lets it in after a tie in which it proved who it is, even if profiles were read meanwhile', () => {
    const scene = bench(demanding);
    const { node, peer, world } = scene;
    node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters(path) }));
    peer.restart();
    const [sccrp] = peer.sccrq({ tieBreaker: 0n, challenge: theirChallenge });
    node.run(node.engine.configure(demanding, world.now));
    peer.sccn({ challengeResponse: answerTo(sccrp.avps.challenge, 3) });
    expect(call(scene)).toEqual(['ICRP']);
  });

  it('is not got round by a tie with a tunnel of ours that asked for no proof', () => {
    const scene = bench(demanding);
    scene.node.dial(tunnelSpec('10.0.0.9', { parameters: tunnelParameters({ secret }) }));
    scene.peer.restart();
    expect(types(scene.peer.sccrq({ tieBreaker: 0n }))).toEqual(['SCCRP']);
    scene.peer.sccn();
    expect([...scene.node.engine.declaredTunnels()]).toMatchObject([{ state: 'established', authenticated: false }]);
    expect(call(scene)).toEqual(['CDN']);
  });
});
