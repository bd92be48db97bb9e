import { printable } from './format.ts';

/** Columns padded to their widest cell, three spaces between them. */
export function formatTable(rows: readonly (readonly string[])[], indent = ''): string {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return cells
    .map((row) => `${indent}${row.map((cell, i) => cell.padEnd(widths[i])).join('   ')}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}
