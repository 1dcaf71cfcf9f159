/* What Python and C must agree on; `loading` and `media` hold it against their own. */
#ifndef VN_ABI_H
#define VN_ABI_H

#include <stdint.h>

#define VN_EXPORT __attribute__((visibility("default")))

/* Begins a structure or constants that Python sees as well: `declarations.py` reads them here. */
#define VN_SHARED

/* One more whenever a function or a structure that Python sees changes. */
#define VN_ABI_VERSION 9

VN_SHARED struct vn_layout {
    uint32_t version;
    uint32_t pj_str, pj_timestamp, codec_info, codec_param, frame, codec_op, codec, factory;
    uint32_t opus, amr, g729;
    uint32_t captured;
    uint32_t way, forwarding;
};

VN_EXPORT const struct vn_layout *vn_layout(void);

/* Take the addresses of what we call from the pjsua2 of this file, which must be loaded.
 * Returns NULL, else what it does not show. */
VN_EXPORT const char *vn_bind(const char *file);

#endif
