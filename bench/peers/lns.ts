import type { Lab } from '../lab.ts';

/** An LNS that can be started in the bench's `lns` namespace and listens on that side's address, port 1701. */
export interface Lns {
  readonly name: string;
  /** Starts it; it need not answer yet. */
  start(lab: Lab): Promise<RunningLns>;
}

export interface RunningLns {
  /** The process whose processor time and memory count. */
  readonly pid: number;
  /** Stops it and whatever was started for it. */
  stop(): Promise<void>;
}
