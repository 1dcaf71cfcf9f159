/* Where the bridge's tick stands among the packets: it is moved to just after they come, so that
 * none waits for most of a frame. With two parties it stands after the one whose wait gains most. */
#ifndef VN_PHASE_H
#define VN_PHASE_H

#include <stdint.h>

/* Begin anew: other streams, or a clock that rested. */
void vn_phase_reset(void);

/* A packet of this socket came so long before the tick that reads it was due. */
void vn_phase_note(int sock, int64_t before_ns);

/* Call once a tick; returns by how much the ticks after it are to come later: 0 as a rule, else less
 * than half a frame sooner. Never later: two packets would come before one tick, and the jitter
 * buffer would keep the second for good. Sooner, one that has not come yet is concealed, once. */
int64_t vn_phase_shift(void);

#endif
