/* The pjmedia streams of a call, whose RTP clocks go on while the bridge stands still.
 *
 * A timestamp follows time, not packets (RFC 3550 section 5.1): without, whoever hears us by a fixed
 * buffer finds all that comes after a gap too late. pjmedia's counts frames of the bridge. */
#ifndef VN_STREAMS_H
#define VN_STREAMS_H

#include <stdint.h>

#include "abi.h"

/* Take a pjmedia_stream of this RTP clock; `hears` is whether it decodes. Until
 * vn_streams_forget (or vn_relay_let_go); NULL: all of them. On any thread. */
VN_EXPORT void vn_streams_note(void *stream, unsigned clock_hz, int hears);
VN_EXPORT void vn_streams_forget(const void *stream);

/* For the clock, on its thread: so much time was left out; each stream's next packet says so. */
void vn_streams_left_out(int64_t ns);

/* What is in all their jitter buffers is heard by nobody: it came while time was left out. */
void vn_streams_drop_heard(void);

/* Whether what a stream sent last was of a key. */
int vn_stream_tells_key(const void *stream);

/* What is in the jitter buffer of one stream, noted or not, is heard by nobody. */
void vn_stream_drop_heard(void *stream);

#endif
