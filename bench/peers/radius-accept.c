// radius-accept: a RADIUS server (RFC 2865) that accepts whoever asks, so that a peer which knows users only by RADIUS can
// be measured. It must cost next to nothing beside the peer. Argument: the shared secret. Listens on 127.0.0.1:1812.
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "../md5.h"

enum { ACCESS_REQUEST = 1, ACCESS_ACCEPT = 2, PORT = 1812, PACKET_LIMIT = 4096, SECRET_LIMIT = 64 };

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
