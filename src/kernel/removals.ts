/**
 * Deleting a device makes the kernel wait some ten milliseconds, however many are deleted in one call. So devices are
 * gathered until the event loop's next turn and deleted together. For bridges it waits each time: of them one goes a turn.
 */
import type { Rtnl } from './rtnl.ts';
import { closeTun, type Tun } from './tun.ts';

/** The link group that devices are put into when they are about to be deleted. Nobody else's are in it. */
const doomedGroup = 0x70326c74;

export class Removals {
  readonly #rtnl: Rtnl;
  #doomed: { tun: Tun; index: number }[] = [];
  #turn: NodeJS.Immediate | undefined;
  readonly #bridges: number[] = [];
  #bridgeTurn: NodeJS.Immediate | undefined;

  constructor(rtnl: Rtnl) {
    this.#rtnl = rtnl;
  }

  /** The device's packets must no longer be polled for. */
  add(tun: Tun, index: number): void {
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
    // Closing deletes what is left.
    for (const { tun } of doomed) closeTun(tun);
  }

  /** A bridge of ours that joins nothing any more. */
  addBridge(index: number): void {
    this.#bridges.push(index);
    this.#bridgeTurn ??= setImmediate(() => this.nextBridge());
  }

  private nextBridge(): void {
    this.#bridgeTurn = undefined;
    const index = this.#bridges.pop();
    if (index === undefined) return;
    this.#rtnl.deleteLink(index);
    this.#bridgeTurn = setImmediate(() => this.nextBridge());
  }

  /** Deletes everything now. */
  close(): void {
    this.finish();
    clearImmediate(this.#bridgeTurn);
    this.#bridgeTurn = undefined;
    for (const index of this.#bridges.splice(0)) this.#rtnl.deleteLink(index);
  }
}
