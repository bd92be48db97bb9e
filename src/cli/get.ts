import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { ApiEvent, DroppedNote } from '../api/types.ts';
import type { ApiClient } from './client.ts';
import { eventColumns } from './columns.ts';
import { CliError } from './errors.ts';
import { type Listing, listingOf, type Row } from './kinds.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** How often a watch looks again. */
const WATCH_INTERVAL_MS = 1000;

export interface GetOptions {
  output: 'table' | 'wide' | 'json' | 'yaml';
  watch: boolean;
}

/** `get KIND [NAME]`: a table, or the objects themselves. */
export async function get(
  client: ApiClient,
  terminal: Terminal,
  word: string,
  name: string | undefined,
  options: GetOptions,
): Promise<number> {
  const listing = listingOf(word);
  if (name !== undefined && !listing.row) throw new CliError(`${word} are not asked for by name`);
  if (options.watch && listing.names.includes('events')) return followEvents(client, terminal, options);
  const fetch = () => fetchRows(client, listing, name, options);
  if (options.watch) return watch(terminal, listing, fetch, options);
  const rows = await fetch();
  if (options.output === 'json' || options.output === 'yaml') {
    const items = rows.map(({ item }) => item);
    print(terminal, options, name === undefined ? { apiVersion: 'v1', kind: 'List', items } : items[0]);
  } else if (rows.length === 0) terminal.err(`No ${listing.names[0]}.\n`);
  else terminal.out(tableOf(terminal, rows, listing.titles(options.output === 'wide')));
  return 0;
}

async function fetchRows(
  client: ApiClient,
  listing: Listing,
  name: string | undefined,
  { output }: GetOptions,
): Promise<Row[]> {
  const wide = output === 'wide';
  if (name !== undefined && listing.row) return [await listing.row(client, wide, name)];
  return listing.rows(client, wide);
}

/** Everything once, then whatever changes, a row or document each, until interrupted. */
async function watch(
  terminal: Terminal,
  listing: Listing,
  fetch: () => Promise<Row[]>,
  options: GetOptions,
): Promise<number> {
  let titles: string[] | undefined = listing.titles(options.output === 'wide');
  let before = new Map<string, string>();
  while (!terminal.signal?.aborted) {
    const rows = await fetch();
    const changed = rows.filter(({ key, steady }) => before.get(key) !== steady);
    const now = new Map(rows.map(({ key, steady }) => [key, steady]));
    if (options.output === 'json' || options.output === 'yaml') {
      for (const { item } of changed) print(terminal, options, item);
    } else {
      if (changed.length > 0) terminal.out(tableOf(terminal, changed, titles));
      if (changed.length > 0) titles = undefined;
      const gone = Array.from(before.keys()).filter((key) => !now.has(key));
      if (gone.length > 0) terminal.out(formatTable(gone.map((key) => [key, 'gone'])));
    }
    before = now;
    await sleep(WATCH_INTERVAL_MS, undefined, { signal: terminal.signal }).catch(() => undefined);
  }
  return 0;
}

async function followEvents(client: ApiClient, terminal: Terminal, options: GetOptions): Promise<number> {
  for await (const line of client.follow<ApiEvent | DroppedNote>('/v1/events?follow=1', terminal.signal)) {
    if ('dropped' in line) terminal.err(`(${line.dropped} events came too fast and are left out)\n`);
    else if (options.output === 'json' || options.output === 'yaml') print(terminal, options, line);
    else terminal.out(formatTable([eventColumns.map((column) => String(column.cell(line, terminal.now())))]));
  }
  return 0;
}

function tableOf(terminal: Terminal, rows: Row[], titles: string[] | undefined): string {
  const cells = rows.map((row) => row.cells(terminal.now()));
  return formatTable(titles ? [titles, ...cells] : cells);
}

function print(terminal: Terminal, { output, watch }: GetOptions, value: object): void {
  if (output === 'json') terminal.out(`${JSON.stringify(value, undefined, watch ? undefined : 2)}\n`);
  else terminal.out(`${watch ? '---\n' : ''}${stringify(value)}`);
}
