/** Ways to answer a request that keep memory and the event loop's time bounded. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventLog } from './events.ts';
import type { ApiEvent, DroppedNote } from './types.ts';

/** The largest request body, in octets. */
const MAX_BODY_OCTETS = 8 * 1024 * 1024;
/** How many objects are built before other work of the daemon has its turn. */
const SLICE_OBJECTS = 256;

/** A failure that the client is told, with its HTTP status. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

export function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** @throws ApiError 413 or 400 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let octets = 0;
  for await (const chunk of request) {
    octets += chunk.length;
    // The rest is read and thrown away: a client that is still sending would not see the answer.
    if (octets <= MAX_BODY_OCTETS) chunks.push(chunk);
  }
  if (octets > MAX_BODY_OCTETS) throw new ApiError(413, `the body is larger than ${MAX_BODY_OCTETS} octets`);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new ApiError(400, `the body is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** The items in slices, with a turn of the event loop between them. */
export async function* inSlices<Item>(items: Iterable<Item>): AsyncGenerator<Item[]> {
  let slice: Item[] = [];
  for (const item of items) {
    slice.push(item);
    if (slice.length < SLICE_OBJECTS) continue;
    yield slice;
    slice = [];
    await nextTurn();
  }
  yield slice;
}

/** An ObjectList, written as it is built and no faster than the client reads. */
export async function answerList(response: ServerResponse, items: Iterable<object>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"apiVersion":"v1","kind":"List","items":[');
  let separator = '';
  for await (const slice of inSlices(items)) {
    if (slice.length === 0) continue;
    const flowing = response.write(separator + slice.map((item) => JSON.stringify(item)).join(','));
    separator = ',';
    if (!flowing) await drained(response);
    if (response.destroyed) return;
  }
  response.end(']}\n');
}

/** Resolves when the client has read on or has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/**
 * The newest `count` events and then every later one, a line each, until the client goes. What comes while the client
 * does not read is dropped, and a line says how much was.
 */
export function followEvents(
  response: ServerResponse,
  log: EventLog,
  count: number,
  wanted: (event: ApiEvent) => boolean,
): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  let flowing = true;
  let dropped = 0;
  const write = (line: ApiEvent | DroppedNote) => {
    flowing = response.write(`${JSON.stringify(line)}\n`);
  };
  for (const event of log.last(count, wanted)) write(event);
  const unfollow = log.follow((event) => {
    if (!wanted(event)) return;
    if (flowing) write(event);
    else dropped++;
  });
  response.on('drain', () => {
    flowing = true;
    const note = { dropped };
    dropped = 0;
    if (note.dropped > 0) write(note);
  });
  response.on('close', unfollow);
}
