/** Why a call ends: as a CDN says it, and for the operator. */
import type { TerminateCause } from './aaa.ts';
import type { Result } from './errors.ts';
import type { FailureView } from './spec.ts';
import { describeAvps } from './wire/avp-text.ts';
import type { SentAvps } from './wire/message-table.ts';
import { describeResult } from './wire/result-text.ts';

/** What a CDN says. `cause`: what accounting is told where that does not follow from the rest; no peer is told it. */
export type CallEnd = Omit<SentAvps<'CDN'>, 'assignedSessionId'> & { cause?: TerminateCause };

export function cdnAvps(localId: number, { cause: _, ...told }: CallEnd): SentAvps<'CDN'> {
  return { assignedSessionId: localId, ...told };
}

/** With the causes that a line or PPP gave (RFC 2661 4.4.4, RFC 3145). */
export function endText({ resultCode, q931Cause, pppDisconnectCauses }: CallEnd): string {
  const causes = describeAvps({ q931Cause, pppDisconnectCauses }).map(({ label, text }) => `; ${label}: ${text}`);
  return describeResult('CDN', resultCode) + causes.join('');
}

export function failureOf(result: Result, atMs: number): FailureView {
  const { result: code, error, message = describeResult('CDN', result) } = result;
  return { atMs, result: code, error, message };
}
