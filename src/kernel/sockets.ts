/**
 * The UDP transport: sockets shared by address and port, received and sent in batches over preallocated slabs.
 * Nothing that the network or the system says to a datagram is thrown: it is counted.
 */
import { PlaneError } from '../engine/errors.ts';
import type { Datagram, SocketId, Transport } from '../engine/ports.ts';
import type { Endpoint } from '../engine/spec.ts';
import { familyIpv4, familyIpv6, formatIp, type IpWords, parseIp, sockaddr } from './address.ts';
import { EndpointCache, type RawEndpoint } from './endpoints.ts';
import { checked, datagramsPerSlot, datagramWord, datagramWords, errnoName, native, pollReadable } from './native.ts';

/** The longest datagram that is taken: the greatest MTU that resources may ask for, and room for headers. */
export const maxDatagramOctets = 16_384 + 64;
/** The kernel may hand over datagrams of one peer joined, up to an IP packet's length: a slot holds that much. */
const slotOctets = 65_536;
const receiveSlots = 32;
/** Batches taken from one socket before the event loop gets its turn. */
const batchesPerWake = 4;
const sendSlabOctets = 512 * 1024;
const sendSlots = 256;
/** Asked of the kernel for each direction of each socket: a burst of set-ups must not overflow it. */
const socketBufferOctets = 8 * 1024 * 1024;

// From the kernel's uapi headers.
const sockDgram = 2;
const solSocket = 1;
const soSndbuf = 7;
const soRcvbuf = 8;
const soSndbufforce = 32;
const soRcvbufforce = 33;
const ipprotoIp = 0;
const ipPktinfo = 8;
const ipMtuDiscover = 10;
const ipprotoIpv6 = 41;
const ipv6MtuDiscover = 23;
const ipv6V6only = 26;
const ipv6Recvpktinfo = 49;
/** Fragments are allowed: a data message may exceed the path's MTU. */
const pmtudiscDont = 0;
/** The traffic class: the DSCP above the two bits of ECN (RFC 2474 3, RFC 3168 5). */
const ecnBits = 2;
const solUdp = 17;
const udpGro = 104;
const eagain = 11;

export interface UdpCounters {
  received: number;
  sent: number;
  /** Longer than maxDatagramOctets, either way; dropped. */
  oversized: number;
  /** Errors of sending and receiving, ICMP's answers among them, by errno name. */
  errors: Record<string, number>;
}

interface Socket {
  id: SocketId;
  fd: number;
  /** -1 once closed. */
  poller: number;
  key: string;
  users: number;
  local: Endpoint;
  /** What datagrams are told to have come to, when the kernel need not say it. */
  own: string | undefined;
  family: IpWords['family'];
}

export class UdpTransport implements Transport {
  readonly counters: UdpCounters = { received: 0, sent: 0, oversized: 0, errors: {} };
  /** Datagrams handed over lie here, untouched until `afterBatch` was called. */
  readonly receiveSlab = new Uint8Array(receiveSlots * slotOctets);
  readonly endpoints = new EndpointCache();

  readonly #sockets = new Map<SocketId, Socket>();
  readonly #shared = new Map<string, Socket>();
  #lastId = 0;
  readonly #receiveWords = new Int32Array(receiveSlots * datagramsPerSlot * datagramWords);
  #receiving = false;
  #receiver: (datagram: Datagram) => void = () => undefined;
  #batchEnd: () => void = () => undefined;

  readonly #sendSlab = new Uint8Array(sendSlabOctets);
  readonly #sendWords = new Int32Array(sendSlots * datagramWords);
  #queued = 0;
  #queuedOctets = 0;
  #flush: NodeJS.Immediate | undefined;

  /** Who takes the datagrams of all sockets. */
  onDatagram(receiver: (datagram: Datagram) => void): void {
    this.#receiver = receiver;
  }

  /** Who is called after each batch of datagrams, while `receiveSlab` still holds them. */
  afterBatch(ended: () => void): void {
    this.#batchEnd = ended;
  }

  get receiving(): boolean {
    return this.#receiving;
  }

  open(local: { address: string; port: number }): SocketId {
    const ip = parseIp(local.address);
    const key = `${ip.family} ${ip.words.join(' ')} ${ip.scope} ${local.port}`;
    const open = local.port === 0 ? undefined : this.#shared.get(key);
    if (open) {
      open.users++;
      return open.id;
    }
    const socket = this.bind(ip, local, key);
    this.#sockets.set(socket.id, socket);
    if (local.port !== 0) this.#shared.set(key, socket);
    return socket.id;
  }

  private bind(ip: IpWords, local: { address: string; port: number }, key: string): Socket {
    const what = `UDP socket ${local.address} port ${local.port}`;
    const fd = checked(native.socket(ip.family, sockDgram, 0), what);
    try {
      const wildcard = ip.words.every((word) => word === 0);
      setOptions(fd, ip.family, wildcard, what);
      checked(native.bind(fd, sockaddr(ip, local.port)), what);
      const bound = boundEndpoint(fd, ip.family, what);
      const socket: Socket = {
        id: ++this.#lastId,
        fd,
        poller: -1,
        key,
        users: 1,
        local: bound,
        own: wildcard ? undefined : bound.address,
        family: ip.family,
      };
      socket.poller = checked(
        native.pollStart(fd, pollReadable, (events) => this.ready(socket, events)),
        what,
      );
      return socket;
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  close(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (!socket || --socket.users > 0) return;
    this.flush();
    this.#sockets.delete(id);
    if (this.#shared.get(socket.key) === socket) this.#shared.delete(socket.key);
    native.pollStop(socket.poller);
    socket.poller = -1;
    native.close(socket.fd);
  }

  /** Sends what is queued and closes every socket. */
  closeAll(): void {
    for (const socket of [...this.#sockets.values()]) {
      socket.users = 1;
      this.close(socket.id);
    }
  }

  endpoint(address: string, port: number): Endpoint {
    return this.endpoints.raw({ address, port });
  }

  local(id: SocketId): Endpoint {
    const socket = this.#sockets.get(id);
    if (!socket) throw new PlaneError('EBADF', `socket ${id}`);
    return socket.local;
  }

  // -------------------------------------------------------------- receiving

  private ready(socket: Socket, events: number): void {
    this.#receiving = true;
    try {
      for (let i = 0; i < batchesPerWake && socket.poller >= 0; i++) {
        if (this.receiveBatch(socket) < receiveSlots) break;
      }
    } finally {
      this.#receiving = false;
      if (events < 0 && socket.poller >= 0) native.pollAgain(socket.poller);
    }
  }

  private receiveBatch(socket: Socket): number {
    const words = this.#receiveWords;
    const count = native.receiveBatch(socket.fd, this.receiveSlab, slotOctets, receiveSlots, words);
    if (count < 0) {
      if (count === -eagain) return 0;
      this.countError(-count);
      // A pending error stood before the datagrams: they come with the next batch.
      return receiveSlots;
    }
    try {
      for (let i = 0; i < count && socket.poller >= 0; i++) this.hand(socket, words, i * datagramWords);
    } finally {
      this.#batchEnd();
      this.flush();
    }
    return count;
  }

  private hand(socket: Socket, words: Int32Array, at: number): void {
    this.counters.received++;
    const length = words[at + datagramWord.length];
    if (length > maxDatagramOctets) {
      this.counters.oversized++;
      return;
    }
    const datagram = this.#datagram;
    const start = words[at + datagramWord.offset];
    datagram.socket = socket.id;
    datagram.from = this.endpoints.peer(words, at);
    datagram.to = socket.own ?? this.endpoints.own(words, at);
    datagram.start = start;
    datagram.end = start + length;
    this.#receiver(datagram);
  }

  readonly #datagram: Datagram = {
    socket: 0,
    from: { address: '', port: 0 },
    to: undefined,
    bytes: this.receiveSlab,
    start: 0,
    end: 0,
  };

  // -------------------------------------------------------------- sending

  send(
    id: SocketId,
    to: Endpoint,
    from: string | undefined,
    bytes: Uint8Array,
    dscp = 0,
    start = 0,
    end: number = bytes.length,
  ): void {
    const octets = end - start;
    if (octets > maxDatagramOctets) {
      this.counters.oversized++;
      return;
    }
    if (this.#queued === sendSlots || this.#queuedOctets + octets > sendSlabOctets) this.flush();
    const at = this.#queued * datagramWords;
    if (!this.describe(this.#sendWords, at, id, to, from, dscp)) return;
    this.#sendWords[at + datagramWord.offset] = this.#queuedOctets;
    this.#sendWords[at + datagramWord.length] = octets;
    this.#sendSlab.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#queuedOctets);
    this.#queued++;
    this.#queuedOctets += octets;
    if (!this.#receiving) this.#flush ??= setImmediate(() => this.flush());
  }

  /**
   * Fills the words of a datagram to send, all but offset and length. False, and counted, when it cannot be sent:
   * the socket is closed, or an address is none or of another family.
   */
  describe(words: Int32Array, at: number, id: SocketId, to: Endpoint, from: string | undefined, dscp: number): boolean {
    const socket = this.#sockets.get(id);
    if (!socket) {
      this.countError('EBADF');
      return false;
    }
    try {
      const raw: RawEndpoint = this.endpoints.raw(to);
      raw.fill(words, at);
      this.endpoints.fillOwn(from, words, at);
    } catch {
      this.countError('EINVAL');
      return false;
    }
    if (words[at + datagramWord.family] !== socket.family) {
      this.countError('EAFNOSUPPORT');
      return false;
    }
    words[at + datagramWord.fd] = socket.fd;
    words[at + datagramWord.trafficClass] = dscp << ecnBits;
    return true;
  }

  /** Sends described datagrams straight from the caller's slab, after all that was queued before; answers how many. */
  sendFrom(slab: Uint8Array, words: Int32Array, count: number): number {
    this.flush();
    return this.sendNow(slab, words, count);
  }

  private flush(): void {
    if (this.#flush) {
      clearImmediate(this.#flush);
      this.#flush = undefined;
    }
    const count = this.#queued;
    if (count === 0) return;
    this.#queued = 0;
    this.#queuedOctets = 0;
    this.sendNow(this.#sendSlab, this.#sendWords, count);
  }

  private sendNow(slab: Uint8Array, words: Int32Array, count: number): number {
    const sent = native.sendBatch(slab, words, count);
    this.counters.sent += sent;
    if (sent === count) return sent;
    for (let i = 0; i < count; i++) {
      const error = words[i * datagramWords + datagramWord.error];
      if (error !== 0) this.countError(error);
    }
    return sent;
  }

  private countError(error: number | string): void {
    const name = typeof error === 'string' ? error : errnoName(-error);
    this.counters.errors[name] = (this.counters.errors[name] ?? 0) + 1;
  }
}

function setOptions(fd: number, family: number, wildcard: boolean, what: string): void {
  const option = (level: number, name: number, value: number): number =>
    native.setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
  // Beyond the system's limit only with CAP_NET_ADMIN.
  if (option(solSocket, soRcvbufforce, socketBufferOctets) < 0) option(solSocket, soRcvbuf, socketBufferOctets);
  if (option(solSocket, soSndbufforce, socketBufferOctets) < 0) option(solSocket, soSndbuf, socketBufferOctets);
  // Kernels before 5.0 have no such option, and need none.
  option(solUdp, udpGro, 1);
  if (family === familyIpv4) {
    checked(option(ipprotoIp, ipMtuDiscover, pmtudiscDont), what);
    if (wildcard) checked(option(ipprotoIp, ipPktinfo, 1), what);
  } else {
    checked(option(ipprotoIpv6, ipv6V6only, 1), what);
    checked(option(ipprotoIpv6, ipv6MtuDiscover, pmtudiscDont), what);
    if (wildcard) checked(option(ipprotoIpv6, ipv6Recvpktinfo, 1), what);
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
