import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import '../netns/patience.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { Daemon, farAddress, isTrue } from './daemon.ts';
import { password, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { startL2tpns } from './l2tpns.ts';
import { lacAddress, lnsAddress, makePair, wire } from './pair.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

const tunnelSecret = 'between-us-and-l2tpns';
const insideL2tpns = '10.10.0.1';

let lab: Lab;
let lac: Namespace;
let lns: Namespace;
let daemon: Daemon;

beforeEach(async () => {
  lab = await Lab.open();
  ({ lac, lns } = await makePair(lab));
  daemon = new Daemon(lac);
});

afterEach(() => lab.close());

describe.each(['pap', 'chap'] as const)('a call to l2tpns, which asks for %s', (authentication) => {
  test('carries packets both ways and ends as its documents are withdrawn', async () => {
    const capture = await lac.capture(wire);
    const peer = await startL2tpns(lns, {
      address: lnsAddress,
      secret: tunnelSecret,
      authentication,
      users: { alice: password },
    });
    await daemon.declare('secrets.yaml', secrets(tunnelSecret));
    await daemon.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey, authMode: 'challenge' }));
    await daemon.declare('session.yaml', sessionDocument());
    await daemon.start();

    expect(isTrue(await daemon.tunnelReady('to-lns'), 'PeerAuthenticated')).toBe(true);
    const session = await daemon.sessionReady('call');
    expect(session.status.ppp).toMatchObject({ phase: 'network', user: 'alice', auth: authentication });
    expect(peer.radius.output).toContain(`${authentication} alice accepted`);
    const ours = session.status.ppp?.localAddress ?? '';
    expect(ours).toMatch(/^10\.10\.1\./);
    await until('a ping to l2tpns', () => lac.pings(insideL2tpns));
    await until('a ping from l2tpns', () => lns.pings(ours));

    await daemon.withdraw('session.yaml');
    await peer.process.says(/Received CDN/);
    expect(isTrue(await daemon.tunnelReady('to-lns'), 'Established')).toBe(true);
    await daemon.withdraw('tunnel.yaml');
    await peer.process.says(/Received StopCCN/);

    const dissected = await dissect(await capture.stop());
    expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'CDN', 'StopCCN']);
    expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
  });

  test('with a wrong password is refused, and the tunnel stays', async () => {
    const peer = await startL2tpns(lns, { address: lnsAddress, authentication, users: { alice: 'another' } });
    await daemon.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
    await daemon.start();
    await peer.radius.says(new RegExp(`${authentication} alice rejected`));
    const refused = await until('the refusal in the status', async () => {
      const session = await daemon.session('call');
      return session?.status.lastError !== undefined && session;
    });
    expect(isTrue(refused, 'Ready')).toBe(false);
    // All that l2tpns says is a CDN, for administrative reasons.
    expect(refused.status.lastError?.result).toBe(3);
    expect(JSON.stringify(refused)).not.toContain(password);
    expect(daemon.process.output).not.toContain(password);
    await daemon.tunnelReady('to-lns');
  });
});

test('a persistent tunnel and its call return after l2tpns was killed and started again', async () => {
  const options = { address: lnsAddress, authentication: 'pap', users: { alice: password } } as const;
  const first = await startL2tpns(lns, options);
  const quick = { helloInterval: '1s', maxRetries: 2, retryTimeout: '500ms' };
  await daemon.declare('all.yaml', secrets(), tunnelDocument(quick), sessionDocument());
  await daemon.start();
  await daemon.sessionReady('call');
  const { localId } = (await daemon.tunnelReady('to-lns')).status;
  await first.stop();
  await until('the loss to be noticed', async () => {
    const tunnel = await daemon.tunnel('to-lns');
    return tunnel !== undefined && !isTrue(tunnel, 'Ready');
  });
  await startL2tpns(lns, options);
  const session = await daemon.sessionReady('call');
  expect((await daemon.tunnelReady('to-lns')).status.localId).not.toBe(localId);
  expect(farAddress(session)).toBe(insideL2tpns);
  await until('a ping to l2tpns', () => lac.pings(insideL2tpns));
});
