import { expect, test } from 'vitest';
import type { TunnelFields } from '../../src/reconciler/generated.ts';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { gatewayInside, lnsDocuments, password, serviceDocuments } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { complaintsAbout, dissect } from './tshark.ts';
import { startXl2tpd } from './xl2tpd.ts';

/** Several tunnels between the same two hosts, and several names behind one address. */

const branches = ['north', 'south'] as const;
type Branch = (typeof branches)[number];
const secretOf: Record<Branch, string> = { north: 'known-to-north', south: 'known-to-south' };
const secrets = secret('secrets', { alice: password, ...secretOf });

/** A Tunnel of the branch's own name with the secret that it knows, and a call in it with a device of its own. */
function branch(name: Branch, knows: Branch = name, fields: TunnelFields = {}): string[] {
  const peer = { remoteAddress: lnsAddress, localAddress: lacAddress, hostName: name, persist: true };
  const authentication = { authMode: 'challenge', secretRef: { name: 'secrets', key: knows } } as const;
  const passwordRef = { name: 'secrets', key: 'alice' };
  return [
    resource('Tunnel', name, { ...peer, ...authentication, ...fields }),
    resource('Session', name, { tunnel: name, userName: 'alice', passwordRef, interfaceName: name }),
  ];
}

/** An LNS that knows each branch by its host name only, with a secret for each. */
function lnsOfBranches(): string[] {
  const profiles = branches.flatMap((name) => [
    resource('PeerProfile', name, { match: { hostName: name }, tunnelProfile: name, pppProfile: 'callers' }),
    resource('TunnelProfile', name, {
      hostName: `lns-of-${name}`,
      authMode: 'challenge',
      secretRef: { name: 'secrets', key: name },
    }),
  ]);
  return [...serviceDocuments(), ...profiles, secrets];
}

/** That the branch's call is up and carries packets by its own device. */
async function serves(name: Branch): Promise<void> {
  await lac.sessionReady(name);
  await until(`a ping of ${name}`, () => lacHost.pings(gatewayInside, '-I', name));
}

// All from one port: nothing but the tunnel ids tells the tunnels apart.
test.each([{ localPort: 0 }, { localPort: 1701 }])(
  'two names behind one address, local port $localPort, are known by their own secrets',
  async (fields) => {
    const capture = await lnsHost.capture(wire);
    await lns.declare('all.yaml', ...lnsOfBranches());
    await lac.declare('all.yaml', secrets, ...branch('north', 'north', fields), ...branch('south', 'south', fields));
    await lns.start();
    await lac.start();
    for (const name of branches) {
      await serves(name);
      const tunnel = await lac.tunnelReady(name);
      expect(tunnel.status.peer?.hostName).toBe(`lns-of-${name}`);
      expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(true);
    }
    const names = (await lns.tunnels()).map(({ status }) => status.peer?.hostName);
    expect(names.toSorted()).toEqual([...branches]);
    const dissected = await dissect(await capture.stop());
    for (const address of [lacAddress, lnsAddress]) expect(complaintsAbout(dissected, address)).toEqual([]);
  },
);

test("a name with another name's secret gets no tunnel, and the other is not disturbed", async () => {
  await lns.declare('all.yaml', ...lnsOfBranches());
  await lac.declare('all.yaml', secrets, ...branch('north'), ...branch('south', 'north'));
  await lns.start();
  await lac.start();
  await lac.saysEvent({ kind: 'Tunnel', name: 'south', message: /secret|challenge|authenti/i });
  await serves('north');
  const south = await lac.tunnel('south');
  expect(south && isTrue(south, 'Established')).toBe(false);
  const established = (await lns.tunnels()).filter((tunnel) => isTrue(tunnel, 'Established'));
  expect(established.map(({ status }) => status.peer?.hostName)).toEqual(['north']);
});

test('three tunnels of one name between the same two hosts, of which one ends', async () => {
  await lns.declare('all.yaml', ...lnsDocuments());
  const tunnels = ['one', 'two', 'three'];
  const documents = (name: string) => {
    const passwordRef = { name: 'secrets', key: 'alice' };
    const peer = { remoteAddress: lnsAddress, localAddress: lacAddress, localPort: 1701, hostName: 'our-lac' };
    return [
      resource('Tunnel', name, { ...peer, persist: true }),
      resource('Session', name, { tunnel: name, userName: 'alice', passwordRef, interfaceName: name }),
    ];
  };
  await lac.declare('secrets.yaml', secrets);
  for (const name of tunnels) await lac.declare(`${name}.yaml`, ...documents(name));
  await lns.start();
  await lac.start();
  for (const name of tunnels) await lac.sessionReady(name);
  const since = async (name: string) => (await lac.tunnelReady(name)).status.since;
  const before = { one: await since('one'), three: await since('three') };

  await lac.withdraw('two.yaml');
  await until('the LNS to let one go', async () => (await lns.sessions()).length === 2);
  for (const name of ['one', 'three']) {
    await until(`a ping of ${name}`, () => lacHost.pings(gatewayInside, '-I', name));
  }
  expect({ one: await since('one'), three: await since('three') }).toEqual(before);
});

test('two names of ours behind one address are known to xl2tpd by their own secrets', async () => {
  const identity = { address: lnsAddress, hostName: 'their-lns', secret: secretOf };
  const peer = await startXl2tpd(lnsHost, identity);
  await lac.declare('all.yaml', secrets, ...branch('north'), ...branch('south'));
  await lac.start();
  for (const name of branches) {
    expect(isTrue(await lac.tunnelReady(name), 'PeerAuthenticated')).toBe(true);
  }
  await until('both calls', async () => (await peer.calls()) === 2);
});

test('two names of xl2tpd behind one address are known to us by their own secrets', async () => {
  await lns.declare('all.yaml', ...lnsOfBranches());
  await lns.start();
  const identity = { address: lacAddress, hostName: 'north', otherNames: ['south'], secret: secretOf };
  const peer = await startXl2tpd(lacHost, { ...identity, server: lnsAddress });
  // It takes one order at a time: what is written meanwhile is lost.
  for (const [index, name] of branches.entries()) {
    await peer.dial(name);
    await until(`the call of ${name}`, async () => (await peer.calls()) === index + 1);
  }
  const tunnels = await lns.tunnels();
  expect(tunnels.map(({ status }) => status.peer?.hostName).toSorted()).toEqual([...branches]);
  for (const tunnel of tunnels) expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(true);
});
