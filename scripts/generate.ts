/**
 * schemas/*.json -> src/reconciler/generated.ts (types and built-in values), crds/*.yaml and docs/resources.md.
 * Run it after every change of a schema: `npx tsx scripts/generate.ts`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crdYaml } from './generate/crd.ts';
import { referenceText } from './generate/reference.ts';
import { loadSchemas } from './generate/schema.ts';
import { typesText } from './generate/types.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Every generated file's text, by its path from the root. */
export function generate(): Map<string, string> {
  const folder = join(root, 'schemas');
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ name: basename(name, '.json'), text: readFileSync(join(folder, name), 'utf8') }));
  const schemas = loadSchemas(texts);
  const files = new Map<string, string>([['src/reconciler/generated.ts', typesText(schemas)]]);
  files.set('docs/resources.md', referenceText(schemas.kinds));
  for (const kind of schemas.kinds.values()) {
    if (kind.name === 'Secret') continue;
    files.set(`crds/${kind.name.toLowerCase()}.yaml`, crdYaml(kind));
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of generate()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
