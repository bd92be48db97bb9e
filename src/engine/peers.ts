/**
 * Which PeerProfile applies to a peer: host name before address, exact before glob, longest prefix first.
 */
import ipaddr from 'ipaddr.js';
import { fitsGlob } from './glob.ts';
import type { PeerSpec } from './spec.ts';

type Cidr = [ipaddr.IPv4 | ipaddr.IPv6, number];

interface Candidate {
  peer: PeerSpec;
  /** In lower case. */
  hostName: string | undefined;
  /** 2 an exact host name, 1 a glob, 0 none. */
  hostNameRank: number;
  cidrs: Cidr[];
}

/** All peers, made ready for look-ups. Their matches are known to be well-formed. */
export class PeerTable {
  private readonly candidates: Candidate[];

  constructor(peers: readonly PeerSpec[]) {
    this.candidates = peers.map((peer) => {
      const { hostName, addresses } = peer.match;
      const glob = hostName !== undefined && /[*?]/.test(hostName);
      return {
        peer,
        hostName: hostName?.toLowerCase(),
        hostNameRank: hostName === undefined ? 0 : glob ? 1 : 2,
        cidrs: addresses.map(parseCidr),
      };
    });
  }

  /** The best match for a peer that calls itself `hostName` and comes from `address`. */
  find(hostName: string, address: string): PeerSpec | undefined {
    const source = ipaddr.process(address);
    const name = hostName.toLowerCase();
    let best: { peer: PeerSpec; rank: number } | undefined;
    for (const { peer, hostName: pattern, hostNameRank, cidrs } of this.candidates) {
      if (pattern !== undefined && !fitsGlob(pattern, name)) continue;
      const prefix = cidrs.length === 0 ? 0 : longestPrefix(source, cidrs);
      if (prefix === undefined) continue;
      const rank = hostNameRank * 256 + prefix;
      if (!best || rank > best.rank) best = { peer, rank };
    }
    return best?.peer;
  }
}

/** Whether a profile names nobody in particular. */
export function matchesAnyone(peer: PeerSpec): boolean {
  return peer.match.hostName === undefined && peer.match.addresses.length === 0;
}

/** The length of the longest of these prefixes that holds the address, plus 1, so that any beats none at all. */
function longestPrefix(source: ipaddr.IPv4 | ipaddr.IPv6, cidrs: Cidr[]): number | undefined {
  let longest: number | undefined;
  for (const [network, bits] of cidrs) {
    if (network.kind() === source.kind() && source.match([network, bits] as never))
      longest = Math.max(longest ?? 0, bits + 1);
  }
  return longest;
}

function parseCidr(text: string): Cidr {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
