/**
 * The loop: mutate an input, run it, keep it when it reached source that none before it had. A target is one small test
 * file that calls `fuzzed`.
 *
 * SEED=1234 npx vitest run test/fuzz tries other inputs; RUNS=10 ten times as many.
 */
import { it } from 'vitest';
import '../netns/patience.ts';
import { SeededRandom } from '../engine/world.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';

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

/** How many inputs run between two looks at the coverage, each of which costs as much as a hundred small inputs. */
const batchRuns = 200;
const maxCorpus = 2_000;

/** A test of the target's whole budget. */
export function fuzzed(target: FuzzTarget): void {
  const seed = Number(process.env.SEED ?? 1);
  const factor = Number(process.env.RUNS ?? 1);
  it(`${target.name}: nothing breaks`, () => {
    fuzz({ ...target, runs: target.runs * factor }, seed);
  });
}

/** Runs the target's budget and tells how many inputs were kept. Throws with the input that broke it. */
export function fuzz(target: FuzzTarget, seed: number): number {
  const random = new SeededRandom(seed);
  const corpus: FuzzInput[] = [...target.seeds];
  const coverage = new Coverage();
  coverage.start();
  try {
    for (const input of target.seeds) attempt(target, input, seed);
    coverage.look();
    for (let done = 0; done < target.runs; done += batchRuns) {
      const context = { random, corpus, avpsAt: target.avpsAt };
      const batch = Array.from({ length: batchRuns }, () => {
        return mutate(corpus[random.below(corpus.length)] ?? [], context);
      });
      for (const input of batch) attempt(target, input, seed);
      const novelty = coverage.look();
      // Which of them it was, a second run tells.
      for (const input of batch) {
        if (novelty.size === 0 || corpus.length >= maxCorpus) break;
        attempt(target, input, seed);
        if (coverage.explains(novelty)) corpus.push(input);
      }
    }
  } finally {
    coverage.stop();
  }
  return corpus.length - target.seeds.length;
}

function attempt(target: FuzzTarget, input: FuzzInput, seed: number): void {
  try {
    target.run(input);
  } catch (error) {
    const packets = input.map((packet) => `'${Buffer.from(packet).toString('hex')}'`);
    throw new Error(`${target.name}, SEED=${seed}, broke on [${packets.join(', ')}]: ${error}`, { cause: error });
  }
}
