import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Endpoint } from '../engine/spec.ts';
import { metricsText, metricsType } from './metrics.ts';
import type { ApiSource } from './source.ts';

/** How many may be connected at once; further ones are turned away. */
const maxConnections = 16;
/** How long a client may take for its request, and stay without one. */
const requestTimeoutMs = 5_000;

/** GET /metrics over TCP, for a Prometheus that cannot reach the control socket. Nothing else is told there. */
export class MetricsServer {
  readonly #source: ApiSource;
  #server: Server | undefined;
  #spec: Endpoint | undefined;
  /** Those who ask at one time are told the same. */
  #counting: Promise<string> | undefined;

  constructor(source: ApiSource) {
    this.#source = source;
  }

  /**
   * Listens there, and no longer where it did before; undefined: nowhere.
   * @throws Error when the system refuses; then it listens nowhere
   */
  async configure(spec: Endpoint | undefined): Promise<void> {
    if (this.#server && this.#spec?.address === spec?.address && this.#spec?.port === spec?.port) return;
    await this.#stop();
    if (spec) await this.#listen(spec);
  }

  #listen(spec: Endpoint): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.maxConnections = maxConnections;
    server.requestTimeout = requestTimeoutMs;
    server.headersTimeout = requestTimeoutMs;
    server.keepAliveTimeout = requestTimeoutMs;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(new Error(`metrics at ${spec.address} port ${spec.port}: ${error.code ?? error.message}`)),
      );
      server.listen(spec.port, spec.address, () => {
        server.removeAllListeners('error');
        // A connection that cannot be taken is the client's trouble.
        server.on('error', () => undefined);
        this.#server = server;
        this.#spec = spec;
        resolve();
      });
    });
  }

  #stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url?.split('?')[0] !== '/metrics') return void response.writeHead(404).end('there is only /metrics\n');
    if (method !== 'GET') return void response.writeHead(405, { allow: 'GET' }).end();
    try {
      this.#counting ??= metricsText(this.#source).finally(() => {
        this.#counting = undefined;
      });
      const text = await this.#counting;
      response.writeHead(200, { 'content-type': metricsType }).end(text);
    } catch (error) {
      response.writeHead(500).end(`${error instanceof Error ? error.message : error}\n`);
    }
  }
}
