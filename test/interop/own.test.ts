import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { Daemon, farAddress, isTrue } from './daemon.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lab, lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

const tunnelSecret = 'between-the-two';

/** Both daemons, one tunnel with one call. */
async function established(options: { listen?: string } = {}): Promise<void> {
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret, ...options }));
  await lac.declare('secrets.yaml', secrets(tunnelSecret));
  await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey }));
  await lac.declare('session.yaml', sessionDocument());
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  await lns.acceptedSessionReady();
}

/** What would change if the tunnel were established anew. */
async function identity(name = 'to-lns'): Promise<object> {
  const { state, localId, remoteId, since } = (await lac.tunnel(name))?.status ?? {};
  expect(state).toBe('established');
  return { localId, remoteId, since };
}

test('a call between us carries packets both ways', async () => {
  const capture = await lacHost.capture(wire);
  await established();
  const atLac = await lac.sessionReady('call');
  const atLns = await lns.acceptedSessionReady();
  expect(farAddress(atLac)).toBe(gatewayInside);
  expect(farAddress(atLns)).toBe(atLac.status.ppp?.localAddress);
  expect(atLac.status.ppp?.dns).toEqual(['10.20.0.53']);
  await until('a ping to the LNS', () => lacHost.pings(gatewayInside));
  await until('a ping to the LAC', () => lnsHost.pings(farAddress(atLns)));
  await until('a full-size ping', () => lacHost.pings(gatewayInside, '-s', '1372', '-M', 'do'));
  const { counters } = (await lac.sessionReady('call')).status;
  expect(counters?.txPackets).toBeGreaterThan(0);
  expect(counters?.rxPackets).toBeGreaterThan(0);

  const dissected = await dissect(await capture.stop());
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
  expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
});

test.each(['pap', 'chap', 'mschapv1', 'mschapv2', 'eap'] as const)('an LNS that takes only %s', async (method) => {
  const only = { pap: false, chap: false, mschapv2: false, [method]: true };
  const any = resource('PppProfile', 'default', { auth: { mschapv1: true, eap: true } });
  await lns.declare('all.yaml', ...lnsDocuments({ auth: only }));
  await lac.declare('all.yaml', secrets(), any, tunnelDocument(), sessionDocument());
  await lns.start();
  await lac.start();
  expect((await lac.sessionReady('call')).status.ppp?.auth).toBe(method);
});

test('a wrong password is refused in words at both ends, and tried again less and less often', async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  await lac.declare('all.yaml', secret('secrets', { alice: 'not-the-password' }), tunnelDocument(), sessionDocument());
  await lns.start();
  await lac.start();
  await lac.saysEvent({ kind: 'Session', name: 'call', message: /authentication/i });
  const refused = await until('a second refusal', async () => {
    const session = await lac.session('call');
    return session !== undefined && (session.status.retries ?? 0) >= 2 && session.status.lastError && session;
  });
  expect(isTrue(refused, 'Ready')).toBe(false);
  expect(refused.status.lastError?.message).toMatch(/authentication/i);
  expect((await lns.events()).map(({ message }) => message).join('\n')).toMatch(/authentication/i);
  await lac.tunnelReady('to-lns');
  for (const daemon of [lac, lns]) {
    expect(daemon.process.output).not.toContain('not-the-password');
    expect(JSON.stringify([await daemon.sessions(), await daemon.events()])).not.toContain('not-the-password');
  }
});

test('a Session that is added comes up, one that is withdrawn is hung up', async () => {
  await established();
  const before = await identity();
  const capture = await lacHost.capture(wire);
  await lac.declare('second.yaml', sessionDocument('second'));
  const second = await lac.sessionReady('second');
  expect(second.status.ppp?.localAddress).not.toBe((await lac.sessionReady('call')).status.ppp?.localAddress);
  await lac.withdraw('second.yaml');
  await until('the LNS to let it go', async () => (await lns.sessions()).length === 1);
  expect(await identity()).toEqual(before);
  expect(sentMessages(await dissect(await capture.stop()), lacAddress)).toEqual(['ICRQ', 'ICCN', 'CDN']);
});

test('a new hello interval is used without a new tunnel', async () => {
  await established();
  const before = await identity();
  const capture = await lacHost.capture(wire);
  await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey, helloInterval: '1s' }));
  const sent = async () => (await lac.tunnel('to-lns'))?.status.counters?.sent ?? 0;
  const sentBefore = await sent();
  await until('two hellos', async () => (await sent()) >= sentBefore + 2);
  expect(await identity()).toEqual(before);
  const dissected = await dissect(await capture.stop());
  expect(new Set(sentMessages(dissected, lacAddress))).toEqual(new Set(['HELLO']));
});

test("a tunnel whose peer's address changes is established anew, and only that one", async () => {
  await lnsHost.addAddress(wire, '192.0.2.3/24');
  await established({ listen: '0.0.0.0' });
  const other = (remoteAddress: string) =>
    resource('Tunnel', 'other', { remoteAddress, persist: true, secretRef: tunnelKey });
  await lac.declare('other.yaml', other(lnsAddress));
  await lac.tunnelReady('other');
  const before = await identity();
  const otherBefore = await identity('other');

  await lac.declare('other.yaml', other('192.0.2.3'));
  await until('the tunnel to the new address', async () => {
    const tunnel = await lac.tunnelReady('other');
    return tunnel.status.peer?.address === '192.0.2.3';
  });
  expect(await identity('other')).not.toEqual(otherBefore);
  expect(await identity()).toEqual(before);
});

test('withdrawn documents end call and tunnel on the wire', async () => {
  await established();
  const capture = await lacHost.capture(wire);
  await lac.withdraw('session.yaml');
  await until('the LNS to let the call go', async () => (await lns.sessions()).length === 0);
  await lac.withdraw('tunnel.yaml');
  await until('the LNS to let the tunnel go', async () => {
    return !(await lns.tunnels()).some((tunnel) => isTrue(tunnel, 'Established'));
  });
  const dissected = await dissect(await capture.stop());
  expect(sentMessages(dissected, lacAddress)).toEqual(['CDN', 'StopCCN']);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('a broken document is told by file, line and field, and what was good goes on', async () => {
  await established();
  const before = await identity();
  const broken = tunnelDocument({ secretRef: tunnelKey, helloInterval: '60 parsecs' });
  await lac.declare('tunnel.yaml', broken);
  const [error] = await until('the mistake', async () => {
    const errors = await lac.errors();
    return errors.length > 0 && errors;
  });
  const line = broken.split('\n').findIndex((text) => text.includes('parsecs')) + 1;
  expect(error).toMatchObject({ path: 'spec.helloInterval', line });
  expect(error.file).toContain('tunnel.yaml');
  expect(await identity()).toEqual(before);
  expect(await lacHost.pings(gatewayInside)).toBe(true);

  await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey, helloInterval: '60s' }));
  await until('the mistake to be gone', async () => (await lac.errors()).length === 0);
  expect(await identity()).toEqual(before);
});

test('one daemon accepts and dials at once', async () => {
  const farHost = await lab.namespace('far');
  await lab.link(lnsHost, { device: 'uplink', addresses: ['198.51.100.1/24'] }, farHost, {
    device: wire,
    addresses: ['198.51.100.2/24'],
  });
  const far = new Daemon(farHost);
  await far.declare('all.yaml', ...lnsDocuments({ listen: '198.51.100.2' }));
  const dialled = tunnelDocument({ remoteAddress: '198.51.100.2', localAddress: undefined });
  await lns.declare('all.yaml', ...lnsDocuments(), dialled, sessionDocument('onward', 'onward'));
  await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
  await far.start();
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  await lns.acceptedSessionReady();
  const onward = await lns.sessionReady('onward');
  expect(onward.status.interface).toBe('onward');
  const callers = await lns.acceptedSessionReady();
  await until('a ping to the caller', () => lnsHost.pings(farAddress(callers)));
});
