/* Single system calls. Every descriptor that is made here is non-blocking and closed on exec. */
#define _GNU_SOURCE
#include "door.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The requests that may pass, with the octets that each reads and writes: the encoded size is not to be trusted. */
static const struct {
  uint32_t request;
  size_t octets;
} ioctls[] = {
    {(uint32_t)TUNSETIFF, sizeof(struct ifreq)},
    {(uint32_t)TUNGETIFF, sizeof(struct ifreq)},
    {(uint32_t)TUNSETCARRIER, sizeof(int)},
};

static napi_value answer(napi_env env, long result) { return give_int(env, result < 0 ? -errno : result); }

/* open(path: string, flags: number) */
static napi_value call_open(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t flags;
  char path[256];
  size_t length;
  if (!take_arguments(env, info, 2, arguments, NULL) || !take_int(env, arguments[1], &flags)) return NULL;
  if (napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected a path");
    return NULL;
  }
  if (length >= sizeof path - 1) return range_error(env, "the path is too long");
  return answer(env, open(path, (flags & ~O_CREAT) | O_NONBLOCK | O_CLOEXEC));
}

/* close(fd) */
static napi_value call_close(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd;
  if (!take_arguments(env, info, 1, arguments, NULL) || !take_int(env, arguments[0], &fd)) return NULL;
  return answer(env, close(fd));
}

/* ioctl(fd, request, octets) */
static napi_value call_ioctl(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t fd;
  uint32_t request;
  struct octets octets;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_count(env, arguments[1], &request) || !take_octets(env, arguments[2], &octets))
    return NULL;
  for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++) {
    if (ioctls[i].request != request) continue;
    if (octets.length < ioctls[i].octets) return range_error(env, "the buffer is too short for this request");
    return answer(env, ioctl(fd, (unsigned long)request, octets.data));
  }
  return give_int(env, -ENOTTY);
}

/* socket(domain, type, protocol) */
static napi_value call_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t domain, type, protocol;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_int(env, arguments[0], &domain) ||
      !take_int(env, arguments[1], &type) || !take_int(env, arguments[2], &protocol))
    return NULL;
  return answer(env, socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

/* bind(2) or connect(2), which take the same: (fd, sockaddr) */
static napi_value with_address(napi_env env, napi_callback_info info,
                               int (*call)(int, const struct sockaddr *, socklen_t)) {
  napi_value arguments[2];
  int32_t fd;
  struct octets address;
  if (!take_arguments(env, info, 2, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &address))
    return NULL;
  if (address.length > sizeof(struct sockaddr_storage)) return range_error(env, "the address is too long");
  return answer(env, call(fd, (const struct sockaddr *)address.data, (socklen_t)address.length));
}

static napi_value call_bind(napi_env env, napi_callback_info info) {
  return with_address(env, info, bind);
}

static napi_value call_connect(napi_env env, napi_callback_info info) {
  return with_address(env, info, connect);
}

/* getsockname(fd, sockaddr out): the address's length, which may exceed what fitted */
static napi_value call_getsockname(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd;
  struct octets address;
  if (!take_arguments(env, info, 2, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &address))
    return NULL;
  socklen_t length = address.length > 128 ? 128 : (socklen_t)address.length;
  int result = getsockname(fd, (struct sockaddr *)address.data, &length);
  return answer(env, result < 0 ? result : (long)length);
}

/* setsockopt(fd, level, name, octets) */
static napi_value call_setsockopt(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd, level, name;
  struct octets value;
  if (!take_arguments(env, info, 4, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_int(env, arguments[1], &level) || !take_int(env, arguments[2], &name) ||
      !take_octets(env, arguments[3], &value))
    return NULL;
  if (value.length > 256) return range_error(env, "the option is too long");
  return answer(env, setsockopt(fd, level, name, value.data, (socklen_t)value.length));
}

/* getsockopt(fd, level, name, octets out): the value's length */
static napi_value call_getsockopt(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd, level, name;
  struct octets value;
  if (!take_arguments(env, info, 4, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_int(env, arguments[1], &level) || !take_int(env, arguments[2], &name) ||
      !take_octets(env, arguments[3], &value))
    return NULL;
  socklen_t length = value.length > 256 ? 256 : (socklen_t)value.length;
  int result = getsockopt(fd, level, name, value.data, &length);
  return answer(env, result < 0 ? result : (long)length);
}

/* send(fd, octets, start, end) */
static napi_value call_send(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd;
  uint32_t start, end;
  struct octets octets;
  if (!take_arguments(env, info, 4, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &octets) || !take_count(env, arguments[2], &start) ||
      !take_count(env, arguments[3], &end))
    return NULL;
  if (start > end || end > octets.length) return range_error(env, "outside the buffer");
  return answer(env, send(fd, octets.data + start, end - start, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* receive(fd, octets): the message's own length, which exceeds the buffer's when it did not fit */
static napi_value call_receive(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd;
  struct octets octets;
  if (!take_arguments(env, info, 2, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &octets))
    return NULL;
  return answer(env, recv(fd, octets.data, octets.length, MSG_DONTWAIT | MSG_TRUNC));
}

/* sendTo(fd, octets, start, end, sockaddr) */
static napi_value call_send_to(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  int32_t fd;
  uint32_t start, end;
  struct octets octets, address;
  if (!take_arguments(env, info, 5, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &octets) || !take_count(env, arguments[2], &start) ||
      !take_count(env, arguments[3], &end) || !take_octets(env, arguments[4], &address))
    return NULL;
  if (start > end || end > octets.length) return range_error(env, "outside the buffer");
  if (address.length > sizeof(struct sockaddr_storage)) return range_error(env, "the address is too long");
  const struct sockaddr *to = (const struct sockaddr *)address.data;
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  return answer(env, sendto(fd, octets.data + start, end - start, flags, to, (socklen_t)address.length));
}

/* receiveFrom(fd, octets, sockaddr out): as receive; zeros fill what the sender's address leaves */
static napi_value call_receive_from(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t fd;
  struct octets octets, address;
  if (!take_arguments(env, info, 3, arguments, NULL) || !take_int(env, arguments[0], &fd) ||
      !take_octets(env, arguments[1], &octets) || !take_octets(env, arguments[2], &address))
    return NULL;
  if (address.length > sizeof(struct sockaddr_storage)) return range_error(env, "the address is too long");
  /* Without an address to write to, nothing may point to one. */
  struct sockaddr *from = address.length == 0 ? NULL : (struct sockaddr *)address.data;
  socklen_t length = (socklen_t)address.length;
  const int flags = MSG_DONTWAIT | MSG_TRUNC;
  long result = recvfrom(fd, octets.data, octets.length, flags, from, from == NULL ? NULL : &length);
  if (result >= 0 && length < address.length) memset(address.data + length, 0, address.length - length);
  return answer(env, result);
}

bool add_system_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"open", call_open},
      {"close", call_close},
      {"ioctl", call_ioctl},
      {"socket", call_socket},
      {"bind", call_bind},
      {"connect", call_connect},
      {"getsockname", call_getsockname},
      {"setsockopt", call_setsockopt},
      {"getsockopt", call_getsockopt},
      {"send", call_send},
      {"receive", call_receive},
      {"sendTo", call_send_to},
      {"receiveFrom", call_receive_from},
  };
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, NULL);
}
