import { readFile } from 'node:fs/promises';

/** One packet as freeradius has noted it: what stands in it, by the names of its dictionary, each in its order. */
export type Noted = ReadonlyMap<string, readonly string[]>;

/**
 * A file of its module `detail` (rlm_detail(5)): a line with the time, then an attribute in a line, then an empty line.
 * What has only been written in part yet is left out. No file: no packets.
 */
export async function readDetail(path: string): Promise<Noted[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n\n').slice(0, -1).map(read);
}

function read(entry: string): Noted {
  const noted = new Map<string, string[]>();
  for (const [, name, text] of entry.matchAll(/^\t([^ ]+) = (.*)$/gm)) {
    const value = text.replace(/^"(.*)"$/, '$1').replaceAll('\\"', '"');
    const values = noted.get(name);
    if (values === undefined) noted.set(name, [value]);
    else values.push(value);
  }
  return noted;
}

/** The attribute's value in that packet; undefined where it is not there. @throws Error where it is more than once. */
export function only(noted: Noted, name: string): string | undefined {
  const values = noted.get(name) ?? [];
  if (values.length > 1) throw new Error(`${name} is there ${values.length} times`);
  return values.at(0);
}
