import { describe, expect, it } from 'vitest';
import type { SessionSpec, TunnelSpec } from '../../src/engine/spec.ts';
import { foresee } from '../../src/reconciler/foresee.ts';
import { objectOf } from '../../src/reconciler/plan.ts';
import { doc, resolved } from './declare.ts';
import { nothing, sessionView, tunnelView } from './fake-live.ts';

const tunnel = (spec: object = {}) => doc('Tunnel', 't', { remoteAddress: '192.0.2.1', ...spec });
const session = (spec: object = {}) => doc('Session', 's', { tunnel: 't', ...spec });
const steps = (actions: ReturnType<typeof foresee>) => actions.map((action) => `${action.action} ${objectOf(action)}`);

describe('what is foreseen', () => {
  const { state } = resolved(tunnel(), session());
  const up = {
    ...nothing,
    gateway: state.gateway,
    aaa: state.aaa,
    tunnels: new Map([['t', tunnelView(state.tunnels.get('t') as TunnelSpec, 'established')]]),
    sessions: new Map([['s', sessionView(state.sessions.get('s') as SessionSpec, 'established')]]),
  };

  it('goes on from tunnels to their calls', () => {
    expect(steps(foresee(state, nothing))).toEqual([
      'configureAaa AAA',
      'configureGateway Gateway',
      'openTunnel Tunnel/t',
      'openSession Session/s',
    ]);
  });

  it('goes on from closing to opening again', () => {
    const other = resolved(tunnel({ remoteAddress: '192.0.2.9' }), session()).state;
    expect(steps(foresee(other, up))).toEqual(['closeTunnel Tunnel/t', 'openTunnel Tunnel/t', 'openSession Session/s']);
  });

  it('is nothing where all is as it should be, and leaves the world as it is', () => {
    expect(foresee(state, up)).toEqual([]);
    expect(steps(foresee(resolved().state, up))).toEqual(['closeSession Session/s', 'closeTunnel Tunnel/t']);
    expect([...up.tunnels.keys()]).toEqual(['t']);
  });

  it('is devices that are made, changed, repaired and removed', () => {
    const listening = resolved(doc('Gateway', 'g', { listen: [{ address: '0.0.0.0' }] })).state;
    const spec = listening.devices.get('l2tp0');
    const device = { name: 'l2tp0', owner: 'Gateway', spec, gaps: ['down'] };
    const world = { ...nothing, gateway: listening.gateway, aaa: listening.aaa };
    const withDevices = (...devices: (typeof device)[]) => ({
      ...world,
      devices: new Map(devices.map((found) => [found.name, found])),
    });
    expect(steps(foresee(listening, world))).toEqual(['configureDevice Device/l2tp0']);
    expect(steps(foresee(listening, withDevices(device)))).toEqual(['repairDevice Device/l2tp0']);
    expect(steps(foresee(listening, withDevices({ ...device, gaps: [] }, { ...device, name: 'x' })))).toEqual([
      'removeDevice Device/x',
    ]);
  });
});
