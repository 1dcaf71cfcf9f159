#define _GNU_SOURCE
#include <string.h>

#include "ahead.h"

#include "abi.h"
#include "arrival.h"
#include "pjmedia.h"

VN_EXPORT int pj_sock_select(int count, pj_fd_set_t *readable, pj_fd_set_t *writable,
                             pj_fd_set_t *failed, const pj_time_val *timeout);

static struct place {
    int sock;
    enum { OPEN, OWNED, RELEASED } owner; /* OPEN: the relay has not read it in this tick */
    unsigned next, end; /* of the datagrams, those that are left */
    struct vn_datagram datagrams[VN_AHEAD_MOST];
} places[VN_AHEAD_SOCKETS];

/* The other threads' sockets are none of ours. */
static __thread __attribute__((tls_model("initial-exec"))) int is_used;

unsigned vn_ahead_read(unsigned place, int sock, struct vn_datagram **first)
{
    struct vn_datagram *datagrams = places[place].datagrams;
    union {
        struct cmsghdr align;
        char bytes[VN_ARRIVAL_CONTROL];
    } control[VN_AHEAD_MOST];
    struct mmsghdr messages[VN_AHEAD_MOST];
    struct iovec into[VN_AHEAD_MOST];
    int most = vn_arrival_room(VN_AHEAD_MOST), got;

    *first = datagrams;
    places[place].sock = sock;
    places[place].owner = OWNED;
    is_used = 1;
    for (int index = 0; index < most; ++index) {
        into[index] = (struct iovec){ datagrams[index].bytes, VN_AHEAD_BYTES };
        messages[index].msg_hdr = (struct msghdr){
            .msg_name = &datagrams[index].from, .msg_namelen = sizeof(datagrams[index].from),
            .msg_iov = &into[index], .msg_iovlen = 1,
            .msg_control = control[index].bytes, .msg_controllen = sizeof(control[index]),
        };
    }
    got = most > 0 ? recvmmsg(sock, messages, (unsigned)most, MSG_DONTWAIT, NULL) : 0;
    for (int index = 0; index < got; ++index) {
        datagrams[index].size = messages[index].msg_len;
        datagrams[index].from_size = messages[index].msg_hdr.msg_namelen;
        datagrams[index].arrived_ns = vn_arrival_of(&messages[index].msg_hdr);
        datagrams[index].is_noted = 0;
    }
    places[place].next = places[place].end = got > 0 ? (unsigned)got : 0;
    return places[place].end;
}

void vn_ahead_leave(unsigned place, unsigned index)
{
    places[place].next = index;
}

static struct place *place_of(int sock)
{
    for (struct place *place = places; is_used && place < places + VN_AHEAD_SOCKETS; ++place)
        if (place->owner != OPEN && place->sock == sock)
            return place;
    return NULL;
}

static int has_left(struct place *place)
{
    while (place->next < place->end && place->datagrams[place->next].size == 0)
        ++place->next;
    return place->next < place->end;
}

const struct vn_datagram *vn_ahead_take(int sock)
{
    struct place *place = place_of(sock);

    return place && has_left(place) ? &place->datagrams[place->next++] : NULL;
}

int vn_ahead_owns(int sock)
{
    struct place *place = place_of(sock);

    return place && place->owner == OWNED;
}

void vn_ahead_release(void)
{
    for (struct place *place = places; is_used && place < places + VN_AHEAD_SOCKETS; ++place)
        if (place->owner == OWNED)
            place->owner = RELEASED;
}

void vn_ahead_drop(void)
{
    if (!is_used)
        return;
    is_used = 0;
    for (struct place *place = places; place < places + VN_AHEAD_SOCKETS; ++place)
        place->owner = OPEN;
}

/* In place of pjlib's own, which we call. */
int pj_sock_select(int count, pj_fd_set_t *readable, pj_fd_set_t *writable, pj_fd_set_t *failed,
                   const pj_time_val *timeout)
{
    int are_asked[VN_AHEAD_SOCKETS] = { 0 }, found;

    for (int index = 0; is_used && readable && index < VN_AHEAD_SOCKETS; ++index)
        are_asked[index] = places[index].owner != OPEN &&
                           vn_pj.PJ_FD_ISSET(places[index].sock, readable);
    found = vn_pj.pj_sock_select(count, readable, writable, failed, timeout);
    for (int index = 0; found >= 0 && index < VN_AHEAD_SOCKETS; ++index) {
        const int sock = places[index].sock;

        if (!are_asked[index])
            continue;
        if (has_left(&places[index])) {
            found += !vn_pj.PJ_FD_ISSET(sock, readable);
            vn_pj.PJ_FD_SET(sock, readable);
        } else if (vn_ahead_owns(sock) && vn_pj.PJ_FD_ISSET(sock, readable)) {
            found -= 1;
            vn_pj.PJ_FD_CLR(sock, readable);
        }
    }
    return found;
}
