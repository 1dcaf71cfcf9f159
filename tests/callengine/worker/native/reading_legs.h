/* Two legs over real sockets, beside a pjmedia made up here, for reading_test.c alone. */
#ifndef READING_LEGS_H
#define READING_LEGS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "arrival.h"
#include "capture.h"
#include "relay.h"

#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)
#define MS 1000000LL
enum { PACKET = 172, KEY = 96, SETTLED = 25, ROOM = 2000 };

struct vn_pj vn_pj;

pj_status_t pj_get_timestamp(pj_timestamp *at);
pj_status_t pj_sock_recvfrom(long sock, void *buf, ptrdiff_t *len, unsigned flags, void *from,
                             int *fromlen);
pj_status_t pj_sock_sendto(long sock, const void *buf, ptrdiff_t *len, unsigned flags,
                           const void *to, int tolen);
int pj_sock_select(int count, pj_fd_set_t *readable, pj_fd_set_t *writable, pj_fd_set_t *failed,
                   const pj_time_val *timeout);

struct pj_fd_set_t { long count; fd_set set; };

/* A leg: our socket, the peer's, and the peer's other one; and its stream. */
struct leg {
    pjmedia_transport transport;
    int ours, theirs, elsewhere;
    struct sockaddr_in at, to;
    uint8_t sending[52], receiving[52], reports[512];
    unsigned updated, counted, bad, octets, last_number, last_time;
    unsigned given; /* datagrams that pjmedia has read itself */
    uint8_t last[ROOM];
    uint64_t last_at; /* when it came, for pjmedia */
    int last_port, had_key;
    unsigned strangers; /* that pjmedia has read of */
};

static struct leg legs[2];
static struct vn_way ways[2];
static int64_t now;
static int reads = 1; /* whether pjmedia reads when it is asked */

static struct leg *leg_of(const void *inner)
{
    return (const char *)inner < (const char *)&legs[1] ? &legs[0] : &legs[1];
}

static pj_status_t send_rtp(pjmedia_transport *transport, const void *packet, size_t size)
{
    struct leg *leg = leg_of(transport);
    ptrdiff_t length = (ptrdiff_t)size;

    return pj_sock_sendto(leg->ours, packet, &length, 0, &leg->to, sizeof(leg->to));
}

static pj_status_t get_sessions(pjmedia_stream *stream, pjmedia_stream_rtp_sess_info *to)
{
    struct leg *leg = (struct leg *)stream;

    to->rx_rtp = leg->receiving;
    to->tx_rtp = leg->sending;
    to->rtcp = (pjmedia_rtcp_session *)leg->reports;
    return PJ_SUCCESS;
}

static pjmedia_transport *get_transport(pjmedia_stream *stream)
{
    return &((struct leg *)stream)->transport;
}

static pj_status_t get_port(pjmedia_stream *stream, pjmedia_port **to)
{
    *to = (pjmedia_port *)stream;
    return PJ_SUCCESS;
}

static pj_status_t get_frame(pjmedia_port *port, pjmedia_frame *frame)
{
    (void)port, (void)frame;
    return PJ_SUCCESS;
}

static pj_status_t switch_made_up(pjmedia_stream *stream, int direction)
{
    (void)stream, (void)direction;
    return PJ_SUCCESS;
}

static void count_sent(pjmedia_rtcp_session *reports, unsigned octets)
{
    (void)reports, (void)octets;
}

static void update(uint8_t *session, const uint8_t *packet, pjmedia_rtp_status *status, int checks)
{
    struct leg *leg = leg_of(session);
    const unsigned number = (unsigned)(packet[2] << 8 | packet[3]);

    HOLDS(session == leg->receiving && packet[0] >> 6 == 2 && !checks);
    status->flags = leg->updated && number <= leg->last_number;
    ++leg->updated;
}

static void count_received(pjmedia_rtcp_session *reports, unsigned number, unsigned time,
                           unsigned octets, int is_bad)
{
    struct leg *leg = leg_of(reports);
    pj_timestamp at;
    struct timespec here;

    HOLDS((uint8_t *)reports == leg->reports && octets == 160);
    (void)pj_get_timestamp(&at);
    clock_gettime(CLOCK_MONOTONIC, &here);
    /* As of its arrival, which was before. */
    HOLDS(at.u64 <= (uint64_t)(here.tv_sec * 1000 * MS + here.tv_nsec));
    ++leg->counted;
    leg->bad += (unsigned)is_bad;
    leg->octets += octets;
    leg->last_number = number;
    leg->last_time = time;
}

static int is_set(long sock, const pj_fd_set_t *among) { return FD_ISSET(sock, &among->set); }

static void set(long sock, pj_fd_set_t *to)
{
    FD_SET(sock, &to->set);
    ++to->count;
}

static void unset(long sock, pj_fd_set_t *to)
{
    FD_CLR(sock, &to->set);
    --to->count;
}

static int select_made_up(int count, pj_fd_set_t *readable, pj_fd_set_t *writable,
                          pj_fd_set_t *failed, const pj_time_val *timeout)
{
    struct timeval wait = { timeout->sec, timeout->msec };

    HOLDS(writable == NULL && failed == NULL);
    return select(count, &readable->set, NULL, NULL, &wait);
}

/* As pj_ioqueue_poll: who has something is read until there is nothing. */
static void poll_made_up(void)
{
    const pj_time_val at_once = { 0, 0 };
    struct pj_fd_set_t readable = { 0 };
    int found = 0;

    for (int index = 0; index < 2; ++index)
        set(legs[index].ours, &readable);
    found = pj_sock_select(64, &readable, NULL, NULL, &at_once);
    for (int index = 0; index < 2; ++index) {
        struct leg *leg = &legs[index];

        if (!FD_ISSET(leg->ours, &readable.set))
            continue;
        HOLDS(found-- > 0);
        for (int read = 0;; ++read) {
            struct sockaddr_in from;
            uint8_t packet[ROOM];
            ptrdiff_t length = sizeof(packet);
            int size = sizeof(from);

            if (pj_sock_recvfrom(leg->ours, packet, &length, MSG_DONTWAIT, &from, &size) !=
                PJ_SUCCESS) {
                HOLDS(read > 0); /* who was told of something found it */
                break;
            }
            HOLDS(size == sizeof(from));
            memcpy(leg->last, packet, (size_t)length);
            leg->last_port = ntohs(from.sin_port);
            leg->strangers += from.sin_port != leg->to.sin_port;
            if (length >= VN_RTP_HEADER) {
                uint32_t facts[2] = { 0 };

                HOLDS(vn_arrival_rtp(leg->ours, &facts[1], &facts[0]));
                facts[0] = htonl(facts[0]), facts[1] = htonl(facts[1]);
                HOLDS(memcmp(packet + 4, facts, sizeof(facts)) == 0);
                HOLDS(!vn_arrival_rtp(legs[leg == legs].ours, &facts[1], &facts[0]));
            }
            {
                pj_timestamp at;
                (void)pj_get_timestamp(&at);
                leg->last_at = at.u64;
            }
            leg->had_key += (packet[1] & 127) == KEY && vn_relay_passed_key(leg->ours);
            ++leg->given;
        }
    }
    HOLDS(found == 0);
}

static uint64_t now_ns(void)
{
    struct timespec here;

    clock_gettime(CLOCK_MONOTONIC, &here);
    return (uint64_t)(here.tv_sec * 1000 * MS + here.tv_nsec);
}

static int open_socket(struct sockaddr_in *at)
{
    const int sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof(*at);
    int on = 1;

    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    HOLDS(sock >= 0 && bind(sock, (struct sockaddr *)at, size) == 0);
    HOLDS(setsockopt(sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0);
    HOLDS(getsockname(sock, (struct sockaddr *)at, &size) == 0);
    return sock;
}

static uint32_t state(void)
{
    struct vn_relay_figures figures;

    vn_relay_figures(&figures);
    return figures.state;
}

static void says(int index, int sock, unsigned type, unsigned number)
{
    uint8_t packet[PACKET] = { 0x80, (uint8_t)type, (uint8_t)(number >> 8), (uint8_t)number };
    const uint32_t time = htonl(number * 160), source = htonl(77);
    const size_t size = type == KEY ? VN_RTP_HEADER + 4 : PACKET;

    memcpy(packet + 4, &time, 4);
    memcpy(packet + 8, &source, 4);
    HOLDS(sendto(sock, packet, size, 0, (struct sockaddr *)&legs[index].at,
                 sizeof(legs[index].at)) == (ssize_t)size);
}

#endif
