/**
 * Answers for peers' addresses on the networks beside us (RFC 1027), by the kernel's neighbour proxies: on each interface
 * whose subnet holds the address. The kernel answers where it forwards packets.
 */

import { parseIpv4 } from '../engine/wire/ipv4.ts';
import { covers, ipv4Host, type Network, parseNetwork } from './networks.ts';
import type { Rtnl } from './rtnl.ts';
import type { Link, LinkAddress } from './rtnl-objects.ts';

/** A network that an interface is on, and where its hosts ask for each other's addresses. */
export interface Subnet {
  readonly link: number;
  readonly network: Network;
}

/** The subnets among the addresses of links; ours, which are point-to-point, are none. */
export function subnetsOf(
  addresses: readonly (LinkAddress & { link: number })[],
  linkOf: (index: number) => Link | undefined,
): Subnet[] {
  return addresses
    .filter(({ address, peer, prefix }) => peer === undefined && prefix < 32 && parseIpv4(address) !== undefined)
    .filter(({ link }) => linkOf(link)?.asksNeighbours === true)
    .map(({ address, prefix, link }) => ({ link, network: parseNetwork(`${address}/${prefix}`) }));
}

/** The addresses that are answered for because of one device's sessions. */
export class NeighbourProxies {
  readonly #rtnl: Rtnl;
  /** By address: the interfaces on which we have made an entry. */
  readonly #links = new Map<string, readonly number[]>();

  constructor(rtnl: Rtnl) {
    this.#rtnl = rtnl;
  }

  get size(): number {
    return this.#links.size;
  }

  has(address: string): boolean {
    return this.#links.has(address);
  }

  /** @throws PlaneError */
  add(address: string): void {
    this.answer(address, this.subnets());
  }

  remove(address: string): void {
    const links = this.#links.get(address);
    this.#links.delete(address);
    for (const link of links ?? []) this.#rtnl.deleteNeighbourProxy(link, address);
  }

  /** Makes `wanted` all the addresses. */
  setAll(wanted: readonly string[]): void {
    for (const address of this.#links.keys()) if (!wanted.includes(address)) this.remove(address);
    for (const address of wanted) this.add(address);
  }

  /** Makes the entries that should be there. */
  restore(): void {
    if (this.#links.size === 0) return;
    const subnets = this.subnets();
    for (const address of this.#links.keys()) this.answer(address, subnets);
  }

  private subnets(): Subnet[] {
    return subnetsOf(this.#rtnl.addresses('IPv4'), (index) => this.#rtnl.link(index));
  }

  private answer(address: string, subnets: readonly Subnet[]): void {
    const links = new Set(this.#links.get(address));
    for (const link of linksFor(address, subnets)) {
      // An entry of somebody else's stays his.
      if (this.#rtnl.neighbourProxy(link, address)?.ours === false) links.delete(link);
      else if (this.#rtnl.addNeighbourProxy(link, address)) links.add(link);
    }
    this.#links.set(address, [...links]);
  }

  /** In words, what is missing, given what the kernel has. */
  gaps(subnets: readonly Subnet[], has: (link: number, address: string) => boolean): string[] {
    const gaps: string[] = [];
    for (const address of this.#links.keys()) {
      const missing = linksFor(address, subnets).some((link) => !has(link, address));
      if (missing) gaps.push(`neighbour proxy ${address} missing`);
    }
    return gaps;
  }
}

function linksFor(address: string, subnets: readonly Subnet[]): number[] {
  const host = ipv4Host(parseIpv4(address) ?? 0);
  return subnets.filter(({ network }) => covers(network, host)).map(({ link }) => link);
}
