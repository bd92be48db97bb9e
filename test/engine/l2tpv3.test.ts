/** Two engines speak L2TPv3: control connection, authentication of messages, fallback, pseudowires (RFC 3931). */
import { describe, expect, it } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import { Secret, type TunnelParameters } from '../../src/engine/spec.ts';
import { leftovers, nothingLeft } from './aftermath.ts';
import {
  acceptedSession,
  acceptedTunnel,
  declaredSession,
  declaredTunnel,
  dialV3,
  open,
  pair,
  wire,
} from './l2tpv3-pair.ts';
import { noFaults, sessionParameters, sessionSpec, tunnelParameters, tunnelSpec } from './world.ts';

const secret = new Secret('tunnel secret');
const active = { active: true, isNew: true };

describe.each(['udp', 'ip'] as const)('over %s', (encapsulation) => {
  it('sets up a control connection and a pseudowire, and tears them down', () => {
    const scene = pair({});
    const { left, right, world } = scene;
    dialV3(scene, {}, { encapsulation });
    const [here, there] = [declaredTunnel(left), acceptedTunnel(right)];
    expect(here).toMatchObject({ state: 'established', version: 3, encapsulation, peerHostName: 'right.example' });
    expect(there).toMatchObject({ state: 'established', version: 3, encapsulation, peerHostName: 'left.example' });
    expect([here?.localId, here?.remoteId]).toEqual([there?.remoteId, there?.localId]);

    open(scene, wire('pw'));
    const [one, other] = [declaredSession(left, 'pw'), acceptedSession(right)];
    expect(one).toMatchObject({ state: 'established', pseudowire: 'ethernet', interface: 'tap0' });
    expect(other).toMatchObject({ state: 'established', pseudowire: 'ethernet', interface: 'tap0' });
    expect([one?.localId, one?.remoteId]).toEqual([other?.remoteId, other?.localId]);
    expect(one?.circuit).toEqual({ local: active, peer: active });
    const [mine, theirs] = [left, right].map((node) => [...node.planeSessions.values()][0]);
    expect(mine.format?.localCookie.length).toBe(8);
    expect(mine.format?.localCookie).toEqual(theirs.format?.remoteCookie);
    expect(mine.format?.remoteCookie).toEqual(theirs.format?.localCookie);

    left.run(left.engine.closeTunnel('to-peer', world.now));
    world.runFor(60_000);
    for (const node of [left, right]) expect(leftovers(node)).toEqual(nothingLeft);
  });
});

describe('which version a tunnel speaks', () => {
  const versions: [ours: TunnelParameters['version'], theirs: TunnelParameters['version'], 2 | 3 | undefined][] = [
    ['auto', 'auto', 3],
    ['auto', 'v3', 3],
    ['auto', 'v2', 2],
    ['v2', 'auto', 2],
    ['v3', 'auto', 3],
    ['v2', 'v2', 2],
    ['v3', 'v3', 3],
    ['v2', 'v3', undefined],
    ['v3', 'v2', undefined],
  ];
  it.each(versions)('%s calls %s: %s', (ours, theirs, version) => {
    for (const parameters of [{}, { secret }, { secret, authMode: 'challenge' as const, hideAvps: true }]) {
      const scene = pair({ ...parameters, version: theirs });
      dialV3(scene, { ...parameters, version: ours });
      const view = declaredTunnel(scene.left);
      if (version === undefined) {
        expect(view).toMatchObject({ state: 'closed', failure: { result: 5 } });
        continue;
      }
      expect(view).toMatchObject({ state: 'established', version });
      expect(acceptedTunnel(scene.right)).toMatchObject({ state: 'established', version });
      // The other id is free again.
      expect(scene.left.engine.sizes().tunnels).toBe(1);
    }
  });

  it.each(['v2', 'auto'] as const)('carries PPP to %s', (version) => {
    const scene = pair({ version }, 'ppp');
    dialV3(scene, { version: 'auto' });
    open(scene, sessionSpec('call'));
    scene.world.runFor(5_000);
    expect(declaredSession(scene.left, 'call')?.ppp.phase).toBe('network');
    expect(acceptedSession(scene.right)?.ppp.phase).toBe('network');
  });
});

describe('authentication of messages', () => {
  it('proves both ends to each other', () => {
    for (const digest of ['hmac-md5', 'hmac-sha1'] as const) {
      const scene = pair({ secret, digest });
      dialV3(scene, { secret, digest });
      expect(declaredTunnel(scene.left)).toMatchObject({ state: 'established', authenticated: true });
      expect(acceptedTunnel(scene.right)).toMatchObject({ state: 'established', authenticated: true });
    }
  });

  it('discards the request of who has another secret, without a word, and counts it', () => {
    const scene = pair({ secret });
    const { world, left, right } = scene;
    let answers = 0;
    world.onDatagram = (from) => {
      if (from.address === right.address) answers++;
    };
    dialV3(scene, { secret: new Secret('another') });
    world.runFor(60_000);
    expect(answers).toBe(0);
    expect(right.engine.drops.wrongDigest).toBeGreaterThan(1);
    const message = 'the peer does not answer, as one does that has another secret';
    expect(declaredTunnel(left)).toMatchObject({ state: 'closed', failure: { message } });
    expect(declaredTunnel(left)).toMatchObject({ state: 'closed' });
    expect(right.engine.sizes().tunnels).toBe(0);
  });

  it('refuses who does not authenticate where a secret is set, and who does where none is', () => {
    for (const [ours, theirs] of [
      [undefined, secret],
      [secret, undefined],
    ]) {
      const scene = pair({ secret: theirs });
      dialV3(scene, { secret: ours });
      expect(acceptedTunnel(scene.right)).toBeUndefined();
      expect(declaredTunnel(scene.left)?.state).not.toBe('established');
    }
  });

  it('lets the secret be changed without a break', () => {
    const [old, next] = [new Secret('old'), new Secret('next')];
    const scene = pair({ secret: old, hideAvps: true });
    const { left, right, world } = scene;
    dialV3(scene, { secret: old, hideAvps: true, helloIntervalMs: 1_000 });
    const stages: { left: Partial<TunnelParameters>; right: Partial<TunnelParameters> }[] = [
      { left: { secret: old, secondSecret: next }, right: { secret: old } },
      { left: { secret: old, secondSecret: next }, right: { secret: old, secondSecret: next } },
      { left: { secret: next, secondSecret: old }, right: { secret: old, secondSecret: next } },
      { left: { secret: next, secondSecret: old }, right: { secret: next } },
      { left: { secret: next }, right: { secret: next } },
    ];
    for (const [index, stage] of stages.entries()) {
      const spec = declaredTunnel(left)?.spec;
      if (!spec) throw new Error('no tunnel');
      left.engine.modifyTunnel({
        ...spec,
        parameters: { ...spec.parameters, ...{ secondSecret: undefined }, ...stage.left },
      });
      const [peer] = right.gateway.peers;
      const tunnel = { ...peer.tunnel, secondSecret: undefined, ...stage.right };
      right.gateway = { ...right.gateway, peers: [{ ...peer, tunnel }] };
      right.run(right.engine.configure(right.gateway, world.now));
      world.runFor(5_000);
      open(scene, wire(`pw-${index}`));
      expect(declaredSession(left, `pw-${index}`)?.state).toBe('established');
    }
    expect(declaredTunnel(left)?.transport.digestFailures).toBe(0);
    expect(acceptedTunnel(right)?.transport.digestFailures).toBe(0);
    expect(left.notices.filter(({ event }) => event === 'down')).toEqual([]);
  });

  it('drops what was changed on the way, also without a secret', () => {
    const scene = pair({});
    const { left, right, world } = scene;
    dialV3(scene, {});
    world.onDatagram = (from, _to, datagram) => {
      if (from.address === left.address && datagram.length > 60) datagram[40] ^= 1;
    };
    open(scene, wire('pw'));
    expect(right.engine.sizes().sessions).toBe(0);
    expect(acceptedTunnel(right)?.transport.digestFailures).toBeGreaterThan(0);
  });
});

describe('a pseudowire', () => {
  it('that only one end knows the type of is refused', () => {
    const scene = pair({}, 'ppp');
    dialV3(scene, {});
    open(scene, wire('pw'));
    expect(declaredSession(scene.left, 'pw')).toMatchObject({ state: 'closed', failure: { result: 14 } });
  });

  it('gets the sublayer and the sequence numbers that each end wants', () => {
    const scene = pair({});
    dialV3(scene, {});
    const parameters = {
      ...sessionParameters,
      pseudowire: 'ethernet',
      l2SpecificSublayer: 'default',
      dataSequencing: 'all',
      cookieLength: 4,
    } as const;
    open(scene, wire('pw', { parameters }));
    const [mine, theirs] = [scene.left, scene.right].map((node) => [...node.planeSessions.values()][0]);
    expect(mine).toMatchObject({
      sequencing: 'none',
      format: { rxSublayer: 'default', txSublayer: 'none', checksSequence: true },
    });
    expect(theirs).toMatchObject({
      sequencing: 'all',
      format: { rxSublayer: 'none', txSublayer: 'default', checksSequence: false },
    });
    expect(mine.format?.localCookie.length).toBe(4);
  });

  it('tells the peer when its circuit fails, and when it is back', () => {
    const scene = pair({});
    const { left, right, world } = scene;
    dialV3(scene, {});
    open(scene, wire('pw'));
    const key = sessionKeyV3(declaredSession(left, 'pw')?.localId ?? 0);
    left.circuit(key, { active: false, isNew: false, circuitRxFault: true });
    world.runFor(1_000);
    const heard = ({ notices }: typeof left) => notices.filter(({ message }) => message.includes('circuit'));
    expect(heard(left)).toMatchObject([
      { name: 'pw', declared: true, message: expect.stringMatching(/^our circuit: .*/) },
    ]);
    expect(heard(right)).toMatchObject([{ message: expect.stringMatching(/^the peer's circuit: /) }]);
    expect([...right.planeSessions.values()][0].circuit).toEqual({ peerActive: false });
    expect(acceptedSession(right)?.circuit?.peer).toEqual({ active: false, isNew: false, circuitRxFault: true });
    left.circuit(key, { active: true, isNew: false });
    world.runFor(1_000);
    expect([...right.planeSessions.values()][0].circuit).toEqual({ peerActive: true });
  });

  it('that both ends ask for at once is set up once', () => {
    for (let seed = 0; seed < 50; seed++) {
      const scene = pair({});
      const { left, right, world } = scene;
      // Both declare the tunnel: one of the two wins its tie, and carries the calls of both.
      const parameters = tunnelParameters({ version: 'v3', hostName: 'either.example' });
      const to = {
        parameters,
        name: 'to-peer',
        remotePort: 1701,
        localPort: 0,
        encapsulation: 'udp',
        pmtuDiscovery: false,
        persist: true,
      } as const;
      world.random.below(seed + 2);
      left.dial({ ...to, remoteAddress: right.address });
      right.dial({ ...to, remoteAddress: left.address });
      world.runFor(2_000);
      for (const node of [left, right])
        node.run(node.engine.openSession(wire('pw', { remoteEndId: 'circuit 1' }), world.now));
      world.runFor(5_000);
      for (const node of [left, right]) {
        expect(declaredSession(node, 'pw')?.state).toBe('established');
        expect(node.planeSessions.size).toBe(1);
      }
      expect(declaredSession(left, 'pw')?.localId).toBe(declaredSession(right, 'pw')?.remoteId);
    }
  });

  it('is in one tunnel that both ends declare, also where the request that wins arrives last', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { left, right, world } = pair({});
      const parameters = tunnelParameters({ version: 'v3', hostName: 'either.example' });
      world.random.below(seed + 2);
      world.faults = { ...noFaults, loss: 1 };
      right.dial(tunnelSpec(left.address, { parameters }));
      world.runFor(10);
      world.faults = noFaults;
      left.dial(tunnelSpec(right.address, { parameters }));
      world.runFor(5_000);
      for (const node of [left, right]) {
        expect(declaredTunnel(node)?.state).toBe('established');
        expect([...node.engine.acceptedTunnels()]).toEqual([]);
      }
      expect(declaredTunnel(left)?.localId).toBe(declaredTunnel(right)?.remoteId);
    }
  });

  it('that is declared at both ends is the same one, whoever asks first', () => {
    const scene = pair({});
    const { left, right, world } = scene;
    const parameters = tunnelParameters({ version: 'v3', hostName: 'either.example' });
    left.dial(tunnelSpec(right.address, { parameters }));
    right.dial(tunnelSpec(left.address, { parameters }));
    world.runFor(2_000);
    const spec = wire('pw', { remoteEndId: 'circuit 1' });
    const expectOne = () => {
      const [one, other] = [declaredSession(left, 'pw'), declaredSession(right, 'pw')];
      expect(one).toMatchObject({ state: 'established', localId: other?.remoteId, remoteId: other?.localId });
      expect([left.planeSessions.size, right.planeSessions.size]).toEqual([1, 1]);
      expect([acceptedSession(left), acceptedSession(right)]).toEqual([undefined, undefined]);
    };
    right.run(right.engine.openSession(spec, world.now));
    world.runFor(1_000);
    expect(acceptedSession(left)).toMatchObject({ state: 'established' });
    left.run(left.engine.openSession(spec, world.now));
    world.runFor(1_000);
    expectOne();

    // From now on either knows what the other one asks for.
    for (const [node, other] of [
      [left, right],
      [right, left],
    ]) {
      node.run(node.engine.closeSession('pw', world.now));
      world.runFor(1_000);
      expect(declaredSession(other, 'pw')).toMatchObject({ state: 'closed' });
      node.run(node.engine.openSession(spec, world.now));
      world.runFor(1_000);
      expectOne();
    }
  });
});

describe('static', () => {
  const ids = { localTunnelId: 10, remoteTunnelId: 20 };

  it('tunnels and sessions stand without a word', () => {
    const scene = pair({});
    const { left, world } = scene;
    let sent = 0;
    world.onDatagram = () => sent++;
    dialV3(scene, {}, { static: ids });
    open(
      scene,
      wire('pw', {
        static: {
          localSessionId: 1,
          remoteSessionId: 2,
          localCookie: new Secret('abcd'),
          remoteCookie: new Secret('12345678'),
        },
      }),
    );
    expect(declaredTunnel(left)).toMatchObject({ state: 'established', localId: 10, remoteId: 20 });
    expect(declaredSession(left, 'pw')).toMatchObject({
      state: 'established',
      localId: 1,
      remoteId: 2,
      interface: 'tap0',
    });
    const text = new TextDecoder();
    const { format } = [...left.planeSessions.values()][0];
    expect([text.decode(format?.localCookie), text.decode(format?.remoteCookie)]).toEqual(['abcd', '12345678']);
    world.runFor(600_000);
    left.circuit(sessionKeyV3(1), { active: false, isNew: false });
    left.run(left.engine.closeSession('pw', world.now));
    left.run(left.engine.closeTunnel('to-peer', world.now));
    expect(sent).toBe(0);
    expect(leftovers(left)).toEqual(nothingLeft);
  });

  it('sessions may stand in a tunnel that is kept alive', () => {
    const scene = pair({});
    const { left, right, world } = scene;
    dialV3(scene, { helloIntervalMs: 1_000 });
    open(scene, wire('pw', { static: { localSessionId: 1, remoteSessionId: 2 } }));
    expect(declaredSession(left, 'pw')?.state).toBe('established');
    expect(right.engine.sizes().sessions).toBe(0);
    right.crash();
    world.runFor(60_000);
    expect(declaredSession(left, 'pw')?.state).toBe('closed');
  });
});

describe('a circuit behind a socket', () => {
  const circuit = { socket: '/run/circuit', maxCells: 8 };
  const session = (pseudowire: 'frameRelay' | 'atmCellVcc', changes = {}) =>
    sessionSpec('pw', {
      parameters: { ...sessionParameters, pseudowire },
      circuit: { ...circuit, ...changes },
      remoteEndId: 'circuit 1',
    });

  /** Both ends declare it; the right one waits for it. */
  function joined(ours: ReturnType<typeof session>, theirs: ReturnType<typeof session>) {
    const scene = pair({}, ours.parameters.pseudowire);
    const { left, right, world } = scene;
    const parameters = tunnelParameters({ version: 'v3', hostName: 'left.example' });
    const there = tunnelParameters({ version: 'v3', hostName: 'right.example' });
    left.dial(tunnelSpec(right.address, { parameters }));
    right.dial(tunnelSpec(left.address, { parameters: there }));
    world.runFor(5_000);
    const awaited = { ...theirs, parameters: { ...theirs.parameters, type: 'lnsIncoming' as const } };
    right.run(right.engine.openSession(awaited, world.now));
    open(scene, ours);
    return scene;
  }

  it('is not active before a program has come, and the peer is told when one has', () => {
    const { left, right, world } = joined(session('frameRelay'), session('frameRelay'));
    const inactive = { active: false, isNew: true };
    expect(declaredSession(left, 'pw')).toMatchObject({
      state: 'established',
      circuit: { local: inactive, peer: inactive },
    });
    expect([...right.planeSessions.values()][0].circuit).toEqual({ peerActive: false });
    const [key] = left.planeSessions.keys();
    left.circuit(key, { active: true, isNew: false });
    world.runFor(1_000);
    expect([...right.planeSessions.values()][0].circuit).toEqual({ peerActive: true });
    expect(declaredSession(right, 'pw')?.circuit?.peer.active).toBe(true);
  });

  it('packs no more cells than the peer takes', () => {
    const attached: number[] = [];
    const { left, right } = joined(session('atmCellVcc'), session('atmCellVcc', { maxCells: 3 }));
    for (const node of [left, right]) attached.push([...node.planeSessions.values()][0].maxCells ?? 0);
    expect(attached).toEqual([3, 3]);
  });

  it('is refused when its Frame Relay headers have another length', () => {
    const { left } = joined(session('frameRelay', { dlci: 100 }), session('frameRelay', { dlci: 5_000 }));
    expect(declaredSession(left, 'pw')).toMatchObject({ state: 'closed', failure: { result: 19 } });
  });
});
