/* Random and mutated packets through the codec operations; run as `fuzz_codecs SEED ROUNDS`.
 *
 * Built with ASan and UBSan. Every buffer is a malloc of exactly what may be touched. Encoders and
 * decoders are stand-ins that touch all they are promised; OPUS is libopus itself.
 */
#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/codecs.h"
#include "codecs/rfc4867.h"

enum { MOST_BYTES = 1500, MOST_PIECES = 16, SOUND_BYTES = 11520 };

static uint64_t seed;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return limit ? (unsigned)(seed >> 33) % limit : 0;
}

static uint8_t *copy_of(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    return copy;
}

static size_t random_bytes(uint8_t *packet)
{
    const size_t size = below(8) ? below(200) : below(MOST_BYTES);
    for (size_t index = 0; index < size; ++index)
        packet[index] = (uint8_t)below(256);
    return size;
}

/* Change, cut or lengthen a packet, or leave it. */
static size_t mutated(uint8_t *packet, size_t size)
{
    switch (below(4)) {
    case 0:
        for (unsigned times = 1 + below(4); times && size; --times)
            packet[below((unsigned)size)] ^= (uint8_t)(1 << below(8));
        return size;
    case 1:
        return below((unsigned)size + 1);
    case 2:
        packet[size] = (uint8_t)below(256);
        return size + 1;
    }
    return size;
}

/* One packet in, its frames decoded and concealed; returns how many. */
static unsigned take(const pjmedia_codec_op *op, pjmedia_codec *codec, const uint8_t *bytes,
                     size_t size, unsigned room)
{
    uint8_t *packet = copy_of(bytes, size), *sound = malloc(room ? room : 1);
    const unsigned most = below(MOST_PIECES + 1);
    pjmedia_frame *frames = calloc(most ? most : 1, sizeof(*frames));
    pjmedia_frame out = {.buf = sound};
    pj_timestamp at = {below(3) ? below(64) * 960 : UINT64_MAX - below(2000)};
    unsigned count = most;
    const int status = op->parse(codec, packet, size, &at, &count, frames);

    assert((status == PJ_SUCCESS) == (count > 0) && count <= most);
    for (unsigned index = 0; index < count; ++index) {
        uint8_t *data = copy_of(frames[index].buf, frames[index].size);
        pjmedia_frame in = {.type = 1, .buf = data, .size = frames[index].size};
        if (below(3) && op->decode(codec, &in, room, &out) == PJ_SUCCESS)
            assert(out.size <= room);
        if (!below(4) && op->recover(codec, room, &out) == PJ_SUCCESS)
            assert(out.size <= room);
        free(data);
    }
    free(frames);
    free(packet);
    free(sound);
    return count;
}

/* Samples in, a payload out; returns its length, 0 where it was refused. */
static size_t give(const pjmedia_codec_op *op, pjmedia_codec *codec, size_t size, uint8_t *packet)
{
    int16_t *samples = malloc(size + 2);
    const unsigned room = below(4) ? MOST_BYTES : below(MOST_BYTES);
    uint8_t *payload = malloc(room ? room : 1);
    pjmedia_frame in = {.type = 1, .buf = samples, .size = size}, out = {.buf = payload};
    int status;

    for (size_t index = 0; index < (size + 1) / 2; ++index)
        samples[index] = (int16_t)below(65536);
    status = op->encode(codec, &in, room, &out);
    if (status == PJ_SUCCESS) {
        assert(out.size > 0 && out.size <= room);
        memcpy(packet, payload, out.size);
    }
    free(payload);
    free(samples);
    return status == PJ_SUCCESS ? out.size : 0;
}

static const vn_amr_table *stand_ins_table;

static int amr_encode(void *encoder, int mode, const void *samples, void *storage, int dtx)
{
    const unsigned type = below(8) ? (unsigned)mode : below(16);
    const size_t size = vn_amr_storage_size(stand_ins_table, type);
    const uint8_t *heard = samples;
    uint8_t *to = storage;
    unsigned sum = 0;

    (void)encoder, (void)dtx;
    for (size_t index = 0; index < stand_ins_table->frame_samples * 2; ++index)
        sum += heard[index];
    for (size_t index = 0; index < size; ++index)
        to[index] = (uint8_t)(sum + index);
    to[0] = (uint8_t)(type << 3 | 4);
    return (int)size;
}

static void amr_decode(void *decoder, const void *storage, void *samples, int bad)
{
    const uint8_t *from = storage;
    const size_t size = vn_amr_storage_size(stand_ins_table, from[0] >> 3 & 15);
    unsigned sum = 0;

    (void)decoder, (void)bad;
    assert(size);
    for (size_t index = 0; index < size; ++index)
        sum += from[index];
    memset(samples, (int)sum, stand_ins_table->frame_samples * 2);
}

static void amr(unsigned rounds, int wide)
{
    vn_amr *state = calloc(1, sizeof(*state));
    pjmedia_codec codec = {.codec_data = state};
    const pjmedia_codec_op *op = vn_amr_operations();
    uint8_t packet[MOST_BYTES + 1];
    int heard = 0;

    stand_ins_table = wide ? &vn_amr_wide : &vn_amr_narrow;
    state->wide = wide;
    assert(!give(op, &codec, 640, packet) && take(op, &codec, packet, 0, 640) == 0);
    state->encoder = state->decoder = state;
    state->encode = amr_encode, state->decode = amr_decode;
    state->change_period = 1 + (int)below(2), state->neighbours_only = (int)below(2);
    for (int mode = 0; mode < (wide ? 9 : 8); ++mode)
        if (mode == 0 || below(2))
            state->modes[state->mode_count++] = mode;
    for (unsigned round = 0; round < rounds; ++round) {
        size_t size = below(2) ? random_bytes(packet) : 0;
        if (!size)
            size = give(op, &codec, below(12) ? 640 * below(8) : below(SOUND_BYTES), packet);
        state->send_aligned = (int)below(2);
        heard += take(op, &codec, packet, mutated(packet, size), below(6) ? 640 : below(640)) > 0;
    }
    assert(heard);
    free(state);
}

static void g729_encode(void *encoder, const int16_t *samples, uint8_t *coded, uint8_t *length)
{
    (void)encoder;
    memcpy(coded, samples + 75, 10);
    *length = 10;
}

static void g729_decode(void *decoder, const void *frame, uint8_t size, uint8_t lost, uint8_t sid,
                        uint8_t standard, void *samples)
{
    (void)decoder, (void)sid, (void)standard;
    memset(samples, 0, 160);
    assert(lost == !frame);
    if (frame)
        memcpy(samples, frame, size);
}

static void g729(unsigned rounds)
{
    vn_g729 *state = calloc(1, sizeof(*state));
    pjmedia_codec codec = {.codec_data = state};
    const pjmedia_codec_op *op = vn_g729_operations();
    uint8_t packet[MOST_BYTES + 1];
    int heard = 0;

    assert(!give(op, &codec, 160, packet));
    state->encoder = state->decoder = state;
    state->encode = g729_encode, state->decode = g729_decode;
    for (unsigned round = 0; round < rounds; ++round) {
        size_t size = below(2) ? random_bytes(packet) : give(op, &codec, below(4000), packet);
        heard += take(op, &codec, packet, mutated(packet, size), below(6) ? 160 : below(160)) > 0;
    }
    assert(heard);
    free(state);
}

/* A packet of code 3 (RFC 6716 section 3.2.5): several frames, the lengths of all but the last. */
static size_t joined(const uint8_t *frame, size_t size, unsigned count, uint8_t *packet)
{
    size_t at = 2;

    packet[0] = frame[0] | 3;
    packet[1] = (uint8_t)(0x80 | count);
    if (size < 2 || size > 252 || count * size + 2 > MOST_BYTES)
        return 0;
    for (unsigned index = 1; index < count; ++index)
        packet[at++] = (uint8_t)(size - 1);
    for (unsigned index = 0; index < count; ++index, at += size - 1)
        memcpy(packet + at, frame + 1, size - 1);
    return at;
}

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    assert(found);
    return found;
}

static void opus(unsigned rounds)
{
    static const unsigned rates[] = {8000, 12000, 16000, 24000, 48000};
    void *library = dlopen("libopus.so.0", RTLD_NOW);
    vn_opus *state = calloc(1, sizeof(*state));
    pjmedia_codec codec = {.codec_data = state};
    const pjmedia_codec_op *op = vn_opus_operations();
    uint8_t packet[MOST_BYTES + 1], one[MOST_BYTES + 1];
    const unsigned rate = rates[below(5)], channels = 1 + below(2);
    int error, heard = 0;
    void *(*encoder)(int32_t, int, int, int *), *(*decoder)(int32_t, int, int *);
    void *(*repacketizer)(void);
    void (*free_coder)(void *), (*free_decoder)(void *), (*free_repacketizer)(void *);

    assert(library);
    assert(!give(op, &codec, 320, packet) && !take(op, &codec, packet, 20, 320));
    encoder = symbol(library, "opus_encoder_create");
    decoder = symbol(library, "opus_decoder_create");
    repacketizer = symbol(library, "opus_repacketizer_create");
    free_coder = symbol(library, "opus_encoder_destroy");
    free_decoder = symbol(library, "opus_decoder_destroy");
    free_repacketizer = symbol(library, "opus_repacketizer_destroy");
    state->encoder = encoder((int32_t)rate, (int)channels, 2048, &error);
    state->decoder = decoder((int32_t)rate, (int)channels, &error);
    state->repacketizer = repacketizer();
    state->encode = symbol(library, "opus_encode");
    state->decode = symbol(library, "opus_decode");
    state->repacketizer_init = symbol(library, "opus_repacketizer_init");
    state->repacketizer_cat = symbol(library, "opus_repacketizer_cat");
    state->repacketizer_out_range = symbol(library, "opus_repacketizer_out_range");
    state->rate_hz = rate, state->channels = channels, state->frame_samples = rate / 50;
    for (unsigned round = 0; round < rounds; ++round) {
        const size_t twenty_ms = rate / 50 * 2 * channels;
        size_t size = below(3) ? 0 : random_bytes(packet);
        if (!size) {
            size = give(op, &codec, below(9) ? twenty_ms * (1 + below(3)) : below(9000), packet);
            memcpy(one, packet, size);
            if (size && !below(3))
                size = joined(one, size, 1 + below(48), packet);
        }
        size = mutated(packet, size);
        heard += take(op, &codec, packet, size, below(6) ? SOUND_BYTES * 2 : below(SOUND_BYTES)) > 0;
    }
    assert(heard);
    free_coder(state->encoder), free_decoder(state->decoder);
    free_repacketizer(state->repacketizer);
    free(state);
}

int main(int count, char **words)
{
    const unsigned rounds = count == 3 ? (unsigned)atoi(words[2]) : 0;

    assert(rounds);
    seed = strtoull(words[1], NULL, 10);
    amr(rounds, 0);
    amr(rounds, 1);
    g729(rounds);
    opus(rounds / 10 + 1);
    printf("sound\n");
    return 0;
}
