import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaseFile } from '../../src/aaa/lease-file.ts';
import { AddressPools } from '../../src/aaa/pools.ts';
import { formatIpv4, formatIpv6Prefix, type PoolSpec } from '../../src/engine/spec.ts';

/** 10.0.0.0 to 10.0.0.7, and eight /56. */
const pool: PoolSpec = {
  name: 'home',
  ranges: [{ first: 0x0a000000, last: 0x0a000007 }],
  exclude: [],
  prefixes: [{ high: 0x2001_0db8_0000_0000n, length: 53 }],
  delegationLength: 56,
  excludePrefixes: [],
};

let directory: string;
let path: string;
let told: string[];
let daemons: Daemon[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leases-'));
  path = join(directory, 'state', 'leases');
  told = [];
  daemons = [];
});
afterEach(async () => {
  vi.useRealTimers();
  for (const { file } of daemons) await file.close();
  rmSync(directory, { recursive: true });
});

/** The daemon as far as it gives out addresses. */
class Daemon {
  readonly pools = new AddressPools();
  readonly file = new LeaseFile(path, this.pools.leases, (message) => told.push(message));

  constructor() {
    daemons.push(this);
    this.file.load();
    this.pools.configure([pool]);
  }

  dial(session: number, user?: string): string {
    const { ipv4, delegated } = this.pools.allocate({
      session,
      aaa: 'local',
      user,
      ipv4: { pool: 'home' },
      delegated: { pool: 'home' },
    });
    return `${ipv4 === undefined ? 'none' : formatIpv4(ipv4)} ${delegated ? formatIpv6Prefix(delegated) : 'none'}`;
  }
}

const lines = () => readFileSync(path, 'utf8').split('\n').slice(0, -1);

test('users get the same again after a restart, in whatever order they come back, and strangers get others', async () => {
  const before = new Daemon();
  const users = ['ann', 'bob', 'cid', 'dän@isp\n"x"'];
  const given = users.map((user, session) => before.dial(session, user));
  before.dial(9);
  await before.file.close();
  const after = new Daemon();
  const stranger = after.dial(1);
  expect(given).not.toContain(stranger);
  expect(users.toReversed().map((user, at) => after.dial(10 + at, user))).toEqual(given.toReversed());
  expect(told).toEqual([]);
});

test('who has been away longest is still the first to lose the address', async () => {
  const before = new Daemon();
  for (const user of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'b', 'c', 'a']) {
    before.dial(1, user);
    before.pools.release(1);
  }
  await before.file.close();
  const after = new Daemon();
  expect(after.dial(1, 'new')).toBe('10.0.0.3 2001:db8:0:300::/56');
  await after.file.close();
  const later = new Daemon();
  expect(later.dial(1, 'd')).toBe('10.0.0.4 2001:db8:0:400::/56');
  expect(later.dial(2, 'new')).toBe('10.0.0.3 2001:db8:0:300::/56');
});

test('a lease that was lost does not come back', async () => {
  const before = new Daemon();
  before.dial(1, 'ann');
  before.pools.release(1);
  await before.file.close();
  // Nobody has a lease of what is asked for by itself.
  before.pools.allocate({ session: 2, aaa: 'local', user: 'bob', ipv4: { fixed: 0x0a000000 } });
  await before.file.close();
  expect(lines().at(-1)).toBe('["ipv4","10.0.0.0"]');
  expect(new Daemon().dial(1)).toBe('10.0.0.0 2001:db8:0:100::/56');
});

test('is for nobody else to read', async () => {
  const daemon = new Daemon();
  daemon.dial(1, 'ann');
  await daemon.file.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('writes some time later, and together', async () => {
  vi.useFakeTimers();
  const daemon = new Daemon();
  daemon.dial(1, 'ann');
  daemon.dial(2, 'bob');
  expect(existsSync(path)).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  vi.useRealTimers();
  await vi.waitFor(() => expect(lines().length).toBe(4));
  daemon.dial(3, 'cid');
  await daemon.file.close();
  expect(lines().length).toBe(6);
});

test('is written anew when most of it is out of date', async () => {
  const daemon = new Daemon();
  for (let round = 0; round < 6_000; round++) {
    daemon.dial(1, 'ann');
    daemon.pools.release(1);
    if (round === 0) await daemon.file.close();
  }
  await daemon.file.close();
  expect(lines()).toEqual(['["ipv4","10.0.0.0","ann"]', '["delegated","2001:db8::/56","ann"]']);
  expect(existsSync(`${path}.new`)).toBe(false);
});

test('has all of what changes while it is written anew', async () => {
  const wide = { ...pool, ranges: [{ first: 0x0a000000, last: 0x0a000000 + 11_999 }] };
  const daemon = new Daemon();
  daemon.pools.configure([wide]);
  const dial = (user: string) => daemon.pools.allocate({ session: 1, aaa: 'local', user, ipv4: { pool: 'home' } });
  for (let n = 0; n < 12_000; n++) {
    dial(`user${n}`);
    daemon.pools.release(1);
  }
  const writing = daemon.file.close();
  let written = false;
  void writing.then(() => {
    written = true;
  });
  // Each takes the address that has waited longest from its user.
  for (let n = 0; !written; n++) {
    dial(`new${n}`);
    daemon.pools.release(1);
    await new Promise((resume) => setImmediate(resume));
  }
  await daemon.file.close();
  const after = new Daemon();
  const known = ({ pools }: Daemon) => new Set([...pools.leases.all()].map(({ user, high }) => `${user} ${high}`));
  expect(known(after)).toEqual(known(daemon));
  expect(known(after).size).toBe(12_000);
});

describe('a file that is damaged', () => {
  test('costs nothing but the lines that are', async () => {
    const before = new Daemon();
    const given = ['ann', 'bob'].map((user, session) => before.dial(session, user));
    await before.file.close();
    const [first, ...rest] = lines();
    writeFileSync(
      path,
      `${first}\n\0\0\0\n[1]\n["ipv4","10.0.0.300","eve"]\n{}\n["ipv4","10.0.0.7",7]\n${rest.join('\n')}\n["ip`,
    );
    const after = new Daemon();
    expect(['ann', 'bob'].map((user, session) => after.dial(session, user))).toEqual(given);
    await after.file.close();
    expect(lines().length).toBe(4);
    expect(told).toEqual([]);
  });

  test('that was cut anywhere gives back all that stands before', async () => {
    const daemon = new Daemon();
    for (const user of ['ann', 'bob', 'cid', 'ann']) {
      daemon.dial(1, user);
      daemon.pools.release(1);
    }
    await daemon.file.close();
    const bytes = readFileSync(path);
    const whole = lines().map((line): string[] => JSON.parse(line));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), async (at) => {
        writeFileSync(path, bytes.subarray(0, at));
        const complete = bytes.subarray(0, at).toString().split('\n').length - 1;
        const after = new Daemon();
        const restored = [...after.pools.leases.all()].map(({ kind, user }) => `${kind} ${user}`);
        expect(new Set(restored)).toEqual(new Set(whole.slice(0, complete).map(([kind, , user]) => `${kind} ${user}`)));
        after.dial(1, 'new');
        await after.file.close();
        const again = new Daemon();
        expect(again.pools.leases.count).toBe(after.pools.leases.count);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a directory that cannot be written', () => {
  test('is told once, keeps nobody from dialling, and is tried again', async () => {
    vi.useFakeTimers();
    writeFileSync(join(directory, 'state'), 'a file');
    const daemon = new Daemon();
    expect(daemon.dial(1, 'ann')).toBe('10.0.0.0 2001:db8::/56');
    vi.useRealTimers();
    await daemon.file.close();
    expect(told).toEqual([expect.stringMatching(/^leases cannot be read: ENOTDIR/)]);
    rmSync(join(directory, 'state'));
    await daemon.file.close();
    expect(lines().length).toBe(2);
  });

  test('leaves what was there, and all is written when it works again', async () => {
    const daemon = new Daemon();
    daemon.dial(1, 'ann');
    await daemon.file.close();
    rmSync(path);
    mkdirSync(path);
    daemon.dial(2, 'bob');
    await daemon.file.close();
    daemon.dial(3, 'cid');
    await daemon.file.close();
    expect(told).toEqual([expect.stringMatching(/^leases cannot be written: EISDIR/)]);
    rmSync(path, { recursive: true });
    await daemon.file.close();
    expect(lines().length).toBe(6);
  });
});
