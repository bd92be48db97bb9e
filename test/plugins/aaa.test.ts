import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Subscribers } from '../../src/aaa/subscribers.ts';
import type { AllocateAnswer, AuthenticateAnswer, Grant } from '../../src/engine/aaa.ts';
import { noCounters, Secret, type SubscriberSpec } from '../../src/engine/spec.ts';
import { readGrant, writeGrant } from '../../src/plugins/grant.ts';
import { Plugins } from '../../src/plugins/plugins.ts';

const example = fileURLToPath(new URL('../../examples/plugins/users.mjs', import.meta.url));
const password = new Secret('sesame');
const bob: SubscriberSpec = { name: 'bob', userName: 'bob', password, routes: [], sessionLimit: 0, filter: 'closed' };
const call = { port: '1/2', avps: {} };
const counters = { ...noCounters, rxPackets: 1, rxOctets: 100, txPackets: 2, txOctets: 2_000 };

let directory: string;
let said: string[];
let plugins: Plugins;
let aaa: Subscribers;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plugins-'));
  said = [];
  plugins = new Plugins({
    log: (name, message) => said.push(`${name}: ${message}`),
    onFailure: (name, message) => said.push(`! ${name}: ${message}`),
  });
  aaa = new Subscribers({ plugins });
  const pool = { name: 'home', exclude: [], prefixes: [], delegationLength: 64, excludePrefixes: [] };
  aaa.configure({ pools: [{ ...pool, ranges: [{ first: 0x0a000001, last: 0x0a000009 }] }], subscribers: [bob] });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

/** Loads a plugin that provides this. */
async function provide(provider: string): Promise<void> {
  const module = join(directory, 'p.mjs');
  await writeFile(module, `export default (api) => api.provideAaa(${provider});`);
  await plugins.configure([{ name: 'p', module, config: {} }]);
}

function authenticate(user: string | undefined, name = 'p'): Promise<AuthenticateAnswer> {
  const credentials = { method: 'pap', password } as const;
  return new Promise((answer) => aaa.authenticate({ session: 1, aaa: name, user, credentials, call }, answer));
}

function allocate(session = 1): Promise<AllocateAnswer> {
  const wanted = { ipv4: { pool: 'home' }, delegated: { fixed: { high: 0xfd00_0000_0000_0000n, length: 56 } } };
  return new Promise((answer) => aaa.allocate({ session, aaa: 'p', user: 'bob', ...wanted }, answer));
}

const failed: AuthenticateAnswer = { verdict: 'reject', message: 'plugin p failed', undecided: true };

describe('the example', () => {
  it('lets in the users of its file, as it is now, and logs what they used', async () => {
    const file = join(directory, 'users.json');
    const users = { alice: { password: 'wonderland', ipv4: '10.0.0.7', rate: { txBps: 2_000, rxBps: 1_000 } } };
    await writeFile(file, JSON.stringify(users));
    await plugins.configure([{ name: 'users', module: example, config: { file } }]);
    const grant = { ipv4: 0x0a000007, rate: { txBps: 2_000, rxBps: 1_000 } };
    const answer = await authenticate('alice', 'users');
    expect(answer).toEqual({ verdict: 'check', secret: expect.any(Secret), grant });
    expect(answer.verdict === 'check' && answer.secret.equals(new Secret('wonderland'))).toBe(true);
    for (const user of ['eve', '__proto__', undefined]) {
      expect(await authenticate(user, 'users')).toEqual({ verdict: 'reject', message: 'no such user' });
    }
    await writeFile(file, JSON.stringify({ ...users, eve: { password: 'apple' } }));
    expect((await authenticate('eve', 'users')).verdict).toBe('check');
    await rm(file);
    expect(await authenticate('alice', 'users')).toMatchObject({ verdict: 'reject', message: 'plugin users failed' });
    expect(said).toEqual([expect.stringMatching(/^! users: ENOENT/)]);
    said = [];
    const record = { session: 1, aaa: 'users', user: 'alice', call, ipv4: 0x0a000007, sessionMs: 61_234 };
    aaa.account({ ...record, event: 'stop', cause: 'userRequest' }, counters);
    const line = 'users: stop: alice at 10.0.0.7: 61 s, 100 octets from them, 2000 to them, userRequest';
    await vi.waitFor(() => expect(said).toEqual([line]));
  });

  it('has a file that can be read', async () => {
    await plugins.configure([{ name: 'users', module: example, config: {} }]);
    for (const user of ['alice', 'bob']) expect((await authenticate(user, 'users')).verdict).toBe('check');
  });
});

describe('a plugin that says who the users are', () => {
  it('is shown the proof, and accepts or refuses', async () => {
    await provide(`{ authenticate({ user, credentials: { method, password } }) {
      const text = new TextDecoder().decode(password.reveal());
      if (text !== 'sesame') return { verdict: 'reject', message: text };
      return user ? { verdict: 'accept', grant: { filter: method, routes: null } } : { verdict: 'reject', reply: 'go' };
    } }`);
    expect(await authenticate('x')).toEqual({ verdict: 'accept', grant: { filter: 'pap' } });
    const message = 'the plugin refuses the user';
    expect(await authenticate(undefined)).toEqual({ verdict: 'reject', message, reply: 'go' });
  });

  it.each([
    ['() => { throw new Error("one"); }', 'one'],
    ['async () => { throw new Error("two"); }', 'two'],
    ['() => 7', "its answer's verdict is none of check, accept and reject"],
    ['() => ({ verdict: "check" })', "its answer 'check' has no password"],
    ['() => ({ verdict: "accept", grant: 1 })', 'its grant is no object'],
    ['() => ({ verdict: "accept", grant: { ip: 1 } })', 'its grant has a field ip, which means nothing'],
    [
      '() => ({ verdict: "accept", grant: { __proto__: null, constructor: 1 } })',
      'its grant has a field constructor, which means nothing',
    ],
    ['() => ({ verdict: "accept", grant: { dns: ["1.2.3"] } })', "its grant's dns is not a list, each an IPv4 address"],
    [
      '() => ({ verdict: "accept", grant: { routes: ["10.0.0.1/8"] } })',
      "its grant's routes is not a list, each a CIDR",
    ],
    ['() => ({ verdict: "accept", grant: { rate: 5 } })', "its grant's rate is not { txBps, rxBps } or 'none'"],
    ['() => ({ verdict: "accept", grant: { mtu: 67 } })', "its grant's mtu is not a number of octets, 68 to 65535"],
    ['() => ({ verdict: "accept", grant: { mtu: 1400.5 } })', "its grant's mtu is not a number of octets, 68 to 65535"],
  ])('and fails by %s lets nobody in', async (authenticating, why) => {
    await provide(`{ authenticate: ${authenticating} }`);
    expect(await authenticate('bob')).toEqual(failed);
    expect(said).toEqual([`! p: ${why}`]);
  });

  it('and does not answer lets nobody in, nor more than a thousand wait', async () => {
    await provide('{ authenticate: () => new Promise(() => {}) }');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const answers = Array.from({ length: 1_001 }, () => authenticate('bob'));
    expect(await answers[1_000]).toEqual(failed);
    await vi.advanceTimersByTimeAsync(2_000);
    for (const answer of await Promise.all(answers)) expect(answer).toEqual(failed);
  });

  it('changes what the declared subscribers get', async () => {
    await provide(
      '{ base: "local", authorise: ({ user }, grant) => user === "bob" ? { ...grant, mtu: 1400 } : undefined }',
    );
    expect(await authenticate('bob')).toEqual({
      verdict: 'check',
      secret: password,
      grant: { filter: 'closed', mtu: 1400 },
    });
    expect(await authenticate('eve')).toEqual({ verdict: 'reject', message: 'wrong password' });
    await provide('{ base: "local", authorise: async () => undefined }');
    expect(await authenticate('bob')).toEqual({ verdict: 'check', secret: password, grant: { filter: 'closed' } });
    await provide('{ base: "local", authorise: () => ({ pool: 7 }) }');
    expect(await authenticate('bob')).toEqual(failed);
  });

  it('of no known base is not loaded', async () => {
    await expect(provide('{ base: "ldap" }')).rejects.toThrow('its base is neither local nor radius');
  });

  it('gives out addresses of its own', async () => {
    await provide(
      '{ allocate: ({ ipv4, delegated }) => ipv4.pool === "home" && delegated.fixed === "fd00::/56" ? { ipv4: "192.0.2.1" } : { ipv4: "no" } }',
    );
    const delegated = { high: 0xfd00_0000_0000_0000n, length: 56 };
    expect(await allocate()).toEqual({ ipv4: 0xc0000201, delegated });
    expect(await allocate(2)).toEqual({
      refused: {
        ipv4: 'address 192.0.2.1 is in use by another session',
        delegated: 'prefix fd00::/56 is in use by another session',
      },
    });
    await provide('{ allocate: async () => undefined }');
    aaa.release(1);
    expect(await allocate(3)).toEqual({ ipv4: 0x0a000001, delegated });
    await provide('{ allocate: () => ({ ipv4: "no" }) }');
    expect((await allocate(4)).refused).toEqual({ ipv4: 'plugin p failed', delegated: 'plugin p failed' });
    expect(said.at(-1)).toBe('! p: its ipv4 is not an IPv4 address');
  });

  it('hears of the end, and may fail at it', async () => {
    const module = join(directory, 'q.mjs');
    const provider =
      '{ release: (session) => { api.log(session); throw new Error("broken"); }, account: async () => { throw new Error("too"); } }';
    await writeFile(module, `export default (api) => api.provideAaa(${provider});`);
    await plugins.configure([{ name: 'p', module, config: {} }]);
    await allocate(5);
    aaa.account({ session: 5, aaa: 'p', call, event: 'stop', sessionMs: 0 }, counters);
    aaa.release(5);
    await vi.waitFor(() => expect(said.toSorted()).toEqual(['! p: broken', '! p: too', 'p: 5']));
  });
});

it('writes a grant so that it can be read', () => {
  const grant: Required<Grant> = {
    ipv4: 0x0a000001,
    pool: 'home',
    prefix: { high: 0x2001_0db8_0000_0001n, length: 64 },
    prefixPool: 'links',
    delegated: { high: 0x2001_0db8_0001_0000n, length: 56 },
    delegationPool: 'customers',
    interfaceId: 0x0001_0000_abcd_0002n,
    dns: [0x0a000035],
    dns6: [0x2001_0db8_0000_0000_0000_0000_0000_0053n],
    routes: ['192.0.2.0/24', '2001:db8:ffff::/48', '0.0.0.0/0', '2001:db8::1/128'],
    mtu: 1400,
    tunnels: [{ remoteAddress: 'lns.example', secret: new Secret('x'), hostName: 'us', assignmentId: 'a' }],
    idleTimeoutMs: 1,
    sessionTimeoutMs: 0,
    interimIntervalMs: 60_000,
    usualInterimIntervalMs: 30_000,
    rate: { txBps: 1, rxBps: 0 },
    filter: 'web',
  };
  const written = writeGrant(grant);
  expect(written).toMatchObject({ ipv4: '10.0.0.1', delegated: '2001:db8:1::/56', interfaceId: '1:0:abcd:2' });
  expect(JSON.stringify(written)).not.toContain('"x"');
  expect(readGrant(written)).toEqual(grant);
  expect(readGrant({ rate: 'none' })).toEqual({ rate: 'none' });
});
