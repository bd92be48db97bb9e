import picocolors from 'picocolors';
import { run } from './program.ts';

// Whoever reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: picocolors.isColorSupported && process.stdout.isTTY === true,
  env: process.env,
  now: Date.now,
});
