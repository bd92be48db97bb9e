const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration of the schemas (`60s`, `0`) in milliseconds. */
export function durationMs(duration: string | number): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(String(duration));
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : Number(duration);
}

const multiples = { '': 1, k: 1e3, M: 1e6, G: 1e9 } as const;

/** A rate of the schemas (`100M`, `64000`) in bits per second. */
export function bitsPerSecond(rate: string | number): number {
  const match = /^(\d+)([kMG]?)$/.exec(String(rate));
  return match ? Number(match[1]) * multiples[match[2] as keyof typeof multiples] : Number(rate);
}

/** Bits per second as the schemas take them. */
export function formatRate(bps: number): string {
  const unit = (['G', 'M', 'k'] as const).find((name) => bps > 0 && bps % multiples[name] === 0) ?? '';
  return `${bps / multiples[unit]}${unit}`;
}

/** Milliseconds as a person would write them. */
export function formatDuration(ms: number): string {
  const unit = (['h', 'm', 's'] as const).find((name) => ms > 0 && ms % unitMs[name] === 0) ?? 'ms';
  return ms === 0 ? '0' : `${ms / unitMs[unit]}${unit}`;
}
