/* Batches of packets from and to TUN descriptors, which have no vectored calls of their own. */
#include "door.h"

#include <errno.h>
#include <unistd.h>

/* The words of a packet to write: fd, offset in the slab, length, errno afterwards. */
enum { FD, OFFSET = MESSAGE_OFFSET, LENGTH = MESSAGE_LENGTH, ERROR, WORDS };

/*
 * readBatch(fd, slab, slotOctets, headroom, slots, lengths): the number of packets. The n-th lies at
 * n * slotOctets + headroom. An error after the first packet is left for the next call.
 */
static napi_value call_read_batch(napi_env env, napi_callback_info info) {
  struct slots in;
  if (!take_slots(env, info, 1, &in)) return NULL;
  uint32_t count = 0;
  while (count < in.count) {
    ssize_t length = read(in.fd, in.slab.data + (size_t)count * in.octets + in.headroom, in.octets - in.headroom);
    if (length <= 0) {
      if (count == 0) return give_int(env, length == 0 ? -EAGAIN : -errno);
      break;
    }
    in.words[count++] = (int32_t)length;
  }
  return give_int(env, count);
}

/* writeBatch(slab, words, count): how many packets were taken */
static napi_value call_write_batch(napi_env env, napi_callback_info info) {
  struct messages out;
  if (!take_messages(env, info, WORDS, &out)) return NULL;
  uint32_t written = 0;
  for (uint32_t i = 0; i < out.count; i++) {
    int32_t *packet = out.words + (size_t)i * WORDS;
    ssize_t result = write(packet[FD], out.slab.data + packet[OFFSET], (size_t)packet[LENGTH]);
    packet[ERROR] = result < 0 ? errno : 0;
    if (result >= 0) written++;
  }
  return give_int(env, written);
}

bool add_packet_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"readBatch", call_read_batch},
      {"writeBatch", call_write_batch},
  };
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, NULL);
}
