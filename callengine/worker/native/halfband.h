/* Twice and half the sampling rate by a half-band filter in two phases, one of them a mere delay. */
#ifndef VN_HALFBAND_H
#define VN_HALFBAND_H

#include <stdint.h>

#include "abi.h"

VN_SHARED enum {
    /* Taps of the other phase. 63 in all: 0 dB to 3.4 kHz of 8, 1.9 ms late, and what folds back or
     * is mirrored is 70 dB down wherever it would come to lie below 3.4 kHz. */
    VN_HALFBAND_TAPS = 32,
    VN_HALFBAND_MAX = 480, /* of the lower rate: 20 ms at 24 kHz */
};

VN_SHARED struct vn_halfband {
    float even[VN_HALFBAND_TAPS + VN_HALFBAND_MAX];
    float odd[VN_HALFBAND_TAPS + VN_HALFBAND_MAX];
};

VN_EXPORT void vn_halfband_reset(struct vn_halfband *state);

/* `count` samples of the lower rate, at most VN_HALFBAND_MAX, become 2 * count. */
VN_EXPORT void vn_halfband_up(struct vn_halfband *state, const int16_t *in, unsigned count,
                              int16_t *out);

/* 2 * count samples become `count` of the lower rate, at most VN_HALFBAND_MAX. */
VN_EXPORT void vn_halfband_down(struct vn_halfband *state, const int16_t *in, unsigned count,
                                int16_t *out);

#endif
