/* Where the relay sends: a pjmedia_stream's session and transport. The stream's numbers go on with
 * what is sent past it, so that it may send again at any time. For the clock's thread. */
#ifndef VN_SINK_H
#define VN_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "arrival.h"
#include "pjmedia.h"

struct vn_sink {
    pjmedia_transport *transport;
    uint8_t *session; /* its pjmedia_rtp_session */
    uint8_t *reports; /* its pjmedia_rtcp_session */
    struct vn_sent sent; /* where pjmedia has sent to; of no size: to be seen */
};

/* Take over from a stream where it is; 0 if it is nowhere yet, or not of the layout that is known. */
int vn_sink_begin(struct vn_sink *, void *stream);

/* What it would send next, and sent last. */
uint32_t vn_sink_source(const struct vn_sink *);
uint16_t vn_sink_next_number(const struct vn_sink *);
uint32_t vn_sink_time(const struct vn_sink *);

/* Send an RTP packet; 0 if that is not possible. */
int vn_sink_send(struct vn_sink *, const uint8_t *packet, size_t size);

/* The stream goes on from this packet of audio, or behind what this event has lasted. `units` is what
 * it adds to the timestamp itself. */
void vn_sink_note(struct vn_sink *, const uint8_t *packet, size_t size, unsigned units, int is_event);

/* The same, but its timestamps went on meanwhile. */
void vn_sink_note_number(struct vn_sink *, const uint8_t *packet, size_t size);

#endif
