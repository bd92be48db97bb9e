import { describe, expect, it } from 'vitest';
import { type Desired, desired } from '../../src/reconciler/desired.ts';
import { plan } from '../../src/reconciler/plan.ts';
import { statusesOf } from '../../src/reconciler/status.ts';
import { doc, resolved, snapshot, told } from './declare.ts';
import { nothing } from './fake-live.ts';

const tunnel = doc('Tunnel', 't', { remoteAddress: '192.0.2.9' });
const server = (spec: object = {}, name = 'p') =>
  doc('PppoeServer', name, { interface: 'eth1', sessionProfile: 'out', ...spec });
const out = doc('SessionProfile', 'out', { forward: { tunnels: ['t'] }, pppProfile: 'meet' });
const serversOf = ({ state }: Desired) => state.gateway.pppoeServers;

describe('a PppoeServer', () => {
  it('comes to an access concentrator whose calls go on', () => {
    const found = resolved(
      tunnel,
      server({ acName: 'bras', serviceNames: ['internet'], maxSessions: 9 }),
      out,
      doc('PppProfile', 'meet', { auth: { pap: false } }),
    );
    expect(told(found)).toEqual([]);
    expect(serversOf(found)).toMatchObject([
      {
        name: 'p',
        interface: 'eth1',
        acName: 'bras',
        serviceNames: ['internet'],
        maxSessions: 9,
        session: { type: 'lacIncoming', forward: { rules: [{ tunnels: ['t'] }] } },
        ppp: { role: 'server', mtu: 1492, mru: 1492, authMethods: ['mschapv2', 'chap'], localName: 'bras' },
      },
    ]);
    expect(found.explain('PppoeServer/p')).toMatchObject({
      acName: { value: 'bras', from: 'PppoeServer/p' },
      'session.forward': { from: 'SessionProfile/out' },
      'ppp.auth.pap': { value: false, from: 'PppProfile/meet' },
    });
    expect(found.usedBy.get('SessionProfile/out')).toBe(1);
  });

  it('is called as the Gateway is, and takes the profile default', () => {
    const always = doc('SessionProfile', 'default', { forward: { tunnels: ['t'] } });
    const bare = doc('PppoeServer', 'p', { interface: 'eth1' });
    const found = resolved(doc('Gateway', 'g', { hostName: 'lac.example' }), tunnel, always, bare);
    expect(told(found)).toEqual([]);
    expect(serversOf(found)).toMatchObject([{ acName: 'lac.example', serviceNames: [], maxSessions: 0 }]);
    expect(serversOf(resolved(tunnel, always, bare))[0].acName).toBe('prol2tp');
    expect(found.explain('PppoeServer/p')?.acName).toEqual({ value: 'lac.example', from: 'Gateway/g' });
  });

  const nowhere = 'there is nowhere for the calls of PppoeServer/p to go: give SessionProfile';
  it.each([
    [
      'without a forward',
      [tunnel, server(), doc('SessionProfile', 'out')],
      [`PppoeServer/p: spec.sessionProfile: ${nowhere}/out a forward with tunnels`],
    ],
    [
      'without a profile',
      [doc('PppoeServer', 'p', { interface: 'eth1' })],
      [`PppoeServer/p: spec.sessionProfile: ${nowhere}/default a forward with tunnels`],
    ],
    [
      'with a forward that leads nowhere',
      [tunnel, server(), doc('SessionProfile', 'out', { forward: { rules: [{ realm: 'x' }] } })],
      [`PppoeServer/p: spec.forward: ${nowhere}/out a forward with tunnels`],
    ],
    [
      'to a Tunnel that there is not',
      [server(), doc('SessionProfile', 'out', { forward: { tunnels: ['t'] } })],
      ['PppoeServer/p: spec.forward.tunnels[0]: Tunnel/t does not exist'],
    ],
    [
      'with a profile that there is not',
      [tunnel, server({ sessionProfile: 'x' })],
      ['PppoeServer/p: spec.sessionProfile: SessionProfile/x does not exist'],
    ],
    [
      'on an interface that is served',
      [tunnel, server(), server({}, 'q'), doc('SessionProfile', 'out', { forward: { tunnels: ['t'] } })],
      ['PppoeServer/q: spec.interface: PppoeServer/p serves this interface'],
    ],
  ])('%s is a mistake', (_, documents, errors) => {
    expect(told(resolved(...documents))).toEqual(errors);
  });

  it('with a mistake stays as it was', () => {
    const profiles = [tunnel, doc('SessionProfile', 'out', { forward: { tunnels: ['t'] } })];
    const before = resolved(...profiles, server());
    const after = desired(snapshot(...profiles, server({ pppProfile: 'x', maxSessions: 5 })), before);
    expect(told(after)).toEqual(['PppoeServer/p: spec.pppProfile: PppProfile/x does not exist']);
    expect(after.state.gateway).toBe(before.state.gateway);
  });
});

describe('the plan for a PppoeServer', () => {
  const profiles = [tunnel, doc('SessionProfile', 'out', { forward: { tunnels: ['t'] } })];
  const before = resolved(...profiles, server({ acName: 'a' }));
  const stepsTo = (after: Desired, sessions: number) =>
    plan(after.state, {
      ...nothing,
      aaa: before.state.aaa,
      gateway: before.state.gateway,
      pppoeServers: [{ name: 'p', sessions }],
    })
      .filter(({ action }) => action === 'configureGateway')
      .map(({ reason }) => reason);

  it('says what drops when its interface is served no more', () => {
    const moved = resolved(...profiles, server({ acName: 'a', interface: 'eth2' }));
    const change = 'pppoeServers.p.interface eth1 -> eth2';
    expect(stepsTo(moved, 3)).toEqual([`${change}; PppoeServer/p drops 3 calls`]);
    expect(stepsTo(moved, 0)).toEqual([change]);
    expect(stepsTo(resolved(...profiles), 1)).toEqual(['pppoeServers.p removed; PppoeServer/p drops a call']);
  });

  it('tells one that the system refused from one that is new', () => {
    const without = { ...before.state.gateway, pppoeServers: [] };
    const observed = { ...nothing, aaa: before.state.aaa, gateway: without };
    const reasons = (failure: string | undefined) =>
      plan(before.state, { ...observed, pppoeServers: failure ? [{ name: 'p', sessions: 0, failure }] : [] })
        .filter(({ action }) => action === 'configureGateway')
        .map(({ reason }) => reason);
    expect(reasons('PPPoE on eth1: ENODEV')).toEqual(['PppoeServer/p is tried again']);
    expect(reasons(undefined)).toEqual(['pppoeServers.p added']);
  });

  it('drops nothing for other changes, or when another server takes the interface', () => {
    const renamed = resolved(...profiles, server({ acName: 'b' }));
    expect(stepsTo(renamed, 3)[0]).not.toContain('drops');
    const other = resolved(...profiles, server({ acName: 'a' }, 'q'));
    expect(stepsTo(other, 3)).toEqual(['pppoeServers.p removed, pppoeServers.q added']);
  });
});

describe('the status of a PppoeServer', () => {
  const found = resolved(
    tunnel,
    server({ acName: 'bras' }),
    doc('SessionProfile', 'out', { forward: { tunnels: ['t'] } }),
  );
  const status = (view: { sessions: number; failure?: string } | undefined) =>
    statusesOf({
      desired: found,
      observed: { ...nothing, pppoeServers: view ? [{ name: 'p', ...view }] : [] },
      attempts: new Map(),
      generations: new Map(),
      before: new Map(),
      nowMs: 0,
      wallOffsetMs: 0,
    }).get('PppoeServer/p');
  const ready = (view: Parameters<typeof status>[0]) => {
    const { status: is, reason, message } = status(view)?.conditions?.find(({ type }) => type === 'Ready') ?? {};
    return [is, reason, message];
  };

  it('says whether it serves, and whom', () => {
    expect(ready(undefined)).toEqual(['False', 'Pending', 'is put in force next']);
    expect(ready({ sessions: 3 })).toEqual(['True', 'Applied', 'serves eth1 as bras']);
    expect(status({ sessions: 3 })).toMatchObject({ interface: 'eth1', acName: 'bras', sessions: 3 });
  });

  it('says why the system does not let it', () => {
    const failure = 'PPPoE on eth1: ENODEV';
    expect(ready({ sessions: 0, failure })).toEqual([
      'False',
      'ActionFailed',
      `${failure} (there is no such interface); it is tried again`,
    ]);
  });
});
