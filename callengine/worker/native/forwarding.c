/* One offset of sequence numbers and one of timestamps, for as long as the stream goes on. */
#include "forwarding.h"

#include <string.h>

#include "coding.h"
#include "law.h"

#define NS_PER_S 1000000000LL

enum {
    CLOCK_HZ = 8000,
    MOST_SKIPPED = 100,        /* sequence numbers, as pjmedia's MAX_MISORDER */
    LONGEST_PAUSE = CLOCK_HZ,  /* in units of the clock */
    BURST_PACKETS = 16,        /* what may come at once, of a party or a network that was stalled */
    EVENT_BYTES = 4,           /* RFC 4733 section 2.3 */
    ENDED = 0x80,              /* in the second of them */
    LONGEST_KEY = 0xFFFF,      /* a longer one goes on in an event of its own (section 2.5.1.3) */
};

struct packet {
    uint8_t marker, payload_type;
    uint16_t number;
    uint32_t time, source;
    const uint8_t *payload;
    size_t size;
};

static uint16_t read_16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read_32(const uint8_t *at)
{
    return (uint32_t)read_16(at) << 16 | read_16(at + 2);
}

static void write_16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write_32(uint8_t *at, uint32_t value)
{
    write_16(at, (uint16_t)(value >> 16));
    write_16(at + 2, (uint16_t)value);
}

/* Read an RTP packet (RFC 3550 section 5.1), without its contributors, extension and padding. */
static int is_read(struct packet *to, const uint8_t *packet, size_t size)
{
    size_t begin = VN_RTP_HEADER, end = size;

    if (size < VN_RTP_HEADER || packet[0] >> 6 != 2)
        return 0;
    begin += 4 * (packet[0] & 0x0Fu);
    if (packet[0] & 0x10) {
        if (begin + 4 > size)
            return 0;
        begin += 4 + 4 * (size_t)read_16(packet + begin + 2);
    }
    if (begin >= size)
        return 0;
    if (packet[0] & 0x20) {
        if (packet[size - 1] == 0 || packet[size - 1] >= size - begin)
            return 0;
        end -= packet[size - 1];
    }
    to->marker = packet[1] & 0x80;
    to->payload_type = packet[1] & 0x7F;
    to->number = read_16(packet + 2);
    to->time = read_32(packet + 4);
    to->source = read_32(packet + 8);
    to->payload = packet + begin;
    to->size = end - begin;
    return 1;
}

int vn_forwarding_begin(struct vn_forwarding *state, const struct vn_way *way, int64_t now_ns)
{
    if (way->bytes == 0 || way->bytes > VN_LONGEST_PAYLOAD || way->units == 0 ||
        way->payload > 127 || way->payload_to > 127)
        return 0;
    memset(state, 0, sizeof(*state));
    state->way = *way;
    state->packet_ns = way->units * NS_PER_S / CLOCK_HZ;
    state->credit_ns = BURST_PACKETS * state->packet_ns;
    state->seen_ns = now_ns;
    return 1;
}

void vn_forwarding_follow(struct vn_forwarding *state, uint32_t source, uint16_t number,
                          uint32_t time)
{
    state->source_to = source;
    state->number_offset = number;
    state->time_offset = time;
}

/* Return whether so many may come; a source's clock may be a tenth faster than ours. */
static int is_paid(struct vn_forwarding *state, int64_t now_ns)
{
    if (now_ns > state->seen_ns) {
        state->credit_ns += now_ns - state->seen_ns;
        state->seen_ns = now_ns;
    }
    if (state->credit_ns > BURST_PACKETS * state->packet_ns)
        state->credit_ns = BURST_PACKETS * state->packet_ns;
    state->credit_ns -= state->packet_ns * 9 / 10;
    return state->credit_ns >= 0;
}

/* The first packet of all settles what the others are held against. */
static void take_first(struct vn_forwarding *state, const struct packet *packet)
{
    state->begun = 1;
    state->source = packet->source;
    state->first_time = state->last_time = packet->time;
    state->last_number = (uint16_t)(packet->number - 1);
    state->number_offset = (uint16_t)(state->number_offset - packet->number);
    state->time_offset -= packet->time;
    state->last_is_audio = 0;
}

/* Hold a packet against the last one. */
static int verdict_of_time(struct vn_forwarding *state, const struct packet *packet, int is_audio)
{
    const int16_t ahead = (int16_t)(packet->number - state->last_number);
    const uint32_t passed = packet->time - state->last_time;

    if (ahead > MOST_SKIPPED || ahead < -MOST_SKIPPED)
        return VN_OTHER_TIME;
    if (ahead <= 0) {
        if (ahead == 0 || -ahead >= state->span)
            return VN_LEFT;
        /* What is coded goes on from what was: the bridge's jitter buffer has it in order. */
        return is_audio && vn_law_is_coded(state->way.law) ? VN_OTHER_TIME : VN_FORWARDED;
    }
    if (passed > LONGEST_PAUSE && !state->has_event)
        return VN_OTHER_TIME;
    if (passed > 8u * LONGEST_PAUSE)
        return VN_OTHER_TIME;
    if (is_audio && state->last_is_audio && !packet->marker &&
        passed != (uint32_t)ahead * state->way.units)
        return VN_OTHER_TIME;
    state->span = (uint16_t)(state->span + ahead > MOST_SKIPPED ? MOST_SKIPPED : state->span + ahead);
    state->last_number = packet->number;
    state->last_time = packet->time;
    state->last_is_audio = (uint8_t)is_audio;
    state->has_event = !is_audio;
    return VN_FORWARDED;
}

static int verdict_of_payload(const struct vn_forwarding *state, const struct packet *packet,
                              int is_audio)
{
    const struct vn_way *way = &state->way;

    if (is_audio) {
        const int can_code = !vn_law_is_coded(way->law) || state->coding != NULL;

        return can_code && packet->size == way->bytes ? VN_FORWARDED : VN_OTHER_PAYLOAD;
    }
    if (packet->payload_type != way->events || packet->size != EVENT_BYTES ||
        way->events == VN_NO_EVENTS || way->events_to > 127)
        return VN_OTHER_PAYLOAD;
    if (!state->begun || (int32_t)(packet->time - state->first_time) < 0)
        return VN_OLD_KEY;
    return VN_FORWARDED;
}

static void note_key(struct vn_forwarding *state, const struct packet *packet)
{
    state->has_key = 1;
    state->key = packet->payload[0];
    state->key_ended = packet->payload[1] & ENDED;
    state->key_lasts = read_16(packet->payload + 2);
    state->key_time = packet->time;
}

/* By the timestamp; but that moves where the longest event is over, and with some senders always. */
static int is_same_key(const struct vn_forwarding *state, const struct packet *packet)
{
    const uint32_t step = packet->time - state->key_time;
    const uint16_t lasts = read_16(packet->payload + 2);
    const int is_longest = state->key_lasts > LONGEST_KEY / 10 * 9;

    if (!state->has_key || packet->payload[0] != state->key)
        return 0;
    return step == 0 || (!state->key_ended && lasts > state->key_lasts && step <= lasts) ||
           (!state->key_ended && is_longest && step <= LONGEST_KEY + state->key_lasts / 10u);
}

static void write_header(const struct vn_forwarding *state, const struct packet *packet,
                         uint8_t second, uint16_t number, uint8_t *out)
{
    out[0] = 0x80;
    out[1] = second;
    write_16(out + 2, number);
    write_32(out + 4, packet->time + state->time_offset);
    write_32(out + 8, state->source_to);
}

int vn_forwarding_take_rest(struct vn_forwarding *state, const uint8_t *packet, size_t size,
                            uint16_t number, uint8_t *out, size_t *length)
{
    const struct vn_way *way = &state->way;
    struct packet read;
    int16_t ahead;

    if (!state->has_key || !is_read(&read, packet, size) || read.source != state->source ||
        read.payload_type != way->events || read.size != EVENT_BYTES || !is_same_key(state, &read))
        return 0;
    ahead = (int16_t)(read.number - state->last_number);
    if (ahead <= 0 || ahead > MOST_SKIPPED)
        return 0;
    state->last_number = read.number;
    note_key(state, &read);
    write_header(state, &read, way->events_to, number, out);
    memcpy(out + VN_RTP_HEADER, read.payload, read.size);
    *length = VN_RTP_HEADER + read.size;
    return 1;
}

int vn_forwarding_take(struct vn_forwarding *state, const uint8_t *packet, size_t size,
                       int64_t now_ns, uint8_t *out, size_t *length)
{
    const struct vn_way *way = &state->way;
    struct packet read;
    int verdict, is_audio;

    if (!is_read(&read, packet, size))
        return VN_NOT_RTP;
    is_audio = read.payload_type == way->payload;
    if (state->begun && read.source != state->source)
        return VN_OTHER_SOURCE;
    if (!is_paid(state, now_ns))
        return VN_TOO_MANY;
    verdict = verdict_of_payload(state, &read, is_audio);
    if (verdict != VN_FORWARDED)
        return verdict;
    if (!state->begun)
        take_first(state, &read);
    verdict = verdict_of_time(state, &read, is_audio);
    if (verdict != VN_FORWARDED)
        return verdict;
    if (!is_audio && read.number == state->last_number)
        note_key(state, &read); /* and not one that comes late */
    write_header(state, &read,
                 (uint8_t)(read.marker | (is_audio ? way->payload_to : way->events_to)),
                 (uint16_t)(read.number + state->number_offset), out);
    if (is_audio && vn_law_is_coded(way->law))
        vn_coding_run(state->coding, way->law, out + VN_RTP_HEADER, read.payload, read.size);
    else
        vn_law_copy(is_audio ? way->law : VN_LAW_KEPT, out + VN_RTP_HEADER, read.payload, read.size);
    *length = VN_RTP_HEADER + read.size;
    return VN_FORWARDED;
}
