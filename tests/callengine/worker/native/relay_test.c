/* The relay between two streams of a pjmedia made up here, under the sanitizers: ends with status 0,
 * or says what does not hold. Then packets of a fuzzer go through it, as many as the first argument
 * says, by the seed that is the second. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/g722.h"
#include "law.h"
#include "relay.h"

#define HOLDS(what) do { if (!(what)) { \
    fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #what); exit(1); } } while (0)
#define MS 1000000LL
enum { PACKET = 172, LONGEST = 1500 };

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

static void it_goes_on_where_the_bridge_was_and_the_bridge_where_it_is(void)
{
    uint32_t extended, time;
    uint16_t number;

    begin_streams();
    HOLDS(!tick(1) && sent == 0);
    ask();
    HOLDS(tick(2) && sent == 2 && state() == VN_RELAY_ON);
    HOLDS(streams[1].length == PACKET && streams[1].last[1] == 8 && streams[0].last[1] == 0);
    HOLDS(streams[1].last[2] == 0xFF && streams[1].last[3] == 0xFF && streams[1].last[11] == 1);
    for (unsigned index = 3; index < 10; ++index)
        HOLDS(tick(index));
    memcpy(&extended, streams[1].sending + 36, 4);
    memcpy(&number, streams[1].reports + 508, 2);
    memcpy(&time, streams[1].reports + 504, 4);
    HOLDS(extended == 0x20006 && number == 6 && time == 1000 + 8 * 160);
    HOLDS(streams[1].sending[3] == 6 && ntohl(*(uint32_t *)(void *)(streams[1].sending + 4)) == time);
    HOLDS(streams[1].packets == 8 && streams[1].octets == 8 * 160);
    vn_relay_end();
    HOLDS(streams[0].resets == 0);
    HOLDS(!tick(10) && state() == VN_RELAY_ENDED);
    for (int index = 0; index < 2; ++index) /* before the first packet that the bridge has */
        HOLDS(streams[index].resets == 1 && streams[index].frames == 1 && !streams[index].paused);
    HOLDS(!tick(11) && streams[0].resets == 1);
}

static void a_party_that_is_silent_and_one_that_changes_end_it_at_once(void)
{
    begin_streams();
    ask();
    HOLDS(tick(1));
    for (int index = 0; index < 5; ++index) {
        now += 20 * MS;
        vn_relay_before(now);
        arrives(5, 0, 2 + (unsigned)index, (2 + (unsigned)index) * 160, PACKET);
        HOLDS(vn_relay_carries(now));
    }
    now += 20 * MS;
    vn_relay_before(now);
    HOLDS(!vn_relay_carries(now) && state() == VN_RELAY_QUIET && streams[0].frames == 1);
    begin_streams();
    ask();
    HOLDS(tick(1));
    now += 20 * MS;
    vn_relay_before(now);
    arrives(5, 13, 2, 320, 13);
    HOLDS(state() == VN_OTHER_PAYLOAD && streams[0].frames == 1 && streams[1].frames == 1);
    HOLDS(!vn_relay_carries(now));
}

static void keys_are_passed_where_both_know_them(void)
{
    begin_streams();
    ask();
    HOLDS(tick(1));
    now += 20 * MS;
    vn_relay_before(now);
    arrives(5, 96, 2, 320, 16);
    HOLDS(vn_relay_passed_key(5) && !vn_relay_passed_key(6) && !vn_relay_passed_key(7));
    HOLDS(streams[1].last[1] == 101 && streams[1].length == 16);
    arrives(5, 0, 3, 480, PACKET);
    HOLDS(!vn_relay_passed_key(5));
    arrives(6, 101, 2, 320, 16); /* the other end knows none */
    HOLDS(!vn_relay_passed_key(6) && state() == VN_OTHER_PAYLOAD);
}

static void reports_go_on_every_five_seconds(void)
{
    begin_streams();
    ask();
    for (unsigned index = 1; index < 50 * 60; ++index)
        HOLDS(tick(index));
    for (int index = 0; index < 2; ++index)
        HOLDS(streams[index].sdes >= 10 && streams[index].sdes <= 13);
    vn_relay_end();
}

static void a_stream_that_is_let_go_is_not_touched_again(void)
{
    begin_streams();
    ask();
    HOLDS(tick(1));
    vn_relay_let_go(&streams[0]);
    now += 20 * MS;
    vn_relay_before(now);
    HOLDS(streams[0].resets == 0 && streams[1].resets == 1);
    ask();
    vn_relay_let_go(&streams[1]); /* asked, and not begun */
    now += 20 * MS;
    vn_relay_before(now);
    HOLDS(!vn_relay_carries(now) && state() == VN_RELAY_ENDED);
    begin_streams();
    ask();
    HOLDS(tick(1));
    vn_relay_let_go(NULL);
    now += 20 * MS;
    vn_relay_before(now);
    HOLDS(streams[0].resets == 0 && streams[1].resets == 0);
}

static void an_unknown_layout_begins_nothing(void)
{
    begin_streams();
    streams[1].reports[504] ^= 1;
    ask();
    HOLDS(!tick(1) && state() == VN_RELAY_UNREADY);
}

/* As the bridge would have it: with the codec's own state, which so goes on where the relay ends. */
static void what_is_coded_is_coded_by_the_streams_codec(void)
{
    struct g722 before;

    codes = 1;
    begin_streams();
    ask();
    before = *streams[1].g722;
    for (unsigned index = 1; index < 10; ++index)
        HOLDS(tick(index) && streams[1].length == PACKET && streams[0].length == PACKET);
    HOLDS(streams[1].last[1] == 9 && streams[0].last[1] == 0);
    HOLDS(memcmp(before.encoder, streams[1].g722->encoder, VN_G722_STATE_BYTES) != 0);
    HOLDS(memcmp(before.decoder, streams[1].g722->decoder, VN_G722_STATE_BYTES) != 0);
    now += 20 * MS;
    vn_relay_before(now);
    arrives(5, 96, 10, 1600, 16);
    HOLDS(streams[1].length == 16 && streams[1].last[1] == 101);
    arrives(5, 0, 12, 12 * 160, PACKET); /* one is lost */
    HOLDS(state() == VN_RELAY_ON);
    arrives(5, 0, 11, 11 * 160, PACKET); /* and comes late: what is coded keeps no place free */
    HOLDS(state() == VN_OTHER_TIME && streams[1].frames == 1);
    codes = 0;
}

static void a_codec_that_is_not_as_is_known_codes_nothing(void)
{
    void *other = NULL;

    codes = 1;
    for (int what = 0; what < 5; ++what) {
        begin_streams();
        if (what == 0)
            streams[1].g722->shift = 1;
        else if (what == 1)
            streams[1].g722->encoder[0] ^= 1;
        else if (what == 2)
            streams[1].g722->decoder[0] ^= 1;
        else
            memcpy(streams[1].places + (what == 3 ? STREAM_TRANSPORT : STREAM_CODEC), &other,
                   sizeof(other));
        ask();
        HOLDS(!tick(1) && state() == VN_RELAY_UNREADY);
    }
    codes = 0;
}

static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return limit ? (unsigned)(seed >> 33) % limit : 0;
}

/* A stream with losses and repetitions, and packets that are changed, cut or made up. */
static void fuzz(unsigned rounds)
{
    const struct sockaddr_in from = { .sin_family = AF_INET };
    unsigned numbers[2] = { 0, 0 };

    begin_streams();
    for (unsigned round = 0; round < rounds; ++round) {
        const int leg = (int)below(2);
        size_t size = below(4) ? PACKET : below(400);
        uint8_t *packet = malloc(size ? size : 1);

        for (size_t at = 0; at < size; ++at)
            packet[at] = (uint8_t)below(256);
        numbers[leg] += below(50) ? 1 : below(5);
        if (size >= VN_RTP_HEADER && below(20)) {
            packet[0] = below(8) ? 0x80 : (uint8_t)(0x80 | below(64));
            packet[1] = (uint8_t)(leg ? 8 : 0);
            put_16(packet + 2, numbers[leg]);
            put_32(packet + 4, numbers[leg] * 160);
            put_32(packet + 8, 5);
        }
        if (!below(20))
            ask();
        if (below(2)) {
            now += (int64_t)below(30) * MS;
            (void)vn_relay_carries(now);
            vn_relay_before(now);
        }
        vn_relay_packet(5 + leg, packet, size, &from, below(2) ? sizeof(from) : below(16));
        free(packet);
    }
    vn_relay_end();
}

int main(int count, char **words)
{
    vn_pj.pjmedia_stream_get_rtp_session_info = get_sessions;
    vn_pj.pjmedia_stream_get_transport = get_transport;
    vn_pj.pjmedia_stream_get_port = get_port;
    vn_pj.pjmedia_stream_pause = pause_made_up;
    vn_pj.pjmedia_stream_resume = resume_made_up;
    vn_pj.pjmedia_stream_send_rtcp_sdes = send_sdes;
    vn_pj.pjmedia_port_get_frame = get_frame;
    vn_pj.pjmedia_rtcp_tx_rtp = count_sent;
    it_goes_on_where_the_bridge_was_and_the_bridge_where_it_is();
    a_party_that_is_silent_and_one_that_changes_end_it_at_once();
    keys_are_passed_where_both_know_them();
    reports_go_on_every_five_seconds();
    a_stream_that_is_let_go_is_not_touched_again();
    an_unknown_layout_begins_nothing();
    what_is_coded_is_coded_by_the_streams_codec();
    a_codec_that_is_not_as_is_known_codes_nothing();
    seed = count > 2 ? strtoull(words[2], NULL, 10) : 1;
    for (codes = 0; codes < 2; ++codes) {
        sent = 0;
        fuzz(count > 1 ? (unsigned)atoi(words[1]) : 20000);
        HOLDS(sent > 100);
    }
    free(streams[1].g722);
    return 0;
}
