/**
 * What the device of an Ethernet pseudowire is joined with: a bridge that is there already, or an interface, to which a
 * bridge of our own is the wire.
 */
import { PlaneError } from '../engine/errors.ts';
import type { EthernetSpec } from '../engine/spec.ts';
import { stopIpv6 } from './ipv6-use.ts';
import type { Removals } from './removals.ts';
import type { Rtnl } from './rtnl.ts';
import type { Link } from './rtnl-objects.ts';

/** What is said of the spec. */
export type JointSpec = Pick<EthernetSpec, 'bridge' | 'attach'>;

export class Joint {
  readonly #rtnl: Rtnl;
  readonly #removals: Removals;
  #spec: JointSpec = {};
  /** The bridge that the device was made part of; 0: none. */
  #master = 0;
  /** Our own bridge; 0: none. */
  #wire = 0;
  #interface = 0;

  constructor(rtnl: Rtnl, removals: Removals) {
    this.#rtnl = rtnl;
    this.#removals = removals;
  }

  /** The index of the interface at the other end of the wire; 0: none. */
  get interface(): number {
    return this.#interface;
  }

  /** The name of what the device is, or should be, joined with. */
  get partner(): string | undefined {
    return this.#spec.bridge ?? this.#spec.attach;
  }

  /**
   * Finds what a device is to be joined with.
   * @throws PlaneError ENODEV, EBUSY, EINVAL
   */
  find({ bridge, attach }: JointSpec): Link | undefined {
    if (bridge !== undefined && attach !== undefined) {
      throw new PlaneError('EINVAL', `either bridge ${bridge} or interface ${attach}, not both`);
    }
    if (bridge !== undefined) return this.findBridge(bridge);
    return attach === undefined ? undefined : this.findInterface(attach);
  }

  private findBridge(name: string): Link {
    const link = this.#rtnl.link(name);
    if (link === undefined) throw new PlaneError('ENODEV', `bridge ${name}`);
    if (link.kind !== 'bridge') throw new PlaneError('EINVAL', `${name} is no bridge`);
    return link;
  }

  private findInterface(name: string): Link {
    const link = this.#rtnl.link(name);
    if (link === undefined) throw new PlaneError('ENODEV', `interface ${name}`);
    if (link.master === 0 || link.master === this.#wire) return link;
    const master = this.#rtnl.link(link.master);
    const whose = master?.alias === undefined ? '' : ` (${master.alias})`;
    throw new PlaneError('EBUSY', `interface ${name} is part of ${master?.name ?? 'another'}${whose}`);
  }

  /**
   * Joins a device as the spec says, or undoes what was before. What is right stays as it is.
   * @throws PlaneError as `find`
   */
  settle(device: { index: number; name: string }, spec: JointSpec, alias: string): void {
    const partner = this.find(spec);
    this.#spec = { bridge: spec.bridge, attach: spec.attach };
    if (this.#interface !== 0 && this.#interface !== partner?.index) this.release();
    if (spec.attach === undefined) this.removeWire();
    if (partner === undefined) {
      if (this.#master !== 0) this.#rtnl.changeLink(device.index, { master: 0 }, `device ${device.name}`);
      this.#master = 0;
    } else if (spec.attach === undefined) {
      this.#rtnl.changeLink(device.index, { master: partner.index }, `bridge ${partner.name}`);
      this.#master = partner.index;
    } else {
      this.connect(device, partner, alias);
    }
  }

  private connect(device: { index: number; name: string }, partner: Link, alias: string): void {
    if (this.#wire !== 0 && this.#rtnl.link(this.#wire) === undefined) this.#wire = 0;
    if (this.#wire === 0) {
      // No other device ever has this one's index.
      const name = `l2tpbr${device.index}`;
      this.#wire = this.#rtnl.createWire(name);
      stopIpv6(this.#rtnl, { index: this.#wire, name });
    }
    const what = `interface ${partner.name}`;
    this.#rtnl.changeLink(this.#wire, { alias, up: true });
    this.#rtnl.joinWire(this.#wire, device.index, what);
    this.#rtnl.joinWire(this.#wire, partner.index, what);
    this.#master = this.#wire;
    this.#interface = partner.index;
  }

  /** The interface is nobody's again, as it was. */
  private release(): void {
    const link = this.#rtnl.link(this.#interface);
    this.#interface = 0;
    try {
      if (link !== undefined && link.master === this.#wire) this.#rtnl.changeLink(link.index, { master: 0 });
    } catch (error) {
      // It went away just now.
      if (!(error instanceof PlaneError)) throw error;
    }
  }

  private removeWire(): void {
    if (this.#wire === 0) return;
    this.#removals.addBridge(this.#wire);
    this.#wire = 0;
  }

  /** Undoes everything, for a device that goes. */
  close(): void {
    if (this.#interface !== 0) this.release();
    this.removeWire();
    this.#master = 0;
  }

  /** Whether the interface at the other end can carry frames; a bridge always can. */
  get runs(): boolean {
    if (this.#spec.attach === undefined) return true;
    const link = this.#interface === 0 ? undefined : this.#rtnl.link(this.#interface);
    return link !== undefined && link.name === this.#spec.attach && link.up && link.carrier;
  }

  /** At one look: whether the device, and the interface, are still joined as they were. */
  holds(device: Link): boolean {
    if (this.partner === undefined) return true;
    if (this.#master === 0 || device.master !== this.#master) return false;
    return this.#interface === 0 || this.#rtnl.link(this.#interface)?.master === this.#wire;
  }

  /** In words, what differs from what should be. */
  gaps(links: ReadonlyMap<number, Link>, device: Link): string[] {
    const { bridge, attach } = this.#spec;
    if (bridge !== undefined) {
      if (links.get(device.master)?.name === bridge) return [];
      return [isThere(links, bridge) ? `not in bridge ${bridge}` : `bridge ${bridge} missing`];
    }
    if (attach === undefined) return [];
    const partner = links.get(this.#interface);
    if (partner?.name !== attach && !isThere(links, attach)) return [`interface ${attach} missing`];
    const wire = links.get(this.#wire);
    const joined = wire !== undefined && device.master === wire.index && partner?.master === wire.index;
    if (!joined || partner?.name !== attach) return [`interface ${attach} not joined`];
    return wire.up ? [] : [`bridge ${wire.name} down`];
  }
}

function isThere(links: ReadonlyMap<number, Link>, name: string): boolean {
  for (const link of links.values()) if (link.name === name) return true;
  return false;
}
