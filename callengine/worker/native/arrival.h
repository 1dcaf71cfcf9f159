/* When the packet that is being read arrived, by the kernel's clock. */
#ifndef VN_ARRIVAL_H
#define VN_ARRIVAL_H

#include "abi.h"

#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

/* Room for what the kernel says beside a datagram. */
#define VN_ARRIVAL_CONTROL (CMSG_SPACE(sizeof(struct timespec)) + 64)

/* This thread reads late on purpose, for a tick that was due then by CLOCK_MONOTONIC: packets are to
 * be taken as of their arrival. */
void vn_arrival_begin(int64_t due_ns);
void vn_arrival_end(void);

/* For who reads a socket past pjlib, in between. How many datagrams of so many may be read yet: one
 * reading takes so many and no more. */
int vn_arrival_room(int wanted);

/* When a message arrived, by CLOCK_MONOTONIC; 0 if the kernel did not say, or what is not to be
 * believed. */
uint64_t vn_arrival_of(struct msghdr *message);

/* Note a datagram that was read: it counts as of its arrival until the next is. */
void vn_arrival_note(int sock, const void *packet, size_t size, const void *from,
                     socklen_t from_size, uint64_t arrived_ns);

/* What this thread last wrote by pjlib to a socket, while it is watched. */
struct vn_sent {
    unsigned count; /* of datagrams */
    int sock;
    size_t size;
    uint8_t head[12];
    struct sockaddr_storage to;
    socklen_t to_size;
};
void vn_sent_watch(struct vn_sent *sent);

/* Write another one there; 0 if that is not possible. */
int vn_sent_again(const struct vn_sent *to, const void *packet, size_t size);

/* Whether pjlib itself asks us for the time: whether we were loaded in time to stand in for it. */
int vn_arrival_counts(void);

/* Who sent the last datagram of one byte on this socket, since this was asked before: its port, and
 * its address as text; 0 if nobody did. The filter of a socket cuts to one byte what strangers send
 * while it is to be found out who they are. */
VN_EXPORT int vn_arrival_stub(int sock, char *host, int room);

/* SSRC and timestamp of the RTP packet of this socket that this thread is reading just now; returns 0
 * if it reads none. */
VN_EXPORT int vn_arrival_rtp(int sock, uint32_t *source, uint32_t *time);

/* When the last longer datagram that was read on this socket arrived, by CLOCK_MONOTONIC; 0 if that
 * is not known. May be called on any thread. */
VN_EXPORT int64_t vn_arrival_last(int sock);

#endif
