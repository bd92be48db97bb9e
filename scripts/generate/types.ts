import { describe, type KindSchema, mapValues, type Schema, type Schemas } from './schema.ts';

/** The text of src/reconciler/generated.ts, formatted as Biome would. */
export function typesText({ kinds, parts }: Schemas): string {
  const objects = [...parts].filter(([, schema]) => schema.type === 'object');
  const words = [...parts].filter(([, schema]) => schema.enum);
  const declared = [...kinds.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    '// Generated from schemas/ by scripts/generate.ts.',
    ...words.map(([name, schema]) => unionText(capital(name), schema.enum ?? [])),
    ...objects.map(([name, schema]) => interfaceText(capital(name), schema)),
    ...declared.flatMap(kindTexts),
    `/** Every kind that may be declared, by its name. */
export interface Kinds {
${declared.map(({ name }) => `  ${name}: ${name};`).join('\n')}
}`,
    `/** The values that apply where nobody declares another, as the schemas give them. */
export const builtIn = ${valueText(Object.fromEntries(declared.map(({ name, schema }) => [name, defaultsOf(schema.properties?.spec)])), '')} as const;`,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function kindTexts({ name, schema }: KindSchema): string[] {
  const { spec, status, ...rest } = schema.properties ?? {};
  const whole: Schema = { ...schema, properties: rest };
  if (!spec) return [interfaceText(name, whole)];
  const named = { ...whole.properties, spec: { ...spec, part: `${name}Fields` } };
  return [
    interfaceText(`${name}Fields`, spec),
    ...(status ? [interfaceText(`${name}Status`, status)] : []),
    interfaceText(name, {
      ...whole,
      properties: status ? { ...named, status: { ...status, part: `${name}Status` } } : named,
    }),
  ];
}

function interfaceText(name: string, schema: Schema): string {
  const doc = schema.description ? `/** ${schema.description} */\n` : '';
  return `${doc}export interface ${name} ${objectText(schema, '')}`;
}

function literalText(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value}'`;
}

/** Biome breaks what is longer than a line. */
function unionText(name: string, values: readonly (string | number)[]): string {
  const quoted = values.map(literalText);
  const line = `export type ${name} = ${quoted.join(' | ')};`;
  return line.length <= 120 ? line : `export type ${name} =\n${quoted.map((value) => `  | ${value}`).join('\n')};`;
}

function objectText(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const doc = describe(property);
    const mark = schema.required?.includes(key) ? '' : '?';
    return [...(doc ? [`${inner}/** ${doc} */`] : []), `${inner}${key}${mark}: ${typeText(property, inner)};`];
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function typeText(schema: Schema, indent: string): string {
  if (schema.const !== undefined) return `'${schema.const}'`;
  if (schema.enum && schema.part) return capital(schema.part);
  if (schema.enum) return schema.enum.map(literalText).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeText({ type }, indent)).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return schema.type;
    case 'integer':
      return 'number';
    case 'array': {
      const item = typeText(schema.items ?? {}, indent);
      return item.includes('|') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
    }
    case 'object':
      if (schema.part) return capital(schema.part);
      if (schema.properties) return objectText(schema, indent);
      return mapText(schema, indent);
    default:
      throw new Error(`no TypeScript type for ${JSON.stringify(schema)}`);
  }
}

function mapText(schema: Schema, indent: string): string {
  const values = mapValues(schema);
  if (!values) return 'Record<string, unknown>';
  const value = typeText(values, indent);
  if (!schema.propertyNames) return `Record<string, ${value}>`;
  return `Partial<Record<${typeText(schema.propertyNames, indent)}, ${value}>>`;
}

/** The `default`s of an object's fields, nested objects included. */
function defaultsOf(schema: Schema | undefined): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(schema?.properties ?? {})) {
    if (property.default !== undefined) defaults[key] = property.default;
    const nested = defaultsOf(property);
    if (Object.keys(nested).length > 0) defaults[key] = nested;
  }
  return defaults;
}

function valueText(value: unknown, indent: string): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map((item) => valueText(item, indent)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const lines = entries.map(([key, item]) => `${indent}  ${key}: ${valueText(item, `${indent}  `)},`);
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function capital(name: string): string {
  return name[0].toUpperCase() + name.slice(1);
}
