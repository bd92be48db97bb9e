/** For test files that start programs: how long a busy machine may take. Nothing waits that long when all is well. */
import { vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
