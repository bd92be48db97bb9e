#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MD5_OCTETS = 16, MD5_MESSAGE_LIMIT = 247 };

// MD5 (RFC 1321) of a message of at most MD5_MESSAGE_LIMIT octets.
static void md5(const uint8_t *message, size_t length, uint8_t digest[MD5_OCTETS]) {
  static uint32_t sines[64];
  static const uint8_t shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  if (!sines[0])
    for (int i = 0; i < 64; i++) sines[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
  uint8_t padded[256] = {0};
  size_t blocks = (length + 8) / 64 + 1;
  memcpy(padded, message, length);
  padded[length] = 0x80;
  uint64_t bits = (uint64_t)length * 8;
  for (int i = 0; i < 8; i++) padded[blocks * 64 - 8 + (size_t)i] = (uint8_t)(bits >> (8 * i));
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t block = 0; block < blocks; block++) {
    uint32_t word[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++) {
      const uint8_t *p = padded + block * 64 + i * 4;
      word[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    for (int i = 0; i < 64; i++) {
      int round = i / 16;
      uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (d & b) | (~d & c) : round == 2 ? b ^ c ^ d : c ^ (b | ~d);
      int at = round == 0 ? i : round == 1 ? (5 * i + 1) % 16 : round == 2 ? (3 * i + 5) % 16 : (7 * i) % 16;
      uint32_t sum = a + f + sines[i] + word[at];
      uint8_t by = shifts[round][i % 4];
      a = d, d = c, c = b;
      b += sum << by | sum >> (32 - by);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  }
  for (int i = 0; i < 16; i++) digest[i] = (uint8_t)(state[i / 4] >> (8 * (i % 4)));
}
