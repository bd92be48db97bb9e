/** How a tunnel ends: by the peer, by us, or without a word (RFC 2661 5.7, 6.4). */
import type { TerminateCause } from './aaa.ts';
import type { Calls } from './calls.ts';
import type { ControlChannel } from './control-channel.ts';
import type { EngineCore } from './core.ts';
import { append, type EngineEffect, type Instant, type Notice } from './effects.ts';
import type { Result } from './errors.ts';
import type { FailureView } from './spec.ts';
import type { TunnelState } from './tunnel-states.ts';
import type { TunnelTraces } from './tunnel-traces.ts';
import type { OutgoingMessage } from './wire/message.ts';
import type { ReceivedAvps } from './wire/message-table.ts';
import { describeResult } from './wire/result-text.ts';

/** RFC 2661 4.4.2: StopCCN result codes that the engine itself gives. */
export const stopResult = { clear: 1, shuttingDown: 6 } as const;

/** What the end of a tunnel needs and changes of it. */
export interface EndingTunnel {
  readonly core: EngineCore;
  readonly localId: number;
  readonly name: string | undefined;
  readonly isGranted: boolean;
  readonly calls: Calls;
  readonly channel: ControlChannel;
  readonly traces: TunnelTraces;
  readonly retransmissionCycleMs: number;
  readonly establishedAt: Instant | undefined;
  state: TunnelState;
  finished: boolean;
  establishBy: Instant | undefined;
  lingerUntil: Instant | undefined;
  failure: FailureView | undefined;
  send(message: OutgoingMessage, sessionId: number, now: Instant): EngineEffect[];
  notice(event: Notice['event'], message: string): EngineEffect;
}

/** The peer ends the tunnel: acknowledge for a whole retransmission cycle (RFC 2661 5.7). */
export function stopped(tunnel: EndingTunnel, avps: ReceivedAvps<'StopCCN'>, now: Instant): EngineEffect[] {
  const { channel } = tunnel;
  const result = avps.resultCode;
  // A refused request: only here do we learn whom the acknowledgement is for.
  if (channel.remoteTunnelId === 0) channel.remoteTunnelId = avps.assignedTunnelId ?? 0;
  const wasOpen = tunnel.state !== 'closing';
  const message = `the peer closed the tunnel: ${describeResult('StopCCN', result)}`;
  const out = wasOpen ? leave(tunnel, message, result, 'lostCarrier', now) : [];
  tunnel.state = 'closed';
  channel.dropUnsent();
  tunnel.lingerUntil = now + tunnel.retransmissionCycleMs;
  return out;
}

/** We end the tunnel. */
export function stop(tunnel: EndingTunnel, result: Result, now: Instant): EngineEffect[] {
  const cause = result.result === stopResult.shuttingDown ? 'adminReboot' : 'adminReset';
  const out = leave(tunnel, `we closed the tunnel: ${describeResult('StopCCN', result)}`, result, cause, now);
  tunnel.state = 'closing';
  tunnel.channel.dropUnsent();
  const avps = { assignedTunnelId: tunnel.localId, resultCode: result };
  append(out, tunnel.send({ type: 'StopCCN', avps }, 0, now));
  return out;
}

/** We have ended the tunnel, and say so in the version that the peer turns out to speak. */
export function stopAgain(tunnel: EndingTunnel, now: Instant): EngineEffect[] {
  const { localId, failure } = tunnel;
  const { result = stopResult.clear, error, message } = failure ?? {};
  const resultCode = { result, error, message };
  return tunnel.send({ type: 'StopCCN', avps: { assignedTunnelId: localId, resultCode } }, 0, now);
}

/** Gives up without a word. */
export function abandon(tunnel: EndingTunnel, message: string, now: Instant): EngineEffect[] {
  const out = leave(tunnel, message, undefined, 'lostCarrier', now);
  tunnel.state = 'closed';
  tunnel.finished = true;
  return out;
}

/** Once a StopCCN is acknowledged, its retransmissions and the peer's may still be under way (RFC 2661 5.8). */
export function linger(tunnel: EndingTunnel, now: Instant): void {
  if (tunnel.state === 'closing' && tunnel.channel.idle) tunnel.lingerUntil ??= now + tunnel.retransmissionCycleMs;
}

/** Leaves whatever state there was: all calls end without messages of their own (RFC 2661 6.4). */
function leave(
  tunnel: EndingTunnel,
  message: string,
  result: Result | undefined,
  cause: TerminateCause,
  now: Instant,
): EngineEffect[] {
  const { core, localId, traces } = tunnel;
  const out = tunnel.calls.tunnelLost(message, cause, now);
  if (tunnel.state === 'established') {
    core.establishedTunnels--;
    out.push({ effect: 'plane', op: { op: 'tunnelDown', localTunnelId: localId } });
    if (traces.wants('data')) traces.record('data', `tunnelDown: tunnel ${localId}`);
  }
  tunnel.establishBy = undefined;
  if (traces.wants('fsm')) traces.record('fsm', `${tunnel.state}: ${message}`);
  tunnel.failure = { atMs: core.epochMs + now, result: result?.result, error: result?.error, message };
  const event = result?.result === 4 ? 'authFailed' : tunnel.establishedAt === undefined ? 'refused' : 'down';
  out.push(tunnel.notice(event, message));
  if (tunnel.isGranted && tunnel.name !== undefined) append(out, core.dialled(tunnel.name, false, now));
  return out;
}
