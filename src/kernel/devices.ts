/**
 * Our devices: what each should be, what the kernel says it is, and the way back. A device of somebody else is never
 * touched: ours carry an alias that begins with `prol2tp:`.
 */
import { PlaneError } from '../engine/errors.ts';
import type { DeviceSpec } from '../engine/spec.ts';
import { isIpv6Off } from './ipv6-use.ts';
import { NeighbourProxies, type Subnet, subnetsOf } from './neighbour-proxies.ts';
import { type Network, NetworkTable } from './networks.ts';
import type { Removals } from './removals.ts';
import type { Rtnl } from './rtnl.ts';
import { addressText, type Link, type LinkAddress, type Route, routeText } from './rtnl-objects.ts';
import type { Carrier, L2tpSession, LinkLocal } from './sessions.ts';
import { openTun, stopTun, type Tun } from './tun.ts';

export const ownershipMark = 'prol2tp:';
const leastIpv6Mtu = 1280;

/** What the kernel has, gathered once for any number of devices. Addresses and routes as text. */
export interface Snapshot {
  links: ReadonlyMap<number, Link>;
  addresses: ReadonlyMap<number, ReadonlySet<string>>;
  routes: ReadonlyMap<number, ReadonlySet<string>>;
  subnets: readonly Subnet[];
  /** The addresses that are answered for on a link. */
  proxies: ReadonlyMap<number, ReadonlySet<string>>;
}

export function takeSnapshot(rtnl: Rtnl): Snapshot {
  const routes = rtnl.routes().filter((route) => route.ours);
  const links = new Map(rtnl.links().map((link) => [link.index, link]));
  const addresses = rtnl.addresses();
  return {
    links,
    addresses: byLink(addresses, addressText),
    routes: byLink(routes, routeText),
    subnets: subnetsOf(addresses, (index) => links.get(index)),
    proxies: byLink(rtnl.neighbourProxies(), ({ address }) => address),
  };
}

function byLink<T extends { link: number }>(
  objects: readonly T[],
  text: (object: T) => string,
): Map<number, Set<string>> {
  const grouped = new Map<number, Set<string>>();
  for (const object of objects) {
    const group = grouped.get(object.link);
    if (group) group.add(text(object));
    else grouped.set(object.link, new Set([text(object)]));
  }
  return grouped;
}

/** A route that differs only in its link, which is known when the device is there. */
export type DeviceRoute = Omit<Route, 'link'>;

/** What packets and the system tell about a device, for who owns it. */
export interface DeviceEvents {
  /** Packets wait at the device. */
  readable(device: Device): void;
  /** Its descriptor must no longer be used. */
  closing(device: Device): void;
  /** Somebody deleted it. */
  lost(device: Device): void;
}

export class Device implements Carrier {
  readonly owner: string;
  sole: L2tpSession | undefined = undefined;
  readonly ipv4 = new NetworkTable<L2tpSession>();
  readonly ipv6 = new NetworkTable<L2tpSession>();
  readonly byInterfaceId = new Map<bigint, L2tpSession>();
  /** Our own link-local addresses on a shared device, by interface identifier. */
  readonly linkLocals = new Map<bigint, LinkLocal>();
  /** For shared devices: what was applied last. */
  spec: DeviceSpec | undefined = undefined;
  /** Its routes, read. */
  pools: readonly Network[] = [];
  /** The peers' addresses that are answered for beside us. */
  readonly proxies: NeighbourProxies;
  /** The route outside our devices that keeps the tunnel's own packets out of its default route. */
  guard: Route | undefined = undefined;
  /** An own device's default route, in one piece or two halves. */
  defaultRoutes: readonly DeviceRoute[] = [];
  /** What was last told as drift. */
  toldGaps = '';

  #name: string;
  #mtu: number;
  #index = 0;
  /** As it was when the device was opened. */
  #ipv6Off = true;
  #tun: Tun | undefined = undefined;
  readonly #addresses = new Map<string, LinkAddress>();
  readonly #routes = new Map<string, DeviceRoute>();
  readonly #rtnl: Rtnl;
  readonly #removals: Removals;
  readonly #events: DeviceEvents;

  /** `name` may hold `%d` until the device is opened. */
  constructor(rtnl: Rtnl, removals: Removals, events: DeviceEvents, name: string, owner: string, mtu: number) {
    this.#rtnl = rtnl;
    this.proxies = new NeighbourProxies(rtnl);
    this.#removals = removals;
    this.#events = events;
    this.#name = name;
    this.#mtu = mtu;
    this.owner = owner;
  }

  get name(): string {
    return this.#name;
  }

  /** Whether IPv6 addresses can be set: not below IPv6's least MTU (RFC 8200 5), nor where the system has it off. */
  get takesIpv6(): boolean {
    return this.#mtu >= leastIpv6Mtu && !this.#ipv6Off;
  }

  /** 0 while the device is gone. */
  get index(): number {
    return this.#index;
  }

  /** -1 while the device is gone. */
  get fd(): number {
    return this.#tun?.fd ?? -1;
  }

  get mtu(): number {
    return this.#mtu;
  }

  /**
   * Creates the device and gives it all that it should have.
   * @throws PlaneError; EEXIST when the name is another's
   */
  open(): void {
    this.#removals.finish();
    const tun = openTun(this.#name, (events) => this.ready(events));
    this.#tun = tun;
    this.#name = tun.name;
    try {
      const link = this.#rtnl.link(tun.name);
      if (link === undefined) throw new PlaneError('ENODEV', `TUN device ${tun.name}`);
      this.#index = link.index;
      this.#ipv6Off = isIpv6Off(tun.name);
      this.#rtnl.stopIpv6Generation(link.index);
      this.restore();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Deletes the device, on the event loop's next turn. What it should have is kept. */
  close(): void {
    const tun = this.#tun;
    if (tun === undefined) return;
    this.#events.closing(this);
    stopTun(tun);
    this.#removals.add(tun, this.#index);
    this.#tun = undefined;
    this.#index = 0;
  }

  private ready(events: number): void {
    if (events >= 0) {
      this.#events.readable(this);
      return;
    }
    this.close();
    this.#events.lost(this);
  }

  /** Brings the device back to what it should be, by the least that does it. */
  repair(): void {
    const link = this.#index === 0 ? undefined : this.#rtnl.link(this.#index);
    if (link !== undefined && link.name === this.#name) {
      this.restore();
    } else {
      this.close();
      this.open();
    }
  }

  /** Up comes before the addresses: the kernel takes IPv6 addresses and routes away with it. */
  private restore(): void {
    const alias = ownershipMark + this.owner;
    this.#rtnl.changeLink(this.#index, { mtu: this.#mtu, alias, up: true });
    for (const address of this.#addresses.values()) this.addAddress(address);
    this.addRoutes(this.#routes.values());
    if (this.guard) this.#rtnl.addRoute(this.guard);
    this.proxies.restore();
  }

  /** The route, of whatever link, that packets to an address take now. */
  wayTo(address: string): Route | undefined {
    return this.#rtnl.routeTo(address);
  }

  /** Whether it should have the address or route of this text. */
  wants(text: string): boolean {
    return this.#addresses.has(text) || this.#routes.has(text);
  }

  /** In words, what differs from what should be. */
  gaps({ links, addresses, routes, subnets, proxies }: Snapshot): string[] {
    const link = links.get(this.#index);
    if (link?.name !== this.#name) return this.linkGaps(link);
    const gaps = this.linkGaps(link);
    for (const [text, address] of this.#addresses) {
      if (this.fits(address.address) && !addresses.get(this.#index)?.has(text)) gaps.push(`address ${text} missing`);
    }
    for (const [text, { destination }] of this.#routes) {
      if (this.fits(destination) && !routes.get(this.#index)?.has(text)) gaps.push(`route ${text} missing`);
    }
    if (this.guard && !routes.get(this.guard.link)?.has(routeText(this.guard))) {
      gaps.push(`route ${routeText(this.guard)} missing`);
    }
    gaps.push(...this.proxies.gaps(subnets, (on, address) => proxies.get(on)?.has(address) === true));
    return gaps;
  }

  /** The same, only as far as the link itself is concerned. */
  linkGaps(link: Link | undefined): string[] {
    if (link === undefined) return ['missing'];
    if (link.name !== this.#name) return [`renamed to ${link.name}`];
    const gaps: string[] = [];
    if (!link.up) gaps.push('down');
    if (link.mtu !== this.#mtu) gaps.push(`mtu ${link.mtu} instead of ${this.#mtu}`);
    if (link.alias !== ownershipMark + this.owner) gaps.push('alias changed');
    return gaps;
  }

  // Each of these takes effect at once while the device is there; else, when it is opened.

  setMtu(mtu: number): void {
    if (mtu === this.#mtu) return;
    if (this.#index !== 0) this.#rtnl.changeLink(this.#index, { mtu });
    const tookIpv6 = this.takesIpv6;
    this.#mtu = mtu;
    if (tookIpv6 || !this.takesIpv6 || this.#index === 0) return;
    // IPv6 begins anew on the device.
    this.#rtnl.stopIpv6Generation(this.#index);
    for (const address of this.#addresses.values()) this.addAddress(address);
    this.addRoutes(this.#routes.values());
  }

  /** Makes `wanted` all the addresses. Old ones go first: one with the same peer would take the new one with it. */
  setAddresses(wanted: readonly LinkAddress[]): void {
    const texts = new Set(wanted.map(addressText));
    for (const [text, address] of this.#addresses) if (!texts.has(text)) this.removeAddress(address);
    for (const address of wanted) this.setAddress(address);
  }

  setAddress(address: LinkAddress): void {
    if (this.#index !== 0) this.addAddress(address);
    this.#addresses.set(addressText(address), address);
  }

  removeAddress(address: LinkAddress): void {
    if (!this.#addresses.delete(addressText(address)) || this.#index === 0) return;
    this.#rtnl.deleteAddress(this.#index, address);
    if (isIpv6(address.address) || [...this.#addresses.values()].some((other) => !isIpv6(other.address))) return;
    // With its last IPv4 address the kernel takes a device's routes away.
    this.addRoutes(this.#routes.values());
  }

  /** Makes `wanted` all the routes. */
  setRoutes(wanted: readonly DeviceRoute[]): void {
    const texts = new Set(wanted.map(deviceRouteText));
    for (const [text, route] of this.#routes) if (!texts.has(text)) this.removeRoute(route);
    for (const route of wanted) this.setRoute(route);
  }

  setRoute(route: DeviceRoute): void {
    if (this.#index !== 0) this.addRoutes([route]);
    this.#routes.set(deviceRouteText(route), route);
  }

  removeRoute(route: DeviceRoute): void {
    if (this.#routes.delete(deviceRouteText(route)) && this.#index !== 0) {
      this.#rtnl.deleteRoute({ ...route, link: this.#index });
    }
  }

  /** Whether the device can have such an address or route now: one of IPv6 needs room for IPv6. */
  private fits(address: string): boolean {
    return this.takesIpv6 || !isIpv6(address);
  }

  private addAddress(address: LinkAddress): void {
    if (this.fits(address.address)) this.#rtnl.addAddress(this.#index, address);
  }

  private addRoutes(routes: Iterable<DeviceRoute>): void {
    const link = this.#index;
    // Asked for once at most: the table may be as long as the list of sessions.
    let held: Set<string> | undefined;
    for (const route of routes) {
      if (!this.fits(route.destination) || this.#rtnl.addRoute({ ...route, link })) continue;
      held ??= new Set(this.#rtnl.routes().flatMap((other) => (other.link === link ? routeText(other) : [])));
      const text = deviceRouteText(route);
      if (!held.has(text)) throw new PlaneError('EEXIST', `route ${text} for ${this.#name}: another device has it`);
    }
  }
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

function deviceRouteText(route: DeviceRoute): string {
  return routeText({ ...route, link: 0 });
}

/**
 * Deletes what a crash left behind: TUN and TAP devices with our mark that no process holds, bridges with our mark
 * without such a device, and our guarding routes and neighbour proxies when no device of ours is left. Answers the names
 * of the devices.
 */
export function sweep(rtnl: Rtnl): string[] {
  const marked = rtnl.links().filter((link) => link.alias?.startsWith(ownershipMark));
  const devices = marked.filter((link) => link.kind === 'tun');
  const unheld = devices.filter(isUnheld);
  const masters = new Set(devices.filter((link) => !isUnheld(link)).map((link) => link.master));
  const bridges = marked.filter((link) => link.kind === 'bridge' && !masters.has(link.index));
  const abandoned = [...unheld, ...bridges];
  for (const link of abandoned) rtnl.deleteLink(link.index);
  if (marked.length === abandoned.length) {
    for (const route of rtnl.routes()) if (route.ours) rtnl.deleteRoute(route);
    for (const proxy of rtnl.neighbourProxies()) if (proxy.ours) rtnl.deleteNeighbourProxy(proxy.link, proxy.address);
  }
  return abandoned.map((link) => link.name);
}

/** Only a persistent device stays when no process holds it. A held one may be without a carrier, as its peer is. */
function isUnheld({ persistent, carrier }: Link): boolean {
  return persistent && !carrier;
}
