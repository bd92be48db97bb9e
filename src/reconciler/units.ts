const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration of the schemas (`60s`, `0`) in milliseconds. */
export function durationMs(duration: string | number): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(String(duration));
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : Number(duration);
}

/** Milliseconds as a person would write them. */
export function formatDuration(ms: number): string {
  const unit = (['h', 'm', 's'] as const).find((name) => ms > 0 && ms % unitMs[name] === 0) ?? 'ms';
  return ms === 0 ? '0' : `${ms / unitMs[unit]}${unit}`;
}
