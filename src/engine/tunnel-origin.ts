/** Who wants a tunnel, and whose calls may come in it. */
import type { Result } from './errors.ts';
import { matchesAnyone } from './peers.ts';
import { mayGoOver, type PeerSpec, type TunnelParameters, type TunnelSpec } from './spec.ts';
import type { Dialect } from './wire/dialect.ts';

/**
 * Who wants the tunnel, and which profile the peer's calls come under. Both in a declared tunnel whose peer matches a
 * profile: it carries the calls of either side.
 */
export type TunnelOrigin = { dialled: TunnelSpec; accepted?: PeerSpec } | Accepted;

interface Accepted {
  dialled?: undefined;
  accepted: PeerSpec;
}

export function parametersOf(origin: TunnelOrigin): TunnelParameters {
  return origin.dialled ? origin.dialled.parameters : origin.accepted.tunnel;
}

/**
 * A peer that is known by name or address, or that dialled us at the same time, may call us in a tunnel that we
 * dialled, if it has proved there what it would have to prove in one of its own.
 */
export function mayCall(
  peer: PeerSpec,
  { askedUs, authenticated }: { askedUs: boolean; authenticated: boolean },
): boolean {
  const known = askedUs || !matchesAnyone(peer);
  return known && (peer.tunnel.authMode !== 'challenge' || authenticated);
}

/** What an accepted tunnel goes on under when this profile matches its peer now, or why it ends. */
export function rematched(
  { accepted: before }: Accepted,
  peer: PeerSpec | undefined,
  authentication: Dialect['authentication'],
): Accepted | { ends: Result } {
  if (!peer) return { ends: { result: 1, error: 0, message: 'no PeerProfile matches any more' } };
  // The calls' device goes away with the old name: they come again on the new one.
  if (peer.tunnel.interfaceName !== before.tunnel.interfaceName) {
    return { ends: { result: 1, error: 0, message: 'the interface of its calls is another one now' } };
  }
  const goesOver = authentication === 'digest' && mayGoOver(before.tunnel, peer.tunnel);
  return { accepted: goesOver ? peer : withSecret(peer, before.tunnel.secret) };
}

/** A profile's tunnel goes on with the secret that it was set up with: the peer may not have a new one before the next. */
function withSecret(peer: PeerSpec, secret: TunnelParameters['secret']): PeerSpec {
  const { tunnel } = peer;
  const same = tunnel.secret === secret || (secret !== undefined && tunnel.secret?.equals(secret));
  return same ? peer : { ...peer, tunnel: { ...tunnel, secret } };
}
