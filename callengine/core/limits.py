"""How much one call process, and one node, can do: each figure once."""

LEGS_PER_PROCESS = 4
"The pjsua2 wheel holds no more calls (PJSUA_MAX_CALLS as it was built)."
SOCKETS_PER_LEG = 2
"RTP and RTCP (RFC 3550 section 11)."
RTP_PORTS_PER_PROCESS = 2 * LEGS_PER_PROCESS * SOCKETS_PER_LEG
"Twice what its legs use at once: a port rests before it is used again."
LEGS_RUNG_TOGETHER = LEGS_PER_PROCESS - 1
"One of them is the caller's."
TARGETS_RUNG_TOGETHER = LEGS_PER_PROCESS - 2
"By a transfer: one is the caller's and one the present callee's."
NODE_SILENCE_S = 15.0
"A node writes its row every few seconds; after this long without, it counts as not reachable."
ORDER_TIMEOUT_S = 10.0
"How long the engine may take to find out whom a REFER means."
