import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { sessionView, tunnelView } from '../api/fake-source.ts';
import { Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.remove());

const table = (...lines: string[]) => `${lines.join('\n')}\n`;

describe('tables', () => {
  test('of tunnels', async () => {
    expect(await bench.run('get tunnels')).toEqual({
      code: 0,
      err: '',
      out: table(
        'NAME            STATE         PEER         LOCAL-ID   REMOTE-ID   SESSIONS   AGE',
        'to-backup       closed        192.0.2.10   101        -           0/0        -',
        'to-lns          established   192.0.2.9    100        99          1/2        5m',
        'accepted-4711   established   192.0.2.1    4711       99          1/2        5m',
      ),
    });
  });

  test('of tunnels, wide', async () => {
    const { out } = await bench.run('get tunnels -o wide');
    const [titles, backup, lns] = out.split('\n').map((line) => line.split(/ {3,}/));
    expect(titles.slice(7)).toEqual([
      'LOCAL-ADDRESS',
      'PEER-ADDRESS',
      'VERSION',
      'OVER',
      'DIGEST-FAILURES',
      'HOST-NAME',
      'DATA-PLANE',
      'LAST-ERROR',
    ]);
    expect(lns.slice(7)).toEqual([
      '192.0.2.2:1701',
      '192.0.2.9:1701',
      'v2',
      'udp',
      '0',
      'peer.example',
      'userspace',
      '-',
    ]);
    expect(backup.at(-1)).toBe('no answer from 192.0.2.10 (result 2, error 6)');
  });

  test('of sessions', async () => {
    expect((await bench.run('get sessions')).out).toBe(
      table(
        'NAME              TUNNEL          READY   STATE         USER    ADDRESS     INTERFACE   RX       TX     AGE',
        'alice             to-lns          True    established   alice   10.99.0.1   l2tp0       1.5KiB   5MiB   5m',
        'waiting           to-backup       False   closed        -       -           -           -        -      -',
        'accepted-4711-5   accepted-4711   True    established   alice   10.99.0.2   l2tp0       1.5KiB   5MiB   5m',
      ),
    );
  });

  test('of pseudowires over IP, wide', async () => {
    const [first] = bench.source.tunnelViews;
    const remote = { address: '2001:db8::9', port: 0 };
    bench.source.tunnelViews = [{ ...first, version: 3, encapsulation: 'ip', remote }];
    bench.source.sessionViews = [
      sessionView({
        version: 3,
        pseudowire: 'frameRelay',
        interface: '/run/prol2tp/site-7.circuit',
        call: { remoteEndId: 'site-7' },
        circuit: { local: { active: true, isNew: false }, peer: { active: false, isNew: false, circuitRxFault: true } },
      }),
    ];
    const rows = async (verb: string) => (await bench.run(verb)).out.split('\n').map((line) => line.split(/ {3,}/));
    const cells = ([titles]: string[][], row: string[], ...wanted: string[]) =>
      wanted.map((title) => row[titles.indexOf(title)]);
    const tunnels = await rows('get tunnels -o wide');
    const tunnel = tunnels.find((row) => row.includes('2001:db8::9')) ?? [];
    expect(cells(tunnels, tunnel, 'PEER-ADDRESS', 'VERSION', 'OVER')).toEqual(['2001:db8::9', 'v3', 'ip']);
    const sessions = await rows('get sessions -o wide');
    const session = sessions.find((row) => row.includes('frameRelay')) ?? [];
    expect(cells(sessions, session, 'READY', 'INTERFACE', 'PHASE', 'REMOTE-END-ID', 'CIRCUIT', 'PEER-CIRCUIT')).toEqual(
      ['False', '/run/prol2tp/site-7.circuit', '-', 'site-7', 'up', 'down(circuitRx)'],
    );
  });

  test('of sessions, wide', async () => {
    bench.source.sessionViews = [
      sessionView({ name: 'alice', direction: 'accepted', type: 'lacOutgoing', call: { calledNumber: '99' } }),
      sessionView({ switched: { with: '7/9' } }),
    ];
    const [titles, alice, , accepted] = (await bench.run('get sessions -o wide')).out
      .split('\n')
      .map((line) => line.split(/ {3,}/));
    const cells = (row: string[], ...wanted: string[]) => wanted.map((title) => row[titles.indexOf(title)]);
    expect(cells(alice, 'TYPE', 'ADDRESS', 'CALLED')).toEqual(['lacOutgoing', '10.99.0.1', '99']);
    expect(cells(accepted, 'TYPE', 'ADDRESS', 'SWITCHED-WITH')).toEqual(['lnsIncoming', '10.99.0.2', 'accepted-7-9']);
  });

  test('of PPPoE servers and their clients', async () => {
    expect((await bench.run('get pppoe -o wide')).out).toBe(
      table('NAME     READY   INTERFACE   SESSIONS   AC-NAME', 'access   True    eth1        3          bras1'),
    );
    expect((await bench.run('get pppoesessions')).out).toBe(
      table(
        'SERVER   ID   PEER                USER              SWITCHED-WITH    AGE',
        'access   7    02:00:00:00:00:01   bob@isp.example   accepted-100-9   5m',
      ),
    );
  });

  test('of one session by local ids', async () => {
    const { out } = await bench.run('get session 4711-5');
    expect(out.split('\n')).toHaveLength(3);
    expect(out).toContain('accepted-4711-5');
  });

  test('of the gateway, pools, errors and events', async () => {
    expect((await bench.run('get gateway')).out).toBe(
      table(
        'NAME   READY   DIALLED-TUNNELS   ACCEPTED-TUNNELS   DIALLED-SESSIONS   ACCEPTED-SESSIONS',
        'edge   True    2                 1                  1                  1',
      ),
    );
    expect((await bench.run('get gw -o wide')).out).toContain('unknownSession=7');
    expect((await bench.run('get gw -o wide')).out).toMatch(/ RADIUS +SPOOLED .*\n.* 1\/2 +4 /);
    expect((await bench.run('get pools')).out).toBe(
      table(
        'NAME   READY   TOTAL   USED   FREE   PREFIXES   PREFIXES-USED   REFUSED',
        'home   True    254     12     242    256        3               1',
      ),
    );
    expect((await bench.run('get errors')).out).toBe(
      table(
        'RESOURCE        PLACE          PATH                  MESSAGE',
        'Tunnel/to-lns   lac.yaml:7:3   spec.helloIntervall   unknown field; did you mean helloInterval?',
      ),
    );
    bench.source.events.append({ kind: 'Tunnel', name: 'to-lns', reason: 'Up', message: 'established' });
    expect((await bench.run('get events')).out).toBe(
      table('AGE   OBJECT          REASON   MESSAGE', '5m    Tunnel/to-lns   Up       established'),
    );
  });

  test('put accepted-9 before accepted-10', async () => {
    bench.source.tunnelViews = [10, 9, 100].map((localId) => tunnelView({ localId }));
    const { out } = await bench.run('get tun');
    expect(out.match(/accepted-\d+/g)).toEqual(['accepted-9', 'accepted-10', 'accepted-100']);
  });

  test('show nothing that a terminal would obey', async () => {
    bench.source.tunnelViews = [tunnelView({ peerHostName: 'evil\x1b[2J\n\x9b1m' })];
    expect((await bench.run('get tunnels -o wide')).out).toContain('evil\\x1b[2J\\x0a\\x9b1m');
  });

  test('that would be empty are a word instead', async () => {
    expect(await bench.run('get events')).toEqual({ code: 0, out: '', err: 'No events.\n' });
  });
});

test.each([
  'tunnel',
  'tunnels',
  'tun',
  'TUNNELS',
  'session',
  'sess',
  'gateways',
  'pppoeserver',
  'addresspool',
  'error',
])('%s is understood', async (word) => {
  expect((await bench.run(`get ${word}`)).code).toBe(0);
});

describe('objects', () => {
  test('as JSON: a list, or one by name', async () => {
    const { items, ...list } = JSON.parse((await bench.run('get tunnels -o json')).out);
    expect(list).toEqual({ apiVersion: 'v1', kind: 'List' });
    expect(items).toHaveLength(3);
    const one = JSON.parse((await bench.run('get tunnel to-lns -o json')).out);
    expect(one).toMatchObject({ kind: 'Tunnel', metadata: { name: 'to-lns' }, status: { state: 'established' } });
  });

  test('as YAML', async () => {
    const one = parse((await bench.run('get session alice -o yaml')).out);
    expect(one).toMatchObject({ kind: 'Session', spec: { tunnel: 'to-lns' }, status: { ppp: { phase: 'network' } } });
  });
});

describe('watching', () => {
  test('shows everything once and then what changes', async () => {
    const stop = new AbortController();
    const watching = bench.start('get sessions -w', stop);
    await vi.waitFor(() => expect(watching.shown()).toContain('accepted-4711-5'));
    const { counters } = sessionView();
    bench.source.sessionViews = [
      sessionView({ counters: counters && { ...counters, rxOctets: 9999 } }),
      sessionView({ localId: 6 }),
    ];
    await vi.waitFor(() => expect(watching.shown()).toContain('accepted-4711-6'), { timeout: 5000 });
    bench.source.sessionViews = [sessionView({ localId: 6 })];
    await vi.waitFor(() => expect(watching.shown()).toContain('gone'), { timeout: 5000 });
    stop.abort();
    const { code, out } = await watching.ended;
    expect(code).toBe(0);
    expect(out.match(/^accepted-4711-5 .*$/gm)).toEqual([
      expect.stringContaining('1.5KiB'),
      expect.stringMatching(/accepted-4711-5 +gone/),
    ]);
    expect(out.match(/^NAME/gm)).toHaveLength(1);
  });

  test('prints changed objects as JSON lines', async () => {
    const stop = new AbortController();
    const watching = bench.start('get tunnels -w -o json', stop);
    await vi.waitFor(() => expect(watching.shown()).toContain('accepted-4711'));
    stop.abort();
    const lines = (await watching.ended).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).kind)).toEqual(['Tunnel', 'Tunnel', 'Tunnel']);
  });

  test('events prints each as it comes', async () => {
    const stop = new AbortController();
    bench.source.events.append({ kind: 'Tunnel', name: 'to-lns', reason: 'Up', message: 'first' });
    const watching = bench.start('get events -w', stop);
    await vi.waitFor(() => expect(watching.shown()).toContain('first'));
    bench.source.events.append({ kind: 'Tunnel', name: 'to-lns', reason: 'Down', message: 'second' });
    await vi.waitFor(() => expect(watching.shown()).toContain('second'));
    stop.abort();
    expect(await watching.ended).toEqual({
      code: 0,
      err: '',
      out: '5m   Tunnel/to-lns   Up   first\n5m   Tunnel/to-lns   Down   second\n',
    });
  });

  test('events ends with an error when the daemon does', async () => {
    bench.source.events.append({ kind: 'Tunnel', name: 'to-lns', reason: 'Up', message: 'first' });
    const watching = bench.start('get events -w', new AbortController());
    await vi.waitFor(() => expect(watching.shown()).toContain('first'));
    await bench.stopDaemon();
    const { code, err } = await watching.ended;
    expect([code, err]).toEqual([1, 'error: prol2tpd ended the stream: aborted\n']);
  });
});

describe('mistakes', () => {
  test.each([
    ['get tunnel nobody', 'tunnel nobody does not exist; there are: to-lns, to-backup, accepted-4711'],
    [
      'get tunels',
      'tunels is not known; known: tunnels, sessions, gateway, pppoeservers, pppoesessions, pools, events, errors',
    ],
    ['get events 5', 'events are not asked for by name'],
    ['get tunnels -o csv', "'csv' is invalid. Allowed choices are table, wide, json, yaml."],
    ['frobnicate', "unknown command 'frobnicate'"],
  ])('%s', async (line, message) => {
    const { code, out, err } = await bench.run(line);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(message);
  });

  test('a daemon that is not there is told with its socket', async () => {
    await bench.stopDaemon();
    const { code, err } = await bench.run('get tunnels');
    expect(code).toBe(1);
    expect(err).toBe(
      `error: prol2tpd does not answer on ${bench.socket}: is it running? (--socket or PROL2TP_SOCKET name another socket)\n`,
    );
    expect((await bench.run('--socket /nowhere/x get tunnels')).err).toContain('on /nowhere/x');
  });

  test("the version is the package's", async () => {
    expect((await bench.run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('help is no mistake', async () => {
    const { code, out } = await bench.run('--help');
    expect(code).toBe(0);
    for (const verb of ['get', 'describe', 'explain', 'validate', 'plan']) expect(out).toContain(verb);
  });
});
