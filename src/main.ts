/** prol2tpd: flags, wiring, signals. The only file that knows everybody. */
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { Radius } from './aaa/radius.ts';
import { Subscribers } from './aaa/subscribers.ts';
import { EventLog, eventOf, eventOfStep } from './api/events.ts';
import { LiveSource } from './api/live-source.ts';
import { MetricsServer } from './api/metrics-server.ts';
import { ApiServer } from './api/server.ts';
import type { Notice } from './engine/effects.ts';
import { Host } from './engine/host.ts';
import type { TraceCategory } from './engine/trace.ts';
import { HookRunner } from './hooks/runner.ts';
import { SocketTransport } from './kernel/sockets.ts';
import { UserspacePlane } from './kernel/userspace-plane.ts';
import { LiveSystem } from './live.ts';
import { Plugins } from './plugins/plugins.ts';
import { Reconciler, type ReconcilerEvent } from './reconciler/reconciler.ts';
import type { Snapshot } from './reconciler/resources.ts';
import { FilesSource, loadTexts } from './reconciler/sources/files.ts';
import { gatewayOf } from './reconciler/specs.ts';
import { System } from './system.ts';
import { isJournal, LogDestination, parseSyslogServer, type SyslogServer } from './trace/destination.ts';
import { traceLog } from './trace/log.ts';

const logLevels = ['error', 'warn', 'info', 'debug'] as const;

interface Options {
  config: string;
  socket: string;
  state: string;
  logLevel: (typeof logLevels)[number];
  syslog?: SyslogServer;
}

/** How long hooks may take when the daemon ends. */
const lastHooksMs = 5_000;

const { config, socket, state, logLevel, syslog } = new Command('prol2tpd')
  .description('An L2TP daemon that is declared, not scripted')
  .option('--config <dir>', 'directory of YAML resources', '/etc/prol2tp')
  .option('--socket <path>', 'control socket', process.env.PROL2TP_SOCKET ?? '/run/prol2tp/prol2tpd.sock')
  .option(
    '--state <dir>',
    'what outlives the daemon: who had which address, and accounting that no server has taken yet',
    '/var/lib/prol2tp',
  )
  .addOption(new Option('--log-level <level>', 'what is logged').choices(logLevels).default('info'))
  .option('--syslog <server>', 'also send the log to this address[:port], as RFC 5424 over UDP', (text) => {
    try {
      return parseSyslogServer(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  })
  .parse()
  .opts<Options>();

const stdout = pino.destination(1);
const log = pino(
  {
    level: logLevel,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  },
  new LogDestination((line) => stdout.write(line), { journal: isJournal(1), syslog }),
);
const events = new EventLog();

const hooks = new HookRunner(({ job: { kind, name, event }, reason }) =>
  failed(kind, name, 'HookFailed', `${event}: ${reason}`),
);
const plugins = new Plugins({
  log: (plugin, message) => log.info({ plugin }, message),
  onFailure: (plugin, message) => failed('System', undefined, 'PluginFailed', `plugin ${plugin}: ${message}`),
});
const clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (delayMs: number, callback: () => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const transport = new SocketTransport();
const aaa: Subscribers = new Subscribers({
  stateDirectory: state,
  radius: new Radius({
    stateDirectory: state,
    clock,
    events: {
      disconnect: (session, cause, message) => host.disconnect(session, cause, message),
      change: (session, limits) => host.change(session, limits),
    },
    onFailure: (message) => failed('System', undefined, 'RadiusFailed', message),
  }),
  plugins,
  onFailure: (message) => failed('System', undefined, 'StateFailed', message),
});
const plane = new UserspacePlane(transport, {
  frame: (session, bytes, start, end) => host.frame(session, bytes, start, end),
  framesDropped: (session, frames) => host.framesDropped(session, frames),
  discovery: (name, peer, bytes, start, end) => host.discovery(name, peer, bytes, start, end),
  pppoeServed: (name, failure) => host.pppoeServed(name, failure),
  circuit: (session, status) => host.circuit(session, status),
  drift,
});
const host: Host = new Host(
  { ...gatewayOf({}, hostname()), peers: [], pppoeServers: [] },
  {
    transport,
    plane,
    aaa,
    chooseForward: (request, answer) => plugins.chooseForward(request, answer),
    onNotice,
    // Declared traces are wanted, whatever else is logged.
    onTrace: traceLog(log.child({}, { level: 'trace' }), () => performance.now()),
    knows: plugins.knows,
  },
);
transport.onDatagram((datagram) => host.datagram(datagram));

const reconciler = new Reconciler({
  live: new LiveSystem(host, plane, aaa, { configure: (spec) => system.configure(spec) }),
  clock,
  random: Math.random,
  onEvent: onStep,
});
const source = new FilesSource(config, onSnapshot);
const liveSource: LiveSource = new LiveSource({
  reconciler,
  engine: host.engine,
  plane,
  aaa,
  events,
  plugins,
  read: loadTexts,
});
const metrics = new MetricsServer(liveSource);
const system: System = new System({ engine: host.engine, hooks, plugins, source: liveSource, metrics });
const api = new ApiServer({ socketPath: socket, source: liveSource, onRequest: (text) => trace('api', text) });

/** The engine noticed something. What peers do is logged only when asked for: there may be thousands a second. */
function onNotice(notice: Notice): void {
  events.append(eventOf(notice));
  const { subject, name, event, message, declared } = notice;
  log[declared ? 'info' : 'debug']({ [subject]: name, event }, message);
  if (declared) reconciler.wake();
  system.notice(notice);
}

function failed(kind: string, name: string | undefined, reason: string, message: string): void {
  events.append({ kind, name, reason, message });
  log.warn({ [kind.toLowerCase()]: name }, message);
  trace('system', message);
}

function trace(category: TraceCategory, message: string): void {
  const { tracing } = host.engine;
  if (tracing.traces(category)) tracing.system({ category, message });
}

/** Somebody changed a device of ours. */
function drift(device: string, what: string): void {
  events.append({ kind: 'Device', name: device, reason: 'Drift', message: what });
  log.warn({ device }, `drift: ${what}`);
  reconciler.wake();
}

function onStep(step: ReconcilerEvent): void {
  events.append(eventOfStep(step));
  trace('api', `${step.outcome} ${step.what} ${step.object}: ${step.message}`);
  log[step.outcome === 'taken' ? 'info' : 'warn']({ object: step.object, action: step.what }, step.message);
}

let lastErrors = '';

function onSnapshot(snapshot: Snapshot): void {
  reconciler.setSnapshot(snapshot);
  const errors = reconciler.errors.map(String);
  if (errors.join('\n') === lastErrors) return;
  lastErrors = errors.join('\n');
  for (const error of errors) log.error(error);
  if (errors.length === 0) log.info('every document is valid');
}

let stopping = false;

/** Says goodbye to every peer, removes every device, and ends. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info(`${signal}: closing all tunnels`);
  await source.stop();
  await reconciler.stop();
  await host.shutdown();
  await aaa.close();
  await hooks.settled(lastHooksMs);
  await plane.close();
  await api.stop();
  await metrics.configure(undefined);
  transport.closeAll();
  // A look-up that hangs would keep the process.
  process.exit();
}

try {
  // First: a daemon that already runs here is refused before anything of its own is touched.
  await api.start();
  for (const name of plane.sweep()) log.warn({ device: name }, 'removed a device that an earlier run left behind');
  aaa.open();
  await source.start();
} catch (error) {
  log.fatal(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('SIGHUP', () => void source.reload());
log.info({ config, socket }, 'ready');
