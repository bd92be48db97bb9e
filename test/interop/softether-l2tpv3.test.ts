import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { password, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lnsHost } from './fresh-pair.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { insideSoftEther, ipsecSecret, startSoftEther } from './softether.ts';
import { startStrongSwan } from './strongswan.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

/** An Ethernet pseudowire. SoftEther sends no cookie, whatever it is told. */
function lan(name: string, addresses: string[] = []): string[] {
  return [
    resource('EthernetProfile', name, { interfaceName: name, addresses }),
    resource('Session', name, { tunnel: 'to-lns', pseudowire: 'ethernet', cookieLength: 0, ethernetProfile: name }),
  ];
}

test('over UDP a control connection lives on after a HELLO, and pseudowires come and go in it', async () => {
  await startSoftEther(lnsHost, { users: { alice: password } });
  const capture = await lacHost.capture(wire);
  await lac.declare('tunnel.yaml', tunnelDocument({ version: 'v3' }));
  await lac.declare('first.yaml', ...lan('first'));
  await lac.start();
  await lac.sessionReady('first');
  const { localId, version } = (await lac.tunnelReady('to-lns')).status;
  expect(version).toBe(3);

  // Sent every 8.8 seconds. What we say next must not be taken for what it has heard already.
  const hello = async () => (await dissect(capture.path)).find(({ message }) => message === 'HELLO');
  await until('a HELLO', async () => (await hello())?.source === lnsAddress);
  await lac.declare('second.yaml', ...lan('second'));
  await lac.sessionReady('second');
  await lac.withdraw('first.yaml');
  await until('the first to go', async () => (await lac.sessions()).length === 1);
  expect((await lac.tunnelReady('to-lns')).status.localId).toBe(localId);
  await lac.withdraw('second.yaml');
  await lac.withdraw('tunnel.yaml');
  await until('the tunnel to go', async () => (await lac.tunnels()).length === 0);

  const dissected = await dissect(await capture.stop());
  const messages = sentMessages(dissected, lacAddress).filter((name) => name !== 'HELLO');
  const twice = ['ICRQ', 'ICCN', 'ICRQ', 'ICCN', 'CDN', 'CDN'];
  expect(messages).toEqual(['SCCRQ', 'SCCCN', ...twice, 'StopCCN']);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('over IP in IPsec an Ethernet pseudowire carries frames from and to a hub of SoftEther', async () => {
  const peer = await startSoftEther(lnsHost, { users: { alice: password } });
  await startStrongSwan(lacHost, { local: lacAddress, remote: lnsAddress, secret: ipsecSecret, traffic: '115' });
  // The capture's end is told from an address of the device's.
  await lacHost.addAddress('ipsec0', '198.51.100.1/32');
  const capture = await lacHost.capture('ipsec0');
  await lac.declare('tunnel.yaml', tunnelDocument({ version: 'v3', encapsulation: 'ip' }));
  await lac.declare('session.yaml', ...lan('lan', ['10.30.2.1/16']));
  await lac.start();
  await lac.sessionReady('lan');
  await until('a ping to SoftEther', () => lacHost.pings(insideSoftEther));
  // strongSwan's device takes 1,400 octets; IP, session id and Ethernet leave 1,362 of them.
  await until('a full-size ping', () => lacHost.pings(insideSoftEther, '-s', '1334', '-M', 'do'));
  expect(await lacHost.pings(insideSoftEther, '-s', '1335', '-M', 'do')).toBe(false);
  expect(await peer.command('SessionList')).toMatch(/SID-ALICE/i);

  await lac.withdraw('session.yaml');
  await until('SoftEther to let the call go', async () => !/SID-ALICE/i.test(await peer.command('SessionList')));
  await lac.withdraw('tunnel.yaml');
  await until('the tunnel to go', async () => (await lac.tunnels()).length === 0);
  const dissected = await dissect(await capture.stop());
  const messages = sentMessages(dissected, lacAddress).filter((name) => name !== 'HELLO');
  expect(messages).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'CDN', 'StopCCN']);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('asked for either version it takes the offer for L2TPv2, and a call carries packets', async () => {
  await startSoftEther(lnsHost, { users: { alice: password } });
  await lac.declare('all.yaml', secrets(), tunnelDocument({ version: 'auto' }), sessionDocument());
  await lac.start();
  await lac.sessionReady('call');
  expect((await lac.tunnelReady('to-lns')).status.version).toBe(2);
  await until('a ping to SoftEther', () => lacHost.pings(insideSoftEther));
});
