/** The MD4 digest (RFC 1320): broken as a digest, but MS-CHAPv2 is made of it. */
const BLOCK_OCTETS = 64;

/** Per round: the constant, the order of the words, and the four rotations (RFC 1320 3.4). */
const ROUNDS = [
  { constant: 0, order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], rotations: [3, 7, 11, 19] },
  { constant: 0x5a827999, order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], rotations: [3, 5, 9, 13] },
  { constant: 0x6ed9eba1, order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], rotations: [3, 9, 11, 15] },
] as const;

function mix(round: number, x: number, y: number, z: number): number {
  if (round === 0) return (x & y) | (~x & z);
  if (round === 1) return (x & y) | (x & z) | (y & z);
  return x ^ y ^ z;
}

/** The 16-octet digest of a message of less than 512 MiB. */
export function md4(message: Uint8Array): Uint8Array {
  // RFC 1320 3.1-3.2: a one bit, zeros, and the length in bits, all little-endian.
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK_OCTETS) * BLOCK_OCTETS);
  padded.set(message);
  padded[message.length] = 0x80;
  const words = new DataView(padded.buffer);
  words.setUint32(padded.length - 8, message.length * 8, true);

  let [a, b, c, d] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < padded.length; block += BLOCK_OCTETS) {
    const [a0, b0, c0, d0] = [a, b, c, d];
    for (const [round, { constant, order, rotations }] of ROUNDS.entries()) {
      for (let step = 0; step < 16; step++) {
        const sum = (a + mix(round, b, c, d) + words.getUint32(block + order[step] * 4, true) + constant) | 0;
        const rotation = rotations[step & 3];
        const rotated = (sum << rotation) | (sum >>> (32 - rotation));
        [a, b, c, d] = [d, rotated, b, c];
      }
    }
    [a, b, c, d] = [(a + a0) | 0, (b + b0) | 0, (c + c0) | 0, (d + d0) | 0];
  }

  const digest = new DataView(new ArrayBuffer(16));
  for (const [index, word] of [a, b, c, d].entries()) digest.setUint32(index * 4, word, true);
  return new Uint8Array(digest.buffer);
}
