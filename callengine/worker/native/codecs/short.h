/* Packets of G.711 that are no whole number of pjmedia's frames of 10 ms: of 5 ms, or of 15. */
#ifndef VN_SHORT_H
#define VN_SHORT_H

#include "../abi.h"
#include "../pjmedia.h"

/* Have a table of G.711's operations, pjmedia's own, join what is left of packets; once. */
VN_EXPORT void vn_short_join(pjmedia_codec_op *operations);

#endif
