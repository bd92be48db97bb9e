import { readdir, readFile } from 'node:fs/promises';
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
    const paths = (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory() && /^[^.].*\.ya?ml$/.test(entry.name))
      .map((entry) => resolve(join(entry.parentPath, entry.name)))
      .toSorted();
    return await Promise.all(paths.map(async (file) => ({ file, text: await readFile(file, 'utf8') })));
  } catch (error) {
    throw new CliError(`${directory} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
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
