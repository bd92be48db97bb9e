import { describe, expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { Daemon, farAddress, isTrue } from './daemon.ts';
import { gatewayInside, password } from './declared.ts';
import { only as onlyOf } from './detail.ts';
import { lab, lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { wire } from './pair.ts';
import {
  callerDocuments,
  callUp,
  firstServer,
  firstServer6,
  nasAddress,
  nasAddress6,
  nasDevice,
  only,
  radiusLnsDocuments,
  radiusSecret,
  startServer,
} from './radius-trio.ts';
import { dissectRadius, radiusComplaints } from './radius-tshark.ts';
import { resource, secret } from './resources.ts';

/** Who may come in, and what they get, is asked of freeradius. */

describe.each([
  { name: 'PAP', method: 'pap', proof: 'User-Password' },
  { name: 'CHAP', method: 'chap', proof: 'CHAP-Password' },
  { name: 'MS-CHAP version 1', method: 'mschapv1', proof: 'MS-CHAP-Response' },
  { name: 'MS-CHAP version 2', method: 'mschapv2', proof: 'MS-CHAP2-Response' },
  { name: 'EAP-MD5', method: 'eap', eap: 'md5', proof: 'EAP-Message' },
  { name: 'EAP-MSCHAPv2', method: 'eap', eap: 'mschapv2', proof: 'EAP-Message' },
] as const)('$name', (scene) => {
  const { method, proof } = scene;
  const eap = 'eap' in scene ? scene.eap : undefined;
  const lnsDocuments = radiusLnsDocuments({
    ppp: { aaa: 'radius', auth: only(method), ipv4: { local: gatewayInside, pool: 'callers' } },
  });

  test('lets alice in and carries her packets; all that we send is signed', async () => {
    const server = await startServer({ eap });
    const capture = await lnsHost.capture(nasDevice);
    const { atLac, atLns } = await callUp(lnsDocuments, callerDocuments({ auth: only(method) }));
    expect(atLac.status.ppp).toMatchObject({ auth: method, user: 'alice' });
    expect(atLns.status.ppp).toMatchObject({ auth: method, user: 'alice' });
    await until('a ping to the LNS', () => lacHost.pings(gatewayInside));
    await until('a ping to the caller', () => lnsHost.pings(farAddress(atLns)));

    const asked = await server.access();
    const first = asked[0];
    expect(onlyOf(first, 'User-Name')).toBe('alice');
    expect(onlyOf(first, 'NAS-Identifier')).toBe('our-nas');
    expect(onlyOf(first, 'NAS-IP-Address')).toBe(nasAddress);
    expect(onlyOf(first, 'Service-Type')).toBe('Framed-User');
    expect(onlyOf(first, 'Framed-Protocol')).toBe('PPP');
    expect(onlyOf(first, 'NAS-Port-Id')).toBeTruthy();
    // User-Password is not noted.
    if (method !== 'pap') expect(asked.every((request) => request.has(proof))).toBe(true);
    const packets = await dissectRadius(await capture.stop(), radiusSecret);
    expect(radiusComplaints(packets, nasAddress)).toEqual([]);
  });

  test('a wrong password is refused in words at both ends', async () => {
    const server = await startServer({ eap });
    await lns.declare('all.yaml', ...lnsDocuments);
    await lac.declare('all.yaml', ...callerDocuments({ auth: only(method) }, 'not-the-password'));
    await lns.start();
    await lac.start();
    await lac.saysEvent({ kind: 'Session', name: 'call', message: /authentication|password/i });
    await server.process.says(/Login incorrect/);
    await until('the LNS to tell', async () =>
      (await lns.events()).some(({ message }) => /authentication|password|reject/i.test(message)),
    );
    const session = await lac.session('call');
    expect(session !== undefined && isTrue(session, 'Ready')).toBe(false);
    for (const daemon of [lac, lns]) expect(daemon.process.output).not.toContain('not-the-password');
  });
});

/** The LNS's session is ready when either family is up. */
async function bothFamiliesUp() {
  return await until('IPv4 and IPv6', async () => {
    const { status } = await lns.acceptedSessionReady();
    return status.ppp?.remoteAddress !== undefined && status.ppp.ipv6 !== undefined && status;
  });
}

test('a server at an IPv6 address is asked and told likewise', async () => {
  const server = await startServer({ address: firstServer6 });
  await callUp(radiusLnsDocuments({ servers: [firstServer6], radius: { nasAddress: nasAddress6 } }));
  const asked = (await server.access())[0];
  expect(onlyOf(asked, 'NAS-IPv6-Address')).toBe(nasAddress6);
  expect(asked.has('NAS-IP-Address')).toBe(false);
  await until('the Start', async () =>
    (await server.accounting()).some((told) => onlyOf(told, 'Acct-Status-Type') === 'Start'),
  );
});

test('addresses, prefixes and routes of the Access-Accept are what the call gets', async () => {
  await startServer({
    reply: {
      'Framed-IP-Address': '10.77.0.9',
      'Framed-Route': '10.88.0.0/24 0.0.0.0 1',
      'Framed-IPv6-Prefix': '2001:db8:77::/64',
      'Delegated-IPv6-Prefix': '2001:db8:7700::/56',
      'Framed-IPv6-Route': '2001:db8:88::/48 :: 1',
      'Framed-Interface-Id': '0:0:0:77',
    },
  });
  const six = { enabled: true, prefixPool: 'links', delegationPool: 'homes' };
  await callUp(
    radiusLnsDocuments({ ppp: { aaa: 'radius', ipv4: { local: gatewayInside, pool: 'callers' }, ipv6: six } }),
    callerDocuments({ ipv6: { enabled: true } }),
  );
  const { interface: device = '', ppp } = await bothFamiliesUp();
  expect(ppp?.remoteAddress).toBe('10.77.0.9');
  await until('it at the LAC', async () => (await lac.session('call'))?.status.ppp?.localAddress === '10.77.0.9');
  expect(ppp?.ipv6).toMatchObject({ prefix: '2001:db8:77::/64', delegated: '2001:db8:7700::/56' });
  await until('the routes', async () => {
    const routes = `${await lnsHost.ip('route')}\n${await lnsHost.ip('-6', 'route')}`;
    const wanted = ['10.88.0.0/24', '2001:db8:77::/64', '2001:db8:7700::/56', '2001:db8:88::/48'];
    return wanted.every((cidr) => routes.includes(`${cidr} dev ${device}`));
  });
  // A network behind the caller is reached through the call.
  await lacHost.addAddress('lo', '10.88.0.1/32');
  await until('a ping to behind the caller', () => lnsHost.pings('10.88.0.1', '-I', gatewayInside));
});

test('pools of the Access-Accept come before those of the profile', async () => {
  await startServer({ reply: { 'Framed-Pool': 'premium', 'Framed-IPv6-Pool': 'links' } });
  await callUp(
    radiusLnsDocuments({
      ppp: { aaa: 'radius', ipv4: { local: gatewayInside, pool: 'callers' }, ipv6: { enabled: true } },
    }),
    callerDocuments({ ipv6: { enabled: true } }),
  );
  const { ppp } = await bothFamiliesUp();
  expect(ppp?.remoteAddress).toMatch(/^10\.20\.2\./);
  expect(ppp?.ipv6?.prefix).toMatch(/^2001:db8:1:[0-9a-f:]*\/64$/);
});

test('a pool that is not there is told, and the call gets no address', async () => {
  await startServer({ reply: { 'Framed-Pool': 'nowhere' } });
  await lns.declare('all.yaml', ...radiusLnsDocuments());
  await lac.declare('all.yaml', ...callerDocuments());
  await lns.start();
  await lac.start();
  await until('the pool in words', async () =>
    JSON.stringify([await lns.sessions(), await lns.events()]).includes('nowhere'),
  );
});

test('with a wrong secret there is no answer, which is told of the server', async () => {
  const server = await startServer({ secret: 'another' });
  const quick = { timeout: '200ms', retries: 1 };
  await lns.declare('all.yaml', ...radiusLnsDocuments({ server: quick }));
  await lac.declare('all.yaml', ...callerDocuments());
  await lns.start();
  await lac.start();
  await server.process.says(/invalid Message-Authenticator/i);
  const seen = await until('the server in the status', async () => {
    const radius = (await lns.gateway())?.status?.radius;
    return radius?.servers[0]?.alive === false && radius;
  });
  expect(seen.servers[0]).toMatchObject({ address: firstServer });
  expect(seen.servers[0].lastError).toBeTruthy();
  expect((await lns.sessions()).some((session) => isTrue(session, 'Ready'))).toBe(false);
  expect(lns.process.output).not.toContain(radiusSecret);
});

test('tunnel attributes send the call on in a tunnel that nobody declared', async () => {
  const far = await lab.namespace('far');
  await lab.link(lnsHost, { device: 'uplink', addresses: ['203.0.113.1/24'] }, far, {
    device: wire,
    addresses: ['203.0.113.2/24'],
  });
  const home = new Daemon(far);
  await home.declare(
    'all.yaml',
    resource('Gateway', 'home', { listen: [{ address: '203.0.113.2' }] }),
    resource('PeerProfile', 'switch', {
      match: { hostName: 'our-switch' },
      tunnelProfile: 'switch',
      pppProfile: 'callers',
    }),
    resource('TunnelProfile', 'switch', { secretRef: { name: 'home', key: 'tunnel' }, authMode: 'challenge' }),
    resource('PppProfile', 'callers', { ipv4: { local: gatewayInside, pool: 'callers' } }),
    resource('AddressPool', 'callers', { ranges: ['10.20.3.0/24'] }),
    resource('Subscriber', 'alice', { userName: 'alice', passwordRef: { name: 'home', key: 'alice' } }),
    secret('home', { tunnel: 'from-radius', alice: password }),
  );
  await home.start();
  await startServer({
    reply: {
      'Tunnel-Type:1': 'L2TP',
      'Tunnel-Medium-Type:1': 'IPv4',
      'Tunnel-Server-Endpoint:1': '203.0.113.2',
      'Tunnel-Password:1': 'from-radius',
      'Tunnel-Client-Auth-Id:1': 'our-switch',
      'Tunnel-Assignment-Id:1': 'home',
    },
  });
  await lns.declare(
    'all.yaml',
    ...radiusLnsDocuments({ peer: { sessionProfile: 'onwards' } }),
    resource('SessionProfile', 'onwards', { forward: { rules: [{ aaa: true }] } }),
  );
  await lac.declare('all.yaml', ...callerDocuments());
  await lns.start();
  await lac.start();
  const call = await lac.sessionReady('call');
  expect(call.status.ppp?.localAddress).toMatch(/^10\.20\.3\./);
  const atHome = await home.acceptedSessionReady();
  expect(farAddress(atHome)).toBe(call.status.ppp?.localAddress);
  expect((await home.tunnels())[0]?.status.peer?.hostName).toBe('our-switch');
  await until('a ping to home', () => lacHost.pings(gatewayInside));
  const dialled = (await lns.tunnels()).filter(({ status }) => status.direction === 'dialled');
  expect(dialled).toHaveLength(1);
  expect(JSON.stringify([await lns.tunnels(), await lns.events()])).not.toContain('from-radius');
  expect(lns.process.output).not.toContain('from-radius');
});
