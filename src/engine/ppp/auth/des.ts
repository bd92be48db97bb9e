/** DES on one block (FIPS 46-3), for MS-CHAPv2. Tables count bits from 1, the leftmost, as the standard does. */
import { readU32, writeU32 } from '../../wire/bytes.ts';

type Bits = Uint8Array;

const INITIAL = [
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24,
  16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31,
  23, 15, 7,
];

const FINAL = [
  40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21,
  61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49,
  17, 57, 25,
];

const PERMUTATION = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];

const KEY_CHOICE_1 = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55,
  47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];

const KEY_CHOICE_2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
  40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

const KEY_SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/** S1 to S8: four rows of sixteen hexadecimal digits each. */
const SUBSTITUTIONS = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
].map((box) => [...box.replaceAll(' ', '')].map((digit) => Number.parseInt(digit, 16)));

function bitsOf(octets: Uint8Array): Bits {
  const bits = new Uint8Array(octets.length * 8);
  for (let bit = 0; bit < bits.length; bit++) bits[bit] = (octets[bit >> 3] >> (7 - (bit & 7))) & 1;
  return bits;
}

function octetsOf(bits: Bits): Uint8Array {
  const octets = new Uint8Array(bits.length / 8);
  for (let bit = 0; bit < bits.length; bit++) octets[bit >> 3] |= bits[bit] << (7 - (bit & 7));
  return octets;
}

function choose(bits: Bits, table: readonly number[]): Bits {
  const chosen = new Uint8Array(table.length);
  for (let i = 0; i < table.length; i++) chosen[i] = bits[table[i] - 1];
  return chosen;
}

/** Rotates each half of the 56 key bits to the left. */
function rotateHalves(key: Bits, count: number): Bits {
  const rotated = new Uint8Array(56);
  for (let i = 0; i < 28; i++) {
    const from = (i + count) % 28;
    rotated[i] = key[from];
    rotated[28 + i] = key[28 + from];
  }
  return rotated;
}

/** A box's four bits for each six, already where the permutation puts them in the word. */
const PERMUTED_BOXES = SUBSTITUTIONS.map((box, index) =>
  Int32Array.from({ length: 64 }, (_, six) => {
    const row = ((six >> 4) & 2) | (six & 1);
    const four = box[row * 16 + ((six >> 1) & 15)];
    const substituted = new Uint8Array(32);
    for (let i = 0; i < 4; i++) substituted[index * 4 + i] = (four >> (3 - i)) & 1;
    return choose(substituted, PERMUTATION).reduce((word, bit) => (word << 1) | bit, 0);
  }),
);

/** The cipher function f(R, K). Box n takes the six bits of R from 4n on, counted around from the last bit. */
function cipher(right: number, roundKey: Bits): number {
  let word = 0;
  for (let box = 0; box < 8; box++) {
    const shift = (box * 4 + 5) & 31;
    let six = ((right << shift) | (right >>> (32 - shift))) & 63;
    for (let i = 0; i < 6; i++) six ^= roundKey[box * 6 + i] << (5 - i);
    word |= PERMUTED_BOXES[box][six];
  }
  return word;
}

/** Encrypts 8 octets under a key of 7 octets: the 56 bits without parity (RFC 2759 8.6). */
export function desEncrypt(clear: Uint8Array, key: Uint8Array): Uint8Array {
  const clearKey = bitsOf(key);
  const withParity = new Uint8Array(64);
  for (let bit = 0; bit < 56; bit++) withParity[bit + Math.floor(bit / 7)] = clearKey[bit];
  let keyBits = choose(withParity, KEY_CHOICE_1);

  const block = octetsOf(choose(bitsOf(clear), INITIAL));
  let left = readU32(block, 0) | 0;
  let right = readU32(block, 4) | 0;
  for (const shift of KEY_SHIFTS) {
    keyBits = rotateHalves(keyBits, shift);
    const mixed = left ^ cipher(right, choose(keyBits, KEY_CHOICE_2));
    left = right;
    right = mixed;
  }
  writeU32(block, 0, right);
  writeU32(block, 4, left);
  return octetsOf(choose(bitsOf(block), FINAL));
}
