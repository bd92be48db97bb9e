/*
 * Batches of datagrams, over UDP or raw IP, described by words so that JavaScript allocates nothing for them. The words
 * of a message:
 *   0 fd                       4 port (0: raw IP)
 *   1 offset in the slab       5 IPv6 scope (interface index)
 *   2 length                   6..9 the peer's address (IPv4 in word 6), each word in network reading order
 *   3 family                   10 whether 11..14 hold our own address
 *   15 the traffic class to send with (DSCP and ECN)    16 errno after sending, else 0
 */
#define _GNU_SOURCE
#include "door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { FD, OFFSET = MESSAGE_OFFSET, LENGTH = MESSAGE_LENGTH, FAMILY, PORT, SCOPE, PEER, HAS_OWN = 10, OWN = 11, TRAFFIC_CLASS = 15, ERROR, WORDS };
enum { MAX_BATCH = 64 };

/*
 * Segmentation offload: datagrams of one length to one peer pass the network stack as one, both ways. From the
 * kernel's linux/udp.h; not in every libc.
 */
enum { SOL_UDP_LEVEL = 17, UDP_SEGMENT_OPTION = 103, UDP_GRO_OPTION = 104 };
enum { MAX_SEGMENTS = 64, MAX_SEGMENTED_OCTETS = 65000 };
/* What a received datagram may be made of; the kernel's own limit is 64 or 128. */
enum { MAX_RECEIVED_SEGMENTS = 128 };

union address {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

union control {
  uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
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

/* Fills the words; answers the length of the segments, or 0 when the datagram is a single one. */
static uint32_t describe(int32_t *words, struct msghdr *header) {
  uint32_t segment = 0;
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
    } else if (part->cmsg_level == SOL_UDP_LEVEL && part->cmsg_type == UDP_GRO_OPTION) {
      int octets;
      memcpy(&octets, CMSG_DATA(part), sizeof octets);
      if (octets > 0) segment = (uint32_t)octets;
    }
  }
  return segment;
}

/* Describes what lies in one slot as the datagrams that it is made of; answers how many. */
static uint32_t split(int32_t *words, struct msghdr *header, int32_t fd, size_t offset, uint32_t length) {
  memset(words, 0, WORDS * sizeof *words);
  words[FD] = fd;
  words[OFFSET] = (int32_t)offset;
  words[LENGTH] = (int32_t)length;
  uint32_t segment = describe(words, header);
  if (segment == 0 || segment >= length) return 1;
  uint32_t count = 0;
  for (uint32_t start = 0; start < length && count < MAX_RECEIVED_SEGMENTS; start += segment, count++) {
    int32_t *message = words + (size_t)count * WORDS;
    if (count > 0) memcpy(message, words, WORDS * sizeof *words);
    message[OFFSET] = (int32_t)(offset + start);
    message[LENGTH] = (int32_t)(length - start < segment ? length - start : segment);
  }
  return count;
}

/*
 * receiveBatch(fd, slab, slotOctets, slots, words): the number of datagrams, of which a slot may hold up to 128. A
 * length above slotOctets means that a datagram was cut off.
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
      slab.length > INT32_MAX || (uint64_t)slots * MAX_RECEIVED_SEGMENTS * WORDS > room)
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
  uint32_t datagrams = 0;
  for (int i = 0; i < count; i++) {
    struct mmsghdr *message = &batch.messages[i];
    size_t offset = (size_t)i * slot_octets;
    datagrams += split(words + (size_t)datagrams * WORDS, &message->msg_hdr, fd, offset, message->msg_len);
  }
  return give_int(env, datagrams);
}

/* The errno of what IP_RECVERR or IPV6_RECVERR tells; 0 when the call that sent the datagram has told it already. */
static int32_t told_error(struct msghdr *header) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
        !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
      continue;
    struct sock_extended_err told;
    memcpy(&told, CMSG_DATA(part), sizeof told);
    return told.ee_origin == SO_EE_ORIGIN_LOCAL ? 0 : (int32_t)told.ee_errno;
  }
  return 0;
}

/*
 * receiveErrors(fd, words): how many errors the network told of datagrams that were sent. The words of each hold where
 * the datagram should have gone, and the errno.
 */
static napi_value call_receive_errors(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd, *words;
  size_t room;
  if (!take_arguments(env, info, 2, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_words(env, arguments[1], &words, &room))
    return NULL;
  uint32_t errors = 0;
  for (int i = 0; i < MAX_BATCH && (uint64_t)(errors + 1) * WORDS <= room; i++) {
    union address address;
    union {
      uint8_t octets[256];
      struct cmsghdr align;
    } control;
    struct msghdr header = {
        .msg_name = &address,
        .msg_namelen = sizeof address,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errors == 0 && errno != EAGAIN) return give_int(env, -errno);
      break;
    }
    int32_t *message = words + (size_t)errors * WORDS;
    memset(message, 0, WORDS * sizeof *message);
    describe(message, &header);
    message[FD] = fd;
    message[ERROR] = told_error(&header);
    if (message[ERROR] != 0) errors++;
  }
  return give_int(env, errors);
}

static void append_control(struct msghdr *header, int level, int type, const void *data, size_t length) {
  struct cmsghdr *part = (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(part), data, length);
  header->msg_controllen += CMSG_SPACE(length);
}

static void mark_message(struct msghdr *header, const int32_t *words) {
  const int traffic_class = words[TRAFFIC_CLASS];
  if (traffic_class == 0) return;
  if (words[FAMILY] == AF_INET6) {
    append_control(header, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof traffic_class);
  } else {
    append_control(header, IPPROTO_IP, IP_TOS, &traffic_class, sizeof traffic_class);
  }
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
  if (words[HAS_OWN] == 0) return;
  if (words[FAMILY] == AF_INET6) {
    struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)words[SCOPE]};
    v6_from_words(&info.ipi6_addr, words + OWN);
    append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  } else {
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)words[OWN])};
    append_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  }
}

/* Whether two messages have the same peer, source, traffic class and socket. */
static bool same_path(const int32_t *a, const int32_t *b) {
  return a[FD] == b[FD] && memcmp(a + FAMILY, b + FAMILY, (ERROR - FAMILY) * sizeof *a) == 0;
}

/* How many of the messages can go as segments of one: all of the first's length, the last perhaps shorter. Only UDP's. */
static uint32_t segments(const int32_t *words, uint32_t count) {
  const uint32_t octets = (uint32_t)words[LENGTH];
  if (octets == 0 || words[PORT] == 0) return 1;
  uint32_t fitting = MAX_SEGMENTED_OCTETS / octets;
  if (fitting > MAX_SEGMENTS) fitting = MAX_SEGMENTS;
  if (fitting > count) fitting = count;
  uint32_t taken = 1;
  while (taken < fitting) {
    const int32_t *message = words + (size_t)taken * WORDS;
    const uint32_t length = (uint32_t)message[LENGTH];
    if (length == 0 || length > octets || !same_path(words, message)) break;
    taken++;
    if (length < octets) break;
  }
  return taken;
}

/*
 * Sends one run of messages of the same socket; each message's ERROR word tells its fate. Where the kernel or the
 * device refuses segments, `offload` is cleared and the messages go one by one.
 */
static uint32_t send_run(const uint8_t *slab, int32_t *words, uint32_t count, bool *offload) {
  struct batch batch;
  /* How many messages went into each header. */
  uint32_t members[MAX_BATCH];
  uint32_t headers = 0;
  for (uint32_t first = 0; first < count; headers++) {
    int32_t *message = words + (size_t)first * WORDS;
    struct msghdr *header = &batch.messages[headers].msg_hdr;
    const uint32_t taken = *offload ? segments(message, count - first) : 1;
    for (uint32_t i = 0; i < taken; i++) {
      int32_t *member = message + (size_t)i * WORDS;
      batch.pieces[first + i].iov_base = (uint8_t *)slab + member[OFFSET];
      batch.pieces[first + i].iov_len = (size_t)member[LENGTH];
      member[ERROR] = 0;
    }
    *header = (struct msghdr){
        .msg_iov = &batch.pieces[first],
        .msg_iovlen = taken,
        .msg_name = &batch.addresses[headers],
        .msg_control = &batch.controls[headers],
    };
    address_message(header, message);
    mark_message(header, message);
    if (taken > 1) {
      const uint16_t octets = (uint16_t)message[LENGTH];
      append_control(header, SOL_UDP_LEVEL, UDP_SEGMENT_OPTION, &octets, sizeof octets);
    }
    if (header->msg_controllen == 0) header->msg_control = NULL;
    members[headers] = taken;
    first += taken;
  }
  uint32_t done = 0, first = 0, sent = 0;
  /* The header that is being sent for the second time. */
  uint32_t again = UINT32_MAX;
  while (done < headers) {
    int result = sendmmsg(words[FD], batch.messages + done, headers - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result > 0) {
      for (int i = 0; i < result; i++, done++) {
        first += members[done];
        sent += members[done];
      }
      continue;
    }
    const int error = result == 0 ? EAGAIN : errno;
    /* ICMP's answer to an earlier datagram is told to whoever sends next: the second error is this one's own. */
    if (error != EAGAIN && again != done) {
      again = done;
      continue;
    }
    if (members[done] > 1 && error != EAGAIN && error != ENOBUFS) {
      *offload = false;
      return sent + send_run(slab, words + (size_t)first * WORDS, count - first, offload);
    }
    /* A full socket stays full for the rest of the run; any other error is the message's own. */
    const uint32_t failed = error == EAGAIN ? count : first + members[done];
    while (first < failed) words[(size_t)first++ * WORDS + ERROR] = error;
    if (error == EAGAIN) break;
    done++;
  }
  return sent;
}

/* sendBatch(slab, words, count): how many went out. Messages of one socket that stand in a row go in one call. */
static napi_value call_send_batch(napi_env env, napi_callback_info info) {
  struct messages out;
  if (!take_messages(env, info, WORDS, &out)) return NULL;
  uint32_t sent = 0;
  bool offload = true;
  for (uint32_t start = 0; start < out.count;) {
    const int32_t fd = out.words[(size_t)start * WORDS + FD];
    uint32_t end = start + 1;
    while (end < out.count && end - start < MAX_BATCH && out.words[(size_t)end * WORDS + FD] == fd) end++;
    sent += send_run(out.slab.data, out.words + (size_t)start * WORDS, end - start, &offload);
    start = end;
  }
  return give_int(env, sent);
}

bool add_datagram_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"receiveBatch", call_receive_batch},
      {"receiveErrors", call_receive_errors},
      {"sendBatch", call_send_batch},
  };
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, NULL);
}
