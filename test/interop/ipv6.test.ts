import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { wire } from './pair.ts';
import { resource } from './resources.ts';
import { complaintsAbout, dissect } from './tshark.ts';

const lacAddress6 = '2001:db8::1';
const lnsAddress6 = '2001:db8::2';

const six = resource('PppProfile', 'six', { ipv6: { enabled: true } });

test.each([lnsAddress6, '::'])('a tunnel over IPv6 to an LNS that listens at %s', async (listen) => {
  const capture = await lacHost.capture(wire);
  await lns.declare('all.yaml', ...lnsDocuments({ listen }));
  const tunnel = tunnelDocument({ remoteAddress: lnsAddress6, localAddress: lacAddress6 });
  await lac.declare('all.yaml', secrets(), tunnel, sessionDocument());
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  await until('a ping', () => lacHost.pings(gatewayInside));
  const dissected = await dissect(await capture.stop());
  expect(complaintsAbout(dissected, lacAddress6)).toEqual([]);
  expect(complaintsAbout(dissected, lnsAddress6)).toEqual([]);
});

test('IPv6 inside a call, by the interface identifiers agreed on', async () => {
  await lns.declare('all.yaml', ...lnsDocuments({ ipv6: true }));
  await lac.declare(
    'all.yaml',
    secrets(),
    tunnelDocument({ pppProfile: 'six' }),
    sessionDocument('call', 'tocall'),
    six,
  );
  await lns.start();
  await lac.start();
  const { ppp } = (await lac.sessionReady('call')).status;
  const inside = await until('both interface identifiers', async () => {
    return (await lac.sessionReady('call')).status.ppp?.ipv6;
  });
  expect(ppp?.phase).toBe('network');
  await until('a ping to the LNS', () => lacHost.pings(`fe80::${inside.remoteInterfaceId}%tocall`));
  await until('a ping to the LAC', () => lnsHost.pings(`fe80::${inside.localInterfaceId}%l2tp0`));
});
