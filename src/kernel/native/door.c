#include "door.h"

#define MAX_ARGUMENTS 8

bool take_arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *arguments, void **data) {
  size_t given = wanted;
  if (wanted > MAX_ARGUMENTS || napi_get_cb_info(env, info, &given, arguments, NULL, data) != napi_ok) return false;
  if (given >= wanted) return true;
  napi_throw_type_error(env, NULL, "too few arguments");
  return false;
}

bool take_int(napi_env env, napi_value value, int32_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= INT32_MIN && number <= INT32_MAX &&
      number == (double)(int32_t)number) {
    *out = (int32_t)number;
    return true;
  }
  napi_throw_type_error(env, NULL, "expected a 32-bit integer");
  return false;
}

bool take_count(napi_env env, napi_value value, uint32_t *out) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 && number <= UINT32_MAX &&
      number == (double)(uint32_t)number) {
    *out = (uint32_t)number;
    return true;
  }
  napi_throw_type_error(env, NULL, "expected an unsigned 32-bit integer");
  return false;
}

bool take_octets(napi_env env, napi_value value, struct octets *out) {
  bool typed = false;
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_is_typedarray(env, value, &typed) == napi_ok && typed &&
      napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) == napi_ok && type == napi_uint8_array) {
    out->data = data;
    out->length = data == NULL ? 0 : length;
    return true;
  }
  napi_throw_type_error(env, NULL, "expected a Uint8Array");
  return false;
}

bool take_words(napi_env env, napi_value value, int32_t **data, size_t *length) {
  bool typed = false;
  napi_typedarray_type type;
  void *start;
  if (napi_is_typedarray(env, value, &typed) == napi_ok && typed &&
      napi_get_typedarray_info(env, value, &type, length, &start, NULL, NULL) == napi_ok && type == napi_int32_array) {
    *data = start;
    if (start == NULL) *length = 0;
    return true;
  }
  napi_throw_type_error(env, NULL, "expected an Int32Array");
  return false;
}

bool take_slots(napi_env env, napi_callback_info info, uint32_t words_each, struct slots *out) {
  napi_value arguments[6];
  size_t room;
  if (!take_arguments(env, info, 6, arguments, NULL) || !take_int(env, arguments[0], &out->fd) ||
      !take_octets(env, arguments[1], &out->slab) || !take_count(env, arguments[2], &out->octets) ||
      !take_count(env, arguments[3], &out->headroom) || !take_count(env, arguments[4], &out->count) ||
      !take_words(env, arguments[5], &out->words, &room))
    return false;
  if (out->count > 0 && out->headroom < out->octets && (uint64_t)out->count * out->octets <= out->slab.length &&
      (uint64_t)out->count * words_each <= room)
    return true;
  range_error(env, "outside the buffers");
  return false;
}

bool take_messages(napi_env env, napi_callback_info info, uint32_t words_each, struct messages *out) {
  napi_value arguments[3];
  size_t room;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_octets(env, arguments[0], &out->slab) ||
      !take_words(env, arguments[1], &out->words, &room) || !take_count(env, arguments[2], &out->count))
    return false;
  if ((uint64_t)out->count * words_each > room) {
    range_error(env, "outside the words");
    return false;
  }
  for (uint32_t i = 0; i < out->count; i++) {
    const int32_t *message = out->words + (size_t)i * words_each;
    const int32_t offset = message[MESSAGE_OFFSET], length = message[MESSAGE_LENGTH];
    if (offset >= 0 && length >= 0 && (uint64_t)offset + (uint64_t)length <= out->slab.length) continue;
    range_error(env, "outside the slab");
    return false;
  }
  return true;
}

napi_value give_int(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value range_error(napi_env env, const char *message) {
  napi_throw_range_error(env, NULL, message);
  return NULL;
}

napi_value undefined(napi_env env) {
  napi_value result = NULL;
  napi_get_undefined(env, &result);
  return result;
}

bool export_calls(napi_env env, napi_value exports, const struct call *calls, size_t count, void *data) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH, calls[i].function, data, &function) != napi_ok ||
        napi_set_named_property(env, exports, calls[i].name, function) != napi_ok)
      return false;
  }
  return true;
}

NAPI_MODULE_INIT() {
  if (!add_system_calls(env, exports) || !add_poll_calls(env, exports) || !add_datagram_calls(env, exports) ||
      !add_packet_calls(env, exports) || !add_ethernet_calls(env, exports))
    napi_throw_error(env, NULL, "the native door could not export its calls");
  return exports;
}
