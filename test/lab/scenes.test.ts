import { beforeAll, describe, expect, test } from 'vitest';
import { bundleScenes } from './bundle.ts';
import { runInMachine } from './machine.ts';
import type { Outcome } from './scenes/act.ts';
import { acts } from './scenes/acts.ts';

/** Of a machine that shares its processor with all other tests. */
const machineTimeoutMs = 900_000;

const outcomes: Outcome[] = [];
let complaints = '';

beforeAll(async () => {
  let output = '';
  const program = await bundleScenes();
  // Also of a machine that does not end, what was played is looked at.
  const code = await runInMachine([process.execPath, program], {
    timeoutMs: machineTimeoutMs,
    onOutput: (text) => {
      output += text;
    },
    onError: (text) => {
      complaints += text;
    },
  }).catch(String);
  const whole = output.slice(0, output.lastIndexOf('\n') + 1);
  for (const line of whole.split('\n').filter(Boolean)) outcomes.push(JSON.parse(line));
  if (code !== 0) complaints += `the scenes' program ended with ${code}`;
}, machineTimeoutMs + 60_000);

describe.each(acts)('$name', ({ name, scenes }) => {
  test.each(['opening', ...scenes])('%s', (scene) => {
    const outcome = outcomes.find((outcome) => outcome.act === name && outcome.scene === scene);
    expect(outcome, `not played. ${complaints}`).toBeDefined();
    expect(outcome?.failure).toBeUndefined();
  });
});

test('nobody complained', () => {
  expect(complaints).toBe('');
});
