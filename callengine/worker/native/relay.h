/* The relay of PCMU, PCMA and G722: while it is on, what arrives on two legs of a call goes straight
 * to the other's stream, as it is or coded, and the bridge does not mix. At first pjmedia is shown every packet all the same;
 * then the relay reads the sockets itself, and does of pjmedia's part what counts packets. So its
 * statistics and reports are those of a leg that is decoded; keys, and all else, are still its. */
#ifndef VN_RELAY_H
#define VN_RELAY_H

#include "forwarding.h"
#include "pjmedia.h"

/* Why there is no relay, beside what a packet was (enum vn_verdict). */
enum {
    VN_RELAY_ON = 0,
    VN_RELAY_ENDED = 16,  /* by the call; or never begun */
    VN_RELAY_QUIET,       /* nothing comes of one party */
    VN_RELAY_UNREADY,     /* a stream has sent nothing yet, or is not of a layout that is known */
};

VN_SHARED struct vn_relay_figures {
    uint32_t state;      /* VN_RELAY_ON, or why it is not */
    uint32_t asked;      /* it is to begin with the next tick */
    uint64_t forwarded;  /* since the process began */
};

/* Begin with the clock's next tick, both ways at once; 0 if they cannot be gone. One at a time. */
VN_EXPORT int vn_relay_begin(const struct vn_way ways[2]);

/* End it: the next tick mixes. Again does no harm. A key that is being passed on is to its end. */
VN_EXPORT void vn_relay_end(void);

/* The same, and pass on no more of a key to this pjmedia_stream: it is to send nothing, or another
 * key. */
VN_EXPORT void vn_relay_cut(const void *stream);

/* The same, and never touch this pjmedia_stream again, nor does streams.h: it is about to be freed.
 * NULL: none at all. */
VN_EXPORT void vn_relay_let_go(const void *stream);

/* Whether the packet that was read last of this socket, in this tick, was a telephone-event that went
 * to the other leg: whether or not the relay has ended since. For the thread that reads it. */
VN_EXPORT int vn_relay_passed_key(int sock);

VN_EXPORT void vn_relay_figures(struct vn_relay_figures *out);

/* For the clock, on its thread: before it reads, and after; whether there is nothing to mix. */
void vn_relay_before(int64_t now_ns);
int vn_relay_carries(int64_t now_ns);

/* In between, after vn_arrival_begin: read what is the relay's to read. Returns whether pjmedia is
 * to be asked as well. */
int vn_relay_read(void);

/* For whoever reads a socket on that thread: a datagram that pjmedia is about to be given. */
void vn_relay_packet(int sock, const uint8_t *packet, size_t size, const void *from,
                     size_t from_size);

#endif
