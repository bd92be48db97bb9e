import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Who may import whom: the arrows of the house. The first row whose path begins a file's path is its rule. */
const rules: { room: string; may: string[]; node?: readonly string[] | 'any' }[] = [
  { room: 'main.ts', may: [''], node: 'any' },
  { room: 'live.ts', may: ['engine/', 'reconciler/', 'aaa/'] },
  { room: 'system.ts', may: ['live.ts', 'engine/', 'api/', 'hooks/', 'plugins/'] },
  { room: 'cli/validate.ts', may: ['cli/', 'api/types.ts', 'reconciler/'], node: 'any' },
  { room: 'cli/', may: ['cli/', 'api/types.ts'], node: 'any' },
  {
    room: 'api/',
    may: ['api/', 'reconciler/', 'engine/', 'trace/'],
    node: 'any',
  },
  { room: 'reconciler/sources/', may: ['reconciler/', 'engine/spec.ts', 'engine/errors.ts'], node: 'any' },
  { room: 'reconciler/', may: ['reconciler/', 'engine/spec.ts', 'engine/errors.ts'] },
  {
    room: 'kernel/',
    may: ['kernel/', 'engine/deadlines.ts', 'engine/ports.ts', 'engine/spec.ts', 'engine/errors.ts', 'engine/wire/'],
    node: 'any',
  },
  {
    room: 'aaa/',
    may: ['aaa/', 'engine/aaa.ts', 'engine/ports.ts', 'engine/spec.ts', 'engine/errors.ts'],
    node: 'any',
  },
  {
    room: 'trace/',
    may: ['trace/', 'engine/ports.ts', 'engine/spec.ts', 'engine/errors.ts', 'engine/trace.ts', 'engine/wire/'],
    node: 'any',
  },
  {
    room: 'hooks/',
    may: ['hooks/', 'engine/ports.ts', 'engine/spec.ts', 'engine/errors.ts', 'engine/effects.ts'],
    node: 'any',
  },
  {
    room: 'plugins/',
    may: ['plugins/', 'engine/aaa.ts', 'engine/ports.ts', 'engine/spec.ts', 'engine/errors.ts', 'engine/effects.ts'],
    node: 'any',
  },
  { room: 'engine/host.ts', may: ['engine/'], node: 'any' },
  { room: 'engine/wire/', may: ['engine/wire/', 'engine/errors.ts'], node: ['node:crypto'] },
  {
    room: 'engine/ppp/',
    may: [
      'engine/ppp/',
      'engine/aaa.ts',
      'engine/effects.ts',
      'engine/errors.ts',
      'engine/ports.ts',
      'engine/spec.ts',
      'engine/wire/bytes.ts',
      'engine/wire/secret.ts',
      'engine/wire/ipv4.ts',
      'engine/wire/ipv6.ts',
    ],
    node: ['node:crypto'],
  },
  { room: 'engine/pppoe/', may: ['engine/'], node: ['node:crypto'] },
  { room: 'engine/', may: ['engine/'] },
];

const source = resolve(import.meta.dirname, '../src');

function filesUnder(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesUnder(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const files = filesUnder(source).map((path) => relative(source, path));

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;]*?from\s+'([^']+)'/g)].map((match) => match[1]);
}

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(30);
  });

  it.each(files)('%s imports only whom it may know', (file) => {
    const rule = rules.find(({ room }) => file.startsWith(room));
    expect(rule, `no rule for ${file}`).toBeDefined();
    const wrong = importsOf(file).filter((specifier) => {
      if (specifier.startsWith('node:')) return rule?.node !== 'any' && !rule?.node?.includes(specifier);
      if (!specifier.startsWith('.')) return false;
      const target = relative(source, resolve(source, dirname(file), specifier));
      if (target.startsWith('..')) return !target.startsWith('../schemas/') && target !== '../package.json';
      return !rule?.may.some((room) => target.startsWith(room));
    });
    expect(wrong).toEqual([]);
  });

  it.each(files.filter((file) => file.startsWith('engine/')))('%s asks no clock and rolls no dice', (file) => {
    if (file === 'engine/host.ts') return;
    expect(readFileSync(join(source, file), 'utf8')).not.toMatch(
      /\b(Date\.now|performance\.|Math\.random|setTimeout|setInterval|setImmediate|randomBytes|randomInt)\b/,
    );
  });

  it.each(files.filter((file) => file.startsWith('engine/') && !file.endsWith('dialect.ts')))(
    '%s leaves the versions to the dialect',
    (file) => {
      expect(readFileSync(join(source, file), 'utf8')).not.toMatch(/version === [23]\b|\bif \(v[23]\b/);
    },
  );
});
