"""RTP of a leg whose audio is read and written here, not by pjmedia.

`packets` and `rtcp` read and write what is on the wire; `receiver` puts arrivals in order and says
what is missing, in the words of `heard`; `events` tells keys from telephone-events; `statistics`
counts by RFC 3550; `sender` numbers what leaves, `reports` is its RTCP. All of these are pure.
`session` holds the sockets.
"""
