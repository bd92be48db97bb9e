import type { Process } from '../../test/netns/process.ts';
import type { Ppp } from '../load/load.ts';
import type { Wire } from '../wire.ts';

/** An LNS that can be started on the wire's `lns` side and listens on that side's address, port 1701. */
export interface Lns {
  readonly name: string;
  /** The PPP that it speaks itself; of others only the control connection is measured. */
  readonly ppp?: Ppp;
  /** Starts it; it need not answer yet. */
  start(wire: Wire): Promise<RunningLns>;
}

export interface RunningLns {
  /** Whose processor time and memory count. */
  readonly process: Process;
  /** The RADIUS server that it asks, where its time is shown too. */
  readonly radius?: Process;
  /** Stops it and whatever was started for it. */
  stop(): Promise<void>;
}
