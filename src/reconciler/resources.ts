/** Documents -> typed resources, with the place of every mistake. */
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  parseDocument,
  YAMLParseError,
} from 'yaml';
import { SpecError, type SpecLocation } from '../engine/errors.ts';
import { Secret } from '../engine/spec.ts';
import type { Kinds, Secret as SecretDocument } from './generated.ts';
import { nearest } from './nearest.ts';
import { check, kindNames, type Path } from './schemas.ts';

/** The kinds that declare something; Secrets only hold values for them. */
export type Kind = Exclude<keyof Kinds, 'Secret'>;

interface Identified {
  name: string;
  /** `Kind/name`. */
  id: string;
  /** Where a field stands, or the nearest thing above it that is written. */
  locate(path: Path): SpecLocation;
}

/** One valid document. */
export type Resource<K extends Kind = Kind> = { [P in K]: Identified & { kind: P; document: Kinds[P] } }[K];

/** A valid Secret document. Its values are kept only as secrets. */
export interface SecretResource extends Identified {
  kind: 'Secret';
  values: ReadonlyMap<string, Secret>;
}

export type Declared = Resource | SecretResource;

/** All that is declared at one time. */
export interface Snapshot {
  resources: readonly Resource[];
  secrets: Secrets;
  errors: readonly SpecError[];
  /** The machine's own name, for a gateway that is given none. */
  machineName?: string;
}

export interface Secrets {
  /** Secret documents: name, then key. */
  documents: ReadonlyMap<string, ReadonlyMap<string, Secret>>;
  /** What secretFile and passwordFile name, by `fileSecretKey`; text says why a file cannot be read. */
  files: ReadonlyMap<string, Secret | string>;
}

export function fileSecretKey(resource: string, path: string): string {
  return `${resource} ${path}`;
}

/** What one file holds. */
export interface ParsedFile {
  declared: Declared[];
  errors: SpecError[];
  /** Resources that are named in the file but whose documents are wrong. */
  broken: string[];
  /** There is a document of which not even kind and name can be read. */
  unidentified: boolean;
}

/** Reads a file's documents. */
export function parseFile(text: string, file: string): ParsedFile {
  const lines = new LineCounter();
  const result: ParsedFile = { declared: [], errors: [], broken: [], unidentified: false };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  if (!Array.isArray(documents)) return result;
  for (const document of documents) {
    const root = document.contents;
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      result.errors.push(new SpecError(yamlText(error), { file, line, column: col, path: '' }));
      result.unidentified = true;
    }
    if (document.errors.length > 0 || root === null || (isScalar(root) && root.value === null)) continue;
    const locate = locator(text, file, root, lines);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      result.errors.push(new SpecError(yamlText(error), locate([])));
      result.unidentified = true;
      continue;
    }
    const outcome = readResource(value, locate);
    result.errors.push(...outcome.errors);
    if (outcome.declared) result.declared.push(outcome.declared);
    else if (outcome.id !== undefined) result.broken.push(outcome.id);
    else result.unidentified = true;
  }
  return result;
}

/** What is wrong, without the document's own words that the parser quotes: they may be part of a secret. */
function yamlText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof YAMLParseError ? error.code : undefined;
  if (code === 'TAG_RESOLVE_FAILED') return 'YAML: a tag that is not known; put quotes around text that begins with !';
  if (code === 'BAD_DIRECTIVE') return 'YAML: a directive that is not known';
  if (message.startsWith('Unresolved alias')) {
    return 'YAML: an alias without its anchor; put quotes around text that begins with *';
  }
  return `YAML: ${message.replace(/((?<=\S): | \\).*$/s, '')}`;
}

/** One document's outcome: a resource, or errors and as much of its identity as can be read. */
export interface Outcome {
  id?: string;
  declared?: Declared;
  errors: SpecError[];
}

/** Checks one document, wherever it comes from. A `status` in it is not looked at. */
export function readResource(value: unknown, locate: (path: Path) => SpecLocation): Outcome {
  if (!isObject(value))
    return { errors: [new SpecError('must be a mapping with apiVersion, kind and spec', locate([]))] };
  const { status: _, ...document } = value;
  const kind = kindNames.find((name) => name === document.kind);
  const metadata = isObject(document.metadata) ? document.metadata : {};
  const name = typeof metadata.name === 'string' ? metadata.name : undefined;
  if (kind === undefined) {
    const meant = typeof document.kind === 'string' ? nearest(document.kind, kindNames) : undefined;
    const advice = meant ? `did you mean ${meant}?` : `known kinds: ${kindNames.join(', ')}`;
    const what = document.kind === undefined ? 'is missing' : `${JSON.stringify(document.kind)} is not known`;
    return { errors: [new SpecError(`${what}; ${advice}`, locate(['kind']))] };
  }
  const id = name === undefined ? undefined : `${kind}/${name}`;
  const errors = check(kind, document).map(({ path, message }) => new SpecError(message, locate(path), id));
  if (errors.length > 0 || id === undefined || name === undefined) return { id, errors };
  if (kind === 'Secret') {
    const declared: SecretResource = {
      kind,
      name,
      id,
      locate,
      values: valuesOf(document as unknown as SecretDocument),
    };
    return { id, declared, errors };
  }
  // The schema has been checked: the document has its kind's type.
  return { id, declared: { kind, name, id, locate, document } as unknown as Resource, errors };
}

function valuesOf({ data = {}, stringData = {} }: SecretDocument): Map<string, Secret> {
  const values = new Map<string, Secret>();
  for (const [key, text] of Object.entries(data)) values.set(key, new Secret(bytesOfBase64(text)));
  for (const [key, text] of Object.entries(stringData)) values.set(key, new Secret(text));
  return values;
}

function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Writes a path as `spec.listen[0].port`. */
export function formatPath(path: Path): string {
  return path.map((step, at) => (typeof step === 'number' ? `[${step}]` : at === 0 ? step : `.${step}`)).join('');
}

/**
 * Tells where a document's fields stand. Places are asked for when something is wrong: the document is parsed again
 * then, because its tree would take ten times the memory of its text.
 */
function locator(text: string, file: string, root: ParsedNode, lines: LineCounter): Identified['locate'] {
  const { line, col } = lines.linePos(root.range[0]);
  const own = text.slice(lines.lineStarts[line - 1], root.range[2]);
  return (path) => {
    if (path.length === 0) return { file, line, column: col, path: '' };
    const ownLines = new LineCounter();
    const { contents } = parseDocument(own, { lineCounter: ownLines, version: '1.2' });
    const found = ownLines.linePos(contents ? offsetOf(contents, path) : 0);
    return { file, line: line - 1 + found.line, column: found.col, path: formatPath(path) };
  };
}

/** Where in the text a field's key (or a list's item) begins; for a field that is not there, what would hold it. */
function offsetOf(root: ParsedNode, path: Path): number {
  let node: ParsedNode | null = root;
  let offset = root.range[0];
  for (const step of path) {
    if (isMap(node)) {
      const pair: Pair<ParsedNode, ParsedNode | null> | undefined = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(step),
      );
      if (!pair) return offset;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step]) {
      node = node.items[step];
      offset = node.range[0];
    } else {
      return offset;
    }
  }
  return offset;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
