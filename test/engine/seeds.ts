/** Many runs from many seeds, in a few tests; `SEED=n` repeats one, `SEEDS=n` sets how many. */
import { it } from 'vitest';

const batches = 8;
const timeoutMs = 600_000;

export function forSeeds(what: string, count: number, run: (seed: number) => void): void {
  const only = process.env.SEED;
  if (only !== undefined) {
    it(`${what}, seed ${only}`, () => run(Number(only)));
    return;
  }
  const seeds = Number(process.env.SEEDS ?? count);
  for (let batch = 0; batch < batches; batch++) {
    it(
      `${what}, seeds ${batch} + ${batches}n below ${seeds}`,
      () => {
        for (let seed = batch; seed < seeds; seed += batches) {
          try {
            run(seed);
          } catch (error) {
            throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
          }
        }
      },
      timeoutMs,
    );
  }
}
