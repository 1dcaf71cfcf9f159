/* G.729: what pjmedia asks of a codec for each packet; as `plugins/g729.py` does it. */
#include "codecs.h"

#include <string.h>

enum {
    FRAME_SAMPLES = 80,
    FRAME_BYTES = FRAME_SAMPLES * 2,
    SPEECH_BYTES = 10,
    SID_BYTES = 2,
    MAX_FRAMES = sizeof((vn_g729 *)0)->parsed / SPEECH_BYTES,
};

static vn_g729 *state_of(pjmedia_codec *codec) { return codec->codec_data; }

static pj_status_t parse(pjmedia_codec *codec, void *packet, size_t size, const pj_timestamp *at,
                         unsigned *count, pjmedia_frame *frames)
{
    vn_g729 *g729 = state_of(codec);
    const size_t speech = size / SPEECH_BYTES, rest = size % SPEECH_BYTES;
    size_t found = speech + (rest != 0);
    const unsigned most = *count;

    *count = 0;
    if ((rest && rest != SID_BYTES) || !found || found > MAX_FRAMES || !most)
        return vn_failed(&g729->codec, VN_PARSE);
    memcpy(g729->parsed, packet, size);
    if (found > most)
        found = most;
    for (size_t index = 0; index < found; ++index) {
        frames[index].type = PJMEDIA_FRAME_TYPE_AUDIO;
        frames[index].buf = g729->parsed + index * SPEECH_BYTES;
        frames[index].size = index < speech ? SPEECH_BYTES : SID_BYTES;
        frames[index].bit_info = 0;
        frames[index].timestamp.u64 = at->u64 + index * FRAME_SAMPLES;
    }
    *count = (unsigned)found;
    return PJ_SUCCESS;
}

static pj_status_t encode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_g729 *g729 = state_of(codec);
    const size_t count = frame->size / FRAME_BYTES;
    uint8_t length;

    if (!g729->encoder || !count || count > out_size / SPEECH_BYTES)
        return vn_failed(&g729->codec, VN_ENCODE);
    for (size_t index = 0; index < count; ++index) {
        const int16_t *samples = (const int16_t *)frame->buf + index * FRAME_SAMPLES;
        g729->encode(g729->encoder, samples, g729->coded, &length);
        memcpy((uint8_t *)out->buf + index * SPEECH_BYTES, g729->coded, SPEECH_BYTES);
    }
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = count * SPEECH_BYTES;
    out->timestamp = frame->timestamp;
    return PJ_SUCCESS;
}

static pj_status_t decode_frame(vn_g729 *g729, const void *frame, size_t size, pjmedia_frame *out)
{
    g729->decode(g729->decoder, frame, (uint8_t)size, !size, size == SID_BYTES, 0, out->buf);
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = FRAME_BYTES;
    return PJ_SUCCESS;
}

static pj_status_t decode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_g729 *g729 = state_of(codec);
    const int whole = frame->size == SPEECH_BYTES || frame->size == SID_BYTES;

    if (!g729->decoder || !whole || out_size < FRAME_BYTES)
        return vn_failed(&g729->codec, VN_DECODE);
    return decode_frame(g729, frame->buf, frame->size, out);
}

static pj_status_t recover(pjmedia_codec *codec, unsigned out_size, pjmedia_frame *out)
{
    vn_g729 *g729 = state_of(codec);

    if (!g729->decoder || out_size < FRAME_BYTES)
        return vn_failed(&g729->codec, VN_RECOVER);
    return decode_frame(g729, NULL, 0, out);
}

const pjmedia_codec_op *vn_g729_operations(void)
{
    static const pjmedia_codec_op operations = {
        .parse = parse, .encode = encode, .decode = decode, .recover = recover,
    };
    return &operations;
}
