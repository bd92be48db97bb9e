/**
 * A LAC and an LNS on two hosts made of network namespaces, from examples/quickstart: shows the call come up, pings
 * through it both ways, then stays until Ctrl-C. `--once` ends after the pings; the exit status tells how they went.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import pc from 'picocolors';
import type { ObjectList, SessionObject } from '../src/api/types.ts';
import { Lab, type Namespace } from '../test/netns/lab.ts';
import type { Process } from '../test/netns/process.ts';
import { Hopeless, until } from '../test/netns/until.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const daemonProgram = join(root, 'dist/prol2tpd.js');
const cliProgram = join(root, 'dist/prol2tp.js');
const readyWithinMs = 30_000;

/** Set in the run inside the namespaces of an ordinary user. */
const ownRunMark = 'PROL2TP_QUICKSTART_OWN_RUN';
const ownRun = process.env[ownRunMark] !== undefined;

interface Host {
  label: string;
  namespace: Namespace;
  daemon: Process;
  configuration: string;
  socket: string;
}

/** What is on the terminal now: a frame replaces the one before, or follows it where nothing can be replaced. */
class Screen {
  #lines = 0;
  #text = '';

  show(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    if (process.stdout.isTTY && this.#lines > 0) process.stdout.write(`\x1b[${this.#lines}A\x1b[J`);
    process.stdout.write(`${text}\n`);
    this.#lines = text.split('\n').length;
  }
}

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

async function startHost(lab: Lab, namespace: Namespace, label: string): Promise<Host> {
  const configuration = join('examples/quickstart', label);
  const socket = join(lab.directory, `${label}.sock`);
  const state = join(lab.directory, `${label}.state`);
  const args = [daemonProgram, '--config', configuration, '--socket', socket, '--state', state];
  const daemon = namespace.spawn(process.execPath, args, { cwd: root });
  return { label, namespace, daemon, configuration, socket };
}

async function ask(host: Host, ...args: string[]): Promise<string> {
  if (!host.daemon.running) throw new Hopeless(`the ${host.label.toUpperCase()}'s daemon ended`);
  const colours = pc.isColorSupported ? { FORCE_COLOR: '1' } : {};
  const result = await execa(process.execPath, [cliProgram, '--socket', host.socket, ...args], { env: colours });
  return result.stdout;
}

async function readySession(host: Host): Promise<SessionObject | undefined> {
  const { items }: ObjectList<SessionObject> = JSON.parse(await ask(host, 'get', 'sessions', '-o', 'json'));
  return items.find(({ status }) =>
    status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
}

async function table(hosts: readonly Host[]): Promise<string> {
  const parts = await Promise.all(
    hosts.map(async (host) => {
      const tables = [await ask(host, 'get', 'tunnels'), await ask(host, 'get', 'sessions')];
      return [pc.bold(host.label.toUpperCase()), ...tables].join('\n');
    }),
  );
  return `\n${parts.join('\n\n')}`;
}

async function ping(from: Host, to: string): Promise<boolean> {
  say(pc.bold(`\n${from.label.toUpperCase()}: ping ${to}`));
  const { ok, output } = await from.namespace.attempt('ping', '-c', '3', '-i', '0.2', '-W', '2', to);
  say(output);
  return ok;
}

function farAddress(session: SessionObject): string {
  const address = session.status.ppp?.remoteAddress;
  if (address === undefined) throw new Error(`session ${session.metadata.name} has no IPv4 address`);
  return address;
}

function sayHowToLookFurther(lac: Host, lns: Host, session: string): void {
  const cli = (host: Host, rest: string) => `  node dist/prol2tp.js --socket ${host.socket} ${rest}`;
  say(pc.bold('\nLook further, in another terminal here:'));
  for (const host of [lac, lns]) say(cli(host, 'get sessions -o wide'));
  say(cli(lac, `describe session ${session}`));
  say(cli(lac, 'get events -w'));
  // Names made under a /run of our own are not seen elsewhere.
  const enter = ownRun
    ? `nsenter -t ${lac.daemon.pid} -U -n --preserve-credentials`
    : `ip netns exec ${lac.namespace.name}`;
  say(`  ${enter} ip address`);
  say(`Edit the files in ${lac.configuration} or ${lns.configuration}: the daemons follow. Ctrl-C ends everything.`);
}

interface Demonstration {
  /** Whether both pings went through. */
  ok: boolean;
  lac: Host;
  lns: Host;
  /** The call's name at the LAC. */
  session: string;
}

async function demonstrate(lab: Lab): Promise<Demonstration> {
  const wire = 'wire';
  const lacSide = await lab.namespace('lac');
  const lnsSide = await lab.namespace('lns');
  await lab.link(lacSide, { device: wire, addresses: ['192.0.2.1/24'] }, lnsSide, {
    device: wire,
    addresses: ['192.0.2.2/24'],
  });
  const lns = await startHost(lab, lnsSide, 'lns');
  const lac = await startHost(lab, lacSide, 'lac');

  const screen = new Screen();
  const whenTold = process.stdout.isTTY ? table : async () => pc.dim('waiting for the call');
  const [atLac, atLns] = await until(
    'the call',
    async () => {
      const sessions = [await readySession(lac), await readySession(lns)];
      screen.show(await whenTold([lac, lns]));
      const [atLac, atLns] = sessions;
      return atLac && atLns && ([atLac, atLns] as const);
    },
    readyWithinMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n\nLAC:\n${lac.daemon.output}\nLNS:\n${lns.daemon.output}`);
  });
  screen.show(await table([lac, lns]));
  const there = await ping(lac, farAddress(atLac));
  const back = await ping(lns, farAddress(atLns));
  return { ok: there && back, lac, lns, session: atLac.metadata.name };
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function run(): Promise<number> {
  const lab = await Lab.open();
  const end = interrupted();
  try {
    const result = await Promise.race([demonstrate(lab), end]);
    if (result === undefined) return 130;
    say(result.ok ? pc.green('\nThe call carries packets both ways.') : pc.red('\nThe call does not carry packets.'));
    if (!process.argv.includes('--once')) {
      sayHowToLookFurther(result.lac, result.lns, result.session);
      await end;
    }
    return result.ok ? 0 : 1;
  } finally {
    await lab.close();
  }
}

/** An ordinary user becomes root of namespaces of its own; `ip netns` keeps its names in a /run of its own. */
async function runUnprivileged(): Promise<number> {
  const possible = await execa('unshare', ['-rnm', 'true'], { reject: false });
  if (possible.exitCode !== 0) {
    say(`This system does not let ordinary users make namespaces (${possible.stderr}).`);
    say('Try: sudo npm run quickstart');
    return 1;
  }
  try {
    await access('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    say('/dev/net/tun is missing, or not open to ordinary users here. Try: sudo npm run quickstart');
    return 1;
  }
  process.on('SIGINT', () => say());
  const inside = `mount -t tmpfs tmpfs /run && ${ownRunMark}=1 exec "$@"`;
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const result = await execa('unshare', ['-rnm', 'sh', '-c', inside, 'sh', ...again], {
    stdio: 'inherit',
    reject: false,
  });
  return result.exitCode ?? 1;
}

try {
  process.exitCode = process.getuid?.() === 0 ? await run() : await runUnprivileged();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
