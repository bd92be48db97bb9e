/** AVPs of a call's set-up that our table does not know: kept for plugins, and to be shown. */
import type { Message, OtherAvp } from './wire/message.ts';

/** Of one call, and the octets of their values. */
const maxOthers = 16;
const maxOtherOctets = 1_024;

/** Those that are kept, and what a message adds to them. */
export function withOthers(
  kept: readonly OtherAvp[] | undefined,
  { type, others }: Message,
): readonly OtherAvp[] | undefined {
  if (others.length === 0 || (type !== 'ICRQ' && type !== 'ICCN' && type !== 'OCRQ')) return kept;
  const all = [...(kept ?? [])];
  let octets = all.reduce((sum, { value }) => sum + value.length, 0);
  for (const other of others) {
    octets += other.value.length;
    if (all.length === maxOthers || octets > maxOtherOctets) break;
    all.push(other);
  }
  return all;
}
