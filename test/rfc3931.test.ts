/** The tables in docs/rfc3931.md name what exists, leave nothing out, and give their reasons. */
import { describe, expect, it } from 'vitest';
import { expectHonest, missingSections, rowsOf } from './requirements.ts';

const rows = rowsOf('rfc3931.md');

/**
 * The sections of RFC 3931 that say MUST or SHOULD, negated or not, read from the text. The flags of single AVPs are not
 * counted: one row is for all of them.
 */
const saidInRfc3931 = {
  MUST:
    '3 3.2.1 3.2.2 3.3.2 4.1 4.1.2.1 4.1.2.2 4.1.2.3 4.1.3 4.1.4 4.2 4.3 4.4 4.5 4.6 4.7.1 4.7.3 5.1 5.2 5.3 5.4.1 5.4.2 ' +
    '5.4.3 5.4.4 5.4.5 6 6.1 6.2 6.3 6.4 6.5 6.6 6.7 6.8 6.9 6.10 6.11 6.12 6.13 6.14 7.1 7.2 7.4 7.4.2 8.2 9 C',
  SHOULD: '4.1 4.1.1.2 4.1.4 4.2 4.6 4.6.1 5.4.1 5.4.2 5.4.3 5.4.5 6.14 7.1 7.5 C',
  /** The state tables have no such words. */
  says: '7.2 7.3.1 7.3.2 7.4.1 7.4.2 A',
} as const;

/** The same of the documents for kinds of pseudowires. */
const saidElsewhere = {
  MUST: '4719 2.1,4719 2.2,4719 2.3.1,4719 2.3.2,4719 3.2,5641 2,5641 3,4349 2,4349 3.1,4591 3.5,4454 6,4454 7',
  SHOULD: '4719 5,5641 2,4349 3.1,4591 3.3,4454 6',
} as const;

describe('docs/rfc3931.md', () => {
  it.each(rows)('$section: $requirement', expectHonest);

  it.each(Object.entries(saidInRfc3931))('has every section that has a %s', (level, sections) => {
    expect(missingSections(rows, level, sections)).toEqual([]);
  });

  it.each(Object.entries(saidElsewhere))('has the sections of other documents that have a %s', (level, sections) => {
    const said = rows.filter((row) => row.level === level || row.level === `${level} NOT`);
    for (const section of sections.split(',')) {
      expect(
        said.some((row) => row.section.split(', ').includes(section)),
        section,
      ).toBe(true);
    }
  });
});
