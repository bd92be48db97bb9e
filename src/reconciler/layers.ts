/** Values laid over each other, each remembering where it came from. */
import type { SpecLocation } from '../engine/errors.ts';
import type { Path } from './schemas.ts';

/** One place that may give values: a document's spec, or the built-in values. */
export interface Layer {
  /** `Kind/name` or `built-in`. */
  from: string;
  values: object;
  /** Where a field of `values` is written. */
  locate(path: Path): SpecLocation;
}

/** One resolved field, for people. */
export interface Field {
  value: unknown;
  from: string;
}

export interface Resolved<T> {
  values: T;
  /** Every field that has a value, by its path within the spec: `ipv4.pool`. */
  fields: Readonly<Record<string, Field>>;
}

/** The fields F, those that have built-in values D being always there. */
export type Filled<F, D> = { [K in keyof F as K extends keyof D ? never : K]: F[K] } & {
  [K in keyof F & keyof D]-?: D[K] extends readonly unknown[]
    ? NonNullable<F[K]>
    : D[K] extends object
      ? Filled<NonNullable<F[K]>, D[K]>
      : NonNullable<F[K]>;
};

/** Objects that are one value: never put together from two layers. */
const whole = new Set(['secretRef', 'secondSecretRef', 'passwordRef', 'responseRef', 'forward']);

/** Fields that stand for each other: the nearest layer that gives one of them hides all farther ones. */
const alternatives: Readonly<Record<string, string>> = {
  secretRef: 'secretFile',
  secretFile: 'secretRef',
  secondSecretRef: 'secondSecretFile',
  secondSecretFile: 'secondSecretRef',
  passwordRef: 'passwordFile',
  passwordFile: 'passwordRef',
  'ipv4.remote': 'ipv4.pool',
  'ipv4.pool': 'ipv4.remote',
  bridge: 'attach.interface',
  'attach.interface': 'bridge',
};

/** Lays the layers over each other, nearest first. Objects are joined field by field; lists are taken whole. */
export function lay<T>(layers: readonly Layer[]): Resolved<T> {
  const fields: Record<string, Field> = {};
  for (const { from, values } of layers) {
    const given = leavesOf(values).filter(([path]) => !(path in fields || (alternatives[path] ?? path) in fields));
    for (const [path, value] of given) fields[path] = { value, from };
  }
  const values: Record<string, unknown> = {};
  for (const [path, { value }] of Object.entries(fields)) put(values, path, value);
  return { values: values as T, fields };
}

/** The nearest layer that gives a field of its top level. */
export function giver(layers: readonly Layer[], field: string): Layer | undefined {
  return layers.find(({ values }) => (values as Record<string, unknown>)[field] !== undefined);
}

type Leaf = readonly [path: string, value: unknown];

/** Profiles and built-in values are laid under very many resources: their leaves are found once. */
const known = new WeakMap<object, readonly Leaf[]>();

function leavesOf(values: object): readonly Leaf[] {
  const found = known.get(values) ?? leaves(values, '');
  known.set(values, found);
  return found;
}

function leaves(values: object, prefix: string): Leaf[] {
  return Object.entries(values).flatMap(([key, value]): Leaf[] => {
    const path = `${prefix}${key}`;
    if (value === undefined) return [];
    const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value) || whole.has(key);
    return isLeaf ? [[path, value]] : leaves(value, `${path}.`);
  });
}

function put(into: Record<string, unknown>, path: string, value: unknown): void {
  const dot = path.indexOf('.');
  if (dot < 0) {
    into[path] = value;
    return;
  }
  const step = path.slice(0, dot);
  const inner = (into[step] ?? {}) as Record<string, unknown>;
  into[step] = inner;
  put(inner, path.slice(dot + 1), value);
}
