/** Notices that somebody changed devices of ours, and tells what differs from what should be. */
import { PlaneError } from '../engine/errors.ts';
import type { PlaneEvents } from '../engine/ports.ts';
import { type Device, type Snapshot, takeSnapshot } from './devices.ts';
import type { Rtnl } from './rtnl.ts';
import type { LinkChangeKind } from './rtnl-monitor.ts';

/** How long changes are gathered before devices are compared: so long that comparing takes a tenth of the time. */
const minCompareDelayMs = 100;
const maxCompareDelayMs = 800;
const compareShare = 10;

/** What may drift, and what was last told of it. */
export interface Drifting {
  readonly name: string;
  toldGaps: string;
  gaps(snapshot: Snapshot): string[];
}

/** Compares what was changed, after a while, and tells of gaps that are new. */
export class GapWatch<D extends Drifting> {
  protected readonly rtnl: Rtnl;
  readonly #events: PlaneEvents;
  #changed = new Set<D>();
  #compare: NodeJS.Timeout | undefined;
  #compareDelayMs = minCompareDelayMs;

  constructor(rtnl: Rtnl, events: PlaneEvents) {
    this.rtnl = rtnl;
    this.#events = events;
  }

  close(): void {
    clearTimeout(this.#compare);
  }

  /** What we do ourselves leaves no gap, so it need not be told apart. */
  mark(device: D): void {
    this.#changed.add(device);
    this.#compare ??= setTimeout(() => this.compare(), this.#compareDelayMs);
  }

  private compare(): void {
    const began = performance.now();
    this.#compare = undefined;
    const changed = this.#changed;
    this.#changed = new Set();
    let snapshot: Snapshot;
    try {
      snapshot = takeSnapshot(this.rtnl);
    } catch (error) {
      if (!(error instanceof PlaneError)) throw error;
      // Others change so much that no dump holds together: later.
      this.#compareDelayMs = maxCompareDelayMs;
      for (const device of changed) this.mark(device);
      return;
    }
    for (const device of changed) {
      const gaps = device.gaps(snapshot).join(', ');
      const told = device.toldGaps;
      device.toldGaps = gaps;
      if (gaps !== '' && gaps !== told) this.#events.drift(device.name, gaps);
    }
    const tookMs = performance.now() - began;
    this.#compareDelayMs = Math.min(Math.max(tookMs * compareShare, minCompareDelayMs), maxCompareDelayMs);
  }

  forget(device: D): void {
    this.#changed.delete(device);
  }
}

/** The same for TUN devices, from what is told of links. */
export class Drift extends GapWatch<Device> {
  readonly #devices: ReadonlyMap<string, Device>;

  constructor(rtnl: Rtnl, devices: ReadonlyMap<string, Device>, events: PlaneEvents) {
    super(rtnl, events);
    this.#devices = devices;
  }

  device(link: number): Device | undefined {
    for (const device of this.#devices.values()) if (device.index === link) return device;
    return undefined;
  }

  linkChanged(link: number | 'unknown', kind: LinkChangeKind): void {
    const own = link === 'unknown' ? undefined : this.device(link);
    if (own) {
      // Setting a device up tells of its link many times: one look spares the long comparison.
      const fine = kind === 'link' && own.linkGaps(this.rtnl.link(own.index)).length === 0;
      if (!fine) this.mark(own);
      return;
    }
    for (const device of this.#devices.values()) {
      if (link === 'unknown' || device.guard?.link === link || device.proxies.size > 0) this.mark(device);
    }
  }
}
