/* G.722 under the sanitizers: codes and samples of any kind, in vectors and without; both are to
 * say the same. The plain one is the same file, compiled anew as on a machine without SSE2. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#undef __SSE2__
#define g722_enc_init plain_enc_init
#define g722_enc_encode plain_enc_encode
#define g722_dec_init plain_dec_init
#define g722_dec_decode plain_dec_decode
#define vn_g722_is_ours plain_is_ours
#include "codecs/g722.c"
#undef g722_enc_init
#undef g722_enc_encode
#undef g722_dec_init
#undef g722_dec_decode
#undef vn_g722_is_ours

pj_status_t g722_enc_init(void *state);
pj_status_t g722_enc_encode(void *state, const int16_t *in, size_t samples, void *out, size_t *size);
pj_status_t g722_dec_init(void *state);
pj_status_t g722_dec_decode(void *state, const void *in, size_t size, int16_t *out, size_t *samples);
int vn_g722_is_ours(const void *state, uint32_t kind);

static uint64_t seed = 1;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static void *begun(pj_status_t (*begin)(void *))
{
    char *memory = malloc(VN_G722_STATE_BYTES + 1);

    assert(begin(memory + 1) == PJ_SUCCESS); /* pjmedia's lies anywhere */
    return memory;
}

/* Codes that drive the predictors to their ends: one code on and on, few of them, any. */
static void make_codes(uint8_t *codes, size_t size, unsigned kind)
{
    static const uint8_t strong[] = { 0x20, 0xA0, 0x04, 0x84, 0xC0, 0xFF, 0x00 };
    const uint8_t one = (uint8_t)below(256);

    for (size_t at = 0; at < size; ++at)
        codes[at] = kind == 0 ? one : kind == 1 ? strong[below(sizeof(strong))] : (uint8_t)below(256);
}

static void make_samples(int16_t *samples, size_t count, unsigned kind)
{
    const unsigned period = 1 + below(300);
    const int loud = (int)below(32768);

    for (size_t at = 0; at < count; ++at)
        samples[at] = (int16_t)(kind == 0 ? (int)below(65536) - 32768
                                : kind == 1 ? (at / period % 2 ? loud : -loud)
                                            : (int)below(64) - 32);
}

static void test_codes(void)
{
    char *vector = begun(g722_dec_init), *plain = begun(plain_dec_init);

    for (int round = 0; round < 600; ++round) {
        const size_t size = round % 7 ? 160 : below(400);
        uint8_t *codes = malloc(size + 1);
        int16_t *one = malloc(4 * size + 1), *other = malloc(4 * size + 1);
        size_t room = 2 * size, other_room = 2 * size + below(9);

        make_codes(codes, size, round / 50 % 3);
        assert(g722_dec_decode(vector + 1, codes, size, one, &room) == PJ_SUCCESS);
        assert(plain_dec_decode(plain + 1, codes, size, other, &other_room) == PJ_SUCCESS);
        assert(room == 2 * size && other_room == room && !memcmp(one, other, 2 * room));
        free(codes);
        free(one);
        free(other);
    }
    free(vector);
    free(plain);
}

static void test_samples(void)
{
    char *vector = begun(g722_enc_init), *plain = begun(plain_enc_init);

    for (int round = 0; round < 600; ++round) {
        const size_t count = round % 7 ? 320 : 2 * below(400);
        int16_t *samples = malloc(2 * count + 1);
        uint8_t *one = malloc(count / 2 + 1), *other = malloc(count / 2 + 1);
        size_t room = count / 2, other_room = count / 2 + below(9);

        make_samples(samples, count, round / 50 % 3);
        assert(g722_enc_encode(vector + 1, samples, count, one, &room) == PJ_SUCCESS);
        assert(plain_enc_encode(plain + 1, samples, count, other, &other_room) == PJ_SUCCESS);
        assert(room == count / 2 && other_room == room && !memcmp(one, other, room));
        free(samples);
        free(one);
        free(other);
    }
    free(vector);
    free(plain);
}

static void test_no_room_and_whose_it_is(void)
{
    char *state = begun(g722_enc_init);
    char *other = begun(g722_dec_init);
    int16_t samples[4] = { 0 };
    uint8_t codes[2] = { 0 };
    size_t room = 1;

    assert(g722_enc_encode(state + 1, samples, 4, codes, &room) == PJ_EINVAL);
    room = 2;
    assert(g722_enc_encode(state + 1, samples, 3, codes, &room) == PJ_EINVAL);
    room = 3;
    assert(g722_dec_decode(state + 1, codes, 2, samples, &room) == PJ_EINVAL);
    assert(vn_g722_is_ours(state + 1, VN_G722_ENCODER) && !vn_g722_is_ours(state + 1, VN_G722_DECODER));
    assert(vn_g722_is_ours(other + 1, VN_G722_DECODER) && !vn_g722_is_ours(other + 1, VN_G722_ENCODER));
    free(state);
    free(other);
}

int main(void)
{
    test_codes();
    test_samples();
    test_no_room_and_whose_it_is();
    return 0;
}
