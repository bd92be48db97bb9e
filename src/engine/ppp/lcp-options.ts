/**
 * LCP's options (RFC 1661 6, RFC 1662 7.1, RFC 1570 2.1), and the lists of them that stand in AVPs: without the LCP
 * header, from the first option on.
 */
import { readU16, readU32, Writer } from '../wire/bytes.ts';
import { optionsAreWhole } from './frame.ts';
import type { PppSpec } from './spec.ts';

export const Option = { mru: 1, accm: 2, auth: 3, magic: 5, pfc: 7, acfc: 8, fcs: 9 } as const;

/** RFC 1661 6.1's default. */
export const DEFAULT_MRU = 1500;
/** The smallest MRU that we accept of a peer. */
export const MIN_MRU = 128;

/** RFC 1662 7.1: an ACCM with every bit, which is the default too. */
export const ALL_CHARACTERS = 0xffffffff;

/** Octets of a list that we keep: what one AVP holds (RFC 2661 4.1). */
const MAX_LIST_OCTETS = 1023 - 6;

/** The data of the first such option in a list of whole options, if it has that many octets. */
export function findOption(list: Uint8Array | undefined, type: number, octets: number): Uint8Array | undefined {
  for (let at = 0; list !== undefined && at < list.length; at += list[at + 1]) {
    if (list[at] === type && list[at + 1] === octets + 2) return list.subarray(at + 2, at + 2 + octets);
  }
  return undefined;
}

/**
 * What a LAC tells of its lines, both as LCP Want Options and as LCP Allow Options (RFC 3437 2.1, 2.2): its wishes are
 * the most that they can do. Ours have no ACCM and no FCS to choose.
 */
export function lineOptions(spec: PppSpec): Uint8Array {
  const list = new Writer(8).u8(Option.mru).u8(4).u16(spec.mru);
  if (spec.pfc) list.u8(Option.pfc).u8(2);
  if (spec.acfc) list.u8(Option.acfc).u8(2);
  return list.finish();
}

/** A LAC's LCP Want and LCP Allow Options. Absent ones say nothing. */
export interface LineWishes {
  want?: Uint8Array;
  allow?: Uint8Array;
}

/** The line behind a link whose negotiation is not ours alone: a LAC has wishes, or somebody has to be told of it. */
export class Line {
  private readonly want: Uint8Array | undefined;
  private readonly allow: Uint8Array | undefined;
  /** The ACCM that we ask the peer for. Undefined: none. */
  accm: number | undefined = undefined;
  /** The ACCM that the peer asked for. */
  peerAccm = ALL_CHARACTERS;
  /** The options of the peer's first and last Configure-Request; absent also where they are too long for an AVP. */
  initialReceived: Uint8Array | undefined = undefined;
  lastReceived: Uint8Array | undefined = undefined;
  private heardAny = false;

  constructor(wishes: LineWishes) {
    this.want = wholeOrNothing(wishes.want);
    this.allow = wholeOrNothing(wishes.allow);
    this.resetAccm();
  }

  resetAccm(): void {
    const accm = findOption(this.want, Option.accm, 4);
    this.accm = accm && readU32(accm, 0);
  }

  /** The MRU with which to begin. */
  startMru(ours: number): number {
    const mru = findOption(this.want, Option.mru, 2);
    return mru === undefined ? ours : Math.min(ours, readU16(mru, 0));
  }

  /** The largest MRU that the peer may have. */
  get maxPeerMru(): number {
    const mru = findOption(this.allow, Option.mru, 2);
    return mru === undefined ? 0xffff : Math.max(MIN_MRU, readU16(mru, 0));
  }

  /** Whether we should ask for PFC or ACFC. */
  wants(type: number): boolean {
    return this.want === undefined || findOption(this.want, type, 0) !== undefined;
  }

  /** Whether the peer may have PFC or ACFC. */
  allows(type: number): boolean {
    return this.allow === undefined || findOption(this.allow, type, 0) !== undefined;
  }

  /** The ACCM's bits that the peer may ask for, `any` without wishes; undefined: the line has no ACCM. */
  allowedAccm(any: number): number | undefined {
    if (this.allow === undefined) return any;
    const accm = findOption(this.allow, Option.accm, 4);
    return accm && readU32(accm, 0);
  }

  /** The alternative FCS to ask for (RFC 1570 2.1), 0 for none: the LAC strips it, we only negotiate it. */
  get fcs(): number {
    return findOption(this.want, Option.fcs, 1)?.[0] ?? 0;
  }

  /** Whether the peer may have this FCS: it is listed, perhaps as one of several. */
  allowsFcs(flags: number): boolean {
    const { allow } = this;
    for (let at = 0; allow !== undefined && at < allow.length; at += allow[at + 1]) {
      if (allow[at] === Option.fcs && allow[at + 1] === 3 && allow[at + 2] === flags) return true;
    }
    return false;
  }

  /** Remembers the options of a Configure-Request of the peer's. */
  hear(bytes: Uint8Array, at: number, end: number): void {
    const options = end - at > MAX_LIST_OCTETS ? undefined : new Uint8Array(bytes.subarray(at, end));
    if (!this.heardAny) this.initialReceived = options;
    this.heardAny = true;
    this.lastReceived = options;
  }
}

function wholeOrNothing(list: Uint8Array | undefined): Uint8Array | undefined {
  return list !== undefined && optionsAreWhole(list, 0, list.length) ? list : undefined;
}
