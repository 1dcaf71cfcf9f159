/* The version and the sizes of what Python and C share. */
#include "abi.h"
#include "capture.h"
#include "codecs/state.h"
#include "forwarding.h"
#include "pjmedia.h"

static const struct vn_layout layout = {
    VN_ABI_VERSION,
    sizeof(pj_str_t), sizeof(pj_timestamp), sizeof(pjmedia_codec_info),
    sizeof(pjmedia_codec_param), sizeof(pjmedia_frame), sizeof(pjmedia_codec_op),
    sizeof(pjmedia_codec), sizeof(pjmedia_codec_factory),
    sizeof(vn_opus), sizeof(vn_amr), sizeof(vn_g729),
    sizeof(struct vn_captured),
    sizeof(struct vn_way), sizeof(struct vn_forwarding),
};

const struct vn_layout *vn_layout(void)
{
    return &layout;
}
