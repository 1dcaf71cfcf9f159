/* Streams whose process stood still, against a pjmedia made up here, under the sanitizers. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pjmedia.h"
#include "streams.h"

struct vn_pj vn_pj;

#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)
#define MS 1000000LL

pj_status_t pjmedia_rtp_encode_rtp(void *session, int payload_type, int marker, int payload,
                                   int units, const void **header, int *size);

struct made_up { uint8_t session[52]; int marker, pauses, resumes, frames; };
static struct made_up phone, silent, late, many[20];

static pj_status_t session_of(pjmedia_stream *stream, pjmedia_stream_rtp_sess_info *info)
{
    if ((void *)stream == &late)
        return PJ_EINVAL;
    info->tx_rtp = ((struct made_up *)stream)->session;
    return PJ_SUCCESS;
}

static pj_status_t pause_made_up(pjmedia_stream *stream, int direction)
{
    HOLDS(direction == PJMEDIA_DIR_DECODING);
    ((struct made_up *)stream)->pauses++;
    return PJ_SUCCESS;
}

static pj_status_t resume_made_up(pjmedia_stream *stream, int direction)
{
    HOLDS(direction == PJMEDIA_DIR_DECODING);
    ((struct made_up *)stream)->resumes++;
    return PJ_SUCCESS;
}

static pj_status_t port_of(pjmedia_stream *stream, pjmedia_port **port)
{
    *port = (pjmedia_port *)stream;
    return PJ_SUCCESS;
}

static pj_status_t get_frame_made_up(pjmedia_port *port, pjmedia_frame *frame)
{
    HOLDS(frame->size > 0);
    memset(frame->buf, 0, frame->size);
    ((struct made_up *)port)->frames++;
    return PJ_SUCCESS;
}

static uint32_t time_of(const struct made_up *stream)
{
    uint32_t time;

    memcpy(&time, stream->session + 4, sizeof(time));
    return ntohl(time);
}

static pj_status_t encode_made_up(void *session, int payload_type, int marker, int payload,
                                  int units, const void **header, int *size)
{
    struct made_up *stream = session; /* its first part */
    const uint32_t time = htonl(time_of(stream) + (uint32_t)units);

    HOLDS(payload_type == 0 || payload_type == 96);
    memcpy(stream->session + 4, &time, sizeof(time));
    if (payload == 0)
        return PJ_SUCCESS;
    stream->marker = marker;
    *header = stream->session;
    *size = 12;
    return PJ_SUCCESS;
}

/* Return by how much the timestamp went on. */
static uint32_t sends(struct made_up *stream, int payload, int units)
{
    const uint32_t before = time_of(stream);
    const void *header;
    int size;

    HOLDS(pjmedia_rtp_encode_rtp(stream->session, 0, 0, payload, units, &header, &size) ==
          PJ_SUCCESS);
    return time_of(stream) - before;
}

static void what_was_left_out_is_in_the_next_timestamp_once(void)
{
    HOLDS(sends(&phone, 160, 160) == 160 && phone.marker == 0);
    vn_streams_left_out(1000 * MS);
    HOLDS(sends(&phone, 160, 160) == 160 + 8000 && phone.marker == 1);
    HOLDS(sends(&phone, 160, 160) == 160 && phone.marker == 0);
    HOLDS(sends(&silent, 0, 960) == 960 + 48000);
    HOLDS(sends(&silent, 0, 960) == 960 && silent.marker == 0);
    HOLDS(sends(&silent, 90, 960) == 960 && silent.marker == 1); /* once it says anything */
    HOLDS(sends(&silent, 90, 960) == 960 && silent.marker == 0);
}

/* All packets of an event have one timestamp (RFC 4733 section 2.2). */
static void a_key_keeps_its_own(void)
{
    const void *header;
    int size;

    vn_streams_left_out(40 * MS);
    HOLDS(sends(&phone, 4, 0) == 0 && phone.marker == 0);
    HOLDS(pjmedia_rtp_encode_rtp(phone.session, 96, 1, 4, 0, &header, &size) == PJ_SUCCESS);
    HOLDS(phone.marker == 1);
    HOLDS(sends(&phone, 160, 160) == 160 + 320 && phone.marker == 1);
    HOLDS(sends(&silent, 90, 960) == 3 * 960);
}

/* Of packets of 60 ms those are left out that there was time for; the rest adds up. */
static void packets_stay_where_they_were(void)
{
    vn_streams_left_out(100 * MS);
    HOLDS(sends(&phone, 480, 480) == 2 * 480 && phone.marker == 1);
    vn_streams_left_out(20 * MS);
    HOLDS(sends(&phone, 480, 480) == 2 * 480);
    HOLDS(sends(&silent, 90, 960) == 7 * 960);
}

static void what_piled_up_is_dropped_of_who_hears(void)
{
    vn_streams_drop_heard();
    HOLDS(phone.pauses == 1 && phone.resumes == 1 && phone.frames == 1);
    HOLDS(silent.pauses == 0 && silent.resumes == 0 && silent.frames == 0);
}

static void who_is_gone_owes_nothing(void)
{
    vn_streams_left_out(1000 * MS);
    vn_streams_forget(&phone);
    HOLDS(sends(&phone, 160, 160) == 160 && phone.marker == 0);
    vn_streams_note(&phone, 8000, 1); /* another one in its place */
    HOLDS(sends(&phone, 160, 160) == 160 && phone.marker == 0);
    HOLDS(sends(&silent, 90, 960) == 960 + 48000);
    vn_streams_left_out(1000 * MS);
    vn_streams_forget(NULL);
    vn_streams_drop_heard();
    HOLDS(sends(&phone, 160, 160) == 160 && sends(&silent, 90, 960) == 960);
    HOLDS(phone.pauses == 1);
}

int main(void)
{
    vn_pj.pjmedia_stream_get_rtp_session_info = session_of;
    vn_pj.pjmedia_stream_pause = pause_made_up;
    vn_pj.pjmedia_stream_resume = resume_made_up;
    vn_pj.pjmedia_stream_get_port = port_of;
    vn_pj.pjmedia_port_get_frame = get_frame_made_up;
    vn_pj.pjmedia_rtp_encode_rtp = encode_made_up;
    memset(phone.session, 0xFF, sizeof(phone.session)); /* its timestamp begins anew at once */
    vn_streams_note(&phone, 8000, 1);
    vn_streams_note(&silent, 48000, 0);
    vn_streams_note(&late, 8000, 1); /* of which nothing is known */
    vn_streams_note(&phone, 8000, 1); /* again does no harm */
    what_was_left_out_is_in_the_next_timestamp_once();
    a_key_keeps_its_own();
    packets_stay_where_they_were();
    what_piled_up_is_dropped_of_who_hears();
    who_is_gone_owes_nothing();
    for (struct made_up *one = many; one < many + 20; ++one) /* more than there is room for */
        vn_streams_note(one, 8000, 1);
    vn_streams_left_out(1000 * MS);
    HOLDS(sends(&many[0], 160, 160) == 8160 && sends(&many[19], 160, 160) == 160);
    return 0;
}
