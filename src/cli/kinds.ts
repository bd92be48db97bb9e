import type {
  ApiEvent,
  ApiObject,
  DeclarationError,
  DeclarationErrors,
  EventList,
  GatewayObject,
  ObjectKind,
  ObjectList,
  PoolObject,
  PppoeServerObject,
  PppoeSession,
  SessionObject,
  TunnelObject,
} from '../api/types.ts';
import type { ApiClient } from './client.ts';
import {
  type Column,
  errorColumns,
  eventColumns,
  gatewayColumns,
  poolColumns,
  pppoeServerColumns,
  pppoeSessionColumns,
  sessionColumns,
  tunnelColumns,
} from './columns.ts';
import { CliError } from './errors.ts';

/** One item of a listing. */
export interface Row {
  /** What tells it from the others. */
  key: string;
  item: object;
  cells(nowMs: number): string[];
  /** Equal as long as there is no reason to show the row again. */
  steady: string;
}

/** Something that `get` shows. */
export interface Listing {
  /** What a user may call it. */
  names: readonly string[];
  titles(wide: boolean): string[];
  rows(client: ApiClient, wide: boolean): Promise<Row[]>;
  /** One item by name; absent: items have none. */
  row?(client: ApiClient, wide: boolean, name: string): Promise<Row>;
}

const listings: readonly Listing[] = [
  named<TunnelObject>('tunnels', ['tunnels', 'tunnel', 'tun'], tunnelColumns),
  named<SessionObject>('sessions', ['sessions', 'session', 'sess'], sessionColumns),
  listing<GatewayObject>(
    ['gateway', 'gateways', 'gw'],
    gatewayColumns,
    ({ metadata }) => metadata.name,
    async (client) => [await client.get('/v1/gateway')],
  ),
  named<PppoeServerObject>('pppoeservers', ['pppoeservers', 'pppoeserver', 'pppoe'], pppoeServerColumns),
  listing<PppoeSession>(
    ['pppoesessions', 'pppoesession'],
    pppoeSessionColumns,
    ({ server, sessionId }) => `${server}/${sessionId}`,
    async (client) => (await client.get<ObjectList<PppoeSession>>('/v1/pppoesessions')).items,
  ),
  named<PoolObject>('pools', ['pools', 'pool', 'addresspools', 'addresspool'], poolColumns),
  listing<ApiEvent>(
    ['events', 'event', 'ev'],
    eventColumns,
    ({ id }) => String(id),
    async (client) => (await client.get<EventList>('/v1/events')).events,
  ),
  listing<DeclarationError>(
    ['errors', 'error'],
    errorColumns,
    (error) => JSON.stringify(error),
    async (client) => (await client.get<DeclarationErrors>('/v1/errors')).errors,
  ),
];

/**
 * What the user means by a word.
 * @throws CliError naming what there is
 */
export function listingOf(word: string): Listing {
  const found = listings.find(({ names }) => names.includes(word.toLowerCase()));
  if (!found) throw new CliError(`${word} is not known; known: ${listings.map(({ names }) => names[0]).join(', ')}`);
  return found;
}

/**
 * What the user means by a word, of these kinds.
 * @throws CliError naming them
 */
export function kindOf<K extends ObjectKind>(word: string, kinds: readonly K[]): K {
  const meant = listings.find(({ names }) => names.includes(word.toLowerCase()));
  const kind = kinds.find((candidate) => meant?.names.includes(candidate.toLowerCase()));
  if (kind) return kind;
  const known = kinds.map((name) => name.toLowerCase());
  throw new CliError(
    `${word} is ${known.length === 2 ? 'neither' : 'none of'} ${known.join(known.length === 2 ? ' nor ' : ', ')}`,
  );
}

function listing<Item extends object>(
  names: readonly string[],
  columns: readonly Column<Item>[],
  keyOf: (item: Item) => string,
  list: (client: ApiClient) => Promise<Item[]>,
): Listing {
  return {
    names,
    titles: (wide) => shown(columns, wide).map(({ title }) => title),
    rows: async (client, wide) => (await list(client)).map((item) => rowOf(item, keyOf(item), shown(columns, wide))),
  };
}

function named<Item extends ApiObject>(path: string, names: string[], columns: readonly Column<Item>[]): Listing {
  const list = async (client: ApiClient) => (await client.get<ObjectList<Item>>(`/v1/${path}`)).items.toSorted(byName);
  return {
    ...listing(names, columns, ({ metadata }) => metadata.name, list),
    row: async (client, wide, name) => {
      const item = await client.get<Item>(`/v1/${path}/${encodeURIComponent(name)}`);
      return rowOf(item, item.metadata.name, shown(columns, wide));
    },
  };
}

function rowOf<Item extends object>(item: Item, key: string, columns: readonly Column<Item>[]): Row {
  const cell = (column: Column<Item>, nowMs: number) => String(column.cell(item, nowMs) ?? '') || '-';
  const steady = columns.filter(({ restless }) => !restless).map((column) => cell(column, 0));
  return { key, item, steady: steady.join('\t'), cells: (nowMs) => columns.map((column) => cell(column, nowMs)) };
}

function shown<Item>(columns: readonly Column<Item>[], wide: boolean): Column<Item>[] {
  return columns.filter((column) => wide || !column.wide);
}

/** What is declared before what peers opened, and `accepted-9` before `accepted-10`. */
function byName(a: ApiObject, b: ApiObject): number {
  const declared = Number(b.spec !== undefined) - Number(a.spec !== undefined);
  return declared || a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true });
}
