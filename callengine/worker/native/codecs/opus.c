/* OPUS: what pjmedia asks of a codec for each packet; as `plugins/opus.py` does it. */
#include "codecs.h"

#include <string.h>

enum {
    CLOCK_HZ = 48000,
    MAX_PACKET_SAMPLES = CLOCK_HZ / 1000 * 120,
    PIECE_SAMPLES = CLOCK_HZ / 1000 * 20,
    MAX_PIECE_BYTES = 1280,
    MAX_REMEMBERED_BYTES = sizeof((vn_opus_piece *)0)->payload,
    MAX_PACKET_BYTES = 1400,
    REMEMBERED = sizeof((vn_opus *)0)->remembered / sizeof(vn_opus_piece),
    DURATION_CHANGED = 0x10000, /* pjmedia reads it in bit_info of the first frame */
};

/* How a packet is made (RFC 6716 section 3.1): frames of so many samples at 48000 Hz. */
typedef struct { unsigned frames, frame_samples, may_carry_fec; } shape;

static vn_opus *state_of(pjmedia_codec *codec) { return codec->codec_data; }

static unsigned frame_samples_of(unsigned config)
{
    static const uint16_t silk[4] = {480, 960, 1920, 2880}, celt[4] = {120, 240, 480, 960};

    if (config < 12)
        return silk[config & 3];
    return config < 16 ? silk[config & 1] : celt[config & 3];
}

/* Return 0 for bytes that are no Opus packet. */
static int read_shape(const uint8_t *packet, size_t size, shape *found)
{
    unsigned code;

    if (size < 1)
        return 0;
    code = packet[0] & 3;
    found->frames = code == 0 ? 1 : 2;
    if (code == 3)
        found->frames = size > 1 ? packet[1] & 63 : 0;
    found->frame_samples = frame_samples_of(packet[0] >> 3);
    found->may_carry_fec = packet[0] >> 3 < 16;
    return found->frames && found->frames * found->frame_samples <= MAX_PACKET_SAMPLES;
}

/* Return how many frames make one piece, all alike; at most 20 ms where it can. 0: it cannot. */
static unsigned frames_per_piece(const shape *packet, unsigned max_pieces)
{
    const unsigned fit = PIECE_SAMPLES / packet->frame_samples, wanted = fit ? fit : 1;
    unsigned count = wanted < packet->frames ? wanted : packet->frames;

    for (; count > 0; --count)
        if (packet->frames % count == 0 && packet->frames / count <= max_pieces)
            return count;
    for (count = wanted + 1; count <= packet->frames; ++count)
        if (packet->frames % count == 0 && packet->frames / count <= max_pieces)
            return count;
    return 0;
}

static int split(vn_opus *opus, const void *packet, size_t size, unsigned pieces,
                 unsigned per_piece, pjmedia_frame *frames)
{
    int32_t position = 0;

    if (!opus->repacketizer || size > INT32_MAX)
        return 0;
    opus->repacketizer_init(opus->repacketizer);
    if (opus->repacketizer_cat(opus->repacketizer, packet, (int32_t)size) < 0)
        return 0;
    for (unsigned index = 0; index < pieces; ++index) {
        const int first = (int)(index * per_piece);
        uint8_t *to = opus->pieces + position;
        const int32_t length = opus->repacketizer_out_range(
            opus->repacketizer, first, first + (int)per_piece, to,
            (int32_t)sizeof(opus->pieces) - position);
        if (length < 0)
            return 0;
        frames[index].buf = to;
        frames[index].size = (size_t)length;
        position += length;
    }
    return 1;
}

static vn_opus_piece *piece_at(vn_opus *opus, uint64_t timestamp)
{
    for (unsigned index = 0; index < REMEMBERED; ++index)
        if (opus->remembered[index].size && opus->remembered[index].timestamp == timestamp)
            return &opus->remembered[index];
    return NULL;
}

/* Return the oldest piece with these bytes. */
static vn_opus_piece *piece_of(vn_opus *opus, const void *payload, size_t size)
{
    vn_opus_piece *oldest = NULL;

    for (unsigned index = 0; index < REMEMBERED; ++index) {
        vn_opus_piece *piece = &opus->remembered[index];
        if (piece->size == size && (!oldest || (int32_t)(piece->order - oldest->order) < 0)
            && !memcmp(piece->payload, payload, size))
            oldest = piece;
    }
    return oldest;
}

/* Return where the next piece is kept: in the first free place, else in that of the oldest. */
static vn_opus_piece *place(vn_opus *opus, uint64_t timestamp)
{
    vn_opus_piece *oldest = piece_at(opus, timestamp);

    for (unsigned index = 0; !oldest && index < REMEMBERED; ++index)
        if (!opus->remembered[index].size)
            oldest = &opus->remembered[index];
    if (oldest)
        return oldest;
    oldest = opus->remembered;
    for (unsigned index = 1; index < REMEMBERED; ++index)
        if ((int32_t)(opus->remembered[index].order - oldest->order) < 0)
            oldest = &opus->remembered[index];
    return oldest;
}

/* The packet after a lost one carries a copy of it (in-band FEC). It has usually arrived when the
 * loss is played, and waits in pjmedia's jitter buffer, out of our reach. */
static void remember(vn_opus *opus, const pjmedia_frame *frames, unsigned pieces)
{
    for (unsigned index = 0; index < pieces; ++index) {
        vn_opus_piece *piece;
        if (frames[index].size > MAX_REMEMBERED_BYTES)
            continue;
        piece = place(opus, frames[index].timestamp.u64);
        piece->timestamp = frames[index].timestamp.u64;
        piece->order = opus->order++;
        piece->size = (uint32_t)frames[index].size;
        memcpy(piece->payload, frames[index].buf, piece->size);
    }
}

static pj_status_t parse(pjmedia_codec *codec, void *packet, size_t size, const pj_timestamp *at,
                         unsigned *count, pjmedia_frame *frames)
{
    vn_opus *opus = state_of(codec);
    const unsigned most = *count;
    shape made;
    unsigned per_piece, pieces, step, samples;

    *count = 0;
    if (!opus->rate_hz || !read_shape(packet, size, &made)
        || !(per_piece = frames_per_piece(&made, most)))
        return vn_failed(&opus->codec, VN_PARSE);
    pieces = made.frames / per_piece;
    step = made.frame_samples * per_piece;
    samples = step / (CLOCK_HZ / opus->rate_hz);
    frames[0].buf = packet;
    frames[0].size = size;
    if (pieces > 1 && !split(opus, packet, size, pieces, per_piece, frames))
        return vn_failed(&opus->codec, VN_PARSE);
    for (unsigned index = 0; index < pieces; ++index) {
        if (frames[index].size > MAX_PIECE_BYTES)
            return vn_failed(&opus->codec, VN_PARSE);
        frames[index].type = PJMEDIA_FRAME_TYPE_AUDIO;
        frames[index].bit_info = samples;
        frames[index].timestamp.u64 = at->u64 + (uint64_t)index * step;
    }
    if (samples != opus->frame_samples) {
        opus->frame_samples = samples;
        frames[0].bit_info = DURATION_CHANGED | samples;
    }
    if (made.may_carry_fec)
        remember(opus, frames, pieces);
    *count = pieces;
    return PJ_SUCCESS;
}

static pj_status_t encode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_opus *opus = state_of(codec);
    const unsigned room = out_size < MAX_PACKET_BYTES ? out_size : MAX_PACKET_BYTES;
    size_t samples;
    int32_t length;

    if (!opus->encoder)
        return vn_failed(&opus->codec, VN_ENCODE);
    samples = frame->size / (2 * opus->channels);
    if (samples > MAX_PACKET_SAMPLES)
        return vn_failed(&opus->codec, VN_ENCODE);
    length = opus->encode(opus->encoder, frame->buf, (int)samples, out->buf, (int32_t)room);
    if (length < 0)
        return vn_failed(&opus->codec, VN_ENCODE);
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = (size_t)length;
    out->timestamp = frame->timestamp;
    return PJ_SUCCESS;
}

static pj_status_t decoded(vn_opus *opus, int samples, int operation, pjmedia_frame *out)
{
    if (samples < 0)
        return vn_failed(&opus->codec, operation);
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = (size_t)samples * 2 * opus->channels;
    return PJ_SUCCESS;
}

static pj_status_t decode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_opus *opus = state_of(codec);
    vn_opus_piece *piece;
    int samples;

    if (!opus->decoder || frame->size > MAX_PIECE_BYTES)
        return vn_failed(&opus->codec, VN_DECODE);
    piece = frame->size ? piece_of(opus, frame->buf, frame->size) : NULL;
    opus->playing = piece != NULL;
    if (piece) {
        opus->played = piece->timestamp;
        piece->size = 0;
    }
    samples = opus->decode(opus->decoder, frame->buf, (int32_t)frame->size, out->buf,
                           (int)(out_size / (2 * opus->channels)), 0);
    return decoded(opus, samples, VN_DECODE, out);
}

static pj_status_t recover(pjmedia_codec *codec, unsigned out_size, pjmedia_frame *out)
{
    vn_opus *opus = state_of(codec);
    const vn_opus_piece *following = NULL;
    unsigned wanted;
    int samples;

    if (!opus->decoder)
        return vn_failed(&opus->codec, VN_RECOVER);
    wanted = out_size / (2 * opus->channels);
    if (wanted > opus->frame_samples)
        wanted = opus->frame_samples;
    if (opus->playing) {
        const uint64_t step = (uint64_t)opus->frame_samples * (CLOCK_HZ / opus->rate_hz);
        opus->played += step;
        following = piece_at(opus, opus->played + step);
    }
    samples = opus->decode(opus->decoder, following ? following->payload : NULL,
                           following ? (int32_t)following->size : 0, out->buf, (int)wanted,
                           following != NULL);
    return decoded(opus, samples, VN_RECOVER, out);
}

const pjmedia_codec_op *vn_opus_operations(void)
{
    static const pjmedia_codec_op operations = {
        .parse = parse, .encode = encode, .decode = decode, .recover = recover,
    };
    return &operations;
}
