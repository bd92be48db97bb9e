/** Which ends of L2TPv3 meet: both that dial each other, many spokes on one hub; and what either knows of the other's circuit. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { SessionStatus, TunnelStatus } from '../../src/api/types.ts';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { runBeside } from './command.ts';
import { Daemon, isTrue } from './daemon.ts';
import { tunnelKey } from './declared.ts';
import { lab, lac as left, lacHost as leftRouter, lns as right, lnsHost as rightRouter } from './fresh-pair.ts';
import {
  addBridge,
  addHost,
  addSites,
  bridge,
  device,
  leftDocuments,
  leftInside,
  linkOf,
  links,
  pinged,
  rightDocuments,
  rightInside,
  tunnelSecret,
} from './l2vpn.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

/** A pseudowire of both ends' own, to a peer that dials as well. */
function bothDial(hostName: string, localAddress: string, remoteAddress: string): string[] {
  return [
    resource('Gateway', 'gateway', { hostName, listen: [{ address: localAddress }] }),
    resource('PeerProfile', 'other', { match: { addresses: [remoteAddress] }, ethernetProfile: 'office' }),
    resource('TunnelProfile', 'default', { version: 'v3', secretRef: tunnelKey }),
    resource('SessionProfile', 'default', { pseudowire: 'ethernet' }),
    resource('Tunnel', 'other', { localAddress, remoteAddress, localPort: 1701, persist: true }),
    resource('Session', 'office', { tunnel: 'other', ethernetProfile: 'office' }),
    resource('EthernetProfile', 'office', { interfaceName: device, bridge }),
    secret('secrets', { tunnel: tunnelSecret }),
  ];
}

test('both ends declare tunnel and pseudowire: of each there is one', async () => {
  const { near, far } = await addSites(leftRouter, rightRouter);
  const capture = await leftRouter.capture(wire);
  await left.declare('all.yaml', ...bothDial('left.example.net', lacAddress, lnsAddress));
  await right.declare('all.yaml', ...bothDial('right.example.net', lnsAddress, lacAddress));
  await Promise.all([left.start(), right.start()]);
  await pinged(near, rightInside);
  await pinged(far, leftInside);
  const one = await settled(left);
  const other = await settled(right);
  expect([one.tunnel.localId, one.session.localId]).toEqual([other.tunnel.remoteId, other.session.remoteId]);
  expect([one.tunnel.remoteId, one.session.remoteId]).toEqual([other.tunnel.localId, other.session.localId]);
  for (const router of [leftRouter, rightRouter]) {
    const names = (await links(router)).map(({ ifname }) => ifname);
    expect(names.filter((name) => /^(pw|l2tp)/.test(name))).toEqual([device]);
  }
  const dissected = await dissect(await capture.stop(), `l2tp.shared_secret:${tunnelSecret}`);
  // tshark keeps the nonces of one SCCRQ, and here are two between the same ports: it has one end's digests wrong.
  const isTrusted = (complaint: string) => !complaint.includes('Incorrect Digest');
  for (const address of [lacAddress, lnsAddress]) {
    expect(complaintsAbout(dissected, address).filter(isTrusted)).toEqual([]);
  }
});

/** The only tunnel and the only pseudowire, once there is just one of each and both are ready. */
async function settled(daemon: Daemon): Promise<{ tunnel: TunnelStatus; session: SessionStatus }> {
  return await until('one tunnel with one pseudowire', async () => {
    const tunnels = await daemon.tunnels();
    const sessions = await daemon.sessions();
    const all = [...tunnels, ...sessions];
    const isSettled = tunnels.length === 1 && sessions.length === 1 && all.every((each) => isTrue(each, 'Ready'));
    return isSettled && { tunnel: tunnels[0].status, session: sessions[0].status };
  }).catch(async (error: Error) => {
    const found = [...(await daemon.tunnels()), ...(await daemon.sessions())];
    throw new Error(`${error.message}\n${JSON.stringify(found, undefined, 1)}\n${daemon.process.output}`);
  });
}

test('three spokes on one hub see each other, and the hub is as the example says', async () => {
  const hub = right;
  const example = await readFile(new URL('../../examples/ethernet-hub.yaml', import.meta.url), 'utf8');
  await rightRouter.ip('link', 'add', 'br-branches', 'type', 'bridge');
  await rightRouter.ip('link', 'set', 'br-branches', 'up');
  await hub.declare('hub.yaml', example);
  await hub.start();

  const spokes: { host: Namespace; address: string }[] = [];
  for (const [number, encapsulation] of [
    [1, 'udp'],
    [2, 'ip'],
    [3, 'udp'],
  ] as const) {
    const router = await lab.namespace(`spoke${number}`);
    const outside = `198.51.${number}.1`;
    const remoteAddress = `198.51.${number}.2`;
    await lab.link(router, { device: wire, addresses: [`${outside}/24`] }, rightRouter, {
      device: `spoke${number}`,
      addresses: [`${remoteAddress}/24`],
    });
    await addBridge(router);
    const address = `10.30.0.${number}`;
    spokes.push({ host: await addHost(router, `host${number}`, address), address });
    const daemon = new Daemon(router);
    await daemon.declare(
      'all.yaml',
      resource('Gateway', 'spoke', { hostName: `spoke${number}.branch.example.net` }),
      resource('Tunnel', 'hub', {
        remoteAddress,
        version: 'v3',
        encapsulation,
        digest: 'hmac-sha1',
        persist: true,
        // The third has the old secret still.
        secretRef: { name: 'branches', key: number === 3 ? 'old' : 'new' },
      }),
      resource('Session', 'lan', {
        tunnel: 'hub',
        pseudowire: 'ethernet',
        l2SpecificSublayer: 'default',
        dataSequencing: 'nonIp',
        ethernetProfile: 'lan',
      }),
      resource('EthernetProfile', 'lan', { bridge }),
      secret('branches', { new: 'change-me', old: 'change-me-too' }),
    );
    await daemon.start();
    await daemon.sessionReady('lan');
  }
  for (const { host, address } of spokes) {
    for (const other of spokes) if (other.address !== address) await pinged(host, other.address);
  }
  const ports = (await links(rightRouter)).filter(({ master }) => master === 'br-branches');
  expect(ports).toHaveLength(3);
  const counters = (await hub.sessions()).map(({ status }) => status.counters);
  for (const each of counters) expect(each).toMatchObject({ rxDropped: 0, txDropped: 0, rxLost: 0, rxOutOfOrder: 0 });
});

/** What an end says of the circuits, and whether its device has a carrier. */
async function circuits(daemon: Daemon, router: Namespace): Promise<string> {
  const [session] = await daemon.sessions();
  const { local, peer } = session?.status.circuit ?? {};
  const carrier = (await linkOf(router, device))?.flags.includes('LOWER_UP') === true;
  const ready = session?.status.conditions.find(({ type }) => type === 'Ready')?.reason;
  return `we ${local?.active}, peer ${peer?.active}, carrier ${carrier}, ${ready}`;
}

test('an interface that is down at one end takes the carrier from the device at the other, and gives it back', async () => {
  await addBridge(rightRouter);
  const far = await addHost(rightRouter, 'far', rightInside);
  const near = await lab.namespace('near');
  const lan = { device: 'lan', addresses: [`${leftInside}/24`] };
  await lab.link(near, lan, leftRouter, { device: 'port', addresses: [] });
  const capture = await leftRouter.capture(wire);
  await right.declare('all.yaml', ...rightDocuments());
  await left.declare('all.yaml', ...leftDocuments({ ethernet: { bridge: undefined, attach: { interface: 'port' } } }));
  await right.start();
  await left.start();
  await pinged(near, rightInside);
  const says = async (daemon: Daemon, router: Namespace, wanted: string) =>
    await until(`${router.name}: ${wanted}`, async () => (await circuits(daemon, router)) === wanted).catch(
      async (error: Error) => {
        throw new Error(`${error.message}; it is: ${await circuits(daemon, router)}`);
      },
    );
  await says(left, leftRouter, 'we true, peer true, carrier true, Up');
  await says(right, rightRouter, 'we true, peer true, carrier true, Up');

  await near.cut('lan');
  await says(left, leftRouter, 'we false, peer true, carrier true, CircuitDown');
  await says(right, rightRouter, 'we true, peer false, carrier false, PeerCircuitDown');
  const described = await runBeside(right, 'describe', 'session', (await right.sessions())[0].metadata.name);
  expect(described.output).toMatch(/circuitRx|circuitTx/);
  await near.mend('lan');
  await says(right, rightRouter, 'we true, peer true, carrier true, Up');
  await pinged(far, leftInside);

  const dissected = await dissect(await capture.stop(), `l2tp.shared_secret:${tunnelSecret}`);
  expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'SLI', 'SLI']);
  for (const address of [lacAddress, lnsAddress]) expect(complaintsAbout(dissected, address)).toEqual([]);
});
