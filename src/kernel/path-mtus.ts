/**
 * The MTUs of paths (RFC 1191, RFC 8201). The kernel keeps them: it checks ICMP's "too big" against what was sent, and
 * forgets it after a while. Here is remembered which paths are of interest, and they are asked for again when something
 * may have changed. ICMP never says here what an MTU is.
 */
import type { SocketId } from '../engine/ports.ts';
import type { Endpoint } from '../engine/spec.ts';
import { familyIpv4, type IpWords, parseIp } from './address.ts';

/** Remembered for each socket; the one longest known is forgotten first. */
const maxPathsPerSocket = 4096;
/** A path that something was said of is asked for so much later, once for all that is said meanwhile. */
const settleMs = 100;
/** So many at once, then it is others' turn: whoever makes up ICMP gets no more of our time. */
const asksAtOnce = 64;
/** Nobody tells when a path has grown: it is asked for. */
const recheckMs = 60_000;
/** No path is taken to carry less: RFC 791 3.1, RFC 8200 5. */
const leastMtu = { ipv4: 576, ipv6: 1280 } as const;

interface Path {
  socket: SocketId;
  remote: Endpoint;
  from: string | undefined;
  /** As told last; undefined: nobody knows. */
  mtuOctets: number | undefined;
}

export interface PathMtuPorts {
  /** What the kernel knows now; undefined: there is no path. */
  ask(to: IpWords, from: IpWords | undefined): number | undefined;
  changed(socket: SocketId, remote: Endpoint, mtuOctets: number): void;
}

export class PathMtus {
  readonly #sockets = new Map<SocketId, Map<string, Path>>();
  readonly #suspects = new Set<Path>();
  readonly #ports: PathMtuPorts;
  #settle: NodeJS.Timeout | undefined;
  #recheck: NodeJS.Timeout | undefined;

  constructor(ports: PathMtuPorts) {
    this.#ports = ports;
  }

  /**
   * What the kernel knows now, IP header included; undefined: there is no path. Changes are told from then on.
   * @throws PlaneError EINVAL when an address is none
   */
  ask(socket: SocketId, remote: Endpoint, from: string | undefined): number | undefined {
    const mtuOctets = this.known(remote, from);
    const path = this.path(socket, remote, from);
    if (path.mtuOctets === undefined) path.mtuOctets = mtuOctets;
    // Others that asked before have to hear of it.
    else if (path.mtuOctets !== mtuOctets) this.suspect(path);
    return mtuOctets;
  }

  /** A datagram of ours was too long for the path. */
  exceeded(socket: SocketId, remote: Endpoint, from: string | undefined): void {
    this.suspect(this.path(socket, remote, from));
  }

  /** ICMP says so. Anybody may make that up for any peer: only what is of interest already is looked at. */
  reported(socket: SocketId, remote: Endpoint): void {
    const path = this.#sockets.get(socket)?.get(remote.address);
    if (path) this.suspect(path);
  }

  forget(socket: SocketId): void {
    for (const path of this.#sockets.get(socket)?.values() ?? []) this.#suspects.delete(path);
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    clearTimeout(this.#settle);
    clearInterval(this.#recheck);
    this.#settle = undefined;
    this.#recheck = undefined;
  }

  private path(socket: SocketId, remote: Endpoint, from: string | undefined): Path {
    let paths = this.#sockets.get(socket);
    if (!paths) {
      paths = new Map();
      this.#sockets.set(socket, paths);
    }
    let path = paths.get(remote.address);
    if (!path) {
      const [oldest] = paths.size >= maxPathsPerSocket ? paths.keys() : [];
      if (oldest !== undefined) paths.delete(oldest);
      this.#recheck ??= setInterval(() => this.recheck(), recheckMs).unref();
      path = { socket, remote, from, mtuOctets: undefined };
      paths.set(remote.address, path);
    }
    return path;
  }

  private suspect(path: Path): void {
    this.#suspects.add(path);
    this.#settle ??= setTimeout(() => this.settle(), settleMs).unref();
  }

  private settle(): void {
    this.#settle = undefined;
    let asked = 0;
    for (const path of this.#suspects) {
      if (asked++ === asksAtOnce) {
        this.#settle ??= setTimeout(() => this.settle(), settleMs).unref();
        return;
      }
      this.#suspects.delete(path);
      this.check(path);
    }
  }

  private recheck(): void {
    for (const paths of this.#sockets.values()) for (const path of paths.values()) this.suspect(path);
  }

  private check(path: Path): void {
    // It may have been forgotten since, even by who was just told of another.
    if (this.#sockets.get(path.socket)?.get(path.remote.address) !== path) return;
    const mtuOctets = this.known(path.remote, path.from);
    if (mtuOctets === undefined || mtuOctets === path.mtuOctets) return;
    path.mtuOctets = mtuOctets;
    this.#ports.changed(path.socket, path.remote, mtuOctets);
  }

  private known(remote: Endpoint, from: string | undefined): number | undefined {
    const to = parseIp(remote.address);
    const known = this.#ports.ask(to, from === undefined ? undefined : parseIp(from));
    return known === undefined ? undefined : Math.max(known, to.family === familyIpv4 ? leastMtu.ipv4 : leastMtu.ipv6);
  }
}
