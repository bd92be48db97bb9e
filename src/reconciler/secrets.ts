import type { Secret } from '../engine/spec.ts';
import type { Layer } from './layers.ts';
import type { Declarations } from './resolve.ts';
import { fileSecretKey, type Secrets } from './resources.ts';

/**
 * The secret that the nearest layer gives as `secretRef` or `secretFile` (`passwordRef` or `passwordFile` ...).
 * Undefined: none is given, or it cannot be had, which is reported as an error of `user`.
 */
export type SecretLookup = (
  layers: readonly Layer[],
  what: 'secret' | 'secondSecret' | 'password' | 'response',
  user: string,
) => Secret | undefined;

export function secretLookup(secrets: Secrets, declarations: Declarations): SecretLookup {
  return (layers, what, user) => {
    const refField = `${what}Ref`;
    const fileField = `${what}File`;
    const layer = layers.find(({ values }) => refField in values || fileField in values);
    if (!layer) return undefined;
    const values = layer.values as Record<string, unknown>;
    const ref = values[refField] as { name: string; key: string } | undefined;
    const path = values[fileField] as string | undefined;
    const found = ref
      ? fromDocument(secrets, ref, declarations)
      : path !== undefined
        ? (secrets.files.get(fileSecretKey(layer.from, path)) ?? `${path} cannot be read`)
        : undefined;
    if (typeof found === 'string') {
      declarations.report(found, layer, ref ? refField : fileField, user);
      return undefined;
    }
    if (found?.reveal().length === 0)
      declarations.report('the secret is empty', layer, ref ? refField : fileField, user);
    return found;
  };
}

function fromDocument(
  { documents }: Secrets,
  { name, key }: { name: string; key: string },
  declarations: Declarations,
): Secret | string {
  const values = documents.get(name);
  if (!values) return declarations.missing(`Secret/${name}`);
  const keys = [...values.keys()].sort().join(', ');
  return values.get(key) ?? `Secret/${name} has no key ${key}; it has ${keys === '' ? 'none' : keys}`;
}
