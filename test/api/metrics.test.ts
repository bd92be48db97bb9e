import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { metricsText } from '../../src/api/metrics.ts';
import { MetricsServer } from '../../src/api/metrics-server.ts';
import { FakeSource, sessionView } from './fake-source.ts';

let source: FakeSource;
beforeEach(() => {
  source = new FakeSource();
});

/** Reads the text format (Prometheus, exposition format 0.0.4) strictly: samples by name and labels. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line);
    if (comment) {
      const [, what, name, rest] = comment;
      const key = `${what} ${name}`;
      expect(types.has(key), `${key} twice`).toBe(false);
      types.set(key, rest);
      continue;
    }
    const sample = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? ([0-9.e+-]+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    const [, name, labels = '', value] = sample ?? [];
    const type = types.get(`TYPE ${name}`);
    expect(['gauge', 'counter'], name).toContain(type);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(samples.has(name + labels), `${name}${labels} twice`).toBe(false);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

describe('metrics', () => {
  test('count tunnels, calls, pools, RADIUS, what was dropped, and the process', async () => {
    const samples = parse(await metricsText(source));
    const expected = {
      'prol2tp_tunnels{direction="dialled",state="established",version="2",peer_profile=""}': 1,
      'prol2tp_tunnels{direction="dialled",state="closed",version="2",peer_profile=""}': 1,
      'prol2tp_tunnels{direction="accepted",state="established",version="2",peer_profile="customers"}': 1,
      prol2tp_digest_failures: 0,
      'prol2tp_sessions{direction="dialled",type="lacIncoming",pseudowire="ppp",state="established",peer_profile=""}': 1,
      'prol2tp_sessions{direction="accepted",type="lnsIncoming",pseudowire="ppp",state="established",peer_profile="customers"}': 1,
      'prol2tp_ppp_links{phase="network",auth="chap"}': 2,
      'prol2tp_pppoe_sessions{server="access"}': 3,
      'prol2tp_pool_addresses{pool="home"}': 254,
      'prol2tp_pool_addresses_used{pool="home"}': 12,
      'prol2tp_pool_prefixes{pool="home"}': 256,
      'prol2tp_pool_prefixes_used{pool="home"}': 3,
      'prol2tp_pool_refused_total{pool="home"}': 1,
      'prol2tp_radius_up{server="192.0.2.50",position="1"}': 1,
      'prol2tp_radius_up{server="192.0.2.51",position="2"}': 0,
      'prol2tp_radius_requests_total{server="192.0.2.50",position="1"}': 12,
      'prol2tp_radius_outcomes_total{server="192.0.2.50",position="1",outcome="accept"}': 9,
      'prol2tp_radius_outcomes_total{server="192.0.2.51",position="2",outcome="timeout"}': 3,
      'prol2tp_radius_drops_total{server="192.0.2.51",position="2"}': 1,
      prol2tp_accounting_spooled: 4,
      'prol2tp_data_dropped_total{reason="unknownSession"}': 7,
      'prol2tp_control_ignored_total{reason="unknownTunnel"}': 3,
      prol2tp_declaration_errors: 1,
    };
    for (const [sample, value] of Object.entries(expected))
      expect([sample, samples.get(sample)]).toEqual([sample, value]);
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds']) {
      expect(samples.get(name), name).toBeGreaterThan(0);
    }
  });

  test('count pseudowires by what they carry, with their digest failures, and no PPP of theirs', async () => {
    const [first] = source.tunnelViews;
    source.tunnelViews = [{ ...first, version: 3, transport: { ...first.transport, digestFailures: 4 } }];
    source.sessionViews = [sessionView({ version: 3, pseudowire: 'vlan', tunnelLocalId: first.localId })];
    const samples = parse(await metricsText(source));
    expect(samples.get('prol2tp_digest_failures')).toBe(4);
    const names = [...samples.keys()];
    expect(names.filter((name) => name.startsWith('prol2tp_sessions'))).toEqual([
      expect.stringContaining('pseudowire="vlan"'),
    ]);
    expect(names.filter((name) => /ppp_links/.test(name))).toEqual([]);
  });

  test('leave out what there is nothing of, and the PPP of calls that go on elsewhere', async () => {
    source.radius = () => undefined;
    source.sessionViews = [sessionView({ switched: { with: '1/2' } })];
    const names = [...parse(await metricsText(source)).keys()];
    expect(names.filter((name) => /radius|spooled|ppp_links/.test(name))).toEqual([]);
    expect(names.filter((name) => name.startsWith('prol2tp_sessions'))).toHaveLength(1);
  });

  test('are no more lines where there are more calls', async () => {
    const lines = async () => parse(await metricsText(source)).size;
    const before = await lines();
    source.sessionViews = Array.from({ length: 5_000 }, (_, i) => sessionView({ localId: i + 1 }));
    expect(await lines()).toBeLessThanOrEqual(before);
    expect(await metricsText(source)).toContain('prol2tp_ppp_links{phase="network",auth="chap"} 5000\n');
  });

  test('write names so that nothing breaks out of them', async () => {
    const counts = { total: 1, used: 0, prefixes: { total: 0, used: 0 }, refused: 0 };
    source.pools = () => [{ name: 'a"b\\c\nd', ...counts }];
    expect(parse(await metricsText(source)).get('prol2tp_pool_addresses{pool="a\\"b\\\\c\\nd"}')).toBe(1);
  });
});

describe('over TCP', () => {
  let server: MetricsServer;
  let neighbour: Server | undefined;
  beforeEach(() => {
    server = new MetricsServer(source);
  });
  afterEach(async () => {
    await server.configure(undefined);
    await new Promise<void>((resolve) => (neighbour ? neighbour.close(() => resolve()) : resolve()));
    neighbour = undefined;
  });

  const address = '127.0.0.1';

  /** A port that was free just now. */
  async function freePort(): Promise<number> {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, address, resolve));
    const { port } = probe.address() as { port: number };
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    return port;
  }

  test('nothing but metrics is told, at the place that is wanted now', async () => {
    const [first, second] = [await freePort(), await freePort()];
    await server.configure({ address, port: first });
    await server.configure({ address, port: first });
    const answer = await fetch(`http://${address}:${first}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(parse(await answer.text()).get('prol2tp_pool_addresses{pool="home"}')).toBe(254);
    expect((await fetch(`http://${address}:${first}/v1/tunnels`)).status).toBe(404);
    expect((await fetch(`http://${address}:${first}/metrics`, { method: 'POST' })).status).toBe(405);
    await server.configure({ address, port: second });
    expect((await fetch(`http://${address}:${second}/metrics`)).status).toBe(200);
    await expect(fetch(`http://${address}:${first}/metrics`)).rejects.toThrow();
  });

  test('who asks while others do is told the same, counted once', async () => {
    const port = await freePort();
    await server.configure({ address, port });
    let counted = 0;
    const { errors } = source;
    source.errors = () => {
      counted++;
      return errors.call(source);
    };
    // In one piece, so that all of them are there before the first is answered.
    const request = (connection: string) => `GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: ${connection}\r\n\r\n`;
    const socket = connect(port, address, () => socket.write(request('keep-alive').repeat(7) + request('close')));
    expect((await text(socket)).match(/^HTTP\/1.1 200 OK/gm)).toHaveLength(8);
    expect(counted).toBe(1);
  });

  test('a place that somebody has is an error, and tried again', async () => {
    const port = await freePort();
    neighbour = createServer();
    await new Promise<void>((resolve) => neighbour?.listen(port, address, resolve));
    await expect(server.configure({ address, port })).rejects.toThrow(`metrics at 127.0.0.1 port ${port}: EADDRINUSE`);
    await new Promise<void>((resolve) => neighbour?.close(() => resolve()));
    neighbour = undefined;
    await server.configure({ address, port });
    expect((await fetch(`http://${address}:${port}/metrics`)).status).toBe(200);
  });
});
