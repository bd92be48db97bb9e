import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';

export const root = resolve(import.meta.dirname, '..');
export const build = join(root, 'build', 'bench');

export const tools = { load: join(build, 'l2tpload'), radius: join(build, 'radius-accept') };

/** Compiles the bench's C programs into build/bench. Needs a C compiler called `cc`. */
export async function buildTools(): Promise<void> {
  mkdirSync(build, { recursive: true });
  const compile = (from: string, to: string) =>
    execa('cc', ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', to, join(root, 'bench', from), '-lm']);
  await Promise.all([compile('load/l2tpload.c', tools.load), compile('peers/radius-accept.c', tools.radius)]);
}
