// Bundles the daemon and the command line program into dist/. What package.json lists as dependencies stays outside.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { prol2tpd: 'src/main.ts', prol2tp: 'src/cli/main.ts' },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  sourcemap: true,
  banner: { js: '#!/usr/bin/env node' },
  metafile: true,
  logLevel: 'warning',
});
for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
  if (!file.endsWith('.js')) continue;
  await chmod(file, 0o755);
  console.log(`${file} ${Math.ceil(bytes / 1024)} KiB`);
}
