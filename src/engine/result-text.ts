/** Stands with the AVPs, whose texts need it too. */
export { describeResult } from './wire/result-text.ts';
