/** Time, as what has none of its own is told it. */
export interface Clock {
  /** Milliseconds that only ever grow. */
  now(): number;
  /** Wall-clock time, milliseconds since the epoch. */
  wall(): number;
  /** Calls back once; what it returns prevents that. */
  setTimer(delayMs: number, callback: () => void): () => void;
}
