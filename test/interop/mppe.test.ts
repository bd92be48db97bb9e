import { execa } from 'execa';
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress } from './daemon.ts';
import { gatewayInside, lnsDocuments, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lac, lacHost, lns, lnsHost } from './fresh-pair.ts';
import { wire } from './pair.ts';
import { resource } from './resources.ts';

/** The PPP protocols of the data messages on the wire (`0x0021`, ...), with how often each was seen. */
async function protocols(file: string): Promise<ReadonlyMap<number, number>> {
  const fields = ['-T', 'fields', '-E', 'occurrence=f', '-e', 'ppp.protocol'];
  const { stdout } = await execa('tshark', ['-n', '-r', file, '-Y', 'l2tp.type == 0', ...fields], { stdin: 'ignore' });
  const seen = new Map<number, number>();
  for (const line of stdout.split('\n').filter(Boolean)) seen.set(Number(line), (seen.get(Number(line)) ?? 0) + 1);
  return seen;
}

test('a call that must be encrypted carries no user packet in the clear, IPv6 included', async () => {
  const mppe = { mppe: 'required', auth: { mschapv2: true, chap: false, pap: false } } as const;
  await lns.declare(
    'all.yaml',
    ...lnsDocuments().filter((text) => !text.includes('kind: PppProfile')),
    resource('PppProfile', 'callers', {
      ...mppe,
      ipv4: { local: gatewayInside, pool: 'callers' },
      ipv6: { enabled: true, prefixPool: 'links' },
    }),
    resource('AddressPool', 'links', { ipv6: { prefixes: ['2001:db8:1::/48'] } }),
  );
  const client = resource('PppProfile', 'client', { ...mppe, ipv6: { enabled: true } });
  await lac.declare('all.yaml', secrets(), client, tunnelDocument({ pppProfile: 'client' }), sessionDocument());
  const capture = await lacHost.capture(wire);
  await lns.start();
  await lac.start();
  const call = await lac.sessionReady('call');
  const atLns = await lns.acceptedSessionReady();
  await until('a ping', () => lacHost.pings(gatewayInside));
  await until('a full-size ping', () => lnsHost.pings(farAddress(atLns), '-s', '1372'));
  // The router's advertisement was encrypted too, and was understood.
  const device = call.status.interface ?? '';
  await until('an address by advertisement', async () =>
    (await lacHost.ip('-6', 'address', 'show', 'dev', device, 'scope', 'global')).includes('2001:db8:1:'),
  );
  const seen = await protocols(await capture.stop());
  expect(seen.get(0x00fd)).toBeGreaterThan(4);
  expect([seen.has(0x0021), seen.has(0x0057)]).toEqual([false, false]);
});
