import type { Explanation } from '../api/types.ts';
import type { ApiClient } from './client.ts';
import { kindOf } from './kinds.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `explain KIND NAME`: every value in force and where it comes from. */
export async function explain(
  client: ApiClient,
  terminal: Terminal,
  word: string,
  name: string,
  { output }: { output: 'table' | 'json' },
): Promise<number> {
  const kind = kindOf(word, ['Tunnel', 'Session', 'PppoeServer', 'Gateway']);
  const explanation = await client.get<Explanation>(`/v1/explain/${kind}/${encodeURIComponent(name)}`);
  if (output === 'json') terminal.out(`${JSON.stringify(explanation, undefined, 2)}\n`);
  else {
    const rows = explanation.values.map(({ path, value, from }) => [path, valueText(value), from]);
    terminal.out(formatTable([['FIELD', 'VALUE', 'FROM'], ...rows]));
  }
  return 0;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
