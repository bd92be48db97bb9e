/**
 * The loop: mutate an input, run it, keep it when it reached source that none before it had.
 */
import { SeededRandom } from '../engine/world.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import type { FuzzInput, FuzzTarget } from './target.ts';

/** How many inputs run between two looks at the coverage, each of which costs as much as a hundred small inputs. */
const batchRuns = 200;
const maxCorpus = 2_000;

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
