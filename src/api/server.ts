import { chmod, chown, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { ApiError, answerJson } from './answers.ts';
import { dispatch } from './routes.ts';
import type { ApiSource } from './source.ts';
import type { ApiFailure } from './types.ts';

/** How many clients may be connected at once; further ones are turned away. */
const MAX_CONNECTIONS = 64;

export interface ApiServerOptions {
  socketPath: string;
  source: ApiSource;
  /** A group whose members may use the socket too; absent: its owner only. */
  gid?: number;
  /** Every request, for traces. */
  onRequest?: (text: string) => void;
}

/** The control socket: HTTP and JSON on a unix socket that only its owner (and group) can open. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #server: Server;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * Creates the socket, and its directory where there is none. The socket of a dead daemon is replaced.
   * @throws Error when a live daemon has the socket, something else is in its place, or the system refuses
   */
  async start(): Promise<void> {
    const { socketPath, gid } = this.#options;
    await mkdir(dirname(socketPath), { recursive: true, mode: 0o755 });
    await removeStale(socketPath);
    await this.#listen(socketPath);
    if (gid === undefined) return;
    await chown(socketPath, process.getuid?.() ?? 0, gid);
    await chmod(socketPath, 0o660);
  }

  #listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // The socket file is made during the call, so nobody can open it before its mode is right.
      const before = process.umask(0o177);
      try {
        this.#server.listen(socketPath, () => {
          this.#server.off('error', reject);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
  }

  /** Ends every connection, followers too, and removes the socket. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#options.onRequest?.(`${request.method} ${request.url}`);
    try {
      await dispatch(this.#options.source, request, response);
    } catch (error) {
      // In the middle of an answer there is no other way to say that it is not whole.
      if (response.headersSent) return void response.destroy();
      const status = error instanceof ApiError ? error.status : 500;
      const failure: ApiFailure = { error: error instanceof Error ? error.message : String(error) };
      answerJson(response, status, failure);
    }
  }
}

async function removeStale(socketPath: string): Promise<void> {
  const there = await lstat(socketPath).catch(() => undefined);
  if (!there) return;
  if (!there.isSocket()) throw new Error(`${socketPath} is in the way: it is not a socket`);
  if (await answers(socketPath)) throw new Error(`another prol2tpd is running: it answers on ${socketPath}`);
  await unlink(socketPath);
}

/** Only a refused connection shows that nobody listens. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    const done = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.on('connect', () => done(true));
    probe.on('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}
