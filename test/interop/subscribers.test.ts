import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { until } from '../netns/until.ts';
import { farAddress } from './daemon.ts';
import { gatewayInside, lnsDocuments, password, secrets, sessionDocument, tunnelDocument } from './declared.ts';
import { lab, lac, lacHost, lns } from './fresh-pair.ts';
import { resource, secret } from './resources.ts';

/** Who may call, and what they get, of a running LNS. */

test('the example plugin lets in the users of its file, each with what stands there, and logs what they used', async () => {
  const file = join(lab.directory, 'users.json');
  const rate = { txBps: 50_000_000, rxBps: 10_000_000 };
  await writeFile(file, JSON.stringify({ alice: { password, ipv4: '10.20.1.77', rate } }));
  const module = fileURLToPath(new URL('../../examples/plugins/users.mjs', import.meta.url));
  const plugins = [{ name: 'users', module, config: { file } }];
  await lns.declare('all.yaml', ...lnsDocuments({ gateway: { plugins }, auth: { pap: false } }));
  const ipv4 = { local: gatewayInside };
  await lns.declare('default.yaml', resource('PppProfile', 'default', { aaa: 'users', ipv4 }));
  await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
  await lns.start();
  await lac.start();
  expect((await lac.sessionReady('call')).status.ppp?.localAddress).toBe('10.20.1.77');
  const accepted = await lns.acceptedSessionReady();
  expect(farAddress(accepted)).toBe('10.20.1.77');
  expect(accepted.status.ppp?.limits?.rateLimit).toEqual({ tx: rate.txBps, rx: rate.rxBps });
  await until('a ping', () => lacHost.pings(gatewayInside));
  await lac.declare('all.yaml', secrets(), tunnelDocument());
  await until('the account', async () => /stop: alice at 10\.20\.1\.77: \d+ s, \d+ octets/.test(lns.process.output));

  await writeFile(file, '{}');
  await lac.declare('all.yaml', secrets(), tunnelDocument(), sessionDocument());
  await until('a refusal', async () => (await lns.events()).some(({ message }) => message.includes('no such user')));
  expect(lns.process.output).not.toContain(password);
});

test('a user gets the same address again after the LNS was restarted, whoever came before', async () => {
  const key = (name: string) => ({ name: 'logins', key: name });
  const users = ['bob', 'cid'];
  const logins = secret('logins', Object.fromEntries(users.map((user) => [user, password])));
  const subscribers = users.map((user) => resource('Subscriber', user, { userName: user, passwordRef: key(user) }));
  const dial = (...names: string[]) =>
    lac.declare(
      'all.yaml',
      logins,
      tunnelDocument(),
      ...names.map((user) => resource('Session', user, { tunnel: 'to-lns', userName: user, passwordRef: key(user) })),
    );
  await lns.declare('all.yaml', ...lnsDocuments(), logins, ...subscribers);
  await dial('bob');
  await lns.start();
  await lac.start();
  const first = (await lac.sessionReady('bob')).status.ppp?.localAddress;
  await dial();
  await until('nobody', async () => (await lns.sessions()).length === 0);
  await lns.stop();
  await lns.start();
  await dial('cid');
  const other = (await lac.sessionReady('cid')).status.ppp?.localAddress;
  await dial('cid', 'bob');
  expect((await lac.sessionReady('bob')).status.ppp?.localAddress).toBe(first);
  expect(other).not.toBe(first);
});
