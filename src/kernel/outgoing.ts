/** PPP frames on their way out, with an L2TP or PPPoE header written in front of them, in batches. */
import { dataHeaderOctets, writeDataHeader } from '../engine/wire/header.ts';
import { Batch } from './batch.ts';
import type { Drops } from './drops.ts';
import { type Mppe, mppeOctets } from './mppe.ts';
import { datagramWord, datagramWords, errnoName, frameWord, frameWords, native } from './native.ts';
import { pppProtocol, protocolAt, skipAddress } from './ppp-header.ts';
import {
  etherTypePppoeSession,
  maxPppoeOctets,
  pppoeHeaderOctets,
  sessionCode,
  writePppoeHeader,
} from './pppoe-header.ts';
import { type L2tpSession, type PlaneSession, PppoeSession } from './sessions.ts';
import { maxDatagramOctets, type UdpTransport } from './sockets.ts';

/** Room in front of a frame for the longest header that is written: L2TP's without Length and Offset. */
const headroomOctets = 10;

export class Outgoing {
  readonly #transport: UdpTransport;
  readonly #dropped: (reason: string) => void;
  readonly #drops: Drops;
  readonly #frame = new Uint8Array(maxDatagramOctets);
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

  constructor(transport: UdpTransport, drops: Drops, dropped: (reason: string) => void) {
    this.#transport = transport;
    this.#drops = drops;
    this.#dropped = dropped;
  }

  /** Sends what is gathered; to be called before a slab is used again. */
  flush(): void {
    this.#datagrams.flush();
    this.#frames.flush();
  }

  /**
   * Sends a PPP frame with an L2TP header, which is written in front of it where there is room. It counts as so many
   * octets.
   */
  sendL2tp(session: L2tpSession, slab: Uint8Array, floor: number, start: number, end: number, octets: number): void {
    if (start - dataHeaderOctets(false, session.sequencing) < floor) {
      this.sendFrame(session, slab.subarray(start, end));
      session.txPackets++;
      session.txOctets += octets;
      return;
    }
    const { socket, remote, from } = session.tunnel;
    const words = this.#datagrams.words;
    const place = this.#datagrams.place(slab);
    if (!this.#transport.describe(words, place, socket, remote, from, session.dscp)) {
      this.#drops.sent(session);
      return;
    }
    const at = prependL2tp(session, slab, start);
    words[place + datagramWord.offset] = at;
    words[place + datagramWord.length] = end - at;
    this.#datagrams.add(session, octets);
    session.txPackets++;
    session.txOctets += octets;
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
    if (frame.length > maxDatagramOctets - headroomOctets - mppeOctets) {
      this.#drops.sent(session);
      return;
    }
    let end = headroomOctets + frame.length;
    this.#frame.set(frame, headroomOctets);
    if (session instanceof PppoeSession) {
      this.sendPppoeFrame(session, skipAddress(this.#frame, headroomOctets, end), end);
      return;
    }
    // What was numbered before goes before.
    this.#datagrams.flush();
    if (session.mppe !== undefined && protocolAt(frame, 2) === pppProtocol.ipv6) end = this.encrypt(session.mppe, end);
    const at = prependL2tp(session, this.#frame, headroomOctets);
    const { socket, remote, from } = session.tunnel;
    this.#transport.send(socket, remote, from, this.#frame, session.dscp, at, end);
  }

  /** Encrypts the IPv6 packet of the frame to send. Answers where it ends then. */
  private encrypt(mppe: Mppe, end: number): number {
    const frame = this.#frame;
    const protocol = headroomOctets + 2;
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

/** Writes the L2TP header in front of the frame at `start`; answers where it begins. */
function prependL2tp(session: L2tpSession, slab: Uint8Array, start: number): number {
  const at = start - dataHeaderOctets(false, session.sequencing);
  let ns: number | undefined;
  if (session.sequencing) {
    ns = session.ns;
    session.ns = (ns + 1) & 0xffff;
  }
  writeDataHeader(slab, at, session.tunnel.remoteId, session.remoteId, undefined, ns);
  return at;
}
