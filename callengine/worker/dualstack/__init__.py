"""Audio over IPv6 with a pjmedia that was built without it.

What pjmedia lacks is no more than reading such addresses in descriptions: its sockets are handled
by number, and the addresses it sends to and hears from are of any family. So a leg with IPv6 is
given sockets that are open to both families (`rtpguard.sockets`), is shown descriptions in which
IPv4 addresses stand in for those of IPv6 (`core.standins`), and the transport is handed the real
ones as a stream is attached to it. From then on nothing of ours is between: packets cost what they
cost over IPv4. `transports` hooks pjmedia's table of functions, `path` is one leg's.
"""
