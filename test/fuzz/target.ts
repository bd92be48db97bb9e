/**
 * What is fuzzed. A target is one file in `targets/` that exports `targets`; `fuzz.test.ts` finds it by itself.
 */

/** What one run is fed: packets, in the order in which they arrive. */
export type FuzzInput = readonly Uint8Array[];

export interface FuzzTarget {
  readonly name: string;
  /** How many inputs are tried. */
  readonly runs: number;
  /** Where mutation begins: inputs that reach deep. */
  readonly seeds: readonly FuzzInput[];
  /** Where the AVPs of a packet begin, for targets whose packets hold some: whole AVPs are then mutated as well. */
  readonly avpsAt?: number;
  /** Throws when something happens that must not. The same input does the same each time. */
  run(input: FuzzInput): void;
}

/** Fails the run. */
export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}
