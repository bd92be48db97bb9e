/** When an established tunnel in which nothing happens is asked whether its peer is there, and when it is closed. */
import type { Calls } from './calls.ts';
import type { ControlChannel } from './control-channel.ts';
import type { Instant } from './effects.ts';
import type { QuirkName } from './quirks.ts';
import type { TunnelParameters } from './spec.ts';
import type { TunnelOrigin } from './tunnel-origin.ts';
import type { TunnelState } from './tunnel-states.ts';
import type { Dialect } from './wire/dialect.ts';

/** How long a tunnel stays after its last call where the peer forgets it without closing it. */
const emptyTunnelMs = 60_000;

/** By how many different parts HELLOs come earlier. */
const jitterSteps = 64;

export interface SilentTunnel {
  readonly dialect: Dialect;
  readonly localId: number;
  readonly state: TunnelState;
  readonly origin: TunnelOrigin;
  readonly parameters: TunnelParameters;
  readonly quirks: ReadonlySet<QuirkName>;
  readonly channel: ControlChannel;
  readonly calls: Calls;
  readonly establishedAt: Instant | undefined;
}

/** RFC 2661 5.5: after some time without a word of the peer's, ask; the transport does the rest. */
export function helloAt({
  state,
  origin,
  dialect,
  localId,
  parameters,
  channel,
  quirks,
}: SilentTunnel): Instant | undefined {
  const { helloIntervalMs } = parameters;
  if (state !== 'established' || helloIntervalMs === 0 || !channel.idle || origin.dialled?.static) return undefined;
  // Ids are drawn at random.
  const jitterMs = (helloIntervalMs * dialect.helloJitter * (localId % jitterSteps)) / jitterSteps;
  return quirks.has('noHello') ? undefined : channel.lastReceivedAt + helloIntervalMs - jitterMs;
}

/** RFC 2661 7.6: when to close a tunnel without calls is free. One that is to persist would only be dialled again. */
export function idleAt({ state, origin, parameters, quirks, calls, establishedAt }: SilentTunnel): Instant | undefined {
  const { sessions, emptySince = establishedAt } = calls;
  if (state !== 'established' || sessions.size > 0 || emptySince === undefined) return undefined;
  const { dialled } = origin;
  if (dialled?.persist || dialled?.static) return undefined;
  if (parameters.idleTimeoutMs > 0) return emptySince + parameters.idleTimeoutMs;
  const isForgotten = !dialled && calls.emptySince !== undefined && quirks.has('closeWhenEmpty');
  return isForgotten ? emptySince + emptyTunnelMs : undefined;
}

/** Why a peer is taken for gone. */
export function silenceText({ channel: { counters }, dialect, parameters }: SilentTunnel): string {
  const { received, digestFailures } = counters;
  const isSigned = dialect.authentication === 'digest' && parameters.secret !== undefined;
  if (digestFailures > 0) {
    return `the peer does not answer in a way that can be used: the message digests of ${digestFailures} datagrams are wrong; do the secrets differ?`;
  }
  // RFC 3931 4.3: such a peer says nothing.
  if (received === 0 && isSigned) return 'the peer does not answer, as one does that has another secret';
  return 'the peer does not answer';
}
