"""The ringing tone, whoever makes it: that of most of the world (ITU-T E.180 supplement 2)."""

HZ = 425
ON_S, PERIOD_S = 1.0, 5.0
AMPLITUDE = 2600
"-22 dBm0, as networks send it."
