/* pjmedia has the number and the time of each packet by pjmedia_rtp_encode_rtp, which this stands in
 * for, as arrival.c does for others. What a stream owes is paid as it encodes: a key that is being
 * sent keeps its timestamp until its end (RFC 4733 section 2.2). */
#include "streams.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "pjmedia.h"

#define NS_PER_S 1000000000LL

enum {
    STREAMS = 8,       /* pjsua has four calls */
    HEADER_TIME = 4,   /* in pjmedia_rtp_session */
    FRAME_ROOM = 4096, /* samples */
    EVENT_BYTES = 4,   /* no packet of audio that the relay knows is so short */
};

struct stream {
    void *stream; /* pjmedia_stream; NULL: nobody's place */
    void *session; /* its pjmedia_rtp_session of what is sent */
    unsigned clock_hz;
    int hears;
    int64_t owed_ns; /* by its timestamp */
    int is_marked;   /* its next packet begins a talkspurt */
    int tells_key;   /* its last packet was an event (RFC 4733) */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream streams[STREAMS];
static atomic_int owing; /* whether anything may be owed at all */

VN_EXPORT pj_status_t pjmedia_rtp_encode_rtp(void *session, int payload_type, int marker,
                                             int payload, int units, const void **header, int *size);

void vn_streams_note(void *stream, unsigned clock_hz, int hears)
{
    pjmedia_stream_rtp_sess_info sessions = { 0 };

    vn_streams_forget(stream);
    if (clock_hz == 0 ||
        vn_pj.pjmedia_stream_get_rtp_session_info(stream, &sessions) != PJ_SUCCESS)
        return;
    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (one->stream == NULL) {
            *one = (struct stream){ stream, sessions.tx_rtp, clock_hz, hears, 0, 0, 0 };
            break;
        }
    pthread_mutex_unlock(&lock);
}

void vn_streams_forget(const void *stream)
{
    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (stream == NULL || one->stream == stream)
            memset(one, 0, sizeof(*one));
    pthread_mutex_unlock(&lock);
}

void vn_streams_left_out(int64_t ns)
{
    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (one->stream) {
            one->owed_ns += ns;
            one->is_marked = 1;
        }
    atomic_store(&owing, 1);
    pthread_mutex_unlock(&lock);
}

/* A stream that is resumed gives no frame at first, and empties its buffer then; so that frame is
 * taken here, before the next packet comes. */
void vn_stream_drop_heard(void *stream)
{
    int16_t samples[FRAME_ROOM];
    pjmedia_frame frame = { .type = PJMEDIA_FRAME_TYPE_AUDIO, .buf = samples };
    pjmedia_port *port = NULL;

    (void)vn_pj.pjmedia_stream_pause(stream, PJMEDIA_DIR_DECODING);
    (void)vn_pj.pjmedia_stream_resume(stream, PJMEDIA_DIR_DECODING);
    frame.size = sizeof(samples);
    if (vn_pj.pjmedia_stream_get_port(stream, &port) == PJ_SUCCESS)
        (void)vn_pj.pjmedia_port_get_frame(port, &frame);
}

void vn_streams_drop_heard(void)
{
    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (one->stream && one->hears)
            vn_stream_drop_heard(one->stream);
    pthread_mutex_unlock(&lock);
}

/* In whole packets, so that a receiver's stay where they were; what is less is owed on. */
static void pay(struct stream *one, unsigned units)
{
    const int64_t packet_ns = units * NS_PER_S / one->clock_hz;
    const int64_t packets = packet_ns ? one->owed_ns / packet_ns : 0;
    uint32_t time;

    memcpy(&time, (uint8_t *)one->session + HEADER_TIME, sizeof(time));
    time = htonl(ntohl(time) + (uint32_t)packets * units);
    memcpy((uint8_t *)one->session + HEADER_TIME, &time, sizeof(time));
    one->owed_ns -= packets * packet_ns;
}

/* Have a stream pay before it encodes what is `units` long; returns whether that begins a talkspurt. */
static int is_after_gap(const void *session, int payload, unsigned units)
{
    int is_marked = 0, owe = 0;

    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one) {
        if (one->stream && one->session == session && one->is_marked) {
            pay(one, units);
            is_marked = payload > 0;
            one->is_marked = !is_marked;
        }
        owe |= one->is_marked;
    }
    atomic_store(&owing, owe);
    pthread_mutex_unlock(&lock);
    return is_marked;
}

int vn_stream_tells_key(const void *stream)
{
    int tells = 0;

    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (one->stream && one->stream == stream)
            tells = one->tells_key;
    pthread_mutex_unlock(&lock);
    return tells;
}

static void note_key(const void *session, int tells)
{
    pthread_mutex_lock(&lock);
    for (struct stream *one = streams; one < streams + STREAMS; ++one)
        if (one->stream && one->session == session)
            one->tells_key = tells;
    pthread_mutex_unlock(&lock);
}

pj_status_t pjmedia_rtp_encode_rtp(void *session, int payload_type, int marker, int payload,
                                   int units, const void **header, int *size)
{
    note_key(session, payload == EVENT_BYTES);

    if (units > 0 && atomic_load(&owing) && is_after_gap(session, payload, (unsigned)units))
        marker = 1;
    return vn_pj.pjmedia_rtp_encode_rtp(session, payload_type, marker, payload, units, header,
                                        size);
}
