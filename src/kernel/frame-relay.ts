/**
 * The header of a Frame Relay frame (RFC 4591 4.1, after Q.922), of two octets or of four:
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | hi dlci   |C|0| dlci  |F|B|D|e|   dlci      |0| dlci_lo   |0|1|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * e is set where the header ends after two octets. C/R, FECN, BECN and DE (C, F, B, D) are the users': they stay.
 */

/** The greatest DLCI of a header of two octets. */
const maxShortDlci = 0x3ff;
const endBit = 0x01;
/** What stands in place of the DLCI's last bits is no DLCI (Q.922's D/C). */
const controlBit = 0x02;

/** How long the header is; 0: it is none, or one of three octets, which RFC 4591 leaves out. */
export function frameRelayHeaderOctets(bytes: Uint8Array, start: number, end: number): 0 | 2 | 4 {
  if (end - start < 2 || (bytes[start] & endBit) !== 0) return 0;
  if ((bytes[start + 1] & endBit) !== 0) return 2;
  if (end - start < 4 || (bytes[start + 2] & endBit) !== 0) return 0;
  return (bytes[start + 3] & (endBit | controlBit)) === endBit ? 4 : 0;
}

export function readDlci(bytes: Uint8Array, start: number, headerOctets: 2 | 4): number {
  const upper = ((bytes[start] >>> 2) << 4) | (bytes[start + 1] >>> 4);
  return headerOctets === 2 ? upper : (upper << 13) | ((bytes[start + 2] >>> 1) << 6) | (bytes[start + 3] >>> 2);
}

/** Leaves all other bits. False when the header is too short for this DLCI. */
export function writeDlci(bytes: Uint8Array, start: number, headerOctets: 2 | 4, dlci: number): boolean {
  if (headerOctets === 2 && dlci > maxShortDlci) return false;
  const upper = headerOctets === 2 ? dlci : dlci >>> 13;
  bytes[start] = (bytes[start] & 0x03) | ((upper >>> 4) << 2);
  bytes[start + 1] = (bytes[start + 1] & 0x0f) | ((upper & 0x0f) << 4);
  if (headerOctets === 2) return true;
  bytes[start + 2] = (bytes[start + 2] & 0x01) | (((dlci >>> 6) & 0x7f) << 1);
  bytes[start + 3] = (bytes[start + 3] & 0x03) | ((dlci & 0x3f) << 2);
  return true;
}
