/** Where a command writes to, and what it knows of its surroundings. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  colour: boolean;
  env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Ends what would go on for ever. */
  signal?: AbortSignal;
}
