/*
 * Batches of UDP datagrams, described by words so that JavaScript allocates nothing for them. The words of a message:
 *   0 fd                       4 port
 *   1 offset in the slab       5 IPv6 scope (interface index)
 *   2 length                   6..9 the peer's address (IPv4 in word 6), each word in network reading order
 *   3 family                   10 whether 11..14 hold our own address    15 errno after sending, else 0
 */
#define _GNU_SOURCE
#include "door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { FD, OFFSET, LENGTH, FAMILY, PORT, SCOPE, PEER, HAS_OWN = 10, OWN = 11, ERROR = 15, WORDS = 16 };
enum { MAX_BATCH = 64 };

union address {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

union control {
  uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
  struct cmsghdr align;
};

struct batch {
  struct mmsghdr messages[MAX_BATCH];
  struct iovec pieces[MAX_BATCH];
  union address addresses[MAX_BATCH];
  union control controls[MAX_BATCH];
};

static void words_from_v6(int32_t *words, const struct in6_addr *address) {
  uint32_t parts[4];
  memcpy(parts, address, sizeof parts);
  for (int i = 0; i < 4; i++) words[i] = (int32_t)ntohl(parts[i]);
}

static void v6_from_words(struct in6_addr *address, const int32_t *words) {
  uint32_t parts[4];
  for (int i = 0; i < 4; i++) parts[i] = htonl((uint32_t)words[i]);
  memcpy(address, parts, sizeof parts);
}

static void describe(int32_t *words, struct msghdr *header) {
  const union address *address = header->msg_name;
  if (header->msg_namelen >= sizeof(struct sockaddr_in) && address->v4.sin_family == AF_INET) {
    words[FAMILY] = AF_INET;
    words[PORT] = ntohs(address->v4.sin_port);
    words[PEER] = (int32_t)ntohl(address->v4.sin_addr.s_addr);
  } else if (header->msg_namelen >= sizeof(struct sockaddr_in6) && address->v6.sin6_family == AF_INET6) {
    words[FAMILY] = AF_INET6;
    words[PORT] = ntohs(address->v6.sin6_port);
    words[SCOPE] = (int32_t)address->v6.sin6_scope_id;
    words_from_v6(words + PEER, &address->v6.sin6_addr);
  }
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      words[HAS_OWN] = 1;
      words[OWN] = (int32_t)ntohl(info.ipi_spec_dst.s_addr);
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      words[HAS_OWN] = 1;
      words_from_v6(words + OWN, &info.ipi6_addr);
    }
  }
}

/*
 * receiveBatch(fd, slab, slotOctets, slots, words): the number of datagrams. The n-th lies at n * slotOctets; a length
 * above slotOctets means that it was cut off.
 */
static napi_value call_receive_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  int32_t fd, *words;
  uint32_t slot_octets, slots;
  struct octets slab;
  size_t room;
  if (!take_arguments(env, info, 5, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &slab) || !take_count(env, arguments[2], &slot_octets) ||
      !take_count(env, arguments[3], &slots) || !take_words(env, arguments[4], &words, &room))
    return NULL;
  if (slots == 0 || slots > MAX_BATCH || slot_octets == 0 || (uint64_t)slots * slot_octets > slab.length ||
      (uint64_t)slots * WORDS > room)
    return range_error(env, "outside the buffers");
  struct batch batch;
  memset(batch.messages, 0, slots * sizeof *batch.messages);
  for (uint32_t i = 0; i < slots; i++) {
    struct msghdr *header = &batch.messages[i].msg_hdr;
    batch.pieces[i].iov_base = slab.data + (size_t)i * slot_octets;
    batch.pieces[i].iov_len = slot_octets;
    header->msg_iov = &batch.pieces[i];
    header->msg_iovlen = 1;
    header->msg_name = &batch.addresses[i];
    header->msg_namelen = sizeof batch.addresses[i];
    header->msg_control = &batch.controls[i];
    header->msg_controllen = sizeof batch.controls[i];
  }
  int count = recvmmsg(fd, batch.messages, slots, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return give_int(env, -errno);
  for (int i = 0; i < count; i++) {
    int32_t *message = words + (size_t)i * WORDS;
    memset(message, 0, WORDS * sizeof *message);
    message[FD] = fd;
    message[OFFSET] = (int32_t)((size_t)i * slot_octets);
    message[LENGTH] = (int32_t)batch.messages[i].msg_len;
    describe(message, &batch.messages[i].msg_hdr);
  }
  return give_int(env, count);
}

static void append_control(struct msghdr *header, int level, int type, const void *data, size_t length) {
  struct cmsghdr *part = header->msg_control;
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(part), data, length);
  header->msg_controllen = CMSG_SPACE(length);
}

static void address_message(struct msghdr *header, const int32_t *words) {
  union address *address = header->msg_name;
  memset(address, 0, sizeof *address);
  if (words[FAMILY] == AF_INET6) {
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)words[PORT]);
    address->v6.sin6_scope_id = (uint32_t)words[SCOPE];
    v6_from_words(&address->v6.sin6_addr, words + PEER);
    header->msg_namelen = sizeof address->v6;
  } else {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons((uint16_t)words[PORT]);
    address->v4.sin_addr.s_addr = htonl((uint32_t)words[PEER]);
    header->msg_namelen = sizeof address->v4;
  }
  if (words[HAS_OWN] == 0) {
    header->msg_control = NULL;
    header->msg_controllen = 0;
  } else if (words[FAMILY] == AF_INET6) {
    struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)words[SCOPE]};
    v6_from_words(&info.ipi6_addr, words + OWN);
    append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  } else {
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)words[OWN])};
    append_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  }
}

/* Sends one run of messages of the same socket; each message's ERROR word tells its fate. */
static uint32_t send_run(const uint8_t *slab, int32_t *words, uint32_t count) {
  struct batch batch;
  memset(batch.messages, 0, count * sizeof *batch.messages);
  for (uint32_t i = 0; i < count; i++) {
    int32_t *message = words + (size_t)i * WORDS;
    struct msghdr *header = &batch.messages[i].msg_hdr;
    batch.pieces[i].iov_base = (uint8_t *)slab + message[OFFSET];
    batch.pieces[i].iov_len = (size_t)message[LENGTH];
    header->msg_iov = &batch.pieces[i];
    header->msg_iovlen = 1;
    header->msg_name = &batch.addresses[i];
    header->msg_control = &batch.controls[i];
    address_message(header, message);
    message[ERROR] = 0;
  }
  uint32_t done = 0, sent = 0;
  while (done < count) {
    int result = sendmmsg(words[FD], batch.messages + done, count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result > 0) {
      done += (uint32_t)result;
      sent += (uint32_t)result;
      continue;
    }
    int error = result == 0 ? EAGAIN : errno;
    /* A full socket stays full for the rest of the run; any other error is the one message's own. */
    uint32_t failed = error == EAGAIN ? count : done + 1;
    while (done < failed) words[(size_t)done++ * WORDS + ERROR] = error;
  }
  return sent;
}

/* sendBatch(slab, words, count): how many went out. Messages of one socket that stand in a row go in one call. */
static napi_value call_send_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct octets slab;
  int32_t *words;
  uint32_t count;
  size_t room;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_octets(env, arguments[0], &slab) ||
      !take_words(env, arguments[1], &words, &room) || !take_count(env, arguments[2], &count))
    return NULL;
  if ((uint64_t)count * WORDS > room) return range_error(env, "outside the words");
  for (uint32_t i = 0; i < count; i++) {
    const int32_t *message = words + (size_t)i * WORDS;
    if (message[OFFSET] < 0 || message[LENGTH] < 0 || (uint64_t)message[OFFSET] + (uint64_t)message[LENGTH] > slab.length)
      return range_error(env, "outside the slab");
  }
  uint32_t sent = 0;
  for (uint32_t start = 0; start < count;) {
    const int32_t fd = words[(size_t)start * WORDS + FD];
    uint32_t end = start + 1;
    while (end < count && end - start < MAX_BATCH && words[(size_t)end * WORDS + FD] == fd) end++;
    sent += send_run(slab.data, words + (size_t)start * WORDS, end - start);
    start = end;
  }
  return give_int(env, sent);
}

bool add_datagram_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"receiveBatch", call_receive_batch},
      {"sendBatch", call_send_batch},
  };
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, NULL);
}
