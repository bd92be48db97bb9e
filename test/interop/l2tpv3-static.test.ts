/** Pseudowires that both ends were told of: without any control connection, and beside one. */
import { readFile } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import type { SessionFields } from '../../src/reconciler/generated.ts';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { tunnelKey } from './declared.ts';
import { lac as left, lacHost as leftRouter, lns as right, lnsHost as rightRouter } from './fresh-pair.ts';
import { addresses, addSites, bridge, device, leftInside, pinged, rightInside, tunnelSecret } from './l2vpn.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

let near: Namespace;
let far: Namespace;

beforeEach(async () => {
  ({ near, far } = await addSites(leftRouter, rightRouter));
});

const cookies = ['0011223344556677', '8899aabbccddeeff'] as const;

/** One end of the wire, 0 or 1: what is local there is remote at the other. */
function staticSession(end: 0 | 1, tunnel: string): string {
  const other = end === 0 ? 1 : 0;
  return resource('Session', 'static', {
    tunnel,
    pseudowire: 'ethernet',
    l2SpecificSublayer: 'default',
    dataSequencing: 'all',
    ethernetProfile: 'static',
    static: {
      localSessionId: 1000 + end,
      remoteSessionId: 1000 + other,
      localCookie: cookies[end],
      remoteCookie: cookies[other],
    },
  });
}

const onBridge = resource('EthernetProfile', 'static', { interfaceName: device, bridge });

function staticTunnel(end: 0 | 1, encapsulation: 'udp' | 'ip', ends: readonly [string, string]): string {
  const other = end === 0 ? 1 : 0;
  const ports = encapsulation === 'udp' ? { localPort: 1701, remotePort: 1701 } : {};
  return resource('Tunnel', 'static', {
    static: { localTunnelId: 3000 + end, remoteTunnelId: 3000 + other },
    encapsulation,
    localAddress: ends[end],
    remoteAddress: ends[other],
    ...ports,
  });
}

test.each([
  { encapsulation: 'udp', underlay: 'ipv4' },
  { encapsulation: 'ip', underlay: 'ipv6' },
] as const)(
  'a static tunnel over $encapsulation and $underlay carries frames, and no control message',
  async (form) => {
    const { encapsulation, underlay } = form;
    const ends = addresses[underlay];
    const capture = await leftRouter.capture(wire, 'udp or ip proto 115 or ip6 proto 115');
    await left.declare('all.yaml', staticTunnel(0, encapsulation, ends), staticSession(0, 'static'), onBridge);
    await right.declare('all.yaml', staticTunnel(1, encapsulation, ends), staticSession(1, 'static'), onBridge);
    await left.start();
    await left.sessionReady('static');
    await right.start();
    await right.sessionReady('static');
    await pinged(near, rightInside);
    await pinged(far, leftInside);
    const { counters } = (await right.sessionReady('static')).status;
    expect(counters).toMatchObject({ rxDropped: 0, txDropped: 0, rxOutOfOrder: 0 });
    await left.stop();
    const dissected = await dissect(await capture.stop());
    expect(dissected.filter(({ complaints }) => complaints.includes('not L2TP'))).toEqual([]);
    expect(dissected.length).toBeGreaterThanOrEqual(4);
    expect(dissected.filter(({ message }) => message !== undefined)).toEqual([]);
  },
);

test('a static pseudowire beside a dynamic one in a control connection, which tells of neither', async () => {
  const dynamic: Partial<SessionFields> = { pseudowire: 'ethernet', ethernetProfile: 'dynamic' };
  const own = (end: 0 | 1) => [
    staticSession(end, 'other'),
    onBridge,
    resource('EthernetProfile', 'dynamic', { interfaceName: 'pw1', addresses: [`10.31.0.${end + 1}/24`] }),
    secret('secrets', { tunnel: tunnelSecret }),
  ];
  const capture = await leftRouter.capture(wire);
  const version = { version: 'v3', secretRef: tunnelKey } as const;
  // Both dial, for a static Session stands in a Tunnel of each end's own.
  for (const [daemon, end, localAddress, remoteAddress] of [
    [left, 0, lacAddress, lnsAddress],
    [right, 1, lnsAddress, lacAddress],
  ] as const) {
    await daemon.declare(
      'all.yaml',
      resource('Gateway', 'gateway', { hostName: `end${end}.example.net`, listen: [{ address: localAddress }] }),
      resource('PeerProfile', 'other', { match: { addresses: [remoteAddress] }, tunnelProfile: 'other' }),
      resource('TunnelProfile', 'other', version),
      resource('Tunnel', 'other', { localAddress, remoteAddress, persist: true, ...version }),
      resource('Session', 'dynamic', { tunnel: 'other', ...dynamic }),
      ...own(end),
    );
  }
  await Promise.all([left.start(), right.start()]);
  await pinged(near, rightInside);
  await pinged(leftRouter, '10.31.0.2');
  for (const daemon of [left, right]) {
    await daemon.sessionReady('static');
    await daemon.sessionReady('dynamic');
    const established = (await daemon.sessions()).filter((session) => isTrue(session, 'Established'));
    expect(established).toHaveLength(2);
  }
  const before = (await left.tunnelReady('other')).status.localId;

  const withdrawn = async (daemon: typeof left) => {
    const text = await readFile(`${daemon.directory}/all.yaml`, 'utf8');
    const rest = text.split('---\n').filter((document) => !document.includes('name: static\nspec:\n  tunnel'));
    await daemon.declare('all.yaml', ...rest);
    await until('the static one to go', async () => (await daemon.session('static')) === undefined);
  };
  await withdrawn(left);
  await withdrawn(right);
  expect(await near.pings(rightInside)).toBe(false);
  await pinged(leftRouter, '10.31.0.2');
  expect((await left.tunnelReady('other')).status.localId).toBe(before);
  const dissected = await dissect(await capture.stop());
  const sent = [...sentMessages(dissected, lacAddress), ...sentMessages(dissected, lnsAddress)];
  expect(sent.filter((name) => name === 'ICCN')).toHaveLength(1);
  expect(complaintsAbout(dissected, lacAddress).filter((each) => !each.includes('Incorrect Digest'))).toEqual([]);
});
