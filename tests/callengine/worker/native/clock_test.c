/* The clock against a pjmedia made up here, under the sanitizers: ends with status 0, or says what
 * does not hold. Run by test_clock.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arrival.h"
#include "clock.h"
#include "streams.h"

struct vn_pj vn_pj;

pj_status_t pj_get_timestamp(pj_timestamp *at);
pj_status_t pj_sock_recvfrom(long sock, void *buf, ptrdiff_t *len, unsigned flags, void *from,
                             int *fromlen);

#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)
#define MS 1000000LL
#define GRID_NS (MS / 2)

static int sock;
static atomic_int polls, mixes, in_tick;
static atomic_int held;
static atomic_int on_grid; /* ticks that came where those of other calls come */
static uint8_t session[52]; /* of a stream that the bridge sends a frame */
#define TICKS_SEEN 10
static int64_t behind[TICKS_SEEN]; /* time, when its last frames were sent: its timestamp is so far */
static int64_t sent_since;
static int64_t arrivals[64];
static atomic_int arrived;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void sleep_ms(long ms)
{
    struct timespec pause = { ms / 1000, ms % 1000 * MS };

    nanosleep(&pause, NULL);
}

static int poll_made_up(pj_ioqueue_t *queue, const pj_time_val *timeout)
{
    char packet[200];
    ptrdiff_t length = sizeof(packet);
    struct sockaddr_in from;
    int fromlen = sizeof(from);
    pj_timestamp at;

    HOLDS(queue == (pj_ioqueue_t *)&sock && timeout->sec == 0 && timeout->msec == 0);
    atomic_fetch_add(&polls, 1);
    if (pj_sock_recvfrom(sock, packet, &length, MSG_DONTWAIT, &from, &fromlen) != PJ_SUCCESS) {
        HOLDS(length == -1);
        return 0;
    }
    HOLDS(length == 3 && from.sin_port != 0 && fromlen == sizeof(from));
    pj_get_timestamp(&at);
    if (atomic_load(&arrived) < 64) {
        arrivals[atomic_load(&arrived)] = (int64_t)at.u64;
        atomic_fetch_add(&arrived, 1);
    }
    return 1;
}

pj_status_t pjmedia_rtp_encode_rtp(void *, int, int, int, int, const void **, int *);

static uint32_t sent_until(void)
{
    uint32_t time;

    memcpy(&time, session + 4, sizeof(time));
    return ntohl(time);
}

static pj_status_t encode_made_up(void *of, int payload_type, int marker, int payload, int units,
                                  const void **header, int *size)
{
    const uint32_t time = htonl(sent_until() + (uint32_t)units);

    HOLDS(of == session && payload_type == 0 && payload == 160);
    memcpy(session + 4, &time, sizeof(time));
    *header = session;
    *size = marker;
    return PJ_SUCCESS;
}

static pj_status_t session_made_up(pjmedia_stream *stream, pjmedia_stream_rtp_sess_info *info)
{
    HOLDS((void *)stream == session);
    info->tx_rtp = session;
    return PJ_SUCCESS;
}

static pj_status_t get_frame_made_up(pjmedia_port *port, pjmedia_frame *frame)
{
    pj_timestamp at;
    const void *header;
    int size;

    HOLDS(port == (pjmedia_port *)&polls && frame->size == 320);
    HOLDS(frame->timestamp.u64 % 160 == 0);
    if (now_ns() % GRID_NS < GRID_NS / 5)
        atomic_fetch_add(&on_grid, 1);
    memset(frame->buf, 1, frame->size);
    if (sent_since == 0)
        sent_since = now_ns();
    behind[atomic_load(&mixes) % TICKS_SEEN] = now_ns() - sent_since - sent_until() / 8 * MS;
    HOLDS(pjmedia_rtp_encode_rtp(session, 0, 0, 160, 160, &header, &size) == PJ_SUCCESS);
    atomic_store(&in_tick, 1);
    atomic_fetch_add(&mixes, 1);
    while (atomic_load(&held))
        sleep_ms(1);
    pj_get_timestamp(&at);
    HOLDS(llabs(now_ns() - (int64_t)at.u64) < 1000 * MS); /* no packet's time outlives its reading */
    atomic_store(&in_tick, 0);
    return PJ_SUCCESS;
}

static int registered(void) { return 0; }

static pj_status_t register_made_up(const char *name, long *description, pj_thread_t **thread)
{
    HOLDS(strlen(name) > 0);
    memset(description, 0, 64 * sizeof(long));
    *thread = NULL;
    return PJ_SUCCESS;
}

static void wait_for(atomic_int *count, int least)
{
    int64_t until = now_ns() + 20 * 1000 * MS;

    while (atomic_load(count) < least) {
        HOLDS(now_ns() < until);
        sleep_ms(1);
    }
}

/* Packets 7 ms apart are read together and count as 7 ms apart. */
static void packets_count_as_of_their_arrival(struct sockaddr_in *to)
{
    int64_t sent[3], done[3];
    int index;

    vn_clock_run(0);
    HOLDS(sendto(sock, "one", 3, 0, (struct sockaddr *)to, sizeof(*to)) == 3);
    wait_for(&arrived, 1); /* the first of a socket has no time yet */
    HOLDS(vn_clock_rest(5000));
    for (index = 0; index < 3; index++) {
        sleep_ms(7);
        sent[index] = now_ns();
        HOLDS(sendto(sock, "two", 3, 0, (struct sockaddr *)to, sizeof(*to)) == 3);
        done[index] = now_ns();
    }
    sleep_ms(30);
    vn_clock_run(0);
    wait_for(&arrived, 4);
    for (index = 0; index < 3; index++)
        HOLDS(arrivals[index + 1] > sent[index] - MS && arrivals[index + 1] < done[index] + MS);
    HOLDS(atomic_load(&mixes) == 0);
    HOLDS(vn_clock_rest(5000));
}

/* What one reading leaves is there for the next. */
static void a_flood_holds_no_tick(struct sockaddr_in *to)
{
    char packet[200];
    int index, taken = 0, reading, room = 200000; /* the kernel doubles it */

    HOLDS(setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
    for (reading = 0; reading < 2; reading++) {
        for (index = 0; reading == 0 && index < 300; index++)
            (void)sendto(sock, "all", 3, 0, (struct sockaddr *)to, sizeof(*to));
        vn_arrival_begin(now_ns());
        for (;;) {
            ptrdiff_t length = sizeof(packet);
            pj_status_t status =
                pj_sock_recvfrom(sock, packet, &length, MSG_DONTWAIT, NULL, NULL);

            if (status != PJ_SUCCESS) {
                HOLDS(status == PJ_ERRNO_START_SYS + EAGAIN && length == -1);
                break;
            }
            taken++;
        }
        vn_arrival_end();
        HOLDS(reading ? taken == 300 : taken == 256);
    }
}

static void who_a_stub_is_from_is_told_once(struct sockaddr_in *to)
{
    char packet[8], host[48] = "";
    struct sockaddr_in from;
    ptrdiff_t length = sizeof(packet);
    int fromlen = sizeof(from);

    HOLDS(vn_arrival_stub(sock, host, sizeof(host)) == 0);
    HOLDS(sendto(sock, "1", 1, 0, (struct sockaddr *)to, sizeof(*to)) == 1);
    vn_arrival_begin(now_ns());
    HOLDS(pj_sock_recvfrom(sock, packet, &length, 0, &from, &fromlen) == PJ_SUCCESS);
    vn_arrival_end();
    HOLDS(vn_arrival_stub(sock + 1, host, sizeof(host)) == 0);
    HOLDS(vn_arrival_stub(sock, host, 3) == 0); /* no room for the address */
    HOLDS(sendto(sock, "1", 1, 0, (struct sockaddr *)to, sizeof(*to)) == 1);
    vn_arrival_begin(now_ns());
    HOLDS(pj_sock_recvfrom(sock, packet, &length, 0, &from, &fromlen) == PJ_SUCCESS);
    vn_arrival_end();
    HOLDS(vn_arrival_stub(sock, host, sizeof(host)) == ntohs(to->sin_port));
    HOLDS(strcmp(host, "127.0.0.1") == 0);
    HOLDS(vn_arrival_stub(sock, host, sizeof(host)) == 0);
}

static void who_rests_does_nothing(void)
{
    int round, before;

    for (round = 0; round < 300; round++) {
        vn_clock_run(round % 2);
        if (round % 3 == 0)
            sleep_ms(1);
        HOLDS(vn_clock_rest(5000));
        HOLDS(!atomic_load(&in_tick));
        before = atomic_load(&polls);
        if (round % 50 == 0)
            sleep_ms(25);
        HOLDS(atomic_load(&polls) == before);
    }
}

/* Whenever a call has begun, its ticks may be woken with those of others. */
static void ticks_of_all_calls_come_together(void)
{
    while (now_ns() % GRID_NS < GRID_NS / 2)
        ;
    vn_clock_run(1);
    wait_for(&on_grid, atomic_load(&on_grid) + 20);
    HOLDS(vn_clock_rest(5000));
}

static void hold_a_tick(int for_ms)
{
    atomic_store(&held, 1);
    vn_clock_run(1);
    wait_for(&in_tick, 1);
    HOLDS(vn_clock_rest(1) == 0); /* one is under way for longer */
    vn_clock_run(1);
    sleep_ms(for_ms);
    atomic_store(&held, 0);
}

static void what_is_late_is_made_up_for_without_a_burst(void)
{
    struct vn_clock_figures before, after;
    int64_t began = now_ns();
    int mixed = atomic_load(&mixes);

    vn_clock_figures(&before);
    hold_a_tick(80);
    wait_for(&mixes, mixed + 6);
    HOLDS(now_ns() - began >= (80 + 4 * 10) * MS); /* not at once */
    vn_clock_figures(&after);
    HOLDS(after.late > before.late);
    mixed = atomic_load(&mixes);
    hold_a_tick(400);
    wait_for(&mixes, mixed + 3);
    vn_clock_figures(&after);
    HOLDS(after.skipped > before.skipped);
}

/* Whatever the bridge left out: what it sends is as far as the time it has been at it. */
static void timestamps_follow_time(void)
{
    vn_clock_run(1);
    for (int round = 0; round < 2; ++round) {
        int mixed, index;

        hold_a_tick(400);
        mixed = atomic_load(&mixes);
        wait_for(&mixes, mixed + TICKS_SEEN + 1);
        HOLDS(vn_clock_rest(5000));
        for (index = 0; index < TICKS_SEEN; index++)
            if (behind[index] < 220 * MS && behind[index] > -20 * MS)
                break;
        HOLDS(index < TICKS_SEEN); /* one of them was not late by itself */
        vn_clock_run(1);
    }
}

int main(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);

    vn_pj.pj_thread_is_registered = registered;
    vn_pj.pj_thread_register = register_made_up;
    vn_pj.pj_ioqueue_poll = poll_made_up;
    vn_pj.pjmedia_port_get_frame = get_frame_made_up;
    vn_pj.pjmedia_rtp_encode_rtp = encode_made_up;
    vn_pj.pjmedia_stream_get_rtp_session_info = session_made_up;
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    HOLDS(bind(sock, (struct sockaddr *)&at, sizeof(at)) == 0);
    HOLDS(getsockname(sock, (struct sockaddr *)&at, &size) == 0);
    HOLDS(vn_clock_rest(0) == 1 && vn_clock_end(0) == 1);
    HOLDS(vn_clock_begin(NULL, (pjmedia_port *)&polls, 320, 160) != 0);
    HOLDS(vn_clock_begin((pj_ioqueue_t *)&sock, (pjmedia_port *)&polls, 1 << 20, 160) != 0);
    HOLDS(vn_clock_begin((pj_ioqueue_t *)&sock, (pjmedia_port *)&polls, 320, 160) == 0);
    a_flood_holds_no_tick(&at);
    who_a_stub_is_from_is_told_once(&at);
    packets_count_as_of_their_arrival(&at);
    who_rests_does_nothing();
    ticks_of_all_calls_come_together();
    what_is_late_is_made_up_for_without_a_burst();
    HOLDS(vn_clock_rest(5000));
    vn_streams_note(session, 8000, 0);
    sent_since = 0;
    memset(session, 0, sizeof(session));
    timestamps_follow_time();
    vn_clock_shift(5 * MS);
    HOLDS(vn_clock_end(5000) == 1 && vn_clock_end(0) == 1);
    close(sock);
    return 0;
}
