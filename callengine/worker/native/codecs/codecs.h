/* The operations of OPUS, AMR, AMR-WB and G.729 that pjmedia calls for each packet.
 *
 * `codec_data` is the state, whose encoder and decoder Python has made: with a zeroed state nothing
 * is encoded or decoded. The same is written in Python, in `plugins/`, for processes without the
 * extension; a test holds the two against each other.
 */
#ifndef VN_CODECS_H
#define VN_CODECS_H

#include "../abi.h"
#include "../pjmedia.h"
#include "state.h"

enum { VN_PARSE, VN_ENCODE, VN_DECODE, VN_RECOVER, VN_OTHER_FRAMING };

/* Count a failure; Python's thread reads the counts meanwhile. */
static inline pj_status_t vn_failed(vn_codec *codec, int operation)
{
    __atomic_fetch_add(&codec->failures[operation], 1, __ATOMIC_RELAXED);
    return PJ_EINVAL;
}

/* Without init, open, close and modify: those are Python's. */
VN_EXPORT const pjmedia_codec_op *vn_opus_operations(void);
VN_EXPORT const pjmedia_codec_op *vn_amr_operations(void);
VN_EXPORT const pjmedia_codec_op *vn_g729_operations(void);

#endif
