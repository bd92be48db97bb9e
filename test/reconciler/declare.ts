import type { Secret } from '../../src/engine/spec.ts';
import { type Desired, desired } from '../../src/reconciler/desired.ts';
import type { Kind, Resource, Snapshot } from '../../src/reconciler/resources.ts';
import { emptyShelf, shelve } from '../../src/reconciler/sources/last-good.ts';

/** A document's text, its spec in YAML's flow form. */
export function doc(kind: Kind, name: string, spec: object = {}): string {
  return [
    'apiVersion: prol2tp.io/v1alpha1',
    `kind: ${kind}`,
    `metadata: {name: ${name}}`,
    `spec: ${JSON.stringify(spec)}`,
  ].join('\n');
}

export function secretDoc(name: string, stringData: Record<string, string>): string {
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: ${JSON.stringify(stringData)}`;
}

/** A snapshot of documents in one file `a.yaml`, as a source would give it. */
export function snapshot(...documents: string[]): Snapshot {
  const shelf = shelve([{ file: 'a.yaml', text: documents.join('\n---\n') }], emptyShelf);
  const resources: Resource[] = [];
  const secrets = new Map<string, ReadonlyMap<string, Secret>>();
  for (const declared of shelf.declared) {
    if (declared.kind === 'Secret') secrets.set(declared.name, declared.values);
    else resources.push(declared);
  }
  return { resources, secrets: { documents: secrets, files: new Map() }, errors: shelf.errors };
}

export function resolved(...documents: string[]): Desired {
  return desired(snapshot(...documents));
}

/** Errors in one line each, without file and line. */
export function told({ errors }: { errors: Desired['errors'] }): string[] {
  return errors.map(({ resource, at, message }) => `${resource}: ${at.path}: ${message}`);
}

export function secretText(secret: Secret | undefined): string | undefined {
  return secret && new TextDecoder().decode(secret.reveal());
}
