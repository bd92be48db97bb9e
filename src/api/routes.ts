import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SpecError } from '../engine/errors.ts';
import { ApiError, answerJson, answerList, followEvents, inSlices, readJson } from './answers.ts';
import { metricsText, metricsType } from './metrics.ts';
import {
  gatewayObject,
  poolObjects,
  pppoeServerObjects,
  pppoeSessions,
  sessionObjects,
  tunnelObjects,
} from './objects.ts';
import type { ApiSource } from './source.ts';
import { followTrace, scopeOf } from './trace.ts';
import type {
  ApiEvent,
  ApiObject,
  DeclarationError,
  DeclarationErrors,
  EventList,
  Health,
  PlanRequest,
  PlanResult,
} from './types.ts';

/** How many names a "not found" answer lists. */
const MAX_NAMES_LISTED = 20;
/** How many events are given when the request does not say. */
const DEFAULT_EVENTS = 100;
/** How many packets a capture has when the request does not say. */
const MAX_PACKETS = 100_000;

interface Call {
  source: ApiSource;
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  /** What stood where the route's path has capitals. */
  names: string[];
}

interface Route {
  method: 'GET' | 'POST';
  /** Parts in capitals take any text. */
  path: string;
  answer(call: Call): void | Promise<void>;
}

const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/healthz',
    answer: ({ response }) => answerJson(response, 200, { status: 'ok' } as Health),
  },
  { method: 'GET', path: '/v1/tunnels', answer: ({ response, source }) => answerList(response, tunnelObjects(source)) },
  { method: 'GET', path: '/v1/tunnels/NAME', answer: (call) => answerOne(call, 'tunnel', tunnelObjects(call.source)) },
  { method: 'GET', path: '/v1/sessions', answer: listSessions },
  {
    method: 'GET',
    path: '/v1/sessions/NAME',
    answer: (call) => answerOne(call, 'session', sessionObjects(call.source)),
  },
  {
    method: 'GET',
    path: '/v1/gateway',
    answer: ({ response, source }) => answerJson(response, 200, gatewayObject(source)),
  },
  { method: 'GET', path: '/v1/pools', answer: ({ response, source }) => answerList(response, poolObjects(source)) },
  { method: 'GET', path: '/v1/pools/NAME', answer: (call) => answerOne(call, 'pool', poolObjects(call.source)) },
  {
    method: 'GET',
    path: '/v1/pppoeservers',
    answer: ({ response, source }) => answerList(response, pppoeServerObjects(source)),
  },
  {
    method: 'GET',
    path: '/v1/pppoeservers/NAME',
    answer: (call) => answerOne(call, 'pppoeserver', pppoeServerObjects(call.source)),
  },
  { method: 'GET', path: '/v1/pppoesessions', answer: listPppoeSessions },
  { method: 'GET', path: '/v1/errors', answer: listErrors },
  { method: 'GET', path: '/v1/events', answer: listEvents },
  { method: 'GET', path: '/v1/trace/KIND', answer: trace },
  { method: 'GET', path: '/v1/trace/KIND/NAME', answer: trace },
  { method: 'GET', path: '/v1/explain/KIND/NAME', answer: explain },
  { method: 'POST', path: '/v1/plan', answer: plan },
  { method: 'GET', path: '/metrics', answer: metrics },
];

/** @throws ApiError */
export async function dispatch(source: ApiSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = parseUrl(request.url ?? '/');
  const parts = pathname.split('/');
  const there = routes.filter((route) => matches(route, parts));
  if (there.length === 0) {
    throw new ApiError(404, `there is no ${pathname}; there are: ${routes.map(({ path }) => path).join(', ')}`);
  }
  const route = there.find(({ method }) => method === request.method);
  if (!route) throw new ApiError(405, `${pathname} takes ${there.map(({ method }) => method).join(' or ')} only`);
  const names = parts.filter((_, i) => isVariable(route.path.split('/')[i])).map(decode);
  await route.answer({ source, request, response, query, names });
}

function parseUrl(url: string): URL {
  try {
    return new URL(url, 'http://localhost');
  } catch {
    throw new ApiError(400, `${url} is not a path`);
  }
}

function matches(route: Route, parts: string[]): boolean {
  const wanted = route.path.split('/');
  return wanted.length === parts.length && wanted.every((part, i) => isVariable(part) || part === parts[i]);
}

function isVariable(part: string): boolean {
  return /^[A-Z]+$/.test(part);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ApiError(400, `${part} is not a name`);
  }
}

/** The object of that name, or the accepted one with that local id (`1234`, sessions `1234-56`). */
async function answerOne({ response, names: [name] }: Call, kind: string, objects: Iterable<ApiObject>): Promise<void> {
  const there: string[] = [];
  let byId: ApiObject | undefined;
  for await (const slice of inSlices(objects)) {
    for (const candidate of slice) {
      if (candidate.metadata.name === name) return answerJson(response, 200, candidate);
      if (candidate.metadata.name === `accepted-${name}`) byId = candidate;
      if (there.length <= MAX_NAMES_LISTED) there.push(candidate.metadata.name);
    }
  }
  if (byId) return answerJson(response, 200, byId);
  const more = there.length > MAX_NAMES_LISTED ? ' and more' : '';
  const list =
    there.length === 0 ? 'there is none' : `there are: ${there.slice(0, MAX_NAMES_LISTED).join(', ')}${more}`;
  throw new ApiError(404, `${kind} ${name} does not exist; ${list}`);
}

function listSessions({ response, source, query }: Call): Promise<void> {
  const tunnel = query.get('tunnel');
  return answerList(
    response,
    within(sessionObjects(source), (session) => !tunnel || session.status.tunnel === tunnel),
  );
}

function listPppoeSessions({ response, source, query }: Call): Promise<void> {
  const wanted = query.get('server');
  return answerList(
    response,
    within(pppoeSessions(source), ({ server }) => !wanted || server === wanted),
  );
}

function* within<Item>(items: Iterable<Item>, wanted: (item: Item) => boolean): Generator<Item> {
  for (const item of items) if (wanted(item)) yield item;
}

function listErrors({ response, source }: Call): void {
  answerJson(response, 200, { errors: source.errors().map(declarationError) } as DeclarationErrors);
}

function listEvents({ response, source: { events }, query }: Call): void {
  const last = query.get('last');
  const count = last === null ? DEFAULT_EVENTS : Number(last);
  if (!Number.isInteger(count) || count < 0) throw new ApiError(400, `last=${last} is not a whole number`);
  const kind = query.get('kind');
  const name = query.get('name');
  const wanted = (event: ApiEvent) => (kind ?? event.kind) === event.kind && (name ?? event.name) === event.name;
  if (query.get('follow') === '1') followEvents(response, events, count, wanted);
  else answerJson(response, 200, { events: events.last(count, wanted) } as EventList);
}

function explain({ response, source, names: [kind, name] }: Call): void {
  const explanation = source.explain(kind, name);
  if (!explanation) throw new ApiError(404, `${kind} ${name} is not declared`);
  answerJson(response, 200, explanation);
}

function trace({ response, source, query, names: [kind, name] }: Call): void {
  const scope = scopeOf(source, kind, name, query.get('categories'));
  const packets = query.get('packets') ?? String(MAX_PACKETS);
  if (!/^[1-9]\d{0,8}$/.test(packets)) throw new ApiError(400, `packets=${packets} is not a number of packets`);
  const capture = query.get('format') === 'pcapng' ? Number(packets) : undefined;
  followTrace(response, (...watch) => source.watch(...watch), scope, capture);
}

async function metrics({ response, source }: Call): Promise<void> {
  const text = await metricsText(source);
  response.writeHead(200, { 'content-type': metricsType }).end(text);
}

async function plan({ request, response, source }: Call): Promise<void> {
  const body = await readJson(request);
  if (!isPlanRequest(body)) throw new ApiError(400, 'wanted {"documents": [{"file": "...", "text": "..."}]}');
  const { actions, drops, errors } = await source.plan(body.documents);
  answerJson(response, 200, { actions, drops, errors: errors.map(declarationError) } as PlanResult);
}

function isPlanRequest(body: unknown): body is PlanRequest {
  if (typeof body !== 'object' || body === null || !('documents' in body)) return false;
  const { documents } = body;
  return Array.isArray(documents) && documents.every(isDocument);
}

function isDocument(document: unknown): boolean {
  if (typeof document !== 'object' || document === null) return false;
  return (
    'file' in document && typeof document.file === 'string' && 'text' in document && typeof document.text === 'string'
  );
}

function declarationError({ message, resource, at }: SpecError): DeclarationError {
  return { message, resource, path: at.path, file: at.file, line: at.line, column: at.column };
}
