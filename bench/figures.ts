/** Minimum, median and maximum of the figures of several runs. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(figures: number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const median = (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
  return { min: sorted[0], median, max: sorted[sorted.length - 1] };
}

/** `median (min - max)`, or the one figure when all runs agree. */
export function shown(figures: number[], digits: number): string {
  const number = (value: number) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const { min, median, max } = spread(figures);
  return number(min) === number(max) ? number(median) : `${number(median)} (${number(min)} - ${number(max)})`;
}

/** A Markdown table with its columns aligned for reading as text. */
export function markdown(header: string[], rows: string[][]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
