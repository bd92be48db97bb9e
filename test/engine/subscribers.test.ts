import { describe, expect, it } from 'vitest';
import type { Grant } from '../../src/engine/aaa.ts';
import { type FilterSpec, type GatewaySpec, type PppSpec, Secret, type SessionView } from '../../src/engine/spec.ts';
import {
  gatewaySpec,
  type Node,
  peerSpec,
  pppSpec,
  sessionParameters,
  sessionSpec,
  tunnelSpec,
  World,
} from './world.ts';

const wide = { match: { addresses: ['10.0.0.0/8'] } };
const web: FilterSpec = { name: 'web', rules: [{ action: 'deny', direction: 'both' }] };

interface Scene {
  world: World;
  lac: Node;
  lns: Node;
}

/** A call of alice's, open for five seconds, at an LNS with these PPP values that grants this. */
function called(grant: Grant = {}, ppp: Partial<PppSpec> = {}, client: Partial<PppSpec> = {}): Scene {
  const world = new World(7);
  const lac = world.node('10.0.0.1', gatewaySpec());
  const peers = [peerSpec({ ...wide, ppp: pppSpec('server', ppp) })];
  const lns = world.node('10.0.0.3', gatewaySpec({ peers, filters: [web] }));
  lns.subscribers.set('alice', new Secret('wonderland'));
  lns.grants.set('alice', grant);
  lac.dial(tunnelSpec(lns.address));
  world.runFor(1_000);
  const spec = sessionSpec('call', { callingNumber: '111', ppp: pppSpec('client', client) });
  lac.run(lac.engine.openSession(spec, world.now));
  world.runFor(5_000);
  return { world, lac, lns };
}

function theCall(node: Node): SessionView | undefined {
  return [...node.engine.declaredSessions(), ...node.engine.acceptedSessions()][0];
}

function key({ lns }: Scene): number {
  const [session] = lns.engine.acceptedSessions();
  return (session.tunnelLocalId << 16) | session.localId;
}

function told({ lns }: Scene): string[] {
  return lns.accounts.map(({ event, cause }) => (cause ? `${event} ${cause}` : event));
}

/** So many user packets have passed. */
function pass(scene: Scene, packets: number): void {
  const none = { rxOctets: 0, txOctets: 0, rxDropped: 0, txDropped: 0, rxOutOfOrder: 0, rxReordered: 0, rxLost: 0 };
  scene.lns.counters.set(key(scene), { ...none, rxPackets: packets, txPackets: 0 });
}

describe('accounting', () => {
  it('begins when a call carries user packets, with whose they are', () => {
    const scene = called();
    const [{ sessionMs, ...start }] = scene.lns.accounts;
    expect(start).toMatchObject({ event: 'start', user: 'alice', aaa: 'local', ipv4: 0x0a630002 });
    expect(start.call).toMatchObject({ avps: { callingNumber: '111' }, tunnel: { ours: 'host.example' } });
    expect(start.call.tunnel?.remote.address).toBe('10.0.0.1');
    expect(sessionMs).toBe(0);
    expect(told(scene)).toEqual(['start']);
  });

  it('is told at intervals, by the profile or by the grant', () => {
    const intervalOf = (scene: Scene): number => {
      scene.world.runFor(240_000);
      const [first, second] = scene.lns.accounts.filter(({ event }) => event === 'interim');
      return second.sessionMs - first.sessionMs;
    };
    expect(intervalOf(called({}, { interimIntervalMs: 60_000 }))).toBe(60_000);
    expect(intervalOf(called({ interimIntervalMs: 30_000 }))).toBe(30_000);
    // RFC 2869 2.1: what is configured here overrides what RADIUS grants.
    expect(intervalOf(called({ interimIntervalMs: 30_000 }, { interimIntervalMs: 60_000 }))).toBe(60_000);
    expect(intervalOf(called({ usualInterimIntervalMs: 40_000 }))).toBe(40_000);
    expect(intervalOf(called({ usualInterimIntervalMs: 40_000 }, { interimIntervalMs: 60_000 }))).toBe(60_000);
  });

  it('is not told of all calls at once that began at once', () => {
    const { world, lac, lns } = called({ interimIntervalMs: 600_000 });
    for (let call = 0; call < 40; call++) {
      lac.run(lac.engine.openSession(sessionSpec(`another-${call}`), world.now));
    }
    world.runFor(605_000);
    const first = lns.accounts.filter(({ event }) => event === 'interim').map(({ sessionMs }) => sessionMs);
    expect(first.length).toBeGreaterThanOrEqual(41);
    expect(Math.min(...first)).toBeGreaterThanOrEqual(300_000);
    expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(150_000);
  });

  it('is told in time however often the Gateway is edited', () => {
    const scene = called({ interimIntervalMs: 60_000, idleTimeoutMs: 80_000 });
    const { lns, world } = scene;
    for (let edit = 0; edit < 30; edit++) {
      lns.run(lns.engine.configure({ ...lns.gateway, filters: [] }, world.now));
      world.runFor(5_000);
    }
    expect(told(scene).slice(0, 2)).toEqual(['start', 'interim']);
    expect(told(scene).at(-1)).toBe('stop idleTimeout');
    const interims = lns.accounts.filter(({ event }) => event === 'interim');
    for (const [at, { sessionMs }] of interims.entries()) {
      if (at > 0) expect(sessionMs - interims[at - 1].sessionMs).toBe(60_000);
    }
  });

  it('ends where it began, whatever the profile says meanwhile', () => {
    const world = new World(7);
    const lns = world.node('10.0.0.3', gatewaySpec({ peers: [peerSpec(wide)] }));
    const lac = world.node('10.0.0.1', gatewaySpec());
    lns.subscribers.set('alice', new Secret('wonderland'));
    lac.dial(tunnelSpec(lns.address));
    world.runFor(1_000);
    const spec = sessionSpec('call', { ppp: pppSpec('client') });
    lac.run(lac.engine.openSession(spec, world.now));
    world.runFor(5_000);
    lac.run(lac.engine.modifySession({ ...spec, ppp: { ...spec.ppp, aaa: 'radius' } }, world.now));
    lac.run(lac.engine.closeSession('call', world.now));
    expect(lac.accounts.map(({ event, aaa }) => `${event} ${aaa}`)).toEqual(['start local', 'stop local']);
  });

  it('is not told of a call whose user was not let in', () => {
    const scene = called({}, {}, { password: new Secret('wrong') });
    expect(theCall(scene.lac)).toMatchObject({ state: 'closed' });
    expect(told(scene)).toEqual([]);
  });

  it.each([
    ['the user', 'userRequest', ({ lac, world }: Scene) => lac.run(lac.engine.closeSession('call', world.now))],
    ['its tunnel', 'lostCarrier', ({ lac, world }: Scene) => lac.run(lac.engine.closeTunnel('to-peer', world.now))],
    ['our end', 'adminReboot', ({ lns, world }: Scene) => lns.run(lns.engine.shutdown(world.now))],
  ] as const)('ends with %s: %s', (_who, cause, end) => {
    const scene = called();
    end(scene);
    scene.world.runFor(1_000);
    expect(told(scene)).toEqual(['start', `stop ${cause}`]);
  });

  it('ends with a peer that leaves echoes unanswered: its carrier is lost', () => {
    const scene = called({}, { echoIntervalMs: 5_000, echoFailures: 3 });
    scene.world.faults = { ...scene.world.faults, loss: 1 };
    scene.world.runFor(40_000);
    expect(told(scene)).toEqual(['start', 'stop lostCarrier']);
  });
});

describe('an idle call', () => {
  it('ends, a little after its time', () => {
    const scene = called({}, { idleTimeoutMs: 80_000 });
    scene.world.runFor(70_000);
    expect(told(scene)).toEqual(['start']);
    scene.world.runFor(25_000);
    expect(told(scene)).toEqual(['start', 'stop idleTimeout']);
    expect(theCall(scene.lac)).toMatchObject({ state: 'closed' });
    expect(theCall(scene.lac)?.failure?.message).toContain('idle for too long');
  });

  it('is one without user packets: those keep it', () => {
    const scene = called({ idleTimeoutMs: 80_000 });
    for (let packets = 1; packets <= 10; packets++) {
      pass(scene, packets);
      scene.world.runFor(60_000);
    }
    expect(told(scene)).toEqual(['start']);
  });
});

describe('the maximum time of a call', () => {
  it('is the profile’s or the grant’s, and told to accounting', () => {
    const scene = called({}, { maxConnectMs: 100_000 });
    scene.world.runFor(100_000);
    expect(told(scene)).toEqual(['start', 'stop sessionTimeout']);
    const granted = called({ sessionTimeoutMs: 30_000 }, { maxConnectMs: 100_000 });
    granted.world.runFor(30_000);
    expect(told(granted)).toEqual(['start', 'stop sessionTimeout']);
  });
});

describe('a call whose PPP does not open', () => {
  it('ends, however often its client begins anew', () => {
    const lcp = { maxConfigRequests: 1_000, maxConfigNaks: 10, maxTerminateRequests: 3, retransmitMs: 3_000 };
    const { world, lac, lns } = called({}, { lcp });
    lac.run(lac.engine.closeSession('call', world.now));
    world.runFor(1_000);
    lac.run(lac.engine.openSession(sessionSpec('silent', { ppp: pppSpec('client', { lcp }) }), world.now));
    lac.mute = true;
    world.runFor(299_000);
    expect([...lns.engine.acceptedSessions()]).toHaveLength(1);
    world.runFor(3_000);
    expect([...lns.engine.acceptedSessions()]).toHaveLength(0);
    expect(lns.notices.at(-1)?.message).toContain('PPP did not open in time');
  });
});

describe('what is granted at a later challenge', () => {
  it('counts from then on', () => {
    const grant: Grant = { rate: { txBps: 5, rxBps: 6 } };
    const scene = called(grant, { chapIntervalMs: 60_000, authMethods: ['chap'] });
    expect(scene.lns.limits).toMatchObject([{ rate: grant.rate }]);
    scene.lns.grants.set('alice', { filter: 'web' });
    scene.world.runFor(61_000);
    expect(scene.lns.limits.at(-1)).toMatchObject({ rate: undefined, filter: web.rules });
    expect(told(scene)).toEqual(['start']);
  });
});

describe('rate and filter', () => {
  it('are told to the plane before the first packet, the grant’s before the profile’s', () => {
    const profile = { rate: { txBps: 1_000, rxBps: 2_000 } };
    expect(called({}, profile).lns.limits).toMatchObject([{ rate: profile.rate, filter: undefined }]);
    const granted = { rate: { txBps: 5, rxBps: 6 }, filter: 'web' };
    const scene = called(granted, profile);
    expect(scene.lns.limits).toMatchObject([{ rate: granted.rate, filter: web.rules }]);
    expect(theCall(scene.lns)?.ppp.limits).toEqual({
      ...granted,
      idleTimeoutMs: undefined,
      sessionTimeoutMs: undefined,
    });
    expect(called({ rate: 'none' }, profile).lns.limits).toEqual([]);
  });

  it('that are not there let nobody in', () => {
    const scene = called({ filter: 'lost' });
    expect(theCall(scene.lac)).toMatchObject({ state: 'closed' });
    expect(scene.lns.notices.at(-1)?.message).toContain('the Gateway has no filter named lost');
    expect(told(scene)).toEqual(['start', 'stop serviceUnavailable']);
  });
});

describe('an AAA that changes its mind', () => {
  it('changes limits in place', () => {
    const scene = called({ rate: { txBps: 5, rxBps: 6 } });
    const { lns, world } = scene;
    const limits = { rate: { txBps: 50, rxBps: 60 }, filter: 'web', sessionTimeoutMs: 60_000 } as const;
    lns.run(lns.engine.changeLimits(key(scene), limits, world.now) ?? []);
    expect(lns.limits.at(-1)).toMatchObject({ rate: limits.rate, filter: web.rules });
    lns.run(lns.engine.changeLimits(key(scene), { rate: 'none' }, world.now) ?? []);
    expect(lns.limits.at(-1)).toMatchObject({ rate: undefined, filter: web.rules });
    expect(theCall(lns)).toMatchObject({ state: 'established' });
    world.runFor(60_000);
    expect(told(scene)).toEqual(['start', 'stop sessionTimeout']);
  });

  it('hangs up', () => {
    const scene = called();
    const { lns, lac, world } = scene;
    lns.run(lns.engine.disconnect(key(scene), 'adminReset', 'RADIUS wants it', world.now) ?? []);
    world.runFor(1_000);
    expect(told(scene)).toEqual(['start', 'stop adminReset']);
    expect(theCall(lac)?.failure?.message).toContain('RADIUS wants it');
  });

  it('changes what counts before the call carries user packets', () => {
    const world = new World(7);
    const lac = world.node('10.0.0.1', gatewaySpec());
    const lns = world.node('10.0.0.3', gatewaySpec({ peers: [peerSpec(wide)], filters: [web] }));
    lns.subscribers.set('alice', new Secret('wonderland'));
    lns.grants.set('alice', { rate: { txBps: 5, rxBps: 6 }, sessionTimeoutMs: 500_000 });
    lac.dial(tunnelSpec(lns.address));
    world.runFor(1_000);
    lac.run(lac.engine.openSession(sessionSpec('call'), world.now));
    while (lns.leases.size === 0) world.runFor(1);
    expect(lns.accounts).toEqual([]);
    const scene = { world, lac, lns };
    lns.run(lns.engine.changeLimits(key(scene), { filter: 'web' }, world.now) ?? []);
    lns.run(lns.engine.changeLimits(key(scene), { sessionTimeoutMs: 60_000 }, world.now) ?? []);
    world.runFor(5_000);
    expect(lns.limits).toMatchObject([{ rate: { txBps: 5, rxBps: 6 }, filter: web.rules }]);
    world.runFor(60_000);
    expect(told(scene)).toEqual(['start', 'stop sessionTimeout']);
  });

  it('learns when there is no such call', () => {
    const { lns, world } = called();
    expect(lns.engine.disconnect(77, 'adminReset', '', world.now)).toBeUndefined();
    expect(lns.engine.changeLimits(77, {}, world.now)).toBeUndefined();
  });
});

describe('a late answer', () => {
  it('of an earlier call with the same key is not taken', () => {
    const scene = called();
    const { lns, world } = scene;
    const call = { port: '1/1', avps: {} };
    const request = {
      session: key(scene),
      aaa: 'local',
      user: 'mallory',
      credentials: { method: 'none' },
      call,
    } as const;
    const answer = { verdict: 'reject', message: 'no' } as const;
    expect(lns.engine.authenticated(request, answer, world.now)).toEqual([]);
    const allocation = { session: key(scene), aaa: 'local' };
    expect(lns.engine.allocated(allocation, { ipv4: 1 }, world.now)).toEqual([]);
    expect(theCall(lns)).toMatchObject({ state: 'established' });
  });
});

describe('a call whose way the AAA knows', () => {
  const rule = { aaa: true, tunnels: [] };

  /** A LAC with a client in a tunnel of another LAC's, and two LNSs that know alice. */
  function granted(grant: Grant, changes: Partial<GatewaySpec> = {}, rules = [rule]) {
    const world = new World(9);
    const lac = world.node('10.0.0.1', gatewaySpec());
    const session = { ...sessionParameters, forward: { rules, avps: {} } };
    const middle = world.node('10.0.0.2', gatewaySpec({ peers: [peerSpec({ ...wide, session })], ...changes }));
    const lnses = ['10.0.0.3', '10.0.0.4'].map((address) =>
      world.node(address, gatewaySpec({ peers: [peerSpec(wide)] })),
    );
    for (const node of [middle, ...lnses]) node.subscribers.set('alice', new Secret('wonderland'));
    middle.grants.set('alice', grant);
    lac.dial(tunnelSpec(middle.address));
    world.runFor(1_000);
    const call = (name: string): void => lac.run(lac.engine.openSession(sessionSpec(name, { ppp: chap }), world.now));
    call('call');
    world.runFor(10_000);
    return { world, lac, middle, lnses, call };
  }
  const chap = pppSpec('client', { authMethods: ['chap'] });

  it('goes on in a tunnel that nobody declared, which later calls share and which closes when it is empty', () => {
    const { world, lac, middle, lnses, call } = granted({
      tunnels: [{ remoteAddress: '10.0.0.3', hostName: 'wholesale' }],
    });
    const [lns] = lnses;
    expect(theCall(lns)).toMatchObject({ state: 'established', ppp: { phase: 'network', user: 'alice' } });
    expect([...lns.engine.acceptedTunnels()][0].peerHostName).toBe('wholesale');
    expect([...middle.engine.declaredTunnels()]).toEqual([]);
    expect(middle.engine.accepted()).toEqual({ tunnels: 2, sessions: 2 });
    call('second');
    world.runFor(10_000);
    expect([...lns.engine.acceptedTunnels()]).toHaveLength(1);
    expect([...lns.engine.acceptedSessions()]).toHaveLength(2);
    for (const name of ['call', 'second']) lac.run(lac.engine.closeSession(name, world.now));
    world.runFor(200_000);
    expect([...lns.engine.acceptedTunnels()]).toEqual([]);
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, tunnels: 1 });
    expect(middle.openSockets).toBe(0);
  });

  it('tells the LNS the group that was granted, also in a tunnel that already stands', () => {
    const tunnels = [{ remoteAddress: '10.0.0.3', privateGroupId: 'red' }];
    const { world, lnses, call } = granted({ tunnels });
    call('second');
    world.runFor(10_000);
    const groups = [...lnses[0].engine.acceptedSessions()].map((each) => each.call.privateGroupId);
    expect(groups).toEqual(['red', 'red']);
  });

  it('is accounted for and limited as long as it goes on', () => {
    const tunnels = [{ remoteAddress: '10.0.0.3' }];
    const { world, lac, middle } = granted({ tunnels, interimIntervalMs: 30_000, sessionTimeoutMs: 100_000 });
    expect(middle.accounts).toMatchObject([{ event: 'start', user: 'alice', sessionMs: 0 }]);
    world.runFor(200_000);
    const told = middle.accounts.map(({ event, cause }) => (cause ? `${event} ${cause}` : event));
    expect(told.slice(0, 3)).toEqual(['start', 'interim', 'interim']);
    expect(told.at(-1)).toBe('stop sessionTimeout');
    expect(theCall(lac)).toMatchObject({ state: 'closed' });
  });

  it('goes on in the second when the first is not to be had', () => {
    const tunnels = [{ remoteAddress: '10.0.0.99' }, { remoteAddress: '10.0.0.4' }];
    const { world, lnses } = granted({ tunnels }, { tunnelEstablishTimeoutMs: 5_000 });
    world.runFor(60_000);
    expect(theCall(lnses[1])).toMatchObject({ state: 'established', ppp: { phase: 'network' } });
  });

  it('ends when no granted tunnel is to be had', () => {
    const { world, lac, middle } = granted(
      { tunnels: [{ remoteAddress: '10.0.0.99' }] },
      { tunnelEstablishTimeoutMs: 5_000 },
    );
    world.runFor(60_000);
    expect(theCall(lac)).toMatchObject({ state: 'closed', failure: { result: 2, error: 7 } });
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, serials: 0 });
  });

  it('ends when no more tunnels are allowed', () => {
    const { lac, middle, lnses } = granted({ tunnels: [{ remoteAddress: '10.0.0.3' }] }, { maxTunnels: 1 });
    expect(theCall(lac)).toMatchObject({ state: 'closed', failure: { result: 2, error: 7 } });
    expect([...lnses[0].engine.acceptedTunnels()]).toEqual([]);
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, tunnels: 1, serials: 0 });
  });

  it('is terminated here when it gets no tunnel', () => {
    const { lac, middle, lnses } = granted({});
    expect(theCall(lac)).toMatchObject({ ppp: { phase: 'network' } });
    expect(middle.leases.size).toBe(1);
    // Once for both: a one-time password would not pass twice.
    expect(middle.asked.map(({ credentials }) => credentials.method)).toEqual(['chap']);
    expect(middle.accounts).toMatchObject([{ event: 'start', user: 'alice' }]);
    expect(lnses.flatMap((lns) => [...lns.engine.acceptedSessions()])).toEqual([]);
  });

  it('ends when its user is not let in', () => {
    const { world, lac, middle, call } = granted({});
    middle.subscribers.clear();
    lac.run(lac.engine.closeSession('call', world.now));
    call('again');
    world.runFor(10_000);
    const again = [...lac.engine.declaredSessions()].find(({ name }) => name === 'again');
    expect(again).toMatchObject({ state: 'closed' });
    expect(again?.failure?.message).toContain('not let in');
  });

  it('goes on in the next when its tunnel is lost, even if that is granted twice', () => {
    const twice = [{ remoteAddress: '10.0.0.3' }, { remoteAddress: '10.0.0.3' }, { remoteAddress: '10.0.0.4' }];
    const { world, lac, middle, lnses, call } = granted({ tunnels: twice });
    call('second');
    // The second call has been asked for, and not yet been answered.
    while (middle.engine.sizes().sessions < 4) world.runFor(1);
    const [name] = [...middle.engine.acceptedTunnels()].flatMap(({ name }) => name ?? []);
    middle.run(middle.engine.closeTunnel(name, world.now));
    world.runFor(10_000);
    expect([...lnses[1].engine.acceptedSessions()]).toMatchObject([{ ppp: { phase: 'network' } }]);
    lac.run(lac.engine.closeTunnel('to-peer', world.now));
    world.runFor(200_000);
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, tunnels: 0, serials: 0 });
  });

  it('is not kept waiting by a Gateway that drains, and finds its tunnel again afterwards', () => {
    const { world, lac, middle, call } = granted({ tunnels: [{ remoteAddress: '10.0.0.3' }] });
    const { gateway } = middle;
    call('second');
    while (middle.engine.sizes().sessions < 3) world.runFor(1);
    middle.run(middle.engine.configure({ ...gateway, drain: true }, world.now));
    world.runFor(2_000);
    const views = () => new Map([...lac.engine.declaredSessions()].map((view) => [view.name, view.ppp.phase]));
    expect(views().get('second')).toBe('dead');
    lac.run(lac.engine.closeSession('call', world.now));
    world.runFor(200_000);
    middle.run(middle.engine.configure(gateway, world.now));
    call('third');
    world.runFor(10_000);
    expect(views().get('third')).toBe('network');
  });

  it('that hangs up while its tunnel is dialled leaves nothing behind', () => {
    const { world, lac, middle } = granted({ tunnels: [{ remoteAddress: '10.0.0.99' }] });
    lac.run(lac.engine.closeSession('call', world.now));
    world.runFor(200_000);
    expect(middle.engine.sizes()).toMatchObject({ sessions: 0, tunnels: 1, serials: 0 });
  });
});
