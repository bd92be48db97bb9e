/** What is shown of a tunnel. */
import type { Calls } from './calls.ts';
import type { ControlChannel } from './control-channel.ts';
import type { EngineCore } from './core.ts';
import type { Instant } from './effects.ts';
import type { Handshake } from './handshake.ts';
import type { Encapsulation, Endpoint, FailureView, TunnelParameters, TunnelView } from './spec.ts';
import type { TunnelOrigin } from './tunnel-origin.ts';
import type { TunnelState } from './tunnel-states.ts';
import type { Dialect } from './wire/dialect.ts';

export interface ViewedTunnel {
  readonly core: EngineCore;
  readonly dialect: Dialect;
  readonly localId: number;
  readonly name: string | undefined;
  readonly state: TunnelState;
  readonly origin: TunnelOrigin;
  readonly parameters: TunnelParameters;
  readonly local: Endpoint;
  readonly path: { readonly remote: Endpoint; readonly encapsulation: Encapsulation };
  readonly handshake: Handshake;
  readonly channel: ControlChannel;
  readonly authenticated: boolean;
  readonly calls: Calls;
  readonly establishedAt: Instant | undefined;
  readonly failure: FailureView | undefined;
}

export function viewOf(tunnel: ViewedTunnel): TunnelView {
  const { origin, core, handshake, channel, calls, establishedAt } = tunnel;
  return {
    name: tunnel.name,
    peerProfile: origin.accepted?.name,
    direction: origin.dialled ? 'dialled' : 'accepted',
    state: tunnel.state,
    version: tunnel.dialect.version,
    localId: tunnel.localId,
    remoteId: channel.remoteTunnelId,
    encapsulation: tunnel.path.encapsulation,
    local: tunnel.local,
    remote: tunnel.path.remote,
    peerHostName: handshake.hostName,
    peerVendorName: handshake.vendorName,
    authenticated: tunnel.authenticated,
    quirks: handshake.quirks.size === 0 ? undefined : [...handshake.quirks],
    spec: origin.dialled,
    parameters: tunnel.parameters,
    sessions: { established: calls.established, total: calls.sessions.size },
    sinceMs: establishedAt === undefined ? undefined : core.epochMs + establishedAt,
    failure: tunnel.failure,
    transport: channel.counters,
  };
}
