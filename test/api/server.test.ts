import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer } from '../../src/api/server.ts';
import { SpecError } from '../../src/engine/errors.ts';
import { Secret } from '../../src/engine/spec.ts';
import { ask, getJson } from './client.ts';
import { FakeSource, sessionView, tunnelView } from './fake-source.ts';

let directory: string;
let socketPath: string;
let source: FakeSource;
let server: ApiServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'prol2tp-api-'));
  socketPath = join(directory, 'run', 'prol2tpd.sock');
  source = new FakeSource();
  server = new ApiServer({ socketPath, source });
  await server.start();
});

afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

const get = (path: string) => getJson(socketPath, path);
const post = (path: string, body: string) => getJson(socketPath, path, 'POST', body);

describe('the socket', () => {
  test('is for its owner only, and gone after stop', async () => {
    const { mode } = await stat(socketPath);
    expect(mode & 0o777).toBe(0o600);
    await server.stop();
    await expect(stat(socketPath)).rejects.toThrow('ENOENT');
    await server.start();
  });

  test('is for a group too when one is given', async () => {
    const gid = process.getgid?.() ?? 0;
    const other = new ApiServer({ socketPath: join(directory, 'group.sock'), source, gid });
    await other.start();
    const { mode, gid: is } = await stat(join(directory, 'group.sock'));
    expect([mode & 0o777, is]).toEqual([0o660, gid]);
    await other.stop();
  });

  test('of a live daemon is left alone, with a clear error', async () => {
    const second = new ApiServer({ socketPath, source });
    await expect(second.start()).rejects.toThrow(`another prol2tpd is running: it answers on ${socketPath}`);
    expect((await get('/v1/healthz')).body).toEqual({ status: 'ok' });
  });

  test('of a dead daemon is replaced', async () => {
    const path = join(directory, 'dead.sock');
    await leaveDeadSocket(path);
    const next = new ApiServer({ socketPath: path, source });
    await next.start();
    expect((await getJson(path, '/v1/healthz')).status).toBe(200);
    await next.stop();
  });

  test('does not replace what is not a socket', async () => {
    const path = join(directory, 'notes.txt');
    await writeFile(path, 'dear diary');
    await expect(new ApiServer({ socketPath: path, source }).start()).rejects.toThrow(
      'is in the way: it is not a socket',
    );
  });
});

/** A socket file whose listener is gone: closing removes the path that was bound, not the renamed one. */
async function leaveDeadSocket(path: string): Promise<void> {
  const { rename } = await import('node:fs/promises');
  const dying: Server = createServer();
  await new Promise<void>((resolve) => dying.listen(`${path}.old`, resolve));
  await rename(`${path}.old`, path);
  await new Promise((resolve) => dying.close(resolve));
}

describe('tunnels', () => {
  test('are listed, declared and accepted', async () => {
    const { body } = await get('/v1/tunnels');
    expect(body).toMatchObject({ apiVersion: 'v1', kind: 'List' });
    expect(names(body)).toEqual(['to-lns', 'to-backup', 'accepted-4711']);
  });

  test('show what is declared and what is, and no secret', async () => {
    const { body } = await get('/v1/tunnels/to-lns');
    expect(body).toMatchObject({
      apiVersion: 'prol2tp.io/v1alpha1',
      kind: 'Tunnel',
      metadata: { name: 'to-lns', generation: 3, annotations: { 'prol2tp.io/declared-in': 'lac.yaml:1' } },
      spec: { remoteAddress: '192.0.2.9', secretRef: { name: 'lns', key: 'secret' } },
      status: {
        observedGeneration: 3,
        state: 'established',
        direction: 'dialled',
        localId: 100,
        remoteId: 99,
        peer: { address: '192.0.2.9', port: 1701, hostName: 'peer.example', vendorName: 'prol2tp' },
        version: 2,
        encapsulation: 'udp',
        dataPlane: 'userspace',
        sessions: { established: 1, total: 2 },
        since: '2026-03-01T12:00:00.000Z',
      },
    });
    expect(JSON.stringify((await get('/v1/tunnels')).body)).not.toContain('do-not-show');
  });

  test('that failed say why and when they are tried again', async () => {
    const { body } = await get('/v1/tunnels/to-backup');
    expect(body.status).toMatchObject({
      state: 'closed',
      lastError: { time: '2026-03-01T12:00:00.000Z', result: 2, error: 6, message: 'no answer from 192.0.2.10' },
      retries: 4,
      nextRetry: '2026-03-01T12:00:30.000Z',
    });
    expect(body.status).not.toHaveProperty('remoteId');
  });

  test('that are declared but unknown to the engine are idle', async () => {
    source.tunnelViews = [];
    expect((await get('/v1/tunnels/to-backup')).body.status).toMatchObject({ state: 'idle', retries: 4 });
  });

  test('that a peer opened have conditions by the same names, and are found by local id', async () => {
    const { body } = await get('/v1/tunnels/4711');
    expect(body.metadata).toEqual({ name: 'accepted-4711' });
    expect(body).not.toHaveProperty('spec');
    expect(body.status.peerProfile).toBe('customers');
    expect(body.status.conditions.map(({ type, status }: { type: string; status: string }) => [type, status])).toEqual([
      ['Ready', 'True'],
      ['Established', 'True'],
      ['PeerAuthenticated', 'True'],
    ]);
  });
});

describe('sessions', () => {
  test('are listed with declared ones that wait for their tunnel', async () => {
    const { body } = await get('/v1/sessions');
    expect(names(body)).toEqual(['alice', 'accepted-4711-5', 'waiting']);
    expect(body.items[2].status).toMatchObject({ state: 'closed', tunnel: 'to-backup' });
  });

  test('can be chosen by tunnel', async () => {
    expect(names((await get('/v1/sessions?tunnel=to-lns')).body)).toEqual(['alice']);
    expect(names((await get('/v1/sessions?tunnel=accepted-4711')).body)).toEqual(['accepted-4711-5']);
  });

  test('show PPP, addresses and counters', async () => {
    const { body } = await get('/v1/sessions/4711-5');
    expect(body.status).toMatchObject({
      state: 'established',
      tunnel: 'accepted-4711',
      interface: 'l2tp0',
      callingNumber: '5551234',
      ppp: {
        phase: 'network',
        user: 'alice',
        auth: 'chap',
        mru: 1400,
        localAddress: '10.99.0.1',
        remoteAddress: '10.99.0.2',
        dns: ['9.9.9.9'],
        ipv6: {
          localInterfaceId: '0000:0000:0000:0001',
          remoteInterfaceId: 'fedc:ba98:7654:3210',
          prefix: '2001:db8:0:1::/64',
          delegated: '2001:db8:1:100::/56',
        },
        limits: { idleTimeout: '10m', rateLimit: { tx: 50_000_000, rx: 0 }, filter: 'web' },
      },
      counters: { rxOctets: 1536, txOctets: 5_242_880 },
    });
  });

  test('whose call is up but not its PPP are established and not ready', async () => {
    source.sessionViews = [sessionView({ ppp: { phase: 'authenticate', peerMru: 1500 } })];
    const { body } = await get('/v1/sessions/4711-5');
    expect(body.status.conditions).toMatchObject([
      { type: 'Ready', status: 'False', message: 'in state established, PPP phase authenticate' },
      { type: 'Established', status: 'True' },
    ]);
  });

  test('that ended have neither age nor interface', async () => {
    source.sessionViews = [sessionView({ state: 'closed' })];
    const { status } = (await get('/v1/sessions/4711-5')).body;
    expect(status.state).toBe('closed');
    expect(status).not.toHaveProperty('since');
    expect(status).not.toHaveProperty('interface');
  });

  test('are listed whole when there are thousands', async () => {
    source.objects.Session = [];
    source.sessionViews = Array.from({ length: 20_000 }, (_, i) => sessionView({ localId: i + 1 }));
    const { body } = await get('/v1/sessions');
    expect(new Set(names(body)).size).toBe(20_000);
  });
});

test('metrics are text', async () => {
  const answer = await ask(socketPath, '/metrics');
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await text(answer)).toContain('\nprol2tp_pool_addresses{pool="home"} 254\n');
});

test('the gateway counts', async () => {
  const { body } = await get('/v1/gateway');
  expect(body).toMatchObject({
    kind: 'Gateway',
    metadata: { name: 'edge' },
    status: { tunnels: { dialled: 2, accepted: 1 }, dropped: { unknownSession: 7 } },
  });
  source.objects.Gateway = [];
  expect((await get('/v1/gateway')).body.metadata).toEqual({ name: 'default' });
});

test('sessions tell what is known of the call, and where it goes on, without secrets', async () => {
  source.sessionViews = [
    sessionView({
      type: 'lacIncoming',
      direction: 'dialled',
      call: {
        callingNumber: '555',
        txConnectSpeedBps: 64_000,
        proxyAuthenResponse: new Secret('do-not-show'),
        q931Cause: { cause: 17, msg: 0 },
      },
      switched: { with: '4712/9' },
      ppp: { phase: 'dead', peerMru: 1500, proxy: 'lcpAndAuth' },
    }),
  ];
  const { body } = await get('/v1/sessions/4711-5');
  expect(body.status).toMatchObject({
    type: 'lacIncoming',
    switchedWith: 'accepted-4712-9',
    ppp: { proxy: 'lcpAndAuth' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Switched' }, { type: 'Established' }],
  });
  expect(body.status.call).toEqual([
    { name: 'q931Cause', label: 'Q.931 Cause Code', text: 'user busy, cause 17, message 0x00' },
    { name: 'callingNumber', label: 'Calling Number', text: '555' },
    { name: 'txConnectSpeedBps', label: '(Tx) Connect Speed', text: '64 kbit/s' },
    { name: 'proxyAuthenResponse', label: 'Proxy Authen Response', text: '(11 octets, not shown)' },
  ]);
  source.sessionViews = [sessionView({ call: {}, switched: { with: 'alice' } })];
  const { status } = (await get('/v1/sessions/4711-5')).body;
  expect(status.switchedWith).toBe('alice');
  expect(status).not.toHaveProperty('call');
});

test('PppoeServers show whom they serve', async () => {
  const { body } = await get('/v1/pppoeservers/access');
  expect(body).toMatchObject({
    kind: 'PppoeServer',
    spec: { interface: 'eth1' },
    status: { interface: 'eth1', acName: 'bras1', sessions: 3 },
  });
  expect(names((await get('/v1/pppoeservers')).body)).toEqual(['access']);
  const client = {
    server: 'access',
    sessionId: 7,
    peer: '02:00:00:00:00:01',
    user: 'bob@isp.example',
    switchedWith: 'accepted-100-9',
    call: [{ name: 'agentCircuitId', label: 'Agent-Circuit-Id', text: 'dslam1 0/3' }],
    since: '2026-03-01T12:00:00.000Z',
  };
  expect((await get('/v1/pppoesessions')).body.items).toEqual([client]);
  expect((await get('/v1/pppoesessions?server=access')).body.items).toEqual([client]);
  expect((await get('/v1/pppoesessions?server=other')).body.items).toEqual([]);
});

test('pools show how full they are', async () => {
  expect((await get('/v1/pools/home')).body).toMatchObject({
    kind: 'AddressPool',
    status: { total: 254, used: 12, prefixes: { total: 256, used: 3 }, refused: 1 },
  });
});

test('errors stand with their place', async () => {
  expect((await get('/v1/errors')).body).toEqual({
    errors: [
      {
        message: 'unknown field; did you mean helloInterval?',
        resource: 'Tunnel/to-lns',
        path: 'spec.helloIntervall',
        file: 'lac.yaml',
        line: 7,
        column: 3,
      },
    ],
  });
});

test('explain answers for what is declared', async () => {
  expect((await get('/v1/explain/Tunnel/to-lns')).body.values).toHaveLength(2);
  expect(await get('/v1/explain/Tunnel/nobody')).toEqual({
    status: 404,
    body: { error: 'Tunnel nobody is not declared' },
  });
});

describe('plan', () => {
  test('hands the documents over and gives back actions, drops and errors', async () => {
    source.outcome = {
      actions: [{ change: 'update', kind: 'Tunnel', name: 'to-lns', reason: 'helloInterval 60s -> 30s' }],
      drops: { tunnels: [], sessions: ['alice'] },
      errors: [new SpecError('no', { file: '/etc/a.yaml', line: 1, column: 2, path: 'spec' })],
    };
    const documents = [{ file: '/etc/a.yaml', text: 'kind: Tunnel' }];
    const { status, body } = await post('/v1/plan', JSON.stringify({ documents }));
    expect(status).toBe(200);
    expect(source.planned).toEqual(documents);
    expect(body).toEqual({
      actions: source.outcome.actions,
      drops: source.outcome.drops,
      errors: [{ message: 'no', path: 'spec', file: '/etc/a.yaml', line: 1, column: 2 }],
    });
  });

  test.each([
    '{',
    '',
    'null',
    '[]',
    '{"documents": 1}',
    '{"documents": [{"file": 1, "text": ""}]}',
    '{"documents": [null]}',
  ])('refuses %s', async (body) => {
    const { status, body: answer } = await post('/v1/plan', body);
    expect(status).toBe(400);
    expect(answer.error).toMatch(/is not JSON|wanted \{"documents"/);
  });

  test('refuses a body that is too large', async () => {
    const { status, body } = await post('/v1/plan', ' '.repeat(9 * 1024 * 1024));
    expect([status, body.error]).toEqual([413, 'the body is larger than 8388608 octets']);
  });

  test('tells what went wrong inside', async () => {
    source.plan = async () => {
      throw new Error('no luck');
    };
    expect(await post('/v1/plan', '{"documents": []}')).toEqual({ status: 500, body: { error: 'no luck' } });
  });
});

describe('what is not there', () => {
  test('is answered with what is', async () => {
    expect(await get('/v1/tunnels/to-lsn')).toEqual({
      status: 404,
      body: { error: 'tunnel to-lsn does not exist; there are: to-lns, to-backup, accepted-4711' },
    });
    const { body } = await get('/v1/tunels');
    expect(body.error).toContain('there is no /v1/tunels; there are: /v1/healthz, /v1/tunnels, /v1/tunnels/NAME');
  });

  test('lists a few names only', async () => {
    source.objects.Tunnel = [];
    source.tunnelViews = Array.from({ length: 300 }, (_, i) => tunnelView({ localId: i + 1 }));
    const { error } = (await get('/v1/tunnels/nobody')).body;
    expect(error.split(', ')).toHaveLength(20);
    expect(error).toMatch(/accepted-20 and more$/);
  });

  test('says so when nothing is there', async () => {
    source.objects.AddressPool = [];
    expect((await get('/v1/pools/x')).body.error).toBe('pool x does not exist; there is none');
  });

  test.each([
    ['POST', '/v1/tunnels', 405, '/v1/tunnels takes GET only'],
    ['GET', '/v1/plan', 405, '/v1/plan takes POST only'],
    ['GET', '/v1/tunnels/%E0%A4%A', 400, '%E0%A4%A is not a name'],
    ['GET', '/v1/events?last=-1', 400, 'last=-1 is not a whole number'],
    ['GET', 'http://[', 400, 'http://[ is not a path'],
  ])('%s %s is %i', async (method, path, status, error) => {
    expect(await getJson(socketPath, path, method)).toEqual({ status, body: { error } });
  });
});

function names(list: { items: { metadata: { name: string } }[] }): string[] {
  return list.items.map((item) => item.metadata.name);
}
