/** `version: auto`: what is L2TPv3 with those who can is L2TPv2 with those who cannot (RFC 3931 4.7.3). */
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { isTrue } from './daemon.ts';
import { lnsDocuments, password, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { startL2tpns } from './l2tpns.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';
import { startXl2tpd } from './xl2tpd.ts';

const tunnelSecret = 'between-both-ends';
/** AVPs of L2TPv3 by which an SCCRQ offers it: Message Digest, Assigned Control Connection ID, nonce. */
const offer = ['59', '61', '73'];

const toLns = () => tunnelDocument({ version: 'auto', secretRef: tunnelKey, authMode: 'challenge' });

test('l2tpns takes the offer for L2TPv2: it answers our challenge, and a call carries packets', async () => {
  const capture = await lacHost.capture(wire);
  const users = { alice: { password } };
  await startL2tpns(lnsHost, { address: lnsAddress, secret: tunnelSecret, authentication: 'chap', users });
  await lac.declare('all.yaml', secrets(tunnelSecret), toLns(), sessionDocument());
  await lac.start();
  await lac.sessionReady('call');
  const tunnel = await lac.tunnelReady('to-lns');
  expect(tunnel.status.version).toBe(2);
  expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(true);
  await until('a ping to l2tpns', () => lacHost.pings('10.10.0.1'));

  const dissected = await dissect(await capture.stop());
  const [request] = dissected;
  expect(request).toMatchObject({ message: 'SCCRQ', avps: expect.arrayContaining(offer) });
  // The first one is all that it needed.
  expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN']);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('xl2tpd takes the offer for L2TPv2, and both ends prove that they know the secret', async () => {
  const capture = await lacHost.capture(wire);
  const peer = await startXl2tpd(lnsHost, { address: lnsAddress, hostName: 'their-lns', secret: tunnelSecret });
  await lac.declare('all.yaml', secrets(tunnelSecret), toLns(), sessionDocument());
  await lac.start();
  await until('the call', async () => {
    const session = await lac.session('call');
    return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1;
  });
  const tunnel = await lac.tunnelReady('to-lns');
  expect(tunnel.status.version).toBe(2);
  expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(true);

  const dissected = await dissect(await capture.stop());
  expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN']);
  expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
});

test('xl2tpd asks for L2TPv2 and gets it where L2TPv3 is spoken too', async () => {
  const capture = await lnsHost.capture(wire);
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret, tunnel: { version: 'auto' } }));
  await lns.start();
  const identity = { address: lacAddress, hostName: 'their-lac', secret: tunnelSecret };
  const peer = await startXl2tpd(lacHost, { ...identity, server: lnsAddress });
  await peer.dial();
  await until('the call', async () => {
    const [session] = await lns.sessions();
    return session !== undefined && isTrue(session, 'Established') && (await peer.calls()) === 1;
  });
  const [tunnel] = await lns.tunnels();
  expect(tunnel.status.version).toBe(2);
  expect(isTrue(tunnel, 'PeerAuthenticated')).toBe(true);
  expect(complaintsAbout(await dissect(await capture.stop()), lnsAddress)).toEqual([]);
});

test('xl2tpd is told why it gets no tunnel where only L2TPv3 is spoken', async () => {
  const capture = await lnsHost.capture(wire);
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret, tunnel: { version: 'v3' } }));
  await lns.start();
  const identity = { address: lacAddress, hostName: 'their-lac', secret: tunnelSecret };
  const peer = await startXl2tpd(lacHost, { ...identity, server: lnsAddress });
  await peer.dial();
  await peer.process.says(/L2TPv2 is not spoken/);
  expect(await lns.tunnels()).toEqual([]);

  const dissected = await dissect(await capture.stop());
  // RFC 2661 4.4.2: the version is not supported, and the one that is.
  const stop = dissected.find(({ source, message }) => source === lnsAddress && message === 'StopCCN');
  expect(stop).toMatchObject({ resultCode: 5, errorCode: 3 });
  expect(complaintsAbout(dissected, lnsAddress)).toEqual([]);
});

test.each([
  { dials: 'auto', takes: 'auto', speaks: 3 },
  { dials: 'auto', takes: 'v2', speaks: 2 },
  { dials: 'v2', takes: 'auto', speaks: 2 },
  { dials: 'v3', takes: 'auto', speaks: 3 },
] as const)('two of ours, $dials to $takes, speak L2TPv$speaks and carry PPP', async ({ dials, takes, speaks }) => {
  await lns.declare('all.yaml', ...lnsDocuments({ tunnelSecret, tunnel: { version: takes } }));
  await lns.start();
  const tunnel = tunnelDocument({ version: dials, secretRef: tunnelKey, authMode: 'challenge' });
  await lac.declare('all.yaml', secrets(tunnelSecret), tunnel, sessionDocument());
  await lac.start();
  const { ppp } = (await lac.sessionReady('call')).status;
  const dialled = await lac.tunnelReady('to-lns');
  const [accepted] = await lns.tunnels();
  expect([dialled.status.version, accepted.status.version]).toEqual([speaks, speaks]);
  expect([dialled, accepted].every((each) => isTrue(each, 'PeerAuthenticated'))).toBe(true);
  await until('a ping', () => lacHost.pings(ppp?.remoteAddress ?? ''));
});
