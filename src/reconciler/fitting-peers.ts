/** Which PeerProfile fits the address of a peer that we dial, without a look at each of them for each tunnel. */
import { canonicalPrefix, isIp } from './addresses.ts';
import type { Resource } from './resources.ts';

type Peer = Resource<'PeerProfile'>;

export class FittingPeers {
  /** By prefix, in its canonical spelling. */
  private readonly byPrefix = new Map<string, Peer>();
  /** The lengths among them, the longest first. */
  private readonly lengths: readonly number[];
  private anywhere: Peer | undefined;

  /** Of several that fit as well as each other, the first counts. */
  constructor(peers: readonly Peer[]) {
    const lengths = new Set<number>();
    for (const peer of peers) {
      const { hostName, addresses = [] } = peer.document.spec.match ?? {};
      // Before the tunnel is dialled the peer has not told its host name.
      if (hostName !== undefined) continue;
      if (addresses.length === 0) this.anywhere ??= peer;
      for (const text of addresses) {
        const prefix = canonicalPrefix(text);
        if (prefix === undefined) continue;
        lengths.add(lengthOf(prefix));
        if (!this.byPrefix.has(prefix)) this.byPrefix.set(prefix, peer);
      }
    }
    this.lengths = [...lengths].sort((one, other) => other - one);
  }

  /** The one with the longest prefix. */
  find(address: string | undefined): Peer | undefined {
    if (address !== undefined && isIp(address)) {
      const [withoutZone] = address.split('%');
      for (const length of this.lengths) {
        const prefix = canonicalPrefix(`${withoutZone}/${length}`);
        const peer = prefix === undefined ? undefined : this.byPrefix.get(prefix);
        if (peer) return peer;
      }
    }
    return this.anywhere;
  }
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}
