/* Batches of packets from and to TUN descriptors, which have no vectored calls of their own. */
#include "door.h"

#include <errno.h>
#include <unistd.h>

/* The words of a packet to write: fd, offset in the slab, length, errno afterwards. */
enum { FD, OFFSET, LENGTH, ERROR, WORDS };

/*
 * readBatch(fd, slab, slotOctets, headroom, slots, lengths): the number of packets. The n-th lies at
 * n * slotOctets + headroom. An error after the first packet is left for the next call.
 */
static napi_value call_read_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  int32_t fd, *lengths;
  uint32_t slot_octets, headroom, slots;
  struct octets slab;
  size_t room;
  if (!take_arguments(env, info, 6, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &slab) || !take_count(env, arguments[2], &slot_octets) ||
      !take_count(env, arguments[3], &headroom) || !take_count(env, arguments[4], &slots) ||
      !take_words(env, arguments[5], &lengths, &room))
    return NULL;
  if (slots == 0 || headroom >= slot_octets || (uint64_t)slots * slot_octets > slab.length || slots > room)
    return range_error(env, "outside the buffers");
  uint32_t count = 0;
  while (count < slots) {
    ssize_t length = read(fd, slab.data + (size_t)count * slot_octets + headroom, slot_octets - headroom);
    if (length <= 0) {
      if (count == 0) return give_int(env, length == 0 ? -EAGAIN : -errno);
      break;
    }
    lengths[count++] = (int32_t)length;
  }
  return give_int(env, count);
}

/* writeBatch(slab, words, count): how many packets were taken */
static napi_value call_write_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct octets slab;
  int32_t *words;
  uint32_t count, written = 0;
  size_t room;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_octets(env, arguments[0], &slab) ||
      !take_words(env, arguments[1], &words, &room) || !take_count(env, arguments[2], &count))
    return NULL;
  if ((uint64_t)count * WORDS > room) return range_error(env, "outside the words");
  for (uint32_t i = 0; i < count; i++) {
    const int32_t *packet = words + (size_t)i * WORDS;
    if (packet[OFFSET] < 0 || packet[LENGTH] < 0 || (uint64_t)packet[OFFSET] + (uint64_t)packet[LENGTH] > slab.length)
      return range_error(env, "outside the slab");
  }
  for (uint32_t i = 0; i < count; i++) {
    int32_t *packet = words + (size_t)i * WORDS;
    ssize_t result = write(packet[FD], slab.data + packet[OFFSET], (size_t)packet[LENGTH]);
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
