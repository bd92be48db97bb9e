/**
 * How many requests for tunnels are looked at. A second's worth may come at once, after that as many as the rate allows.
 */
import ipaddr from 'ipaddr.js';
import type { Instant } from './effects.ts';
import type { GatewaySpec } from './spec.ts';

/** Peers whose rates are remembered. The one that has been silent for longest makes room for a new one. */
const maxPeers = 10_000;

interface Bucket {
  tokens: number;
  filledAt: Instant;
}

export class RequestRate {
  private total: Bucket | undefined;
  /** By address, in the order of their last request. */
  private readonly peers = new Map<string, Bucket>();

  /** Whether one more request may be looked at; if so it counts. */
  admits(address: string, limits: GatewaySpec['requestRateLimit'], now: Instant): boolean {
    const total = limits.total === 0 ? undefined : filled(this.total, limits.total, now);
    this.total = total;
    if (total && total.tokens < 1) return false;
    const peer = this.peer(address, limits.perPeer, now);
    if (peer && peer.tokens < 1) return false;
    if (total) total.tokens--;
    if (peer) peer.tokens--;
    return true;
  }

  /** How many peers are remembered. */
  get size(): number {
    return this.peers.size;
  }

  private peer(address: string, perSecond: number, now: Instant): Bucket | undefined {
    if (perSecond === 0) {
      this.peers.clear();
      return undefined;
    }
    const key = networkOf(address);
    const bucket = filled(this.peers.get(key), perSecond, now);
    this.peers.delete(key);
    this.peers.set(key, bucket);
    if (this.peers.size > maxPeers) {
      for (const oldest of this.peers.keys()) {
        this.peers.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}

function filled(bucket: Bucket | undefined, perSecond: number, now: Instant): Bucket {
  if (!bucket) return { tokens: perSecond, filledAt: now };
  const tokens = bucket.tokens + ((now - bucket.filledAt) * perSecond) / 1_000;
  bucket.tokens = Math.min(perSecond, tokens);
  bucket.filledAt = now;
  return bucket;
}

/** An IPv6 host has a whole /64 to choose its addresses from. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const ip = ipaddr.process(address);
  return ip.kind() === 'ipv4' ? ip.toString() : (ip as ipaddr.IPv6).parts.slice(0, 4).join(':');
}
