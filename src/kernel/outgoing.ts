/** Frames on their way out, with an L2TP or PPPoE header written in front of them, in batches. */
import { Batch } from './batch.ts';
import { headerOctets, maxHeaderOctets, prependHeader } from './data-header.ts';
import type { Drops } from './drops.ts';
import { type Mppe, mppeOctets } from './mppe.ts';
import { datagramWord, datagramWords, errnoName, frameWord, frameWords, native } from './native.ts';
import { holdsIp, pppProtocol, protocolAt, skipAddress } from './ppp-header.ts';
import {
  etherTypePppoeSession,
  maxPppoeOctets,
  pppoeHeaderOctets,
  sessionCode,
  writePppoeHeader,
} from './pppoe-header.ts';
import { type L2tpSession, type PlaneSession, PppoeSession } from './sessions.ts';
import { maxDatagramOctets, type SocketTransport } from './sockets.ts';

/** Frames without room for their header wait here, with room. */
const copySlabOctets = 256 * 1024;

export class Outgoing {
  readonly #transport: SocketTransport;
  readonly #dropped: (reason: string) => void;
  readonly #drops: Drops;
  readonly #frame = new Uint8Array(maxDatagramOctets);
  readonly #copies = new Uint8Array(copySlabOctets);
  #copiedOctets = 0;
  readonly #words = new Int32Array(frameWords);

  readonly #datagrams = new Batch({
    words: datagramWords,
    errorWord: datagramWord.error,
    send: (slab, words, count) => this.#transport.sendFrom(slab, words, count),
    failed: (session, _error, octets) => this.unsent(session, octets),
  });
  readonly #frames = new Batch({
    words: frameWords,
    errorWord: frameWord.error,
    send: (slab, words, count) => native.sendFrames(slab, words, count),
    failed: (session, error, octets) => {
      this.unsent(session, octets);
      this.#dropped(`pppoe ${errnoName(-error)}`);
    },
  });

  constructor(transport: SocketTransport, drops: Drops, dropped: (reason: string) => void) {
    this.#transport = transport;
    this.#drops = drops;
    this.#dropped = dropped;
  }

  /** Sends what is gathered; to be called before a slab is used again. */
  flush(): void {
    this.#datagrams.flush();
    this.#frames.flush();
  }

  /** Sends a PPP frame as L2TP; see `sendPayload`. It counts as so many octets. */
  sendL2tp(session: L2tpSession, slab: Uint8Array, floor: number, start: number, end: number, octets: number): void {
    this.sendMessage(session, slab, floor, start, end, isNumberedPpp(session, slab, start, end), 0, octets);
  }

  /**
   * Sends a payload other than PPP, with an L2TPv3 header, which is written in front of it where `floor` leaves room for
   * it (payloadHeadroomOctets always do). The slab must stay as it is until the next `flush`. `isIp`: it is an IP packet,
   * which data sequencing may leave out. `flags`: for the first octet of the sublayer, if there is one.
   */
  sendPayload(
    session: L2tpSession,
    slab: Uint8Array,
    floor: number,
    start: number,
    end: number,
    isIp: boolean,
    flags: number,
  ): void {
    this.sendMessage(session, slab, floor, start, end, isNumbered(session, isIp), flags, end - start);
  }

  private sendMessage(
    session: L2tpSession,
    slab: Uint8Array,
    floor: number,
    start: number,
    end: number,
    numbered: boolean,
    flags: number,
    octets: number,
  ): void {
    if (!session.peerActive) {
      this.refuse(session, 'peerNotActive');
      return;
    }
    if (start - headerOctets(session, numbered) >= floor) {
      this.add(session, slab, start, end, numbered, flags, octets);
      return;
    }
    const copy = this.copy(slab, start, end);
    if (copy < 0) this.refuse(session, 'tooLong');
    else this.add(session, this.#copies, copy, copy + end - start, numbered, flags, octets);
  }

  /** Adds a message to the batch. There is room for its header. */
  private add(
    session: L2tpSession,
    slab: Uint8Array,
    start: number,
    end: number,
    numbered: boolean,
    flags: number,
    octets: number,
  ): void {
    const { socket, remote, from } = session.tunnel;
    const words = this.#datagrams.words;
    const place = this.#datagrams.place(slab);
    if (!this.#transport.describe(words, place, socket, remote, from, session.dscp)) {
      this.#drops.sent(session);
      return;
    }
    const at = prependHeader(session, slab, start, numbered, flags);
    words[place + datagramWord.offset] = at;
    words[place + datagramWord.length] = end - at;
    this.#datagrams.add(session, octets);
    session.txPackets++;
    session.txOctets += octets;
  }

  /** Puts slab[start, end) where there is room in front of it. Answers where, or -1 when it is too long. */
  private copy(slab: Uint8Array, start: number, end: number): number {
    if (end - start > maxDatagramOctets - maxHeaderOctets) return -1;
    if (this.#copiedOctets + maxHeaderOctets + end - start > copySlabOctets) {
      this.#datagrams.flush();
      this.#copiedOctets = 0;
    }
    const at = this.#copiedOctets + maxHeaderOctets;
    this.#copies.set(slab.subarray(start, end), at);
    this.#copiedOctets = at + end - start;
    return at;
  }

  private refuse(session: PlaneSession, reason: string): void {
    this.#drops.sent(session);
    this.#dropped(reason);
  }

  /** Sends a PPP frame without address and control field. Every frame has room for PPPoE's header in front of it. */
  sendPppoe(session: PppoeSession, slab: Uint8Array, start: number, end: number): void {
    const place = this.#frames.place(slab);
    if (!this.describe(this.#frames.words, place, session, slab, start, end)) {
      this.#drops.sent(session);
      return;
    }
    this.#frames.add(session, end - start);
    session.txPackets++;
    session.txOctets += end - start;
  }

  /** Writes the header and fills the words of a frame to send. False, and counted, when it cannot be sent. */
  private describe(
    words: Int32Array,
    place: number,
    { link, peer, pppoeSessionId }: PppoeSession,
    slab: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const at = start - pppoeHeaderOctets;
    const reason = end - at > maxPppoeOctets ? 'tooLongForPppoe' : link.sessionFd < 0 ? 'pppoeLinkGone' : undefined;
    if (reason !== undefined) {
      this.#dropped(reason);
      return false;
    }
    writePppoeHeader(slab, at, sessionCode, pppoeSessionId, end - start);
    words[place + frameWord.fd] = link.sessionFd;
    words[place + frameWord.offset] = at;
    words[place + frameWord.length] = end - at;
    words[place + frameWord.type] = etherTypePppoeSession;
    words[place + frameWord.interface] = link.index;
    words[place + frameWord.macHigh] = peer.high;
    words[place + frameWord.macLow] = peer.low;
    return true;
  }

  private unsent(session: PlaneSession, octets: number): void {
    session.txPackets--;
    session.txOctets -= octets;
    this.#drops.sent(session);
  }

  /** Sends one whole PPP frame of the engine's, in the form that it has in L2TP. No user's, it is not counted. */
  sendFrame(session: PlaneSession, frame: Uint8Array): void {
    if (frame.length > maxDatagramOctets - maxHeaderOctets - mppeOctets) {
      this.#drops.sent(session);
      return;
    }
    let end = maxHeaderOctets + frame.length;
    this.#frame.set(frame, maxHeaderOctets);
    if (session instanceof PppoeSession) {
      this.sendPppoeFrame(session, skipAddress(this.#frame, maxHeaderOctets, end), end);
      return;
    }
    if (!session.peerActive) {
      this.refuse(session, 'peerNotActive');
      return;
    }
    // What was numbered before goes before.
    this.#datagrams.flush();
    if (session.mppe !== undefined && protocolAt(frame, 2) === pppProtocol.ipv6) end = this.encrypt(session.mppe, end);
    const numbered = isNumberedPpp(session, this.#frame, maxHeaderOctets, end);
    const at = prependHeader(session, this.#frame, maxHeaderOctets, numbered, 0);
    const { socket, remote, from } = session.tunnel;
    this.#transport.send(socket, remote, from, this.#frame, session.dscp, at, end);
  }

  /** Encrypts the IPv6 packet of the frame to send. Answers where it ends then. */
  private encrypt(mppe: Mppe, end: number): number {
    const frame = this.#frame;
    const protocol = maxHeaderOctets + 2;
    const plain = protocol + mppeOctets;
    frame.copyWithin(plain, protocol, end);
    frame[protocol + 1] = pppProtocol.mppe;
    mppe.encrypt(frame, plain, end + mppeOctets);
    return end + mppeOctets;
  }

  private sendPppoeFrame(session: PppoeSession, start: number, end: number): void {
    this.#frames.flush();
    const words = this.#words;
    if (!this.describe(words, 0, session, this.#frame, start, end)) {
      this.#drops.sent(session);
    } else if (native.sendFrames(this.#frame, words, 1) !== 1) {
      this.#drops.sent(session);
      this.#dropped(`pppoe ${errnoName(-words[frameWord.error])}`);
    }
  }
}

function isNumbered({ sequencing }: L2tpSession, isIp: boolean): boolean {
  return sequencing === 'all' || (sequencing === 'nonIp' && !isIp);
}

function isNumberedPpp(session: L2tpSession, bytes: Uint8Array, start: number, end: number): boolean {
  return isNumbered(session, session.sequencing === 'nonIp' && holdsIp(bytes, start, end));
}
