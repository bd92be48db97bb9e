import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress, isTrue } from './daemon.ts';
import { gatewayInside } from './declared.ts';
import { only } from './detail.ts';
import { radclient } from './freeradius.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import {
  callUp,
  nasAddress,
  nasDevice,
  order,
  radiusHost,
  radiusLnsDocuments,
  radiusSecret,
  startServer,
} from './radius-trio.ts';
import { dissectRadius, radiusCode, radiusComplaints } from './radius-tshark.ts';

/** CoA and Disconnect requests (RFC 5176), sent by radclient where the RADIUS server is. */

const filters = [{ name: 'no-echo', rules: [{ action: 'deny', protocol: 'icmp', direction: 'in' } as const] }];

async function sessionId(server: Awaited<ReturnType<typeof startServer>>): Promise<string> {
  const start = await until('the Start', async () =>
    (await server.accounting()).find((noted) => only(noted, 'Acct-Status-Type') === 'Start'),
  );
  return only(start, 'Acct-Session-Id') ?? '';
}

test('rate, filter and timeouts change while the call stays', async () => {
  const server = await startServer();
  const { atLac } = await callUp(radiusLnsDocuments({ gateway: { filters } }));
  const id = await sessionId(server);
  const capture = await lnsHost.capture(nasDevice);
  await until('a ping', () => lacHost.pings(gatewayInside));

  const rate = { 'WISPr-Bandwidth-Max-Up': '64000', 'WISPr-Bandwidth-Max-Down': '128000' };
  expect(await order('coa', { 'Acct-Session-Id': id, ...rate })).toMatchObject({ ok: true });
  const limits = async () => (await lns.acceptedSessionReady()).status.ppp?.limits;
  expect((await limits())?.rateLimit).toEqual({ rx: 64_000, tx: 128_000 });

  expect(await order('coa', { 'Acct-Session-Id': id, 'Filter-Id': 'no-echo' })).toMatchObject({ ok: true });
  expect((await limits())?.filter).toBe('no-echo');
  expect(await lacHost.pings(gatewayInside)).toBe(false);

  const unknown = await order('coa', { 'Acct-Session-Id': id, 'Filter-Id': 'no-such-filter' });
  expect(unknown).toMatchObject({ ok: false, output: expect.stringContaining('CoA-NAK') });
  expect(unknown.output).toContain('Error-Cause');
  expect((await limits())?.filter).toBe('no-echo');

  const { localId } = (await lac.sessionReady('call')).status;
  expect(localId).toBe(atLac.status.localId);
  expect(await order('coa', { 'User-Name': 'alice', 'Acct-Session-Id': id, 'Session-Timeout': '1' })).toMatchObject({
    ok: true,
  });
  const stop = await until('the Stop', async () =>
    (await server.accounting()).find((noted) => only(noted, 'Acct-Status-Type') === 'Stop'),
  );
  expect(only(stop, 'Acct-Terminate-Cause')).toBe('Session-Timeout');

  const packets = await dissectRadius(await capture.stop(), radiusSecret);
  expect(radiusComplaints(packets, nasAddress)).toEqual([]);
  const answers = packets.filter(({ source, code }) => source === nasAddress && code >= radiusCode.disconnectAck);
  expect(answers.map(({ code }) => code)).toEqual([
    radiusCode.coaAck,
    radiusCode.coaAck,
    radiusCode.coaNak,
    radiusCode.coaAck,
  ]);
});

test('a rate that was set holds what passes down to it', async () => {
  const bitsPerSecond = 80_000;
  await startServer({ reply: { 'WISPr-Bandwidth-Max-Up': String(bitsPerSecond) } });
  await callUp(radiusLnsDocuments());
  // 15 seconds' worth, sent as fast as it goes.
  const { output } = await lacHost.attempt('ping', '-q', '-f', '-c', '150', '-W', '1', '-s', '1000', gatewayInside);
  const received = Number(output.match(/(\d+) received/)?.[1]);
  expect(received).toBeGreaterThan(0);
  const seconds = Number(output.match(/time (\d+)ms/)?.[1]) / 1000;
  const burstSeconds = 2;
  expect(received * 1028 * 8).toBeLessThanOrEqual(bitsPerSecond * (seconds + burstSeconds));
});

test.each(['Acct-Session-Id', 'User-Name', 'Framed-IP-Address'] as const)(
  'a call named by %s is ended',
  async (name) => {
    const server = await startServer();
    const { atLns } = await callUp(radiusLnsDocuments());
    const names = {
      'Acct-Session-Id': await sessionId(server),
      'User-Name': 'alice',
      'Framed-IP-Address': farAddress(atLns),
    };
    expect(await order('disconnect', { [name]: names[name] })).toMatchObject({ ok: true });
    const stop = await until('the Stop', async () =>
      (await server.accounting()).find((noted) => only(noted, 'Acct-Status-Type') === 'Stop'),
    );
    expect(only(stop, 'Acct-Terminate-Cause')).toBe('Admin-Reset');
    await lac.saysEvent({ kind: 'Session', name: 'call', message: /./ });
  },
);

test('a call that is not there, a stranger, and a wrong secret end nothing', async () => {
  await startServer();
  const { atLns } = await callUp(radiusLnsDocuments());
  const { localId } = atLns.status;
  const unknown = await order('disconnect', { 'Acct-Session-Id': 'no-such-call' });
  expect(unknown).toMatchObject({ ok: false, output: expect.stringContaining('Session-Context-Not-Found') });

  const to = { address: nasAddress, port: 3799 };
  const request = { to, command: 'disconnect', attributes: { 'User-Name': 'alice' } } as const;
  expect((await radclient(radiusHost, { ...request, secret: 'wrong' })).output).not.toContain('Received');
  // From elsewhere than the server.
  expect((await radclient(lnsHost, { ...request, secret: radiusSecret })).output).not.toContain('Received');
  const [session] = await lns.sessions();
  expect(session.status.localId).toBe(localId);
  expect(isTrue(session, 'Ready')).toBe(true);
});
