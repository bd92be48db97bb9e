import { execa } from 'execa';
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress, isTrue } from './daemon.ts';
import { gatewayInside, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { type Noted, only } from './detail.ts';
import type { Freeradius } from './freeradius.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress } from './pair.ts';
import {
  callerDocuments,
  callUp,
  firstServer,
  nasAddress,
  nasDevice,
  radiusLnsDocuments,
  radiusSecret,
  secondServer,
  startServer,
} from './radius-trio.ts';
import { dissectRadius, radiusCode, radiusComplaints } from './radius-tshark.ts';

/** What calls have used is told to freeradius, and its notes are compared with what passed. */

const quick = { timeout: '300ms', retries: 1 };

const kind = (noted: Noted) => only(noted, 'Acct-Status-Type');
const idOf = (noted: Noted) => only(noted, 'Acct-Session-Id');
const number = (noted: Noted, name: string) => Number(only(noted, name));

/** What was told of calls; the NAS itself comes and goes besides. */
async function ofCalls(server: Freeradius): Promise<Noted[]> {
  return (await server.accounting()).filter((noted) => !/^Accounting-O/.test(kind(noted) ?? ''));
}

async function stopOf(server: Freeradius, id: string | undefined): Promise<Noted> {
  return await until(`the Stop of ${id}`, async () =>
    (await ofCalls(server)).find((noted) => kind(noted) === 'Stop' && idOf(noted) === id),
  );
}

async function startOf(server: Freeradius): Promise<Noted> {
  return await until('a Start', async () => (await ofCalls(server)).find((noted) => kind(noted) === 'Start'));
}

/** Packets and octets of IP in a capture, by what address they came from; without the mark that ends a capture. */
async function ipFrom(path: string, address: string): Promise<{ packets: number; octets: number }> {
  const filter = `ip.src == ${address} && !(ip.dst == 224.0.0.1)`;
  const { stdout } = await execa('tshark', ['-n', '-r', path, '-Y', filter, '-T', 'fields', '-e', 'ip.len'], {
    stdin: 'ignore',
  });
  const lengths = stdout.split('\n').filter(Boolean).map(Number);
  return { packets: lengths.length, octets: lengths.reduce((sum, length) => sum + length, 0) };
}

test('the NAS comes, a call starts, goes on and stops, and the NAS goes; octets and packets are those that passed', async () => {
  const server = await startServer({ reply: { Class: 'gold' } });
  const signed = await lnsHost.capture(nasDevice);
  const { atLns } = await callUp(
    radiusLnsDocuments({
      ppp: { aaa: 'radius', interimInterval: '1s', ipv4: { local: gatewayInside, pool: 'callers' } },
    }),
  );
  const caller = farAddress(atLns);
  const start = await startOf(server);
  expect(only(start, 'User-Name')).toBe('alice');
  expect(only(start, 'Class')).toBe('0x676f6c64');
  expect(only(start, 'Framed-IP-Address')).toBe(caller);
  expect(only(start, 'NAS-Identifier')).toBe('our-nas');
  expect(only(start, 'Acct-Authentic')).toBe('RADIUS');
  expect(only(start, 'Tunnel-Client-Endpoint:0')).toBe(lacAddress);

  const passed = await lnsHost.capture(atLns.status.interface ?? '');
  expect((await lacHost.attempt('ping', '-c', '20', '-i', '0.05', '-s', '1000', gatewayInside)).ok).toBe(true);
  expect((await lnsHost.attempt('ping', '-c', '10', '-i', '0.05', '-s', '300', caller)).ok).toBe(true);
  const interim = await until('an interim record with the pings', async () =>
    (await ofCalls(server)).find(
      (noted) => kind(noted) === 'Interim-Update' && number(noted, 'Acct-Input-Packets') >= 30,
    ),
  );
  expect(idOf(interim)).toBe(idOf(start));
  expect(only(interim, 'Class')).toBe('0x676f6c64');

  await lac.declare('all.yaml', ...callerDocuments().slice(0, -1));
  const stop = await stopOf(server, idOf(start));
  expect(only(stop, 'Class')).toBe('0x676f6c64');
  expect(only(stop, 'Acct-Terminate-Cause')).toBe('User-Request');
  const file = await passed.stop();
  const [up, down] = [await ipFrom(file, caller), await ipFrom(file, gatewayInside)];
  expect(up.packets).toBe(30);
  expect(number(stop, 'Acct-Input-Packets')).toBe(up.packets);
  expect(number(stop, 'Acct-Output-Packets')).toBe(down.packets);
  expect(number(stop, 'Acct-Input-Octets')).toBe(up.octets);
  expect(number(stop, 'Acct-Output-Octets')).toBe(down.octets);

  expect(await lns.stop()).toEqual({ code: 0, signal: undefined });
  const kinds = (await server.accounting()).map(kind);
  expect(kinds[0]).toBe('Accounting-On');
  expect(kinds.at(-1)).toBe('Accounting-Off');
  const packets = await dissectRadius(await signed.stop(), radiusSecret);
  expect(radiusComplaints(packets, nasAddress)).toEqual([]);
});

test.each(['Session-Timeout', 'Idle-Timeout'])('%s ends the call, and the Stop says so', async (name) => {
  const server = await startServer({ reply: { [name]: '2' } });
  await callUp(radiusLnsDocuments());
  const start = await startOf(server);
  expect(only(await stopOf(server, idOf(start)), 'Acct-Terminate-Cause')).toBe(name);
});

test('a caller who is gone, and a daemon that ends, are causes of their own', async () => {
  const server = await startServer();
  const hello = { helloInterval: '1s', maxRetries: 2, retryTimeout: '300ms' };
  await callUp(radiusLnsDocuments({ tunnel: hello }));
  const first = await startOf(server);
  await lac.process.stop('SIGKILL');
  expect(only(await stopOf(server, idOf(first)), 'Acct-Terminate-Cause')).toMatch(/^Lost-(Carrier|Service)$/);
  await lac.start();
  const second = await until('another Start', async () =>
    (await ofCalls(server)).find((noted) => kind(noted) === 'Start' && idOf(noted) !== idOf(first)),
  );
  expect(await lns.stop()).toEqual({ code: 0, signal: undefined });
  expect(only(await stopOf(server, idOf(second)), 'Acct-Terminate-Cause')).toBe('Admin-Reboot');
});

test('a server that is killed in the middle: the second one takes over, and nothing is lost', async () => {
  const first = await startServer();
  const second = await startServer({ address: secondServer });
  await callUp(radiusLnsDocuments({ servers: [firstServer, secondServer], server: quick, radius: { deadTime: '2s' } }));
  const start = await startOf(first);
  await first.process.stop('SIGKILL');
  // A call that comes now, and the end of the one that is there.
  await lac.declare('all.yaml', ...callerDocuments().slice(0, -1), sessionDocument('second'));
  await lac.sessionReady('second');
  expect((await second.access()).length).toBeGreaterThan(0);
  await stopOf(second, idOf(start));
  const taken = await startOf(second);
  const status = (await lns.gateway())?.status?.radius?.servers;
  expect(status?.map(({ address, alive }) => ({ address, alive }))).toEqual([
    { address: firstServer, alive: false },
    { address: secondServer, alive: true },
  ]);
  // When it is back, it is asked again once its dead time is over.
  const back = await startServer();
  const asked = (await back.access()).length;
  await until('the first server to be asked again', async () => {
    await lac.declare('all.yaml', ...callerDocuments().slice(0, -1));
    await until('no call', async () => (await lac.sessions()).length === 0);
    await lac.declare('all.yaml', ...callerDocuments().slice(0, -1), sessionDocument('third'));
    await lac.sessionReady('third');
    return (await back.access()).length > asked;
  });
  const both = [...(await ofCalls(back)), ...(await ofCalls(second))];
  await until('the Stop of the call that the second server knew', async () =>
    [...(await ofCalls(back)), ...(await ofCalls(second))].some(
      (noted) => kind(noted) === 'Stop' && idOf(noted) === idOf(taken),
    ),
  );
  expect(both.filter((noted) => kind(noted) === 'Start' && idOf(noted) === idOf(start))).toHaveLength(1);
});

test('a server that is silent, not gone, is given up likewise', async () => {
  const first = await startServer();
  const second = await startServer({ address: secondServer });
  first.process.signal('SIGSTOP');
  const capture = await lnsHost.capture(nasDevice);
  await callUp(radiusLnsDocuments({ servers: [firstServer, secondServer], server: quick }));
  await startOf(second);
  first.process.signal('SIGCONT');
  const packets = await dissectRadius(await capture.stop(), radiusSecret);
  const asked = packets.filter(
    ({ code, destination }) => code === radiusCode.accessRequest && destination === firstServer,
  );
  // The question, and once more: the same packet.
  expect(asked.length).toBeGreaterThanOrEqual(2);
  expect(asked[1].identifier).toBe(asked[0].identifier);
});

test('all servers dead: what calls used waits on disk over a restart, and is told once and in order', async () => {
  const names = ['one', 'two', 'three', 'four', 'five'];
  const documents = radiusLnsDocuments({ server: quick, radius: { deadTime: '1s' } });
  const calls = names.map((name) => sessionDocument(name, name));
  const server = await startServer();
  await lns.declare('all.yaml', ...documents);
  await lac.declare('all.yaml', secrets(), tunnelDocument(), ...calls);
  await lns.start();
  await lac.start();
  for (const name of names) await lac.sessionReady(name);
  await until('all Starts', async () => (await ofCalls(server)).length === names.length);
  // Noted is not yet acknowledged: who has not heard of it says it again.
  await until('nothing to wait', async () => (await lns.gateway())?.status?.radius?.spooled === 0);
  const starts = (await ofCalls(server)).map(idOf);
  await server.process.stop('SIGKILL');

  await until('pings', () => lacHost.pings(gatewayInside, '-I', 'one'));
  await lac.declare('all.yaml', secrets(), tunnelDocument());
  await until('the calls to go', async () => (await lns.sessions()).length === 0);
  const spooled = await until('the records in the status', async () => {
    const waiting = (await lns.gateway())?.status?.radius?.spooled;
    return waiting !== undefined && waiting >= names.length && waiting;
  });
  expect(spooled).toBeGreaterThanOrEqual(names.length);
  // Not even asked to end: as after a failure of power.
  await lns.stop('SIGKILL');
  await lns.start();
  const back = await startServer();
  await until(
    'all Stops',
    async () => (await ofCalls(back)).filter((noted) => kind(noted) === 'Stop').length >= names.length,
  );
  await until('nothing to wait', async () => (await lns.gateway())?.status?.radius?.spooled === 0);
  const told = await ofCalls(back);
  for (const id of starts) {
    expect(told.filter((noted) => idOf(noted) === id).map(kind)).toEqual(['Start', 'Stop']);
  }
  expect(told).toHaveLength(2 * names.length);
  expect(told.some((noted) => kind(noted) === 'Stop' && number(noted, 'Acct-Input-Packets') > 0)).toBe(true);
  // Late, and it says by how much.
  expect(
    told.filter((noted) => kind(noted) === 'Stop').every((noted) => only(noted, 'Event-Timestamp') !== undefined),
  ).toBe(true);
});

test('a server that is killed amid many calls has heard of each in the end: first its Start, then its Stop', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `call-${i}`);
  const documents = radiusLnsDocuments({ server: quick, radius: { deadTime: '500ms' } });
  const server = await startServer();
  await lns.declare('all.yaml', ...documents);
  await lac.declare('all.yaml', secrets(), tunnelDocument(), ...names.map((name) => sessionDocument(name, name)));
  await lns.start();
  await lac.start();
  await until('some Starts', async () => (await ofCalls(server)).length >= 5);
  await server.process.stop('SIGKILL');
  const back = await startServer();
  // Those whose login met no server are placed again.
  await until(
    'all calls',
    async () => (await lac.sessions()).filter((call) => isTrue(call, 'Ready')).length === names.length,
    90_000,
  );
  await lac.declare('all.yaml', secrets(), tunnelDocument());
  await until('the calls to go', async () => (await lns.sessions()).length === 0);
  await until('nothing to wait', async () => (await lns.gateway())?.status?.radius?.spooled === 0);

  const told = await ofCalls(back);
  const ids = [...new Set(told.map(idOf))];
  expect(ids.length).toBeGreaterThanOrEqual(names.length);
  // What was noted when the server died, but not acknowledged, was told again, the very same.
  const withoutRepetitions = (id: string | undefined) =>
    told
      .filter((noted) => idOf(noted) === id)
      .map(kind)
      .filter((each, i, all) => each !== all[i - 1]);
  expect(ids.filter((id) => withoutRepetitions(id).join() !== 'Start,Stop')).toEqual([]);
});

test('calls that the daemon did not outlive get their Stop when it is back, with what was told of them last', async () => {
  const server = await startServer();
  const ppp = { aaa: 'radius', interimInterval: '1s', ipv4: { local: gatewayInside, pool: 'callers' } };
  await callUp(radiusLnsDocuments({ ppp }));
  const start = await startOf(server);
  await until('a ping', () => lacHost.pings(gatewayInside));
  const interim = await until('an interim record with the ping', async () =>
    (await ofCalls(server)).find(
      (noted) => kind(noted) === 'Interim-Update' && number(noted, 'Acct-Input-Packets') > 0,
    ),
  );
  await lns.stop('SIGKILL');
  await lac.stop();
  await lns.start();
  const stop = await stopOf(server, idOf(start));
  expect(number(stop, 'Acct-Input-Packets')).toBeGreaterThanOrEqual(number(interim, 'Acct-Input-Packets'));
  expect(only(stop, 'Acct-Terminate-Cause')).toBe('NAS-Reboot');
  expect((await ofCalls(server)).filter((noted) => kind(noted) === 'Stop')).toHaveLength(1);
});
