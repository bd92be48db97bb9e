import { beforeEach, describe, expect, test } from 'vitest';
import type { PluginAaa, RadiusAaa } from '../../src/aaa/sources.ts';
import { Subscribers } from '../../src/aaa/subscribers.ts';
import type { AccountRecord, AllocateAnswer, AllocateRequest, AuthenticateAnswer } from '../../src/engine/aaa.ts';
import { type AaaSpec, noCounters, type PoolView, type RadiusSpec, Secret } from '../../src/engine/spec.ts';

const pools = [
  {
    name: 'home',
    ranges: [{ first: 0x0a000001, last: 0x0a000002 }],
    exclude: [],
    prefixes: [{ high: 0x2001_0db8_0000_0000n, length: 63 }],
    delegationLength: 64,
    excludePrefixes: [],
  },
];
const password = new Secret('sesame');
const subscribers = [{ name: 'bob', userName: 'bob', password, routes: [], sessionLimit: 1 }];
const radiusSpec: RadiusSpec = { servers: [], nasIdentifier: 'lns', interimIntervalMs: 0, deadTimeMs: 0 };
const spec: AaaSpec = { pools, subscribers, radius: radiusSpec };

/** What the sources were asked and told, in order. */
let heard: string[];
let plugin: PluginAaa | undefined;
let aaa: Subscribers;

const radius: RadiusAaa = {
  configure: (given) => heard.push(`configure ${given?.nasIdentifier ?? 'nothing'}`),
  authenticate: ({ user }, answer) => {
    heard.push(`radius authenticate ${user}`);
    answer({ verdict: 'accept', grant: { pool: 'home', mtu: 1400 } });
  },
  account: ({ event }) => heard.push(`radius ${event}`),
  release: (session) => heard.push(`radius release ${session}`),
  view: () => ({ servers: [], spooled: 7 }),
  close: async () => void heard.push('radius close'),
};

beforeEach(() => {
  heard = [];
  plugin = undefined;
  aaa = new Subscribers({ radius, plugins: { aaa: (name) => (name === 'ours' ? plugin : undefined) } });
  aaa.configure(spec);
  heard = [];
});

const call = { port: '1/1', avps: {} };

function authenticate(source: string, user = 'bob', session = 1): AuthenticateAnswer[] {
  const answers: AuthenticateAnswer[] = [];
  const credentials = { method: 'pap', password } as const;
  aaa.authenticate({ session, aaa: source, user, credentials, call }, (answer) => answers.push(answer));
  return answers;
}

const pool = { pool: 'home' };
const all = { ipv4: pool, prefix: pool, delegated: pool };
function allocate(source: string, session = 1, wanted: Partial<AllocateRequest> = all): AllocateAnswer[] {
  const answers: AllocateAnswer[] = [];
  aaa.allocate({ session, aaa: source, user: 'bob', ...wanted }, (answer) => answers.push(answer));
  return answers;
}

function account(source: string, event: AccountRecord['event'], session = 1): void {
  aaa.account({ session, aaa: source, user: 'bob', event, call, sessionMs: 0 }, noCounters);
}

const prefix = (at: bigint) => ({ high: 0x2001_0db8_0000_0000n + at, length: 64 });
const reject = (message: string): AuthenticateAnswer[] => [{ verdict: 'reject', message }];
const undecided = (message: string): AuthenticateAnswer[] => [{ verdict: 'reject', message, undecided: true }];
const used = ({ used, prefixes }: PoolView) => [used, prefixes.used];

describe('RADIUS', () => {
  test('is asked and told where the profile says so, and is given addresses of the same pools', () => {
    expect(authenticate('radius')).toEqual([{ verdict: 'accept', grant: { pool: 'home', mtu: 1400 } }]);
    expect(allocate('radius')).toEqual([{ ipv4: 0x0a000001, prefix: prefix(0n), delegated: prefix(1n) }]);
    expect(allocate('local', 2, { ipv4: pool })).toEqual([{ ipv4: 0x0a000002 }]);
    account('radius', 'start');
    account('local', 'start', 2);
    aaa.release(1);
    expect(heard).toEqual(['radius authenticate bob', 'radius start', 'radius release 1']);
    expect(aaa.radius()).toEqual({ servers: [], spooled: 7 });
    expect(aaa.pools().map(used)).toEqual([[1, 0]]);
  });

  test('that is not configured any more lets nobody in, but hears of the end of its calls', async () => {
    authenticate('radius');
    aaa.configure({ ...spec, radius: undefined });
    expect(authenticate('radius', 'ann', 2)).toEqual(
      undecided('RADIUS is to be asked, but the Gateway names no servers'),
    );
    account('radius', 'stop');
    aaa.release(1);
    await aaa.close();
    expect(heard).toEqual([
      'radius authenticate bob',
      'configure nothing',
      'radius stop',
      'radius release 1',
      'radius close',
    ]);
  });
});

describe('a plugin', () => {
  test('that is not there lets nobody in', () => {
    expect(authenticate('ours')).toEqual(
      undecided('plugin ours is to be asked, but is not loaded, or provides no AAA'),
    );
  });

  test('that neither answers nor has a base lets nobody in', () => {
    plugin = {};
    expect(authenticate('ours')).toEqual(reject('plugin ours has no answer'));
    plugin = { authenticate: (_, answer) => answer(undefined) };
    expect(authenticate('ours')).toEqual(reject('plugin ours has no answer'));
  });

  test('decides, is told, and gets addresses of the pools', () => {
    plugin = {
      authenticate: ({ user }, answer) => answer({ verdict: 'check', secret: password, grant: { filter: user } }),
      account: ({ event }) => heard.push(`plugin ${event}`),
      release: (session) => heard.push(`plugin release ${session}`),
    };
    expect(authenticate('ours')).toEqual([{ verdict: 'check', secret: password, grant: { filter: 'bob' } }]);
    expect(allocate('ours', 1, { ipv4: pool })).toEqual([{ ipv4: 0x0a000001 }]);
    account('ours', 'start');
    aaa.release(1);
    aaa.release(1);
    expect(heard).toEqual(['plugin start', 'radius release 1', 'plugin release 1', 'radius release 1']);
    expect(aaa.pools().map(used)).toEqual([[0, 0]]);
  });

  test('on a base leaves to it what it does not do, and both are told', () => {
    plugin = {
      base: 'radius',
      authenticate: ({ user }, answer) =>
        answer(user === 'eve' ? { verdict: 'reject', message: 'not her' } : undefined),
      authorise: (_, grant, answer) => answer({ ...grant, mtu: 1300 }),
      account: ({ event }) => heard.push(`plugin ${event}`),
    };
    expect(authenticate('ours', 'eve', 2)).toEqual(reject('not her'));
    account('ours', 'start', 2);
    expect(heard).toEqual(['plugin start']);
    expect(authenticate('ours')).toEqual([{ verdict: 'accept', grant: { pool: 'home', mtu: 1300 } }]);
    account('ours', 'stop');
    expect(heard).toEqual(['plugin start', 'radius authenticate bob', 'plugin stop', 'radius stop']);
  });

  test('on the declared subscribers has their session limit', () => {
    plugin = { base: 'local' };
    const full = "the user's limit of 1 session is reached";
    expect([1, 2].map((session) => authenticate('ours', 'bob', session)[0].verdict)).toEqual(['check', 'check']);
    expect(allocate('ours', 1, { ipv4: pool })).toEqual([{ ipv4: 0x0a000001 }]);
    expect(allocate('ours', 2)).toEqual([{ refused: { ipv4: full, prefix: full, delegated: full } }]);
  });

  test('whose authorise fails lets nobody in; a refusal needs none', () => {
    plugin = { base: 'local', authorise: (_, __, answer) => answer(undefined) };
    expect(authenticate('ours')).toEqual(undecided('plugin ours failed'));
    expect(authenticate('ours', 'eve')).toEqual(reject('wrong password'));
  });

  test('that gives out addresses gets what nobody else has', () => {
    plugin = { allocate: (_, answer) => answer({ ipv4: 0xc0000201, delegated: prefix(0x100n) }) };
    expect(allocate('ours')).toEqual([{ ipv4: 0xc0000201, prefix: prefix(0n), delegated: prefix(0x100n) }]);
    expect(allocate('ours', 2)).toEqual([
      {
        prefix: prefix(1n),
        refused: {
          ipv4: 'address 192.0.2.1 is in use by another session',
          delegated: 'prefix 2001:db8:0:100::/64 is in use by another session',
        },
      },
    ]);
    plugin = { allocate: (_, answer) => answer(undefined) };
    expect(allocate('ours', 3, { ipv4: pool })).toEqual([{ refused: { ipv4: 'plugin ours failed' } }]);
  });

  test('whose answer comes after the end of the call takes no address and asks nobody', () => {
    const late: (() => void)[] = [];
    plugin = {
      base: 'radius',
      authenticate: (_, answer) => void late.push(() => answer(undefined)),
      allocate: (_, answer) => void late.push(() => answer({ ipv4: 0x0a000001 })),
    };
    const answers = [authenticate('ours'), allocate('ours')];
    aaa.release(1);
    for (const settle of late) settle();
    expect(answers).toEqual([reject('the call is over'), [{}]]);
    expect(heard).toEqual(['radius release 1']);
    expect(aaa.pools().map(used)).toEqual([[0, 0]]);
  });
});
