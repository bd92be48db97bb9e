/** Octets in hexadecimal. Undefined where there is none, or where it is not that. */
export function octetsOf(hex: string | undefined): Uint8Array | undefined {
  if (hex === undefined || !/^([0-9A-Fa-f]{2})+$/.test(hex)) return undefined;
  return Uint8Array.from(hex.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}
