/* The relay between two streams of a pjmedia made up here, under the sanitizers: ends with status 0,
 * or says what does not hold. Then packets of a fuzzer go through it, as many as the first argument
 * says, by the seed that is the second. */
#include "relay_streams.h"

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
            if (!below(10) && size >= EVENT) { /* a key, or one packet more of it */
                size = EVENT;
                packet[1] = (uint8_t)(leg ? 101 : 96);
                put_32(packet + 4, (numbers[leg] & ~7u) * 160);
            }
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
    begin_pjmedia();
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
