/** Traces that resources ask for, as lines of the daemon's log. */
import type { TraceRecord } from '../engine/trace.ts';

/** Lines in a second. A trace of everything under load would be all that the daemon does. */
const maxLinesPerSecond = 2_000;

/** The daemon's log, at a level of its own for traces. */
export interface TraceLogger {
  trace(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** @param nowMs any clock in milliseconds */
export function traceLog(log: TraceLogger, nowMs: () => number): (record: TraceRecord) => void {
  let second = 0;
  let lines = 0;
  let dropped = 0;
  return ({ category, tunnel, session, message, error, fields }) => {
    const now = Math.floor(nowMs() / 1_000);
    if (now !== second) {
      second = now;
      lines = 0;
      if (dropped > 0) log.warn({ dropped }, 'traces came too fast and are left out');
      dropped = 0;
    }
    if (lines >= maxLinesPerSecond) {
      dropped++;
      return;
    }
    lines++;
    log[error ? 'warn' : 'trace']({ trace: category, tunnel, session, ...fields }, message);
  };
}
