/* The relay and pjmedia. Ways are asked for on the call's thread and gone on the clock's alone,
 * between two of its ticks; what both touch is under the lock. */
#include "relay.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "ahead.h"
#include "arrival.h"
#include "coding.h"
#include "law.h"
#include "sink.h"
#include "streams.h"

#define MS 1000000LL
/* Of one party: then the other is to hear silence, as the bridge has it. */
#define QUIET_NS (100 * MS)
/* RFC 3550 section 6.2, spread as pjmedia's own are. */
#define REPORT_NS (4500 * MS)
#define REPORT_SPREAD_MS 1000
/* So many packets of each party pjmedia has itself, which decides by them where a party is. */
#define SETTLED 25
/* How often it is asked then, and has a packet of each all the same: for the parties' reports, and
 * to say where it hears them from and sends to. Reports count as of their arrival, if that is not too
 * long ago (OLDEST_NS in arrival.c). */
#define ASK_NS (500 * MS)
/* A party that tells nothing more of a key for so long has let go of it. */
#define KEY_OVER_NS (1000 * MS)

enum {
    HEADER_TIME = 4,
    ADDRESS_ROOM = 28, /* struct sockaddr_in6 */
};

struct leg {
    struct vn_forwarding in;
    struct vn_coding coding;
    struct vn_sink to;            /* the other leg */
    uint8_t *receiving;           /* of the leg it comes from, its pjmedia_rtp_session */
    uint8_t *received;            /* and its pjmedia_rtcp_session */
    int64_t heard_ns, report_ns;
    int64_t key_ns;               /* when a packet of a key was last passed on; 0: none was */
    int passed_key;               /* by the packet that was read last, in this tick */
    unsigned packets;             /* passed on */
    uint8_t from[ADDRESS_ROOM]; /* where its packets come from; pjmedia decides on another */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int busy;   /* whether there is anything to do at all */
static uint32_t state = VN_RELAY_ENDED;
static int asked;
static struct vn_way wanted[2];
static struct leg legs[2];
static void *stale[2];    /* streams whose jitter buffers hold what the relay has sent */
static int64_t began_ns, now_ns, ask_ns;
static int pjmedia_has_all; /* of this tick's packets */
static uint64_t forwarded;

static uint32_t read_32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* What is in the jitter buffers by now was heard already. */
static void empty_buffers(void)
{
    for (int index = 0; index < 2; ++index) {
        if (stale[index])
            vn_stream_drop_heard(stale[index]);
        stale[index] = NULL;
    }
}

static void end(uint32_t why)
{
    asked = 0;
    if (state != VN_RELAY_ON)
        return;
    state = why;
    for (int index = 0; index < 2; ++index)
        stale[index] = legs[index].in.way.from;
}

static int64_t next_report(int64_t now)
{
    return now + REPORT_NS + (int64_t)(random() % REPORT_SPREAD_MS) * MS;
}

/* The codec of a way that codes is the wider one's stream's. */
static int is_coded(struct leg *leg, const struct vn_way *way)
{
    const int is_wide_to = way->law == VN_LAW_MU_TO_G722 || way->law == VN_LAW_A_TO_G722;

    if (!vn_law_is_coded(way->law))
        return 1;
    leg->in.coding = &leg->coding;
    return vn_coding_begin(&leg->coding, way->law, is_wide_to ? way->to : way->from);
}

/* Take over from a stream where it is; 0 if it is nowhere yet. */
static int is_taken_over(struct leg *leg, const struct vn_way *way, int64_t now)
{
    pjmedia_stream_rtp_sess_info from = { 0 };

    leg->key_ns = 0;
    if (!vn_forwarding_begin(&leg->in, way, now) ||
        vn_pj.pjmedia_stream_get_rtp_session_info(way->from, &from) != PJ_SUCCESS ||
        !is_coded(leg, way))
        return 0;
    leg->receiving = from.rx_rtp;
    leg->received = (uint8_t *)from.rtcp;
    leg->packets = 0;
    leg->heard_ns = now;
    leg->report_ns = next_report(now);
    return vn_sink_begin(&leg->to, way->to);
}

int vn_relay_begin(const struct vn_way ways[2])
{
    struct vn_forwarding tried;
    int can = 1;

    for (int index = 0; index < 2; ++index)
        can = can && ways[index].from && ways[index].to &&
              vn_forwarding_begin(&tried, &ways[index], 0);
    if (!can)
        return 0;
    pthread_mutex_lock(&lock);
    if (state != VN_RELAY_ON) {
        memcpy(wanted, ways, sizeof(wanted));
        asked = 1;
        atomic_store(&busy, 1);
    }
    pthread_mutex_unlock(&lock);
    return 1;
}

void vn_relay_end(void)
{
    pthread_mutex_lock(&lock);
    end(VN_RELAY_ENDED);
    pthread_mutex_unlock(&lock);
}

/* Of such as go to this stream; NULL: of all. */
static void forget_keys(const void *stream)
{
    for (struct leg *leg = legs; leg < legs + 2; ++leg)
        if (stream == NULL || leg->in.way.to == stream)
            leg->key_ns = 0;
}

void vn_relay_cut(const void *stream)
{
    pthread_mutex_lock(&lock);
    end(VN_RELAY_ENDED);
    forget_keys(stream);
    pthread_mutex_unlock(&lock);
}

void vn_relay_let_go(const void *stream)
{
    vn_streams_forget(stream);
    pthread_mutex_lock(&lock);
    end(VN_RELAY_ENDED);
    forget_keys(stream);
    for (int index = 0; index < 2; ++index)
        if (stream == NULL || stale[index] == stream)
            stale[index] = NULL;
    pthread_mutex_unlock(&lock);
}

int vn_relay_passed_key(int sock)
{
    int passed = 0;

    pthread_mutex_lock(&lock);
    for (int index = 0; index < 2; ++index)
        if (legs[index].in.way.sock == sock)
            passed |= legs[index].passed_key;
    pthread_mutex_unlock(&lock);
    return passed;
}

void vn_relay_figures(struct vn_relay_figures *out)
{
    pthread_mutex_lock(&lock);
    out->state = state;
    out->asked = (uint32_t)asked;
    out->forwarded = forwarded;
    pthread_mutex_unlock(&lock);
}

/* Whether a relay that has ended, or the bridge, is in the midst of a key: it goes on as it began. */
static int is_telling_key(int64_t now)
{
    for (struct leg *leg = legs; leg < legs + 2; ++leg) {
        if (leg->key_ns && now - leg->key_ns > KEY_OVER_NS)
            leg->key_ns = 0;
        if (leg->key_ns)
            return 1;
    }
    return 0;
}

static void begin(int64_t now)
{
    asked = 0;
    began_ns = now;
    if (is_telling_key(now) || vn_stream_tells_key(wanted[0].to) || vn_stream_tells_key(wanted[1].to))
        state = VN_OLD_KEY;
    else
        state = is_taken_over(&legs[0], &wanted[0], now) && is_taken_over(&legs[1], &wanted[1], now)
                    ? VN_RELAY_ON : VN_RELAY_UNREADY;
}

void vn_relay_before(int64_t now)
{
    if (!atomic_load(&busy))
        return;
    pthread_mutex_lock(&lock);
    empty_buffers();
    now_ns = now;
    legs[0].passed_key = legs[1].passed_key = 0;
    if (asked)
        begin(now);
    if (state != VN_RELAY_ON && !is_telling_key(now))
        atomic_store(&busy, 0);
    pthread_mutex_unlock(&lock);
}

int vn_relay_carries(int64_t now)
{
    int carries;

    if (!atomic_load(&busy))
        return 0;
    pthread_mutex_lock(&lock);
    for (int index = 0; state == VN_RELAY_ON && index < 2; ++index) {
        struct leg *leg = &legs[index];

        if (now - leg->heard_ns > QUIET_NS) {
            end(VN_RELAY_QUIET);
        } else if (now >= leg->report_ns) {
            leg->report_ns = next_report(now);
            (void)vn_pj.pjmedia_stream_send_rtcp_sdes(leg->in.way.to);
        }
    }
    empty_buffers();
    carries = state == VN_RELAY_ON;
    pthread_mutex_unlock(&lock);
    return carries;
}

/* The first packet comes as many packet times after the bridge's last one as time has passed. */
static void follow(struct leg *leg)
{
    const uint32_t missed = (uint32_t)((now_ns - began_ns) / leg->in.packet_ns);

    vn_forwarding_follow(&leg->in, vn_sink_source(&leg->to), vn_sink_next_number(&leg->to),
                         vn_sink_time(&leg->to) + leg->in.way.units * (1 + missed));
}

static int is_from_elsewhere(struct leg *leg, const void *from, size_t from_size)
{
    uint8_t address[ADDRESS_ROOM] = { 0 };

    memcpy(address, from, from_size < ADDRESS_ROOM ? from_size : ADDRESS_ROOM);
    if (!leg->in.begun)
        memcpy(leg->from, address, ADDRESS_ROOM);
    return memcmp(leg->from, address, ADDRESS_ROOM) != 0;
}

/* What a stream of pjmedia does with each packet before it is decoded. */
static void note_received(struct leg *leg, const uint8_t *packet)
{
    pjmedia_rtp_status status = { 0 };

    vn_pj.pjmedia_rtp_session_update2(leg->receiving, packet, &status, 0);
    vn_pj.pjmedia_rtcp_rx_rtp2((pjmedia_rtcp_session *)leg->received,
                               (unsigned)(packet[2] << 8 | packet[3]),
                               ntohl(read_32(packet + HEADER_TIME)), leg->in.way.bytes,
                               (int)(status.flags & PJMEDIA_RTP_BAD));
}

/* What is left of a key whose beginning was passed on is passed on too, beside what the bridge says:
 * else it would have no end, or last shorter than it was pressed. */
static void take_rest(struct leg *leg, const uint8_t *packet, size_t size, int is_elsewhere)
{
    uint8_t out[VN_RTP_HEADER + VN_LONGEST_PAYLOAD];
    size_t length;

    leg->passed_key = 0;
    if (!leg->key_ns || is_elsewhere ||
        !vn_forwarding_take_rest(&leg->in, packet, size, vn_sink_next_number(&leg->to), out, &length))
        return;
    leg->passed_key = 1;
    leg->key_ns = now_ns;
    ++forwarded;
    leg->to.sent.to_size = 0; /* where that is pjmedia says */
    if (vn_sink_send(&leg->to, out, length))
        vn_sink_note_number(&leg->to, out, length);
}

static int take(struct leg *leg, const uint8_t *packet, size_t size, int is_elsewhere)
{
    uint8_t out[VN_RTP_HEADER + VN_LONGEST_PAYLOAD];
    size_t length;
    int verdict, is_key;

    if (!leg->in.begun)
        follow(leg);
    leg->passed_key = 0;
    verdict = is_elsewhere ? VN_OTHER_SOURCE
                           : vn_forwarding_take(&leg->in, packet, size, now_ns, out, &length);
    if (verdict == VN_FORWARDED) {
        leg->heard_ns = now_ns;
        is_key = (out[1] & 0x7F) == leg->in.way.events_to;
        leg->passed_key = is_key;
        if (is_key)
            leg->key_ns = now_ns;
        ++leg->packets;
        ++forwarded;
        if (vn_sink_send(&leg->to, out, length))
            vn_sink_note(&leg->to, out, length, leg->in.way.units, is_key);
    } else if (verdict != VN_LEFT && verdict != VN_NOT_RTP) {
        end((uint32_t)verdict);
        empty_buffers();
        take_rest(leg, packet, size, is_elsewhere);
    }
    return verdict;
}

static void note(struct leg *leg, struct vn_datagram *datagram)
{
    vn_arrival_note(leg->in.way.sock, datagram->bytes, datagram->size, &datagram->from,
                    datagram->from_size, datagram->arrived_ns);
    datagram->is_noted = 1;
}

/* Whether pjmedia would do nothing with a datagram but count it, which is done. */
static int is_passed(struct leg *leg, struct vn_datagram *datagram)
{
    const uint8_t *packet = datagram->bytes;
    int verdict;

    note(leg, datagram);
    verdict = take(leg, packet, datagram->size,
                   is_from_elsewhere(leg, &datagram->from, datagram->from_size));
    if ((verdict != VN_FORWARDED && verdict != VN_LEFT) ||
        (packet[1] & 0x7F) != leg->in.way.payload || pjmedia_has_all)
        return 0;
    note_received(leg, packet);
    return 1;
}

/* pjmedia heeds nothing so short, but would note where it came from as where the party is. */
static void swallow_short(struct leg *leg, struct vn_datagram *datagrams, unsigned count)
{
    for (struct vn_datagram *datagram = datagrams; datagram < datagrams + count; ++datagram)
        if (datagram->size < VN_RTP_HEADER) {
            note(leg, datagram);
            datagram->size = 0;
        }
}

/* Return whether all that came was the relay's. */
static int is_read(unsigned index)
{
    struct leg *leg = &legs[index];
    struct vn_datagram *first;
    unsigned count, at;

    do {
        count = vn_ahead_read(index, leg->in.way.sock, &first);
        swallow_short(leg, first, count);
        for (at = 0; at < count; ++at)
            if (first[at].size && !is_passed(leg, &first[at])) {
                vn_ahead_leave(index, at);
                return 0;
            }
    } while (count == VN_AHEAD_MOST);
    return 1;
}

int vn_relay_read(void)
{
    int asks = 1;

    if (!atomic_load(&busy))
        return 1;
    pthread_mutex_lock(&lock);
    if (legs[0].packets < SETTLED || legs[1].packets < SETTLED) {
        ask_ns = 0; /* with the first that is read here */
        legs[0].to.sent.to_size = legs[1].to.sent.to_size = 0;
    } else if (state == VN_RELAY_ON) {
        pjmedia_has_all = asks = now_ns >= ask_ns;
        if (asks) {
            ask_ns = now_ns + ASK_NS;
            legs[0].to.sent.to_size = legs[1].to.sent.to_size = 0;
        }
        for (unsigned index = 0; state == VN_RELAY_ON && index < 2; ++index)
            asks |= !is_read(index);
        if (state != VN_RELAY_ON)
            vn_ahead_release();
    }
    pthread_mutex_unlock(&lock);
    return asks;
}

void vn_relay_packet(int sock, const uint8_t *packet, size_t size, const void *from,
                     size_t from_size)
{
    if (!atomic_load(&busy))
        return;
    pthread_mutex_lock(&lock);
    for (struct leg *leg = legs; leg < legs + 2; ++leg)
        if (leg->in.way.sock == sock) {
            const int is_elsewhere = is_from_elsewhere(leg, from, from_size);

            if (state == VN_RELAY_ON)
                (void)take(leg, packet, size, is_elsewhere);
            else
                take_rest(leg, packet, size, is_elsewhere);
            break;
        }
    pthread_mutex_unlock(&lock);
}
