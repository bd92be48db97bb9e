/** Sockets for L2TP as the system makes them, and what is asked of them. */
import { PlaneError } from '../engine/errors.ts';
import type { Endpoint, ListenSpec } from '../engine/spec.ts';
import { familyIpv4, familyIpv6, formatIp, type IpWords, sockaddr } from './address.ts';
import { checked, errnoName, native } from './native.ts';

/** RFC 3931 4.1.1: L2TP directly over IP. */
const ipprotoL2tp = 115;
/** Asked of the kernel for each direction of each socket: a burst of set-ups must not overflow it. */
const socketBufferOctets = 8 * 1024 * 1024;

// From the kernel's uapi headers.
const sockDgram = 2;
const sockRaw = 3;
const solSocket = 1;
const soSndbuf = 7;
const soRcvbuf = 8;
const soSndbufforce = 32;
const soRcvbufforce = 33;
const ipprotoIp = 0;
const ipPktinfo = 8;
const ipMtuDiscover = 10;
const ipRecverr = 11;
const ipMtu = 14;
const ipprotoIpv6 = 41;
const ipv6MtuDiscover = 23;
const ipv6Mtu = 24;
const ipv6Recverr = 25;
const ipv6V6only = 26;
const ipv6Recvpktinfo = 49;
/** Fragments are allowed: a data message may exceed the path's MTU. */
const pmtudiscDont = 0;
/** None are made, here or on the way. */
const pmtudiscDo = 2;
const solUdp = 17;
const udpGro = 104;
/** For asking, where any port does. */
const discardPort = 9;

export function isWildcard(ip: IpWords): boolean {
  return ip.words.every((word) => word === 0);
}

/**
 * A bound socket, and where it is bound to.
 * @throws PlaneError
 */
export function openSocket(listen: ListenSpec, ip: IpWords): { fd: number; local: Endpoint } {
  const { address, port, encapsulation } = listen;
  const raw = encapsulation === 'ip';
  const what = raw ? `IP protocol ${ipprotoL2tp} socket ${address}` : `UDP socket ${address} port ${port}`;
  const fd = raw ? native.socket(ip.family, sockRaw, ipprotoL2tp) : native.socket(ip.family, sockDgram, 0);
  if (raw && errnoName(fd) === 'EPERM') throw new PlaneError('EPERM', `${what} needs the capability CAP_NET_RAW`);
  checked(fd, what);
  try {
    setOptions(fd, ip, raw, what);
    setDiscovery(fd, ip.family, listen, what);
    checked(native.bind(fd, sockaddr(ip, raw ? 0 : port)), what);
    const bound = boundEndpoint(fd, ip.family, what);
    return { fd, local: raw ? { address: bound.address, port: 0 } : bound };
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/**
 * Forbids fragments and asks for what ICMP answers, or neither. A raw IPv6 socket asks always: else the kernel would not
 * hear "packet too big", and IPv6 makes fragments only at the sender (RFC 8200 4.5).
 * @throws PlaneError
 */
export function setDiscovery(
  fd: number,
  family: number,
  { encapsulation, pmtuDiscovery }: Pick<ListenSpec, 'encapsulation' | 'pmtuDiscovery'>,
  what: string,
): void {
  const mode = pmtuDiscovery ? pmtudiscDo : pmtudiscDont;
  if (family === familyIpv4) {
    checked(option(fd, ipprotoIp, ipMtuDiscover, mode), what);
    checked(option(fd, ipprotoIp, ipRecverr, pmtuDiscovery ? 1 : 0), what);
  } else {
    checked(option(fd, ipprotoIpv6, ipv6MtuDiscover, mode), what);
    checked(option(fd, ipprotoIpv6, ipv6Recverr, pmtuDiscovery || encapsulation === 'ip' ? 1 : 0), what);
  }
}

/** The MTU of the path from here to there, IP header included, as the kernel knows it now; undefined: there is no path. */
export function kernelMtu(to: IpWords, from: IpWords | undefined): number | undefined {
  const fd = native.socket(to.family, sockDgram, 0);
  if (fd < 0) return undefined;
  try {
    // A link-local address of ours is on the peer's link.
    if (from && native.bind(fd, sockaddr({ ...from, scope: from.scope || to.scope }, 0)) < 0) return undefined;
    if (native.connect(fd, sockaddr(to, discardPort)) < 0) return undefined;
    const value = new Int32Array(1);
    const [level, name] = to.family === familyIpv4 ? [ipprotoIp, ipMtu] : [ipprotoIpv6, ipv6Mtu];
    return native.getsockopt(fd, level, name, new Uint8Array(value.buffer)) < 0 ? undefined : value[0];
  } finally {
    native.close(fd);
  }
}

function option(fd: number, level: number, name: number, value: number): number {
  return native.setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
}

function setOptions(fd: number, ip: IpWords, raw: boolean, what: string): void {
  // Beyond the system's limit only with CAP_NET_ADMIN.
  const octets = socketBufferOctets;
  if (option(fd, solSocket, soRcvbufforce, octets) < 0) option(fd, solSocket, soRcvbuf, octets);
  if (option(fd, solSocket, soSndbufforce, octets) < 0) option(fd, solSocket, soSndbuf, octets);
  // Kernels before 5.0 have no such option, and need none.
  if (!raw) option(fd, solUdp, udpGro, 1);
  if (ip.family === familyIpv4) {
    if (isWildcard(ip)) checked(option(fd, ipprotoIp, ipPktinfo, 1), what);
  } else {
    // Raw sockets never hear of the other version of IP.
    if (!raw) checked(option(fd, ipprotoIpv6, ipv6V6only, 1), what);
    if (isWildcard(ip)) checked(option(fd, ipprotoIpv6, ipv6Recvpktinfo, 1), what);
  }
}

function boundEndpoint(fd: number, family: number, what: string): Endpoint {
  const bytes = new Uint8Array(28);
  checked(native.getsockname(fd, bytes), what);
  const view = new DataView(bytes.buffer);
  const ipv6 = family === familyIpv6;
  const words = new Int32Array(4);
  for (let i = 0; i < (ipv6 ? 4 : 1); i++) words[i] = view.getInt32((ipv6 ? 8 : 4) + 4 * i);
  const scope = ipv6 ? new Uint32Array(bytes.buffer, 24, 1)[0] : 0;
  return { address: formatIp(family, words, 0, scope), port: view.getUint16(2) };
}
