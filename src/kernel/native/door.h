/*
 * The native door: system calls that Node has no API for, over N-API only.
 *
 * Conventions: a call answers a number >= 0 or a negative errno; wrong argument types or ranges throw a TypeError or
 * RangeError before any system call is made. Octets are reached only through typed arrays, whose bounds are checked
 * here.
 */
#ifndef PROL2TP_DOOR_H
#define PROL2TP_DOOR_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One argument's octets. */
struct octets {
  uint8_t *data;
  size_t length;
};

/* Each answers false with a JavaScript exception pending when the argument does not fit. */
bool take_arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *arguments, void **data);
bool take_int(napi_env env, napi_value value, int32_t *out);
bool take_count(napi_env env, napi_value value, uint32_t *out);
bool take_octets(napi_env env, napi_value value, struct octets *out);
/* An Int32Array; length in words. */
bool take_words(napi_env env, napi_value value, int32_t **data, size_t *length);

/* Where received messages go: slot n begins at n * octets, its message behind the headroom. */
struct slots {
  int32_t fd;
  struct octets slab;
  uint32_t octets, headroom, count;
  int32_t *words;
};

/* (fd, slab, slotOctets, headroom, slots, words), with so many words for each slot. */
bool take_slots(napi_env env, napi_callback_info info, uint32_t words_each, struct slots *out);

/* Messages to send, each described by words of which MESSAGE_OFFSET and MESSAGE_LENGTH say where in the slab it lies. */
struct messages {
  struct octets slab;
  int32_t *words;
  uint32_t count;
};
enum { MESSAGE_OFFSET = 1, MESSAGE_LENGTH = 2 };

/* (slab, words, count), with so many words for each message, all of which lie inside the slab. */
bool take_messages(napi_env env, napi_callback_info info, uint32_t words_each, struct messages *out);

napi_value give_int(napi_env env, int64_t value);
napi_value range_error(napi_env env, const char *message);
napi_value undefined(napi_env env);

struct call {
  const char *name;
  napi_callback function;
};

bool export_calls(napi_env env, napi_value exports, const struct call *calls, size_t count, void *data);

bool add_system_calls(napi_env env, napi_value exports);
bool add_poll_calls(napi_env env, napi_value exports);
bool add_datagram_calls(napi_env env, napi_value exports);
bool add_packet_calls(napi_env env, napi_value exports);
bool add_ethernet_calls(napi_env env, napi_value exports);

#endif
