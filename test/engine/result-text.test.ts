import { expect, it } from 'vitest';
import { describeResult } from '../../src/engine/wire/result-text.ts';

it.each([
  ['CDN', { result: 3 }, 'administrative reasons (result 3)'],
  ['StopCCN', { result: 3, error: 0 }, 'the control channel already exists (result 3 error 0)'],
  ['CDN', { result: 2, error: 7 }, 'try another (result 2 error 7)'],
  ['CDN', { result: 2, error: 6, message: 'out of modems' }, 'out of modems (result 2 error 6)'],
  ['StopCCN', { result: 8 }, 'no agreement on the DSCP of control messages (result 8)'],
  ['CDN', { result: 12, error: 0 }, 'no agreement on the DSCP of the session (result 12 error 0)'],
  ['StopCCN', { result: 99 }, 'result 99'],
] as const)('%s %o reads "%s"', (type, result, text) => {
  expect(describeResult(type, result)).toBe(text);
});
