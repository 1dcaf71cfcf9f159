/* pjmedia's resampler, for one channel at twice or half the rate: the half-band filter in its place,
 * at a twentieth of the price. All other ratios stay pjmedia's.
 *
 * These four stand in for pjmedia's own of the same name wherever pjmedia itself calls them. */
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "halfband.h"
#include "pjmedia.h"

/* Where pjmedia's own has a ratio of rates, which is never as large as this read as a double. */
#define OURS UINT64_C(0x7fe0766e68616c66)

struct resample {
    uint64_t mark;
    unsigned count;  /* of the lower rate */
    int up;
    struct vn_halfband state;
};

VN_EXPORT pj_status_t pjmedia_resample_create(pj_pool_t *pool, int high_quality, int large_filter,
                                              unsigned channels, unsigned rate_in,
                                              unsigned rate_out, unsigned samples, void **made);
VN_EXPORT void pjmedia_resample_run(void *resample, const int16_t *in, int16_t *out);
VN_EXPORT unsigned pjmedia_resample_get_input_size(void *resample);
VN_EXPORT void pjmedia_resample_destroy(void *resample);

static struct resample *ours(void *resample)
{
    struct resample *one = resample;

    return one->mark == OURS ? one : NULL;
}

pj_status_t pjmedia_resample_create(pj_pool_t *pool, int high_quality, int large_filter,
                                    unsigned channels, unsigned rate_in, unsigned rate_out,
                                    unsigned samples, void **made)
{
    int up = rate_out == 2 * rate_in, down = rate_in == 2 * rate_out;
    unsigned count = up ? samples : samples / 2;
    struct resample *one;

    if (vn_pj.pjmedia_resample_create == NULL)
        return PJ_EINVAL;
    if (!high_quality || channels != 1 || !(up || down) || rate_in == 0 || count == 0 ||
        count > VN_HALFBAND_MAX || (down && samples % 2))
        return vn_pj.pjmedia_resample_create(pool, high_quality, large_filter, channels, rate_in,
                                             rate_out, samples, made);
    one = vn_pj.pj_pool_alloc(pool, sizeof(*one));
    if (one == NULL)
        return PJ_ENOMEM;
    one->mark = OURS;
    one->count = count;
    one->up = up;
    vn_halfband_reset(&one->state);
    *made = one;
    return PJ_SUCCESS;
}

void pjmedia_resample_run(void *resample, const int16_t *in, int16_t *out)
{
    struct resample *one = ours(resample);

    if (one == NULL)
        vn_pj.pjmedia_resample_run(resample, in, out);
    else if (one->up)
        vn_halfband_up(&one->state, in, one->count, out);
    else
        vn_halfband_down(&one->state, in, one->count, out);
}

unsigned pjmedia_resample_get_input_size(void *resample)
{
    struct resample *one = ours(resample);

    if (one == NULL)
        return vn_pj.pjmedia_resample_get_input_size(resample);
    return one->up ? one->count : 2 * one->count;
}

void pjmedia_resample_destroy(void *resample)
{
    if (ours(resample) == NULL)  /* ours is the pool's */
        vn_pj.pjmedia_resample_destroy(resample);
}
