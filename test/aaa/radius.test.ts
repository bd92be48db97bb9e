import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Radius } from '../../src/aaa/radius.ts';
import { Subscribers } from '../../src/aaa/subscribers.ts';
import type { AaaEvents, AuthenticateAnswer } from '../../src/engine/aaa.ts';
import { type AaaSpec, noCounters, type RadiusSpec, Secret } from '../../src/engine/spec.ts';
import { InstantClock, silent, VirtualServers, welcoming } from './radius/virtual-servers.ts';

/** RADIUS behind the AAA port, with a server that welcomes everybody. */

const server = { address: '192.0.2.100', coaPort: 0, secret: new Secret('between us'), timeoutMs: 1_000, retries: 0 };
const radius: RadiusSpec = {
  servers: [{ ...server, authPort: 1812, acctPort: 1813 }],
  nasIdentifier: 'our-nas',
  interimIntervalMs: 60_000,
  deadTimeMs: 10_000,
};
const spec: AaaSpec = { pools: [], subscribers: [], radius };
const counters = { ...noCounters, rxPackets: 1, rxOctets: 100, txPackets: 2, txOctets: 2_000 };

let stateDirectory: string;
let told: string[];
let clock: InstantClock;
let servers: VirtualServers;
let aaa: Subscribers;
beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), 'radius-'));
  told = [];
  clock = new InstantClock();
  servers = new VirtualServers(clock);
  for (const port of [1812, 1813]) servers.set({ ...server, port }, welcoming);
  const events: AaaEvents = { disconnect: () => false, change: () => 'unknownSession' };
  const onFailure = (message: string) => void told.push(message);
  aaa = new Subscribers({ radius: new Radius({ stateDirectory, clock, events, onFailure, open: servers.open }) });
});
afterEach(async () => {
  const closing = aaa.close();
  // What it waits for is due at once.
  const ticking = setInterval(() => clock.run(1_000));
  await closing;
  clearInterval(ticking);
  rmSync(stateDirectory, { recursive: true });
});

function authenticate(): AuthenticateAnswer[] {
  const answers: AuthenticateAnswer[] = [];
  const credentials = { method: 'pap', password: new Secret('sesame') } as const;
  const call = { port: '1/1', avps: {} };
  aaa.authenticate({ session: 1, aaa: 'radius', user: 'alice', credentials, call }, (each) => answers.push(each));
  clock.run(5_000);
  return answers;
}

function account(event: 'start' | 'stop'): void {
  const call = { port: '1/1', avps: {} };
  aaa.account({ session: 1, aaa: 'radius', user: 'alice', call, event, sessionMs: 0 }, counters);
}

test('a user is let in, with what the Gateway says of interims, and what was used is told', async () => {
  aaa.configure(spec);
  expect(authenticate()).toEqual([{ verdict: 'accept', grant: { usualInterimIntervalMs: 60_000 } }]);
  account('start');
  account('stop');
  aaa.release(1);
  await vi.waitFor(() => {
    clock.run(1_000);
    expect(aaa.radius()?.servers[0].requests).toBe(4);
    expect(aaa.radius()?.spooled).toBe(0);
  });
  const view = { address: '192.0.2.100', alive: true, requests: 4, rejects: 0, timeouts: 0, drops: 0 };
  expect(aaa.radius()?.servers).toEqual([expect.objectContaining(view)]);
  expect(told).toEqual([]);
});

test('a server that is silent in one of its parts is not said to live', () => {
  servers.set({ ...server, port: 1812 }, silent);
  aaa.configure(spec);
  expect(authenticate()).toMatchObject([{ verdict: 'reject', message: 'no RADIUS server answers: 192.0.2.100' }]);
  expect(aaa.radius()?.servers).toEqual([expect.objectContaining({ alive: false, timeouts: 1 })]);
  aaa.configure({ ...spec, radius: undefined });
  expect(aaa.radius()).toBeUndefined();
});

test('a spool that cannot be had is told, and had later', async () => {
  writeFileSync(join(stateDirectory, 'accounting'), 'a file');
  aaa.configure(spec);
  await vi.waitFor(() => expect(told).toEqual([expect.stringMatching(/^accounting: E/)]));
  account('start');
  expect(aaa.radius()?.spooled).toBe(1);
  rmSync(join(stateDirectory, 'accounting'));
  mkdirSync(join(stateDirectory, 'accounting'));
  await vi.waitFor(() => {
    clock.run(10_000);
    expect(aaa.radius()?.spooled).toBe(0);
  });
});
