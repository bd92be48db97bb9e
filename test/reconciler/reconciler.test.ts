import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlaneError } from '../../src/engine/errors.ts';
import { plan } from '../../src/reconciler/plan.ts';
import { Reconciler, type ReconcilerEvent } from '../../src/reconciler/reconciler.ts';
import type { Snapshot } from '../../src/reconciler/resources.ts';
import { doc, snapshot } from './declare.ts';
import { FakeLive, VirtualClock } from './fake-live.ts';

const tunnel = (spec: object = {}, name = 't') =>
  doc('Tunnel', name, { remoteAddress: '192.0.2.1', persist: true, ...spec });
const session = (spec: object = {}, name = 's') => doc('Session', name, { tunnel: 't', ...spec });

/** A reconciler in a fake world. `random` 0: waits are whole. */
function start(first: Snapshot, random: () => number = () => 0) {
  const clock = new VirtualClock();
  const live = new FakeLive(clock);
  const events: ReconcilerEvent[] = [];
  const reconciler = new Reconciler({ live, clock, random, onEvent: (event) => events.push(event) });
  live.onChange = () => reconciler.wake();
  reconciler.setSnapshot(first);
  return { clock, live, reconciler, events };
}

describe('the loop', () => {
  it('brings up what is declared and then rests', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel(), session()));
    await clock.advance(1000);
    expect(live.taken()).toEqual(['configureAaa', 'configureGateway', 'openTunnel t', 'openSession s']);
    expect(live.sessions.get('s')?.state).toBe('established');
    await clock.advance(100_000);
    expect(live.taken()).toEqual([]);
    expect(await reconciler.planFor()).toMatchObject({ actions: [], impact: { tunnels: [], sessions: [] } });
  });

  it('does nothing before there is something declared', async () => {
    const clock = new VirtualClock();
    const live = new FakeLive(clock);
    const reconciler = new Reconciler({ live, clock, random: () => 0 });
    reconciler.wake();
    await clock.advance(1000);
    expect(live.taken()).toEqual([]);
  });

  it('changes in place, re-establishes and closes as documents change', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel(), session()));
    await clock.advance(1000);
    live.taken();

    reconciler.setSnapshot(snapshot(tunnel({ helloInterval: '5s' }), session()));
    await clock.advance(1000);
    expect(live.taken()).toEqual(['modifyTunnel t']);

    reconciler.setSnapshot(snapshot(tunnel({ remoteAddress: '192.0.2.9' }), session()));
    await clock.advance(500);
    expect(live.taken()).toEqual(['closeTunnel t', 'openTunnel t', 'openSession s']);

    reconciler.setSnapshot(snapshot());
    await clock.advance(1000);
    expect(live.taken()).toEqual(['closeSession s', 'closeTunnel t']);
  });

  it('notices by itself what nobody told', async () => {
    const { clock, live } = start(snapshot(tunnel()));
    await clock.advance(1000);
    live.taken();
    live.onChange = () => undefined;
    live.loseTunnel('t');
    await clock.advance(29_000);
    expect(live.taken()).toEqual([]);
    await clock.advance(3000);
    expect(live.taken()).toEqual(['openTunnel t']);
  });

  it('turns many wake-ups into few passes, never two at once', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel()));
    await clock.advance(1000);
    const before = live.observations;
    for (let n = 0; n < 1000; n++) reconciler.wake();
    await clock.advance(40);
    expect(live.observations - before).toBe(1);

    let running = 0;
    let most = 0;
    const observe = live.observe.bind(live);
    live.observe = async () => {
      most = Math.max(most, ++running);
      await new Promise((done) => setImmediate(done));
      running--;
      return observe();
    };
    for (let n = 0; n < 20; n++) {
      reconciler.wake();
      await clock.advance(10);
    }
    expect(most).toBe(1);
  });

  it('stops: no action afterwards, no timer left', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel()));
    await clock.advance(20);
    live.taken();
    await reconciler.stop();
    reconciler.wake();
    reconciler.setSnapshot(snapshot());
    await clock.advance(100_000);
    expect(live.taken()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('outlives a world that cannot be observed', async () => {
    const { clock, live, events } = start(snapshot(tunnel()));
    const observe = live.observe.bind(live);
    live.observe = () => Promise.reject(new Error('netlink is gone'));
    await clock.advance(1000);
    expect(events.at(-1)).toMatchObject({ object: 'World', outcome: 'refused', message: 'netlink is gone' });
    live.observe = observe;
    await clock.advance(31_000);
    expect(live.tunnels.get('t')?.state).toBe('established');
  });

  it('previews without doing anything', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel(), session()));
    await clock.advance(1000);
    live.taken();
    const preview = await reconciler.planFor(snapshot(tunnel({ remoteAddress: '192.0.2.9' }), session({ mtu: 1 })));
    expect(preview.actions.map(({ action }) => action)).toEqual(['closeTunnel', 'openTunnel', 'openSession']);
    expect(preview.impact).toEqual({ tunnels: ['t'], sessions: ['s'] });
    expect(preview.errors.map(({ resource }) => resource)).toEqual(['Session/s']);
    await clock.advance(1000);
    expect(live.taken()).toEqual([]);
    expect(reconciler.errors).toEqual([]);
  });

  it('tells every step, taken or refused', async () => {
    const { clock, live, events } = start(snapshot(tunnel()));
    live.refuse = ({ action }) => (action === 'configureAaa' ? 'EPERM' : undefined);
    await clock.advance(500);
    expect(events.map(({ object, what, outcome, message }) => [object, what, outcome, message])).toEqual([
      ['AAA', 'configureAaa', 'refused', 'EPERM'],
      ['Gateway', 'configureGateway', 'taken', 'first configuration'],
      ['Tunnel/t', 'openTunnel', 'taken', 'declared'],
    ]);
  });
});

it('tells in words what the system refuses', async () => {
  const { clock, live, events } = start(snapshot(tunnel()));
  live.refuse = ({ action }) => (action === 'openTunnel' ? new PlaneError('EADDRINUSE', 'UDP socket') : undefined);
  await clock.advance(500);
  const refused = events.find(({ outcome }) => outcome === 'refused');
  expect(refused?.message).toBe('UDP socket: EADDRINUSE (another program has this address and port)');
});

/** The times between the takings of one action. */
function waits(live: FakeLive, name: string): number[] {
  const times = live.asked.filter(({ action }) => action.action === name).map(({ at }) => at);
  return times.slice(1).map((at, index) => at - times[index]);
}

describe('back-off', () => {
  const bounded = (spec: object) => snapshot(doc('Gateway', 'g', spec), tunnel(), session());

  it('doubles from about a second up to tunnelPersistPendTimeout', async () => {
    const { clock, live } = start(bounded({ tunnelPersistPendTimeout: '10s' }));
    live.answers = () => false;
    await clock.advance(60_000);
    // A tenth of a second passes until the peer's silence is noticed; the wait begins then.
    const seconds = waits(live, 'openTunnel').map((ms) => Math.round((ms - 100) / 1000));
    expect(seconds.slice(0, 6)).toEqual([1, 2, 4, 8, 10, 10]);
  });

  it('is shortened by up to a quarter, at random', async () => {
    const { clock, live } = start(bounded({ tunnelPersistPendTimeout: '8s' }), () => 0.999);
    live.answers = () => false;
    await clock.advance(60_000);
    const seconds = waits(live, 'openTunnel').map((ms) => Math.round((ms - 100) / 100) / 10);
    expect(seconds.slice(3, 6)).toEqual([6, 6, 6]);
  });

  it('is bounded by sessionPersistPendTimeout for calls', async () => {
    const { clock, live } = start(bounded({ sessionPersistPendTimeout: '3s' }));
    live.refuse = (action) => (action.action === 'openSession' ? 'busy' : undefined);
    await clock.advance(20_000);
    expect(waits(live, 'openSession').slice(0, 4)).toEqual([1000, 2000, 3000, 3000]);
  });

  it('grows also for calls whose PPP never opens, however long it tries', async () => {
    const { clock, live } = start(snapshot(tunnel(), session()));
    live.pppOpens = false;
    await clock.advance(1000);
    const placed: number[] = [];
    for (let call = 0; call < 5; call++) {
      await clock.advance(35_000);
      const lost = clock.now();
      live.asked.splice(0);
      live.loseSession('s');
      await clock.advance(61_000);
      placed.push(...live.asked.map(({ at }) => at - lost));
    }
    expect(placed).toEqual([1000, 2000, 4000, 8000, 16_000]);
  });

  it('keeps from fighting over a device with somebody who changes it each time', async () => {
    const { clock, live, reconciler } = start(snapshot(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] })));
    await clock.advance(1000);
    const damage = () => {
      const device = live.devices.get('l2tp0');
      if (device) live.devices.set('l2tp0', { ...device, gaps: ['down'] });
      reconciler.wake();
    };
    live.asked.splice(0);
    for (let tenth = 0; tenth < 300; tenth++) {
      if (live.devices.get('l2tp0')?.gaps.length === 0) damage();
      await clock.advance(100);
    }
    expect(waits(live, 'repairDevice').map((ms) => Math.round(ms / 1000))).toEqual([1, 2, 4, 5, 5, 5, 5]);
    await clock.advance(60_000);
    expect(live.devices.get('l2tp0')?.gaps).toEqual([]);
    live.asked.splice(0);
    const at = clock.now();
    damage();
    await clock.advance(500);
    expect(live.asked.map((each) => each.at - at)).toEqual([0]);
  });

  it('starts anew after the tunnel was up for a while, not when it falls at once', async () => {
    const { clock, live } = start(snapshot(tunnel()));
    live.answers = () => false;
    await clock.advance(8000);
    live.answers = () => true;
    await clock.advance(10_000);
    expect(live.tunnels.get('t')?.state).toBe('established');
    live.asked.splice(0);
    live.loseTunnel('t');
    await clock.advance(5000);
    expect(live.asked).toEqual([]);
    await clock.advance(60_000);
    expect(live.tunnels.get('t')?.state).toBe('established');
    const lost = clock.now();
    live.asked.splice(0);
    live.loseTunnel('t');
    await clock.advance(5000);
    expect(live.asked.map(({ at }) => at - lost)).toEqual([1000]);
  });

  it('ends when the declared tunnel changes', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel()));
    live.answers = (address) => address === '192.0.2.9';
    await clock.advance(20_000);
    live.asked.splice(0);
    reconciler.setSnapshot(snapshot(tunnel({ remoteAddress: '192.0.2.9' })));
    await clock.advance(200);
    expect(live.tunnels.get('t')?.state).toBe('established');
  });

  it('does not hold calls back that went down with their tunnel', async () => {
    const { clock, live } = start(snapshot(tunnel(), session()));
    await clock.advance(60_000);
    live.asked.splice(0);
    live.loseTunnel('t');
    await clock.advance(1200);
    expect(live.taken()).toEqual(['openTunnel t', 'openSession s']);
  });

  it('does not hold pseudowires back that went down with their tunnel, however often', async () => {
    const wire = doc('Session', 's', { tunnel: 't', pseudowire: 'ethernet' });
    const { clock, live } = start(snapshot(tunnel({ version: 'v3' }), wire));
    for (let times = 0; times < 5; times++) {
      await clock.advance(60_000);
      live.asked.splice(0);
      live.loseTunnel('t');
      await clock.advance(1200);
      expect(live.taken()).toEqual(['openTunnel t', 'openSession s']);
    }
  });

  it('begins with the first wait for a pseudowire that was up for a while, and goes on for one that is never attached', async () => {
    const wire = doc('Session', 's', { tunnel: 't', pseudowire: 'ethernet' });
    const { clock, live } = start(snapshot(tunnel({ version: 'v3' }), wire));
    const waitAfter = async (upForMs: number) => {
      await clock.advance(upForMs);
      live.asked.splice(0);
      const lost = clock.now();
      live.loseSession('s');
      await clock.advance(60_000);
      return live.asked.map(({ at }) => at - lost);
    };
    expect(await waitAfter(40_000)).toEqual([1000]);
    expect(await waitAfter(40_000)).toEqual([1000]);
    live.attaches = false;
    expect(await waitAfter(40_000)).toEqual([1000]);
    expect(await waitAfter(40_000)).toEqual([2000]);
  });

  it('is each object’s own: what is refused does not hold up the others', async () => {
    const { clock, live, reconciler } = start(snapshot(tunnel(), tunnel({}, 'u')));
    live.refuse = (action) => (action.action === 'openTunnel' && action.spec.name === 't' ? 'EADDRINUSE' : undefined);
    await clock.advance(10_000);
    expect(live.tunnels.get('u')?.state).toBe('established');
    expect(waits(live, 'openTunnel').length).toBeGreaterThan(2);
    const ready = reconciler.statuses.get('Tunnel/t')?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'ActionFailed' });
    expect(ready?.message).toMatch(/^openTunnel: EADDRINUSE; it is dialled again at 1970-/);
    live.refuse = () => undefined;
    await clock.advance(10_000);
    expect(reconciler.statuses.get('Tunnel/t')?.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'True' });
  });

  it('is not waited for: a name that takes long to resolve holds up nobody', async () => {
    const named = tunnel({ remoteAddress: 'slow.example' }, 'a');
    const { clock, live, reconciler } = start(snapshot(named, tunnel(), session()));
    const apply = live.apply.bind(live);
    const lookUps: (() => void)[] = [];
    live.apply = async (action) => {
      if (action.action === 'openTunnel' && action.spec.remoteAddress === 'slow.example') {
        await new Promise<void>((answered) => lookUps.push(answered));
      }
      return apply(action);
    };
    await clock.advance(1000);
    expect(live.sessions.get('s')?.state).toBe('established');
    const observed = live.observations;
    await clock.advance(20_000);
    expect(live.observations - observed).toBeLessThan(3);

    reconciler.setSnapshot(snapshot(named, tunnel({ helloInterval: '5s' }), session()));
    await clock.advance(100);
    expect(live.taken().at(-1)).toBe('modifyTunnel t');
    expect(lookUps.length).toBe(1);

    // Another address does not wait for the look-up of the first.
    const moved = tunnel({ remoteAddress: '192.0.2.9' }, 'a');
    reconciler.setSnapshot(snapshot(moved, tunnel({ helloInterval: '5s' }), session()));
    await clock.advance(200);
    expect(live.tunnels.get('a')?.state).toBe('established');
    for (const answered of lookUps) answered();
    await clock.advance(200);
    expect(live.tunnels.get('a')).toMatchObject({ state: 'established', remote: { address: '192.0.2.9' } });

    reconciler.setSnapshot(snapshot());
    await clock.advance(200);
    expect(live.tunnels.size).toBe(0);
  });

  it('slows a world down that does not do what it says', async () => {
    const { clock, live } = start(snapshot(tunnel()));
    await clock.advance(1000);
    live.asked.splice(0);
    live.devices.set('l2tp9', { name: 'l2tp9', owner: 'Gateway', gaps: [] });
    live.devices.delete = () => true;
    await clock.advance(30_000 + 16_000);
    expect(waits(live, 'removeDevice').slice(0, 3)).toEqual([1000, 2000, 4000]);
  });

  it('does not dial a tunnel again that is not to persist', async () => {
    const { clock, live } = start(snapshot(tunnel({ persist: false })));
    live.answers = () => false;
    await clock.advance(100_000);
    expect(waits(live, 'openTunnel')).toEqual([]);
    expect(live.tunnels.get('t')?.state).toBe('closed');
  });
});

describe('any declared state', () => {
  const names = ['a', 'b', 'c'] as const;
  const tunnelSpec = fc.record({
    remoteAddress: fc.constantFrom('192.0.2.1', '192.0.2.2'),
    persist: fc.boolean(),
    helloInterval: fc.constantFrom('10s', '20s'),
    hostName: fc.constantFrom('x', 'y'),
  });
  const sessionSpec = fc.record({
    tunnel: fc.constantFrom(...names),
    useSequenceNumbers: fc.boolean(),
    interfaceName: fc.constantFrom('i', 'j', 'k', 'l2tp0'),
    callingNumber: fc.constantFrom('1', '2'),
  });
  const some = (spec: fc.Arbitrary<object>) =>
    fc.dictionary(fc.constantFrom(...names), spec, { maxKeys: 3, noNullPrototype: true });
  const declared = fc
    .record({
      listens: fc.boolean(),
      drain: fc.constantFrom(false, false, false, true),
      tunnels: some(tunnelSpec),
      sessions: some(sessionSpec),
    })
    .map(({ listens, drain, tunnels, sessions }) =>
      snapshot(
        doc('Gateway', 'g', { drain, ...(listens ? { listen: [{ address: '0.0.0.0' }] } : {}) }),
        ...Object.entries(tunnels).map(([name, spec]) => doc('Tunnel', name, spec)),
        ...Object.entries(sessions).map(([name, spec]) => doc('Session', name, spec)),
      ),
    );
  const trouble = fc.constantFrom('none', 'none', 'loseTunnel', 'loseSession', 'refuse') as fc.Arbitrary<
    'none' | 'loseTunnel' | 'loseSession' | 'refuse'
  >;

  it('is reached from any other, through troubles, and then nothing more is done', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(declared, trouble, fc.constantFrom(...names), fc.nat(2000)), { minLength: 1, maxLength: 5 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        async (steps, random) => {
          const { clock, live, reconciler } = start(snapshot(), () => random);
          for (const [wanted, what, name, pause] of steps) {
            live.refuse = () => (what === 'refuse' ? 'not now' : undefined);
            reconciler.setSnapshot(wanted);
            await clock.advance(pause);
            if (what === 'loseTunnel') live.loseTunnel(name);
            if (what === 'loseSession') live.loseSession(name);
          }
          live.refuse = () => undefined;
          await clock.advance(600_000);
          const state = reconciler.desired?.state;
          if (!state) throw new Error('nothing is desired');
          expect(plan(state, await live.observe())).toEqual([]);
          live.asked.splice(0);
          await clock.advance(120_000);
          expect(live.taken()).toEqual([]);
          if (state.gateway.drain) return;
          for (const { name: tunnel, persist } of state.tunnels.values()) {
            if (persist) expect(live.tunnels.get(tunnel)?.state).toBe('established');
          }
          for (const { name: session, tunnel } of state.sessions.values()) {
            if (state.tunnels.get(tunnel)?.persist) expect(live.sessions.get(session)?.state).toBe('established');
          }
          await reconciler.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});
