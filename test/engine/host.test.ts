import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EngineEffect } from '../../src/engine/effects.ts';
import { PlaneError } from '../../src/engine/errors.ts';
import { Host } from '../../src/engine/host.ts';
import type { DataPlane, PlaneOp } from '../../src/engine/ports.ts';
import { maxTimerMs } from '../../src/engine/spec.ts';
import { idlePlane, idleTransport } from '../idle-ports.ts';
import { gatewaySpec, tunnelSpec } from './world.ts';

const lookUps: { host: string; answer: (found: { address: string }) => void }[] = [];

vi.mock('node:dns/promises', () => ({
  lookup: (host: string) => new Promise((answer) => lookUps.push({ host, answer })),
}));

afterEach(() => lookUps.splice(0));

function hosted(apply: DataPlane['apply'] = () => undefined) {
  const opened: number[] = [];
  const asked: string[] = [];
  const transport = { ...idleTransport, open: () => opened.push(opened.length) };
  const plane = { ...idlePlane, apply };
  const aaa = {
    authenticate: () => asked.push('authenticate'),
    allocate: () => asked.push('allocate'),
    account: () => asked.push('account'),
    release: () => asked.push('release'),
  };
  const host = new Host(gatewaySpec({ listen: [] }), {
    transport,
    plane,
    aaa,
    chooseForward: () => undefined,
    onNotice: () => undefined,
  });
  const dial = (address: string, name: string) => host.openTunnel({ ...tunnelSpec(address), name });
  return { host, dial, opened, asked };
}

it('looks few names up at once, and dials addresses meanwhile', async () => {
  const { dial, opened } = hosted();
  const slow = ['a', 'b', 'c', 'd', 'e'].map((name) => dial(`${name}.example`, name));
  await dial('10.0.0.2', 'literal');
  expect(opened.length).toBe(1);
  expect(lookUps.map(({ host }) => host)).toEqual(['a.example', 'b.example', 'c.example']);
  lookUps[1].answer({ address: '10.0.0.3' });
  await slow[1];
  expect(lookUps.map(({ host }) => host)).toContain('d.example');
  for (let at = 0; at < 5; at++) {
    lookUps[at].answer({ address: `10.0.1.${at}` });
    await new Promise((resume) => setImmediate(resume));
  }
  await Promise.all(slow);
  expect(opened.length).toBe(6);
  void dial('f.example', 'f');
  expect(lookUps.length).toBe(6);
});

it('dials nobody when a name is found after the end', async () => {
  const { host, dial, opened } = hosted();
  const late = dial('late.example', 'late');
  await host.shutdown();
  lookUps[0].answer({ address: '10.0.0.2' });
  await expect(late).rejects.toThrow('the daemon ends');
  expect(opened).toEqual([]);
});

it('waits for what is farther away than any timer reaches', async () => {
  const { host } = hosted();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  // As that of an idle tunnel with a long helloInterval.
  vi.spyOn(host.engine, 'deadline').mockReturnValue(performance.now() + 1_000 * maxTimerMs);
  host.configure(gatewaySpec({ listen: [] }));
  const delays = timers.mock.calls.map(([, delayMs]) => delayMs);
  timers.mockRestore();
  await host.shutdown();
  expect(delays).toContain(maxTimerMs);
});

describe('a plane that refuses', () => {
  const session = 5;
  const ops: PlaneOp[] = [
    { op: 'limit', session, rate: { txBps: 1, rxBps: 1 }, filter: undefined },
    { op: 'encrypt', session, keys: undefined },
    { op: 'splice', session, with: 6 },
  ];

  it.each(ops)('$op ends the call, which is released after all that was asked for it', (op) => {
    const error = new PlaneError('ENOSPC', 'no room');
    const { host, asked } = hosted((_op, answer) => answer({ fact: 'failed', error }));
    const request = { session, aaa: 'local' };
    const wanted: EngineEffect[] = [
      { effect: 'plane', op },
      { effect: 'allocate', request },
    ];
    vi.spyOn(host.engine, 'frame').mockReturnValue(wanted);
    const refused = vi.spyOn(host.engine, 'planeFact').mockReturnValue([{ effect: 'release', session }]);
    host.frame(session, new Uint8Array(), 0, 0);
    expect(refused).toHaveBeenCalledWith(session, { fact: 'failed', error }, expect.any(Number));
    expect(asked).toEqual(['allocate', 'release']);
  });
});
