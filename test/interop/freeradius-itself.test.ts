import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import '../netns/patience.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { only } from './detail.ts';
import { type Freeradius, radclient, startFreeradius } from './freeradius.ts';

/** What the tests of ours with freeradius rest upon, shown without us. */

const secret = 'between-the-tools';
const [first, second] = ['127.0.0.1', '127.0.0.2'];
const users = {
  alice: {
    password: 'open-sesame',
    reply: { 'Framed-IP-Address': '10.1.2.3', 'Framed-Route': ['10.8.0.0/16', '10.9.0.0/16'] },
  },
};

let lab: Lab;
let host: Namespace;
let server: Freeradius;

beforeAll(async () => {
  lab = await Lab.open();
  host = await lab.namespace('tools');
  server = await startFreeradius(host, { address: first, secret, users });
});

afterAll(() => lab.close());

async function ask(address: string, attributes: Record<string, string>, given = secret) {
  return await radclient(host, { to: { address, port: 1812 }, secret: given, command: 'auth', attributes });
}

test.each(['User-Password', 'CHAP-Password', 'MS-CHAP-Password'])('%s: right and wrong', async (attribute) => {
  const right = await ask(first, { 'User-Name': 'alice', [attribute]: 'open-sesame' });
  expect(right).toMatchObject({ ok: true, output: expect.stringContaining('Framed-IP-Address = 10.1.2.3') });
  expect(right.output.match(/Framed-Route = "10\.[89]/g)).toHaveLength(2);
  expect(right.output.split('Received ')[1]).toContain('Message-Authenticator = 0x');
  const wrong = await ask(first, { 'User-Name': 'alice', [attribute]: 'wrong' });
  expect(wrong).toMatchObject({ ok: false, output: expect.stringContaining('Received Access-Reject') });
  expect(wrong.output).not.toContain('Framed-IP-Address');
});

test.each(['MD5', 'MSCHAPV2'])('EAP-%s: right and wrong', async (method) => {
  const file = join(lab.directory, 'eap');
  const attempt = async (password: string) => {
    const lines = ['key_mgmt=WPA-EAP', `eap=${method}`, 'identity="alice"', `password="${password}"`];
    await writeFile(file, `network={\n${lines.join('\n')}\n}\n`);
    return await host.attempt('eapol_test', '-n', '-c', file, '-a', first, '-s', secret, '-t', '20');
  };
  expect((await attempt('open-sesame')).output).toContain('CTRL-EVENT-EAP-SUCCESS');
  expect((await attempt('wrong')).output).toContain('CTRL-EVENT-EAP-FAILURE');
});

test('a stranger and a request without Message-Authenticator get no answer', async () => {
  expect((await ask(first, { 'User-Name': 'alice', 'User-Password': 'open-sesame' }, 'wrong')).ok).toBe(false);
  const bare = join(lab.directory, 'bare');
  await writeFile(bare, 'User-Name = "alice"\nUser-Password = "open-sesame"\n');
  const { ok, output } = await host.attempt('radclient', '-r', '1', '-t', '1', '-f', bare, first, 'auth', secret);
  expect(ok).toBe(false);
  expect(output).not.toContain('Received');
});

test('accounting is noted, also when the server was killed and started again; two servers do not share', async () => {
  const account = (address: string, id: string) =>
    radclient(host, {
      to: { address, port: 1813 },
      secret,
      command: 'acct',
      attributes: { 'User-Name': 'alice', 'Acct-Status-Type': 'Start', 'Acct-Session-Id': id, 'NAS-Port-Id': 'a "b"' },
    });
  const other = await startFreeradius(host, { address: second, secret, users });
  expect((await account(first, '1')).ok).toBe(true);
  expect((await account(second, '2')).ok).toBe(true);
  await server.process.stop('SIGKILL');
  expect((await account(first, '3')).ok).toBe(false);
  server = await startFreeradius(host, { address: first, secret, users });
  expect((await account(first, '4')).ok).toBe(true);
  const noted = await server.accounting();
  expect(noted.map((packet) => only(packet, 'Acct-Session-Id'))).toEqual(['1', '4']);
  expect(only(noted[0], 'Acct-Status-Type')).toBe('Start');
  expect(only(noted[0], 'NAS-Port-Id')).toBe('a "b"');
  expect((await other.accounting()).map((packet) => only(packet, 'Acct-Session-Id'))).toEqual(['2']);
});
