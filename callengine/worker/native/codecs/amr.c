/* AMR and AMR-WB: what pjmedia asks of a codec for each packet; as `plugins/amr.py` does it. */
#include "codecs.h"
#include "rfc4867.h"

#include <string.h>

static vn_amr *state_of(pjmedia_codec *codec) { return codec->codec_data; }

static const vn_amr_table *table_of(const vn_amr *amr)
{
    return amr->wide ? &vn_amr_wide : &vn_amr_narrow;
}

/* Take the peer's mode request; one that asks for nothing or is not allowed is ignored. */
static void request_mode(vn_amr *amr, unsigned mode)
{
    for (int index = 0; index < amr->mode_count; ++index)
        if ((unsigned)amr->modes[index] == mode)
            __atomic_store_n(&amr->wanted, index, __ATOMIC_RELAXED);
}

/* Return the mode of the next frame sent (RFC 4867 section 8.2: period, neighbours). */
static int next_mode(vn_amr *amr)
{
    const int wanted = __atomic_load_n(&amr->wanted, __ATOMIC_RELAXED);

    if (amr->index != wanted && amr->frames % (unsigned)amr->change_period == 0) {
        if (!amr->neighbours_only)
            amr->index = wanted;
        else
            amr->index += wanted > amr->index ? 1 : -1;
    }
    ++amr->frames;
    return amr->modes[amr->index];
}

static pj_status_t parse(pjmedia_codec *codec, void *packet, size_t size, const pj_timestamp *at,
                         unsigned *count, pjmedia_frame *frames)
{
    vn_amr *amr = state_of(codec);
    const vn_amr_table *table = table_of(amr);
    const unsigned most = *count;
    unsigned mode_request, found;

    *count = 0;
    found = vn_amr_read(table, packet, size, amr->receive_aligned, amr->parsed, &mode_request);
    if (!found) {
        found = vn_amr_read(table, packet, size, !amr->receive_aligned, amr->parsed, &mode_request);
        if (!found)
            return vn_failed(&amr->codec, VN_PARSE);
        vn_failed(&amr->codec, VN_OTHER_FRAMING);
        amr->receive_aligned = !amr->receive_aligned;
    }
    request_mode(amr, mode_request);
    if (found > most)
        found = most;
    for (unsigned index = 0; index < found; ++index) {
        uint8_t *storage = amr->parsed[index];
        /* The decoder libraries take no word on damage (Q): a damaged frame goes as lost. */
        if (!(storage[0] & 0x04))
            storage[0] = table->lost;
        frames[index].type = PJMEDIA_FRAME_TYPE_AUDIO;
        frames[index].buf = storage;
        frames[index].size = vn_amr_storage_size(table, storage[0] >> 3 & 15);
        frames[index].bit_info = 0;
        frames[index].timestamp.u64 = at->u64 + (uint64_t)index * table->frame_samples;
    }
    *count = found;
    return found ? PJ_SUCCESS : PJ_EINVAL;
}

/* Encode one frame into storage format; 0 if the library wrote no frame. */
static int encode_one(vn_amr *amr, const vn_amr_table *table, const void *samples, uint8_t *storage)
{
    int length;

    /* opencore's encoder filters the samples where they are, and they are the bridge's. */
    memcpy(amr->samples, samples, table->frame_samples * 2);
    length = amr->encode(amr->encoder, next_mode(amr), amr->samples, storage, 0);
    return length > 0 && (size_t)length == vn_amr_storage_size(table, storage[0] >> 3 & 15);
}

static pj_status_t encode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_amr *amr = state_of(codec);
    const vn_amr_table *table = table_of(amr);
    const size_t frame_bytes = table->frame_samples * 2, count = frame->size / frame_bytes;
    size_t length;

    if (!amr->encoder || !count || count > VN_AMR_MAX_FRAMES)
        return vn_failed(&amr->codec, VN_ENCODE);
    for (size_t index = 0; index < count; ++index) {
        const uint8_t *samples = (const uint8_t *)frame->buf + index * frame_bytes;
        if (!encode_one(amr, table, samples, amr->encoded[index]))
            return vn_failed(&amr->codec, VN_ENCODE);
    }
    length = vn_amr_write(table, amr->encoded, (unsigned)count, amr->send_aligned, out->buf,
                          out_size);
    if (!length)
        return vn_failed(&amr->codec, VN_ENCODE);
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = length;
    out->timestamp = frame->timestamp;
    return PJ_SUCCESS;
}

static pj_status_t decode_storage(vn_amr *amr, const void *storage, pjmedia_frame *out)
{
    amr->decode(amr->decoder, storage, out->buf, 0);
    out->type = PJMEDIA_FRAME_TYPE_AUDIO;
    out->size = table_of(amr)->frame_samples * 2;
    return PJ_SUCCESS;
}

static pj_status_t decode(pjmedia_codec *codec, const pjmedia_frame *frame, unsigned out_size,
                          pjmedia_frame *out)
{
    vn_amr *amr = state_of(codec);
    const vn_amr_table *table = table_of(amr);
    unsigned type;

    if (!amr->decoder || !frame->size || out_size < table->frame_samples * 2)
        return vn_failed(&amr->codec, VN_DECODE);
    type = *(const uint8_t *)frame->buf >> 3 & 15;
    if (frame->size != vn_amr_storage_size(table, type))
        return vn_failed(&amr->codec, VN_DECODE);
    amr->silent = type == table->sid || type == VN_AMR_NO_DATA;
    return decode_storage(amr, frame->buf, out);
}

static pj_status_t recover(pjmedia_codec *codec, unsigned out_size, pjmedia_frame *out)
{
    static const uint8_t no_data = VN_AMR_NO_DATA << 3 | 0x04;
    vn_amr *amr = state_of(codec);
    const vn_amr_table *table = table_of(amr);

    if (!amr->decoder || out_size < table->frame_samples * 2)
        return vn_failed(&amr->codec, VN_RECOVER);
    /* A peer that went silent sends nothing between its SID frames: that is no loss. */
    return decode_storage(amr, amr->silent ? &no_data : &table->lost, out);
}

const pjmedia_codec_op *vn_amr_operations(void)
{
    static const pjmedia_codec_op operations = {
        .parse = parse, .encode = encode, .decode = decode, .recover = recover,
    };
    return &operations;
}
