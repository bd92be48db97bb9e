/**
 * Which PeerProfile applies to a peer: host name before address, exact before glob, longest prefix first. It is asked
 * before anybody has shown who it is, so that its cost does not grow with the profiles, but for those with globs.
 */
import ipaddr from 'ipaddr.js';
import { fitsGlob } from './glob.ts';
import type { PeerSpec } from './spec.ts';

interface Entry {
  peer: PeerSpec;
  /** Its place among all: the one declared first wins among equals. */
  place: number;
}

/** All peers, made ready for look-ups. Their matches are known to be well-formed. */
export class PeerTable {
  /** By exact host name, in lower case. */
  private readonly named = new Map<string, AddressTable>();
  /** By glob, in lower case. */
  private readonly globs = new Map<string, AddressTable>();
  private readonly unnamed = new AddressTable();

  constructor(peers: readonly PeerSpec[]) {
    for (const [place, peer] of peers.entries()) this.tableFor(peer.match.hostName).add({ peer, place });
  }

  private tableFor(hostName: string | undefined): AddressTable {
    if (hostName === undefined) return this.unnamed;
    const tables = /[*?]/.test(hostName) ? this.globs : this.named;
    const key = hostName.toLowerCase();
    const known = tables.get(key);
    if (known) return known;
    const table = new AddressTable();
    tables.set(key, table);
    return table;
  }

  /** The best match for a peer that calls itself `hostName` and comes from `address`. */
  find(hostName: string, address: string): PeerSpec | undefined {
    const source = ipaddr.process(address).toByteArray();
    const name = hostName.toLowerCase();
    const found = this.named.get(name)?.find(source) ?? this.findByGlob(name, source) ?? this.unnamed.find(source);
    return found?.entry.peer;
  }

  private findByGlob(name: string, source: number[]): Found | undefined {
    let best: Found | undefined;
    for (const [glob, table] of this.globs) {
      if (!fitsGlob(glob, name)) continue;
      const found = table.find(source);
      if (found && (!best || isBetter(found, best))) best = found;
    }
    return best;
  }
}

/** Whether a profile names nobody in particular. */
export function matchesAnyone(peer: PeerSpec): boolean {
  return peer.match.hostName === undefined && peer.match.addresses.length === 0;
}

interface Found {
  entry: Entry;
  /** The length of the prefix that holds the address; -1 where any address will do. */
  bits: number;
}

function isBetter(one: Found, other: Found): boolean {
  return one.bits > other.bits || (one.bits === other.bits && one.entry.place < other.entry.place);
}

/** Prefixes of one length and family. */
interface Level {
  /** Of an address: 4 or 16. */
  octets: number;
  bits: number;
  byPrefix: Map<string, Entry>;
}

/** Peers by their addresses alone. */
class AddressTable {
  /** The longest first. */
  private readonly levels: Level[] = [];
  private anywhere: Entry | undefined;

  add(entry: Entry): void {
    const { addresses } = entry.peer.match;
    if (addresses.length === 0) this.anywhere ??= entry;
    for (const text of addresses) {
      const [network, bits] = parseCidr(text);
      const octets = network.toByteArray();
      const { byPrefix } = this.level(octets.length, bits);
      const key = prefixOf(octets, bits);
      if (!byPrefix.has(key)) byPrefix.set(key, entry);
    }
  }

  private level(octets: number, bits: number): Level {
    const known = this.levels.find((level) => level.octets === octets && level.bits === bits);
    if (known) return known;
    const level: Level = { octets, bits, byPrefix: new Map() };
    this.levels.push(level);
    this.levels.sort((one, other) => other.bits - one.bits);
    return level;
  }

  find(source: number[]): Found | undefined {
    for (const { octets, bits, byPrefix } of this.levels) {
      const entry = octets === source.length ? byPrefix.get(prefixOf(source, bits)) : undefined;
      if (entry) return { entry, bits };
    }
    return this.anywhere && { entry: this.anywhere, bits: -1 };
  }
}

/** The first `bits` bits, as a key. */
function prefixOf(octets: number[], bits: number): string {
  const whole = bits >> 3;
  let key = String.fromCharCode(...octets.slice(0, whole));
  if (whole * 8 < bits) key += String.fromCharCode(octets[whole] & (0xff00 >> (bits & 7)));
  return key;
}

function parseCidr(text: string): [ipaddr.IPv4 | ipaddr.IPv6, bits: number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
