#include "sink.h"

#include <arpa/inet.h>
#include <string.h>

#include "forwarding.h"

/* Places in pjmedia_rtp_session and pjmedia_rtcp_session (2.15.1); the second are held against the
 * first whenever a relay begins. */
enum {
    HEADER_NUMBER = 2, HEADER_TIME = 4, HEADER_SOURCE = 8, LAST_NUMBER = 36,
    REPORTED_TIME = 504, REPORTED_NUMBER = 508,
};

static uint32_t read_32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

int vn_sink_begin(struct vn_sink *sink, void *stream)
{
    pjmedia_stream_rtp_sess_info sessions = { 0 };
    uint16_t number, reported;

    if (vn_pj.pjmedia_stream_get_rtp_session_info(stream, &sessions) != PJ_SUCCESS)
        return 0;
    sink->transport = vn_pj.pjmedia_stream_get_transport(stream);
    sink->session = sessions.tx_rtp;
    sink->reports = (uint8_t *)sessions.rtcp;
    sink->sent.to_size = 0;
    memcpy(&number, sink->session + HEADER_NUMBER, sizeof(number));
    memcpy(&reported, sink->reports + REPORTED_NUMBER, sizeof(reported));
    return sink->transport != NULL && ntohs(number) == reported &&
           (uint16_t)read_32(sink->session + LAST_NUMBER) == reported &&
           vn_sink_time(sink) == read_32(sink->reports + REPORTED_TIME);
}

uint32_t vn_sink_source(const struct vn_sink *sink)
{
    return ntohl(read_32(sink->session + HEADER_SOURCE));
}

uint16_t vn_sink_next_number(const struct vn_sink *sink)
{
    return (uint16_t)(read_32(sink->session + LAST_NUMBER) + 1);
}

uint32_t vn_sink_time(const struct vn_sink *sink)
{
    return ntohl(read_32(sink->session + HEADER_TIME));
}

/* pjmedia says where to; what it was seen to send as it is, we send there ourselves. */
int vn_sink_send(struct vn_sink *sink, const uint8_t *packet, size_t size)
{
    struct vn_sent *sent = &sink->sent;
    int done;

    if (sent->to_size && vn_sent_again(sent, packet, size))
        return 1;
    vn_sent_watch(sent);
    done = sink->transport->op->send_rtp(sink->transport, packet, size) == PJ_SUCCESS;
    vn_sent_watch(NULL);
    if (!done || sent->count != 1 || sent->size != size ||
        memcmp(sent->head, packet, sizeof(sent->head)) != 0)
        sent->to_size = 0;
    return done;
}

/* Returns whether it is the last in order. */
static int is_numbered(struct vn_sink *sink, const uint8_t *packet, size_t size)
{
    const uint16_t number = (uint16_t)(packet[2] << 8 | packet[3]);
    uint32_t last = read_32(sink->session + LAST_NUMBER);
    const int16_t ahead = (int16_t)(number - (uint16_t)last);

    vn_pj.pjmedia_rtcp_tx_rtp((pjmedia_rtcp_session *)sink->reports,
                              (unsigned)(size - VN_RTP_HEADER));
    if (ahead <= 0)
        return 0;
    last += (uint32_t)ahead;
    memcpy(sink->session + LAST_NUMBER, &last, sizeof(last));
    memcpy(sink->session + HEADER_NUMBER, packet + HEADER_NUMBER, 2);
    memcpy(sink->reports + REPORTED_NUMBER, &number, sizeof(number));
    return 1;
}

void vn_sink_note_number(struct vn_sink *sink, const uint8_t *packet, size_t size)
{
    (void)is_numbered(sink, packet, size);
}

void vn_sink_note(struct vn_sink *sink, const uint8_t *packet, size_t size, unsigned units,
                  int is_event)
{
    uint32_t time = ntohl(read_32(packet + HEADER_TIME)), in_order;

    if (!is_numbered(sink, packet, size))
        return;
    if (is_event) { /* an event's timestamp is that of its beginning */
        const unsigned lasts = (unsigned)(packet[VN_RTP_HEADER + 2] << 8 | packet[VN_RTP_HEADER + 3]);

        time += lasts > units ? lasts - units : 0;
    }
    in_order = htonl(time);
    memcpy(sink->session + HEADER_TIME, &in_order, sizeof(in_order));
    memcpy(sink->reports + REPORTED_TIME, &time, sizeof(time));
}
