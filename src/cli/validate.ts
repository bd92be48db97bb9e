import { desired } from '../reconciler/desired.ts';
import { refusesEveryone } from '../reconciler/peers.ts';
import { loadDirectory } from '../reconciler/sources/files.ts';
import { CliError } from './errors.ts';
import { printable } from './format.ts';
import type { Terminal } from './terminal.ts';

/** `validate DIR`: every mistake in a directory's documents, without a daemon. */
export async function validate(terminal: Terminal, directory: string): Promise<number> {
  const snapshot = await loadDirectory(directory);
  // It repeats the snapshot's own errors.
  const { errors, state } = desired(snapshot);
  for (const error of errors) terminal.err(`${printable(error.toString())}\n`);
  if (errors.length > 0) return 1;
  const count = snapshot.resources.length;
  if (count === 0) throw new CliError(`${directory} declares nothing`);
  terminal.out(`${count} ${count === 1 ? 'resource is' : 'resources are'} valid.\n`);
  const refusal = refusesEveryone(state.gateway);
  if (refusal) terminal.err(`But the Gateway ${refusal}.\n`);
  return 0;
}
