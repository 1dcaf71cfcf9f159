"""Only its peer may send to a leg: a filter on the leg's sockets, kept to where media comes from.

`programs` writes filters (classic BPF), `rules` decides what they let through, `sockets` finds the
descriptors and attaches them, `guard` does all of it for one leg.
"""
