/** The tables in docs/rfc2661.md and docs/rfcs.md name what exists, leave nothing out, and give their reasons. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

interface Row {
  section: string;
  role: string;
  level: string;
  requirement: string;
  where: string;
  test: string;
  state: string;
}

const columns = 'Section | Role | Level | Requirement | Where | Test | State';

/** The rows of all tables in a document that have our columns. */
function rowsOf(document: string): Row[] {
  const lines = readFileSync(join(root, 'docs', document), 'utf8').split('\n');
  const rows: Row[] = [];
  for (const line of lines) {
    if (!line.startsWith('|') || line === `| ${columns} |` || line.startsWith('|---')) continue;
    const cells = line.split('|').map((cell) => cell.trim());
    expect(cells, line).toHaveLength(9);
    const [, section, role, level, requirement, where, test, state] = cells;
    rows.push({ section, role, level, requirement, where, test, state });
  }
  return rows;
}

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

/** `6.1 - 6.3` is the sections from one to the other, `4.1, 4.2` both. */
function covers(cell: string, section: string): boolean {
  return cell.split(', ').some((part) => {
    const [first, last = first] = part.split(' - ');
    if (first === last) return first === section;
    const at = (each: string) => Number(each.slice(each.lastIndexOf('.') + 1));
    const chapter = (each: string) => each.slice(0, each.lastIndexOf('.'));
    return chapter(first) === chapter(section) && at(first) <= at(section) && at(section) <= at(last);
  });
}

describe.each(Object.entries(documents))('docs/%s', (_document, rows) => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)('$section: $requirement', ({ role, level, where, test, state }) => {
    expect(['LAC', 'LNS', 'both']).toContain(role);
    expect(['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY', 'says']).toContain(level);
    for (const path of where.split(', ').filter((each) => each !== '')) {
      expect(existsSync(join(root, 'src', path)), `src/${path}`).toBe(true);
    }
    const cited = /([\w./-]+)(?: "([^"]+)")?(?:, |$)/g;
    expect(test.replaceAll(cited, '')).toBe('');
    for (const [, path, name] of test.matchAll(cited)) {
      expect(existsSync(join(root, 'test', path)), `test/${path}`).toBe(true);
      if (name !== undefined) expect(readFileSync(join(root, 'test', path), 'utf8')).toContain(name);
    }
    // What is done is shown; what is not has its reason.
    expect(state).toMatch(/^done([:;,]| with |$| for | there:)|^(differs|not done|does not apply): ./);
    if (state.startsWith('done')) expect([where, test]).not.toContain('');
  });
});

describe('docs/rfc2661.md', () => {
  it.each(Object.entries(saidInRfc2661))('has every section that has a %s', (level, sections) => {
    const said = documents['rfc2661.md'].filter((row) => row.level === level || row.level === `${level} NOT`);
    const missing = sections.split(' ').filter((section) => !said.some((row) => covers(row.section, section)));
    expect(missing).toEqual([]);
  });
});

describe('docs/rfcs.md', () => {
  it.each(['2516', '3145', '3301', '3308', '3437', '5515'])('speaks of RFC %s', (number) => {
    expect(documents['rfcs.md'].some(({ section }) => section.startsWith(`${number} `))).toBe(true);
  });
});
