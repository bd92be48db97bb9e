import { describe, expect, it } from 'vitest';
import { emptyShelf, type FileText, type Shelf, shelve } from '../../../src/reconciler/sources/last-good.ts';
import { doc } from '../declare.ts';

const file = (name: string, ...documents: string[]): FileText => ({ file: name, text: documents.join('\n---\n') });
const tunnel = (name: string, mtu: unknown) => doc('Tunnel', name, { mtu });

/** What is in force: id and mtu. */
function inForce({ declared }: Shelf): Record<string, unknown> {
  return Object.fromEntries(
    declared.map((found) => [found.id, found.kind === 'Tunnel' ? found.document.spec.mtu : undefined]),
  );
}

describe('the last good version', () => {
  const first = shelve([file('a', tunnel('x', 1400), tunnel('y', 1401)), file('b', tunnel('z', 1402))], emptyShelf);

  it('is all that was read at first', () => {
    expect(inForce(first)).toEqual({ 'Tunnel/x': 1400, 'Tunnel/y': 1401, 'Tunnel/z': 1402 });
    expect(first.errors).toEqual([]);
  });

  it('stays for a document that became wrong, while the others of its file change', () => {
    const next = shelve([file('a', tunnel('x', 'big'), tunnel('y', 1300)), file('b', tunnel('z', 1402))], first);
    expect(inForce(next)).toEqual({ 'Tunnel/x': 1400, 'Tunnel/y': 1300, 'Tunnel/z': 1402 });
    expect(next.errors.map(({ resource, at }) => [resource, at.file, at.line])).toEqual([['Tunnel/x', 'a', 4]]);
  });

  it('survives several wrong versions and gives way to a good one', () => {
    const wrong = shelve([file('a', tunnel('x', 'big'), tunnel('y', 1300))], first);
    const wronger = shelve([file('a', tunnel('x', 'bigger'), tunnel('y', 1300))], wrong);
    expect(inForce(wronger)).toMatchObject({ 'Tunnel/x': 1400 });
    const good = shelve([file('a', tunnel('x', 1200), tunnel('y', 1300))], wronger);
    expect(inForce(good)).toEqual({ 'Tunnel/x': 1200, 'Tunnel/y': 1300 });
    expect(good.errors).toEqual([]);
  });

  it('stays for the whole of a file that does not parse', () => {
    const next = shelve([file('a', 'kind: [', 'x'), file('b', tunnel('z', 1402))], first);
    expect(inForce(next)).toEqual(inForce(first));
    expect(next.errors).not.toEqual([]);
  });

  it('stays for what a file no longer names when one of its documents cannot be identified', () => {
    const next = shelve([file('a', 'kind: Tunel', tunnel('y', 1300)), file('b', tunnel('z', 1402))], first);
    expect(inForce(next)).toEqual({ 'Tunnel/x': 1400, 'Tunnel/y': 1300, 'Tunnel/z': 1402 });
  });

  it('goes with its document or its file', () => {
    expect(inForce(shelve([file('a', tunnel('y', 1401))], first))).toEqual({ 'Tunnel/y': 1401 });
    const wrong = shelve([file('a', tunnel('x', 'big'), tunnel('y', 1401))], first);
    expect(inForce(shelve([file('a', tunnel('y', 1401))], wrong))).toEqual({ 'Tunnel/y': 1401 });
  });

  it('stays for a file that is suddenly empty, until that is deleted', () => {
    const next = shelve([{ file: 'a', text: '\n' }, file('b', tunnel('z', 1402))], first);
    expect(inForce(next)).toEqual(inForce(first));
    expect(next.errors.map(({ message, at }) => [at.file, message])).toEqual([
      ['a', 'the file is empty: its documents stay in force; delete the file to take them back'],
    ]);
    expect(inForce(shelve([file('b', tunnel('z', 1402))], next))).toEqual({ 'Tunnel/z': 1402 });
    expect(shelve([{ file: 'a', text: '' }], emptyShelf).errors).toEqual([]);
  });

  it('stays for a file that cannot be read', () => {
    const next = shelve([{ file: 'a', error: 'EACCES' }, file('b', tunnel('z', 1402))], first);
    expect(inForce(next)).toEqual(inForce(first));
    expect(next.errors.map(String)).toEqual(['a: cannot be read: EACCES']);
  });

  it('is nothing for what is wrong at the first start, and the others run', () => {
    const start = shelve([file('a', 'kind: ['), file('b', tunnel('z', 1402)), file('c', tunnel('w', 1))], emptyShelf);
    expect(inForce(start)).toEqual({ 'Tunnel/z': 1402 });
    expect(start.errors.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a resource that is declared twice', () => {
  it('is taken from the first file at the start, and the error names both places', () => {
    const shelf = shelve([file('b', tunnel('x', 1402)), file('a', '', tunnel('x', 1401))], emptyShelf);
    expect(inForce(shelf)).toEqual({ 'Tunnel/x': 1401 });
    expect(shelf.errors.map(String)).toEqual([
      'b:3:12: Tunnel/x: metadata.name: is declared twice: a:5 holds it; rename or delete one of the two',
    ]);
  });

  it('stays with the file that held it before', () => {
    const first = shelve([file('b', tunnel('x', 1402))], emptyShelf);
    const next = shelve([file('a', tunnel('x', 1401)), file('b', tunnel('x', 1403))], first);
    expect(inForce(next)).toEqual({ 'Tunnel/x': 1403 });
    expect(next.errors.map(({ at }) => at.file)).toEqual(['a']);
  });

  it('is an error within one file too', () => {
    const shelf = shelve([file('a', tunnel('x', 1400), tunnel('x', 1401))], emptyShelf);
    expect(inForce(shelf)).toEqual({ 'Tunnel/x': 1400 });
    expect(shelf.errors.map(({ at }) => at.line)).toEqual([8]);
  });
});
