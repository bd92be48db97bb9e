import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createColors } from 'picocolors';
import type { PlannedAction, PlanRequest, PlanResult } from '../api/types.ts';
import type { ApiClient } from './client.ts';
import { formatObject } from './columns.ts';
import { CliError } from './errors.ts';
import { formatPlace, printable } from './format.ts';
import type { Terminal } from './terminal.ts';

/** Terraform's exit codes. */
const NOTHING_TO_DO = 0;
const ERROR = 1;
const CHANGES = 2;

/** How many folders deep documents are looked for, as in the daemon. */
const DEPTH_LIMIT = 8;

type Colours = ReturnType<typeof createColors>;

const marks = {
  create: { mark: '  +', colour: 'green', verb: 'create' },
  update: { mark: '  ~', colour: 'yellow', verb: 'update' },
  replace: { mark: '-/+', colour: 'magenta', verb: 'replace' },
  delete: { mark: '  -', colour: 'red', verb: 'delete' },
} as const satisfies Record<PlannedAction['change'], { mark: string; colour: keyof Colours; verb: string }>;

/** `plan DIR`: what the daemon would do if the directory were what is declared. */
export async function plan(
  client: ApiClient,
  terminal: Terminal,
  directory: string,
  { output }: { output: 'table' | 'json' },
): Promise<number> {
  const request: PlanRequest = { documents: await readDocuments(directory) };
  const result = await client.post<PlanResult>('/v1/plan', request);
  if (output === 'json') terminal.out(`${JSON.stringify(result, undefined, 2)}\n`);
  else {
    for (const error of result.errors) terminal.err(`${printable(formatPlace(error))}\n`);
    terminal.out(planText(result, createColors(terminal.colour)));
  }
  if (result.errors.length > 0) return ERROR;
  return result.actions.length === 0 ? NOTHING_TO_DO : CHANGES;
}

/** Every YAML file in the directory and its folders. The daemon finds what a file refers to by its absolute path. */
async function readDocuments(directory: string): Promise<PlanRequest['documents']> {
  try {
    const paths = (await yamlFiles(resolve(directory), 0)).toSorted();
    return await Promise.all(paths.map(async (file) => ({ file, text: await readFile(file, 'utf8') })));
  } catch (error) {
    throw new CliError(`${directory} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** As the daemon finds them: links are followed, names with a dot left out, as in a mounted ConfigMap. */
async function yamlFiles(directory: string, depth: number): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const path = join(directory, entry.name);
    const isLink = entry.isSymbolicLink();
    const isFolder = isLink ? ((await stat(path).catch(() => undefined))?.isDirectory() ?? false) : entry.isDirectory();
    if (!isFolder) {
      if (/\.ya?ml$/.test(entry.name)) found.push(path);
    } else if (
      depth < DEPTH_LIMIT &&
      !(isLink && `${await realpath(directory)}/`.startsWith(`${await realpath(path)}/`))
    ) {
      found.push(...(await yamlFiles(path, depth + 1)));
    }
  }
  return found;
}

function planText({ actions, drops, errors }: PlanResult, colours: Colours): string {
  if (actions.length === 0 && errors.length > 0) return 'Nothing to do but to correct these mistakes.\n';
  if (actions.length === 0) return 'Nothing to do: what is declared is what is.\n';
  const width = Math.max(...actions.map((action) => formatObject(action).length));
  const lines = actions.map((action) => {
    const { mark, colour } = marks[action.change];
    return `${colours[colour](mark)} ${formatObject(action).padEnd(width)}   ${printable(action.reason)}\n`;
  });
  const sums = Object.entries(marks)
    .map(([change, { verb }]) => ({ verb, count: actions.filter((action) => action.change === change).length }))
    .filter(({ count }) => count > 0)
    .map(({ verb, count }) => `${count} to ${verb}`);
  return [
    ...lines,
    `\nPlan: ${sums.join(', ')}.\n`,
    dropText('tunnels', drops.tunnels, colours),
    dropText('calls', drops.sessions, colours),
  ].join('');
}

function dropText(what: string, names: string[], colours: Colours): string {
  return names.length === 0 ? '' : colours.red(`These ${what} drop: ${names.map(printable).join(', ')}\n`);
}
