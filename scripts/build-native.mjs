// Compiles src/kernel/native/*.c to build/prol2tp.node with the system's C compiler ($CC, or cc).
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = `${root}src/kernel/native`;
const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
const files = readdirSync(sources)
  .filter((name) => name.endsWith('.c'))
  .map((name) => `${sources}/${name}`);

mkdirSync(`${root}build`, { recursive: true });
// Written beside and renamed: a running daemon or a parallel build never meets half a file.
const fresh = `${root}build/prol2tp.${process.pid}.tmp`;
const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-fvisibility=hidden'];
execFileSync(process.env.CC ?? 'cc', [...flags, `-I${headers}`, '-o', fresh, ...files], { stdio: 'inherit' });
renameSync(fresh, `${root}build/prol2tp.node`);
