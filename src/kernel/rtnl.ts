/** Changes and questions through rtnetlink. Every call is done when it returns; a missing object is no error. */
import { PlaneError } from '../engine/errors.ts';
import { familyIpv4, familyIpv6 } from './address.ts';
import { checked } from './native.ts';
import { attribute, flagCreate, flagExclusive, NetlinkSocket, nested, number32, text } from './netlink.ts';
import { wireParts, wirePortParts } from './rtnl-bridges.ts';
import {
  addressOctets,
  addressParts,
  addressText,
  addrGenModeNone,
  familyOf,
  fibMatch,
  ifla,
  type Link,
  type LinkAddress,
  type LinkChange,
  linkHeader,
  linkParts,
  type NeighbourProxy,
  nda,
  neighbourHeader,
  neighbourParts,
  type Route,
  readAddress,
  readLink,
  readNeighbourProxy,
  readRoute,
  routeHeader,
  routeParts,
  routeProtocol,
  routeText,
  rta,
  rtm,
  rtmNeighbour,
  rtmRoute,
} from './rtnl-objects.ts';

const enoent = -2;
const esrch = -3;
const eexist = -17;
const enodev = -19;
const eopnotsupp = -95;
const eafnosupport = -97;
const eaddrnotavail = -99;
const enetunreach = -101;
const ehostunreach = -113;

export class Rtnl {
  readonly #socket = new NetlinkSocket();

  close(): void {
    this.#socket.close();
  }

  links(): Link[] {
    return this.#socket.dump(rtm.getLink, readLink, linkHeader(0));
  }

  /** By name or index. */
  link(which: string | number): Link | undefined {
    const parts = typeof which === 'number' ? [linkHeader(which)] : [linkHeader(0), attribute(ifla.name, text(which))];
    const answer = this.#socket.get(rtm.getLink, ...parts);
    if (typeof answer !== 'number') return readLink(answer);
    if (answer !== enodev) checked(answer, `link ${which}`);
    return undefined;
  }

  /** @throws PlaneError */
  changeLink(index: number, change: LinkChange, what = `link ${index}`): void {
    checked(this.#socket.change(rtm.newLink, 0, ...linkParts(index, change)), what);
  }

  /**
   * Creates a bridge that joins two ports as a wire would (see rtnl-bridges.ts). Answers its index.
   * @throws PlaneError
   */
  createWire(name: string): number {
    const what = `bridge ${name}`;
    checked(this.#socket.change(rtm.newLink, flagCreate | flagExclusive, ...wireParts(name)), what);
    const link = this.link(name);
    if (link === undefined) throw new PlaneError('ENODEV', what);
    return link.index;
  }

  /**
   * Makes a link one of the two ports.
   * @throws PlaneError
   */
  joinWire(wire: number, index: number, what: string): void {
    this.changeLink(index, { master: wire }, what);
    checked(this.#socket.change(rtm.newLink, 0, ...wirePortParts(index)), what);
  }

  /** The kernel makes no IPv6 link-local address of its own. False when the kernel or the link has no IPv6 at all. */
  stopIpv6Generation(index: number): boolean {
    const mode = attribute(ifla.inet6AddrGenMode, Uint8Array.of(addrGenModeNone));
    const parts = [linkHeader(index), nested(ifla.afSpec, nested(familyIpv6, mode))];
    return done(this.#socket.change(rtm.newLink, 0, ...parts), [eafnosupport], `link ${index} without generation`);
  }

  /** False when there was none. */
  deleteLink(index: number): boolean {
    return done(this.#socket.change(rtm.delLink, 0, linkHeader(index)), [enodev], `delete link ${index}`);
  }

  /** Answers whether it was done. */
  setLinkGroup(index: number, group: number): boolean {
    return this.#socket.change(rtm.newLink, 0, linkHeader(index), attribute(ifla.group, number32(group))) === 0;
  }

  /** Deletes all links of a group at once; answers whether it was done. */
  deleteLinkGroup(group: number): boolean {
    return this.#socket.change(rtm.delLink, 0, linkHeader(0), attribute(ifla.group, number32(group))) === 0;
  }

  /** All addresses, with the index of their link. */
  addresses(family?: 'IPv4'): (LinkAddress & { link: number })[] {
    const header = new Uint8Array(8);
    header[0] = family === 'IPv4' ? familyIpv4 : 0;
    return this.#socket.dump(rtm.getAddr, readAddress, header);
  }

  /** False when the link already has it. */
  addAddress(link: number, address: LinkAddress): boolean {
    const result = this.#socket.change(rtm.newAddr, flagCreate | flagExclusive, ...addressParts(link, address));
    return done(result, [eexist], `address ${addressText(address)}`);
  }

  /** False when the link has no such address. */
  deleteAddress(link: number, address: LinkAddress): boolean {
    const result = this.#socket.change(rtm.delAddr, 0, ...addressParts(link, address));
    return done(result, [eaddrnotavail, enodev, enoent], `delete address ${addressText(address)}`);
  }

  /** The main table's unicast routes, those of the kernel itself left out; `ours` by the mark that we set. */
  routes(): (Route & { ours: boolean })[] {
    const header = routeHeader({ family: 0, prefix: 0, scope: 0, protocol: 0, type: 0, flags: 0 });
    return this.#socket.dump(rtmRoute.get, readRoute, header);
  }

  /** False when the table already has a route with the same destination and metric, on whatever link. */
  addRoute(route: Route): boolean {
    const result = this.#socket.change(rtmRoute.new, flagCreate | flagExclusive, ...routeParts(route));
    return done(result, [eexist], `route ${routeText(route)}`);
  }

  /** False when there was none. */
  deleteRoute(route: Route): boolean {
    const result = this.#socket.change(rtmRoute.del, 0, ...routeParts(route));
    return done(result, [esrch, enodev, enoent], `delete route ${routeText(route)}`);
  }

  /** All IPv4 addresses that are answered for, `ours` by the mark that we set. */
  neighbourProxies(): NeighbourProxy[] {
    return this.#socket.dump(rtmNeighbour.get, readNeighbourProxy, neighbourHeader(0));
  }

  neighbourProxy(link: number, address: string): NeighbourProxy | undefined {
    const answer = this.#socket.get(rtmNeighbour.get, ...neighbourParts(link, address));
    if (typeof answer !== 'number') return readNeighbourProxy(answer);
    // Kernels before 5.0 cannot be asked.
    if (answer !== enoent && answer !== enodev && answer !== eopnotsupp) checked(answer, `neighbour proxy ${address}`);
    return undefined;
  }

  /** Lets the kernel answer for an IPv4 address on a link. False when there is no such link. */
  addNeighbourProxy(link: number, address: string): boolean {
    const mark = attribute(nda.protocol, Uint8Array.of(routeProtocol));
    const result = this.#socket.change(rtmNeighbour.new, flagCreate, ...neighbourParts(link, address), mark);
    return done(result, [enodev], `neighbour proxy ${address}`);
  }

  /** False when there was none. */
  deleteNeighbourProxy(link: number, address: string): boolean {
    const result = this.#socket.change(rtmNeighbour.del, 0, ...neighbourParts(link, address));
    return done(result, [enoent, enodev], `delete neighbour proxy ${address}`);
  }

  /** The route that packets to an address take now. Its destination is the table's entry, not the address. */
  routeTo(address: string): Route | undefined {
    const octets = addressOctets(address);
    const family = familyOf(octets);
    const header = routeHeader({
      family,
      prefix: octets.length * 8,
      scope: 0,
      protocol: 0,
      type: 0,
      flags: fibMatch,
    });
    const answer = this.#socket.get(rtmRoute.get, header, attribute(rta.destination, octets));
    if (typeof answer !== 'number') return readRoute(answer, true);
    if (answer !== enetunreach && answer !== ehostunreach) checked(answer, `route to ${address}`);
    return undefined;
  }
}

/** Passes on whether something was done; the listed errnos mean that there was nothing to do. */
function done(result: number, nothing: readonly number[], what: string): boolean {
  if (nothing.includes(result)) return false;
  checked(result, what);
  return true;
}
