/* The filter: a sinc cut by Kaiser's window (beta 6.8, for 70 dB). */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "halfband.h"

#define TAPS VN_HALFBAND_TAPS
/* Where the phase that only delays has its one tap. */
#define CENTRE (TAPS / 2)
#define BETA 6.8

static float taps[TAPS];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static double bessel_i0(double x)
{
    double sum = 1.0, term = 1.0;
    int n;

    for (n = 1; n < 40; n++) {
        term *= (x / (2 * n)) * (x / (2 * n));
        sum += term;
    }
    return sum;
}

static void make_taps(void)
{
    double made_of[TAPS], sum = 0.0;
    int n;

    for (n = 0; n < TAPS; n++) {
        double at = n - (TAPS - 1) / 2.0;  /* in samples of the lower rate, halves of it */
        double edge = 2.0 * at / TAPS;

        made_of[n] = sin(M_PI * at) / (M_PI * at) * bessel_i0(BETA * sqrt(1.0 - edge * edge));
        sum += made_of[n];
    }
    for (n = 0; n < TAPS; n++)
        taps[n] = (float)(made_of[n] / sum);
}

void vn_halfband_reset(struct vn_halfband *state)
{
    pthread_once(&made, make_taps);
    memset(state, 0, sizeof(*state));
}

static int16_t sample(float value)
{
    long rounded = lrintf(value);

    return (int16_t)(rounded > INT16_MAX ? INT16_MAX : rounded < INT16_MIN ? INT16_MIN : rounded);
}

/* past[0] to past[TAPS + count - 1] are samples, the last one the newest; over all outputs at once,
 * tap by tap, as compilers turn into vectors. */
static void filter(const float *past, unsigned count, float *out)
{
    unsigned at;
    int tap;

    memset(out, 0, count * sizeof(*out));
    for (tap = 0; tap < TAPS; tap++) {
        const float by = taps[tap], *from = past + 1 + tap;

        for (at = 0; at < count; at++)
            out[at] += by * from[at];
    }
}

void vn_halfband_up(struct vn_halfband *state, const int16_t *in, unsigned count, int16_t *out)
{
    float between[VN_HALFBAND_MAX], *past = state->even;
    unsigned at;

    for (at = 0; at < count; at++)
        past[TAPS + at] = in[at];
    filter(past, count, between);
    for (at = 0; at < count; at++) {
        out[2 * at] = sample(between[at]);
        out[2 * at + 1] = sample(past[1 + CENTRE + at]);
    }
    memmove(past, past + count, TAPS * sizeof(*past));
}

void vn_halfband_down(struct vn_halfband *state, const int16_t *in, unsigned count, int16_t *out)
{
    float folded[VN_HALFBAND_MAX];
    unsigned at;

    for (at = 0; at < count; at++) {
        state->even[TAPS + at] = in[2 * at];
        state->odd[TAPS + at] = in[2 * at + 1];
    }
    filter(state->odd, count, folded);
    for (at = 0; at < count; at++)
        out[at] = sample(0.5f * (folded[at] + state->even[1 + CENTRE + at]));
    memmove(state->even, state->even + count, TAPS * sizeof(float));
    memmove(state->odd, state->odd + count, TAPS * sizeof(float));
}
