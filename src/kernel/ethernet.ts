/** Packet sockets: what Ethernet frames of one EtherType on one interface carry, in batches over one slab. */
import { writeU16 } from '../engine/wire/bytes.ts';
import { checked, errnoName, frameWord, frameWords, native, pollReadable } from './native.ts';
import { littleEndian, number32 } from './netlink.ts';

/** What may be written before a frame's payload. */
const headroomOctets = 16;
/** Payloads longer than the room in a slot are cut off, and dropped. */
const slotOctets = 2048;
const slots = 64;
/** Batches taken from one socket before the event loop gets its turn. */
const batchesPerWake = 4;
/** Asked of the kernel for each direction of each socket: a burst for many clients must not overflow it. */
const socketBufferOctets = 4 * 1024 * 1024;

// From the kernel's uapi headers.
const afPacket = 17;
const sockDgram = 2;
const sockaddrOctets = 20;
const solPacket = 263;
const packetIgnoreOutgoing = 23;
const solSocket = 1;
const soSndbufforce = 32;
const soRcvbufforce = 33;
const forUs = 0;
const forAll = 1;
const eagain = -11;
const enetdown = -100;

export interface PacketSocket {
  readonly fd: number;
  /** Whether it hears what is for all. */
  readonly hearsBroadcasts: boolean;
  /** -1 once closed. */
  poller: number;
}

/** A payload `slab[start, end)`, and the MAC address that sent it, in two numbers (see Mac). */
export type FrameReceiver = (macHigh: number, macLow: number, start: number, end: number) => void;

export class PacketSockets {
  /** Payloads handed over lie here until the batch has ended, each behind `headroom` octets that may be overwritten. */
  readonly slab = new Uint8Array(slots * slotOctets);
  readonly headroom = headroomOctets;
  readonly #words = new Int32Array(slots * frameWords);
  readonly #batchEnd: () => void;
  readonly #dropped: (reason: string) => void;

  constructor(batchEnd: () => void, dropped: (reason: string) => void) {
    this.#batchEnd = batchEnd;
    this.#dropped = dropped;
  }

  /** @throws PlaneError */
  open(
    interfaceIndex: number,
    etherType: number,
    hearsBroadcasts: boolean,
    what: string,
    receive: FrameReceiver,
  ): PacketSocket {
    // Bound before it has a protocol, so that it never hears other interfaces.
    const fd = checked(native.socket(afPacket, sockDgram, 0), what);
    try {
      checked(native.setsockopt(fd, solPacket, packetIgnoreOutgoing, number32(1)), what);
      for (const option of [soSndbufforce, soRcvbufforce]) {
        native.setsockopt(fd, solSocket, option, number32(socketBufferOctets));
      }
      checked(native.bind(fd, sockaddr(interfaceIndex, etherType)), what);
      const socket: PacketSocket = { fd, hearsBroadcasts, poller: -1 };
      const poller = native.pollStart(fd, pollReadable, (events) => this.ready(socket, events, receive));
      socket.poller = checked(poller, what);
      return socket;
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  close(socket: PacketSocket): void {
    native.pollStop(socket.poller);
    socket.poller = -1;
    native.close(socket.fd);
  }

  private ready(socket: PacketSocket, events: number, receive: FrameReceiver): void {
    try {
      for (let i = 0; i < batchesPerWake && socket.poller >= 0; i++) {
        if (this.receiveBatch(socket, receive) < slots) break;
      }
    } finally {
      // The interface went down, or is gone: the socket hears it again when it is up.
      if (events < 0 && socket.poller >= 0) native.pollAgain(socket.poller);
    }
  }

  private receiveBatch(socket: PacketSocket, receive: FrameReceiver): number {
    const words = this.#words;
    const count = native.receiveFrames(socket.fd, this.slab, slotOctets, headroomOctets, slots, words);
    if (count < 0) {
      if (count === eagain) return 0;
      // That the interface went down stood before the frames.
      if (count !== enetdown) this.#dropped(errnoName(count));
      return slots;
    }
    try {
      for (let i = 0; i < count && socket.poller >= 0; i++) this.hand(socket, i * frameWords, receive);
    } finally {
      this.#batchEnd();
    }
    return count;
  }

  private hand(socket: PacketSocket, at: number, receive: FrameReceiver): void {
    const words = this.#words;
    // What is for another host, or in a VLAN without an interface here, is none of ours.
    const type = words[at + frameWord.type];
    if (type !== forUs && !(type === forAll && socket.hearsBroadcasts)) return;
    const start = words[at + frameWord.offset];
    const octets = words[at + frameWord.length];
    if (octets > slotOctets - headroomOctets) this.#dropped('frame too long');
    else receive(words[at + frameWord.macHigh], words[at + frameWord.macLow], start, start + octets);
  }
}

/** The octets of a struct sockaddr_ll to bind to. */
function sockaddr(interfaceIndex: number, etherType: number): Uint8Array {
  const octets = new Uint8Array(sockaddrOctets);
  const view = new DataView(octets.buffer);
  view.setUint16(0, afPacket, littleEndian);
  writeU16(octets, 2, etherType);
  view.setInt32(4, interfaceIndex, littleEndian);
  return octets;
}
