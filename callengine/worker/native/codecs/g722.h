/* G.722 in place of pjmedia's own, and in its memory: each state has so many bytes there. */
#ifndef VN_G722_H
#define VN_G722_H

#include "../abi.h"
#include "../pjmedia.h"

enum { VN_G722_STATE_BYTES = 456 };  /* g722_enc_t, g722_dec_t */
enum { VN_G722_ENCODER = 0x65323237, VN_G722_DECODER = 0x64323237 };

/* `samples` is even; half as many octets, each of two samples of 15 bits at 16 kHz. */
VN_EXPORT pj_status_t g722_enc_init(void *state);
VN_EXPORT pj_status_t g722_enc_encode(void *state, const int16_t *in, size_t samples, void *out,
                                      size_t *out_size);
VN_EXPORT pj_status_t g722_dec_init(void *state);
VN_EXPORT pj_status_t g722_dec_decode(void *state, const void *in, size_t size, int16_t *out,
                                      size_t *samples);

/* Whether one of these functions has begun the state that lies there. */
int vn_g722_is_ours(const void *state, uint32_t kind);

#endif
