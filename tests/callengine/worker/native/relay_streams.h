/* Two streams of a pjmedia made up here, and the parties' packets, for the tests of the relay. */
#ifndef RELAY_STREAMS_H
#define RELAY_STREAMS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/g722.h"
#include "law.h"
#include "relay.h"
#include "streams.h"

#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)
#define MS 1000000LL
enum { PACKET = 172, LONGEST = 1500, EVENT = 16 };

pj_status_t pjmedia_rtp_encode_rtp(void *session, int payload_type, int marker, int payload,
                                   int units, const void **header, int *size);

struct vn_pj vn_pj;

/* What pjmedia's G.722 keeps, and the places that the relay knows of a stream with it. */
struct g722 { uint8_t encoder[VN_G722_STATE_BYTES], decoder[VN_G722_STATE_BYTES]; int16_t shift; };
enum { STREAM_TRANSPORT = 0x8c8, STREAM_CODEC = 0x8d0 };

/* A stream, and its sessions in the layout that the relay knows. */
struct stream {
    uint8_t places[STREAM_CODEC + sizeof(void *)];
    pjmedia_transport transport;
    pjmedia_codec codec;
    struct g722 *g722;
    uint8_t sending[52], reports[512];
    unsigned resets, frames, sdes, packets, octets;
    uint8_t last[LONGEST];
    size_t length;
    int paused;
};

static struct stream streams[2];
static int codes; /* whether the second stream is of G.722, by the number 8 as that of A-law */
static int64_t now;
static unsigned sent;

static pj_status_t send_rtp(pjmedia_transport *transport, const void *packet, size_t size)
{
    struct stream *to = transport == &streams[0].transport ? &streams[0] : &streams[1];

    HOLDS(transport == &to->transport && size <= VN_RTP_HEADER + VN_LONGEST_PAYLOAD);
    memcpy(to->last, packet, size);
    to->length = size;
    ++sent;
    return PJ_SUCCESS;
}

static pj_status_t get_sessions(pjmedia_stream *stream, pjmedia_stream_rtp_sess_info *to)
{
    struct stream *of = (struct stream *)stream;

    to->tx_rtp = of->sending;
    to->rtcp = (pjmedia_rtcp_session *)of->reports;
    return PJ_SUCCESS;
}

static pjmedia_transport *get_transport(pjmedia_stream *stream)
{
    return &((struct stream *)stream)->transport;
}

static pj_status_t get_port(pjmedia_stream *stream, pjmedia_port **to)
{
    *to = (pjmedia_port *)stream;
    return PJ_SUCCESS;
}

static pj_status_t pause_made_up(pjmedia_stream *stream, int direction)
{
    HOLDS(direction == PJMEDIA_DIR_DECODING && !((struct stream *)stream)->paused);
    ((struct stream *)stream)->paused = 1;
    ++((struct stream *)stream)->resets;
    return PJ_SUCCESS;
}

static pj_status_t resume_made_up(pjmedia_stream *stream, int direction)
{
    HOLDS(direction == PJMEDIA_DIR_DECODING && ((struct stream *)stream)->paused);
    ((struct stream *)stream)->paused = 0;
    return PJ_SUCCESS;
}

static pj_status_t get_frame(pjmedia_port *port, pjmedia_frame *frame)
{
    memset(frame->buf, 0, frame->size);
    ++((struct stream *)port)->frames;
    return PJ_SUCCESS;
}

static pj_status_t send_sdes(pjmedia_stream *stream)
{
    ++((struct stream *)stream)->sdes;
    return PJ_SUCCESS;
}

static void count_sent(pjmedia_rtcp_session *reports, unsigned octets)
{
    struct stream *of = (uint8_t *)reports == streams[0].reports ? &streams[0] : &streams[1];

    ++of->packets;
    of->octets += octets;
}

static pj_status_t encode(void *session, int type, int marker, int payload, int units,
                          const void **header, int *size)
{
    (void)session, (void)type, (void)marker, (void)payload, (void)units, (void)header, (void)size;
    return PJ_SUCCESS;
}

static void put_16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put_32(uint8_t *to, uint32_t value)
{
    put_16(to, value >> 16);
    put_16(to + 2, value & 0xFFFF);
}

static void begin_g722(struct stream *stream)
{
    void *transport = &stream->transport, *codec = &stream->codec;

    stream->g722 = malloc(sizeof(*stream->g722));
    g722_enc_init(stream->g722->encoder);
    g722_dec_init(stream->g722->decoder);
    stream->g722->shift = 2;
    stream->codec.codec_data = stream->g722;
    memcpy(stream->places + STREAM_TRANSPORT, &transport, sizeof(transport));
    memcpy(stream->places + STREAM_CODEC, &codec, sizeof(codec));
}

/* Have both streams stand where the bridge left them: at number 65534 of the second round. */
static void begin_streams(void)
{
    const uint32_t extended = 0x1FFFE, time = 1000;
    const uint16_t number = 0xFFFE;
    static __typeof__(*streams[0].transport.op) operations;

    vn_relay_end();
    vn_relay_before(now); /* what a relay before has left */
    vn_relay_let_go(NULL);
    operations.send_rtp = send_rtp;
    free(streams[1].g722);
    memset(streams, 0, sizeof(streams));
    for (int index = 0; index < 2; ++index) {
        streams[index].transport.op = &operations;
        put_16(streams[index].sending + 2, number);
        put_32(streams[index].sending + 4, time);
        put_32(streams[index].sending + 8, 0xAA00u + (unsigned)index);
        memcpy(streams[index].sending + 36, &extended, 4);
        memcpy(streams[index].reports + 504, &time, 4);
        memcpy(streams[index].reports + 508, &number, 2);
    }
    if (codes)
        begin_g722(&streams[1]);
}

static void ask(void)
{
    const struct vn_way plain[2] = {
        { .sock = 5, .from = &streams[0], .to = &streams[1], .payload = 0, .payload_to = 8,
          .events = 96, .events_to = 101, .law = 1, .bytes = 160, .units = 160 },
        { .sock = 6, .from = &streams[1], .to = &streams[0], .payload = 8, .payload_to = 0,
          .events = 101, .events_to = VN_NO_EVENTS, .law = 2, .bytes = 160, .units = 160 },
    };
    const struct vn_way coded[2] = {
        { .sock = 5, .from = &streams[0], .to = &streams[1], .payload = 0, .payload_to = 9,
          .events = 96, .events_to = 101, .law = VN_LAW_MU_TO_G722, .bytes = 160, .units = 160 },
        { .sock = 6, .from = &streams[1], .to = &streams[0], .payload = 8, .payload_to = 0,
          .events = 101, .events_to = 96, .law = VN_LAW_G722_TO_MU, .bytes = 160, .units = 160 },
    };

    HOLDS(vn_relay_begin(codes ? coded : plain));
}

static uint32_t state(void)
{
    struct vn_relay_figures figures;

    vn_relay_figures(&figures);
    return figures.state;
}

static void arrives(int sock, unsigned type, unsigned number, uint32_t time, size_t size)
{
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4000) };
    uint8_t *packet = calloc(1, size);

    packet[0] = 0x80, packet[1] = (uint8_t)type;
    put_16(packet + 2, number);
    put_32(packet + 4, time);
    put_32(packet + 8, 77u + (unsigned)sock);
    vn_relay_packet(sock, packet, size, &from, sizeof(from));
    free(packet);
}

/* One tick, in which each party's packet of this number comes. */
static int tick(unsigned number)
{
    now += 20 * MS;
    vn_relay_before(now);
    arrives(5, 0, number, number * 160, PACKET);
    arrives(6, 8, number, number * 160, PACKET);
    return vn_relay_carries(now);
}

static void begin_pjmedia(void)
{
    vn_pj.pjmedia_stream_get_rtp_session_info = get_sessions;
    vn_pj.pjmedia_stream_get_transport = get_transport;
    vn_pj.pjmedia_stream_get_port = get_port;
    vn_pj.pjmedia_stream_pause = pause_made_up;
    vn_pj.pjmedia_stream_resume = resume_made_up;
    vn_pj.pjmedia_stream_send_rtcp_sdes = send_sdes;
    vn_pj.pjmedia_port_get_frame = get_frame;
    vn_pj.pjmedia_rtcp_tx_rtp = count_sent;
    vn_pj.pjmedia_rtp_encode_rtp = encode;
}

#endif
