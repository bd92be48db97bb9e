import { reuse } from './compare.ts';
import type { Declarations } from './resolve.ts';
import type { Kind, Resource } from './resources.ts';

/** What two resources cannot both have, and the field to change. */
export interface Clash {
  message: string;
  path: string;
}

/** Takes what a spec wants for itself alone; when another has it, takes nothing and says so. */
export type Claim<Spec> = (spec: Spec) => Clash | undefined;

/** A claim on keys, each of which one spec may have. */
export function claimOnce<Spec extends { name: string }>(
  keysOf: (spec: Spec) => readonly string[],
  clash: (holder: string, spec: Spec, key: string) => Clash,
): Claim<Spec> {
  const holders = new Map<string, string>();
  return (spec) => {
    const keys = keysOf(spec);
    for (const key of keys) {
      const holder = holders.get(key);
      if (holder !== undefined) return clash(holder, spec, key);
    }
    for (const key of keys) holders.set(key, spec.name);
    return undefined;
  };
}

/**
 * Builds the spec of every resource. One with an error keeps the spec it had before, or is left out. Of two that
 * clash, the one that was there before stays, else the first by name.
 */
export function settle<K extends Kind, Spec extends { name: string }>(
  declarations: Declarations,
  kind: K,
  before: readonly Spec[],
  build: (resource: Resource<K>) => Spec,
  claim: Claim<Spec> = () => undefined,
): Spec[] {
  const last = new Map(before.map((spec) => [spec.name, spec]));
  const resources = declarations.all(kind);
  const oldFirst = [
    ...resources.filter(({ name }) => last.has(name)),
    ...resources.filter(({ name }) => !last.has(name)),
  ];
  const settled: Spec[] = [];
  for (const resource of oldFirst) {
    const errors = declarations.errors.length;
    const kept = last.get(resource.name);
    const spec = reuse(kept, build(resource));
    let good = declarations.errors.length === errors;
    if (good) {
      const clash = claim(spec);
      if (clash) declarations.reportAt(resource, clash.path, clash.message);
      good = !clash;
    }
    if (good) settled.push(spec);
    else if (kept && !claim(kept)) settled.push(kept);
  }
  return settled.sort((a, b) => (a.name < b.name ? -1 : 1));
}
