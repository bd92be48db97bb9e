/** Tables in docs/ that say of each requirement of an RFC where it is done and what shows it. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';

const root = resolve(import.meta.dirname, '..');

export interface Row {
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
export function rowsOf(document: string): Row[] {
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

/** What it names exists, and it says why something is not done. */
export function expectHonest({ role, level, where, test, state }: Row): void {
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
}

/** The sections of such a list that no row speaks of at this level, or its negation. */
export function missingSections(rows: readonly Row[], level: string, sections: string): string[] {
  const said = rows.filter((row) => row.level === level || row.level === `${level} NOT`);
  return sections.split(' ').filter((section) => !said.some((row) => covers(row.section, section)));
}

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
