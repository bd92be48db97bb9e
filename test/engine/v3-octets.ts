/** A look at the octets of a message that asks none of our own tables. */

const headerOctets = 12;

export interface AvpHead {
  vendor: number;
  type: number;
  mandatory: boolean;
  hidden: boolean;
}

/** The AVPs of a control message, header included, in their order. */
export function avpsIn(bytes: Uint8Array): AvpHead[] {
  const found: AvpHead[] = [];
  for (let at = headerOctets; at < bytes.length; at += ((bytes[at] & 3) << 8) | bytes[at + 1]) {
    found.push({
      vendor: (bytes[at + 2] << 8) | bytes[at + 3],
      type: (bytes[at + 4] << 8) | bytes[at + 5],
      mandatory: (bytes[at] & 0x80) !== 0,
      hidden: (bytes[at] & 0x40) !== 0,
    });
  }
  return found;
}
