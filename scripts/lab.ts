/** Runs a command as root under Debian's kernel, which has L2TP and PPP, and exits as it does. */
import { runInMachine } from '../test/lab/machine.ts';

const command = process.argv.slice(2);
if (command.length === 0) {
  console.error('usage: npm run lab -- COMMAND [ARGUMENT ...]');
  process.exit(2);
}
process.exitCode = await runInMachine(command, {
  onOutput: (text) => process.stdout.write(text),
  onError: (text) => process.stderr.write(text),
});
