import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import '../../netns/patience.ts';
import { parseIpv4 } from '../../../src/engine/spec.ts';
import { only } from '../../interop/detail.ts';
import { type Freeradius, startFreeradius } from '../../interop/freeradius.ts';
import { Lab, type Namespace } from '../../netns/lab.ts';
import type { Login, LoginResult, ServerText } from './login-process.ts';

/** Our questions and freeradius, without PPP and without the rest of the daemon. */

const secret = 'between-the-two';
const [first, second] = ['127.0.0.1', '127.0.0.2'];
const script = fileURLToPath(new URL('login-process.ts', import.meta.url));

let lab: Lab;
let host: Namespace;
let server: Freeradius;

beforeAll(async () => {
  lab = await Lab.open();
  host = await lab.namespace('radius');
  server = await startFreeradius(host, {
    address: first,
    secret,
    users: {
      alice: {
        password: 'open-sesame',
        reply: {
          'Framed-IP-Address': '10.1.2.3',
          'Framed-Route': '10.8.0.0/16 0.0.0.0 1',
          'Session-Timeout': '3600',
          'Framed-IPv6-Prefix': '2001:db8:1::/64',
          'Delegated-IPv6-Prefix': '2001:db8:100::/56',
          'Framed-Interface-Id': '0:0:0:7',
          'MS-Primary-DNS-Server': '10.0.0.53',
          'WISPr-Bandwidth-Max-Down': '8000000',
          'Filter-Id': 'strict',
        },
      },
      router: {
        password: 'x'.repeat(100),
        reply: {
          'Tunnel-Type:1': 'L2TP',
          'Tunnel-Server-Endpoint:1': '198.51.100.1',
          'Tunnel-Password:1': 'tunnels-only',
          'Tunnel-Preference:1': '20',
          'Tunnel-Type:2': 'L2TP',
          'Tunnel-Server-Endpoint:2': '198.51.100.2',
          'Tunnel-Preference:2': '10',
        },
      },
      anybody: {},
    },
  });
});

afterAll(() => lab.close());

const one = (address: string, more: Partial<ServerText> = {}): ServerText => ({
  address,
  authPort: 1812,
  acctPort: 0,
  coaPort: 0,
  secret,
  timeoutMs: 10_000,
  retries: 1,
  ...more,
});

async function logIn(logins: readonly Login[], servers = [one(first)]): Promise<LoginResult[]> {
  const spec = { servers, nasIdentifier: 'our-nas', nasAddress: '192.0.2.1', interimIntervalMs: 0, deadTimeMs: 60_000 };
  const args = ['--import', 'tsx', script, JSON.stringify(spec), JSON.stringify(logins)];
  const output = await host.run(process.execPath, ...args);
  return output.split('\n').map((line) => JSON.parse(line));
}

const methods = ['pap', 'chap', 'mschapv1', 'mschapv2', 'eap'] as const;

test('every method lets the right one in, with all that is granted', async () => {
  const results = await logIn(methods.map((method) => ({ method, user: 'alice', password: 'open-sesame' })));
  const grant = {
    ipv4: parseIpv4('10.1.2.3'),
    routes: ['10.8.0.0/16'],
    sessionTimeoutMs: 3_600_000,
    prefix: { high: `${0x20010db8_00010000n}`, length: 64 },
    delegated: { high: `${0x20010db8_01000000n}`, length: 56 },
    interfaceId: '7',
    dns: [parseIpv4('10.0.0.53')],
    rate: { txBps: 8_000_000, rxBps: 0 },
    filter: 'strict',
  };
  for (const result of results) expect(result).toMatchObject({ verdict: 'accept', grant });
  const [, , version1, version2, eap] = results;
  expect(version2).toMatchObject({ authenticatorResponse: version2.expectedResponse });
  const key = expect.stringMatching(/^[0-9a-f]{32}$/);
  for (const each of [version1, version2]) expect(each).toMatchObject({ mppeKeys: { send: key, receive: key } });
  // RFC 3748 4.2: a Success.
  expect(eap).toMatchObject({ eap: expect.stringMatching(/^03..0004$/) });

  const [noted] = (await server.access()).filter((packet) => only(packet, 'User-Name') === 'alice');
  expect(only(noted, 'NAS-Identifier')).toBe('our-nas');
  expect(only(noted, 'NAS-IP-Address')).toBe('192.0.2.1');
  expect(only(noted, 'Calling-Station-Id')).toBe('5550100');
  expect(only(noted, 'Acct-Session-Id')).toMatch(/^test-0000/);
});

test('every method keeps the wrong one out', async () => {
  const results = await logIn(methods.map((method) => ({ method, user: 'alice', password: 'wrong' })));
  for (const result of results) expect(result).toMatchObject({ verdict: 'reject' });
  expect(results[2]).toMatchObject({ msChapError: expect.stringMatching(/^E=691 R=\d/) });
  expect(results[3]).toMatchObject({ msChapError: expect.stringMatching(/^E=691 R=\d C=[0-9A-Fa-f]{32} V=3/) });
  expect(results[4]).toMatchObject({ eap: expect.stringMatching(/^04..0004$/) });
});

test('a long password, tunnels with their secret, and a call without proof', async () => {
  const [router, anybody] = await logIn([
    { method: 'pap', user: 'router', password: 'x'.repeat(100) },
    { method: 'none', user: 'anybody', password: '' },
  ]);
  const tunnels = [{ remoteAddress: '198.51.100.2' }, { remoteAddress: '198.51.100.1', secret: '[secret]' }];
  expect(router).toMatchObject({ verdict: 'accept', grant: { tunnels } });
  expect(anybody).toEqual({ verdict: 'accept', grant: {} });
});

describe('servers', () => {
  const alice = { method: 'pap', user: 'alice', password: 'open-sesame' } as const;

  test('that do not answer are passed over', async () => {
    const quick = { timeoutMs: 100, retries: 0 };
    const [result] = await logIn([alice], [one(second, quick), one(first)]);
    expect(result).toMatchObject({ verdict: 'accept' });
  });

  test('with another secret are as good as none', async () => {
    const [result] = await logIn([alice], [one(first, { secret: 'another', timeoutMs: 200 })]);
    expect(result).toMatchObject({ verdict: 'reject', message: 'no RADIUS server answers: 127.0.0.1' });
  });

  test('over IPv6', async () => {
    await startFreeradius(host, { address: '::1', secret, users: { alice: { password: 'open-sesame' } } });
    const [result] = await logIn([alice], [one('0:0:0:0:0:0:0:1')]);
    expect(result).toMatchObject({ verdict: 'accept' });
  });

  test('answer a thousand at once', async () => {
    const results = await logIn(new Array(1_000).fill(alice), [one(first, { timeoutMs: 2_000, retries: 10 })]);
    expect(results.filter(({ verdict }) => verdict === 'accept').length).toBe(1_000);
  });
});
