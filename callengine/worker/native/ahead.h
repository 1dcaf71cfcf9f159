/* Datagrams that the relay reads in place of pjmedia. What is not the relay's to pass on is left
 * here: pjmedia, told by the function that waits for its sockets, reads it as if it were still in
 * one. Of a socket that the relay has read in this tick pjmedia has nothing else: else it would take
 * for a party's address that of whoever was cut to one byte just then (vn_arrival_stub).
 * For the clock's thread alone, between vn_arrival_begin and vn_arrival_end. */
#ifndef VN_AHEAD_H
#define VN_AHEAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    VN_AHEAD_SOCKETS = 2,
    VN_AHEAD_MOST = 4,     /* datagrams at once */
    VN_AHEAD_BYTES = 2000, /* of a datagram, as pjmedia has room for */
};

struct vn_datagram {
    size_t size;         /* 0: it is nobody's any more */
    uint64_t arrived_ns; /* by CLOCK_MONOTONIC; 0 if the kernel did not say */
    struct sockaddr_storage from;
    socklen_t from_size;
    int is_noted; /* whether vn_arrival_note and the relay had it */
    uint8_t bytes[VN_AHEAD_BYTES];
};

/* Read up to VN_AHEAD_MOST datagrams of a socket, without waiting, into a place of its own (below
 * VN_AHEAD_SOCKETS); `first` becomes where they are. Returns how many. */
unsigned vn_ahead_read(unsigned place, int sock, struct vn_datagram **first);

/* Leave those from the one of this index on to pjmedia, which is to be asked in the same tick. */
void vn_ahead_leave(unsigned place, unsigned index);

/* Return the next one that was left of a socket, or NULL. */
const struct vn_datagram *vn_ahead_take(int sock);

/* Whether pjmedia may read no more of a socket than was left. */
int vn_ahead_owns(int sock);

/* The relay has ended: pjmedia reads on, behind what was left. */
void vn_ahead_release(void);

/* Forget what nobody has taken: by the next tick its socket may be another's. */
void vn_ahead_drop(void);

#endif
