/* When the packet that is being read arrived, by the kernel's clock. */
#ifndef VN_ARRIVAL_H
#define VN_ARRIVAL_H

#include "abi.h"

#include <stdint.h>

/* This thread reads late on purpose, for a tick that was due then by CLOCK_MONOTONIC: packets are to
 * be taken as of their arrival. */
void vn_arrival_begin(int64_t due_ns);
void vn_arrival_end(void);

/* Whether pjlib itself asks us for the time: whether we were loaded in time to stand in for it. */
int vn_arrival_counts(void);

/* Who sent the last datagram of one byte on this socket, since this was asked before: its port, and
 * its address as text; 0 if nobody did. The filter of a socket cuts to one byte what strangers send
 * while it is to be found out who they are. */
VN_EXPORT int vn_arrival_stub(int sock, char *host, int room);

/* When the last longer datagram that was read on this socket arrived, by CLOCK_MONOTONIC; 0 if that
 * is not known. May be called on any thread. */
VN_EXPORT int64_t vn_arrival_last(int sock);

#endif
