import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import '../netns/patience.ts';
import { fuzz } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';
import { targets as messageTargets } from './targets/message.ts';

/** SEED=1234 npx vitest run test/fuzz tries other inputs; RUNS=10 ten times as many. */
const seed = Number(process.env.SEED ?? 1);
const factor = Number(process.env.RUNS ?? 1);

const directory = join(import.meta.dirname, 'targets');
for (const file of readdirSync(directory).toSorted()) {
  const { targets }: { targets: FuzzTarget[] } = await import(join(directory, file));
  describe(file, () => {
    it.each(targets)('$name: nothing breaks', (target) => {
      fuzz({ ...target, runs: target.runs * factor }, seed);
    });
  });
}

describe('the loop', () => {
  const hello = Uint8Array.from(Buffer.from('8008000000000006', 'hex'));

  it('finds its way by coverage, from one message to others', () => {
    expect(fuzz({ ...messageTargets[0], seeds: [[hello]], runs: 3_000 }, seed)).toBeGreaterThan(5);
  });

  it('tells the input that broke the target, and the seed', () => {
    const target: FuzzTarget = {
      name: 'glass',
      runs: 1_000,
      seeds: [[hello]],
      run: ([packet]) => {
        if (packet?.[0] === 0xff) throw new Error('clink');
      },
    };
    expect(() => fuzz(target, 7)).toThrow(/^glass, SEED=7, broke on \['ff[0-9a-f]*'.*\]: Error: clink$/);
  });
});
