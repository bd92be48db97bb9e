/*
 * Batches of what Ethernet frames carry, from and to packet sockets (AF_PACKET, SOCK_DGRAM: the kernel reads and writes
 * the Ethernet header). The words of a frame:
 *   0 fd                       4 interface index
 *   1 offset in the slab       5, 6 the peer's MAC address: its first two octets, its last four
 *   2 length                   7 errno after sending, else 0
 *   3 the EtherType to send as; of a received frame the packet type (PACKET_HOST ...)
 */
#define _GNU_SOURCE
#include "door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

enum { FD, OFFSET = MESSAGE_OFFSET, LENGTH = MESSAGE_LENGTH, TYPE, INTERFACE, MAC_HIGH, MAC_LOW, ERROR, WORDS };
enum { MAX_BATCH = 64, MAC_OCTETS = 6 };

struct batch {
  struct mmsghdr messages[MAX_BATCH];
  struct iovec pieces[MAX_BATCH];
  struct sockaddr_ll addresses[MAX_BATCH];
};

static void describe(int32_t *words, const struct sockaddr_ll *address) {
  words[TYPE] = address->sll_pkttype;
  words[INTERFACE] = address->sll_ifindex;
  if (address->sll_halen != MAC_OCTETS) return;
  uint16_t high;
  uint32_t low;
  memcpy(&high, address->sll_addr, sizeof high);
  memcpy(&low, address->sll_addr + sizeof high, sizeof low);
  words[MAC_HIGH] = ntohs(high);
  words[MAC_LOW] = (int32_t)ntohl(low);
}

/*
 * receiveFrames(fd, slab, slotOctets, headroom, slots, words): the number of frames. The n-th lies at
 * n * slotOctets + headroom; a length above slotOctets - headroom means that it was cut off.
 */
static napi_value call_receive_frames(napi_env env, napi_callback_info info) {
  struct slots in;
  if (!take_slots(env, info, WORDS, &in)) return NULL;
  if (in.count > MAX_BATCH || in.slab.length > INT32_MAX) return range_error(env, "outside the buffers");
  struct batch batch;
  memset(&batch, 0, sizeof batch);
  for (uint32_t i = 0; i < in.count; i++) {
    struct msghdr *header = &batch.messages[i].msg_hdr;
    batch.pieces[i].iov_base = in.slab.data + (size_t)i * in.octets + in.headroom;
    batch.pieces[i].iov_len = in.octets - in.headroom;
    header->msg_iov = &batch.pieces[i];
    header->msg_iovlen = 1;
    header->msg_name = &batch.addresses[i];
    header->msg_namelen = sizeof batch.addresses[i];
  }
  int count = recvmmsg(in.fd, batch.messages, in.count, MSG_DONTWAIT | MSG_TRUNC, NULL);
  if (count < 0) return give_int(env, -errno);
  for (int i = 0; i < count; i++) {
    int32_t *frame = in.words + (size_t)i * WORDS;
    memset(frame, 0, WORDS * sizeof *frame);
    frame[FD] = in.fd;
    frame[OFFSET] = (int32_t)((size_t)i * in.octets + in.headroom);
    frame[LENGTH] = (int32_t)batch.messages[i].msg_len;
    describe(frame, &batch.addresses[i]);
  }
  return give_int(env, count);
}

static void address_frame(struct sockaddr_ll *address, const int32_t *words) {
  const uint16_t high = htons((uint16_t)words[MAC_HIGH]);
  const uint32_t low = htonl((uint32_t)words[MAC_LOW]);
  *address = (struct sockaddr_ll){
      .sll_family = AF_PACKET,
      .sll_protocol = htons((uint16_t)words[TYPE]),
      .sll_ifindex = words[INTERFACE],
      .sll_halen = MAC_OCTETS,
  };
  memcpy(address->sll_addr, &high, sizeof high);
  memcpy(address->sll_addr + sizeof high, &low, sizeof low);
}

/* Sends one run of frames of the same socket; each frame's ERROR word tells its fate. */
static uint32_t send_run(const uint8_t *slab, int32_t *words, uint32_t count) {
  struct batch batch;
  for (uint32_t i = 0; i < count; i++) {
    int32_t *frame = words + (size_t)i * WORDS;
    batch.pieces[i].iov_base = (uint8_t *)slab + frame[OFFSET];
    batch.pieces[i].iov_len = (size_t)frame[LENGTH];
    address_frame(&batch.addresses[i], frame);
    batch.messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &batch.pieces[i],
        .msg_iovlen = 1,
        .msg_name = &batch.addresses[i],
        .msg_namelen = sizeof batch.addresses[i],
    };
    frame[ERROR] = 0;
  }
  uint32_t done = 0, sent = 0;
  while (done < count) {
    int result = sendmmsg(words[FD], batch.messages + done, count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result > 0) {
      done += (uint32_t)result;
      sent += (uint32_t)result;
      continue;
    }
    const int error = result == 0 ? EAGAIN : errno;
    /* A full socket stays full for the rest of the run; any other error is the frame's own. */
    const uint32_t failed = error == EAGAIN ? count : done + 1;
    while (done < failed) words[(size_t)done++ * WORDS + ERROR] = error;
  }
  return sent;
}

/* sendFrames(slab, words, count): how many went out. Frames of one socket that stand in a row go in one call. */
static napi_value call_send_frames(napi_env env, napi_callback_info info) {
  struct messages out;
  if (!take_messages(env, info, WORDS, &out)) return NULL;
  uint32_t sent = 0;
  for (uint32_t start = 0; start < out.count;) {
    const int32_t fd = out.words[(size_t)start * WORDS + FD];
    uint32_t end = start + 1;
    while (end < out.count && end - start < MAX_BATCH && out.words[(size_t)end * WORDS + FD] == fd) end++;
    sent += send_run(out.slab.data, out.words + (size_t)start * WORDS, end - start);
    start = end;
  }
  return give_int(env, sent);
}

bool add_ethernet_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"receiveFrames", call_receive_frames},
      {"sendFrames", call_send_frames},
  };
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, NULL);
}
