import { expect, it } from 'vitest';
import { WireError } from '../../src/engine/errors.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { type FuzzTarget, fuzz } from './fuzz.ts';

const hello = Uint8Array.from(Buffer.from('8008000000000006', 'hex'));

it('fuzzing finds its way by coverage, from one message to others', () => {
  const target: FuzzTarget = {
    name: 'messages',
    runs: 3_000,
    seeds: [[hello]],
    avpsAt: 0,
    run: (input) => {
      for (const body of input) {
        try {
          dialects[2].decodeMessage(body, 0, body.length);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }
    },
  };
  expect(fuzz(target, 1)).toBeGreaterThan(5);
});

it('fuzzing tells the input that broke the target, and the seed', () => {
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
