import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The kernel lab takes longest by far: begun last it would leave the other workers idle. */
class LabFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLab = ({ moduleId }: TestSpecification) => moduleId.includes('/test/lab/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isLab), ...sorted.filter((file) => !isLab(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Many tests wait for peers: one worker less than there are processors would leave small machines idle.
    maxWorkers: Math.max(2, availableParallelism()),
    sequence: { sequencer: LabFirst },
  },
});
