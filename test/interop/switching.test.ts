/** Three daemons in a row: calls that come in by one tunnel, or by PPPoE, go on in another. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import '../netns/patience.ts';
import type { PppoeServerObject } from '../../src/api/types.ts';
import type { SessionProfileFields } from '../../src/reconciler/generated.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { Daemon, farAddress } from './daemon.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lnsAddress } from './pair.ts';
import { resource } from './resources.ts';
import { complaintsAbout, dissect } from './tshark.ts';

const switchAddress = '198.51.100.2';
const accessAddress = '198.51.100.1';
const switchOutside = '192.0.2.1';

let lab: Lab;
let access: Namespace;
let middle: Namespace;
let lac: Daemon;
let hub: Daemon;
let lns: Daemon;

beforeEach(async () => {
  lab = await Lab.open();
  access = await lab.namespace('lac');
  middle = await lab.namespace('hub');
  const far = await lab.namespace('lns');
  await lab.link(access, { device: 'north', addresses: [`${accessAddress}/24`] }, middle, {
    device: 'south',
    addresses: [`${switchAddress}/24`],
  });
  await lab.link(middle, { device: 'north', addresses: [`${switchOutside}/24`] }, far, {
    device: 'wire',
    addresses: [`${lnsAddress}/24`],
  });
  [lac, hub, lns] = [access, middle, far].map((namespace) => new Daemon(namespace));
});

afterEach(() => lab.close());

/** The switch: who calls goes on to the LNS. */
function hubDocuments(profile: SessionProfileFields): string[] {
  return [
    resource('Gateway', 'hub', { listen: [{ address: switchAddress }] }),
    resource('PeerProfile', 'access', { match: { addresses: ['198.51.100.0/24'] }, sessionProfile: 'onward' }),
    resource('SessionProfile', 'onward', profile),
    tunnelDocument({ localAddress: switchOutside }),
  ];
}

async function start(profile: SessionProfileFields, userName = 'alice'): Promise<void> {
  await lns.declare('all.yaml', ...lnsDocuments());
  await hub.declare('all.yaml', ...hubDocuments(profile));
  const toHub = tunnelDocument({ remoteAddress: switchAddress, localAddress: accessAddress });
  await lac.declare(
    'all.yaml',
    secrets(),
    toHub,
    sessionDocument().replace('userName: alice', `userName: ${userName}`),
  );
  for (const daemon of [lns, hub, lac]) await daemon.start();
}

test('a call goes on to the LNS, packets pass, and the end of one call is the end of the other', async () => {
  const capture = await middle.capture('north');
  await start({ forward: { tunnels: ['to-lns'] }, useSequenceNumbers: true });
  const call = await lac.sessionReady('call');
  expect(farAddress(call)).toBe(gatewayInside);
  await until('a ping through the switch', () => access.pings(gatewayInside));
  await until('a full-size ping', () => access.pings(gatewayInside, '-s', '1372', '-M', 'do'));
  const [ingress, egress] = (await hub.sessions()).map(({ status }) => status);
  expect([ingress.switchedWith, egress.switchedWith].every((other) => other !== undefined)).toBe(true);
  expect(ingress.counters?.rxPackets).toBeGreaterThan(0);
  expect(egress.counters?.txPackets).toBeGreaterThan(0);
  await lac.declare(
    'all.yaml',
    secrets(),
    tunnelDocument({ remoteAddress: switchAddress, localAddress: accessAddress }),
  );
  await until('no session anywhere', async () => {
    const left = await Promise.all([lac, hub, lns].map((daemon) => daemon.sessions()));
    return left.every((sessions) => sessions.length === 0);
  });
  expect(complaintsAbout(await dissect(await capture.stop()), switchOutside)).toEqual([]);
});

test.each([
  { comesIn: 'v2', goesOn: 'v3' },
  { comesIn: 'v3', goesOn: 'v2' },
] as const)('a call that comes in $comesIn goes on in $goesOn', async ({ comesIn, goesOn }) => {
  await lns.declare('all.yaml', ...lnsDocuments());
  const [gateway, peer, profile] = hubDocuments({ forward: { tunnels: ['to-lns'] } });
  const onward = tunnelDocument({ localAddress: switchOutside, version: goesOn });
  await hub.declare('all.yaml', gateway, peer, profile, onward);
  const toHub = tunnelDocument({ remoteAddress: switchAddress, localAddress: accessAddress, version: comesIn });
  await lac.declare('all.yaml', secrets(), toHub, sessionDocument());
  for (const daemon of [lns, hub, lac]) await daemon.start();
  await lac.sessionReady('call');
  await until('a ping through the switch', () => access.pings(gatewayInside));
  await until('a full-size ping', () => access.pings(gatewayInside, '-s', '1372', '-M', 'do'));
  const version = async (daemon: Daemon) => (await daemon.tunnelReady('to-lns')).status.version;
  expect([await version(lac), await version(hub)].map((each) => `v${each}`)).toEqual([comesIn, goesOn]);
});

test('the realm of the user decides, and the LNS goes on with what the switch has negotiated', async () => {
  const forward = { rules: [{ realm: 'example.net', tunnels: ['to-lns'] }] };
  await lns.declare(
    'user.yaml',
    resource('Subscriber', 'bob', {
      userName: 'bob@example.net',
      passwordRef: { name: 'secrets', key: 'alice' },
    }),
  );
  await lns.declare('tunnel.yaml', resource('TunnelProfile', 'default', { allowPppProxy: true }));
  await start({ forward }, 'bob@example.net');
  await lac.sessionReady('call');
  await until('a ping through the switch', () => access.pings(gatewayInside));
  const accepted = await lns.acceptedSessionReady();
  expect(accepted.status.ppp?.user).toBe('bob@example.net');
});

test('pppoe-discovery finds our access concentrator, and only where it serves', async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  await hub.declare(
    'all.yaml',
    resource('Gateway', 'hub', {}),
    resource('SessionProfile', 'onward', { forward: { tunnels: ['to-lns'] } }),
    resource('PppoeServer', 'access', {
      interface: 'south',
      acName: 'bras-7',
      serviceNames: ['internet'],
      sessionProfile: 'onward',
    }),
    tunnelDocument({ localAddress: switchOutside }),
  );
  await lns.start();
  await hub.start();
  await hub.tunnelReady('to-lns');
  const stdout = await access.run('pppoe-discovery', '-I', 'north', '-S', 'internet', '-a', '1', '-t', '2');
  expect(stdout).toMatch(/Access-Concentrator: bras-7/);
  expect(stdout).toMatch(/Service-Name: internet/);
  const other = await access
    .run('pppoe-discovery', '-I', 'north', '-S', 'no-such', '-a', '1', '-t', '1')
    .catch((error) => error.stdout);
  expect(String(other)).not.toMatch(/Access-Concentrator/);

  // Without its interface it is not said to serve.
  const served = async (): Promise<boolean> => {
    const server = await hub.ask<PppoeServerObject>('/v1/pppoeservers/access');
    return server?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  };
  expect(await served()).toBe(true);
  const rename = async (from: string, to: string): Promise<void> => {
    await middle.ip('link', 'set', from, 'down');
    await middle.ip('link', 'set', from, 'name', to);
    await middle.ip('link', 'set', to, 'up');
  };
  await rename('south', 'elsewhere');
  await until('a server without its interface', async () => !(await served()));
  await rename('elsewhere', 'south');
  await until('the server again', served);
});
