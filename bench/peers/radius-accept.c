// radius-accept: a RADIUS server (RFC 2865) that accepts whoever asks, so that a peer which knows users only by RADIUS can
// be measured. It must cost next to nothing beside the peer. Argument: the shared secret. Listens on 127.0.0.1:1812.
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { ACCESS_REQUEST = 1, ACCESS_ACCEPT = 2, PORT = 1812, PACKET_LIMIT = 4096, SECRET_LIMIT = 64 };

// MD5 (RFC 1321) of a message that fits one buffer.
static void md5(const uint8_t *message, size_t length, uint8_t digest[16]) {
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

int main(int argc, char **argv) {
  if (argc != 2 || strlen(argv[1]) > SECRET_LIMIT) return fprintf(stderr, "usage: radius-accept SECRET\n"), 2;
  size_t secretLength = strlen(argv[1]);
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return perror("radius-accept"), 2;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  for (;;) {
    uint8_t request[PACKET_LIMIT], answer[20 + SECRET_LIMIT];
    struct sockaddr_in from;
    socklen_t fromLength = sizeof from;
    ssize_t n = recvfrom(fd, request, sizeof request, 0, (struct sockaddr *)&from, &fromLength);
    if (n < 20 || request[0] != ACCESS_REQUEST) continue;
    // Code, identifier, length, the request's authenticator, no attributes, the secret: hashed into the answer's authenticator.
    memcpy(answer, request, 20);
    answer[0] = ACCESS_ACCEPT, answer[2] = 0, answer[3] = 20;
    memcpy(answer + 20, argv[1], secretLength);
    uint8_t digest[16];
    md5(answer, 20 + secretLength, digest);
    memcpy(answer + 4, digest, 16);
    sendto(fd, answer, 20, 0, (struct sockaddr *)&from, fromLength);
  }
}
