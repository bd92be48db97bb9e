// Bundles the daemon and the command line program into dist/. What package.json lists as dependencies stays outside.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

/** The daemon's many short-lived objects die young only where the young generation is large enough, in MiB. */
const programs = [
  { name: 'prol2tpd', source: 'src/main.ts', run: '/usr/bin/env -S node --min-semi-space-size=16' },
  { name: 'prol2tp', source: 'src/cli/main.ts', run: '/usr/bin/env node' },
];

await rm('dist', { recursive: true, force: true });
for (const { name, source, run } of programs) {
  const outfile = `dist/${name}.js`;
  const { metafile } = await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    sourcemap: true,
    banner: { js: `#!${run}` },
    metafile: true,
    logLevel: 'warning',
  });
  await chmod(outfile, 0o755);
  console.log(`${outfile} ${Math.ceil(metafile.outputs[outfile].bytes / 1024)} KiB`);
}
