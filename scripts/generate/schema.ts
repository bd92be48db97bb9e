/** The part of JSON Schema 2020-12 that schemas/ uses. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  /** After loading: the name of the shared part that a `$ref` pointed to. */
  part?: string;
  title?: string;
  description?: string;
  examples?: unknown[];
  default?: unknown;
  type?: string | string[];
  const?: unknown;
  enum?: (string | number)[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  /** With `additionalProperties`: what the names may be. */
  propertyNames?: Schema;
  not?: Schema;
  /** Several rules of the form `not`. */
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

/** One kind, with every `$ref` replaced by what it points to. */
export interface KindSchema {
  name: string;
  schema: Schema;
}

export interface Schemas {
  kinds: Map<string, KindSchema>;
  /** The shared parts of common.json. */
  parts: Map<string, Schema>;
}

/** Reads the files and resolves all references between them. */
export function loadSchemas(files: readonly { name: string; text: string }[]): Schemas {
  const documents = new Map(files.map(({ name, text }) => [name, JSON.parse(text) as Schema]));

  function lookUp(reference: string, from: string): { schema: Schema; document: string; part: string | undefined } {
    const [file, pointer] = reference.split('#');
    const document = file === '' ? from : file.replace(/\.json$/, '');
    let at: unknown = documents.get(document);
    for (const step of pointer.split('/').slice(1)) at = (at as Record<string, unknown> | undefined)?.[step];
    if (at === undefined) throw new Error(`${from}.json: nothing stands at ${reference}`);
    return { schema: at as Schema, document, part: /^\/\$defs\/(\w+)$/.exec(pointer)?.[1] };
  }

  function resolve(schema: Schema, document: string): Schema {
    const { $ref, ...own } = schema;
    if ($ref !== undefined) {
      const target = lookUp($ref, document);
      const resolved = resolve(target.schema, target.document);
      return { ...resolved, ...own, part: target.part ?? resolved.part };
    }
    const result = { ...own };
    if (typeof own.additionalProperties === 'object') {
      result.additionalProperties = resolve(own.additionalProperties, document);
    }
    if (own.propertyNames) result.propertyNames = resolve(own.propertyNames, document);
    if (own.items) result.items = resolve(own.items, document);
    if (own.properties) {
      result.properties = Object.fromEntries(
        Object.entries(own.properties).map(([key, value]) => [key, resolve(value, document)]),
      );
    }
    return result;
  }

  const kinds = new Map<string, KindSchema>();
  for (const [document, schema] of documents) {
    const name = schema.properties?.kind?.const;
    if (typeof name === 'string') kinds.set(name, { name, schema: resolve(schema, document) });
  }
  const parts = Object.entries(documents.get('common')?.$defs ?? {});
  return { kinds, parts: new Map(parts.map(([name, part]) => [name, resolve(part, 'common')])) };
}

/** What the values of a map are; undefined for anything else. */
export function mapValues({ additionalProperties }: Schema): Schema | undefined {
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

/** A description with the default value, for people. */
export function describe(schema: Schema): string | undefined {
  if (schema.description === undefined || schema.default === undefined) return schema.description;
  const value = typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default);
  return `${schema.description} Default: ${value}.`;
}

/** The rules `not: {required: [...]}`: of these fields at most one. */
export function atMostOne({ not, allOf = [] }: Schema): string[][] {
  return [not, ...allOf.map((rule) => rule.not)].flatMap((rule) => (rule?.required ? [rule.required] : []));
}

/** The rule `anyOf: [{required: [x]}, ...]`: of these fields at least one. */
export function atLeastOne(schema: Schema): string[] | undefined {
  return schema.anyOf?.flatMap((choice) => choice.required ?? []);
}

/** The rule `oneOf: [{required: [x]}, ...]`: of these fields exactly one. */
export function exactlyOne(schema: Schema): string[] | undefined {
  return schema.oneOf?.flatMap((choice) => choice.required ?? []);
}
