import { expect, test } from 'vitest';
import type { SessionFields } from '../../src/reconciler/generated.ts';
import type { Capture } from '../netns/capture.ts';
import { until } from '../netns/until.ts';
import { farAddress, isTrue } from './daemon.ts';
import { gatewayInside, secrets, serviceDocuments, tunnelKey } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

/** Our own two daemons in all four call types, with challenges both ways and whatever can be hidden hidden. */

const number = '5551234';
const otherGateway = '10.20.0.2';
const tunnelSecret = 'between-the-two';
const guarded = { secretRef: tunnelKey, authMode: 'challenge', hideAvps: true } as const;
const alice = { userName: 'alice', passwordRef: { name: 'secrets', key: 'alice' } };

/** Who may open tunnels to us, from where; its calls get the values of these profiles. */
function peer(address: string, hostName: string, profiles: { pppProfile?: string; sessionProfile?: string }): string[] {
  return [
    resource('PeerProfile', 'peer', { match: { addresses: [address] }, tunnelProfile: 'peer', ...profiles }),
    resource('TunnelProfile', 'peer', { hostName, ...guarded }),
  ];
}

function tunnelTo(remoteAddress: string, localAddress: string, hostName: string, localPort = 0): string {
  return resource('Tunnel', 'tunnel', { remoteAddress, localAddress, localPort, hostName, persist: true, ...guarded });
}

function call(name: string, fields: Omit<SessionFields, 'tunnel'>): string {
  return resource('Session', name, { tunnel: 'tunnel', interfaceName: name, ...fields });
}

/** What either side sent; nothing is wrong with any of it. */
async function dialogue(capture: Capture): Promise<{ lac: string[]; lns: string[] }> {
  const dissected = await dissect(await capture.stop());
  for (const address of [lacAddress, lnsAddress]) expect(complaintsAbout(dissected, address)).toEqual([]);
  return { lac: sentMessages(dissected, lacAddress), lns: sentMessages(dissected, lnsAddress) };
}

test('an LNS asks for an outgoing call, which the LAC answers', async () => {
  const capture = await lacHost.capture(wire);
  await lac.declare(
    'all.yaml',
    resource('Gateway', 'lac', { listen: [{ address: lacAddress }] }),
    ...peer(lnsAddress, 'our-lac', { sessionProfile: 'peer' }),
    resource('SessionProfile', 'peer', { type: 'lacOutgoing' }),
    secrets(tunnelSecret),
  );
  const outward = call('outward', { type: 'lnsOutgoing', calledNumber: number, pppProfile: 'callers' });
  const tunnel = tunnelTo(lacAddress, lnsAddress, 'our-lns');
  await lns.declare('all.yaml', ...serviceDocuments({ auth: { none: true } }), secrets(tunnelSecret), tunnel, outward);
  await lac.start();
  await lns.start();
  const atLns = await lns.sessionReady('outward');
  const atLac = await lac.acceptedSessionReady();
  expect(atLac.status.type).toBe('lacOutgoing');
  await until('a ping to the LNS', () => lacHost.pings(gatewayInside));
  await until('a ping to the LAC', () => lnsHost.pings(farAddress(atLns)));

  await lns.withdraw('all.yaml');
  await until('the LAC to let the call go', async () => (await lac.sessions()).length === 0);
  const said = await dialogue(capture);
  expect(said.lns.slice(0, 3)).toEqual(['SCCRQ', 'SCCCN', 'OCRQ']);
  expect(said.lac.slice(0, 3)).toEqual(['SCCRP', 'OCRP', 'OCCN']);
});

test('both open a tunnel at once: one remains, with the calls that both have declared', async () => {
  await lac.declare(
    'all.yaml',
    resource('Gateway', 'lac', { listen: [{ address: lacAddress }] }),
    ...peer(lnsAddress, 'our-lac', {}),
    tunnelTo(lnsAddress, lacAddress, 'our-lac', 1701),
    call('outward', { type: 'lacOutgoing', calledNumber: number, ...alice }),
    secrets(tunnelSecret),
  );
  await lns.declare(
    'all.yaml',
    ...serviceDocuments(),
    ...peer(lacAddress, 'our-lns', { pppProfile: 'callers' }),
    tunnelTo(lacAddress, lnsAddress, 'our-lns', 1701),
    call('inward', { type: 'lnsIncoming', pppProfile: 'callers' }),
    // Of its own address, so that the LAC's answers find the way back into the call.
    resource('PppProfile', 'other', { ipv4: { local: otherGateway, pool: 'callers' } }),
    secrets(tunnelSecret),
  );
  const capture = await lacHost.capture(wire);
  await lnsHost.cut(wire);
  await lac.start();
  await lns.start();
  for (const daemon of [lac, lns]) {
    await until('a request for a tunnel', async () => (await daemon.tunnel('tunnel'))?.status.state === 'waitReply');
  }
  await lnsHost.mend(wire);
  for (const [daemon, name] of [
    [lac, 'outward'],
    [lns, 'inward'],
  ] as const) {
    await until(`${name} to be awaited`, async () => (await daemon.session(name))?.status.state === 'waitCall');
  }
  const outward = call('outward', { type: 'lnsOutgoing', calledNumber: number, pppProfile: 'other' });
  await lac.declare('call.yaml', call('inward', { type: 'lacIncoming', ...alice }));
  await lns.declare('call.yaml', outward);
  for (const [name, gateway] of [
    ['inward', gatewayInside],
    ['outward', otherGateway],
  ] as const) {
    expect(farAddress(await lac.sessionReady(name))).toBe(gateway);
    const caller = farAddress(await lns.sessionReady(name));
    await until(`a ping of ${name} to the LNS`, () => lacHost.pings(gateway));
    await until(`a ping of ${name} to the LAC`, () => lnsHost.pings(caller, '-I', gateway));
  }
  for (const daemon of [lac, lns]) {
    expect((await daemon.tunnels()).map(({ metadata }) => metadata.name)).toEqual(['tunnel']);
    expect(isTrue(await daemon.tunnelReady('tunnel'), 'PeerAuthenticated')).toBe(true);
    expect(await daemon.sessions()).toHaveLength(2);
  }
  const said = await dialogue(capture);
  expect(said.lac.filter((message) => ['ICRQ', 'ICCN', 'OCRP', 'OCCN'].includes(message))).toHaveLength(4);
  expect([...said.lac, ...said.lns].filter((message) => message === 'SCCRP')).toHaveLength(1);
});
