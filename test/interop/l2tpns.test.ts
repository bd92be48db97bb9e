import { describe, expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress, isTrue } from './daemon.ts';
import { password, secrets, sessionDocument, tunnelDocument, tunnelKey } from './declared.ts';
import { startDhcp6c } from './dhcpv6.ts';
import { lab, lac, lacHost, lnsHost } from './fresh-pair.ts';
import { startL2tpns } from './l2tpns.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

const tunnelSecret = 'between-us-and-l2tpns';
const insideL2tpns = '10.10.0.1';

describe.each([
  { authentication: 'pap', hideAvps: false },
  { authentication: 'chap', hideAvps: true },
] as const)(
  'a call to l2tpns, which asks for $authentication; AVPs hidden: $hideAvps',
  ({ authentication, hideAvps }) => {
    test('carries packets both ways and ends as its documents are withdrawn', async () => {
      const capture = await lacHost.capture(wire);
      const peer = await startL2tpns(lnsHost, {
        address: lnsAddress,
        secret: tunnelSecret,
        authentication,
        users: { alice: { password } },
      });
      await lac.declare('secrets.yaml', secrets(tunnelSecret));
      await lac.declare('tunnel.yaml', tunnelDocument({ secretRef: tunnelKey, authMode: 'challenge', hideAvps }));
      await lac.declare('session.yaml', sessionDocument());
      await lac.start();

      expect(isTrue(await lac.tunnelReady('to-lns'), 'PeerAuthenticated')).toBe(true);
      const session = await lac.sessionReady('call');
      expect(session.status.ppp).toMatchObject({ phase: 'network', user: 'alice', auth: authentication });
      await peer.radius.process.says(/Login OK: \[alice/);
      const ours = session.status.ppp?.localAddress ?? '';
      expect(ours).toMatch(/^10\.10\.1\./);
      await until('a ping to l2tpns', () => lacHost.pings(insideL2tpns));
      await until('a ping from l2tpns', () => lnsHost.pings(ours));

      await lac.withdraw('session.yaml');
      await peer.process.says(/Received CDN/);
      expect(isTrue(await lac.tunnelReady('to-lns'), 'Established')).toBe(true);
      await lac.withdraw('tunnel.yaml');
      await peer.process.says(/Received StopCCN/);

      const dissected = await dissect(await capture.stop());
      expect(sentMessages(dissected, lacAddress)).toEqual(['SCCRQ', 'SCCCN', 'ICRQ', 'ICCN', 'CDN', 'StopCCN']);
      expect(complaintsAbout(dissected, lacAddress)).toEqual([]);
      // What is hidden has no type that tshark shows; the random vector tells.
      const randomVector = '36';
      expect(dissected.some(({ avps }) => avps.includes(randomVector))).toBe(hideAvps);
    });

    test('with a wrong password is refused, and the tunnel stays', async () => {
      const peer = await startL2tpns(lnsHost, {
        address: lnsAddress,
        authentication,
        users: { alice: { password: 'another' } },
      });
      await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
      await lac.start();
      await peer.radius.process.says(/Login incorrect.*: \[alice/);
      const refused = await until('the refusal in the status', async () => {
        const session = await lac.session('call');
        return session?.status.lastError !== undefined && session;
      });
      expect(isTrue(refused, 'Ready')).toBe(false);
      // All that l2tpns says is a CDN, for administrative reasons.
      expect(refused.status.lastError?.result).toBe(3);
      expect(JSON.stringify(refused)).not.toContain(password);
      expect(lac.process.output).not.toContain(password);
      await lac.tunnelReady('to-lns');
    });
  },
);

test('a persistent tunnel and its call return after l2tpns was killed and started again', async () => {
  const options = { address: lnsAddress, authentication: 'pap', users: { alice: { password } } } as const;
  const first = await startL2tpns(lnsHost, options);
  const quick = { helloInterval: '1s', maxRetries: 2, retryTimeout: '500ms' };
  await lac.declare('all.yaml', secrets(), tunnelDocument(quick), sessionDocument());
  await lac.start();
  await lac.sessionReady('call');
  const { localId } = (await lac.tunnelReady('to-lns')).status;
  await first.stop();
  await until('the loss to be noticed', async () => {
    const tunnel = await lac.tunnel('to-lns');
    return tunnel !== undefined && !isTrue(tunnel, 'Ready');
  });
  await startL2tpns(lnsHost, options);
  const session = await lac.sessionReady('call');
  expect((await lac.tunnelReady('to-lns')).status.localId).not.toBe(localId);
  expect(farAddress(session)).toBe(insideL2tpns);
  await until('a ping to l2tpns', () => lacHost.pings(insideL2tpns));
});

test('l2tpns routes IPv6 too: by its advertisement and a prefix that dhcp6c gets behind us, a host at home is reached', async () => {
  const home = await lab.namespace('home');
  await lab.link(lacHost, { device: 'lan', addresses: [] }, home, { device: 'nic', addresses: [] });
  await lacHost.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_ra=2');
  const reply = { 'Delegated-IPv6-Prefix': '2001:db8:6600::/56' };
  await startL2tpns(lnsHost, {
    address: lnsAddress,
    authentication: 'chap',
    users: { alice: { password, reply } },
    ipv6Prefix: '2001:db8:66::',
  });
  const six = resource('PppProfile', 'six', { ipv6: { enabled: true } });
  const documents = [secrets(), tunnelDocument({ pppProfile: 'six' }), six];
  await lac.declare('all.yaml', ...documents, sessionDocument('call', 'tocall'));
  await lac.start();
  await lac.sessionReady('call');
  await until('IPv6', async () => (await lac.sessionReady('call')).status.ppp?.ipv6);
  const client = await startDhcp6c(lacHost, { uplink: 'tocall', downlink: 'lan', prefixLength: 56 });
  const gateway = await until('an address at home', async () => {
    const addresses = await lacHost.ip('-6', 'address', 'show', 'dev', 'lan', 'scope', 'global', '-tentative');
    return addresses.match(/inet6 (2001:db8:66[0-9a-f:]+)\/64/)?.[1];
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${client.output}`);
  });
  const host = `${gateway.split(':').slice(0, 4).join(':')}::cafe`;
  await home.addAddress('nic', `${host}/64`);
  await home.ip('-6', 'route', 'add', 'default', 'via', gateway);
  await until('a ping from l2tpns to home', () => lnsHost.pings(host));
});
