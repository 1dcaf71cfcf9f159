"""Only its peer may send to a leg: a filter on the leg's sockets, kept to where media comes from.

`programs` writes filters (classic BPF), `rules` decides what they let through, `sockets` finds the
descriptors and attaches them. The other way, `sending` decides whether a leg's RTP is wanted where
it would go. `streams` reads and holds pjmedia's streams. `guard` does all of it for one leg.
"""
