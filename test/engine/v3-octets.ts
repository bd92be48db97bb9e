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

/** The AVPs of a message without its header, but for those that are not wanted. */
export function without(body: Uint8Array, isUnwanted: (avp: Pick<AvpHead, 'vendor' | 'type'>) => boolean): Uint8Array {
  const kept: number[] = [];
  let octets = 0;
  for (let at = 0; at < body.length; at += octets) {
    octets = ((body[at] & 3) << 8) | body[at + 1];
    const vendor = (body[at + 2] << 8) | body[at + 3];
    const type = (body[at + 4] << 8) | body[at + 5];
    if (!isUnwanted({ vendor, type })) kept.push(...body.subarray(at, at + octets));
  }
  return Uint8Array.from(kept);
}
