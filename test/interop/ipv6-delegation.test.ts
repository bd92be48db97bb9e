import { execa } from 'execa';
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { startDhcp6c, startDhcpcd } from './dhcpv6.ts';
import { lab, lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { wire } from './pair.ts';
import { resource } from './resources.ts';

/** Real DHCPv6 clients (RFC 8415) and the kernel, or dhcpcd, as hosts on a link that our LNS serves. */

const device = 'tocall';
/** Somewhere behind the LNS. */
const server = '2001:db8:ffff::1';

test.each([
  { name: 'dhcpcd', startClient: startDhcpcd },
  { name: 'dhcp6c', startClient: startDhcp6c },
])('$name gets a prefix for the network at home, whose hosts reach the world', async ({ startClient }) => {
  const home = await lab.namespace('home');
  await lab.link(lacHost, { device: 'lan', addresses: [] }, home, { device: 'nic', addresses: [] });
  await lacHost.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_ra=2');
  await lnsHost.addAddress('lo', `${server}/128`);
  await lns.declare(
    'all.yaml',
    ...lnsDocuments().filter((text) => !text.includes('kind: PppProfile')),
    resource('PppProfile', 'callers', {
      ipv4: { local: gatewayInside, pool: 'callers' },
      ipv6: { enabled: true, prefixPool: 'links', delegationPool: 'homes', dns: ['2001:db8:ffff::53'] },
    }),
    resource('AddressPool', 'links', { ipv6: { prefixes: ['2001:db8:1::/48'] } }),
    resource('AddressPool', 'homes', { ipv6: { prefixes: ['2001:db8:2::/48'], delegationLength: 56 } }),
  );
  const six = resource('PppProfile', 'six', { ipv6: { enabled: true } });
  const documents = [secrets(), tunnelDocument({ pppProfile: 'six' }), six];
  await lac.declare('all.yaml', ...documents, sessionDocument('call', device));
  // On the wire, for our first router advertisement passes before anyone can listen on the call's own device.
  const capture = await lacHost.capture(wire);
  await lns.start();
  await lac.start();
  await lac.sessionReady('call');
  const client = await startClient(lacHost, { uplink: device, downlink: 'lan', prefixLength: 56 });

  const { prefix, delegated } = await until('the prefixes in the status', async () => {
    const ipv6 = (await lns.acceptedSessionReady()).status.ppp?.ipv6;
    if (ipv6?.prefix === undefined || ipv6.delegated === undefined) return undefined;
    return { prefix: ipv6.prefix, delegated: ipv6.delegated };
  });
  expect(prefix).toMatch(/^2001:db8:1:[0-9a-f:]*\/64$/);
  expect(delegated).toMatch(/^2001:db8:2:[0-9a-f:]*\/56$/);
  // By the router advertisement: an address of the link's prefix.
  await until('an address of the link', async () =>
    (await lacHost.ip('-6', 'address', 'show', 'dev', device, 'scope', 'global')).includes(
      prefix.replace('::/64', ':'),
    ),
  );
  // By DHCPv6: an address in the second /64 of the delegated prefix.
  const gateway = await until('an address at home', async () => {
    const addresses = await lacHost.ip('-6', 'address', 'show', 'dev', 'lan', 'scope', 'global', '-tentative');
    return addresses.match(/inet6 (2001:db8:2:[0-9a-f:]+)\/64/)?.[1];
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${client.output}`);
  });
  const inHome = gateway.split(':').slice(0, 4).join(':');
  await home.addAddress('nic', `${inHome}::cafe/64`);
  await home.ip('-6', 'route', 'add', 'default', 'via', gateway);
  await until('a ping from home to the server', () => home.pings(server));
  await until('a ping from the server to home', () => lnsHost.pings(`${inHome}::cafe`, '-I', server));

  // It gives the prefix back, and is answered.
  await client.stop('SIGTERM', 20_000);
  const file = await capture.stop();
  const read = async (filter: string, field: string) => {
    const { stdout } = await execa('tshark', ['-n', '-r', file, '-Y', filter, '-T', 'fields', '-e', field], {
      stdin: 'ignore',
    });
    return stdout.split('\n').filter(Boolean);
  };
  expect(await read('icmpv6.type == 134', 'icmpv6.opt.prefix')).toContain(prefix.replace('/64', ''));
  const messages = await read('dhcpv6', 'dhcpv6.msgtype');
  const [solicit, advertise, request, reply, release] = ['1', '2', '3', '7', '8'];
  expect(messages).toEqual(expect.arrayContaining([solicit, advertise, request, reply, release]));
  expect(messages.at(-1)).toBe(reply);
  expect(await read('_ws.malformed || _ws.expert.severity == "Error"', 'frame.number')).toEqual([]);
});
