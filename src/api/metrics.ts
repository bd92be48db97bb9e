/** What Prometheus fetches: everything is counted when it is asked for, nothing while packets and calls pass. */
import { readdir } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import about from '../../package.json' with { type: 'json' };
import type { SessionView } from '../engine/spec.ts';
import { inSlices } from './answers.ts';
import type { ApiSource } from './source.ts';

/** Prometheus' text format, version 0.0.4. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

interface Sample {
  labels?: Labels;
  value: number;
}

interface Metric {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  samples: readonly Sample[];
}

/** All metrics of a daemon. Other work has its turn in between. */
export async function metricsText(source: ApiSource): Promise<string> {
  const all = [
    ...processMetrics(),
    await openFiles(),
    ...(await callMetrics(source)),
    ...poolMetrics(source),
    ...radiusMetrics(source),
    ...dropMetrics(source),
    gauge('prol2tp_declaration_errors', 'Mistakes in what is declared.', [{ value: source.errors().length }]),
  ];
  return all.map(textOf).join('');
}

function textOf({ name, type, help, samples }: Metric): string {
  if (samples.length === 0) return '';
  const lines = samples.map(({ labels = {}, value }) => `${name}${labelsText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: 'counter', help, samples };
}

/** How many there are of each combination of labels. */
class Tally {
  readonly #counts = new Map<string, { labels: Labels; value: number }>();

  add(labels: Labels): void {
    const key = Object.values(labels).join('\n');
    const count = this.#counts.get(key);
    if (count) count.value++;
    else this.#counts.set(key, { labels, value: 1 });
  }

  get samples(): Sample[] {
    return [...this.#counts.values()];
  }
}

async function callMetrics(source: ApiSource): Promise<Metric[]> {
  const tunnels = new Tally();
  let digestFailures = 0;
  const profiles = new Map<number, string>();
  for await (const slice of inSlices(source.tunnels())) {
    for (const { direction, state, peerProfile = '', localId, version, transport } of slice) {
      tunnels.add({ direction, state, version: String(version), peer_profile: peerProfile });
      digestFailures += transport.digestFailures;
      profiles.set(localId, peerProfile);
    }
  }
  const sessions = new Tally();
  const phases = new Tally();
  for await (const slice of inSlices(source.sessions())) {
    for (const view of slice) {
      const profile = profiles.get(view.tunnelLocalId) ?? '';
      const { direction, type, pseudowire, state } = view;
      sessions.add({ direction, type, pseudowire, state, peer_profile: profile });
      if (hasPpp(view)) phases.add({ phase: view.ppp.phase, auth: view.ppp.auth ?? '' });
    }
  }
  const servers = Array.from(source.pppoeServers(), ({ name, sessions: value }) => ({
    labels: { server: name },
    value,
  }));
  return [
    gauge('prol2tp_tunnels', 'Tunnels by state; peer_profile is that of accepted ones.', tunnels.samples),
    gauge('prol2tp_sessions', 'Calls by state; peer_profile is that of their accepted tunnel.', sessions.samples),
    gauge('prol2tp_ppp_links', 'Calls whose PPP ends here, by phase.', phases.samples),
    gauge('prol2tp_digest_failures', 'Control messages of live tunnels that were dropped for their digest.', [
      { value: digestFailures },
    ]),
    gauge('prol2tp_pppoe_sessions', 'Clients of PppoeServers.', servers),
  ];
}

function hasPpp({ state, switched, pseudowire }: SessionView): boolean {
  return state === 'established' && pseudowire === 'ppp' && !switched;
}

function poolMetrics(source: ApiSource): Metric[] {
  const pools = [...source.pools()];
  const samples = (count: (pool: (typeof pools)[number]) => number) =>
    pools.map((pool) => ({ labels: { pool: pool.name }, value: count(pool) }));
  return [
    gauge(
      'prol2tp_pool_addresses',
      'IPv4 addresses of AddressPools.',
      samples(({ total }) => total),
    ),
    gauge(
      'prol2tp_pool_addresses_used',
      'Those that are given out.',
      samples(({ used }) => used),
    ),
    gauge(
      'prol2tp_pool_prefixes',
      'IPv6 prefixes of AddressPools.',
      samples(({ prefixes }) => prefixes.total),
    ),
    gauge(
      'prol2tp_pool_prefixes_used',
      'Those that are given out.',
      samples(({ prefixes }) => prefixes.used),
    ),
    counter(
      'prol2tp_pool_refused_total',
      'Requests that found nothing free.',
      samples(({ refused }) => refused),
    ),
  ];
}

function radiusMetrics(source: ApiSource): Metric[] {
  const radius = source.radius();
  if (!radius) return [];
  const { servers, spooled } = radius;
  // One address may serve at several ports.
  const labelsOf = (at: number) => ({ server: servers[at].address, position: String(at + 1) });
  const samples = (count: (server: (typeof servers)[number]) => number) =>
    servers.map((server, at) => ({ labels: labelsOf(at), value: count(server) }));
  const outcomes = servers.flatMap(({ accepts, rejects, timeouts }, at) => [
    { labels: { ...labelsOf(at), outcome: 'accept' }, value: accepts },
    { labels: { ...labelsOf(at), outcome: 'reject' }, value: rejects },
    { labels: { ...labelsOf(at), outcome: 'timeout' }, value: timeouts },
  ]);
  return [
    gauge(
      'prol2tp_radius_up',
      'Whether the RADIUS server answered when last asked.',
      samples(({ alive }) => Number(alive)),
    ),
    counter(
      'prol2tp_radius_requests_total',
      'Questions and accounting records sent.',
      samples(({ requests }) => requests),
    ),
    counter('prol2tp_radius_outcomes_total', 'What became of them.', outcomes),
    counter(
      'prol2tp_radius_drops_total',
      'Datagrams that were no answer.',
      samples(({ drops }) => drops),
    ),
    gauge('prol2tp_accounting_spooled', 'Accounting records that wait on disk.', [{ value: spooled }]),
  ];
}

function dropMetrics(source: ApiSource): Metric[] {
  const { dropped = {}, ignored = {} } = source.counts();
  const samples = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([reason, value]) => ({ labels: { reason }, value }));
  return [
    counter('prol2tp_data_dropped_total', 'Data messages that no call took.', samples(dropped)),
    counter('prol2tp_control_ignored_total', 'Control messages that were not taken.', samples(ignored)),
  ];
}

function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const startedSeconds = performance.timeOrigin / 1e3;
  return [
    gauge('prol2tp_build_info', 'The version that runs.', [
      { labels: { version: about.version, node: process.version }, value: 1 },
    ]),
    counter('process_cpu_seconds_total', 'Processor time.', [{ value: (user + system) / 1e6 }]),
    gauge('process_resident_memory_bytes', 'Memory in use.', [{ value: rss }]),
    gauge('process_start_time_seconds', 'When the daemon began.', [{ value: startedSeconds }]),
    gauge('nodejs_heap_size_used_bytes', "Of it, JavaScript's objects.", [{ value: heapUsed }]),
    counter('nodejs_eventloop_active_seconds_total', 'Time that the event loop was busy.', [
      { value: performance.eventLoopUtilization().active / 1e3 },
    ]),
  ];
}

async function openFiles(): Promise<Metric> {
  const files = await readdir('/proc/self/fd').catch(() => []);
  return gauge('process_open_fds', 'Open files and sockets.', files.length > 0 ? [{ value: files.length }] : []);
}
