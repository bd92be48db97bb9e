/** The devices that Ethernet and VLAN pseudowires are attached to. */
import { PlaneError } from '../engine/errors.ts';
import type { EthernetAttachment, PlaneEvents } from '../engine/ports.ts';
import type { PlaneDevice } from '../engine/spec.ts';
import type { DataPath } from './data-path.ts';
import type { Snapshot } from './devices.ts';
import type { Rtnl } from './rtnl.ts';
import type { LinkChangeKind } from './rtnl-monitor.ts';
import type { L2tpSession } from './sessions.ts';

export interface EthernetPortsParts {
  rtnl: Rtnl;
  path: DataPath;
  events: PlaneEvents;
}

export class EthernetPorts {
  readonly #parts: EthernetPortsParts;
  readonly #devices = new Map<string, L2tpSession>();

  constructor(parts: EthernetPortsParts) {
    this.#parts = parts;
  }

  /** How many devices there are. */
  get size(): number {
    return this.#devices.size;
  }

  /**
   * Again with other facts: changes what differs. Answers the device's name.
   * @throws PlaneError
   */
  attach(session: L2tpSession, { owner }: EthernetAttachment): { interface: string } {
    this.#parts.path.refuse(session, 'notAttached');
    throw new PlaneError('EOPNOTSUPP', `Ethernet device of ${owner}`);
  }

  /** Nothing happens when the session is not attached. */
  detach(session: L2tpSession): void {
    session.circuit = undefined;
  }

  /** Shows at the session's device whether the peer's circuit is active. */
  peerCircuit(session: L2tpSession, active: boolean): void {
    session.peerActive = active;
  }

  /** Whether a device of that name is one of these. */
  has(name: string): boolean {
    return this.#devices.has(name);
  }

  list(_snapshot: Snapshot): PlaneDevice[] {
    return [];
  }

  /** @throws PlaneError */
  repair(name: string): void {
    throw new PlaneError('ENODEV', `device ${name}`);
  }

  /** Somebody, or we, changed the link of that index. */
  linkChanged(_link: number | 'unknown', _kind: LinkChangeKind): void {
    // No device depends on a link.
  }

  /** Deletes devices that a crash left behind. Answers their names. */
  sweep(): string[] {
    return [];
  }

  close(): void {
    this.#devices.clear();
  }
}
