/* Keys (RFC 4733) on which the relay ends, or begins: under the sanitizers. Ends with status 0, or says
 * what does not hold. */
#include "relay_streams.h"

/* A packet of a key; `time` is when it began, `lasts` how long it does so far. */
static void presses(unsigned key, unsigned number, uint32_t time, unsigned lasts, int ended)
{
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4000) };
    uint8_t packet[EVENT] = { 0x80, 96 };

    put_16(packet + 2, number);
    put_32(packet + 4, time);
    put_32(packet + 8, 77 + 5);
    packet[12] = (uint8_t)key;
    packet[13] = (uint8_t)(ended ? 0x8A : 0x0A);
    put_16(packet + 14, lasts);
    streams[1].length = 0;
    vn_relay_packet(5, packet, sizeof(packet), &from, sizeof(from));
}

/* Whether that came at the other end, with this sequence number. */
static int is_told(unsigned number, uint32_t time, unsigned lasts, int ended)
{
    uint8_t told[EVENT] = { 0x80, 101 };

    put_16(told + 2, number);
    put_32(told + 4, time);
    put_32(told + 8, 0xAA01);
    told[12] = 5;
    told[13] = (uint8_t)(ended ? 0x8A : 0x0A);
    put_16(told + 14, lasts);
    return streams[1].length == EVENT && memcmp(streams[1].last, told, EVENT) == 0;
}

static void next_tick(void)
{
    now += 20 * MS;
    vn_relay_before(now);
}

/* Two packets of a key are passed on; the first audio of this relay has number 0xFFFF. */
static void begin_key(void)
{
    begin_streams();
    ask();
    HOLDS(tick(1));
    next_tick();
    presses(5, 2, 320, 160, 0);
    HOLDS(is_told(0, 1320, 160, 0) && vn_relay_carries(now));
    next_tick();
    presses(5, 3, 320, 320, 0);
    HOLDS(is_told(1, 1320, 320, 0));
}

/* Who else ends the relay as a key is being read has it not told again by the bridge. */
static void a_key_that_was_passed_on_is_so_though_the_relay_ends(void)
{
    begin_key();
    vn_relay_end();
    HOLDS(vn_relay_passed_key(5));
    begin_key();
    arrives(6, 13, 2, 320, 13);
    HOLDS(state() == VN_OTHER_PAYLOAD && vn_relay_passed_key(5) && !vn_relay_passed_key(6));
    next_tick();
    HOLDS(!vn_relay_passed_key(5));
}

/* The bridge sends a packet of audio to the second party. */
static uint32_t bridge_sends(void)
{
    uint32_t extended, time;
    uint16_t number;

    memcpy(&extended, streams[1].sending + 36, 4);
    memcpy(&time, streams[1].sending + 4, 4);
    ++extended;
    number = (uint16_t)extended;
    time = ntohl(time) + 160;
    memcpy(streams[1].sending + 36, &extended, 4);
    put_16(streams[1].sending + 2, number);
    put_32(streams[1].sending + 4, time);
    memcpy(streams[1].reports + 504, &time, 4);
    memcpy(streams[1].reports + 508, &number, 2);
    return time;
}

static void the_rest_of_a_key_is_passed_on_beside_the_bridge(void)
{
    begin_key();
    vn_relay_end();
    HOLDS(!vn_relay_carries(now) && bridge_sends() == 1320 + 320); /* right behind it */
    next_tick();
    ask(); /* not in the midst of it */
    next_tick();
    HOLDS(state() == VN_OLD_KEY);
    presses(5, 4, 320, 480, 0);
    HOLDS(is_told(3, 1320, 480, 0) && vn_relay_passed_key(5) && bridge_sends() == 1320 + 480);
    presses(5, 4, 320, 480, 0);
    HOLDS(streams[1].length == 0); /* again */
    for (unsigned end = 0; end < 3; ++end) {
        next_tick();
        presses(5, 5 + end, 320, 640, 1);
        HOLDS(is_told(5 + end, 1320, 640, 1));
    }
    next_tick();
    arrives(5, 0, 8, 960, PACKET);
    HOLDS(streams[1].length == EVENT);
    presses(6, 9, 1120, 160, 0); /* the next ones the bridge tells */
    HOLDS(streams[1].length == 0 && !vn_relay_passed_key(5));
    presses(5, 10, 1440, 160, 0);
    HOLDS(streams[1].length == 0 && !vn_relay_passed_key(5));
    now += 1100 * MS;
    ask();
    HOLDS(tick(60) && state() == VN_RELAY_ON);
}

/* By a device that moves the timestamp, and where one packet cannot tell how long it lasts. */
static void a_key_whose_timestamp_moves_is_passed_on_to_its_end(void)
{
    begin_key();
    vn_relay_end();
    presses(5, 4, 480, 480, 0);
    HOLDS(is_told(2, 1480, 480, 0));
    presses(5, 5, 640, 0xFFFF, 0);
    HOLDS(is_told(3, 1640, 0xFFFF, 0));
    presses(5, 6, 640 + 0xFFFF, 160, 0);
    HOLDS(is_told(4, 1640 + 0xFFFF, 160, 0));
    presses(5, 7, 640 + 0xFFFF, 320, 1);
    HOLDS(is_told(5, 1640 + 0xFFFF, 320, 1));
}

static void no_more_of_a_key_goes_to_a_stream_that_is_cut_or_gone(void)
{
    begin_key();
    vn_relay_let_go(&streams[0]); /* that it comes of another stream by now does not matter */
    presses(5, 4, 320, 480, 0);
    HOLDS(is_told(2, 1320, 480, 0));
    vn_relay_cut(&streams[0]);
    presses(5, 5, 320, 640, 0);
    HOLDS(is_told(3, 1320, 640, 0));
    vn_relay_cut(&streams[1]);
    presses(5, 6, 320, 800, 0);
    HOLDS(streams[1].length == 0);
    begin_key();
    vn_relay_let_go(&streams[1]);
    presses(5, 4, 320, 480, 0);
    HOLDS(streams[1].length == 0);
}

/* What came of a key that the bridge tells would else be another with the relay's end. */
static void it_does_not_begin_while_the_bridge_tells_a_key(void)
{
    const void *header;
    int size;

    begin_streams();
    vn_streams_note(&streams[1], 8000, 1);
    (void)pjmedia_rtp_encode_rtp(streams[1].sending, 101, 1, 4, 160, &header, &size);
    ask();
    HOLDS(!tick(1) && state() == VN_OLD_KEY);
    (void)pjmedia_rtp_encode_rtp(streams[1].sending, 8, 0, 160, 160, &header, &size);
    ask();
    HOLDS(tick(2) && state() == VN_RELAY_ON);
    vn_streams_forget(NULL);
}

int main(void)
{
    begin_pjmedia();
    a_key_that_was_passed_on_is_so_though_the_relay_ends();
    the_rest_of_a_key_is_passed_on_beside_the_bridge();
    a_key_whose_timestamp_moves_is_passed_on_to_its_end();
    no_more_of_a_key_goes_to_a_stream_that_is_cut_or_gone();
    it_does_not_begin_while_the_bridge_tells_a_key();
    return 0;
}
