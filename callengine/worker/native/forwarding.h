/* One way of the relay: what becomes of each RTP packet (RFC 3550) of a party on its way to the
 * other. Knows no socket and no pjmedia; nothing is allocated. */
#ifndef VN_FORWARDING_H
#define VN_FORWARDING_H

#include "abi.h"

#include <stddef.h>
#include <stdint.h>

enum {
    VN_NO_EVENTS = 255,
    VN_RTP_HEADER = 12,
    VN_LONGEST_PAYLOAD = 480, /* 60 ms of G.711 */
};

/* What is to be done with a packet. Anything that is not plainly the next of the same stream ends
 * the relay, before it is sent: the bridge takes it. */
enum vn_verdict {
    VN_FORWARDED,
    VN_LEFT,          /* an old one, or one again: sent to nobody */
    VN_NOT_RTP,       /* a keep-alive, say */
    VN_OTHER_SOURCE,
    VN_OTHER_PAYLOAD, /* of a number or a length that was not agreed */
    VN_OTHER_TIME,    /* a jump of sequence numbers or timestamps */
    VN_TOO_MANY,
    VN_OLD_KEY,       /* one that was pressed before */
};

/* As agreed with both parties. */
VN_SHARED struct vn_way {
    int sock;                /* where it arrives */
    void *from, *to;         /* pjmedia_stream */
    uint8_t payload, payload_to;
    uint8_t events, events_to; /* telephone-event in the codec's clock, or VN_NO_EVENTS */
    uint8_t law;             /* as in law.h */
    uint16_t bytes, units;   /* of a packet's payload and of its timestamp, as its receiver wants */
};

VN_SHARED struct vn_forwarding {
    struct vn_way way;
    int64_t packet_ns, credit_ns, seen_ns;
    uint32_t source, source_to;          /* SSRC */
    uint32_t first_time, last_time;      /* timestamps of the source's */
    uint32_t time_offset;
    uint16_t last_number, number_offset; /* sequence numbers */
    uint16_t span;                       /* how many of them are ours up to the last, or a limit */
    uint8_t begun, last_is_audio, has_event;
    uint8_t has_key, key, key_ended;     /* of the last event that was forwarded */
    uint16_t key_lasts;
    uint32_t key_time;                   /* its source's timestamp */
    void *coding;                        /* struct vn_coding, of a way that codes: set once begun */
};

/* Begin with nothing forwarded yet, at a time in ns; returns 0 if the way cannot be gone. */
VN_EXPORT int vn_forwarding_begin(struct vn_forwarding *, const struct vn_way *, int64_t now_ns);

/* The first packet is to have this SSRC, sequence number and timestamp; call before the first. */
VN_EXPORT void vn_forwarding_follow(struct vn_forwarding *, uint32_t source, uint16_t number,
                                    uint32_t time);

/* Take a packet that came at now_ns; `out` has room for VN_RTP_HEADER + VN_LONGEST_PAYLOAD, and
 * holds *length octets if VN_FORWARDED is returned. */
VN_EXPORT int vn_forwarding_take(struct vn_forwarding *, const uint8_t *packet, size_t size,
                                 int64_t now_ns, uint8_t *out, size_t *length);

/* The way has ended, in the midst of a key perhaps. Whether a packet tells more of the key that was
 * forwarded last: then `out` holds it under this sequence number. */
VN_EXPORT int vn_forwarding_take_rest(struct vn_forwarding *, const uint8_t *packet, size_t size,
                                      uint16_t number, uint8_t *out, size_t *length);

#endif
