/*
 * Readiness of descriptors through libuv's poll handles. Node exports libuv's symbols but no header is needed: the few
 * prototypes below are part of its stable ABI (libuv 1.x).
 */
#include "door.h"

#include <errno.h>
#include <stdlib.h>

struct uv_loop_s;
enum { UV_POLL = 8 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };
size_t uv_handle_size(int type);
int uv_poll_init(struct uv_loop_s *loop, void *handle, int fd);
int uv_poll_start(void *handle, int events, void (*callback)(void *handle, int status, int events));
int uv_poll_stop(void *handle);
void uv_close(void *handle, void (*callback)(void *handle));
void *uv_handle_get_data(const void *handle);
void uv_handle_set_data(void *handle, void *data);

struct polls;

struct poller {
  struct polls *polls;
  void *handle;
  int events;
  napi_ref callback;
};

/* All pollers of one environment; an index in `slots` is what JavaScript holds. */
struct polls {
  napi_env env;
  struct poller **slots;
  size_t count;
  /* Handles that libuv still knows, the closing ones included. */
  size_t open;
  napi_async_cleanup_hook_handle cleanup;
  bool ending;
};

static void free_polls_when_done(struct polls *polls) {
  if (!polls->ending || polls->open > 0) return;
  napi_remove_async_cleanup_hook(polls->cleanup);
  free(polls->slots);
  free(polls);
}

static void on_closed(void *handle) {
  struct poller *poller = uv_handle_get_data(handle);
  struct polls *polls = poller->polls;
  free(handle);
  free(poller);
  polls->open--;
  free_polls_when_done(polls);
}

static void close_poller(struct polls *polls, size_t slot) {
  struct poller *poller = polls->slots[slot];
  polls->slots[slot] = NULL;
  napi_delete_reference(polls->env, poller->callback);
  poller->callback = NULL;
  uv_poll_stop(poller->handle);
  uv_close(poller->handle, on_closed);
}

static void on_environment_end(napi_async_cleanup_hook_handle cleanup, void *data) {
  (void)cleanup;
  struct polls *polls = data;
  polls->ending = true;
  for (size_t slot = 0; slot < polls->count; slot++)
    if (polls->slots[slot] != NULL) close_poller(polls, slot);
  free_polls_when_done(polls);
}

/* Calls back with the events, or with a negative errno; libuv has stopped the poller in that case. */
static void on_ready(void *handle, int status, int events) {
  struct poller *poller = uv_handle_get_data(handle);
  napi_env env = poller->polls->env;
  napi_handle_scope scope;
  if (poller->callback == NULL || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument, result;
  if (napi_get_reference_value(env, poller->callback, &callback) == napi_ok && callback != NULL &&
      napi_get_global(env, &receiver) == napi_ok &&
      napi_create_int32(env, status < 0 ? status : events, &argument) == napi_ok &&
      napi_make_callback(env, NULL, receiver, callback, 1, &argument, &result) == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, scope);
}

static bool free_slot(struct polls *polls, size_t *slot) {
  for (size_t i = 0; i < polls->count; i++) {
    if (polls->slots[i] != NULL) continue;
    *slot = i;
    return true;
  }
  size_t wanted = polls->count == 0 ? 8 : polls->count * 2;
  struct poller **slots = realloc(polls->slots, wanted * sizeof *slots);
  if (slots == NULL) return false;
  for (size_t i = polls->count; i < wanted; i++) slots[i] = NULL;
  *slot = polls->count;
  polls->slots = slots;
  polls->count = wanted;
  return true;
}

static napi_value give_errno_freeing(napi_env env, struct poller *poller, int error) {
  free(poller->handle);
  free(poller);
  return give_int(env, error);
}

/* pollStart(fd, events, callback): a poller's number. The callback gets the events or a negative errno. */
static napi_value call_poll_start(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct polls *polls;
  int32_t fd, events;
  napi_valuetype type;
  struct uv_loop_s *loop;
  size_t slot;
  if (!take_arguments(env, info, 3, arguments, (void **)&polls) || !take_int(env, arguments[0], &fd) ||
      !take_int(env, arguments[1], &events))
    return NULL;
  if (napi_typeof(env, arguments[2], &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, NULL, "expected a callback");
    return NULL;
  }
  if (events <= 0 || (events & ~(UV_READABLE | UV_WRITABLE)) != 0) return range_error(env, "unknown events");
  if (fd < 0) return give_int(env, -EBADF);
  if (napi_get_uv_event_loop(env, (void *)&loop) != napi_ok || !free_slot(polls, &slot)) return give_int(env, -ENOMEM);
  struct poller *poller = calloc(1, sizeof *poller);
  if (poller == NULL) return give_int(env, -ENOMEM);
  poller->polls = polls;
  poller->events = events;
  poller->handle = calloc(1, uv_handle_size(UV_POLL));
  if (poller->handle == NULL) return give_errno_freeing(env, poller, -ENOMEM);
  int error = uv_poll_init(loop, poller->handle, fd);
  if (error < 0) return give_errno_freeing(env, poller, error);
  /* From here on libuv knows the handle: it can only go through uv_close. */
  uv_handle_set_data(poller->handle, poller);
  polls->open++;
  if (napi_create_reference(env, arguments[2], 1, &poller->callback) != napi_ok) {
    uv_close(poller->handle, on_closed);
    return give_int(env, -ENOMEM);
  }
  polls->slots[slot] = poller;
  error = uv_poll_start(poller->handle, events, on_ready);
  if (error < 0) {
    close_poller(polls, slot);
    return give_int(env, error);
  }
  return give_int(env, (int64_t)slot);
}

static bool take_poller(napi_env env, napi_callback_info info, struct polls **polls, uint32_t *slot) {
  napi_value arguments[1];
  if (!take_arguments(env, info, 1, arguments, (void **)polls) || !take_count(env, arguments[0], slot)) return false;
  if (*slot < (*polls)->count && (*polls)->slots[*slot] != NULL) return true;
  range_error(env, "no such poller");
  return false;
}

/* pollAgain(poller): goes on after an errno was called back */
static napi_value call_poll_again(napi_env env, napi_callback_info info) {
  struct polls *polls;
  uint32_t slot;
  if (!take_poller(env, info, &polls, &slot)) return NULL;
  struct poller *poller = polls->slots[slot];
  return give_int(env, uv_poll_start(poller->handle, poller->events, on_ready));
}

/* pollStop(poller): must come before the descriptor is closed */
static napi_value call_poll_stop(napi_env env, napi_callback_info info) {
  struct polls *polls;
  uint32_t slot;
  if (!take_poller(env, info, &polls, &slot)) return NULL;
  close_poller(polls, slot);
  return undefined(env);
}

bool add_poll_calls(napi_env env, napi_value exports) {
  static const struct call calls[] = {
      {"pollStart", call_poll_start},
      {"pollAgain", call_poll_again},
      {"pollStop", call_poll_stop},
  };
  struct polls *polls = calloc(1, sizeof *polls);
  if (polls == NULL) return false;
  polls->env = env;
  if (napi_add_async_cleanup_hook(env, on_environment_end, polls, &polls->cleanup) != napi_ok) {
    free(polls);
    return false;
  }
  return export_calls(env, exports, calls, sizeof calls / sizeof *calls, polls);
}
