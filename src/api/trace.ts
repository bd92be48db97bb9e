/** Live traces over the control socket: lines, or a capture, until the client goes. */
import type { ServerResponse } from 'node:http';
import { type TraceCategory, type TraceRecord, type TraceScope, traceCategories } from '../engine/trace.ts';
import { ipPacket } from '../trace/packet.ts';
import { capturedPacket, captureHeader, captureStatistics } from '../trace/pcapng.ts';
import { ApiError } from './answers.ts';
import { acceptedName } from './names.ts';
import type { ApiSource } from './source.ts';
import type { DroppedNote, TraceLine } from './types.ts';

/** Traces that may be watched at once: each costs something for every record. */
const MAX_WATCHERS = 16;
let watchers = 0;

type Watch = (scope: TraceScope, take: (record: TraceRecord) => void) => () => void;

/** Writes no faster than the client reads; what comes meanwhile is counted. */
class Stream {
  readonly #response: ServerResponse;
  #flowing = true;
  #dropped = 0;
  written = 0;
  lost = 0;

  /** @param note how the client is told what is missing */
  constructor(response: ServerResponse, type: string, note: (dropped: number, stream: Stream) => string | Buffer) {
    this.#response = response;
    response.writeHead(200, { 'content-type': type });
    response.flushHeaders();
    response.on('drain', () => {
      this.#flowing = true;
      const dropped = this.#dropped;
      this.#dropped = 0;
      if (dropped > 0 && !response.writableEnded) this.put(note(dropped, this));
    });
  }

  put(piece: string | Buffer): void {
    this.#flowing = this.#response.write(piece);
  }

  /** `make` is called only when the client reads. */
  offer(make: () => string | Buffer): void {
    if (this.#flowing) {
      this.written++;
      this.put(make());
    } else {
      this.#dropped++;
      this.lost++;
    }
  }
}

/**
 * One JSON object a line, or pcapng, until the client goes or `maxPackets` packets are captured; without a maximum lines.
 * @throws ApiError
 */
export function followTrace(
  response: ServerResponse,
  watch: Watch,
  scope: TraceScope,
  maxPackets: number | undefined,
): void {
  if (watchers >= MAX_WATCHERS) throw new ApiError(503, `${MAX_WATCHERS} traces are being watched already`);
  watchers++;
  const unwatch =
    maxPackets === undefined ? linesTo(response, watch, scope) : captureTo(response, watch, scope, maxPackets);
  response.on('close', () => {
    watchers--;
    unwatch();
  });
}

function linesTo(response: ServerResponse, watch: Watch, scope: TraceScope): () => void {
  const text = (line: TraceLine | DroppedNote) => `${JSON.stringify(line)}\n`;
  const stream = new Stream(response, 'application/x-ndjson', (dropped) => text({ dropped }));
  return watch(scope, (record) => stream.offer(() => text(lineOf(record))));
}

function captureTo(response: ServerResponse, watch: Watch, scope: TraceScope, max: number): () => void {
  const statistics = ({ written, lost }: Stream) => captureStatistics(Date.now(), written + lost, lost);
  const stream = new Stream(response, 'application/x-pcapng', (_dropped, whole) => statistics(whole));
  stream.put(captureHeader('prol2tpd'));
  return watch({ ...scope, categories: ['transport'] }, ({ packet }) => {
    if (!packet || stream.written >= max) return;
    stream.offer(() => capturedPacket(ipPacket(packet), packet.direction, Date.now(), packet.describe()));
    if (stream.written >= max) response.end(statistics(stream));
  });
}

function lineOf({ category, tunnel, session, message, error, fields }: TraceRecord): TraceLine {
  return {
    time: new Date().toISOString(),
    category,
    tunnel: tunnel?.startsWith('#') ? acceptedName(Number(tunnel.slice(1))) : tunnel,
    session: session && sessionName(session),
    message,
    error,
    fields,
  };
}

function sessionName(title: string): string {
  const ids = /^(\d+)\/(\d+)$/.exec(title);
  return ids ? acceptedName(Number(ids[1]), Number(ids[2])) : title;
}

/** What is to be traced, from the words of a request. @throws ApiError */
export function scopeOf(
  source: ApiSource,
  kind: string,
  name: string | undefined,
  categories: string | null,
): TraceScope {
  const wanted = categoriesOf(categories);
  switch (kind) {
    case 'system':
      return { categories: wanted };
    case 'tunnel':
      return { tunnel: tunnelTitle(source, name ?? ''), categories: wanted };
    case 'session':
      return { session: sessionTitle(source, name ?? ''), categories: wanted };
    default:
      throw new ApiError(404, `${kind} cannot be traced; tunnel, session and system can`);
  }
}

function categoriesOf(text: string | null): readonly TraceCategory[] {
  if (text === null) return traceCategories;
  return text.split(',').map((word) => {
    const category = traceCategories.find((each) => each === word);
    if (!category) throw new ApiError(400, `there is no category ${word}; there are: ${traceCategories.join(', ')}`);
    return category;
  });
}

function tunnelTitle(source: ApiSource, name: string): string {
  if (isDeclared(source, 'Tunnel', name)) return name;
  const ids = /^(?:accepted-)?(\d+)$/.exec(name);
  if (ids) return `#${ids[1]}`;
  throw new ApiError(404, `tunnel ${name} is not declared, and accepted tunnels are called accepted-TUNNELID`);
}

function sessionTitle(source: ApiSource, name: string): string {
  if (isDeclared(source, 'Session', name)) return name;
  const ids = /^(?:accepted-)?(\d+)-(\d+)$/.exec(name);
  if (ids) return `${ids[1]}/${ids[2]}`;
  throw new ApiError(404, `session ${name} is not declared, and accepted ones are called accepted-TUNNELID-SESSIONID`);
}

/** It need not be there now: what does not come up is what one wants to trace. */
function isDeclared(source: ApiSource, kind: 'Tunnel' | 'Session', name: string): boolean {
  for (const own of source.declared(kind)) if (own.name === name) return true;
  return false;
}
