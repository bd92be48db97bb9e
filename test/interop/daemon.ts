import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type {
  ApiEvent,
  DeclarationErrors,
  EventList,
  GatewayObject,
  ObjectList,
  SessionObject,
  TunnelObject,
} from '../../src/api/types.ts';
import type { Namespace } from '../netns/lab.ts';
import type { Exit, Process } from '../netns/process.ts';
import { Hopeless, until } from '../netns/until.ts';

const readyWithinMs = 60_000;
const program = fileURLToPath(new URL('../../dist/prol2tpd.js', import.meta.url));

/** Our daemon in a namespace, with a directory of declarations and a control socket of its own. */
export class Daemon {
  readonly namespace: Namespace;
  /** What is declared: one file or more, edited while it runs. */
  readonly directory: string;
  /** The control socket. */
  readonly socket: string;
  #process: Process | undefined;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
    this.directory = join(namespace.lab.directory, `${namespace.name}-prol2tp`);
    this.socket = join(namespace.lab.directory, `${namespace.name}.sock`);
  }

  /** Declares: replaces the file as editors do, by a rename. */
  async declare(file: string, ...documents: string[]): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const draft = join(this.directory, `.${file}.draft`);
    await writeFile(draft, documents.join('---\n'), { mode: 0o600 });
    await rename(draft, join(this.directory, file));
  }

  async withdraw(file: string): Promise<void> {
    await rm(join(this.directory, file));
  }

  /** Resolves when the control socket answers. */
  async start(): Promise<void> {
    if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
    await mkdir(this.directory, { recursive: true });
    const args = [program, '--config', this.directory, '--socket', this.socket, '--state', `${this.directory}.state`];
    const started = this.namespace.spawn(process.execPath, args);
    this.#process = started;
    await until('the control socket', async () => {
      if (!started.running) throw new Hopeless(`prol2tpd ended:\n${started.output}`);
      return (await this.ask('/v1/healthz')) !== undefined;
    });
  }

  get process(): Process {
    if (this.#process === undefined) throw new Error('prol2tpd was not started');
    return this.#process;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    return await this.process.stop(signal, 20_000);
  }

  /** What the control socket answers to a GET; undefined when there is no such object. */
  async ask<T>(path: string): Promise<T | undefined> {
    const { status, text } = await get(this.socket, path);
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  async tunnel(name: string): Promise<TunnelObject | undefined> {
    return await this.ask(`/v1/tunnels/${name}`);
  }

  async session(name: string): Promise<SessionObject | undefined> {
    return await this.ask(`/v1/sessions/${name}`);
  }

  async tunnels(): Promise<TunnelObject[]> {
    return (await this.ask<ObjectList<TunnelObject>>('/v1/tunnels'))?.items ?? [];
  }

  async sessions(): Promise<SessionObject[]> {
    return (await this.ask<ObjectList<SessionObject>>('/v1/sessions'))?.items ?? [];
  }

  async gateway(): Promise<GatewayObject | undefined> {
    return await this.ask('/v1/gateway');
  }

  async events(): Promise<ApiEvent[]> {
    return (await this.ask<EventList>('/v1/events?last=1000'))?.events ?? [];
  }

  /** Waits for an event. */
  async saysEvent(wanted: { kind: string; name: string; message: RegExp }): Promise<ApiEvent> {
    const { kind, name, message } = wanted;
    return await until(`event ${kind}/${name} ${message}`, async () =>
      (await this.events()).find((event) => event.kind === kind && event.name === name && message.test(event.message)),
    );
  }

  async errors(): Promise<DeclarationErrors['errors']> {
    return (await this.ask<DeclarationErrors>('/v1/errors'))?.errors ?? [];
  }

  /** Waits for a declared tunnel's Ready. */
  async tunnelReady(name: string): Promise<TunnelObject> {
    return await this.#ready(`tunnel ${name}`, () => this.tunnel(name));
  }

  /** Waits for a declared session's Ready: PPP is open. */
  async sessionReady(name: string): Promise<SessionObject> {
    return await this.#ready(`session ${name}`, () => this.session(name));
  }

  /** Waits until a peer's call is established and its PPP is open, and gives it. */
  async acceptedSessionReady(): Promise<SessionObject> {
    const accepted = async () => (await this.sessions()).find(({ status }) => status.direction === 'accepted');
    return await this.#ready('an accepted session', accepted);
  }

  async #ready<T extends TunnelObject | SessionObject>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
    let last: T | undefined;
    const ready = async () => {
      last = await probe();
      return last !== undefined && isTrue(last, 'Ready') && last;
    };
    return await until(`${what} to be ready`, ready, readyWithinMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(last, undefined, 1)}\n${this.process.output.slice(-6000)}`);
    });
  }

  async residentOctets(): Promise<number> {
    const status = await readFile(`/proc/${this.process.pid}/status`, 'utf8');
    const kibibytes = status.match(/VmRSS:\s+(\d+) kB/)?.[1];
    if (kibibytes === undefined) throw new Error('no VmRSS: prol2tpd is gone');
    return Number(kibibytes) * 1024;
  }
}

export function isTrue(object: TunnelObject | SessionObject, condition: string): boolean {
  return object.status.conditions.some(({ type, status }) => type === condition && status === 'True');
}

/** The address of the session's far end. @throws Error when PPP has not agreed on one. */
export function farAddress(session: SessionObject): string {
  const address = session.status.ppp?.remoteAddress;
  if (address === undefined) throw new Error(`session ${session.metadata.name} has no far address`);
  return address;
}

function get(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end();
  });
}
