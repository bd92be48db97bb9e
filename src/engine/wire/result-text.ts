/**
 * Result and error codes in words (RFC 2661 4.4.2, RFC 3308 10, RFC 3931 5.4.2; circuits have their own, in RFC 4349, 4454,
 * 4591 and 4667).
 */
import type { Result } from '../errors.ts';

const stopReasons: Readonly<Record<number, string>> = {
  1: 'request to clear the control connection',
  3: 'the control channel already exists',
  4: 'not authorized to establish a control channel',
  5: 'the protocol version is not supported',
  6: 'the requester is being shut down',
  7: 'finite state machine error or timeout',
  8: 'no agreement on the DSCP of control messages',
};

const callReasons: Readonly<Record<number, string>> = {
  1: 'loss of carrier',
  3: 'administrative reasons',
  4: 'lack of facilities for now',
  5: 'lack of facilities for good',
  6: 'invalid destination',
  7: 'no carrier',
  8: 'busy signal',
  9: 'no dial tone',
  10: 'not established within the time allotted',
  11: 'no framing was detected',
  12: 'no agreement on the DSCP of the session',
  13: 'another session won the tie',
  14: 'the pseudowire type is not supported',
  15: 'sequencing needs an L2-Specific Sublayer',
  16: 'finite state machine error or timeout',
  17: 'the Frame Relay circuit is no longer provisioned',
  18: 'the Frame Relay circuit has been inactive for too long',
  19: 'the Frame Relay headers differ in length',
  20: 'the HDLC link is no longer provisioned',
  21: 'the HDLC link has been inactive for too long',
  22: 'ATM OAM cells cannot be emulated',
  23: 'the MTUs of the interfaces differ',
  24: 'no such forwarder',
  25: 'not authorized for the forwarder',
};

/** With result 2, and with 0 for none. */
const errorReasons: Readonly<Record<number, string>> = {
  1: 'no control connection exists yet',
  2: 'length is wrong',
  3: 'a field value is out of range',
  4: 'insufficient resources',
  5: 'the session id is invalid',
  6: 'vendor-specific error',
  7: 'try another',
  8: 'unknown mandatory AVP',
  9: 'try another, directed',
};

/** A result as the operator reads it: the sender's own message, or RFC 2661's words, with the codes behind. */
export function describeResult(of: 'StopCCN' | 'CDN', { result, error, message }: Result): string {
  const codes = error === undefined ? `result ${result}` : `result ${result} error ${error}`;
  const reasons = of === 'CDN' ? callReasons : stopReasons;
  const words = message || (result === 2 ? errorReasons[error ?? 0] : reasons[result]);
  return words ? `${words} (${codes})` : codes;
}
