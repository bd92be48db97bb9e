import { describe, expect, it } from 'vitest';
import type { ForwardSpec, GatewaySpec, PppoeServerSpec, PppSpec, SessionView } from '../../src/engine/spec.ts';
import { Secret } from '../../src/engine/spec.ts';
import { PppoeClient } from './pppoe-client.ts';
import { bench, ScriptedPeer, sample, types } from './scripted-peer.ts';
import {
  ethernet,
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  World,
} from './world.ts';

const wide = { match: { addresses: ['10.0.0.0/8'] } };
const toLns = { tunnels: ['to-peer'] };

function forwarding(forward: Partial<ForwardSpec>, more: Partial<typeof sessionParameters> = {}) {
  return { ...sessionParameters, forward: { rules: [toLns], avps: {}, ...forward }, ...more };
}

interface Chain {
  world: World;
  lac: Node;
  middle: Node;
  lns: Node;
}

/** A LAC, a switch and an LNS in a row; the switch's tunnel to the LNS stands. */
function chain(session = forwarding({}), lns: Partial<GatewaySpec> = {}): Chain {
  const world = new World(7);
  const lac = world.node('10.0.0.1', gatewaySpec());
  const middle = world.node('10.0.0.2', gatewaySpec({ peers: [peerSpec({ ...wide, session })] }));
  const last = world.node('10.0.0.3', gatewaySpec({ peers: [peerSpec(wide)], ...lns }));
  last.subscribers.set('alice', new Secret('wonderland'));
  last.subscribers.set('alice@blue.example', new Secret('wonderland'));
  middle.dial(tunnelSpec(last.address));
  lac.dial(tunnelSpec(middle.address));
  world.runFor(1_000);
  return { world, lac, middle, lns: last };
}

function open(scene: Chain, changes: Partial<Parameters<typeof sessionSpec>[1]> = {}): void {
  scene.lac.run(
    scene.lac.engine.openSession(sessionSpec('call', { callingNumber: '111', ...changes }), scene.world.now),
  );
}

function sessions(node: Node): SessionView[] {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()];
}

/** An LCP Configure-Request with address and control field. */
function isLcpRequest([, , high, low, code]: Uint8Array): boolean {
  return high === 0xc0 && low === 0x21 && code === 1;
}

function client(userName: string): PppSpec {
  return pppSpec('client', { userName });
}

describe('a call that comes in by one tunnel', () => {
  it('goes on in another, and its PPP is the LNS’s', () => {
    const scene = chain();
    open(scene);
    scene.world.runFor(5_000);
    const [call] = sessions(scene.lac);
    const [end] = sessions(scene.lns);
    expect(call).toMatchObject({ state: 'established', ppp: { phase: 'network', user: 'alice' } });
    expect(end).toMatchObject({ state: 'established', ppp: { phase: 'network' }, call: { callingNumber: '111' } });
    expect(end.ppp.ipv4?.remote).toBe(call.ppp.ipv4?.local);
    const [ingress, egress] = sessions(scene.middle);
    expect(ingress.switched).toEqual({ with: `${egress.tunnelLocalId}/${egress.localId}` });
    expect(egress.switched).toEqual({ with: `${ingress.tunnelLocalId}/${ingress.localId}` });
    expect(scene.middle.leases.size).toBe(0);
    // Both calls are the peers', also the one in a tunnel that is a resource.
    expect(scene.middle.engine.accepted()).toEqual({ tunnels: 1, sessions: 2 });
  });

  it.each(['lac', 'lns'] as const)('ends at both ends when the %s hangs up, with its reason', (who) => {
    const scene = chain();
    open(scene);
    scene.world.runFor(5_000);
    if (who === 'lac') scene.lac.run(scene.lac.engine.closeSession('call', scene.world.now));
    else scene.lns.run(scene.lns.engine.configure(gatewaySpec({ peers: [] }), scene.world.now));
    scene.world.runFor(1_000);
    expect(scene.middle.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
    expect(scene.middle.planeSessions.size).toBe(0);
    expect(sessions(scene.lns)).toEqual([]);
    if (who === 'lns') expect(sessions(scene.lac)[0]).toMatchObject({ state: 'closed' });
  });

  it('ends when its way on is lost', () => {
    const scene = chain();
    open(scene);
    scene.world.runFor(5_000);
    scene.middle.run(scene.middle.engine.closeTunnel('to-peer', scene.world.now));
    scene.world.runFor(1_000);
    expect(sessions(scene.lac)[0]).toMatchObject({ state: 'closed', failure: { result: 1 } });
    expect(scene.middle.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });

  it('is refused with "try another" while no tunnel takes it', () => {
    const scene = chain(forwarding({ rules: [{ tunnels: ['elsewhere'] }] }));
    open(scene);
    scene.world.runFor(2_000);
    expect(sessions(scene.lac)[0]).toMatchObject({ state: 'closed', failure: { result: 2, error: 7 } });
  });

  it('takes the second tunnel when the first is not there, or refuses', () => {
    const scene = chain(forwarding({ rules: [{ tunnels: ['elsewhere', 'full', 'to-peer'] }] }));
    const { world, middle } = scene;
    const full = world.node('10.0.0.4', gatewaySpec({ peers: [peerSpec(wide)], drain: false, maxSessions: 0 }));
    middle.dial(tunnelSpec(full.address, { name: 'full' }));
    world.runFor(1_000);
    full.run(full.engine.configure(gatewaySpec({ peers: [peerSpec(wide)], drain: true }), world.now));
    open(scene);
    world.runFor(5_000);
    expect(sessions(full)).toEqual([]);
    expect(sessions(scene.lac)[0]).toMatchObject({ ppp: { phase: 'network' } });
  });

  it('goes by the called number', () => {
    const rules = [{ calledNumber: '555*', tunnels: ['to-peer'] }];
    const scene = chain(forwarding({ rules }));
    scene.middle.subscribers.set('alice', new Secret('wonderland'));
    open(scene, { calledNumber: '5551' });
    scene.world.runFor(5_000);
    expect(sessions(scene.lns)).toHaveLength(1);
    scene.lac.run(scene.lac.engine.openSession(sessionSpec('here', { calledNumber: '666' }), scene.world.now));
    scene.world.runFor(5_000);
    expect(sessions(scene.lns)).toHaveLength(1);
    expect(sessions(scene.middle).some(({ ppp }) => ppp.phase === 'network')).toBe(true);
  });

  it.each([['pap'], ['chap']] as const)('goes by the realm of the user, who says it by %s', (method) => {
    const rules = [{ realm: 'blue.example', tunnels: ['to-peer'] }];
    const scene = chain(forwarding({ rules }));
    const ppp = { ...client('alice@blue.example'), authMethods: [method] };
    open(scene, { ppp });
    scene.world.runFor(20_000);
    const [end] = sessions(scene.lns);
    expect(end.call).toMatchObject({
      proxyAuthenName: 'alice@blue.example',
      proxyAuthenType: method === 'pap' ? 3 : 2,
    });
    expect(sessions(scene.lac)[0]).toMatchObject({ state: 'established', ppp: { phase: 'network' } });
    expect(end.ppp).toMatchObject({ phase: 'network', user: 'alice@blue.example' });
  });

  it.each([
    [false, 'is met anew by an LNS that does not take PPP proxy'],
    [true, 'is not met anew by one that does'],
  ])('with allowPppProxy %s %s (RFC 2661 9.5)', (allowPppProxy) => {
    const peers = [peerSpec({ ...wide, tunnel: tunnelParameters({ allowPppProxy }) })];
    const scene = chain(forwarding({}, { usePppProxy: true }), { peers });
    let requests = 0;
    const run = scene.lns.run.bind(scene.lns);
    scene.lns.run = (effects) => {
      for (const effect of effects) {
        if (effect.effect === 'frame' && isLcpRequest(effect.frame)) requests++;
      }
      run(effects);
    };
    open(scene);
    scene.world.runFor(20_000);
    expect(sessions(scene.lns)[0]).toMatchObject({ ppp: { phase: 'network', user: 'alice' } });
    expect(requests > 0).toBe(!allowPppProxy);
  });

  it('is terminated here when its realm fits no rule, without a second log-in', () => {
    const rules = [{ realm: 'blue.example', tunnels: ['to-peer'] }];
    const scene = chain(forwarding({ rules }));
    scene.middle.subscribers.set('alice', new Secret('wonderland'));
    open(scene);
    scene.world.runFor(20_000);
    expect(sessions(scene.lns)).toEqual([]);
    expect(sessions(scene.middle)[0].ppp).toMatchObject({ phase: 'network', user: 'alice' });
  });

  it('is terminated without a second log-in too where it is its LAC that has met the client', () => {
    const session = forwarding({ rules: [{ realm: 'blue.example', tunnels: ['nowhere'] }] });
    const peers = [peerSpec({ ...wide, session, tunnel: tunnelParameters({ allowPppProxy: true }) })];
    const scene = chain(forwarding({}, { usePppProxy: true }), { peers });
    open(scene);
    scene.world.runFor(20_000);
    expect(sessions(scene.lns)[0].ppp).toMatchObject({ phase: 'network', user: 'alice', proxy: 'lcpAndAuth' });
  });

  it('is given up when its client does not say who it is', () => {
    const rules = [{ realm: 'blue.example', tunnels: ['to-peer'] }];
    const scene = chain(forwarding({ rules }));
    const lcp = { maxConfigRequests: 10_000, maxConfigNaks: 10_000, maxTerminateRequests: 3, retransmitMs: 3_000 };
    // It refuses every authentication method, again and again.
    open(scene, { ppp: { ...client('alice@blue.example'), authMethods: [], lcp } });
    scene.world.runFor(125_000);
    expect(sessions(scene.lac)[0].state).toBe('closed');
    expect(scene.middle.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });

  it('goes where a plugin says', () => {
    const rules = [{ plugin: 'chooser', tunnels: ['elsewhere'] }];
    const scene = chain(forwarding({ rules }));
    scene.middle.chooseForward = ({ plugin, call }) =>
      plugin === 'chooser' && call.callingNumber === '111' ? ['to-peer'] : undefined;
    open(scene);
    scene.world.runFor(5_000);
    expect(sessions(scene.lns)).toHaveLength(1);
    scene.lac.run(scene.lac.engine.openSession(sessionSpec('other'), scene.world.now));
    scene.world.runFor(5_000);
    expect(sessions(scene.lac).find(({ name }) => name === 'other')).toMatchObject({
      failure: { result: 2, error: 7 },
    });
  });

  it('relays, drops or makes anew each AVP as it is told', () => {
    const avps = { callingNumber: 'drop', txConnectSpeedBps: 'regenerate' } as const;
    const connectSpeedBps = { tx: 5_000, rx: 5_000 };
    const scene = chain(forwarding({ avps }, { connectSpeedBps }));
    open(scene, { calledNumber: '222' });
    scene.world.runFor(5_000);
    const [{ call }] = sessions(scene.lns);
    expect(call.callingNumber).toBeUndefined();
    expect(call).toMatchObject({ calledNumber: '222', txConnectSpeedBps: 5_000 });
    const [ingress] = sessions(scene.middle);
    expect(call.callSerialNumber).toBe(ingress.call.callSerialNumber);
  });

  it.each([
    ['tells of new speeds, where its LAC has said that it may (RFC 5515 4)', undefined, 5_000],
    ['tells of none, where the LNS has not been told that there may be any', 'drop', 1_000_000],
  ] as const)('%s', (_what, connectSpeedUpdateEnable, tx) => {
    const scene = chain(forwarding({ avps: { connectSpeedUpdateEnable } }));
    const { world, lac, lns } = scene;
    open(scene);
    world.runFor(5_000);
    const parameters = { ...sessionParameters, connectSpeedBps: { tx: 5_000, rx: 6_000 } };
    lac.run(lac.engine.modifySession(sessionSpec('call', { callingNumber: '111', parameters }), world.now));
    world.runFor(1_000);
    const told = connectSpeedUpdateEnable === undefined ? true : undefined;
    expect(sessions(lns)[0].call).toMatchObject({ txConnectSpeedBps: tx });
    expect(sessions(lns)[0].call.connectSpeedUpdateEnable).toBe(told);
  });

  it('has the framing of its client’s line at the LNS too, and the LAC hears what that is to escape', () => {
    const scene = chain();
    open(scene, { parameters: { ...sessionParameters, framingType: ['async'] } });
    scene.world.runFor(5_000);
    expect(sessions(scene.lns)[0].call.framingType).toEqual(['async']);
    expect(sessions(scene.lac)[0].call.accm).toBeDefined();
  });

  it('does not go round in a circle', () => {
    const { world, lac, middle, lns } = chain(forwarding({}), {
      peers: [peerSpec({ ...wide, session: forwarding({ rules: [{ tunnels: ['back'] }] }) })],
    });
    lns.dial(tunnelSpec(middle.address, { name: 'back' }));
    world.runFor(1_000);
    lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
    world.runFor(10_000);
    expect(sessions(lac)[0]).toMatchObject({ state: 'closed', failure: { message: expect.stringMatching(/circle/) } });
    for (const node of [middle, lns]) expect(node.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });

  it('does not go back into the tunnel that it came by', () => {
    const scene = chain();
    const { world, middle, lns } = scene;
    middle.run(
      middle.engine.configure(gatewaySpec({ peers: [peerSpec({ ...wide, session: forwarding({}) })] }), world.now),
    );
    const spec = sessionSpec('waiting', { parameters: forwarding({}, { type: 'lnsIncoming' }) });
    middle.run(middle.engine.openSession(spec, world.now));
    expect([...middle.engine.declaredSessions()].map(({ state }) => state)).toEqual(['waitCall']);
    lns.run(lns.engine.configure(gatewaySpec({ peers: [] }), world.now));
    world.runFor(1_000);
    expect(middle.engine.sizes().sessions).toBe(0);
  });

  it('is an outgoing one as well: the LAC’s line is a call in another tunnel', () => {
    const world = new World(7);
    const lac = world.node('10.0.0.1', gatewaySpec());
    const middle = world.node(
      '10.0.0.2',
      gatewaySpec({ peers: [peerSpec({ ...wide, session: forwarding({}, { type: 'lacOutgoing' }) })] }),
    );
    const lns = world.node('10.0.0.3', gatewaySpec());
    lns.subscribers.set('alice', new Secret('wonderland'));
    const line = { ...sessionParameters, type: 'lacOutgoing' } as const;
    lac.run(lac.engine.configure(gatewaySpec({ peers: [peerSpec({ ...wide, session: line })] }), world.now));
    middle.dial(tunnelSpec(lac.address));
    lns.dial(tunnelSpec(middle.address));
    world.runFor(1_000);
    const spec = sessionSpec('out', {
      parameters: { ...sessionParameters, type: 'lnsOutgoing' },
      calledNumber: '555',
      ppp: pppSpec('server'),
    });
    lns.run(lns.engine.openSession(spec, world.now));
    world.runFor(5_000);
    expect(sessions(lns)[0]).toMatchObject({ state: 'established', ppp: { phase: 'network', user: 'alice' } });
    expect(sessions(lac)[0]).toMatchObject({ type: 'lacOutgoing', call: { calledNumber: '555' } });
    expect(sessions(lac)[0].ppp.ipv4?.local).toBe(sessions(lns)[0].ppp.ipv4?.remote);
    lac.run(lac.engine.configure(gatewaySpec({ peers: [] }), world.now));
    world.runFor(1_000);
    expect(sessions(lns)[0]).toMatchObject({ state: 'closed', failure: { result: 1 } });
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });
});

describe('an outgoing call whose line has not answered yet (RFC 2661 7.5.1, wait-cs-answer)', () => {
  const session = forwarding({}, { type: 'lacOutgoing' });

  /** The peer has asked us, a LAC, for a call; our line is a call in a tunnel to another LAC, which says nothing. */
  function waitAnswer(request: Partial<ReturnType<typeof sample>['OCRQ']['avps']> = {}) {
    const { world, node, peer } = bench(gatewaySpec({ peers: [peerSpec({ session })] }));
    const line = new ScriptedPeer(world, node, { address: '10.0.0.8', port: 1701 });
    node.dial(tunnelSpec(line.endpoint.address));
    line.accept({ bearerCapabilities: ['digital'], framingCapabilities: ['sync'] });
    peer.connect();
    const answers = peer.send({ type: 'OCRQ', avps: { ...sample(peer).OCRQ.avps, ...request } });
    return { node, peer, line, answers, sessionId: answers[0].avps.assignedSessionId ?? 0 };
  }

  it.each(['OCRQ', 'OCRP', 'OCCN', 'ICRQ', 'ICRP', 'ICCN'] as const)('is ended by an %s, with a CDN', (type) => {
    const { node, peer, line, answers, sessionId } = waitAnswer();
    expect(types(answers)).toEqual(['OCRP']);
    line.unread();
    expect(types(peer.send(sample(peer)[type], { sessionId }))).toEqual(['CDN']);
    expect(types(line.unread())).toEqual(['CDN']);
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('is ended by a CDN without a word, and so is its line', () => {
    const { node, peer, line, sessionId } = waitAnswer();
    line.unread();
    expect(peer.send(sample(peer).CDN, { sessionId })).toEqual([]);
    expect(types(line.unread())).toEqual(['CDN']);
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it.each(['WEN', 'SLI'] as const)('goes on after a %s', (type) => {
    const { node, peer, sessionId } = waitAnswer();
    expect(peer.send(sample(peer)[type], { sessionId })).toEqual([]);
    expect(sessions(node)[0].state).toBe('waitAnswer');
  });

  it('is connected when the line answers', () => {
    const { peer, line } = waitAnswer();
    const ocrq = line.unread().find(({ type }) => type === 'OCRQ');
    const sessionId = ocrq?.avps.assignedSessionId ?? 0;
    line.send(sample(line).OCRP, { sessionId });
    expect(types(peer.unread())).toEqual([]);
    line.send(sample(line).OCCN, { sessionId });
    expect(types(peer.unread())).toEqual(['OCCN']);
  });

  it('is ended when the line is busy, and says so', () => {
    const { node, peer, line } = waitAnswer();
    const sessionId = line.unread().find(({ type }) => type === 'OCRQ')?.avps.assignedSessionId ?? 0;
    const busy = { assignedSessionId: 5, resultCode: { result: 8 }, q931Cause: { cause: 17, msg: 0x45 } };
    line.send({ type: 'CDN', avps: busy }, { sessionId });
    expect(peer.unread()).toMatchObject([
      { type: 'CDN', avps: { resultCode: { result: 8 }, q931Cause: { cause: 17, msg: 0x45 } } },
    ]);
    expect(node.engine.sizes().sessions).toBe(0);
  });

  it('asks the line for no bearer and no framing that it does not have (RFC 2661 4.4.4)', () => {
    const both = waitAnswer({ bearerType: ['digital', 'analog'], framingType: ['sync', 'async'] });
    const [ocrq] = both.line.unread().filter(({ type }) => type === 'OCRQ');
    expect(ocrq.avps).toMatchObject({ bearerType: ['digital'], framingType: ['sync'] });
    const none = waitAnswer({ bearerType: ['analog'] });
    expect(types(none.line.unread())).not.toContain('OCRQ');
    expect(types(none.answers)).toEqual(['OCRP', 'CDN']);
  });
});

describe('a PPPoE client', () => {
  function concentrator(changes: Partial<PppoeServerSpec> = {}): PppoeServerSpec {
    return {
      name: 'access',
      interface: ethernet,
      acName: 'ac',
      serviceNames: [],
      maxSessions: 0,
      session: forwarding({}),
      ppp: pppSpec('server', { authMethods: ['chap', 'pap'] }),
      ...changes,
    };
  }

  function scene(changes: Partial<PppoeServerSpec> = {}, tags: ConstructorParameters<typeof PppoeClient>[4] = []) {
    const world = new World(9);
    const lac = world.node('10.0.0.1', gatewaySpec());
    const lns = world.node('10.0.0.2', gatewaySpec({ peers: [peerSpec(wide)] }));
    lns.subscribers.set('alice', new Secret('wonderland'));
    lac.run(lac.engine.configure(gatewaySpec({ pppoeServers: [concentrator(changes)] }), 0));
    lac.dial(tunnelSpec(lns.address));
    world.runFor(1_000);
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
    return { world, lac, lns, client: new PppoeClient(world, lac, mac, pppSpec('client'), tags) };
  }

  it('finds a concentrator, and its PPP goes to the LNS', () => {
    const { world, lac, lns, client: host } = scene();
    host.connect();
    world.runFor(5_000);
    expect(host.link?.view()).toMatchObject({ phase: 'network' });
    expect(sessions(lns)[0]).toMatchObject({ ppp: { phase: 'network', user: 'alice' } });
    expect(sessions(lns)[0].call).toMatchObject({ callingNumber: '02:00:00:00:00:01' });
    expect([...lac.engine.pppoeServers()]).toEqual([{ name: 'access', sessions: 1 }]);
    expect([...lac.engine.pppoeSessions()][0]).toMatchObject({ sessionId: host.sessionId, peer: '02:00:00:00:00:01' });
    host.disconnect();
    world.runFor(1_000);
    expect(sessions(lns)).toEqual([]);
    expect(lac.engine.sizes()).toMatchObject({ sessions: 0, pppoe: 0, serials: 0 });
    expect(lac.planeSessions.size).toBe(0);
  });

  it('is handed over with what it has said, where the profile wants PPP proxy', () => {
    const { world, lns, client: host } = scene({ session: forwarding({}, { usePppProxy: true }) });
    host.connect();
    world.runFor(20_000);
    const [{ call }] = sessions(lns);
    expect(call).toMatchObject({ proxyAuthenName: 'alice', proxyAuthenType: 2 });
    expect(call.lcpAllowOptions).toEqual(Uint8Array.of(1, 4, 1460 >> 8, 1460 & 0xff));
    expect(call.lastReceivedLcpConfReq).toBeDefined();
    expect(host.link?.view()).toMatchObject({ phase: 'network' });
  });

  it('tells of its line what its access node has put into the PADR (RFC 5515)', () => {
    const text = (type: number, value: string) => [type, value.length, ...new TextEncoder().encode(value)];
    const tag = Uint8Array.from([
      0,
      0,
      0x0d,
      0xe9,
      ...text(1, 'node eth 1/2'),
      2,
      4,
      0x6c,
      0xff,
      0x20,
      0x37,
      0x82,
      4,
      0,
      0,
      0x3e,
      0x80,
    ]);
    const { world, lns, client: host } = scene({}, [['vendorSpecific', tag]]);
    host.connect();
    world.runFor(5_000);
    expect(sessions(lns)[0].call).toMatchObject({
      agentCircuitId: 'node eth 1/2',
      agentRemoteId: 'hex:6cff2037',
      actualDataRateDownstreamBps: 16_000_000,
      txConnectSpeedBps: 16_000_000,
    });
  });

  it('has no id of an octet, or of more than 63 (RFC 5515 5.1, 5.2)', () => {
    const long = new TextEncoder().encode('x'.repeat(64));
    const tag = Uint8Array.of(0, 0, 0x0d, 0xe9, 1, 1, 0x61, 2, 64, ...long);
    const { world, lns, client: host } = scene({}, [['vendorSpecific', tag]]);
    host.connect();
    world.runFor(5_000);
    const [{ call }] = sessions(lns);
    expect([call.agentCircuitId, call.agentRemoteId]).toEqual([undefined, undefined]);
  });

  it('gets a PADT when the LNS hangs up, or when its server is deleted', () => {
    const { world, lac, lns, client: host } = scene();
    host.connect();
    world.runFor(5_000);
    lns.run(lns.engine.configure(gatewaySpec({ peers: [] }), world.now));
    world.runFor(100);
    expect(host.sessionId).toBe(0);
    lns.run(lns.engine.configure(gatewaySpec({ peers: [peerSpec(wide)] }), world.now));
    lac.dial(tunnelSpec(lns.address));
    world.runFor(10_000);
    expect(host.sessionId).not.toBe(0);
    lac.run(lac.engine.configure(gatewaySpec(), world.now));
    world.runFor(100);
    expect(host.sessionId).toBe(0);
    expect(lac.engine.sizes()).toMatchObject({ sessions: 0, pppoe: 0 });
  });

  it('is told that there is no room, or no such service', () => {
    const { world, lac, client: host } = scene({ maxSessions: 1 });
    host.connect();
    world.runFor(5_000);
    const other = new PppoeClient(world, lac, Uint8Array.of(2, 0, 0, 0, 0, 2), pppSpec('client'));
    other.connect();
    world.runFor(5_000);
    // Who is full does not even offer itself.
    expect(other.sessionId).toBe(0);
    expect([...lac.engine.pppoeServers()][0].sessions).toBe(1);
    host.disconnect();
    world.runFor(10_000);
    expect(other.sessionId).not.toBe(0);
  });

  it('gets nothing for a PADR with a cookie of its own making', () => {
    const { lac, client: host, world } = scene();
    const packet = Uint8Array.of(0x11, 0x19, 0, 0, 0, 28, 1, 1, 0, 0, 1, 4, 0, 16, ...new Uint8Array(16), 1, 3, 0, 0);
    lac.discovery(host.mac, packet);
    world.runFor(1_000);
    expect(lac.engine.sizes().pppoe).toBe(0);
  });
});
