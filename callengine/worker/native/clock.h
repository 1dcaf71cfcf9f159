/* The clock of a call process's bridge: one thread, which reads RTP and then has the bridge mix. */
#ifndef VN_CLOCK_H
#define VN_CLOCK_H

#include "abi.h"
#include "pjmedia.h"

VN_SHARED struct vn_clock_figures {
    uint64_t ticks;
    uint64_t late;     /* began more than half a frame after their time */
    uint64_t skipped;  /* frames that were left out, so as not to send a burst */
};

/* Begin, once after the fork, with the bridge's master port; 0, or an errno. It rests at first.
 * frame_bytes is what the bridge mixes in one tick, samples is that in samples. */
VN_EXPORT int vn_clock_begin(pj_ioqueue_t *queue, pjmedia_port *bridge, size_t frame_bytes,
                             unsigned samples);

/* Which thread of the kernel's waits for its turn like any other, so that somebody who may can have
 * it go first; 0: it goes first (SCHED_RR), or there is none. */
VN_EXPORT int32_t vn_clock_waits(void);

/* Read the sockets of media every 20 ms; with `mixes`, have the bridge mix after each reading. */
VN_EXPORT void vn_clock_run(int mixes);

/* Do neither. Returns 1 once no tick is under way, or 0 if one still was after wait_ms. */
VN_EXPORT int vn_clock_rest(int wait_ms);

/* End the thread; 0 if it was in a tick for longer than wait_ms, and goes on. */
VN_EXPORT int vn_clock_end(int wait_ms);

/* Have the next tick come by so many nanoseconds later, up to a frame. */
VN_EXPORT void vn_clock_shift(long ns);

VN_EXPORT void vn_clock_figures(struct vn_clock_figures *out);

#endif
