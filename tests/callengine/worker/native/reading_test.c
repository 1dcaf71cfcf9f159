/* The relay as it reads its sockets itself, beside a made-up pjmedia which reads what is left to it:
 * under the sanitizers. Ends with status 0, or says what does not hold. Then what a fuzzer sends goes
 * through it, for as many ticks as the first argument says. */
#define _GNU_SOURCE
#include "reading_legs.h"

/* Return how many came to the peer of a leg at this socket; `number` becomes that of the last. */
static unsigned heard(int sock, unsigned *number)
{
    uint8_t packet[ROOM];
    unsigned count = 0;

    while (recv(sock, packet, sizeof(packet), MSG_DONTWAIT) > 0) {
        if (number)
            *number = (unsigned)(packet[2] << 8 | packet[3]);
        ++count;
    }
    return count;
}

/* One tick; returns whether pjmedia was asked. */
static int tick(void)
{
    int asks;

    now += 20 * MS;
    vn_relay_before(now);
    vn_arrival_begin(now);
    asks = vn_relay_read();
    if (asks && reads)
        poll_made_up();
    vn_arrival_end();
    (void)vn_relay_carries(now);
    return asks;
}

static unsigned numbers;

static int talks(void)
{
    ++numbers;
    for (int index = 0; index < 2; ++index)
        says(index, legs[index].theirs, 0, numbers);
    return tick();
}

static void begin(void)
{
    static __typeof__(*legs[0].transport.op) operations;

    operations.send_rtp = send_rtp;
    vn_relay_end();
    vn_relay_before(now);
    vn_relay_let_go(NULL);
    for (int index = 0; index < 2; ++index) {
        struct leg *leg = &legs[index];

        if (leg->ours)
            close(leg->ours), close(leg->theirs), close(leg->elsewhere);
        memset(leg, 0, sizeof(*leg));
        leg->ours = open_socket(&leg->at);
        leg->elsewhere = open_socket(&leg->to);
        leg->theirs = open_socket(&leg->to);
        leg->transport.op = &operations;
        leg->sending[3] = leg->sending[36] = leg->reports[508] = 9;
    }
    for (int index = 0; index < 2; ++index)
        ways[index] = (struct vn_way){
            .sock = legs[index].ours, .from = &legs[index], .to = &legs[1 - index],
            .events = KEY, .events_to = KEY, .bytes = 160, .units = 160 };
    HOLDS(vn_relay_begin(ways));
    numbers = 0;
    for (int packet = 0; packet < SETTLED; ++packet)
        HOLDS(talks()); /* pjmedia has them all */
    HOLDS(state() == VN_RELAY_ON && heard(legs[0].theirs, NULL) == SETTLED);
    HOLDS(legs[0].given == SETTLED && legs[1].given == SETTLED && legs[0].counted == 0);
    (void)heard(legs[1].theirs, NULL);
    while (!talks())
        continue;
    for (int index = 0; index < 2; ++index) {
        (void)heard(legs[index].theirs, NULL);
        legs[index].given = legs[index].counted = legs[index].updated = 0;
    }
}

static void what_is_plain_is_passed_and_counted_and_pjmedia_asked_twice_a_second(void)
{
    unsigned asked = 0, number;

    begin();
    for (int packet = 0; packet < 100; ++packet)
        asked += (unsigned)talks();
    HOLDS(asked == 4);
    for (int index = 0; index < 2; ++index) {
        struct leg *leg = &legs[index];

        HOLDS(heard(leg->theirs, &number) == 100 && leg->given == 4); /* with the last */
        HOLDS(leg->updated == 96 && leg->counted == 96 && leg->bad == 0);
        HOLDS(leg->octets >= 96 * 160 && leg->last_number == numbers - 1);
        HOLDS(leg->last_time == (numbers - 1) * 160 && number == numbers + 9);
    }
}

static void an_old_one_is_counted_and_not_passed(void)
{
    begin();
    says(0, legs[0].theirs, 0, numbers);
    (void)tick();
    HOLDS(heard(legs[1].theirs, NULL) == 0 && legs[0].given == 0);
    HOLDS(legs[0].counted == 1 && legs[0].bad == 0);
    says(0, legs[0].theirs, 0, numbers); /* for the made-up session an old one by now */
    (void)tick();
    HOLDS(legs[0].counted == 2 && legs[0].bad == 1 && state() == VN_RELAY_ON);
}

static void a_key_and_what_comes_behind_it_pjmedia_has_at_once_and_in_order(void)
{
    uint64_t sent;

    begin();
    says(0, legs[0].theirs, 0, ++numbers);
    says(0, legs[0].theirs, KEY, ++numbers);
    says(0, legs[0].theirs, 0, ++numbers);
    sent = now_ns();
    usleep(5000);
    says(1, legs[1].theirs, 0, numbers);
    HOLDS(tick() && state() == VN_RELAY_ON);
    HOLDS(legs[0].last_at < sent + MS);
    HOLDS(heard(legs[1].theirs, NULL) == 3 && heard(legs[0].theirs, NULL) == 1);
    HOLDS(legs[0].counted == 1 && legs[0].given == 2 && legs[0].had_key == 1);
    HOLDS(legs[0].last[1] == 0 && legs[0].last_port == ntohs(legs[0].to.sin_port));
    HOLDS(legs[1].counted == 1 && legs[1].given == 0);
}

static void who_sends_from_elsewhere_ends_it_and_is_pjmedias_to_judge(void)
{
    struct sockaddr_in at;
    socklen_t size = sizeof(at);

    begin();
    HOLDS(getsockname(legs[0].elsewhere, (struct sockaddr *)&at, &size) == 0);
    for (int packet = 0; packet < 7; ++packet) /* more than are read at once */
        says(0, legs[0].elsewhere, 0, ++numbers);
    says(1, legs[1].theirs, 0, numbers);
    HOLDS(tick() && state() == VN_OTHER_SOURCE);
    HOLDS(heard(legs[1].theirs, NULL) == 0 && legs[0].counted == 0 && legs[0].given == 7);
    HOLDS(legs[0].last_port == ntohs(at.sin_port) && legs[1].given == 1);
}

static void stub(int sock)
{
    HOLDS(sendto(sock, "1", 1, 0, (struct sockaddr *)&legs[0].at, sizeof(legs[0].at)) == 1);
}

/* By what it read last pjmedia says where a party is, and by that strangers are kept out. */
static void of_one_who_is_cut_to_a_byte_pjmedia_hears_nothing(void)
{
    char host[48];
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    int asks;

    begin();
    HOLDS(getsockname(legs[0].elsewhere, (struct sockaddr *)&at, &size) == 0);
    for (int packet = 0; packet < 30; ++packet) {
        stub(legs[0].elsewhere);
        if (packet % 2)
            says(0, legs[0].theirs, KEY, ++numbers);
        stub(legs[0].elsewhere);
        (void)talks();
        HOLDS(vn_arrival_stub(legs[0].ours, host, sizeof(host)) == ntohs(at.sin_port));
    }
    HOLDS(state() == VN_RELAY_ON && legs[0].given >= 15);
    HOLDS(legs[0].strangers == 0);
    for (int packet = 0; packet < 20; ++packet) { /* what comes while pjmedia is asked waits */
        now += 20 * MS;
        says(0, legs[0].theirs, 0, ++numbers);
        says(1, legs[1].theirs, packet % 2 ? KEY : 0, numbers);
        vn_relay_before(now);
        vn_arrival_begin(now);
        asks = vn_relay_read();
        stub(legs[0].elsewhere);
        if (asks)
            poll_made_up();
        vn_arrival_end();
        HOLDS(vn_relay_carries(now));
    }
    HOLDS(legs[0].strangers == 0 && state() == VN_RELAY_ON);
}

static void where_pjmedia_sends_to_it_follows(void)
{
    unsigned number;

    begin();
    HOLDS(!talks() && heard(legs[1].theirs, NULL) == 1);
    {
        socklen_t size = sizeof(legs[1].to);
        HOLDS(getsockname(legs[1].elsewhere, (struct sockaddr *)&legs[1].to, &size) == 0);
    }
    for (int packet = 0; packet < 25; ++packet)
        (void)talks();
    (void)heard(legs[1].theirs, NULL);
    (void)heard(legs[1].elsewhere, NULL);
    (void)talks();
    HOLDS(heard(legs[1].theirs, NULL) == 0 && heard(legs[1].elsewhere, &number) == 1);
}

static void nothing_is_left_for_a_socket_of_later(void)
{
    uint8_t packet[ROOM];
    uint32_t source, time;
    ptrdiff_t length = sizeof(packet);

    begin();
    reads = 0;
    says(0, legs[0].theirs, KEY, ++numbers);
    HOLDS(tick());
    reads = 1;
    vn_arrival_begin(now);
    HOLDS(pj_sock_recvfrom(legs[0].ours, packet, &length, MSG_DONTWAIT, NULL, NULL) ==
          PJ_ERRNO_START_SYS + EAGAIN);
    vn_arrival_end();
    HOLDS(!vn_arrival_rtp(legs[0].ours, &source, &time));
}

static void a_socket_of_a_stream_that_is_gone_is_not_read(void)
{
    begin();
    for (int index = 0; index < 2; ++index)
        says(index, legs[index].theirs, 0, ++numbers);
    vn_relay_before(now += 20 * MS);
    vn_relay_let_go(&legs[0]); /* in the midst of a tick */
    vn_arrival_begin(now);
    HOLDS(vn_relay_read());
    vn_arrival_end();
    for (int index = 0; index < 2; ++index)
        HOLDS(heard(legs[index].ours, NULL) == 1 && legs[index].counted == 0);
}

static void what_goes_through_is_recorded(void)
{
    static uint8_t into[VN_CAPTURE_ROOM];
    unsigned lost, taken;

    begin();
    vn_capture_begin(1, 1);
    HOLDS(!talks());
    taken = vn_capture_take(into, &lost);
    vn_capture_end();
    HOLDS(lost == 0 && taken == 4 * (sizeof(struct vn_captured) + PACKET));
}

static uint64_t seed = 1;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

/* Packets of a stream with losses and repetitions among such as are changed, cut or made up. */
static void fuzz(unsigned rounds)
{
    unsigned ended = 0, carried = 0;

    begin();
    for (unsigned round = 0; round < rounds; ++round) {
        for (unsigned count = below(6); count > 0; --count) {
            const struct leg *leg = &legs[below(2)];
            uint8_t packet[300];
            const size_t size = 1 + below(sizeof(packet));

            for (size_t at = 0; at < size; ++at)
                packet[at] = (uint8_t)below(256);
            if (below(40) == 0)
                (void)sendto(below(4) ? leg->theirs : leg->elsewhere, packet, size, 0,
                             (const struct sockaddr *)&leg->at, sizeof(leg->at));
            else
                says((int)(leg - legs), leg->theirs, below(50) ? 0 : KEY, numbers + below(3));
        }
        (void)talks();
        ended += state() != VN_RELAY_ON;
        carried += heard(legs[0].theirs, NULL) + heard(legs[1].theirs, NULL);
        if (state() != VN_RELAY_ON && below(4) == 0)
            begin();
    }
    HOLDS(ended > 10 && carried > rounds);
}

int main(int count, char **words)
{
    vn_pj.pjmedia_stream_get_rtp_session_info = get_sessions;
    vn_pj.pjmedia_stream_get_transport = get_transport;
    vn_pj.pjmedia_stream_get_port = get_port;
    vn_pj.pjmedia_stream_pause = switch_made_up;
    vn_pj.pjmedia_stream_resume = switch_made_up;
    vn_pj.pjmedia_port_get_frame = get_frame;
    vn_pj.pjmedia_rtcp_tx_rtp = count_sent;
    vn_pj.pjmedia_rtp_session_update2 = update;
    vn_pj.pjmedia_rtcp_rx_rtp2 = count_received;
    vn_pj.pj_sock_select = select_made_up;
    vn_pj.PJ_FD_ISSET = is_set;
    vn_pj.PJ_FD_SET = set;
    vn_pj.PJ_FD_CLR = unset;
    what_is_plain_is_passed_and_counted_and_pjmedia_asked_twice_a_second();
    an_old_one_is_counted_and_not_passed();
    a_key_and_what_comes_behind_it_pjmedia_has_at_once_and_in_order();
    who_sends_from_elsewhere_ends_it_and_is_pjmedias_to_judge();
    of_one_who_is_cut_to_a_byte_pjmedia_hears_nothing();
    where_pjmedia_sends_to_it_follows();
    nothing_is_left_for_a_socket_of_later();
    a_socket_of_a_stream_that_is_gone_is_not_read();
    what_goes_through_is_recorded();
    fuzz(count > 1 ? (unsigned)atoi(words[1]) : 2000);
    return 0;
}
