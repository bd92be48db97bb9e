/** Conditions of what peers opened, by the names that the reconciler uses for what is declared. */
import type { FailureView, SessionView, TunnelView } from '../engine/spec.ts';
import { circuitStanding } from '../reconciler/circuit-status.ts';
import type { ConditionStatus } from './types.ts';

export function tunnelConditions(view: TunnelView): ConditionStatus[] {
  const up = view.state === 'established';
  const message = up ? 'the control connection is established' : (view.failure?.message ?? `in state ${view.state}`);
  const proved = view.authenticated;
  const proof = proved ? 'the peer proved that it knows the secret' : 'the peer did not prove that it knows a secret';
  return [
    { ...established(up, message, view), type: 'Ready' },
    established(up, message, view),
    condition('PeerAuthenticated', proved, proofReason(view), proof, view),
  ];
}

function proofReason({ authenticated, version }: TunnelView): string {
  if (version === 3) return authenticated ? 'DigestValid' : 'NotAuthenticated';
  return authenticated ? 'ChallengeAnswered' : 'NotChallenged';
}

export function sessionConditions(view: SessionView): ConditionStatus[] {
  const { ppp, switched } = view;
  const up = view.state === 'established';
  if (up && !switched && view.pseudowire !== 'ppp') {
    const { ready, reason, message } = circuitStanding(view);
    return [condition('Ready', ready, reason, message, view), established(true, 'the call is established', view)];
  }
  const addressed = ppp.ipv4 !== undefined || ppp.ipv6 !== undefined;
  const ready = up && ppp.phase === 'network' && addressed && view.interface !== undefined;
  const phase = view.pseudowire === 'ppp' ? `, PPP phase ${ppp.phase}` : '';
  const waiting = view.failure?.message ?? ppp.failure ?? `in state ${view.state}${phase}`;
  return [
    up && switched
      ? condition('Ready', true, 'Switched', 'goes on in another call', view)
      : condition('Ready', ready, ready ? 'Up' : 'Negotiating', ready ? 'PPP is open' : waiting, view),
    established(up, up ? 'the call is established' : waiting, view),
  ];
}

type TimedView = { sinceMs?: number; failure?: FailureView };

function established(up: boolean, message: string, view: TimedView): ConditionStatus {
  return condition('Established', up, up ? 'Established' : 'Establishing', message, view);
}

function condition(
  type: string,
  holds: boolean,
  reason: string,
  message: string,
  { sinceMs, failure }: TimedView,
): ConditionStatus {
  const changedMs = failure?.atMs ?? sinceMs;
  const lastTransitionTime = changedMs === undefined ? undefined : new Date(changedMs).toISOString();
  return { type, status: holds ? 'True' : 'False', reason, message, lastTransitionTime };
}
