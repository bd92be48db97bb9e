import type { Resource } from './resources.ts';

/** Counts how often each resource changed. Kubernetes counts by itself (`metadata.generation`). */
export class Generations {
  #known = new Map<string, { text: string; generation: number }>();

  /** Takes note of all resources; those that are gone are forgotten. */
  note(resources: readonly Resource[]): void {
    const known = new Map<string, { text: string; generation: number }>();
    for (const { id, document } of resources) {
      const text = JSON.stringify(document.spec);
      const last = this.#known.get(id);
      const { generation } = document.metadata as { generation?: unknown };
      const counted = last === undefined ? 1 : last.text === text ? last.generation : last.generation + 1;
      known.set(id, { text, generation: typeof generation === 'number' ? generation : counted });
    }
    this.#known = known;
  }

  byId(): Map<string, number> {
    return new Map([...this.#known].map(([id, { generation }]) => [id, generation]));
  }
}
