import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Where `dist/` is `../../dist/`, as it is for a test's own file. */
const bundle = fileURLToPath(new URL('../../build/lab/scenes.mjs', import.meta.url));

/** The program that plays the scenes as one file: TypeScript and thousands of modules would load slowly inside. */
export async function bundleScenes(): Promise<string> {
  await build({
    entryPoints: [fileURLToPath(new URL('scenes/play-process.ts', import.meta.url))],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // Dependencies that are CommonJS ask for Node's modules with require.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return bundle;
}
