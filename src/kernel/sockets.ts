/**
 * The transport, over UDP and directly over IP: sockets shared by address and port, received and sent in batches over
 * preallocated slabs. Nothing that the network or the system says to a datagram is thrown: it is counted.
 */
import { PlaneError } from '../engine/errors.ts';
import type { Datagram, SocketId, Transport } from '../engine/ports.ts';
import type { Encapsulation, Endpoint, ListenSpec } from '../engine/spec.ts';
import { familyIpv4, type IpWords, parseIp } from './address.ts';
import { EndpointCache, type RawEndpoint } from './endpoints.ts';
import { checked, datagramsPerSlot, datagramWord, datagramWords, errnoName, native, pollReadable } from './native.ts';
import { PathMtus } from './path-mtus.ts';
import { isWildcard, kernelMtu, openSocket, setDiscovery } from './socket-options.ts';

/** The longest datagram that is taken: the greatest MTU that resources may ask for, and room for headers. */
export const maxDatagramOctets = 16_384 + 64;
/** The kernel may hand over datagrams of one peer joined, up to an IP packet's length: a slot holds that much. */
const slotOctets = 65_536;
const receiveSlots = 32;
/** Batches taken from one socket before the event loop gets its turn. */
const batchesPerWake = 4;
const sendSlabOctets = 512 * 1024;
const sendSlots = 256;
/** The traffic class: the DSCP above the two bits of ECN (RFC 2474 3, RFC 3168 5). */
const ecnBits = 2;
const eagain = 11;
const emsgsize = 90;

export interface SocketCounters {
  received: number;
  sent: number;
  /** Longer than maxDatagramOctets, either way; dropped. */
  oversized: number;
  /** Errors of sending and receiving, ICMP's answers among them, by errno name. */
  errors: Record<string, number>;
}

interface Socket {
  id: SocketId;
  encapsulation: Encapsulation;
  fd: number;
  /** -1 once closed. */
  poller: number;
  key: string;
  users: number;
  local: Endpoint;
  /** What datagrams are told to have come to, when the kernel need not say it. */
  own: string | undefined;
  family: IpWords['family'];
  /** Path MTU discovery: of all who share it, as soon as one wants it. */
  discovers: boolean;
}

export class SocketTransport implements Transport {
  readonly counters: SocketCounters = { received: 0, sent: 0, oversized: 0, errors: {} };
  /** Datagrams handed over lie here, untouched until `afterBatch` was called. */
  readonly receiveSlab = new Uint8Array(receiveSlots * slotOctets);
  readonly endpoints = new EndpointCache();

  readonly #sockets = new Map<SocketId, Socket>();
  readonly #shared = new Map<string, Socket>();
  readonly #byFd = new Map<number, Socket>();
  readonly #mtus = new PathMtus({
    ask: kernelMtu,
    changed: (socket, remote, mtuOctets) => this.#mtuChanged(socket, remote, mtuOctets),
  });
  #mtuChanged: (socket: SocketId, remote: Endpoint, mtuOctets: number) => void = () => undefined;
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

  /**
   * Who is told when the MTU of a path has changed since `pathMtu` or this told it last. It is that of the address: every
   * port there has it. In octets of an IP packet, header included. Told some time later; of a socket with path MTU
   * discovery also of paths that nobody has asked for, where a datagram did not fit.
   */
  onPathMtu(changed: (socket: SocketId, remote: Endpoint, mtuOctets: number) => void): void {
    this.#mtuChanged = changed;
  }

  get receiving(): boolean {
    return this.#receiving;
  }

  /**
   * Of raw sockets each gets what comes to its address, the wildcard address's as well: who speaks on one of them knows its
   * own peers, as with UDP.
   */
  open(listen: ListenSpec): SocketId {
    const { address, encapsulation, pmtuDiscovery } = listen;
    const port = encapsulation === 'ip' ? 0 : listen.port;
    const ip = parseIp(address);
    const key = `${encapsulation} ${ip.family} ${ip.words.join(' ')} ${ip.scope} ${port}`;
    const sharing = port !== 0 || encapsulation === 'ip';
    const open = sharing ? this.#shared.get(key) : undefined;
    if (open) {
      if (pmtuDiscovery && !open.discovers) {
        setDiscovery(open.fd, open.family, listen, `path MTU discovery of ${address}`);
        open.discovers = true;
      }
      open.users++;
      return open.id;
    }
    const socket = this.bind(listen, ip, key);
    this.#sockets.set(socket.id, socket);
    this.#byFd.set(socket.fd, socket);
    if (sharing) this.#shared.set(key, socket);
    return socket.id;
  }

  private bind(listen: ListenSpec, ip: IpWords, key: string): Socket {
    const { fd, local } = openSocket(listen, ip);
    const socket: Socket = {
      id: ++this.#lastId,
      encapsulation: listen.encapsulation,
      fd,
      poller: -1,
      key,
      users: 1,
      local,
      own: isWildcard(ip) ? undefined : local.address,
      family: ip.family,
      discovers: listen.pmtuDiscovery,
    };
    try {
      const started = native.pollStart(fd, pollReadable, (events) => this.ready(socket, events));
      socket.poller = checked(started, `socket ${listen.address}`);
    } catch (error) {
      native.close(fd);
      throw error;
    }
    return socket;
  }

  close(id: SocketId): void {
    const socket = this.#sockets.get(id);
    if (!socket || --socket.users > 0) return;
    // What waits for the end of a batch must not leave by another socket with the same descriptor.
    this.#batchEnd();
    this.flush();
    this.#sockets.delete(id);
    if (this.#shared.get(socket.key) === socket) this.#shared.delete(socket.key);
    this.#byFd.delete(socket.fd);
    this.#mtus.forget(id);
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

  /** @throws PlaneError EBADF */
  local(id: SocketId): Endpoint {
    return this.socket(id).local;
  }

  /**
   * The MTU of the path to a peer's address as the kernel knows it now, in octets of an IP packet, header included;
   * undefined: there is no path. `from`: our address on a wildcard socket.
   * @throws PlaneError
   */
  pathMtu(id: SocketId, remote: Endpoint, from: string | undefined): number | undefined {
    const { own } = this.socket(id);
    return this.#mtus.ask(id, this.endpoints.raw(remote), own ?? from);
  }

  private socket(id: SocketId): Socket {
    const socket = this.#sockets.get(id);
    if (!socket) throw new PlaneError('EBADF', `socket ${id}`);
    return socket;
  }

  // -------------------------------------------------------------- receiving

  private ready(socket: Socket, events: number): void {
    this.#receiving = true;
    try {
      if (events < 0) this.receiveErrors(socket);
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

  /** What ICMP answered to datagrams of ours. */
  private receiveErrors(socket: Socket): void {
    const words = this.#receiveWords;
    for (let batch = 0; batch < batchesPerWake; batch++) {
      const count = native.receiveErrors(socket.fd, words);
      for (let i = 0; i < count; i++) {
        const at = i * datagramWords;
        const error = words[at + datagramWord.error];
        this.countError(error);
        if (error === emsgsize) this.#mtus.reported(socket.id, this.endpoints.peer(words, at));
      }
      if (count <= 0) return;
    }
  }

  private hand(socket: Socket, words: Int32Array, at: number): void {
    this.counters.received++;
    let start = words[at + datagramWord.offset];
    let length = words[at + datagramWord.length];
    if (socket.encapsulation === 'ip' && socket.family === familyIpv4) {
      // The IP header comes with it, and the kernel has checked its length.
      const header = ipv4HeaderOctets(this.receiveSlab[start]);
      start += header;
      length -= header;
    }
    if (length > maxDatagramOctets) {
      this.counters.oversized++;
      return;
    }
    const datagram = this.#datagram;
    datagram.socket = socket.id;
    datagram.encapsulation = socket.encapsulation;
    datagram.from = this.endpoints.peer(words, at);
    datagram.to = socket.own ?? this.endpoints.own(words, at);
    datagram.start = start;
    datagram.end = start + length;
    this.#receiver(datagram);
  }

  readonly #datagram: Datagram = {
    socket: 0,
    encapsulation: 'udp',
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
    if (socket.encapsulation === 'ip') words[at + datagramWord.port] = 0;
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
      const at = i * datagramWords;
      const error = words[at + datagramWord.error];
      if (error === 0) continue;
      this.countError(error);
      if (error === emsgsize) this.exceeded(words, at);
    }
    return sent;
  }

  /** A datagram was longer than its path's MTU, or than any may be. */
  private exceeded(words: Int32Array, at: number): void {
    const socket = this.#byFd.get(words[at + datagramWord.fd]);
    if (!socket?.discovers) return;
    const from = socket.own ?? this.endpoints.own(words, at);
    this.#mtus.exceeded(socket.id, this.endpoints.peer(words, at), from);
  }

  private countError(error: number | string): void {
    const name = typeof error === 'string' ? error : errnoName(-error);
    this.counters.errors[name] = (this.counters.errors[name] ?? 0) + 1;
  }
}

/** By the first octet of an IPv4 header (RFC 791 3.1). */
function ipv4HeaderOctets(first: number): number {
  return (first & 0x0f) * 4;
}
