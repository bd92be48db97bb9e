/** The programs that HDLC, Frame Relay and ATM pseudowires are attached to. */
import { PlaneError } from '../engine/errors.ts';
import type { CircuitAttachment, PlaneEvents } from '../engine/ports.ts';
import type { DataPath } from './data-path.ts';
import type { L2tpSession } from './sessions.ts';

export interface CircuitsParts {
  path: DataPath;
  events: PlaneEvents;
}

export class Circuits {
  readonly #parts: CircuitsParts;
  readonly #sockets = new Map<string, L2tpSession>();

  constructor(parts: CircuitsParts) {
    this.#parts = parts;
  }

  /** How many sockets there are. */
  get size(): number {
    return this.#sockets.size;
  }

  /**
   * Again with other facts: changes what differs. Answers the socket's path.
   * @throws PlaneError
   */
  attach(session: L2tpSession, { owner }: CircuitAttachment): { interface: string } {
    this.#parts.path.refuse(session, 'notAttached');
    throw new PlaneError('EOPNOTSUPP', `circuit of ${owner}`);
  }

  /** Nothing happens when the session is not attached. */
  detach(session: L2tpSession): void {
    session.circuit = undefined;
  }

  /** Tells the session's program whether the peer's circuit is active. */
  peerCircuit(session: L2tpSession, active: boolean): void {
    session.peerActive = active;
  }

  close(): void {
    this.#sockets.clear();
  }
}
