/* G.711 as G.722 and back, packet by packet, for the relay: both have 8 octets a ms and one clock.
 *
 * It codes with the state of pjmedia's own codec, so that neither party's decoder or encoder hears
 * where the bridge ends and the relay begins, nor where the bridge goes on. */
#ifndef VN_CODING_H
#define VN_CODING_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "halfband.h"
#include "pjmedia.h"

VN_SHARED struct vn_coding {
    void *state;               /* of g722.c, in pjmedia's codec */
    struct vn_halfband filter;
};

/* Take the codec of a stream, for the way in which `law` says it codes; 0 if it is not as is known. */
int vn_coding_begin(struct vn_coding *, int law, pjmedia_stream *);

/* Code `size` octets into as many. */
VN_EXPORT void vn_coding_run(struct vn_coding *, int law, uint8_t *to, const uint8_t *from, size_t size);

#endif
