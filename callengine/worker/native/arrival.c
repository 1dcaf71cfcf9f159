/* Packets read just before a tick count as of their arrival: what pjmedia says of jitter and round
 * trips (RFC 3550 sections 6.4.1 and A.8) would else be the clock's, up to 20 ms off.
 *
 * The functions stand in for pjlib's own of the same name, in every thread of the process. Only
 * between vn_arrival_begin and vn_arrival_end, on the thread that called them, do those that read
 * differ; the one that writes shows what it writes to whoever records packets, and where it went to
 * the relay. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "abi.h"
#include "ahead.h"
#include "arrival.h"
#include "capture.h"
#include "phase.h"
#include "pjmedia.h"
#include "relay.h"

#define NS_PER_S 1000000000LL
/* An arrival longer ago than this is none: the machine's clock was set. */
#define OLDEST_NS 1000000000LL
/* How far apart two readings of two clocks may be: one that was interrupted is done again. */
#define TOGETHER_NS 20000LL
#define READINGS 4

#define ON_THREAD static __thread __attribute__((tls_model("initial-exec")))

/* What one reading takes; the rest waits for the next, so that a flood holds no tick. */
#define DATAGRAMS_A_READING 256

ON_THREAD int reads_late;
ON_THREAD int left;            /* of DATAGRAMS_A_READING */
ON_THREAD int64_t due_ns;      /* when the tick was to begin, by CLOCK_MONOTONIC */
ON_THREAD int64_t began_ns;    /* by CLOCK_MONOTONIC */
ON_THREAD int64_t realtime_ns;  /* what CLOCK_REALTIME is ahead of it */
ON_THREAD uint64_t arrived_ns;  /* by CLOCK_MONOTONIC, as pj_get_timestamp counts; 0: now */
ON_THREAD struct vn_sent *watcher;
ON_THREAD int rtp_sock = -1;    /* whose packet is being read, */
ON_THREAD uint32_t rtp[2];      /* and its timestamp and SSRC, in network order */

VN_EXPORT pj_status_t pj_get_timestamp(pj_timestamp *at);
VN_EXPORT pj_status_t pj_sock_recvfrom(long sock, void *buf, ptrdiff_t *len, unsigned flags,
                                       void *from, int *fromlen);
VN_EXPORT pj_status_t pj_sock_sendto(long sock, const void *buf, ptrdiff_t *len, unsigned flags,
                                     const void *to, int tolen);

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static pj_status_t status_of(int error)
{
    return error ? PJ_ERRNO_START_SYS + error : -1;
}

/* The stubs noted, by socket; a process has ten at most. */
#define STUBS 16

static pthread_mutex_t stubs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int sock; struct sockaddr_storage from; } stubs[STUBS];

static void note_stub(int sock, const void *from, socklen_t size)
{
    if (from == NULL || size > sizeof(stubs[0].from))
        return;
    pthread_mutex_lock(&stubs_lock);
    stubs[(unsigned)sock % STUBS].sock = sock;
    memcpy(&stubs[(unsigned)sock % STUBS].from, from, size);
    pthread_mutex_unlock(&stubs_lock);
}

int vn_arrival_stub(int sock, char *host, int room)
{
    struct sockaddr_storage from = { 0 };
    const struct sockaddr_in *four = (const struct sockaddr_in *)&from;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&from;
    const void *address = &four->sin_addr;
    int port = 0, family = AF_INET;

    pthread_mutex_lock(&stubs_lock);
    if (stubs[(unsigned)sock % STUBS].sock == sock)
        from = stubs[(unsigned)sock % STUBS].from;
    memset(&stubs[(unsigned)sock % STUBS], 0, sizeof(stubs[0]));
    pthread_mutex_unlock(&stubs_lock);
    if (from.ss_family == AF_INET) {
        port = ntohs(four->sin_port);
    } else if (from.ss_family == AF_INET6) {
        port = ntohs(six->sin6_port);
        family = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? AF_INET : AF_INET6;
        address = family == AF_INET ? &six->sin6_addr.s6_addr[12] : &six->sin6_addr.s6_addr[0];
    }
    return port && inet_ntop(family, address, host, (socklen_t)room) ? port : 0;
}

/* The last datagram of each socket. One of another socket may take its place: then nothing is known. */
#define LASTS 64

static struct { atomic_int sock; _Atomic int64_t at_ns; } lasts[LASTS];

static void note_last(int sock, int64_t at_ns)
{
    const unsigned place = (unsigned)sock % LASTS;

    atomic_store_explicit(&lasts[place].sock, sock, memory_order_relaxed);
    atomic_store_explicit(&lasts[place].at_ns, at_ns, memory_order_relaxed);
}

int64_t vn_arrival_last(int sock)
{
    const unsigned place = (unsigned)sock % LASTS;

    if (atomic_load_explicit(&lasts[place].sock, memory_order_relaxed) != sock)
        return 0;
    return atomic_load_explicit(&lasts[place].at_ns, memory_order_relaxed);
}

static void note_rtp(int sock, const void *packet, size_t size)
{
    rtp_sock = size < 12 ? -1 : sock;
    if (rtp_sock == sock)
        memcpy(rtp, (const uint8_t *)packet + 4, sizeof(rtp));
}

int vn_arrival_rtp(int sock, uint32_t *source, uint32_t *time)
{
    if (sock != rtp_sock || sock < 0)
        return 0;
    *time = ntohl(rtp[0]);
    *source = ntohl(rtp[1]);
    return 1;
}

void vn_arrival_begin(int64_t due)
{
    int64_t before, between;
    int reading;

    for (reading = 0; reading < READINGS; reading++) {
        before = now_ns(CLOCK_MONOTONIC);
        between = now_ns(CLOCK_REALTIME);
        began_ns = now_ns(CLOCK_MONOTONIC);
        realtime_ns = between - before;
        if (began_ns - before < TOGETHER_NS)
            break;
    }
    reads_late = 1;
    left = DATAGRAMS_A_READING;
    due_ns = due;
    arrived_ns = 0;
}

int vn_arrival_counts(void)
{
    const uint64_t ahead_s = 1000;
    pj_time_val now, then;

    (void)vn_pj.pj_gettickcount(&now);
    arrived_ns = (uint64_t)now_ns(CLOCK_MONOTONIC) + ahead_s * NS_PER_S;
    (void)vn_pj.pj_gettickcount(&then);
    arrived_ns = 0;
    return then.sec - now.sec >= (long)ahead_s;
}

void vn_arrival_end(void)
{
    vn_ahead_drop();
    reads_late = 0;
    arrived_ns = 0;
    rtp_sock = -1;
}

pj_status_t pj_get_timestamp(pj_timestamp *at)
{
    struct timespec now;

    if (arrived_ns) {
        at->u64 = arrived_ns;
        return PJ_SUCCESS;
    }
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return status_of(errno);
    at->u64 = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    return PJ_SUCCESS;
}

uint64_t vn_arrival_of(struct msghdr *message)
{
    struct cmsghdr *one;

    for (one = CMSG_FIRSTHDR(message); one != NULL; one = CMSG_NXTHDR(message, one)) {
        struct timespec at;
        int64_t arrived;

        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS ||
            one->cmsg_len < CMSG_LEN(sizeof(at)))
            continue;
        memcpy(&at, CMSG_DATA(one), sizeof(at));
        arrived = (int64_t)at.tv_sec * NS_PER_S + at.tv_nsec - realtime_ns;
        return llabs(began_ns - arrived) > OLDEST_NS ? 0 : (uint64_t)arrived;
    }
    return 0;
}

int vn_arrival_room(int wanted)
{
    const int room = wanted < left ? wanted : left;

    left -= room;
    return room;
}

void vn_arrival_note(int sock, const void *packet, size_t size, const void *from,
                     socklen_t from_size, uint64_t arrived)
{
    arrived_ns = arrived;
    if (arrived)
        vn_phase_note(sock, due_ns - (int64_t)arrived);
    if (size == 1) {
        note_stub(sock, from, from_size);
    } else {
        note_last(sock, arrived ? (int64_t)arrived : began_ns);
        vn_capture_packet(sock, VN_CAPTURE_IN, packet, size, from,
                          arrived ? (int64_t)arrived + realtime_ns : 0);
    }
}

static void note(int sock, const void *packet, size_t size, const void *from, socklen_t from_size,
                 uint64_t arrived)
{
    vn_arrival_note(sock, packet, size, from, from_size, arrived);
    if (size != 1 && from)
        vn_relay_packet(sock, packet, size, from, from_size);
}

static ssize_t hand_over(int sock, const struct vn_datagram *datagram, void *buf, size_t room,
                         void *from, int *fromlen)
{
    const size_t size = datagram->size < room ? datagram->size : room;
    socklen_t from_size = from && fromlen ? (socklen_t)*fromlen : 0;

    if (from_size > datagram->from_size)
        from_size = datagram->from_size;
    memcpy(buf, datagram->bytes, size);
    if (from_size)
        memcpy(from, &datagram->from, from_size);
    if (fromlen)
        *fromlen = (int)datagram->from_size;
    note_rtp(sock, buf, size);
    arrived_ns = datagram->arrived_ns;
    if (!datagram->is_noted)
        note(sock, buf, size, from_size ? from : NULL, from_size, arrived_ns);
    return (ssize_t)size;
}

static ssize_t receive_timed(int sock, void *buf, size_t room, int flags, void *from, int *fromlen)
{
    union {
        struct cmsghdr align;
        char bytes[VN_ARRIVAL_CONTROL];
    } control;
    struct iovec into = { buf, room };
    struct msghdr message = { 0 };
    const struct vn_datagram *ahead = vn_ahead_take(sock);
    ssize_t got;

    if (ahead)
        return hand_over(sock, ahead, buf, room, from, fromlen);
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_name = from;
    message.msg_namelen = from && fromlen ? (socklen_t)*fromlen : 0;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    arrived_ns = 0;
    if (vn_ahead_owns(sock) || vn_arrival_room(1) < 1) {
        errno = EAGAIN;
        return -1;
    }
    got = recvmsg(sock, &message, flags);
    if (got < 0)
        return got;
    if (fromlen)
        *fromlen = (int)message.msg_namelen;
    note_rtp(sock, buf, (size_t)got);
    note(sock, buf, (size_t)got, from, message.msg_namelen, vn_arrival_of(&message));
    if (message.msg_controllen == 0) {
        int on = 1;

        /* The first packet of a socket: from now on the kernel notes when they come. */
        (void)setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    }
    return got;
}

pj_status_t pj_sock_recvfrom(long sock, void *buf, ptrdiff_t *len, unsigned flags, void *from,
                             int *fromlen)
{
    size_t room = (size_t)*len;

    if (reads_late)
        *len = receive_timed((int)sock, buf, room, (int)flags, from, fromlen);
    else
        *len = recvfrom((int)sock, buf, room, (int)flags, from, (socklen_t *)fromlen);
    return *len < 0 ? status_of(errno) : PJ_SUCCESS;
}

void vn_sent_watch(struct vn_sent *sent)
{
    if (sent)
        sent->count = 0;
    watcher = sent;
}

int vn_sent_again(const struct vn_sent *to, const void *packet, size_t size)
{
    ptrdiff_t length = (ptrdiff_t)size;

    return pj_sock_sendto(to->sock, packet, &length, 0, &to->to, (int)to->to_size) == PJ_SUCCESS;
}

static void tell_watcher(int sock, const void *packet, size_t size, const void *to, socklen_t to_size)
{
    if (to_size > sizeof(watcher->to))
        return;
    watcher->count++;
    watcher->sock = sock;
    watcher->size = size;
    memcpy(watcher->head, packet, size < sizeof(watcher->head) ? size : sizeof(watcher->head));
    memcpy(&watcher->to, to, to_size);
    watcher->to_size = to_size;
}

pj_status_t pj_sock_sendto(long sock, const void *buf, ptrdiff_t *len, unsigned flags,
                           const void *to, int tolen)
{
    *len = sendto((int)sock, buf, (size_t)*len, (int)flags | MSG_NOSIGNAL, to, (socklen_t)tolen);
    if (*len < 0)
        return status_of(errno);
    vn_capture_packet((int)sock, VN_CAPTURE_OUT, buf, (size_t)*len, to, 0);
    if (watcher)
        tell_watcher((int)sock, buf, (size_t)*len, to, (socklen_t)tolen);
    return PJ_SUCCESS;
}
