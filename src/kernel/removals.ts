/**
 * Deleting a device makes the kernel wait some ten milliseconds, however many are deleted in one call. So devices are
 * gathered until the event loop's next turn and deleted together.
 */
import type { Rtnl } from './rtnl.ts';
import { closeTun, type Tun } from './tun.ts';

/** The link group that devices are put into when they are about to be deleted. Nobody else's are in it. */
const doomedGroup = 0x70326c74;

export class Removals {
  readonly #rtnl: Rtnl;
  #doomed: { tun: Tun | undefined; index: number }[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(rtnl: Rtnl) {
    this.#rtnl = rtnl;
  }

  /** The packets of a TUN or TAP device must no longer be polled for; what is none has no `tun`. */
  add(tun: Tun | undefined, index: number): void {
    this.#doomed.push({ tun, index });
    this.#turn ??= setImmediate(() => this.finish());
  }

  /** Deletes now what was gathered: their names are free afterwards. */
  finish(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const doomed = this.#doomed;
    this.#doomed = [];
    if (doomed.length > 1) {
      for (const { index } of doomed) this.#rtnl.setLinkGroup(index, doomedGroup);
      this.#rtnl.deleteLinkGroup(doomedGroup);
    }
    for (const { tun, index } of doomed) {
      // Closing deletes what is left.
      if (tun) closeTun(tun);
      else this.#rtnl.deleteLink(index);
    }
  }
}
