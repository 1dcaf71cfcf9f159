/* Packets of a call's media, copied while somebody records them. */
#ifndef VN_CAPTURE_H
#define VN_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "abi.h"

enum { VN_CAPTURE_IN = 0, VN_CAPTURE_OUT = 1 };

/* What `vn_capture_take` hands over of each packet, before as many of its bytes as `kept` says. */
VN_SHARED struct vn_captured {
    int64_t at_ns;      /* Unix time: when the kernel had it, or when it was handed to the kernel */
    uint32_t size;      /* on the wire, behind the UDP header */
    uint32_t kept;
    uint16_t sum;       /* of all its bytes, for the UDP checksum (RFC 1071) */
    uint16_t ours;      /* ports, in the order of this machine */
    uint16_t theirs;
    uint8_t direction;
    uint8_t family;     /* 4 or 6 */
    uint8_t peer[16];
};

/* Begin, with whole packets or with RTP cut behind its header; packets of our port `but` are left
 * out: call processes speak SIP there. Again: begins anew. */
VN_EXPORT void vn_capture_begin(int whole, unsigned but);
VN_EXPORT void vn_capture_end(void);
VN_EXPORT int vn_capture_is_on(void);

/* Whoever reads or writes RTP or RTCP says so with this: `peer`, a struct sockaddr, is where it came
 * from or goes to, `at_ns` Unix time or 0 for now. From any thread; costs a glance while nobody records. */
VN_EXPORT void vn_capture_packet(int sock, int direction, const void *data, size_t size,
                                 const void *peer, int64_t at_ns);

/* Move what was copied so far into `into`, which has room for VN_CAPTURE_ROOM bytes; returns how
 * many they are. `lost` becomes the number of packets since the beginning for which there was no
 * room. */
#define VN_CAPTURE_ROOM (512u << 10)
VN_EXPORT unsigned vn_capture_take(void *into, unsigned *lost);

#endif
