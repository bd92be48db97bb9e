/** How an AVP stands in a message (RFC 2661 4.1). */
export const mandatoryBit = 0x8000;
export const hiddenBit = 0x4000;
export const reservedBits = 0x3c00;
export const lengthBits = 0x03ff;
export const avpHeaderOctets = 6;
export const maxAvpOctets = 1023;
/** A hidden value has its length before it (RFC 2661 4.3). */
export const maxHideableOctets = maxAvpOctets - avpHeaderOctets - 2;
