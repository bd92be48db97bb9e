/** The tables in docs/rfc2661.md and docs/rfcs.md name what exists, leave nothing out, and give their reasons. */
import { describe, expect, it } from 'vitest';
import { expectHonest, missingSections, rowsOf } from './requirements.ts';

const documents = { 'rfc2661.md': rowsOf('rfc2661.md'), 'rfcs.md': rowsOf('rfcs.md') };

/**
 * The sections of RFC 2661 that say MUST or SHOULD, negated or not, read from the text. The flags of single AVPs are
 * not counted: one row is for all of them.
 */
const saidInRfc2661 = {
  MUST:
    '3.1 4.1 4.2 4.3 4.4.1 4.4.2 4.4.3 4.4.4 4.4.5 4.4.6 5.0 5.1.1 5.3 5.4 5.7 5.8 6.0 6.1 6.2 6.3 6.4 6.5 6.6 6.7 ' +
    '6.8 6.9 6.10 6.11 6.12 6.13 6.14 7.1 7.2.1 7.5 7.5.1 8.1 8.2 9.1 9.5',
  SHOULD: '4.4.2 5.8 6.5 8.1 9.1',
  /** The state tables have no such words. */
  says: '7.2.1 7.4.1 7.4.2 7.5.1 7.5.2 7.6 A',
} as const;

describe.each(Object.entries(documents))('docs/%s', (_document, rows) => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)('$section: $requirement', expectHonest);
});

describe('docs/rfc2661.md', () => {
  it.each(Object.entries(saidInRfc2661))('has every section that has a %s', (level, sections) => {
    expect(missingSections(documents['rfc2661.md'], level, sections)).toEqual([]);
  });
});

describe('docs/rfcs.md', () => {
  it.each(['2516', '3145', '3301', '3308', '3437', '4623', '4667', '5515'])('speaks of RFC %s', (number) => {
    expect(documents['rfcs.md'].some(({ section }) => section.startsWith(`${number} `))).toBe(true);
  });
});
