/* G.722 as pjmedia has it, bit for bit, at a quarter of the price: these four stand in for pjmedia's
 * own of the same name. Both sub-bands' predictors are laid out in vectors, the quantizer counts the
 * levels passed and does not look for them one by one, the QMF goes over a frame tap by tap. */
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "g722.h"

enum {
    TAPS = 12,              /* of each half of the QMF */
    LANES = 8, ZEROS = 6,
    MOST = 160,             /* octets at once: 20 ms */
    LEVELS = 29, PADDED = 32,
};

union lanes {
    int16_t lanes[LANES];
#ifdef __SSE2__
    __m128i all;
#endif
};

/* A sub-band's predictor and scale: the standard's names, without the band's letter. */
struct band {
    union lanes b;   /* zeros' coefficients; the last two stay 0 */
    union lanes d2;  /* twice the last quantized differences, the newest first */
    int a1, a2, r1, r2, p1, p2;
    int s, sz, det, nb;
};

struct state {
    uint32_t kind;
    struct band low, high;
    int16_t past[2][TAPS - 1];  /* of the QMF, the oldest first: even and odd samples, or xd and xs */
};

_Static_assert(sizeof(struct state) <= VN_G722_STATE_BYTES, "it lies where pjmedia's own would");

static const int16_t qmf_even[TAPS] = { 3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11 };
static const int16_t qmf_odd[TAPS] = { -11, 53, -156, 362, -805, 3876, 951, -210, 32, 12, -11, 3 };

static inline int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* Hardly ever anything is: a branch that is foretold waits for nothing. */
static inline int clamp_16(int value)
{
    return __builtin_expect(value == (int16_t)value, 1) ? value : value < 0 ? -32768 : 32767;
}

/* The zeros' coefficients adapt: none gets beyond 16 bits. Then the delays, and their part of the
 * prediction, which the standard saturates term by term. */
static int zeros_of(const int *terms)
{
    int sum = 0;

    for (int i = ZEROS - 1; i >= 0; --i)
        sum = clamp_16(sum + terms[i]);
    return sum;
}

#ifdef __SSE2__
static inline int sum_of(__m128i four)
{
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
    return _mm_cvtsi128_si32(four);
}

static inline __m128i magnitudes(__m128i four)
{
    const __m128i sign = _mm_srai_epi32(four, 31);

    return _mm_sub_epi32(_mm_xor_si128(four, sign), sign);
}

static inline int adapt_zeros(struct band *band, int d)
{
    const __m128i used = _mm_set_epi16(0, 0, -1, -1, -1, -1, -1, -1);
    const __m128i by = _mm_and_si128(_mm_set1_epi16((int16_t)(d ? 128 : 0)), used);
    __m128i b = _mm_load_si128(&band->b.all), d2 = _mm_load_si128(&band->d2.all);
    const __m128i differs = _mm_srai_epi16(_mm_xor_si128(d2, _mm_set1_epi16((int16_t)d)), 15);
    const __m128i is_whole = _mm_cmpeq_epi16(_mm_and_si128(b, _mm_set1_epi16(255)),
                                             _mm_setzero_si128());
    /* b / 256 rounded up, as what is left is rounded down; 1 + -1 where it is whole */
    const __m128i part = _mm_add_epi16(_mm_srai_epi16(b, 8),
                                       _mm_add_epi16(is_whole, _mm_set1_epi16(1)));
    __m128i low, high, first, last;

    b = _mm_sub_epi16(_mm_add_epi16(b, _mm_sub_epi16(_mm_xor_si128(by, differs), differs)), part);
    b = _mm_and_si128(b, used);
    d2 = _mm_insert_epi16(_mm_slli_si128(d2, 2), clamp_16(2 * d), 0);
    _mm_store_si128(&band->b.all, b);
    _mm_store_si128(&band->d2.all, d2);
    low = _mm_mullo_epi16(b, d2);
    high = _mm_mulhi_epi16(b, d2);
    first = _mm_srai_epi32(_mm_unpacklo_epi16(low, high), 15);
    last = _mm_srai_epi32(_mm_unpackhi_epi16(low, high), 15);
    if (sum_of(_mm_add_epi32(magnitudes(first), magnitudes(last))) > INT16_MAX) {
        int terms[LANES];

        _mm_storeu_si128((__m128i *)terms, first);
        _mm_storeu_si128((__m128i *)(terms + 4), last);
        return zeros_of(terms);
    }
    return sum_of(_mm_add_epi32(first, last));
}
#else
static inline int adapt_zeros(struct band *band, int d)
{
    int terms[ZEROS];

    for (int i = 0; i < ZEROS; ++i) {
        const int is_same = (band->d2.lanes[i] ^ d) >= 0;

        band->b.lanes[i] = (int16_t)((band->b.lanes[i] * 32640 >> 15) +
                                     (d == 0 ? 0 : is_same ? 128 : -128));
    }
    memmove(band->d2.lanes + 1, band->d2.lanes, (ZEROS - 1) * sizeof(int16_t));
    band->d2.lanes[0] = (int16_t)clamp_16(2 * d);
    for (int i = 0; i < ZEROS; ++i)
        terms[i] = band->b.lanes[i] * band->d2.lanes[i] >> 15;
    return zeros_of(terms);
}
#endif

/* 1, or -1 if the signs of two differ: which is which nobody can foretell, a processor neither. */
static inline int agreement(int one, int other) { return 1 | (one ^ other) >> 31; }

/* Block 4: take a quantized difference, adapt, predict the next sample. */
static inline void predict(struct band *band, int d)
{
    const int r = clamp_16(band->s + d), p = clamp_16(d + band->sz);
    const int with_last = agreement(p, band->p1), with_first = agreement(p, band->p2);
    const int turned = clamp_16(-with_last * clamp_16(band->a1 * 4));
    const int a2 = clamp((turned >> 7) + 128 * with_first + (band->a2 * 32512 >> 15), -12288, 12288);
    const int a1 = clamp(clamp_16(192 * with_last + (band->a1 * 32640 >> 15)), a2 - 15360, 15360 - a2);
    const int poles = (a1 * clamp_16(2 * r) >> 15) + (a2 * clamp_16(2 * band->r1) >> 15);

    band->sz = adapt_zeros(band, d);
    band->s = clamp_16(clamp_16(poles) + band->sz);
    band->a1 = a1;
    band->a2 = a2;
    band->r1 = r;
    band->p2 = band->p1;
    band->p1 = p;
}

/* LOGSC and SCALE: `step` is the quantizer's. */
static inline void scale(struct band *band, int step, int most, int shift)
{
    static const int16_t ilb[32] = {
        2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
        2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008
    };
    const int nb = clamp((band->nb * 32512 >> 15) + step, 0, most);

    band->nb = nb;
    band->det = (ilb[nb >> 6 & 31] << (nb >> 11) >> shift) << 2;
}

static inline void take_low(struct band *band, int code)
{
    static const int16_t qm4[16] = { 0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                                     20456, 12896, 8968, 6288, 4240, 2584, 1200, 0 };
    static const int16_t steps[16] = { -60, 3042, 1198, 538, 334, 172, 58, -30,
                                       3042, 1198, 538, 334, 172, 58, -30, -60 };
    const int d = band->det * qm4[code >> 2] >> 15;

    scale(band, steps[code >> 2], 18432, 8);
    predict(band, d);
}

static const int16_t qm2[4] = { -7408, -1616, 7408, 1616 };

static inline void take_high(struct band *band, int code)
{
    static const int16_t steps[4] = { 798, -214, 798, -214 };
    const int d = band->det * qm2[code] >> 15;

    scale(band, steps[code], 22528, 10);
    predict(band, d);
}

/* QUANTL: how many levels a magnitude has reached; each is higher than those before it. */
static inline unsigned levels_reached(int magnitude, int det)
{
    /* 16 times the standard's; what follows on the last is not counted. */
    static const uint16_t levels[PADDED] __attribute__((aligned(16))) = {
        560, 1152, 1760, 2400, 3040, 3728, 4416, 5168, 5920, 6752, 7568, 8480, 9392, 10400, 11424,
        12576, 13728, 15040, 16368, 17936, 19504, 21424, 23328, 25792, 28240, 31680, 35120, 40912,
        46704
    };
#ifdef __SSE2__
    const __m128i *of = (const __m128i *)levels;
    const __m128i by = _mm_set1_epi16((int16_t)det), is = _mm_set1_epi16((int16_t)magnitude);
    const __m128i first = _mm_packs_epi16(_mm_cmpgt_epi16(_mm_mulhi_epu16(of[0], by), is),
                                          _mm_cmpgt_epi16(_mm_mulhi_epu16(of[1], by), is));
    const __m128i last = _mm_packs_epi16(_mm_cmpgt_epi16(_mm_mulhi_epu16(of[2], by), is),
                                         _mm_cmpgt_epi16(_mm_mulhi_epu16(of[3], by), is));
    const unsigned beyond = (unsigned)_mm_movemask_epi8(first) |
                            (unsigned)_mm_movemask_epi8(last) << 16;

    return (unsigned)__builtin_ctz(beyond | 1u << LEVELS);
#else
    unsigned count = 0;

    while (count < LEVELS && magnitude >= levels[count] * det >> 16)
        ++count;
    return count;
#endif
}

static inline int low_code(const struct band *band, int x)
{
    static const uint8_t codes[2][LEVELS + 1] = {
        { 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39,
          38, 37, 36, 35, 34, 33, 32 },
        { 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11,
          10, 9, 8, 7, 6, 5, 4 },
    };
    const int e = clamp_16(x - band->s), sign = e >> 31;

    return codes[-sign][levels_reached(e ^ sign, band->det)];
}

static inline int high_code(const struct band *band, int x)
{
    static const uint8_t codes[2][2] = { { 3, 2 }, { 1, 0 } };
    const int e = clamp_16(x - band->s), sign = e >> 31;

    return codes[-sign][(e ^ sign) >= (564 * band->det >> 12)];
}

/* past: TAPS - 1 samples, then `count` of them; the newest one has the first coefficient. */
static void filter(const int16_t *past, const int16_t *taps, unsigned count, int *out)
{
    memset(out, 0, count * sizeof(*out));
    for (int tap = 0; tap < TAPS; ++tap) {
        const int16_t by = taps[tap], *from = past + TAPS - 1 - tap;

        for (unsigned i = 0; i < count; ++i)
            out[i] += by * from[i];
    }
}

static pj_status_t begin(void *memory, uint32_t kind)
{
    struct state state;

    memset(&state, 0, sizeof(state));
    state.kind = kind;
    state.low.det = 32;
    state.high.det = 8;
    memcpy(memory, &state, sizeof(state));
    return PJ_SUCCESS;
}

pj_status_t g722_enc_init(void *state) { return begin(state, VN_G722_ENCODER); }

pj_status_t g722_dec_init(void *state) { return begin(state, VN_G722_DECODER); }

int vn_g722_is_ours(const void *state, uint32_t kind)
{
    return !memcmp((const char *)state + offsetof(struct state, kind), &kind, sizeof(kind));
}

static void encode(struct state *state, const int16_t *in, unsigned count, uint8_t *out)
{
    int16_t odd[TAPS - 1 + MOST], even[TAPS - 1 + MOST];  /* counted from the newest of two */
    int of_even[MOST], of_odd[MOST];

    memcpy(even, state->past[0], sizeof(state->past[0]));
    memcpy(odd, state->past[1], sizeof(state->past[1]));
    for (unsigned i = 0; i < count; ++i) {
        odd[TAPS - 1 + i] = in[2 * i];
        even[TAPS - 1 + i] = in[2 * i + 1];
    }
    filter(even, qmf_even, count, of_even);
    filter(odd, qmf_odd, count, of_odd);
    memcpy(state->past[0], even + count, sizeof(state->past[0]));
    memcpy(state->past[1], odd + count, sizeof(state->past[1]));
    for (unsigned i = 0; i < count; ++i) {
        const int x_low = clamp((of_even[i] + of_odd[i]) >> 13, -16384, 16383);
        const int x_high = clamp((of_even[i] - of_odd[i]) >> 13, -16383, 16383);
        const int low = low_code(&state->low, x_low), high = high_code(&state->high, x_high);

        take_low(&state->low, low);
        take_high(&state->high, high);
        out[i] = (uint8_t)(high << 6 | low);
    }
}

pj_status_t g722_enc_encode(void *memory, const int16_t *in, size_t samples, void *out,
                            size_t *out_size)
{
    struct state state;
    uint8_t *to = out;

    if (samples % 2)
        return PJ_EINVAL;
    if (*out_size < samples / 2)
        return PJ_EINVAL;
    *out_size = samples / 2;
    memcpy(&state, memory, sizeof(state));
    while (samples) {
        const unsigned count = samples / 2 < MOST ? (unsigned)(samples / 2) : MOST;

        encode(&state, in, count, to);
        in += 2 * count;
        to += count;
        samples -= 2 * count;
    }
    memcpy(memory, &state, sizeof(state));
    return PJ_SUCCESS;
}

/* Blocks 5L and 6L: what the low band is with all six bits of its code. */
static inline int low_sample(const struct band *band, int code)
{
    static const int16_t qm6[64] = {
        -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
        -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
        -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
        10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
        1688, 1360, 1040, 728, 432, 136, -432, -136
    };

    return clamp(band->s + (band->det * qm6[code] >> 15), -16384, 16383);
}

static void decode(struct state *state, const uint8_t *in, unsigned count, int16_t *out)
{
    int16_t differences[TAPS - 1 + MOST], sums[TAPS - 1 + MOST];
    int first[MOST], second[MOST];

    memcpy(differences, state->past[0], sizeof(state->past[0]));
    memcpy(sums, state->past[1], sizeof(state->past[1]));
    for (unsigned i = 0; i < count; ++i) {
        const int code = in[i] & 63, high_code = in[i] >> 6;
        const int low = low_sample(&state->low, code);
        const int high = clamp(state->high.s + (state->high.det * qm2[high_code] >> 15),
                               -16384, 16383);

        differences[TAPS - 1 + i] = (int16_t)clamp(low - high, -16384, 16383);
        sums[TAPS - 1 + i] = (int16_t)clamp(low + high, -16384, 16383);
        take_low(&state->low, code);
        take_high(&state->high, high_code);
    }
    filter(differences, qmf_even, count, first);
    filter(sums, qmf_odd, count, second);
    memcpy(state->past[0], differences + count, sizeof(state->past[0]));
    memcpy(state->past[1], sums + count, sizeof(state->past[1]));
    for (unsigned i = 0; i < count; ++i) {
        out[2 * i] = (int16_t)clamp(first[i] >> 12, -16384, 16383);
        out[2 * i + 1] = (int16_t)clamp(second[i] >> 12, -16384, 16383);
    }
}

pj_status_t g722_dec_decode(void *memory, const void *in, size_t size, int16_t *out, size_t *samples)
{
    struct state state;
    const uint8_t *from = in;

    if (*samples < 2 * size)
        return PJ_EINVAL;
    *samples = 2 * size;
    memcpy(&state, memory, sizeof(state));
    while (size) {
        const unsigned count = size < MOST ? (unsigned)size : MOST;

        decode(&state, from, count, out);
        from += count;
        out += 2 * count;
        size -= count;
    }
    memcpy(memory, &state, sizeof(state));
    return PJ_SUCCESS;
}
