// l2tpload: plays an L2TPv2 LAC (RFC 2661) with a PPP client behind every call, opens many calls and times them.
// One thread, one UDP socket a tunnel. Prints one JSON line when every call has settled, one at each SIGUSR1 while the calls
// are held, and one more after the close, which SIGINT and SIGTERM bring forward.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "../md5.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum { BATCH = 64, SLOT = 2048, RECEIVED_LIMIT = SLOT - 64, WINDOW_LIMIT = 4096, SOCKET_BUFFER = 8 << 20, OUR_WINDOW = 128 };
enum { CONTROL_TRIES = 6, PPP_TRIES = 10, TICK_MS = 20 };
static const u64 SECOND = 1000000000ull;

// RFC 2661 section 3.2
enum { SCCRQ = 1, SCCRP = 2, SCCCN = 3, STOPCCN = 4, HELLO = 6, ICRQ = 10, ICRP = 11, ICCN = 12, CDN = 14 };
// PPP protocols and codes: RFC 1661, RFC 1334, RFC 1994, RFC 1332, RFC 5072
enum { IP = 0x0021, IPCP = 0x8021, IPV6CP = 0x8057, LCP = 0xc021, PAP = 0xc023, CHAP = 0xc223 };
enum { CONF_REQ = 1, CONF_ACK, CONF_NAK, CONF_REJ, TERM_REQ, TERM_ACK, CODE_REJ, PROTO_REJ, ECHO_REQ, ECHO_REPLY };
enum { PAP_REQ = 1, PAP_ACK = 2, PAP_NAK = 3 };
enum { CHAP_CHALLENGE = 1, CHAP_RESPONSE = 2, CHAP_SUCCESS = 3, CHAP_FAILURE = 4, CHAP_MD5 = 5 };

typedef enum { CALL_IDLE, CALL_ICRQ, CALL_ICCN, CALL_LCP, CALL_AUTH, CALL_NETWORK, CALL_UP, CALL_ENDED } CallPhase;
typedef enum { TUNNEL_IDLE, TUNNEL_OPENING, TUNNEL_UP, TUNNEL_CLOSING, TUNNEL_ENDED } TunnelPhase;

// One RFC 1661 automaton reduced to what a willing client needs: who has acknowledged whom, and the request outstanding.
typedef struct { u8 id, tries; bool heAcked, weAcked; } Negotiation;

typedef struct Tunnel Tunnel;
typedef struct {
  Tunnel *tunnel;
  u64 startedNs, dueNs;
  u32 magic, address, busyAt;  // busyAt: place in the busy list plus one, 0 when no timer runs
  u16 id, peerId, auth;  // auth: the protocol that the peer demands, 0 for none
  u8 phase, papId, papTries;
  bool settled, noMagic;
  Negotiation lcp, ipcp, ipv6cp;
} Call;

typedef struct { u16 call; u8 type; } Queued;  // call: local session id

// Ns order: una (oldest unacknowledged) <= next (to be sent) <= high (ever sent) <= tail (queued).
struct Tunnel {
  int fd;
  TunnelPhase phase;
  struct sockaddr_in peer;
  u64 dueNs;
  Queued *queue;
  Call *calls;
  u32 opened;  // calls begun so far
  u16 id, peerId, una, next, high, tail, nr, peerWindow, window, tries;
  bool ackOwed;
};

static struct {
  struct sockaddr_in lns, local;
  u32 tunnels, sessions, window;
  double timeout, hold, callTimeout;
  bool noPpp, chap, ipv6;
  const char *user, *password, *tun, *hostName;
} opt = {.tunnels = 1, .sessions = 1, .window = 64, .timeout = 60, .callTimeout = 20,
         .user = "bench", .password = "bench", .hostName = "l2tpload"};

static Tunnel *tunnels;
static Call **busy;
// A ring of the tunnels that stand ready to begin a call, each once: nothing looks through all tunnels for one.
static Tunnel **ready;
static float *latencyMs;
static u32 busyCount, inSetup, settledCount, okCount, failedCount, lostCount, tunnelsOpening, queueMask;
static u32 asked, readyFrom, readyCount;  // asked: tunnels asked for so far
static u64 controlResent, pppResent, firstIcrqNs, lastUpNs, sentCount, receivedCount, helloCount, echoCount;
static u32 lastResult;
static int tunFd = -1, epollFd;
static volatile sig_atomic_t interrupted, reportWanted;
static Call *tunCall;
static u32 peerAddress;

static u64 nowNs(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}
static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }
static u8 *put16(u8 *p, u32 v) { p[0] = (u8)(v >> 8), p[1] = (u8)v; return p + 2; }
static u8 *put32(u8 *p, u32 v) { return put16(put16(p, v >> 16), v & 0xffff); }
static u8 *putBytes(u8 *p, const void *from, size_t n) { memcpy(p, from, n); return p + n; }
static void die(const char *what) { perror(what); exit(2); }

// ---- sending: datagrams gather in slots and leave in runs of one socket ----

static u8 outBytes[BATCH][SLOT];
static Tunnel *outTunnel[BATCH];
static u16 outLength[BATCH];
static u32 outCount;

static void flush(void) {
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  for (u32 i = 0; i < outCount; i++) {
    parts[i] = (struct iovec){outBytes[i], outLength[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &outTunnel[i]->peer, .msg_namelen = sizeof outTunnel[i]->peer,
                                          .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  for (u32 from = 0; from < outCount;) {
    u32 to = from + 1;
    while (to < outCount && outTunnel[to] == outTunnel[from]) to++;
    int sent = sendmmsg(outTunnel[from]->fd, messages + from, to - from, 0);
    // What the kernel refuses is lost like any datagram; the timers send it again.
    from = sent > 0 ? from + (u32)sent : to;
  }
  sentCount += outCount;
  outCount = 0;
}

static u8 *outBegin(Tunnel *t) {
  if (outCount == BATCH) flush();
  outTunnel[outCount] = t;
  return outBytes[outCount];
}
static void outEnd(const u8 *end) {
  outLength[outCount] = (u16)(end - outBytes[outCount]);
  outCount++;
}

// ---- control messages ----

static u8 *avp(u8 *p, u16 type, const void *value, size_t n) {
  p = put16(put16(put16(p, 0x8000u | (u32)(6 + n)), 0), type);
  return putBytes(p, value, n);
}
static u8 *avp16(u8 *p, u16 type, u16 v) { u8 b[2]; put16(b, v); return avp(p, type, b, 2); }
static u8 *avp32(u8 *p, u16 type, u32 v) { u8 b[4]; put32(b, v); return avp(p, type, b, 4); }

static void writeControl(Tunnel *t, u16 ns, u8 type, u16 callId) {
  u8 *start = outBegin(t), *p = start + 12;
  const Call *c = callId ? &t->calls[callId - 1] : NULL;
  if (type) p = avp16(p, 0, type);
  switch (type) {
    case SCCRQ:
      p = avp16(p, 2, 0x0100);
      p = avp32(p, 3, 3);
      p = avp32(p, 4, 3);
      p = avp(p, 7, opt.hostName, strlen(opt.hostName));
      p = avp16(p, 9, t->id);
      p = avp16(p, 10, OUR_WINDOW);
      break;
    case STOPCCN:
      p = avp16(p, 9, t->id);
      p = avp16(p, 1, 1);
      break;
    case ICRQ:
      p = avp16(p, 14, callId);
      p = avp32(p, 15, (u32)(t->id - 1) * opt.sessions + callId);
      break;
    case ICCN:
      p = avp32(p, 24, 100000000);
      p = avp32(p, 19, 1);
      break;
    case CDN:
      p = avp16(p, 1, 3);
      p = avp16(p, 14, callId);
      break;
  }
  u16 peerSession = c ? c->peerId : 0;
  put16(put16(put16(put16(put16(put16(start, 0xc802), (u32)(p - start)), t->peerId), peerSession), ns), t->nr);
  outEnd(p);
  t->ackOwed = false;
}

static void startLcp(Call *c, u64 now);

static bool push(Tunnel *t, u8 type, u16 callId) {
  if ((u16)(t->tail - t->una) > queueMask - 1) return false;
  t->queue[t->tail++ & queueMask] = (Queued){callId, type};
  return true;
}

static void pump(Tunnel *t, u64 now) {
  while (t->next != t->tail && (u16)(t->next - t->una) < t->window) {
    Queued q = t->queue[t->next & queueMask];
    bool again = (int16_t)(t->next - t->high) < 0;
    if (t->una == t->next) t->dueNs = now + (SECOND << (t->tries > 3 ? 3 : t->tries));
    writeControl(t, t->next++, q.type, q.call);
    if (again) {
      controlResent++;
      continue;
    }
    t->high = t->next;
    if (q.type == ICCN && !opt.noPpp && t->calls[q.call - 1].phase == CALL_ICCN) startLcp(&t->calls[q.call - 1], now);
  }
}

// ---- calls: beginning, settling ----

static void setBusy(Call *c, u64 dueNs) {
  c->dueNs = dueNs;
  if (c->busyAt) return;
  busy[busyCount++] = c;
  c->busyAt = busyCount;
}
static void setIdle(Call *c) {
  if (!c->busyAt) return;
  Call *last = busy[--busyCount];
  busy[c->busyAt - 1] = last;
  last->busyAt = c->busyAt;
  c->busyAt = 0;
}

static void settle(Call *c, bool ok) {
  setIdle(c);
  if (c->settled) {
    if (!ok) lostCount++;
    return;
  }
  c->settled = true;
  inSetup--;
  settledCount++;
  if (!ok) {
    failedCount++;
    return;
  }
  lastUpNs = nowNs();
  latencyMs[okCount++] = (float)((double)(lastUpNs - c->startedNs) / 1e6);
}

static void endCall(Call *c, bool tellPeer) {
  if (c->phase == CALL_IDLE || c->phase == CALL_ENDED) return;
  bool wasUp = c->phase == CALL_UP, known = c->peerId != 0;
  c->phase = CALL_ENDED;
  if (wasUp || !c->settled || c->busyAt) settle(c, false);
  if (tellPeer && known && c->tunnel->phase == TUNNEL_UP) push(c->tunnel, CDN, c->id);
}

static void callUp(Call *c) {
  c->phase = CALL_UP;
  if (opt.tun && !tunCall) tunCall = c;
  settle(c, true);
}

static void endTunnel(Tunnel *t) {
  if (t->phase == TUNNEL_ENDED) return;
  if (t->phase == TUNNEL_OPENING) tunnelsOpening--;
  bool closing = t->phase == TUNNEL_CLOSING;
  t->phase = TUNNEL_ENDED;
  t->una = t->next = t->high = t->tail;
  if (closing) return;
  for (u32 i = 0; i < t->opened; i++) endCall(&t->calls[i], false);
  u32 unopened = opt.sessions - t->opened;
  t->opened = opt.sessions;
  failedCount += unopened;
  settledCount += unopened;
}

static void setReady(Tunnel *t) {
  ready[(readyFrom + readyCount++) % opt.tunnels] = t;
}

static void beginCalls(u64 now) {
  while (asked < opt.tunnels && tunnelsOpening < opt.window) {
    Tunnel *t = &tunnels[asked++];
    t->phase = TUNNEL_OPENING;
    tunnelsOpening++;
    push(t, SCCRQ, 0);
    pump(t, now);
  }
  while (readyCount && inSetup < opt.window) {
    Tunnel *t = ready[readyFrom];
    bool canBegin = t->phase == TUNNEL_UP && t->opened < opt.sessions;
    if (canBegin && !push(t, ICRQ, (u16)(t->opened + 1))) return;
    readyFrom = (readyFrom + 1) % opt.tunnels;
    readyCount--;
    if (!canBegin) continue;
    Call *c = &t->calls[t->opened++];
    if (t->opened < opt.sessions) setReady(t);
    inSetup++;
    c->phase = CALL_ICRQ;
    c->startedNs = now;
    c->magic = 0x10000000u + (u32)t->id * 65536u + c->id;
    if (!firstIcrqNs) firstIcrqNs = now;
    setBusy(c, UINT64_MAX);
    pump(t, now);
  }
}

// ---- PPP ----

static u8 *pppBegin(Call *c, u16 protocol) {
  u8 *p = outBegin(c->tunnel);
  return put16(put16(put16(put16(put16(p, 0x0002), c->tunnel->peerId), c->peerId), 0xff03), protocol);
}
static void pppSend(Call *c, u16 protocol, u8 code, u8 id, const void *data, size_t n) {
  u8 *p = pppBegin(c, protocol);
  *p++ = code, *p++ = id;
  outEnd(putBytes(put16(p, (u32)(4 + n)), data, n));
}

static void requestLcp(Call *c, u64 now) {
  u8 options[6] = {5, 6};
  put32(options + 2, c->magic);
  c->lcp.tries++;
  c->lcp.heAcked = false;
  pppSend(c, LCP, CONF_REQ, ++c->lcp.id, options, c->noMagic ? 0 : 6);
  setBusy(c, now + SECOND);
}
static void requestIpcp(Call *c, u64 now) {
  u8 options[6] = {3, 6};
  put32(options + 2, c->address);
  c->ipcp.tries++;
  c->ipcp.heAcked = false;
  pppSend(c, IPCP, CONF_REQ, ++c->ipcp.id, options, 6);
  setBusy(c, now + SECOND);
}
static void requestIpv6cp(Call *c, u64 now) {
  u8 options[10] = {1, 10, 2};  // an interface identifier: RFC 5072 4.1
  put32(options + 6, c->magic);
  c->ipv6cp.tries++;
  c->ipv6cp.heAcked = false;
  pppSend(c, IPV6CP, CONF_REQ, ++c->ipv6cp.id, options, 10);
  setBusy(c, now + SECOND);
}
static void requestPap(Call *c, u64 now) {
  u8 body[512], *p = body;
  size_t user = strlen(opt.user), password = strlen(opt.password);
  *p++ = (u8)user, p = putBytes(p, opt.user, user);
  *p++ = (u8)password, p = putBytes(p, opt.password, password);
  c->papTries++;
  pppSend(c, PAP, PAP_REQ, ++c->papId, body, (size_t)(p - body));
  setBusy(c, now + SECOND);
}

static void startLcp(Call *c, u64 now) {
  c->phase = CALL_LCP;
  c->lcp.tries = 0;
  c->lcp.weAcked = false;
  requestLcp(c, now);
}
static void startNetwork(Call *c, u64 now) {
  c->phase = CALL_NETWORK;
  c->ipcp.tries = c->ipv6cp.tries = 0;
  c->ipcp.weAcked = c->ipv6cp.weAcked = false;
  requestIpcp(c, now);
  if (opt.ipv6) requestIpv6cp(c, now);
}
static void lcpMaybeOpen(Call *c, u64 now) {
  if (c->phase != CALL_LCP || !c->lcp.heAcked || !c->lcp.weAcked) return;
  if (!c->auth) return startNetwork(c, now);
  c->phase = CALL_AUTH;
  c->papTries = 0;
  if (c->auth == PAP) requestPap(c, now);
  else setBusy(c, UINT64_MAX);  // the challenge is the peer's to send, and to repeat
}
static bool isOpen(const Negotiation *n) { return n->heAcked && n->weAcked; }
static void networkMaybeOpen(Call *c) {
  if (c->phase == CALL_NETWORK && isOpen(&c->ipcp) && (!opt.ipv6 || isOpen(&c->ipv6cp))) callUp(c);
}

// Sorts the options of a Configure-Request: what we know not is rejected, an authentication other than the one wanted is
// answered with that, the rest is acknowledged. Returns the code; the body of the answer stands in `answer`. 0: malformed.
static u8 judge(Call *c, u16 protocol, const u8 *o, size_t n, u8 *answer, size_t *answerLength) {
  u8 rejected[SLOT], naked[SLOT], *r = rejected, *k = naked;
  u16 auth = 0;
  for (const u8 *p = o, *end = o + n; p < end; p += p[1]) {
    if (end - p < 2 || p[1] < 2 || p[1] > end - p) return 0;
    if (protocol == IPCP) {
      if (p[0] == 3 && p[1] == 6) peerAddress = get32(p + 2);
      else r = putBytes(r, p, p[1]);
      continue;
    }
    if (protocol == IPV6CP) {
      if (p[0] != 1 || p[1] != 10) r = putBytes(r, p, p[1]);
      continue;
    }
    switch (p[0]) {
      case 1: case 2: case 5: case 7: case 8: break;
      case 3:
        if (!opt.chap && p[1] == 4 && get16(p + 2) == PAP) auth = PAP;
        else if (opt.chap && p[1] == 5 && get16(p + 2) == CHAP && p[4] == CHAP_MD5) auth = CHAP;
        else if (k == naked) k = opt.chap ? putBytes(k, "\3\5\xc2\x23\5", 5) : put16(putBytes(k, "\3\4", 2), PAP);
        break;
      default: r = putBytes(r, p, p[1]);
    }
  }
  bool reject = r > rejected, nak = !reject && k > naked;
  const u8 *body = reject ? rejected : nak ? naked : o;
  *answerLength = reject ? (size_t)(r - rejected) : nak ? (size_t)(k - naked) : n;
  memcpy(answer, body, *answerLength);
  if (protocol == LCP && !reject && !nak) c->auth = auth;
  return reject ? CONF_REJ : nak ? CONF_NAK : CONF_ACK;
}

static void onConfigureRequest(Call *c, u16 protocol, u8 id, const u8 *o, size_t n, u64 now) {
  u8 answer[SLOT];
  size_t length;
  u8 code = judge(c, protocol, o, n, answer, &length);
  if (!code) return;
  if (protocol == LCP) {
    // A request in the open state starts over (RFC 1661 4.1, Opened, RCR): everything above LCP goes down.
    if (c->phase > CALL_LCP) startLcp(c, now);
    c->lcp.weAcked = code == CONF_ACK;
    pppSend(c, LCP, code, id, answer, length);
    return lcpMaybeOpen(c, now);
  }
  if (c->phase == CALL_UP) startNetwork(c, now);
  (protocol == IPCP ? &c->ipcp : &c->ipv6cp)->weAcked = code == CONF_ACK;
  pppSend(c, protocol, code, id, answer, length);
  networkMaybeOpen(c);
}

static void onLcp(Call *c, u8 code, u8 id, const u8 *data, size_t n, u64 now) {
  switch (code) {
    case CONF_REQ: return onConfigureRequest(c, LCP, id, data, n, now);
    case CONF_ACK:
      if (c->phase != CALL_LCP || id != c->lcp.id) return;
      c->lcp.heAcked = true;
      return lcpMaybeOpen(c, now);
    case CONF_NAK:
    case CONF_REJ:
      if (c->phase != CALL_LCP || id != c->lcp.id || c->lcp.tries > PPP_TRIES) return;
      if (code == CONF_REJ) c->noMagic = true;
      else c->magic = c->magic * 2654435761u + 1;
      return requestLcp(c, now);
    case TERM_REQ:
      pppSend(c, LCP, TERM_ACK, id, data, n);
      return endCall(c, true);
    case ECHO_REQ: {
      if (c->phase < CALL_AUTH || n < 4) return;
      echoCount++;
      u8 reply[SLOT];
      memcpy(reply, data, n);
      put32(reply, c->noMagic ? 0 : c->magic);
      return pppSend(c, LCP, ECHO_REPLY, id, reply, n);
    }
  }
}

static void onPap(Call *c, u8 code, u8 id, u64 now) {
  if (c->phase != CALL_AUTH || c->auth != PAP || id != c->papId) return;
  if (code == PAP_ACK) startNetwork(c, now);
  else if (code == PAP_NAK) endCall(c, true);
}

// RFC 1994 4.1: the response is the MD5 of identifier, secret and challenge.
static void onChap(Call *c, u8 code, u8 id, const u8 *data, size_t n, u64 now) {
  if (code == CHAP_CHALLENGE && c->phase >= CALL_AUTH && c->auth == CHAP) {
    u8 hashed[MD5_MESSAGE_LIMIT], body[1 + MD5_OCTETS + 255], *p = hashed;
    size_t password = strlen(opt.password), user = strlen(opt.user);
    if (n < 1 || n < 1u + data[0] || 1 + password + data[0] > MD5_MESSAGE_LIMIT) return;
    *p++ = id, p = putBytes(p, opt.password, password), p = putBytes(p, data + 1, data[0]);
    body[0] = MD5_OCTETS;
    md5(hashed, (size_t)(p - hashed), body + 1);
    putBytes(body + 1 + MD5_OCTETS, opt.user, user);
    return pppSend(c, CHAP, CHAP_RESPONSE, id, body, 1 + MD5_OCTETS + user);
  }
  if (c->phase != CALL_AUTH) return;
  if (code == CHAP_SUCCESS) startNetwork(c, now);
  else if (code == CHAP_FAILURE) endCall(c, true);
}

// IPCP and IPV6CP.
static void onNetwork(Call *c, u16 protocol, u8 code, u8 id, const u8 *data, size_t n, u64 now) {
  // A peer that speaks these has accepted us: its Ack or Success was lost, and not every peer repeats it.
  if (c->phase == CALL_AUTH && code == CONF_REQ) startNetwork(c, now);
  if (c->phase != CALL_NETWORK && c->phase != CALL_UP) return;
  Negotiation *negotiation = protocol == IPCP ? &c->ipcp : &c->ipv6cp;
  switch (code) {
    case CONF_REQ: return onConfigureRequest(c, protocol, id, data, n, now);
    case CONF_ACK:
      if (c->phase != CALL_NETWORK || id != negotiation->id) return;
      negotiation->heAcked = true;
      return networkMaybeOpen(c);
    case CONF_NAK:
      if (protocol == IPV6CP) return endCall(c, true);
      if (c->phase != CALL_NETWORK || id != c->ipcp.id || n < 6 || data[0] != 3) return;
      c->address = get32(data + 2);
      if (c->ipcp.tries <= PPP_TRIES) requestIpcp(c, now);
      return;
    case CONF_REJ: return endCall(c, true);
    case TERM_REQ:
      pppSend(c, protocol, TERM_ACK, id, data, n);
      return endCall(c, true);
  }
}

static void onPpp(Call *c, const u8 *p, size_t n, u64 now) {
  if (n >= 2 && p[0] == 0xff && p[1] == 0x03) p += 2, n -= 2;
  if (n < 2) return;
  u16 protocol = p[0];
  if (protocol & 1) p++, n--;
  else protocol = get16(p), p += 2, n -= 2;
  if (protocol == IP) {
    if (c == tunCall && tunFd >= 0 && write(tunFd, p, n) < 0 && errno != EAGAIN && errno != EINVAL) lostCount++;
    return;
  }
  if (opt.noPpp || c->phase < CALL_LCP || c->phase == CALL_ENDED || n < 4) return;
  u16 length = get16(p + 2);
  if (length < 4 || length > n) return;
  switch (protocol) {
    case LCP: return onLcp(c, p[0], p[1], p + 4, (size_t)length - 4, now);
    case PAP: return onPap(c, p[0], p[1], now);
    case CHAP: return onChap(c, p[0], p[1], p + 4, (size_t)length - 4, now);
    case IPCP: return onNetwork(c, IPCP, p[0], p[1], p + 4, (size_t)length - 4, now);
    case IPV6CP:
      if (opt.ipv6) return onNetwork(c, IPV6CP, p[0], p[1], p + 4, (size_t)length - 4, now);
      // fall through
    default:
      if (c->phase < CALL_AUTH || !(protocol & 0x8000)) return;
      u8 rejected[256];
      size_t take = length < 128 ? length : 128;
      putBytes(put16(rejected, protocol), p, take);
      pppSend(c, LCP, PROTO_REJ, ++c->papId, rejected, take + 2);
  }
}

// ---- receiving ----

typedef struct { u16 type, tunnelId, sessionId, window, result; } Message;

static bool parseAvps(const u8 *p, const u8 *end, Message *m) {
  for (; p < end; ) {
    if (end - p < 6) return false;
    u16 length = get16(p) & 0x3ff, value = length >= 8 ? get16(p + 6) : 0;
    if (length < 6 || length > end - p) return false;
    bool hidden = p[0] & 0x40;
    if (!hidden && get16(p + 2) == 0 && length >= 8) switch (get16(p + 4)) {
      case 0: m->type = value; break;
      case 1: m->result = value; break;
      case 9: m->tunnelId = value; break;
      case 10: m->window = value; break;
      case 14: m->sessionId = value; break;
    }
    p += length;
  }
  return m->type != 0;
}

static void acknowledge(Tunnel *t, u16 nr, u64 now) {
  u16 newly = (u16)(nr - t->una);
  if (newly == 0 || newly > (u16)(t->high - t->una)) return;
  for (; t->una != nr; t->una++) {
    Queued q = t->queue[t->una & queueMask];
    if (q.type == STOPCCN) endTunnel(t);
    if (t->phase == TUNNEL_ENDED) return;
    if (q.type == ICCN && opt.noPpp && t->calls[q.call - 1].phase == CALL_ICCN) callUp(&t->calls[q.call - 1]);
    if (t->window < t->peerWindow) t->window++;
  }
  if ((int16_t)(t->next - t->una) < 0) t->next = t->una;
  t->tries = 0;
  t->dueNs = now + SECOND;
}

static void onMessage(Tunnel *t, const Message *m, u16 sessionId, const struct sockaddr_in *from) {
  Call *c = sessionId >= 1 && sessionId <= t->opened ? &t->calls[sessionId - 1] : NULL;
  switch (m->type) {
    case SCCRP:
      if (t->phase != TUNNEL_OPENING || !m->tunnelId) return;
      t->phase = TUNNEL_UP;
      tunnelsOpening--;
      t->peerId = m->tunnelId;
      t->peer = *from;
      t->peerWindow = m->window ? m->window : 4;  // RFC 2661 4.4.3: 4 when the AVP is absent
      if (t->peerWindow > queueMask / 2) t->peerWindow = (u16)(queueMask / 2);
      t->window = t->peerWindow;
      push(t, SCCCN, 0);
      setReady(t);
      return;
    case HELLO:
      helloCount++;
      return;
    case ICRP:
      if (!c || c->phase != CALL_ICRQ || !m->sessionId) return;
      c->peerId = m->sessionId;
      c->phase = CALL_ICCN;
      push(t, ICCN, c->id);
      return;
    case CDN:
      if (m->result) lastResult = m->result;
      if (c) endCall(c, false);
      return;
    case STOPCCN:
      if (m->result) lastResult = m->result;
      return endTunnel(t);
  }
}

static void onControl(Tunnel *t, const u8 *p, size_t n, const struct sockaddr_in *from, u64 now) {
  if (n < 12 || (get16(p) & 0xc80f) != 0xc802 || get16(p + 2) < 12 || get16(p + 2) > n) return;
  if (get16(p + 4) != t->id) return;
  size_t length = get16(p + 2);
  u16 ns = get16(p + 8), nr = get16(p + 10);
  Message m = {0};
  if (length > 12 && !parseAvps(p + 12, p + length, &m)) return;
  acknowledge(t, nr, now);
  if (length == 12) return;
  t->ackOwed = true;
  if (ns != t->nr) return;  // a duplicate, or ahead of a lost one that the peer sends again
  t->nr++;
  onMessage(t, &m, get16(p + 6), from);
}

static void onDatagram(Tunnel *t, const u8 *p, size_t n, const struct sockaddr_in *from, u64 now) {
  if (n < 6) return;
  u16 flags = get16(p);
  if (flags & 0x8000) return onControl(t, p, n, from, now);
  if ((flags & 0x000f) != 2) return;
  size_t at = 2;
  if (flags & 0x4000) {
    if (get16(p + 2) < n) n = get16(p + 2);
    at += 2;
  }
  if (n < at + 4 || get16(p + at) != t->id) return;
  u16 sessionId = get16(p + at + 2);
  at += 4;
  if (flags & 0x0800) at += 4;
  if (flags & 0x0200) at += n >= at + 2 ? 2u + get16(p + at) : 2u;
  if (n <= at || sessionId < 1 || sessionId > t->opened) return;
  onPpp(&t->calls[sessionId - 1], p + at, n - at, now);
}

static void readSocket(Tunnel *t) {
  static u8 bytes[BATCH][RECEIVED_LIMIT];
  static struct sockaddr_in from[BATCH];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  for (u32 i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){bytes[i], RECEIVED_LIMIT};
    messages[i].msg_hdr =
        (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(t->fd, messages, BATCH, MSG_DONTWAIT, NULL);
  if (count <= 0) return;
  receivedCount += (u64)count;
  u64 now = nowNs();
  for (int i = 0; i < count; i++) {
    onDatagram(t, bytes[i], messages[i].msg_len, &from[i], now);
    pump(t, now);
  }
  beginCalls(now);
  if (t->ackOwed) writeControl(t, t->high, 0, 0);
  flush();
}

static void readTun(void) {
  for (u32 i = 0; i < BATCH; i++) {
    u8 *start = outBegin(tunCall->tunnel);
    u8 *p = pppBegin(tunCall, IP);
    ssize_t n = read(tunFd, p, (size_t)(start + SLOT - p));
    if (n <= 0) break;
    outEnd(p + n);
  }
  flush();
}

// ---- timers ----

static void tickCall(Call *c, u64 now) {
  if (now > c->startedNs + (u64)(opt.callTimeout * 1e9) && !c->settled) return endCall(c, true);
  if (now < c->dueNs) return;
  pppResent++;
  const Negotiation *network = isOpen(&c->ipcp) ? &c->ipv6cp : &c->ipcp;
  u8 tries = c->phase == CALL_LCP ? c->lcp.tries : c->phase == CALL_AUTH ? c->papTries : network->tries;
  if (tries > PPP_TRIES) return endCall(c, true);
  // An end that was acknowledged and hears nothing more repeats its own request; RFC 1661 would wait for the peer's.
  if (c->phase == CALL_LCP) requestLcp(c, now);
  else if (c->phase == CALL_AUTH) requestPap(c, now);
  else if (c->phase == CALL_NETWORK) {
    if (!isOpen(&c->ipcp)) requestIpcp(c, now);
    if (opt.ipv6 && !isOpen(&c->ipv6cp)) requestIpv6cp(c, now);
  }
}

static void tick(u64 now) {
  for (u32 i = busyCount; i-- > 0;)
    if (i < busyCount) tickCall(busy[i], now);
  for (u32 i = 0; i < opt.tunnels; i++) {
    Tunnel *t = &tunnels[i];
    if (t->phase == TUNNEL_ENDED || t->phase == TUNNEL_IDLE) continue;
    if (t->una != t->high && now >= t->dueNs) {
      if (++t->tries >= CONTROL_TRIES) {
        endTunnel(t);
        continue;
      }
      // Go back to the oldest and open the window again step by step (RFC 2661 appendix A).
      t->next = t->una;
      t->window = 1;
    }
    pump(t, now);
  }
  beginCalls(now);
  flush();
}

// ---- start, report, close ----

static void openTun(void) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, opt.tun, IFNAMSIZ - 1);
  tunFd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tunFd < 0 || ioctl(tunFd, TUNSETIFF, &request) < 0) die("tun");
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  if (epoll_ctl(epollFd, EPOLL_CTL_ADD, tunFd, &event) < 0) die("epoll_ctl tun");
}

// A socket for each tunnel, and a few more.
static void allowSockets(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) die("getrlimit");
  rlim_t needed = opt.tunnels + 64;
  if (limit.rlim_cur >= needed) return;
  limit.rlim_cur = needed;
  if (limit.rlim_max < needed) limit.rlim_max = needed;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("setrlimit");
}

static void openSockets(void) {
  epollFd = epoll_create1(0);
  u64 total = (u64)opt.tunnels * opt.sessions;
  tunnels = calloc(opt.tunnels, sizeof *tunnels);
  Call *calls = calloc(total, sizeof *calls);
  busy = calloc(total, sizeof(Call *));
  ready = calloc(opt.tunnels, sizeof(Tunnel *));
  latencyMs = calloc(total, sizeof *latencyMs);
  for (queueMask = 64; queueMask < 4 * opt.window; queueMask *= 2) continue;
  Queued *queues = calloc((size_t)opt.tunnels * queueMask, sizeof *queues);
  if (!tunnels || !calls || !busy || !ready || !latencyMs || !queues) die("memory");
  for (u32 i = 0; i < opt.tunnels; i++) {
    Tunnel *t = &tunnels[i];
    t->id = (u16)(i + 1);
    t->peer = opt.lns;
    t->window = 1;
    t->queue = queues + (size_t)i * queueMask;
    t->calls = calls + (size_t)i * opt.sessions;
    for (u32 k = 0; k < opt.sessions; k++) t->calls[k].tunnel = t, t->calls[k].id = (u16)(k + 1);
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int size = SOCKET_BUFFER;
    if (t->fd < 0 || bind(t->fd, (struct sockaddr *)&opt.local, sizeof opt.local) < 0) die("socket");
    if (setsockopt(t->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
      setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    if (epoll_ctl(epollFd, EPOLL_CTL_ADD, t->fd, &event) < 0) die("epoll_ctl");
  }
  queueMask--;
}

static void step(void) {
  static u64 nextTickNs;
  struct epoll_event events[BATCH];
  int count = epoll_wait(epollFd, events, BATCH, TICK_MS);
  for (int i = 0; i < count; i++) {
    if (events[i].data.u32 == UINT32_MAX) readTun();
    else readSocket(&tunnels[events[i].data.u32]);
  }
  u64 now = nowNs();
  if (now < nextTickNs) return;
  nextTickNs = now + (u64)TICK_MS * 1000000;
  tick(now);
}

static int byValue(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}
static double quantile(double q) { return okCount ? (double)latencyMs[(u32)(q * (okCount - 1) + 0.5)] : 0; }
static double cpuSeconds(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
static const char *dotted(u32 address) {
  struct in_addr a = {htonl(address)};
  return inet_ntoa(a);
}

static void report(u64 startNs) {
  qsort(latencyMs, okCount, sizeof *latencyMs, byValue);
  double seconds = okCount ? (double)(lastUpNs - firstIcrqNs) / 1e9 : (double)(nowNs() - startNs) / 1e9;
  printf("{\"phase\":\"up\",\"ok\":%u,\"failed\":%u,\"seconds\":%.4f,\"callsPerSecond\":%.1f,\"p50Ms\":%.2f,\"p99Ms\":%.2f,"
         "\"maxMs\":%.2f,\"controlResent\":%llu,\"pppResent\":%llu,\"sent\":%llu,\"received\":%llu,\"lastResult\":%u,"
         "\"cpuSeconds\":%.3f,\"address\":\"%s\",",
         okCount, failedCount, seconds, seconds > 0 ? okCount / seconds : 0, quantile(0.5), quantile(0.99), quantile(1),
         (unsigned long long)controlResent, (unsigned long long)pppResent, (unsigned long long)sentCount,
         (unsigned long long)receivedCount, lastResult, cpuSeconds(), dotted(tunnels[0].calls[0].address));
  printf("\"peerAddress\":\"%s\"}\n", dotted(peerAddress));
  fflush(stdout);
}

static void reportHeld(void) {
  static u32 reports;
  printf("{\"phase\":\"held\",\"report\":%u,\"hellos\":%llu,\"echoes\":%llu,\"lost\":%u}\n", ++reports,
         (unsigned long long)helloCount, (unsigned long long)echoCount, lostCount);
  fflush(stdout);
}

static void closeTunnels(void) {
  u64 until = nowNs() + 10 * SECOND;
  u32 toClose = 0, left = 1;
  for (u32 i = 0; i < opt.tunnels; i++) {
    Tunnel *t = &tunnels[i];
    if (t->phase != TUNNEL_UP) continue;
    t->phase = TUNNEL_CLOSING;
    push(t, STOPCCN, 0);
    toClose++;
  }
  tick(nowNs());
  while (left && nowNs() < until) {
    step();
    left = 0;
    for (u32 i = 0; i < opt.tunnels; i++) left += tunnels[i].phase == TUNNEL_CLOSING;
  }
  printf("{\"phase\":\"closed\",\"lost\":%u,\"closed\":%u,\"unclosed\":%u}\n", lostCount, toClose - left, left);
}

static void parseAddress(char *text, struct sockaddr_in *to, u16 port) {
  char *colon = strchr(text, ':');
  if (colon) *colon = 0, port = (u16)atoi(colon + 1);
  *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text, &to->sin_addr) != 1) fprintf(stderr, "not an IPv4 address: %s\n", text), exit(2);
}

static void usage(void) {
  fputs("usage: l2tpload --lns ADDR[:PORT] [--local ADDR] [--tunnels N] [--sessions M] [--window W] [--no-ppp]\n"
        "                [--chap] [--ipv6]\n"
        "                [--user U] [--password P] [--hold S] [--timeout S] [--call-timeout S] [--host-name H] [--tun NAME]\n",
        stderr);
  exit(2);
}

static void parseOptions(int argc, char **argv) {
  static const struct option names[] = {
      {"lns", 1, 0, 'l'},     {"local", 1, 0, 'a'},    {"tunnels", 1, 0, 't'}, {"sessions", 1, 0, 's'},
      {"window", 1, 0, 'w'},  {"no-ppp", 0, 0, 'n'},   {"user", 1, 0, 'u'},    {"password", 1, 0, 'p'},
      {"hold", 1, 0, 'h'},    {"timeout", 1, 0, 'o'},  {"call-timeout", 1, 0, 'c'}, {"tun", 1, 0, 'd'},
      {"host-name", 1, 0, 'N'}, {"chap", 0, 0, 'C'}, {"ipv6", 0, 0, '6'}, {0, 0, 0, 0}};
  opt.local.sin_family = AF_INET;
  for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (o) {
    case 'l': parseAddress(optarg, &opt.lns, 1701); break;
    case 'a': parseAddress(optarg, &opt.local, 0); break;
    case 't': opt.tunnels = (u32)atoi(optarg); break;
    case 's': opt.sessions = (u32)atoi(optarg); break;
    case 'w': opt.window = (u32)atoi(optarg); break;
    case 'n': opt.noPpp = true; break;
    case 'C': opt.chap = true; break;
    case '6': opt.ipv6 = true; break;
    case 'u': opt.user = optarg; break;
    case 'p': opt.password = optarg; break;
    case 'h': opt.hold = atof(optarg); break;
    case 'o': opt.timeout = atof(optarg); break;
    case 'c': opt.callTimeout = atof(optarg); break;
    case 'd': opt.tun = optarg; break;
    case 'N': opt.hostName = optarg; break;
    default: usage();
  }
  if (!opt.lns.sin_family || optind < argc) usage();
  if (opt.tunnels < 1 || opt.tunnels > 65535 || opt.sessions < 1 || opt.sessions > 65535 || opt.window < 1 ||
      opt.window > WINDOW_LIMIT || strlen(opt.user) > 200 || strlen(opt.password) > 200 || strlen(opt.hostName) > 200)
    usage();
}

static void onSignal(int number) {
  if (number == SIGUSR1) reportWanted = 1;
  else interrupted = 1;
}

int main(int argc, char **argv) {
  parseOptions(argc, argv);
  signal(SIGINT, onSignal), signal(SIGTERM, onSignal), signal(SIGUSR1, onSignal);
  allowSockets();
  openSockets();
  if (opt.tun) openTun();
  u64 startNs = nowNs(), until = startNs + (u64)(opt.timeout * 1e9);
  u32 total = opt.tunnels * opt.sessions;
  beginCalls(startNs);
  flush();
  while (settledCount < total && nowNs() < until && !interrupted) step();
  failedCount += total - settledCount;
  // What stood still at the timeout has failed; nothing begins any more.
  asked = opt.tunnels;
  for (u32 i = 0; i < opt.tunnels; i++) tunnels[i].opened = opt.sessions;
  report(startNs);
  for (u64 end = nowNs() + (u64)(opt.hold * 1e9); nowNs() < end && !interrupted;) {
    step();
    if (reportWanted) reportWanted = 0, reportHeld();
  }
  closeTunnels();
  return okCount == total ? 0 : 1;
}
