/**
 * Tunnels that nobody declared: the AAA grants them to a call (RFC 2868). They are dialled when the first call wants one,
 * shared by those that it is granted to as well, and close when they have been empty for a while.
 */
import type { GrantedTunnel } from './aaa.ts';
import type { EngineEffect } from './effects.ts';
import type { SessionKey } from './ports.ts';
import type { TunnelParameters, TunnelSpec } from './spec.ts';

const l2tpPort = 1701;
/** How long one stays without a call, unless TunnelProfile `default` says. */
const emptyTunnelMs = 60_000;
/** Dialled at one time: a RADIUS server that makes up addresses must not fill our tables. */
const maxDialling = 1_000;

/** No resource has such a name. Calls with the same assignment id, or with none, share one to the same peer. */
export function grantedName({
  remoteAddress,
  localAddress = '',
  assignmentId = '',
  hostName = '',
}: GrantedTunnel): string {
  const parts = [remoteAddress, localAddress, hostName, assignmentId];
  return ['granted', ...parts.map((part) => part.replace(/[% ]/g, encodeURIComponent))].join(' ').trimEnd();
}

export class GrantedTunnels {
  /** The calls that wait for each tunnel that is being dialled. */
  private readonly waiting = new Map<string, Set<SessionKey>>();

  /** A call wants the tunnel, and is told what became of it. Undefined: no more are dialled now. */
  want(granted: GrantedTunnel, defaults: TunnelParameters, session: SessionKey): EngineEffect[] | undefined {
    const name = grantedName(granted);
    const waiting = this.waiting.get(name);
    if (waiting) {
      waiting.add(session);
      return [];
    }
    if (this.waiting.size >= maxDialling) return undefined;
    this.waiting.set(name, new Set([session]));
    return [{ effect: 'dial', spec: specOf(name, granted, defaults) }];
  }

  /** A call is over or has found another way. */
  forget(granted: GrantedTunnel, session: SessionKey): void {
    this.waiting.get(grantedName(granted))?.delete(session);
  }

  /** Who waited for a tunnel that is up now, or is not to be had. */
  take(name: string): Iterable<SessionKey> {
    const waiting = this.waiting.get(name);
    this.waiting.delete(name);
    return waiting ?? [];
  }

  get size(): number {
    return this.waiting.size;
  }
}

function specOf(name: string, granted: GrantedTunnel, defaults: TunnelParameters): TunnelSpec {
  const { remoteAddress, localAddress, secret, hostName = defaults.hostName } = granted;
  const parameters: TunnelParameters = {
    ...defaults,
    hostName,
    secret: secret ?? defaults.secret,
    authMode: secret ? 'challenge' : defaults.authMode,
    idleTimeoutMs: defaults.idleTimeoutMs || emptyTunnelMs,
  };
  return {
    name,
    granted: true,
    parameters,
    remoteAddress,
    remotePort: l2tpPort,
    localAddress,
    localPort: 0,
    encapsulation: 'udp',
    pmtuDiscovery: false,
    persist: false,
  };
}
