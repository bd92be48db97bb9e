import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { password, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lnsHost } from './fresh-pair.ts';
import { lacAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { insideSoftEther, type SoftEther, startSoftEther } from './softether.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

/**
 * The call's name at SoftEther. Its sessions are called after the user and counted.
 * @throws Error when there is none.
 */
async function sessionOf(peer: SoftEther): Promise<string> {
  const name = (await peer.command('SessionList')).match(/SID-ALICE-\S+/)?.[0];
  if (name === undefined) throw new Error('SoftEther has no session of alice');
  return name;
}

test('a call carries packets, is dialled again when SoftEther ends it, and ends with its documents', async () => {
  const peer = await startSoftEther(lnsHost, { users: { alice: password } });
  const capture = await lacHost.capture(wire);
  await lac.declare('tunnel.yaml', secrets(), tunnelDocument());
  await lac.declare('session.yaml', sessionDocument());
  await lac.start();

  const { localId, ppp } = (await lac.sessionReady('call')).status;
  expect(ppp).toMatchObject({ auth: 'mschapv2', user: 'alice', remoteAddress: insideSoftEther, dns: ['10.30.0.53'] });
  expect(ppp?.localAddress).toMatch(/^10\.30\.1\./);
  await until('a ping to SoftEther', () => lacHost.pings(insideSoftEther));
  await until('a full-size ping', () => lacHost.pings(insideSoftEther, '-s', '1372', '-M', 'do'));

  await peer.command(`SessionDisconnect ${await sessionOf(peer)}`);
  await until('the next call', async () => (await lac.sessionReady('call')).status.localId !== localId);
  await until('a ping to SoftEther', () => lacHost.pings(insideSoftEther));

  await lac.withdraw('session.yaml');
  await until('SoftEther to let the call go', async () => !(await peer.command('SessionList')).includes('SID-ALICE'));
  expect(isTrue(await lac.tunnelReady('to-lns'), 'Established')).toBe(true);
  await lac.withdraw('tunnel.yaml');
  await until('the tunnel to go', async () => (await lac.tunnels()).length === 0);

  const dissected = await dissect(await capture.stop());
  const twoCalls = ['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'ICRQ', 'ICCN', 'CDN', 'StopCCN'];
  expect(sentMessages(dissected, lacAddress)).toEqual(twoCalls);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('a wrong password is refused while the tunnel stays, and the right one is let in', async () => {
  await startSoftEther(lnsHost, { users: { alice: 'another' } });
  const onlyPap = resource('PppProfile', 'pap', { auth: { mschapv2: false, chap: false } });
  await lac.declare('secrets.yaml', secrets());
  await lac.declare('all.yaml', onlyPap, tunnelDocument({ pppProfile: 'pap' }), sessionDocument());
  await lac.start();
  // It says no to PAP by ending LCP, without an Authenticate-Nak.
  await lac.saysEvent({ kind: 'Session', name: 'call', message: /the peer ended/ });
  expect(lac.process.output).not.toContain(password);
  const { localId } = (await lac.tunnelReady('to-lns')).status;

  await lac.declare('secrets.yaml', secret('secrets', { alice: 'another' }));
  expect((await lac.sessionReady('call')).status.ppp?.auth).toBe('pap');
  expect((await lac.tunnelReady('to-lns')).status.localId).toBe(localId);
});
