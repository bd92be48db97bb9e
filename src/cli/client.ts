import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ApiFailure } from '../api/types.ts';
import { CliError } from './errors.ts';

/** Asks the daemon. */
export class ApiClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws CliError with the daemon's words, or why it cannot be asked */
  get<Answer>(path: string): Promise<Answer> {
    return this.#json('GET', path);
  }

  /** @throws CliError */
  post<Answer>(path: string, body: object): Promise<Answer> {
    return this.#json('POST', path, JSON.stringify(body));
  }

  /**
   * The objects of a stream, one a line, until the daemon ends it or the signal comes.
   * @throws CliError
   */
  async *follow<Line>(path: string, signal?: AbortSignal): AsyncGenerator<Line> {
    const response = await this.#ask('GET', path, undefined, signal);
    if (response.statusCode !== 200) throw await failure(response);
    let rest = '';
    try {
      for await (const chunk of response.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as Line;
      }
    } catch (error) {
      if (!signal?.aborted) throw new CliError(`prol2tpd ended the stream: ${reasonOf(error)}`);
    }
  }

  /**
   * The octets of a stream, until the daemon ends it or the signal comes.
   * @throws CliError
   */
  async octets(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const response = await this.#ask('GET', path, undefined, signal);
    if (response.statusCode !== 200) throw await failure(response);
    return untilAborted(response, signal);
  }

  async #json<Answer>(method: string, path: string, body?: string): Promise<Answer> {
    const response = await this.#ask(method, path, body);
    if (response.statusCode !== 200) throw await failure(response);
    return JSON.parse(await text(response)) as Answer;
  }

  #ask(method: string, path: string, body?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socketPath, path, method, signal, agent: false }, resolve);
      asked.on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)));
      asked.end(body);
    });
  }

  #unreachable(error: NodeJS.ErrnoException): CliError {
    switch (error.code) {
      case 'ENOENT':
      case 'ECONNREFUSED':
        return new CliError(
          `prol2tpd does not answer on ${this.#socketPath}: is it running? (--socket or PROL2TP_SOCKET name another socket)`,
        );
      case 'EACCES':
        return new CliError(`no permission to open ${this.#socketPath}: try as root or as a member of its group`);
      default:
        return new CliError(`cannot ask prol2tpd on ${this.#socketPath}: ${error.message}`);
    }
  }
}

async function failure(response: IncomingMessage): Promise<CliError> {
  const body = await text(response);
  try {
    return new CliError((JSON.parse(body) as ApiFailure).error);
  } catch {
    return new CliError(`prol2tpd answered ${response.statusCode}: ${body}`);
  }
}

async function* untilAborted(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk;
  } catch (error) {
    if (!signal.aborted) throw new CliError(`prol2tpd ended the stream: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
