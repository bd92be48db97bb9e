import { SpecError } from '../../engine/errors.ts';
import { type Declared, type ParsedFile, parseFile } from '../resources.ts';

/** What a file's octets are, or why they cannot be read. */
export interface FileText {
  file: string;
  text?: string;
  /** Set when the file is there but cannot be read. */
  error?: string;
}

interface Shelved {
  /** As read last, with what it was found to hold: a file that did not change is not looked into again. */
  text?: string;
  parsed?: ParsedFile;
  /** The last good version of every document that is still there. */
  declared: readonly Declared[];
}

/** What stands in each file. */
export interface Shelf {
  files: ReadonlyMap<string, Shelved>;
  /** All of them, each id once. */
  declared: readonly Declared[];
  errors: readonly SpecError[];
}

export const emptyShelf: Shelf = { files: new Map(), declared: [], errors: [] };

/**
 * Puts newly read files over what was there before. A document that became wrong keeps its last good version while
 * its error stands; where not even its name can be read, all documents that its file no longer names are kept. A
 * document or file that is gone is gone; a file that is suddenly empty is not: a full disk and a save that broke off
 * look like that.
 */
export function shelve(texts: readonly FileText[], before: Shelf): Shelf {
  const errors: SpecError[] = [];
  const files = new Map<string, Shelved>();
  for (const { file, text, error } of [...texts].sort(byFile)) {
    const known = before.files.get(file) ?? { declared: [] };
    if (text === undefined) {
      errors.push(new SpecError(`cannot be read: ${error ?? 'unknown reason'}`, { file, path: '' }));
      files.set(file, known);
      continue;
    }
    if (text.trim() === '' && known.declared.length > 0) {
      const advice = 'its documents stay in force; delete the file to take them back';
      errors.push(new SpecError(`the file is empty: ${advice}`, { file, path: '' }));
      files.set(file, { declared: known.declared });
      continue;
    }
    const parsed = known.parsed && known.text === text ? known.parsed : parseFile(text, file);
    errors.push(...parsed.errors);
    const named = new Set(parsed.declared.map(({ id }) => id));
    const kept = known.declared.filter(
      ({ id }) => !named.has(id) && (parsed.unidentified || parsed.broken.includes(id)),
    );
    files.set(file, { text, parsed, declared: [...parsed.declared, ...kept] });
  }
  return { files, declared: once(files, before, errors), errors };
}

/** Of documents with one id, the place that held it before keeps it, else the first; the others are errors. */
function once(files: Shelf['files'], before: Shelf, errors: SpecError[]): Declared[] {
  const holders = new Map(before.declared.map((declared) => [declared.id, declared.locate([]).file]));
  const chosen = new Map<string, Declared>();
  const all = [...files.values()].flatMap(({ declared }) => declared);
  for (const declared of all) {
    const other = chosen.get(declared.id);
    const held = holders.get(declared.id) === declared.locate([]).file;
    if (!other || (held && other.locate([]).file !== declared.locate([]).file)) chosen.set(declared.id, declared);
  }
  for (const declared of all) {
    const holder = chosen.get(declared.id);
    if (!holder || holder === declared) continue;
    const there = holder.locate(['metadata', 'name']);
    const message = `is declared twice: ${there.file}:${there.line} holds it; rename or delete one of the two`;
    errors.push(new SpecError(message, declared.locate(['metadata', 'name']), declared.id));
  }
  return [...chosen.values()];
}

function byFile(a: FileText, b: FileText): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : 0;
}
