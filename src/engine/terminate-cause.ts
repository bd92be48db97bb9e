/** Why a call ended, as accounting tells it (RFC 2866 5.10). */
import type { TerminateCause } from './aaa.ts';
import type { CallEnd } from './call-end.ts';

/** RFC 3145 3's codes that say more than the result code. */
const byDisconnectCode: Readonly<Record<number, TerminateCause>> = {
  1: 'adminReset',
  3: 'userRequest',
  5: 'serviceUnavailable',
  6: 'lostCarrier',
  7: 'nasError',
  8: 'lostCarrier',
  13: 'userError',
  15: 'userError',
  16: 'userError',
  17: 'serviceUnavailable',
  18: 'serviceUnavailable',
  19: 'serviceUnavailable',
  20: 'serviceUnavailable',
};

/** RFC 2661 4.4.2's result codes. */
const byResult: Readonly<Record<number, TerminateCause>> = {
  1: 'lostCarrier',
  2: 'nasError',
  3: 'adminReset',
  6: 'adminReboot',
};

export function terminateCauseOf({ resultCode, pppDisconnectCauses, cause: known }: CallEnd): TerminateCause {
  if (known) return known;
  for (const { code } of pppDisconnectCauses ?? []) {
    const cause = byDisconnectCode[code];
    if (cause) return cause;
  }
  return byResult[resultCode.result] ?? 'lostService';
}
