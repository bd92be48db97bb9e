/** Messages as peers write them, octet for octet: no table of ours has looked at them. */

/** An AVP (RFC 2661 4.1). `flags`: 0x80 is M, 0x40 is H. */
export function avp(type: number, value: readonly number[] | string, flags = 0x80, vendor = 0): number[] {
  const octets = typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;
  const length = 6 + octets.length;
  return [flags | (length >> 8), length & 0xff, vendor >> 8, vendor & 0xff, type >> 8, type & 0xff, ...octets];
}

export function message(code: number, ...avps: number[][]): Uint8Array {
  return Uint8Array.from([...avp(0, [0, code]), ...avps.flat()]);
}

export const scccn = message(3);

export function sccrq(tunnelId: number, ...more: number[][]): Uint8Array {
  return message(1, avp(2, [1, 0]), avp(3, [0, 0, 0, 3]), avp(7, 'peer.example'), avp(9, [0, tunnelId]), ...more);
}

export function sccrp(tunnelId: number, ...more: number[][]): Uint8Array {
  return message(2, avp(2, [1, 0]), avp(3, [0, 0, 0, 3]), avp(7, 'peer.example'), avp(9, [0, tunnelId]), ...more);
}

export function icrq(sessionId: number, ...more: number[][]): Uint8Array {
  return message(10, avp(14, [0, sessionId]), avp(15, [0, 0, 0, 1]), ...more);
}

export function iccn(...more: number[][]): Uint8Array {
  return message(12, avp(24, [0, 1, 0, 0]), avp(19, [0, 0, 0, 1]), ...more);
}

export function vendorName(name: string): number[] {
  return avp(8, name, 0);
}
