/** What the resolving of one kind needs of all the others. */
import type { ForwardSpec, PoolSpec } from '../engine/spec.ts';
import type { Forward } from './generated.ts';
import type { Field, Layer } from './layers.ts';
import type { Declarations } from './resolve.ts';
import type { Resource } from './resources.ts';
import type { SecretLookup } from './secrets.ts';

export type Fields = Readonly<Record<string, Field>>;

export interface Context {
  declarations: Declarations;
  secretOf: SecretLookup;
  /** The pools in force, by name. */
  pools: ReadonlyMap<string, PoolSpec>;
  /** The names of the Gateway's plugins. */
  plugins: readonly string[];
  /** The names of the Gateway's filters. */
  filters: readonly string[];
  /** Whether the Gateway has RADIUS servers. */
  hasRadius: boolean;
  /** Very many calls share what one profile says. */
  forwards: Map<Forward, ForwardSpec>;
  /** What `explain` shows, by resource id. */
  fields: Map<string, () => Fields>;
}

export function layerOf({ id, document, locate }: Resource): Layer {
  return { from: id, values: document.spec, locate };
}

/** The fields of several parts in one, `ppp.mtu` beside `session.type`. */
export function joined(parts: Readonly<Record<string, Fields>>): Fields {
  return Object.fromEntries(
    Object.entries(parts).flatMap(([prefix, fields]) =>
      Object.entries(fields).map(([path, field]) => [`${prefix}.${path}`, field]),
    ),
  );
}
